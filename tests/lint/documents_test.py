# SPDX-License-Identifier: Apache-2.0
"""What a table of docs/ says is held by tests that it names; no option and no command is left out."""

import ast
import os
import re
import unittest

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
OPTIONS = os.path.join("docs", "OPTIONS.md")
TABLES = {OPTIONS: 30, os.path.join("docs", "VIEWER.md"): 10, os.path.join("docs", "VDB.md"): 15,
          os.path.join("docs", "API.md"): 45}  # and their least rows
# Of processes, and of lines: --help and the README say all there is.
ELSEWHERE = {"exclude_process", "ignore_multiprocess", "wait_children", "log_lines"}


def read(*path):
    with open(os.path.join(ROOT, *path), encoding="utf-8") as file:
        return file.read()


def tests_by_file():
    """Of each test file in Python its classes, and of each class its tests."""
    found = {}
    for folder in ("e2e", "page", "python"):
        for name in sorted(os.listdir(os.path.join(ROOT, "tests", folder))):
            if name.endswith("_test.py"):
                tree = ast.parse(read("tests", folder, name))
                found[name[:-3]] = {node.name: {item.name for item in node.body if isinstance(item, ast.FunctionDef)}
                                    for node in tree.body if isinstance(node, ast.ClassDef)}
    return found


class Documents(unittest.TestCase):
    per_interpreter = False

    def rows(self, document):
        """Those of the tables whose last column is that of tests."""
        tested = False
        for line in read(document).splitlines():
            cells = [cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]]
            if not cells or cells[-1] == "test":
                tested = bool(cells)
            elif tested and not set(cells[0]) <= set("-"):
                yield cells

    def exists(self, reference, tests, files):
        if reference in files or reference in tests:
            return True
        parts = reference.split(".")
        places = [tests[parts[0]]] if parts[0] in tests else list(tests.values())
        parts = parts[1:] if parts[0] in tests else parts
        return any(parts[0] in classes and (len(parts) == 1 or parts[1] in classes[parts[0]]) for classes in places)

    def test_each_row_names_a_test_that_there_is(self):
        tests = tests_by_file()
        files = {name for _, _, names in os.walk(os.path.join(ROOT, "tests")) for name in names}
        for document, least in TABLES.items():
            seen = 0
            for cells in self.rows(document):
                references = re.findall(r"`([\w.]+)`", cells[-1])
                self.assertTrue(references, f"{document}: no test is named: {cells[0]}")
                seen += 1
                for reference in references:
                    self.assertTrue(self.exists(reference, tests, files), f"{document}: {cells[0]}: there is no test {reference}")
            self.assertGreaterEqual(seen, least, document)

    def test_each_test_that_a_document_names_is_there(self):
        tests = tests_by_file()
        documents = [os.path.join("docs", name) for name in sorted(os.listdir(os.path.join(ROOT, "docs")))]
        seen = 0
        for document in ["README.md", *documents]:
            if not document.endswith(".md"):
                continue
            text = read(document)
            for reference in re.findall(r"`(\w+_test(?:\.\w+)+|[A-Z]\w+\.test_\w+)`", text):
                if reference.endswith((".py", ".cc")):
                    continue
                seen += 1
                self.assertTrue(self.exists(reference, tests, set()), f"{document}: there is no test {reference}")
        self.assertGreater(seen, 60)

    def test_each_command_of_the_debugger_is_told_of(self):
        sources = "".join(read("debugger", name) for name in sorted(os.listdir(os.path.join(ROOT, "debugger"))))
        commands = [names.split() for names in re.findall(r'^    \{"([a-z? -]+)",', sources, re.M)]
        self.assertGreater(len(commands), 30)
        told = re.findall(r"`([a-z?-]+)(?: [^`]*)?`", read("docs", "VDB.md"))
        self.assertEqual(set(), {name for names in commands for name in names} - set(told))

    def test_each_option_of_what_is_recorded_has_a_row(self):
        rows = read("launcher", "option_rows.cc") + read("launcher", "log_option_rows.cc")
        options = re.findall(r'\{"(\w+)",\s+(?:0|\'.\'),\s+(?:nullptr|"[^"]*"),\s+Scope::kRecord', rows)
        self.assertIn("min_duration", options)
        named = {name for cells in self.rows(OPTIONS) for name in re.findall(r"`--(\w+)", cells[0])}
        self.assertEqual(set(), set(options) - named - ELSEWHERE)
        self.assertEqual(set(), ELSEWHERE - set(options))


if __name__ == "__main__":
    unittest.main()
