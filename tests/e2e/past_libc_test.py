# SPDX-License-Identifier: Apache-2.0
"""Programs that exec past the functions of the C library (programs/past_libc.c): what can be followed is,
and of what cannot the ledger says so."""

import os
import shutil
import subprocess
import tempfile
import unittest

import support

PROGRAM = os.environ.get("VTN_PAST_LIBC")
GO_PROGRAM = os.environ.get("VTN_PAST_LIBC_GO")
SOURCE = os.path.join(support.PROGRAMS, "past_libc.c")

WAYS = ["syscall", "syscall_empty", "syscall_main", "syscall_at", "handle", "handle_spawn", "handle_system"]

CHILD = """
import os, sys
def followed(): print("child", os.environ.get("LD_PRELOAD"), flush=True)
followed()
if len(sys.argv) > 1:  # until the test lets it go
    os.close(1)
    os.close(2)
    open("up", "w").close()
    open("fifo").read()
"""


def ledger_of(outcome):
    return outcome.report.data["viztracer_native"]["processes"]


class PastLibc(support.TestCase):
    def setUp(self):
        super().setUp()
        self.write("child.py", CHILD)
        self.python = os.path.join(self.bin, "python3")

    def both(self, *argv, options=("--quiet",)):
        plain = self.run_argv(list(argv))
        traced = self.traced("--", *argv, options=options)
        self.assertEqual(plain.status, traced.status)
        self.assertEqual(plain.stdout, traced.stdout)
        return traced

    def test_by_number_and_by_handle(self):
        for way in WAYS:
            with self.subTest(way):
                traced = self.both(PROGRAM, way, self.python, "child.py")
                self.assertEqual(b"child None\n", traced.stdout)
                self.assertEqual(1, len(traced.report.named("followed")))
                self.assertNotIn("system call", str([one["ledger"] for one in ledger_of(traced)]))

    def test_from_python(self):
        self.write("program.py", f"""
            import ctypes, os
            libc = ctypes.CDLL("libc.so.6")
            libc.system(b"{self.python} child.py")
            argv = (ctypes.c_char_p * 3)({self.python.encode()!r}, b"child.py", None)
            if os.fork() == 0:
                libc.syscall(59, argv[0], argv, (ctypes.c_char_p * 1)(None))
            os.wait()
            libc.execv(argv[0], argv)
            """)
        traced = self.parity("program.py")
        self.assertEqual(3, len(traced.report.named("followed")))

    def test_instruction_of_its_own(self):
        """L-PAST-LIBC: lost, but not silently. It is seen what the process is, while it lives."""
        os.mkfifo(os.path.join(self.work, "fifo"))
        traced = self.traced("--", "/bin/sh", "-c",
                             f"{PROGRAM} instruction_detached {self.python} child.py stay; "
                             "while [ ! -e up ]; do :; done", options=())
        with open(os.path.join(self.work, "fifo"), "w", encoding="utf-8"):
            pass
        self.assertEqual([], traced.report.named("followed"))
        entry, = (one for one in ledger_of(traced) if one["argv"][1:2] == ["child.py"])
        self.assertEqual("untraced: it was executed by a system call of its starter's own", entry["ledger"])
        self.assertEqual(("child.py", False, True), (entry["name"], entry["traced"], entry["alive_at_end"]))
        self.assertIn("python", os.path.basename(entry["executable"]))
        said = traced.stderr.decode()
        self.assertIn(f"1 Python process was not traced: {entry['pid']} child.py (it was executed by", said)

    def test_gone_before_anybody_looked(self):
        for program in ("/bin/true", "/bin/echo"):
            traced = self.both(PROGRAM, "instruction", program)
            parent, child = ledger_of(traced)
            self.assertEqual("not a CPython", parent["ledger"])
            self.assertIn(" a system call of its", child["ledger"])
            self.assertEqual({"status": 0}, child["exit"])

    def test_go(self):
        """L-STATIC-ENVIRON: a Go program keeps our entry, and so what it starts is followed."""
        traced = self.both(GO_PROGRAM, "instruction", self.python, "child.py")
        self.assertEqual(b"child None\n", traced.stdout)
        self.assertEqual(1, len(traced.report.named("followed")))
        for entry in ledger_of(traced):
            self.assertNotIn("system call", entry["ledger"])
        self.assertEqual(b"alone\n", self.run_argv([GO_PROGRAM]).stdout)
        self.assertEqual(b"preloaded\n", self.traced("--", GO_PROGRAM).stdout)
        self.assertEqual(b"alone\n", self.traced("--", PROGRAM).stdout)


class Answers(support.TestCase):
    """What syscall and dlsym say, plain and traced, with glibc and with musl."""

    per_interpreter = False

    @classmethod
    def setUpClass(cls):
        import interpreters
        cls.interpreter = interpreters.Interpreter("none", "/bin/false", (3, 12))

    def same(self, program, what):
        plain = self.run_argv([program, what])
        self.assertGreaterEqual(plain.stdout.count(b"\n"), 7, plain)
        self.assertEqual(plain.parity_key(), self.traced("--", program, what).parity_key())

    def test_numbers(self):
        self.same(PROGRAM, "numbers")

    def test_handles(self):
        self.same(PROGRAM, "handles")

    def test_numbers_of_musl(self):
        if shutil.which("musl-gcc") is None:
            self.skipTest("no compiler for musl")
        folder = tempfile.mkdtemp()
        self.addCleanup(shutil.rmtree, folder, ignore_errors=True)
        program = os.path.join(folder, "past_libc")
        subprocess.run(["musl-gcc", "-w", "-o", program, SOURCE], check=True)
        self.same(program, "numbers")


if __name__ == "__main__":
    unittest.main()
