# SPDX-License-Identifier: Apache-2.0
"""Programs that open libpython late, out of everybody's sight, and programs that begin it again."""

import glob
import os
import unittest

import support


class Embedders(support.TestCase):
    def setUp(self):
        super().setUp()
        self.program = os.environ.get("VTN_LATE_PYTHON", "")
        self.assertTrue(os.path.exists(self.program), "VTN_LATE_PYTHON names no program")
        prefix = os.path.dirname(os.path.dirname(self.interpreter.path))
        name = "libpython{}.{}.so.1.0".format(*self.interpreter.minor)
        root = self.interpreter.root or ""
        found = [path.removeprefix(root) for folder in ("lib", "lib/*-linux-gnu")
                 for path in glob.glob(os.path.join(root + prefix, folder, name))]
        if not found:
            self.skipTest("this interpreter has no libpython of its own")
        self.library = found[0]

    def report(self, *what, mode="plain", **kwargs):
        argv = [self.program, self.library, mode, *what]
        plain = self.run_argv(argv, **kwargs)
        traced = self.traced("--", *argv, **kwargs)
        self.assertEqual(plain.parity_key(), traced.parity_key())
        self.assertEqual((0, b""), (traced.status, traced.stderr))
        return traced.report

    def test_run(self):
        for mode in ("plain", "isolated"):
            with self.subTest(mode):
                report = self.report("run", "def f(): pass\nfor i in range(10): f()\nprint(1)", mode=mode)
                self.assertEqual(10, len(report.named("f")))
                self.assertEqual([], [call for call in report.calls() if "site.py" in call.name])

    def test_import_and_call(self):
        """No text is executed: the module's own code is the first."""
        self.write("mine.py", "def inner(): pass\ndef f(): inner()\ninner()\n")
        report = self.report("call", "mine", "f", env={"PYTHONPATH": self.work})
        self.assertEqual([1, 2], [len(report.named(name)) for name in ("f", "inner")])

    def test_begun_again(self):
        text = "def f(): pass\nfor i in range(10): f()\nprint(1, flush=True)"
        report = self.report("run", text, "again", "run", text, "again", "run", text)
        self.assertEqual(30, len(report.named("f")))


if __name__ == "__main__":
    unittest.main()
