# SPDX-License-Identifier: Apache-2.0
"""Every header compiles alone, and included twice."""

import concurrent.futures
import os
import subprocess
import unittest

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
FOLDERS = ("base", "attach", "tracer", "runtime", "subprocess_shim", "report", "viewer", "launcher", "tests")


def headers():
    for folder in FOLDERS:
        for where, _, names in os.walk(os.path.join(ROOT, folder)):
            for name in names:
                if name.endswith(".h"):
                    yield os.path.relpath(os.path.join(where, name), ROOT)


def compile_alone(header, language):
    standard = {"c++": "c++20", "c": "gnu11"}[language]
    compiler = os.environ.get("CXX" if language == "c++" else "CC",
                              "c++" if language == "c++" else "cc").split()
    done = subprocess.run(
        compiler + [f"-std={standard}", "-Wall", "-Wextra", "-fsyntax-only", "-I", ROOT,
                    "-x", language, "-"],
        input=f'#include "{header}"\n#include "{header}"\n',
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    return header, done.returncode, done.stdout


class Headers(unittest.TestCase):
    def test_each_compiles_alone_and_twice(self):
        found = sorted(headers())
        self.assertGreater(len(found), 5)
        # The preload library is C: its own headers are read by a C compiler.
        jobs = [(name, "c" if name.startswith("subprocess_shim/") else "c++") for name in found]
        with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
            for header, status, output in pool.map(lambda job: compile_alone(*job), jobs):
                with self.subTest(header):
                    self.assertEqual((0, ""), (status, output))


if __name__ == "__main__":
    unittest.main()
