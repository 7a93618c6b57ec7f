# SPDX-License-Identifier: Apache-2.0
"""Operations that a resident audit hook makes slower, with nobody listening to events.

Prints `name nanoseconds` lines, the least of several rounds. Under a tracer, its sys.monitoring tool
(3.12) or its profile function is silenced first.
"""

import copy
import logging
import os
import sys
import time

VALUE = {"a": [1, 2, {"b": (3, 4)}], "c": "text", "d": [[], [1.5], {"e": None}]}


def function():
    pass


def run(name, operation, count):
    least = 1e18
    for _ in range(9):
        start = time.perf_counter_ns()
        for _ in range(count):
            operation()
        least = min(least, (time.perf_counter_ns() - start) / count)
    os.write(1, f"{name} {least:.2f}\n".encode())


def main():
    if hasattr(sys, "monitoring"):
        for tool in range(6):
            if sys.monitoring.get_tool(tool) is not None:
                sys.monitoring.set_events(tool, 0)
    logger = logging.getLogger("quiet")
    logger.addHandler(logging.NullHandler())
    logger.propagate = False
    logger.setLevel(logging.INFO)
    run("copy.deepcopy", lambda: copy.deepcopy(VALUE), 3000)
    run("logging.info", lambda: logger.info("%s", 1), 8000)
    run("id()", lambda: [id(VALUE) for _ in range(100)], 2000)
    run("f.__code__", lambda: [function.__code__ for _ in range(100)], 2000)


main()
