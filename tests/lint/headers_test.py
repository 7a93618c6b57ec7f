# SPDX-License-Identifier: Apache-2.0
"""Every header compiles alone, and is read once however often it is included."""

import concurrent.futures
import os
import re
import subprocess
import sys
import unittest

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

from includes_test import MAY_USE  # noqa: E402


def headers():
    for folder in (*MAY_USE, "tests"):
        for where, _, names in os.walk(os.path.join(ROOT, folder)):
            for name in names:
                if name.endswith(".h"):
                    yield os.path.relpath(os.path.join(where, name), ROOT)


def read(path):
    with open(os.path.join(ROOT, path), encoding="utf-8") as file:
        return file.read()


def is_first_in_its_source(header):
    """Whether the build itself compiles it alone: the source of its name begins with it."""
    for ending in (".cc", ".c"):
        source = header.removesuffix(".h") + ending
        if os.path.exists(os.path.join(ROOT, source)):
            first = re.search(r'^#include [<"](.*)[>"]', read(source), re.MULTILINE)
            return first is not None and first[1] == header
    return False


def compile_alone(header, language):
    standard = {"c++": "c++20", "c": "gnu11"}[language]
    compiler = os.environ.get("CXX" if language == "c++" else "CC",
                              "c++" if language == "c++" else "cc").split()
    done = subprocess.run(
        compiler + [f"-std={standard}", "-Wall", "-Wextra", "-fsyntax-only", "-I", ROOT,
                    "-x", language, "-"],
        input=f'#include "{header}"\n',
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    return header, done.returncode, done.stdout


class Headers(unittest.TestCase):
    def test_each_is_read_once(self):
        for header in headers():
            with self.subTest(header):
                self.assertRegex(read(header), r"(?m)^#pragma once$")

    def test_each_compiles_alone(self):
        alone = sorted(header for header in set(headers()) if not is_first_in_its_source(header))
        self.assertGreater(len(alone), 5)
        # The preload library is C: its own headers are read by a C compiler.
        jobs = [(name, "c" if name.startswith("subprocess_shim/") else "c++") for name in alone]
        with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
            for header, status, output in pool.map(lambda job: compile_alone(*job), jobs):
                with self.subTest(header):
                    self.assertEqual((0, ""), (status, output))


if __name__ == "__main__":
    unittest.main()
