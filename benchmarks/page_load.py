#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""How long the page takes to show a recording, how much memory it takes, and how long one of its pictures takes.

    page_load.py [--rows N]... [--threads N] [--processes N] [--file REPORT.html] [--rounds N]

Files are synthetic (tests/support/page_file.py) unless one is given. Each round is a browser of its own, which has come to rest before,
and draws in software. What is measured, of the round that was quickest:

  first     ms from the navigation to the first picture, of the overview
  all       ms until all rows are there
  main      ms of CPU time that the page's main thread took until then
  others    ms of CPU time of all other threads of that process: two workers, the compositor, the collector of garbage
  memory    MB that the page's process holds in the end, and held at most
  draw      ms of CPU time of one picture: of all of it, and of a hundredth, moving

On a machine that does nothing else, `all` is near the greater of `main` and half of `others`; on a busy one read those.
"""

import argparse
import os
import sys
import tempfile
import time

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, os.path.join(ROOT, "tests", "support"))

import chromium  # noqa: E402
import page_file  # noqa: E402

DRAW = """(() => {
  const { timeline, state } = vtn;
  const span_ns = state.source.report.meta.span_ns;
  const took = (width) => {
    const ms = [];
    for (let i = 0; i < 20; i++) {
      const from_ns = (span_ns - width) * (0.3 + i / 500);
      state.set('view', { from_ns, to_ns: from_ns + width });
      const began = performance.now();
      timeline.draw();
      if (timeline.painter.gl) timeline.painter.gl.finish();
      ms.push(performance.now() - began);
    }
    return Math.min(...ms);
  };
  return [took(span_ns), took(span_ns / 100), timeline.scene.boxes.count];
})()"""


def memory_mb(pid):
    with open(f"/proc/{pid}/status", encoding="ascii") as file:
        fields = dict(line.split(":", 1) for line in file)
    return [int(fields[name].split()[0]) / 1024 for name in ("VmRSS", "VmHWM")]


def renderer(browser):
    found = [one for one in browser.call("SystemInfo.getProcessInfo")["processInfo"] if one["type"] == "renderer"]
    return max(found, key=lambda one: one["cpuTime"])


def wait_until_still(browser):
    """A browser that has just begun is busy with itself for a second or two; whoever opens a report has one that runs."""
    until = time.monotonic() + 30
    used_s, before_s = 0, None
    while time.monotonic() < until and (before_s is None or used_s - before_s > 0.02):
        before_s = used_s
        time.sleep(0.3)
        used_s = sum(one["cpuTime"] for one in browser.call("SystemInfo.getProcessInfo")["processInfo"])


def measure(path):
    with chromium.Chromium(1600, 900) as browser:
        page = browser.open("about:blank")
        wait_until_still(browser)
        page.call("Performance.enable", timeDomain="threadTicks")
        page.call("Page.navigate", url="file://" + os.path.abspath(path))
        page.wait_until_read()
        first, everything, problems, rows = page.evaluate(
            "vtn.ready.then(() => [vtn.first_picture_ms, vtn.complete_ms, vtn.source.problems, vtn.source.report.meta.rows])")
        metrics = {one["name"]: one["value"] for one in page.call("Performance.getMetrics")["metrics"]}
        process = renderer(browser)
        held, most = memory_mb(process["id"])
        main = metrics["TaskDuration"] * 1000
        whole, part, boxes = page.evaluate(DRAW)
        if problems or page.messages:
            raise SystemExit(f"{path}: {problems} {page.messages}")
        return {"rows": rows, "first": first, "all": everything, "main": main, "others": process["cpuTime"] * 1000 - main,
                "memory": held, "most": most, "draw all": whole, "draw part": part, "boxes": boxes}


def main():
    parser = argparse.ArgumentParser(description="How long the page takes to show a recording.")
    parser.add_argument("--rows", type=int, action="append")
    parser.add_argument("--threads", type=int, default=4)
    parser.add_argument("--processes", type=int, default=1)
    parser.add_argument("--depth", type=int, default=40)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--file")
    chosen = parser.parse_args()
    if chromium.why_not():
        print(f"skipped: {chromium.why_not()}")
        return 77
    if chosen.file:
        files = [(chosen.file, None)]
    else:
        files = [(None, rows) for rows in chosen.rows or [100_000, 1_000_000, 10_000_000]]
    print(f"load of the machine: {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores")
    print(f"{'rows':>10} {'file MB':>8} {'first':>7} {'all':>7} {'main':>7} {'others':>7} {'memory':>7} {'most':>7} {'draw':>6} {'draw':>6} {'boxes':>7}")
    with tempfile.TemporaryDirectory() as folder:
        for path, rows in files:
            if path is None:
                path = os.path.join(folder, "report.html")
                page_file.Synthetic(rows, chosen.threads, chosen.processes, chosen.depth, repeat=max(1, rows // 1_000_000), extra_functions=3000).write(path)
            rounds = [measure(path) for _ in range(chosen.rounds)]
            best = {name: min(one[name] for one in rounds) for name in rounds[0]}
            print(f"{best['rows']:>10} {os.path.getsize(path) / 1e6:>8.1f} {best['first']:>7.0f} {best['all']:>7.0f} {best['main']:>7.0f} {best['others']:>7.0f}"
                  f" {best['memory']:>7.0f} {best['most']:>7.0f} {best['draw all']:>6.1f} {best['draw part']:>6.1f} {best['boxes']:>7}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
