# SPDX-License-Identifier: Apache-2.0
"""The tests of this folder under each interpreter: a test for each file, which says what its own tests say when they fail."""

import os
import re
import subprocess
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
APART = ("every_python_test.py", "types_test.py")
TIMEOUT = 240


class EveryPython(unittest.TestCase):
    per_interpreter = True
    interpreter = None

    def run_file(self, name):
        process = self.interpreter.popen(
            [self.interpreter.path, "-B", "-X", "dev", "-W", "error", os.path.join(HERE, name)],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="backslashreplace")
        with process:
            try:
                said, _ = process.communicate(timeout=TIMEOUT)
            except subprocess.TimeoutExpired:
                process.kill()
                said = process.communicate()[0] + f"\n{name}: not done after {TIMEOUT} s"
        self.assertEqual(0, process.returncode, said)
        self.assertRegex(said, r"(?m)^Ran [1-9]\d* tests?\b")
        # With these options what is left open, or is deprecated, is a warning; one within a destructor fails no test.
        self.assertFalse(re.search(r"Warning|Exception ignored", said), said)


def _test_of(name):
    return lambda self: self.run_file(name)


for _name in sorted(os.listdir(HERE)):
    if _name.endswith("_test.py") and _name not in APART:
        setattr(EveryPython, f"test_{_name[:-len('_test.py')]}", _test_of(_name))


if __name__ == "__main__":
    unittest.main()
