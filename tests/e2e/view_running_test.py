# SPDX-License-Identifier: Apache-2.0
"""viztracer-native view of a run that has not ended: what it has recorded so far, and more of it later."""

import json
import os
import subprocess
import sys
import time
import unittest
import urllib.error
import urllib.request

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))

import chromium
import page_file
import support

# Calls as often as it is told to.
PROGRAM = """
import sys
def f(): pass
for line in sys.stdin:
    for _ in range(int(line)):
        f()
    print("done", flush=True)
"""
MANY = 100_000


class Running(support.TestCase):
    each_way_only = True

    def begin(self, *outs):
        """Begins a run that makes these reports."""
        outs = [word for out in outs for word in ("-o", os.path.join(self.reports, out))]
        self.program = self.keep(self.spawn([support.LAUNCHER, "--quiet", *outs, self.write("x.py", PROGRAM)], stdin=subprocess.PIPE))
        self.calls(MANY)

    def keep(self, process):
        self.addCleanup(process.wait)
        self.addCleanup(lambda: process.poll() is None and process.kill())
        for stream in (process.stdin, process.stdout, process.stderr):
            if stream is not None:
                self.addCleanup(stream.close)
        return process

    def calls(self, count):
        self.program.stdin.write(b"%d\n" % count)
        self.program.stdin.flush()
        self.assertEqual(b"done\n", self.program.stdout.readline())

    def end(self):
        self.program.stdin.close()
        self.assertEqual(0, self.program.wait(support.TIMEOUT))

    def view(self, path):
        self.server = self.keep(self.spawn([support.LAUNCHER, "view", "--server_only", path]))
        self.address = self.server.stdout.readline().decode().strip()
        self.assertTrue(self.address, self.server.stderr.read() if not self.address else "")

    def get(self, path=""):
        with urllib.request.urlopen(self.address + path, timeout=support.TIMEOUT) as answer:
            return answer.read()

    def page(self):
        name = os.path.join(self.folder, "got.html")
        with open(name, "wb") as file:
            file.write(self.get())
        return page_file.read_page(name)

    def state(self, page):
        return json.loads(self.get("state?of=" + page["meta"]["served"]))

    def wait_for(self, what):
        deadline = time.monotonic() + support.TIMEOUT
        while not (found := what()):
            self.assertLess(time.monotonic(), deadline)
            time.sleep(0.05)
        return found

    def page_with(self, calls):
        """The page, once so many calls are in it: what a thread has just done comes a little later."""
        return self.wait_for(lambda: (page := self.page())["meta"]["calls"] >= calls and page)

    def test_it_grows_and_ends(self):
        self.begin("r.vtn")
        path = os.path.join(self.reports, "r.vtn")
        self.assertFalse(os.path.exists(path))
        self.view(path)
        first = self.page_with(MANY // 2)
        self.assertTrue(self.state(first)["running"])
        self.assertFalse(first["meta"]["complete"])
        rows = f"rows?of={first['meta']['served']}&thread=0&from_ns=0&to_ns=1000000"
        self.assertGreater(len(self.get(rows)), 100)
        self.calls(MANY)
        state = self.wait_for(lambda: (state := self.state(first))["grown_ms"] and state)
        self.assertTrue(state["changed"])
        self.assertGreater(len(self.get(rows)), 100)  # as that page numbers it
        second = self.page_with(MANY * 3 // 2)
        self.assertNotEqual(first["meta"]["served"], second["meta"]["served"])
        with self.assertRaises(urllib.error.HTTPError) as refused:
            self.get(rows)
        self.assertEqual(409, refused.exception.code)
        refused.exception.close()
        self.assertEqual({"changed": True, "grown_ms": 0, "running": True}, self.state(first))
        self.end()
        self.assertTrue(os.path.exists(path))
        self.assertTrue(self.state(second)["changed"])
        last = self.page()
        self.assertTrue(last["meta"]["complete"])
        self.assertGreaterEqual(last["meta"]["calls"], 2 * MANY)
        self.assertEqual({"changed": False, "grown_ms": 0, "running": False}, self.state(last))

    def test_by_the_name_of_any_report_and_of_the_spool(self):
        self.begin("r.json", "r.html")
        spool, = [name for name in os.listdir(self.reports) if name.startswith(".r.json.vtn-")]
        for name in ("r.html", spool, "r.json"):
            self.view(os.path.join(self.reports, name))
            self.assertTrue(self.state(self.page_with(MANY // 2))["running"])
        page = self.page()
        self.end()
        self.assertEqual({"changed": True, "grown_ms": 0, "running": False}, self.state(page))
        self.assertGreaterEqual(self.page()["meta"]["calls"], MANY)
        self.assertFalse(os.path.exists(os.path.join(self.reports, spool)))

    def test_one_that_is_there_from_before(self):
        path = os.path.join(self.reports, "r.html")
        with open(path, "w", encoding="utf-8") as file:
            file.write("<p>from before")
        self.begin("r.html")
        self.view(path)
        self.assertEqual(b"<p>from before", self.get())
        said = self.server.stderr.readline().decode()
        self.assertIn("a run that goes on will replace " + path, said)
        self.view(said.split("; view ")[1].split(" shows ")[0])
        self.assertTrue(self.state(self.page_with(MANY // 2))["running"])

    def test_what_nobody_records(self):
        run = self.run_argv([support.LAUNCHER, "view", "--server_only", os.path.join(self.reports, "other.vtn")])
        self.assertEqual(1, run.status)
        self.assertIn(b"other.vtn: No such file or directory", run.stderr)

    def memory_kb(self):
        with open(f"/proc/{self.server.pid}/status", encoding="ascii") as file:
            return next(int(line.split()[1]) for line in file if line.startswith("VmRSS:"))

    def test_memory_does_not_grow_with_looks(self):
        self.begin("r.vtn")
        self.view(os.path.join(self.reports, "r.vtn"))
        used_kb, files = [], []
        for _ in range(12):
            self.calls(20_000)
            self.page()
            used_kb.append(self.memory_kb())
            files.append(len(os.listdir(f"/proc/{self.server.pid}/fd")))
        self.assertLess(max(used_kb[4:]), 2 * max(used_kb[:4]), used_kb)
        self.assertLessEqual(max(files[4:]), max(files[:4]) + 2, "each reading that is kept has files open")

    @unittest.skipIf(chromium.why_not(), chromium.why_not())
    def test_the_page_says_so(self):
        self.begin("r.vtn")
        self.view(os.path.join(self.reports, "r.vtn"))
        self.page_with(MANY // 2)
        with chromium.Chromium() as browser:
            page = browser.open(self.address)
            page.wait_until_read()
            page.evaluate("vtn.ready")
            self.assertIn("has no end yet", page.evaluate("document.getElementById('facts').textContent"))
            self.wait_for(lambda: page.evaluate("document.getElementById('news').textContent").startswith(("The run goes on", "The recording has grown")))
            before = page.evaluate("vtn.source.report.meta.calls")
            self.calls(MANY)
            self.wait_for(lambda: "The recording has grown: " in page.evaluate("document.getElementById('news').textContent"))
            self.assertFalse(page.evaluate("document.getElementById('news').hidden"))
            page.screenshot(os.path.join(self.folder, "news.png"))
            chromium.keep_pictures(self.folder)
            self.wait_for(lambda: self.page()["meta"]["calls"] > before)
            page.evaluate("document.querySelector('#news button').click()")
            self.wait_for(lambda: page.evaluate("typeof vtn === 'object' && vtn.source ? vtn.source.report.meta.calls : 0") > before)


if __name__ == "__main__":
    unittest.main()
