# SPDX-License-Identifier: Apache-2.0
"""fib(N): 635,621 calls for N = 27. Calls are all there is."""

import sys


def fib(n):
    return n if n < 2 else fib(n - 1) + fib(n - 2)


fib(int(sys.argv[1]))
