# SPDX-License-Identifier: Apache-2.0
"""What tests of recordings have in common: a program, recordings of it, refusals."""

import os

import support

PROGRAM = """
    import subprocess
    import sys
    import threading

    def leaf(n):
        return n * 2

    def work():
        for n in range(300):
            leaf(n)

    def numbers():
        yield 1
        yield 2

    thread = threading.Thread(target=work, name="worker")
    thread.start()
    work()
    thread.join()
    sum(numbers())
    subprocess.run(["true"])
    sys.exit(3)
"""


class RecordingCase(support.TestCase):
    each_way_only = True

    def record(self, *options, name="x.vtn", program=PROGRAM, script="x.py"):
        self.write(script, program)
        path = os.path.join(self.reports, name)
        done = self.run_argv([support.LAUNCHER, "--quiet", *options, "-o", path, script])
        self.assertEqual(b"", done.stderr)
        return path

    def launch(self, *words, **kwargs):
        return self.run_argv([support.LAUNCHER, *words], **kwargs)

    def refused(self, *words, status, line):
        """One line that says exactly this, and nothing else."""
        done = self.launch(*words)
        self.assertEqual((b"", f"viztracer-native: {line}\n"), (done.stdout, done.stderr.decode()))
        self.assertEqual(status, done.status)
