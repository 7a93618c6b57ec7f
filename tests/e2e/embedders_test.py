# SPDX-License-Identifier: Apache-2.0
"""Programs that open libpython late, out of everybody's sight, and programs that begin it again."""

import glob
import os
import shutil
import subprocess
import unittest

import support


class EmbedderCase(support.TestCase):
    def setUp(self):
        super().setUp()
        prefix = os.path.dirname(os.path.dirname(self.interpreter.path))
        name = "libpython{}.{}.so.1.0".format(*self.interpreter.minor)
        root = self.interpreter.root or ""
        found = [path.removeprefix(root) for folder in ("lib", "lib/*-linux-gnu")
                 for path in glob.glob(os.path.join(root + prefix, folder, name))]
        if not found:
            self.skipTest("this interpreter has no libpython of its own")
        self.library = found[0]


class Embedders(EmbedderCase):
    def setUp(self):
        super().setUp()
        self.program = os.environ.get("VTN_LATE_PYTHON", "")
        self.assertTrue(os.path.exists(self.program), "VTN_LATE_PYTHON names no program")

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


    def test_begun_again_with_bindings_told(self):
        """Code that the interpreter before left behind is gone."""
        text = "import json, sys\ndef f():\n for mark in range(3): pass\nsys.kept = f\nf()\njson.dumps([mark := 5])\nprint(1, flush=True)"
        argv = [self.program, self.library, "plain", "run", text, "again", "run", text, "again", "run", text]
        traced = self.traced("--", *argv, options=("--quiet", "--log_var", "mark|name|self"))
        self.assertEqual((0, b"1\n1\n1\n", b""), (traced.status, traced.stdout, traced.stderr))
        told = [event["name"] for event in traced.report.events
                if event["ph"] == "i" and event["name"].startswith("mark = ")]
        self.assertEqual(["mark = 0", "mark = 1", "mark = 2", "mark = 5"] * 3, told)


class BootLoaders(EmbedderCase):
    """What runs code objects, where no text is executed and no PyRun_* function is called."""

    def test_with_a_command_line_and_without(self):
        version = "{}.{}".format(*self.interpreter.minor)
        prefix = os.path.dirname(os.path.dirname(self.interpreter.path))
        headers = os.path.join(prefix, "include", "python" + version)
        if self.interpreter.root or not os.path.exists(os.path.join(headers, "Python.h")):
            self.skipTest("this interpreter has no headers here")
        if shutil.which("cc") is None:
            self.skipTest("there is no C compiler")
        program = os.path.join(self.work, "boot_loader")
        folder = os.path.dirname(self.library)
        subprocess.run(["cc", "-w", os.path.join(support.PROGRAMS, "boot_loader.c"), "-o", program,
                        f'-DPYTHON="{self.interpreter.path}"', "-I" + headers, "-L" + folder,
                        "-Wl,-rpath," + folder, "-lpython" + version], check=True)
        for mode in ("none", "argv"):
            with self.subTest(mode):
                plain = self.run_argv([program, mode, "x.py"])
                traced = self.traced("--", program, mode, "x.py")
                self.assertEqual(plain.parity_key(), traced.parity_key())
                self.assertEqual((0, b"1225 [1]\n45\n45\n"), (traced.status, traced.stdout))
                report = traced.report
                self.assertEqual([70, 3, 1], [len(report.named(name)) for name in ("leaf", "work", "second")])
                modules = [call.file for call in report.named("<module>")]
                self.assertEqual("boot.py", modules[0])


if __name__ == "__main__":
    unittest.main()
