# SPDX-License-Identifier: Apache-2.0
"""Runs a program as `python` would, and writes how long it took from its start to its end.

    timed.py RESULT SCRIPT [ARGUMENT...]
    timed.py RESULT -m MODULE [ARGUMENT...]

RESULT gets one line: wall seconds, CPU seconds of this process. What a tracer does before the program
starts and after it ends is in neither.

VTN_COUNTED, where it is set, names the library of counted.c: callgrind then counts the same stretch.
"""

import ctypes
import os
import runpy
import sys
import time


def marks():
    """What is to be called at the start and at the end."""
    library = os.environ.get("VTN_COUNTED")
    if library is None:
        return lambda: None, lambda: None
    counted = ctypes.CDLL(library)
    return counted.count_from_here, counted.count_to_here


def main():
    begin, end = marks()
    result, *sys.argv = sys.argv[1:]
    is_module = sys.argv[0] == "-m"
    if is_module:
        del sys.argv[0]
        sys.path[0] = os.getcwd()
    begin()
    start, start_cpu = time.perf_counter(), time.process_time()
    try:
        if is_module:
            runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)
        else:
            runpy.run_path(sys.argv[0], run_name="__main__")
    finally:
        seconds, cpu_seconds = time.perf_counter() - start, time.process_time() - start_cpu
        end()
        with open(result, "w", encoding="ascii") as file:
            file.write(f"{seconds:.6f} {cpu_seconds:.6f}\n")


main()
