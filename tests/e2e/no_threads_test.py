# SPDX-License-Identifier: Apache-2.0
"""Where no thread can be started (a limit of processes, a cgroup's) the report is as whole as ever."""

import ctypes
import errno
import os
import struct
import unittest

import support

PROGRAM = """
import os, sys
def f(): pass
for i in range(20_000): f()
"""


def refuse_threads():
    """As tests/support/no_threads.h has it: a limit would not bind root."""
    load, equal, any_bit, answer = 0x20, 0x15, 0x45, 0x06
    error, allow = 0x50000, 0x7fff0000
    clone, clone3, clone_thread = 56, 435, 0x10000
    instructions = [(load, 0, 0, 0), (equal, 0, 1, clone3), (answer, 0, 0, error | errno.ENOSYS),
                    (equal, 0, 3, clone), (load, 0, 0, 16), (any_bit, 0, 1, clone_thread),
                    (answer, 0, 0, error | errno.EAGAIN), (answer, 0, 0, allow)]
    code = ctypes.create_string_buffer(b"".join(struct.pack("HBBI", *one) for one in instructions))
    program = struct.pack("HP", len(instructions), ctypes.addressof(code))
    prctl = ctypes.CDLL(None, use_errno=True).prctl
    set_no_new_privileges, set_seccomp, filter_mode = 38, 22, 2
    if prctl(set_no_new_privileges, 1, 0, 0, 0) or prctl(set_seccomp, filter_mode, program):
        raise OSError(ctypes.get_errno(), "cannot filter system calls")


class NoThreads(support.TestCase):
    def test_run(self):
        self.write("program.py", PROGRAM + "sys.exit(9)\n")
        for report in ("result.json", "result.pftrace", "times.txt"):
            with self.subTest(report):
                traced = self.traced("program.py", options=(), report=report, preexec_fn=refuse_threads)
                self.assertEqual(9, traced.status, traced.stderr)
                self.assertRegex(traced.stderr, rb"1 Python process, 1 thread, 20,.*, 0 events lost")
                self.assertRegex(traced.stderr, rb"20,000  f \(program.py")
        traced = self.traced("program.py", preexec_fn=refuse_threads)
        self.assertEqual(20_000, len(traced.report.named("f")))

    def test_recovery(self):
        self.write("program.py", PROGRAM + "import signal; os.kill(0, signal.SIGKILL)\n")
        self.traced("program.py", preexec_fn=refuse_threads)
        (spool,) = os.listdir(self.reports)
        out = os.path.join(self.reports, "recovered.json")
        done = self.run_argv([support.LAUNCHER, "--quiet", "--recover", os.path.join(self.reports, spool),
                              "-o", out], preexec_fn=refuse_threads)
        self.assertEqual((0, b"", b""), done.parity_key())
        self.assertEqual(20_000, len(support.Report(out).named("f")))


if __name__ == "__main__":
    unittest.main()
