# SPDX-License-Identifier: Apache-2.0
"""The README's examples of the package and of --attach, as they stand there. Its cells: kernel_test.py."""

import json
import os
import shlex
import subprocess
import sys
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))

import readme
import support

SERVER = """
import time
def busy():
    return sum(range(1000))
print("ready", flush=True)
while True:
    busy()
    time.sleep(0.01)
"""


class Readme(support.TestCase):

    def example(self, wanted):
        text, = [text for language, text in readme.blocks(readme.WITHIN) if language == wanted]
        return text

    def slices(self, page):
        """Of a page, by way of a report of it."""
        path = os.path.join(self.reports, "slices.json")
        done = self.run_argv([support.LAUNCHER, "--quiet", "--convert", os.path.join(self.work, page), "-o", path])
        self.assertEqual(done.status, 0, done.stderr)
        with open(path, encoding="utf-8") as file:
            return [one for one in json.load(file)["traceEvents"] if one["ph"] in "XB"]

    def test_from_within(self):
        program = self.write("x.py", self.example("python"))
        env = {"PYTHONPATH": os.path.join(readme.ROOT, "python"), "PATH": os.path.dirname(support.LAUNCHER) + ":" + os.environ["PATH"],
               "PYTHONDONTWRITEBYTECODE": "1"}
        run = self.run_argv([self.interpreter.path, program], env=env)
        self.assertEqual((0, b""), (run.status, run.stdout), run.stderr)
        slices = self.slices("load.html")
        load, = [one for one in slices if one["name"] == "load"]
        self.assertEqual("1000", load["args"]["func_args"]["rows"])
        inside = [one for one in slices if load["ts"] <= one["ts"] < load["ts"] + load["dur"]]
        self.assertEqual(1, sum("sorted" in one["name"] for one in inside))

    def test_what_runs_already(self):
        words = shlex.split(self.example("sh"), comments=True)
        server = self.spawn([self.interpreter.path, self.write("server.py", SERVER)], stderr=subprocess.DEVNULL)
        self.addCleanup(server.wait)
        self.addCleanup(server.kill)
        self.assertEqual(b"ready\n", server.stdout.readline())
        self.addCleanup(server.stdout.close)
        words[0], words[words.index("4711")], words[words.index("5")] = support.LAUNCHER, str(server.pid), "1"
        run = self.run_argv(words)
        if b"ptrace" in run.stderr:
            self.skipTest(run.stderr.decode())
        self.assertEqual(run.status, 0, run.stderr)
        self.assertGreater(sum(one["name"].startswith("busy (") for one in self.slices("now.html")), 3)
        self.assertIsNone(server.poll())


if __name__ == "__main__":
    unittest.main()
