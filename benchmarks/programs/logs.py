# SPDX-License-Identifier: Apache-2.0
"""What is logged: an exception that a caller catches, a print, an audit event, a variable that is bound, each
within a call of its own. Prints `caught nanoseconds-per-call` and so on, as calls.py does.

    logs.py [ROUNDS]
"""

import os
import sys
import time

NOWHERE = open(os.devnull, "w")


def raises():
    raise ValueError("x")


def caught(n):
    try:
        raises()
    except ValueError:
        return n


def printed(n):
    print("text", file=NOWHERE)
    return n


def audited(n):
    sys.audit("mine.event", n)
    return n


def bound(n):
    value = n
    return value


def run(function, count):
    for n in range(count):
        function(n)
    return count


def main():
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 10
    for function in (caught, printed, audited, bound):
        least = 1e9
        for _ in range(rounds):
            start = time.perf_counter_ns()
            calls = run(function, 20_000)
            least = min(least, (time.perf_counter_ns() - start) / calls)
        print(f"{function.__name__} {least:.3f}")


main()
