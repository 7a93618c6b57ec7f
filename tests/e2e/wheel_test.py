# SPDX-License-Identifier: Apache-2.0
"""The wheel, in a fresh environment of each interpreter: what pip makes of it, and leaves of it."""

import json
import os
import sys
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))

import support
import wheels

PROGRAM = """
import sys
def work():
    return 1
work()
print(sys.prefix)
"""

INLINE = """
import sys
from viztracer_native import VizTracer, span
def work():
    return 1
with VizTracer(output_file=sys.argv[1], verbose=0):
    with span("step", n=1):
        work()
"""


def files_below(folder):
    """Without what an interpreter keeps of modules that it has compiled."""
    return sorted(os.path.relpath(os.path.join(at, name), folder)
                  for at, _, names in os.walk(folder) for name in names if "__pycache__" not in at)


class Wheel(support.TestCase):

    def setUp(self):
        super().setUp()
        if self.interpreter.root:
            self.skipTest("in another root there is no pip")
        self.wheel = wheels.wheel()
        self.prefix = os.path.join(self.work, "env")
        made = self.run_argv([self.interpreter.path, "-m", "venv", self.prefix], timeout=300)
        self.assertEqual(made.status, 0, made.stderr)
        self.python = os.path.join(self.prefix, "bin", "python3")

    def pip(self, *words):
        done = self.run_argv([self.python, "-m", "pip", "--disable-pip-version-check", "--no-input", *words], timeout=300)
        self.assertEqual(done.status, 0, done.stderr)

    def test_installed_used_and_gone(self):
        before = files_below(self.prefix)
        self.pip("install", "--no-index", "--no-deps", self.wheel)
        new = set(files_below(self.prefix)) - set(before)
        self.assertIn("bin/viztracer-native", new)
        self.assertEqual([], [name for name in new if name.endswith(".pth") or "vizviewer" in name or "/viztracer/" in name])
        command = os.path.join(self.prefix, "bin", "viztracer-native")
        program = self.write("x.py", PROGRAM)
        # By this environment's interpreter, though it is not active.
        for words in ([command], [self.python, "-m", "viztracer_native"]):
            report = os.path.join(self.reports, "r.json")
            run = self.run_argv([*words, "--quiet", "-o", report, program])
            self.assertEqual((run.status, run.stdout.decode().strip()), (0, self.prefix), run.stderr)
            with open(report, encoding="utf-8") as file:
                self.assertIn("work (", "".join(one["name"] for one in json.load(file)["traceEvents"]))
            os.unlink(report)
        for words in (["--version"], ["info", "--help"]):
            self.assertEqual(self.run_argv([self.python, "-m", "viztracer_native", *words]).status, 0)
        inline = os.path.join(self.reports, "inline.json")
        run = self.run_argv([self.python, self.write("y.py", INLINE), inline])
        self.assertEqual((run.status, run.stderr), (0, b""))
        with open(inline, encoding="utf-8") as file:
            names = [one["name"] for one in json.load(file)["traceEvents"] if one["ph"] == "X"]
        self.assertIn("step", names)
        plain = self.run_argv([self.python, "-c", "import sys; print([one for one in sys.modules if 'viztracer' in one]); import viztracer"])
        self.assertEqual((1, b"[]\n"), (plain.status, plain.stdout))
        self.assertIn(b"No module named 'viztracer'", plain.stderr)
        self.pip("uninstall", "-y", "viztracer-native")
        self.assertEqual(before, files_below(self.prefix))


if __name__ == "__main__":
    unittest.main()
