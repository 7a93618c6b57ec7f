# SPDX-License-Identifier: Apache-2.0
"""What a program tells by itself, and a native function that does nothing. Prints `empty nanoseconds-per-call` and so
on, as calls.py does.

    events.py ROUNDS [COUNT]

With VTN_COUNTED each kind runs once between marks for callgrind (counted.c), and its name alone is printed.
"""

import _thread
import ctypes
import os
import sys
import time

from viztracer_native import _native, counter, get_tracer, instant, span

# Below the command all is there; in another process a tracer is None.
TRACER = get_tracer()
EMPTY = _native.unmute
NEW_LOCK = _thread.allocate_lock


def empty(count):
    for _ in range(count):
        EMPTY()


def plain_instant(count):
    for _ in range(count):
        instant("tick")


def instant_with_value(count):
    for n in range(count):
        instant("tick", number=n)


def instant_with_text(count):
    for _ in range(count):
        instant("tick", path="/home/me/file.txt")


def one_counter(count):
    for n in range(count):
        counter("queue", length=n)


def two_series(count):
    for n in range(count):
        counter("queue", waiting=n, running=3)


def with_a_new_lock(count):
    for _ in range(count):
        with NEW_LOCK():
            pass


def plain_span(count):
    for _ in range(count):
        with span("work"):
            pass


def span_with_value(count):
    for n in range(count):
        with span("work", number=n):
            pass


def log_instant(count):
    for n in range(count):
        TRACER.log_instant("tick", {"number": n})


def log_var(count):
    for n in range(count):
        TRACER.log_var("number", n)


def add_instant(count):
    for n in range(count):
        TRACER.add_instant("tick", {"number": n})


def add_counter(count):
    for n in range(count):
        TRACER.add_counter("queue", {"length": n})


def log_event(count):
    for _ in range(count):
        with TRACER.log_event("work"):
            pass


def add_func_args(count):
    for n in range(count):
        TRACER.add_func_args("number", n)


def main():
    rounds = int(sys.argv[1])
    count = int(sys.argv[2]) if len(sys.argv) > 2 else 2000
    kinds = [empty, plain_instant, instant_with_value, instant_with_text, one_counter, two_series, with_a_new_lock, plain_span, span_with_value]
    kinds += [add_instant, log_instant, add_counter, log_var, add_func_args, log_event] if TRACER is not None else []
    if os.environ.get("VTN_COUNTED"):
        counted = ctypes.CDLL(os.environ["VTN_COUNTED"])
        from_here, to_here = counted.count_from_here, counted.count_to_here
        for kind in kinds:
            kind(100)
            from_here()
            kind(count)
            to_here()
            print(kind.__name__)
        return
    found = {kind: [] for kind in kinds}
    for _ in range(rounds):
        for kind in kinds:
            start = time.perf_counter_ns()
            kind(count)
            found[kind].append((time.perf_counter_ns() - start) / count)
    for kind, times in found.items():
        times.sort()
        print(f"{kind.__name__} {times[len(times) // 2]:.1f} {times[0]:.1f}")


main()
