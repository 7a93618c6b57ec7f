#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""How `viztracer-native view` copes with a recording of any size.

    view_load.py FILE.vtn [--launcher viztracer-native] [--moves N]

  ready    s until the address is there: the page is made, since no page of the recording is kept yet; and its CPU time
  again    s until it is there with the page that was kept
  first    ms from the navigation to the first picture, in a headless Chromium that draws in software; all: until all rows are there
  move     ms, median and worst of N zooms and pans at random, from the move to the picture with all that it shows: where folds are
           wide on the screen that includes every call of the stretch, fetched from the server
  server   MB that the server held at most, the page that it makes included

A large recording is quickly made of a smaller one: viztracer-native --combine F.vtn F.vtn F.vtn ... -o LARGE.vtn
"""

import argparse
import os
import random
import signal
import statistics
import subprocess
import sys
import tempfile
import time

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, os.path.join(ROOT, "tests", "support"))

import chromium  # noqa: E402

# Goes where it is told, and waits for the calls of each thread that is on the screen, if any are asked for.
MOVE = """(async (from_ns, to_ns) => {
  const { timeline, state } = vtn;
  const { source } = state;
  const began = performance.now();
  state.set('view', { from_ns, to_ns });
  timeline.draw();
  while ([...source.asked.values()].some((one) => one.ns_per_px === 0)) await new Promise((done) => setTimeout(done, 0));
  timeline.draw();
  const { gl, context } = timeline.painter;
  // Nothing else waits for the pixels.
  if (gl) gl.readPixels(0, 0, 1, 1, gl.RGBA, gl.UNSIGNED_BYTE, new Uint8Array(4));
  else context.getImageData(0, 0, 1, 1);
  return [performance.now() - began, source.stretches.size];
})"""


class Server:
    def __init__(self, launcher, recording, cache):
        began = time.monotonic()
        self.process = subprocess.Popen([launcher, "view", "--server_only", recording], stdout=subprocess.PIPE,
                                        env={**os.environ, "XDG_CACHE_HOME": cache})
        self.address = self.process.stdout.readline().decode().strip()
        self.ready_s = time.monotonic() - began
        if not self.address.startswith("http"):
            raise SystemExit(f"no address from {launcher}")

    def cpu_s(self):
        with open(f"/proc/{self.process.pid}/stat", encoding="ascii") as file:
            fields = file.read().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def most_mb(self):
        with open(f"/proc/{self.process.pid}/status", encoding="ascii") as file:
            return int(next(line for line in file if line.startswith("VmHWM")).split()[1]) / 1024

    def close(self):
        self.process.send_signal(signal.SIGINT)
        self.process.wait()
        self.process.stdout.close()


def moves(page, count, span_ns):
    """From far to near: windows of all of it down to 20 us."""
    taken, fine = [], 0
    random.seed(1)
    for number in range(count):
        width = span_ns * (20_000 / span_ns) ** (number / (count - 1))
        middle = random.uniform(width / 2, span_ns - width / 2)
        ms, stretches = page.evaluate(f"{MOVE}({middle - width / 2}, {middle + width / 2})")
        taken.append(ms)
        fine += stretches > 0
    return taken, fine


def main():
    parser = argparse.ArgumentParser(description="How the viewer copes with a recording of any size.")
    parser.add_argument("recording")
    parser.add_argument("--launcher", default="viztracer-native")
    parser.add_argument("--moves", type=int, default=60)
    chosen = parser.parse_args()
    if chromium.why_not():
        print(f"skipped: {chromium.why_not()}")
        return 77
    print(f"load of the machine: {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores")
    with tempfile.TemporaryDirectory() as cache:
        first = Server(chosen.launcher, chosen.recording, cache)
        print(f"ready {first.ready_s:.1f} s, {first.cpu_s():.1f} s of CPU time, {first.most_mb():.0f} MB")
        first.close()
        server = Server(chosen.launcher, chosen.recording, cache)
        print(f"again {server.ready_s:.2f} s")
        try:
            with chromium.Chromium(1600, 900) as browser:
                page = browser.open("about:blank")
                page.call("Page.navigate", url=server.address)
                page.wait_until_read()
                picture_ms, all_ms, problems, span_ns, calls, rows, below_ns = page.evaluate(
                    "vtn.ready.then(() => [vtn.first_picture_ms, vtn.complete_ms, vtn.source.problems, vtn.source.report.meta.span_ns,"
                    " vtn.source.report.meta.calls, vtn.source.report.meta.rows, vtn.source.report.meta.fold_below_ns])")
                print(f"first {picture_ms:.0f} ms, all {all_ms:.0f} ms: {calls} calls, {rows} rows, folded below {below_ns} ns")
                taken, fine = moves(page, chosen.moves, span_ns)
                print(f"move {statistics.median(taken):.0f} ms, worst {max(taken):.0f} ms; {fine} of {len(taken)} with calls from the recording")
                if problems or page.messages:
                    raise SystemExit(f"{problems} {page.messages}")
            print(f"server {server.most_mb():.0f} MB")
        finally:
            server.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
