# SPDX-License-Identifier: Apache-2.0
"""Six kinds of call, each alone. Prints `name nanoseconds-per-call` lines on file descriptor 1.

    calls.py [ROUNDS]     the least of so many rounds is taken
"""

import os
import sys
import time


def fib(n):
    return n if n < 2 else fib(n - 1) + fib(n - 2)


def run_fib():
    fib(21)
    return 35_421


def empty():
    pass


def run_empty(count=40_000):
    for _ in range(count):
        empty()
    return count


def run_c(count=40_000):
    function, argument = len, []
    for _ in range(count):
        function(argument)
    return count


def generator(count):
    for i in range(count):
        yield i


def run_generator(count=40_000):
    for _ in generator(count):
        pass
    return count


class Thing:
    def __init__(self):
        self.value = 1


def run_object(count=20_000):
    for _ in range(count):
        Thing()
    return count


def raises():
    raise KeyError


def run_exception(count=10_000):
    for _ in range(count):
        try:
            raises()
        except KeyError:
            pass
    return count


def main():
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 10
    least = {}
    for _ in range(rounds):
        for name, run in (("fib", run_fib), ("empty", run_empty), ("c", run_c),
                          ("generator", run_generator), ("object", run_object),
                          ("exception", run_exception)):
            start = time.perf_counter_ns()
            calls = run()
            cost = (time.perf_counter_ns() - start) / calls
            least[name] = min(least.get(name, cost), cost)
    os.write(1, "".join(f"{name} {cost:.3f}\n" for name, cost in least.items()).encode())


main()
