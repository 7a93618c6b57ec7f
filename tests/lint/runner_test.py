# SPDX-License-Identifier: Apache-2.0
"""What the test runner says of tests that fail, and of machines without terminals."""

import os
import subprocess
import sys
import tempfile
import textwrap
import unittest

SUPPORT = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "support")

FAILING = """
    import os, unittest
    from unittest import mock
    from terminals import fork_on_terminal, open_terminal
    class Sample(unittest.TestCase):
        def test_fails(self): self.assertEqual("one", "other")
        def test_has_a_bad_part(self):
            with self.subTest(part=3): self.fail("the part is bad")
        def test_passes(self): pass
        def test_needs_a_terminal(self):
            with mock.patch("os.openpty", side_effect=OSError(2, "No such file")): open_terminal()
        def test_needs_a_shell(self):
            with mock.patch("os.forkpty", side_effect=OSError(2, "No such file")): fork_on_terminal()
    """


class Runner(unittest.TestCase):
    def run_sample(self, **streams):
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "sample_test.py")
            with open(path, "w", encoding="utf-8") as file:
                file.write(textwrap.dedent(FAILING))
            return subprocess.run([sys.executable, os.path.join(SUPPORT, "run.py"), path],
                                  text=True, check=False, **streams)

    def test_failures_are_on_stderr_too(self):
        done = self.run_sample(stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        self.assertEqual(1, done.returncode)
        for stream in (done.stdout, done.stderr):
            self.assertRegex(stream, r"(?s)not ok \d - .*test_fails.*'one' != 'other'")
            self.assertRegex(stream, r"(?s)not ok \d - .*test_has_a_bad_part.*the part is bad")
        self.assertNotIn("test_passes", done.stderr)
        self.assertIn("2 of 5 failed", done.stderr)

    def test_failures_are_said_once_in_one_stream(self):
        done = self.run_sample(stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        self.assertEqual(1, done.stdout.count("AssertionError: the part is bad"))

    def test_no_terminal_is_a_skip(self):
        done = self.run_sample(stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        for name in ("test_needs_a_terminal", "test_needs_a_shell"):
            self.assertRegex(done.stdout, rf"ok \d - .*{name} # SKIP no pseudo-terminal: .*No such file")

    def test_what_a_class_made_is_taken_down_once_whatever_files_follow(self):
        with tempfile.TemporaryDirectory() as folder:
            paths = [os.path.join(folder, name) for name in ("one_test.py", "two_test.py")]
            for path in paths:
                with open(path, "w", encoding="utf-8") as file:
                    file.write(textwrap.dedent("""
                        import sys, unittest
                        class Sample(unittest.TestCase):
                            @classmethod
                            def tearDownClass(cls): print("down", cls.__module__, file=sys.stderr)
                            def test_passes(self): pass
                        """))
            done = subprocess.run([sys.executable, os.path.join(SUPPORT, "run.py"), *paths],
                                  stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, check=False)
        self.assertEqual(["down one_test", "down two_test"], done.stderr.splitlines())
        self.assertEqual(0, done.returncode)


if __name__ == "__main__":
    unittest.main()
