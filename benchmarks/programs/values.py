# SPDX-License-Identifier: Apache-2.0
"""Calls with two ints, each a call of its own. Prints `ints nanoseconds-per-call`, and the same of
short texts and of small lists, as calls.py does.

    values.py [ROUNDS]
"""

import sys
import time


def ints(a, b):
    return a


def texts(a, b):
    return a


def lists(a, b):
    return a


def run(function, first, second, count=40_000):
    for _ in range(count):
        function(first, second)
    return count


def main():
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 10
    for function, first, second in ((ints, 12345, 7), (texts, "a short text", "another"), (lists, [1, 2, 3], [])):
        least = 1e9
        for _ in range(rounds):
            start = time.perf_counter_ns()
            calls = run(function, first, second)
            least = min(least, (time.perf_counter_ns() - start) / calls)
        print(f"{function.__name__} {least:.3f}")


main()
