# SPDX-License-Identifier: Apache-2.0
"""What it costs a program to tell of something by itself (programs/events.py), above a call of a native function that
does nothing.

    VIZTRACER_NATIVE=.../viztracer-native events.py [--rounds N] [--counted LIBVTN_COUNTED] [time] [instructions]

time          nanoseconds, in one process, kinds in turns: the median of N rounds (100) and the least one, each less that of
              the empty call. `idle` is the same in a process that nobody records: what CPython takes for the `with` of a
              span, there `with a new lock` tells. On a busy machine the collector gets no
              processor, and medians tell how long one waits for it: read the least.
instructions  of the thread itself, counted by callgrind: the same however busy the machine is, but no time (a read of the
              clock counts as one). LIBVTN_COUNTED is the library of programs/counted.c.
"""

import argparse
import glob
import os
import re
import shutil
import tempfile

import bench

PROGRAM = bench.program("events.py")
PACKAGE = os.path.join(os.path.dirname(bench.HERE), "python")
COUNT = 2000


def lines_of(interpreter, argv, env=None):
    stdout, _ = bench.run(interpreter, argv, env)
    return [line.split() for line in stdout.splitlines()]


def measure_time(interpreter, options, folder):
    recorded = lines_of(interpreter, [*bench.launcher_argv(interpreter, os.path.join(folder, "run.vtn")), PROGRAM, str(options.rounds)])
    idle = lines_of(interpreter, [interpreter.path, PROGRAM, str(options.rounds)], {"PYTHONPATH": PACKAGE})
    idle_of = {kind: float(least) - float(idle[0][2]) for kind, _, least in idle}
    _, empty, least_empty = recorded[0]
    rows = [["an empty call", empty, least_empty, idle[0][2]]]
    for kind, median, least in recorded[1:]:
        rows.append([kind.replace("_", " "), f"{float(median) - float(empty):+.0f}", f"{float(least) - float(least_empty):+.0f}",
                     f"{idle_of[kind]:+.0f}" if kind in idle_of else ""])
    bench.print_table(f"{interpreter.name}: nanoseconds", ["", "median", "least", "idle"], rows)


def measure_instructions(interpreter, options, folder):
    if options.counted is None or shutil.which("valgrind") is None:
        print("skipped: instructions: --counted names no library, or valgrind is not installed (apt-get install valgrind)")
        return
    kinds = lines_of(interpreter,
                     ["valgrind", "-q", "--tool=callgrind", "--trace-children=yes", f"--callgrind-out-file={folder}/count.%p",
                      *bench.launcher_argv(interpreter, os.path.join(folder, "run.vtn")), PROGRAM, "1", str(COUNT)],
                     {"VTN_COUNTED": os.path.realpath(options.counted)})
    rows, empty = [], 0.0
    for number, [kind] in enumerate(kinds, 1):
        [counted] = glob.glob(os.path.join(folder, f"count.*.{number}"))
        with open(counted, encoding="utf-8", errors="replace") as file:
            each = int(re.search(r"^(?:totals|summary): (\d+)", file.read(), re.M).group(1)) / COUNT
        empty = empty or each
        rows.append([kind.replace("_", " "), f"{each:.0f}" if number == 1 else f"{each - empty:+.0f}"])
    bench.print_table(f"{interpreter.name}: instructions", ["", "each"], rows)


PARTS = {"time": measure_time, "instructions": measure_instructions}


def run(part, interpreter, options):
    with tempfile.TemporaryDirectory(prefix="viztracer-native-bench-", dir="/tmp") as folder:
        part(interpreter, options, folder)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=100)
    parser.add_argument("--counted", metavar="LIBVTN_COUNTED")
    bench.run_parts(parser, PARTS, run)


main()
