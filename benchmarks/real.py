# SPDX-License-Identifier: Apache-2.0
"""What tracing adds to real programs, against VizTracer.

    VIZTRACER_NATIVE=.../viztracer-native real.py [--python 3.12 ...] [--rounds N] [NAME...]

Names are those of real_programs.py (all of them when none is named; the beginning of one will do).
Interpreters: 3.12.1 and 3.13.0, or $VIZTRACER_NATIVE_TEST_PYTHONS, or those that --python names.

Each program runs plain, under viztracer-native and under VizTracer, in turns; numbers are medians.
Both write a .json. Each way the program times itself (programs/timed.py), from its first line to its
last: neither the start of a tracer nor the writing of its report is in `plain` and `added`. They are
in `whole command`, which is from fork to exit, as the shell's `time` has it.

`ratio` is of wall time added to the program: that holds all that slows it, also a collector that
takes its share of the caches and cores at the same time. `by CPU` is the ratio of CPU time that the
program's own process spends more. It misses the collector, but other load disturbs it less: where the
two are far apart, the machine was not quiet. `least, most` are of the single rounds' ratios. `of
least` compares the quickest runs of each way instead of the medians: other load only ever adds, so on a
busy machine, with rounds enough, it says more. real_instructions.py counts what does not depend on load.

VizTracer gets room for more entries than any of the programs makes; a report in which it says that it
overwrote some is an error. So is another output than that of the plain run, or an exit status.
"""

import argparse
import dataclasses
import mmap
import os
import re
import shutil
import statistics
import sys
import tempfile

import bench
import real_programs
from real_programs import OURS, PEER, PLAIN, TIMED

# Durations and addresses in what programs print, and the times of files in a diff.
CHANGING = re.compile(r"in \d+\.\d+s\b|\b0x[0-9a-f]+|^(---|\+\+\+) .*$", re.M)


@dataclasses.dataclass
class Run:
    seconds: float
    cpu_seconds: float
    whole: float  # of the command
    stdout: str


class Bench:
    """One interpreter's programs. Each run finds a new, empty folder at the same path."""

    def __init__(self, interpreter, installed, folder):
        self._interpreter, self._installed = interpreter, installed
        self._work = os.path.join(folder, "work")
        self._report, self._times = (os.path.join(folder, name) for name in ("run.json", "times"))
        self.calls = {}

    def run(self, program, way):
        shutil.rmtree(self._work, ignore_errors=True)
        os.mkdir(self._work)
        for left in (self._report, self._times):  # by a run that failed
            if os.path.exists(left):
                os.unlink(left)
        fill_in = lambda text: self._installed.fill_in(text, self._work)
        stdout, whole = bench.run(
            self._interpreter,
            [*real_programs.command(way, self._interpreter, self._report), TIMED, self._times,
             *map(fill_in, program.arguments)],
            real_programs.environment(self._installed, self._work),
            cwd=fill_in(program.folder))
        with open(self._times, encoding="ascii") as file:
            seconds, cpu_seconds = map(float, file.read().split())
        if way != PLAIN:
            self._look_at_report(program, way)
        return Run(seconds, cpu_seconds, whole, CHANGING.sub("", stdout))

    def _look_at_report(self, program, way):
        if not os.path.exists(self._report):
            raise RuntimeError(f"{program.name} ran under {way}, but there is no report")
        if way == PEER:
            with open(self._report, "rb") as file, \
                    mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as text:
                said = text[text.rfind(b'"overflow":'):][:20]
            if b"false" not in said:
                raise RuntimeError(f"VizTracer had no room for all calls of {program.name}")
        if (program, way) not in self.calls:
            self.calls[program, way] = bench.call_count(self._report)

    def measure(self, program, rounds):
        """way -> [Run]. The first run of all only warms the caches."""
        expected = self.run(program, PLAIN).stdout
        runs = {PLAIN: [], OURS: [], PEER: []}
        for _ in range(rounds):
            for way, found in runs.items():
                found.append(self.run(program, way))
                if found[-1].stdout != expected:
                    raise RuntimeError(f"{program.name} prints something else under {way}:\n"
                                       f"{found[-1].stdout[-2000:]}\ninstead of\n{expected[-2000:]}")
        return runs


def ratio(runs, field, pick=statistics.median):
    """What ours added to what VizTracer added; None: VizTracer adds nothing to be seen."""
    plain, ours, peer = (pick([getattr(run, field) for run in runs[way]])
                         for way in (PLAIN, OURS, PEER))
    return (ours - plain) / (peer - plain) if peer > plain else None


def row_of(program, runs, calls):
    """The table's row, and its ratios."""
    medians = {(way, field): statistics.median(getattr(run, field) for run in found)
               for way, found in runs.items() for field in ("seconds", "whole")}
    added = lambda way: f"{medians[way, 'seconds'] - medians[PLAIN, 'seconds']:+.3f}"
    ratios = [ratio(runs, "seconds"), ratio(runs, "cpu_seconds"), ratio(runs, "cpu_seconds", min),
              ratio(runs, "whole")]
    rounds = [ratio({way: [run] for way, run in zip(runs, turn)}, "seconds")
              for turn in zip(*runs.values())]
    known = [one for one in rounds if one is not None]
    number = lambda value: "-" if value is None else f"{value:.2f}"
    plain = [run.seconds for run in runs[PLAIN]]
    return [program.name, f"{calls[program, OURS]:,}", f"{calls[program, PEER]:,}",
            f"{medians[PLAIN, 'seconds']:.3f} ({min(plain):.3f}, {max(plain):.3f})",
            added(OURS), added(PEER), number(ratios[0]),
            f"{min(known):.2f}, {max(known):.2f}" if known else "-", number(ratios[1]),
            number(ratios[2]),
            " / ".join(f"{medians[way, 'whole']:.2f}" for way in runs), number(ratios[3])], ratios


HEADER = ["", "calls", "VizTracer's", "plain s (least, most)", "added s", "VizTracer's", "ratio",
          "least, most", "by CPU", "of least", "whole command s: plain / ours / VizTracer", "ratio of added"]


def measure(interpreter, installed, programs, rounds):
    """The programs that failed, with what they said."""
    rows, all_ratios, failures = [], [], []
    with tempfile.TemporaryDirectory(prefix="viztracer-native-bench-", dir="/tmp") as folder:
        one = Bench(interpreter, installed, folder)
        for program in programs:
            print(f"{interpreter.name}: {program.name}", file=sys.stderr, flush=True)
            try:
                runs = one.measure(program, rounds)
            except (OSError, RuntimeError) as error:
                failures.append(f"{interpreter.name}: {program.name}: {error}")
                rows.append([program.name, "failed", *[""] * (len(HEADER) - 2)])
                continue
            row, ratios = row_of(program, runs, one.calls)
            rows.append(row)
            all_ratios.append(ratios)
    means = []
    for column in zip(*all_ratios):
        known = [value for value in column if value is not None]
        means.append(f"{bench.geometric_mean(known):.2f}" if known else "-")
    if means:
        rows.append(["geometric mean", *[""] * 5, means[0], "", means[1], means[2], "", means[3]])
    bench.print_table(f"{interpreter.name}: real programs, {rounds} rounds", HEADER, rows)
    return failures


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--python", action="append", metavar="VERSION")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("names", nargs="*", metavar="NAME")
    found = parser.parse_args()
    found.programs = real_programs.chosen(parser, found.names)
    return found


def main():
    chosen = arguments()
    if chosen.python:
        os.environ["VIZTRACER_NATIVE_TEST_PYTHONS"] = ",".join(chosen.python)
    os.environ.setdefault("VIZTRACER_NATIVE_TEST_PYTHONS", "3.12.1,3.13.0")
    found, skips = bench.interpreters.selected()
    for what, why in skips:
        print(f"skipped: {what}: {why}", file=sys.stderr)
    failures, measured = [], 0
    for interpreter in found:
        installed = real_programs.installed(interpreter)
        if installed is not None:
            failures += measure(interpreter, installed, chosen.programs, chosen.rounds)
            measured += 1
    for failure in failures:
        print(f"\nfailed: {failure}", file=sys.stderr)
    sys.exit(1 if failures or not measured else 0)


main()
