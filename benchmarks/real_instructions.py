# SPDX-License-Identifier: Apache-2.0
"""Instructions that tracing adds to real programs, against VizTracer, counted by callgrind.

    VIZTRACER_NATIVE=.../viztracer-native real_instructions.py LIBVTN_COUNTED [--python 3.12 ...]
        [--nothing LAUNCHER] [--profile FOLDER] [NAME...]

The programs of real.py, each once and each way under callgrind, which counts the user instructions of
the program's own process from its first line to its last (not those of the collector). They are the same
however busy the machine is, but for some hundredths where a program has tables by address: what changes the
record path is judged by them first. They are not time: an instruction that misses a cache counts like one that does not, and a read of the
clock, which takes as long as forty others, counts as one.

--nothing names a launcher whose handlers return at once (bench.do_nothing_launcher): what CPython itself
needs to send the events. --profile keeps callgrind's files, FOLDER/PROGRAM.WAY.
"""

import argparse
import concurrent.futures
import glob
import os
import re
import shutil
import subprocess
import sys
import tempfile

import bench
import real_programs
from real_programs import OURS, PEER, PLAIN, TIMED

NOTHING = "nothing"


def count(interpreter, installed, program, way, options):
    """Instructions of the program's own process."""
    with tempfile.TemporaryDirectory(prefix="viztracer-native-count-", dir="/tmp") as folder:
        work = os.path.join(folder, "work")
        os.mkdir(work)
        fill_in = lambda text: installed.fill_in(text, work)
        report = os.path.join(folder, "run.json" if way == PEER else "run.vtn")
        bench.run(
            interpreter,
            ["valgrind", "--tool=callgrind", "--trace-children=yes",
             f"--callgrind-out-file={folder}/count.%p",
             *real_programs.command(way, interpreter, report,
                                    options.nothing if way == NOTHING else None),
             TIMED, os.path.join(folder, "times"), *map(fill_in, program.arguments)],
            {**real_programs.environment(installed, work), "VTN_COUNTED": options.counted},
            cwd=fill_in(program.folder))
        # `.1`: what was counted up to the mark at the end; the rest follows in a file without number.
        [counted] = glob.glob(os.path.join(folder, "count.*.1"))
        if options.profile:
            name = f"{program.name}.{way}".replace(" ", "_")
            shutil.copy(counted, os.path.join(options.profile, name))
        with open(counted, encoding="utf-8", errors="replace") as file:
            return int(re.search(r"^(?:totals|summary): (\d+)", file.read(), re.M).group(1))


def measure(interpreter, installed, programs, options):
    """Two programs at a time: nothing here is timed. The programs that failed, with what they said."""
    ways = [PLAIN, *([NOTHING] if options.nothing else []), OURS, PEER]
    rows, failures, ratios = [], [], []
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        jobs = {(program, way): pool.submit(count, interpreter, installed, program, way, options)
                for program in programs for way in ways}
        for program in programs:
            try:
                counts = {way: jobs[program, way].result() for way in ways}
            except (OSError, RuntimeError, ValueError) as error:
                failures.append(f"{interpreter.name}: {program.name}: {error}")
                continue
            added = {way: counts[way] - counts[PLAIN] for way in ways}
            ratios.append([added[way] / added[PEER] for way in ways[1:-1]])
            print(f"{interpreter.name}: {program.name}: {ratios[-1]}", file=sys.stderr, flush=True)
            rows.append([program.name, f"{counts[PLAIN] / 1e6:,.0f}",
                         *(f"{added[way] / 1e6:+,.0f}" for way in ways[1:]),
                         *(f"{one:.3f}" for one in ratios[-1])])
    if ratios:
        rows.append(["geometric mean", *[""] * len(ways),
                     *(f"{bench.geometric_mean(column):.3f}" for column in zip(*ratios))])
    bench.print_table(
        f"{interpreter.name}: millions of instructions",
        ["", PLAIN, *(f"added by {way}" for way in ways[1:]), *(f"ratio of {way}" for way in ways[1:-1])],
        rows)
    return failures


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("counted", help="the library of programs/counted.c")
    parser.add_argument("--python", action="append", metavar="VERSION")
    parser.add_argument("--nothing", metavar="LAUNCHER")
    parser.add_argument("--profile", metavar="FOLDER")
    parser.add_argument("names", nargs="*", metavar="NAME")
    options = parser.parse_args()
    if shutil.which("valgrind") is None:
        print("skipped: valgrind is not installed (apt-get install valgrind)")
        return
    os.environ["VIZTRACER_NATIVE_TEST_PYTHONS"] = ",".join(options.python or ["3.12.1", "3.13.0"])
    programs = real_programs.chosen(parser, options.names)
    failures = []
    for interpreter in bench.interpreters.selected()[0]:
        installed = real_programs.installed(interpreter)
        if installed is not None:
            failures += measure(interpreter, installed, programs, options)
    for failure in failures:
        print(f"\nfailed: {failure}", file=sys.stderr)
    sys.exit(1 if failures else 0)


main()
