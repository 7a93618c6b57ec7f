# SPDX-License-Identifier: Apache-2.0
"""The rules of docs/ARCHITECTURE.md that can be read off the sources: who may include whom, sizes,
licence lines, and words that must not stand in the tree."""

import os
import re
import subprocess
import unittest

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

# room: the rooms whose headers it may include, beside its own. In the order of the rooms: no arrow
# goes up. Collector and report never include each other: what is recorded reaches a report by the
# spool alone.
MAY_USE = {
    "abi": set(),
    "base": set(),
    "attach": {"base", "abi"},
    "tracer": {"base", "abi"},
    "runtime": {"tracer", "base", "abi"},
    "subprocess_shim": {"base", "abi"},
    "session": {"tracer", "base", "abi"},
    "spool": {"tracer", "base", "abi"},
    "importer": {"spool", "base", "abi"},
    "collector": {"spool", "session", "tracer", "base", "abi"},
    "viewer/page": set(),
    "report": {"viewer/page", "spool", "base", "abi"},
    "viewer": {"viewer/page", "report", "spool", "base", "abi"},
    "debugger": {"report", "spool", "base", "abi"},
    "launcher": {"subprocess_shim", "viewer", "debugger", "report", "collector", "importer", "spool", "session", "tracer", "attach", "base", "abi"},
}
# Of a room that lies below, this much only.
ONLY = {("spool", "tracer"): {"tracer/clock.h"},
        ("launcher", "subprocess_shim"): {"subprocess_shim/program_file.h"}}
# Code that lives in other people's processes: headers of the C++ library that need no library.
IN_TRACED_PROCESS = ("abi", "tracer", "runtime", "subprocess_shim", "base/freestanding")
FREESTANDING = {"atomic", "bit", "concepts", "cstddef", "cstdint", "initializer_list", "limits", "new",
                "span", "type_traits", "utility"}
# Of base/, only this part may be used in a traced process.
FREESTANDING_BASE = "base/freestanding/"

MAX_LINES = 600
SOURCES = (".h", ".cc", ".c", ".py", ".sh", ".build", ".js", ".mjs", ".css")
INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]', re.M)

# Assembled from pieces so that this file does not hold them itself.
FORBIDDEN = [re.compile(pattern) for pattern in (
    r"(?<![\w.$}])/" + r"work/(?!\w*\$)",
    r"(?<![\w$}])/" + r"root/",
    r"\bTO" + r"DO\b", r"\bFIX" + r"ME\b", r"\bXX" + r"X\b",
    "NotImplemented" + "Error",
)]


def tree():
    """Every text file of the project, as paths from its root."""
    listing = subprocess.run(
        ["git", "-C", ROOT, "ls-files", "-co", "--exclude-standard"],
        stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, check=False)
    if listing.returncode == 0 and listing.stdout:
        paths = listing.stdout.splitlines()
    else:  # a source archive without git
        paths = []
        for folder, folders, names in os.walk(ROOT):
            folders[:] = [one for one in folders if not one.startswith((".git", "build", "__pycache__"))]
            paths += [os.path.relpath(os.path.join(folder, name), ROOT) for name in names]
    return sorted(path for path in paths if os.path.isfile(os.path.join(ROOT, path)))


def read(path):
    with open(os.path.join(ROOT, path), encoding="utf-8", errors="replace") as file:
        return file.read()


def room_of(path):
    """The folder at the top; a page's code has a room of its own, below those that write and serve it."""
    return "viewer/page" if path.startswith("viewer/page/") else path.split("/")[0]


def is_source(path):
    return path.endswith(SOURCES) or path in ("bootstrap", ".ci/run")


class IncludeRules(unittest.TestCase):
    def setUp(self):
        self.files = [path for path in tree() if path.endswith((".h", ".cc", ".c"))]
        self.assertGreater(len(self.files), 5)

    def fail_if(self, faults):
        self.assertEqual([], faults, "\n" + "\n".join(faults))

    def test_rooms_use_only_what_lies_below_them(self):
        faults = []
        for path in self.files:
            room = room_of(path)
            for kind, name in INCLUDE.findall(read(path)):
                used = room_of(name)
                if kind != '"' or room not in MAY_USE or used == room:
                    continue
                if used not in MAY_USE[room] or name not in ONLY.get((room, used), {name}):
                    faults.append(f"{path}: includes {name}: {room}/ may not use it")
        self.fail_if(faults)

    def test_no_arrow_goes_up(self):
        rooms = list(MAY_USE)
        faults = [f"{room} uses {one}, which comes after it" for room, used in MAY_USE.items()
                  for one in used if rooms.index(one) > rooms.index(room)]
        self.fail_if(faults)

    def test_every_source_has_a_room(self):
        self.fail_if([path for path in self.files
                      if room_of(path) not in (*MAY_USE, "tests", "benchmarks")])

    def test_namespaces_follow_the_rooms(self):
        """base/ and abi/ are the common vocabulary and lie in vtn itself, all else in vtn::ROOM."""
        faults = []
        for path in self.files:
            room = room_of(path)
            if room in ("tests", "benchmarks", "subprocess_shim") or path.endswith(".c"):
                continue
            wanted = "vtn" if room in ("base", "abi") else f"vtn::{room.split('/')[-1]}"
            faults += [f"{path}: namespace {name}, not {wanted}"
                       for name in re.findall(r"^namespace (vtn[\w:]*) \{", read(path), re.M)
                       if name != wanted and not name.startswith(wanted + "::")]
        self.fail_if(faults)

    def test_our_headers_are_included_by_folder_and_name(self):
        faults = [f'{path}: "{name}" should be "folder/{name}"'
                  for path in self.files for kind, name in INCLUDE.findall(read(path))
                  if kind == '"' and not os.path.isfile(os.path.join(ROOT, name))]
        self.fail_if(faults)

    def test_abi_headers_include_nothing_but_each_other_and_integers(self):
        faults = [f"{path}: includes {name}" for path in self.files if path.endswith("_abi.h")
                  for _, name in INCLUDE.findall(read(path))
                  if name not in ("stdint.h", "stddef.h") and not name.endswith("_abi.h")]
        self.fail_if(faults)

    def test_code_in_traced_processes_uses_no_cxx_library(self):
        faults = []
        for path in self.files:
            if not path.startswith(tuple(folder + "/" for folder in IN_TRACED_PROCESS)):
                continue
            for kind, name in INCLUDE.findall(read(path)):
                if kind == "<" and "." not in name and "/" not in name and name not in FREESTANDING:
                    faults.append(f"{path}: <{name}> is of the C++ library")
                if kind == '"' and name.startswith("base/") and not name.startswith(FREESTANDING_BASE):
                    faults.append(f"{path}: {name} is not of the freestanding part of base/")
        self.fail_if(faults)

    def test_internal_headers_stay_in_their_folder(self):
        faults = [f"{path}: {name}" for path in self.files for kind, name in INCLUDE.findall(read(path))
                  if kind == '"' and name.endswith("_internal.h")
                  and name.split("/")[0] != path.split("/")[0] and not path.startswith("tests/")]
        self.fail_if(faults)

    def test_versions_of_cpython_have_names(self):
        """Facts about a version stand in versions.h: nothing else compares one, or has its number."""
        compared = (r"\bminor\b\s*(?:[=!]=|[<>])|(?:[=!]=|[<>]=?)\s*[\w.]*\bminor\b"
                    r"|\bversion\b\s*[<>]|switch \([\w.]*minor|")
        numbered = r"\b0x030[89a-fA-F]"
        rooms = {"runtime/": re.compile(compared + numbered), "launcher/": re.compile(numbered)}
        faults = []
        for path in self.files:
            room = next((room for room in rooms if path.startswith(room)), None)
            if room is None or path.endswith("/versions.h"):
                continue
            for number, line in enumerate(read(path).splitlines(), 1):
                if rooms[room].search(line.split("//")[0]):
                    faults.append(f"{path}:{number}: {line.strip()}")
        self.fail_if(faults)

    def test_constants_of_a_version_stand_with_its_facts(self):
        """A comment that names a version, above a constant or behind it, tells of such a fact. Printed tables of
        opcodes stand by themselves."""
        own = ("runtime/python/versions.h", "runtime/variables/opcode_rows.h")
        constant = re.compile(r"((?:^ *//.*\n)*)^ *(?:inline |static )*constexpr\b[^(\n]*[={].*", re.M)
        self.fail_if([f"{path}: {found[0].strip()}" for path in self.files
                      if path.startswith("runtime/") and path not in own
                      for found in constant.finditer(read(path))
                      if re.search(r"//.*\b3\.1\d", found[0])])

    def test_locks_of_traced_processes_lie_in_wiped_pages(self):
        """A fork while another thread holds one must leave the child a free one."""
        faults = [f"{path}: {word}" for path in self.files if path.startswith(("tracer/", "runtime/"))
                  for word in re.findall(r"\bWordLock \w+\((.*)\);", read(path))
                  if not re.fullmatch(r"&(?:g_engine\.|tracer::g_engine\.|)(?:root|runtime_root\(\))->\w+", word)]
        self.fail_if(faults)

    def test_headers_say_pragma_once(self):
        self.fail_if([path for path in self.files
                      if path.endswith(".h") and "#pragma once" not in read(path)])

    def test_no_using_namespace_in_headers(self):
        self.fail_if([path for path in self.files
                      if path.endswith(".h") and re.search(r"^\s*using namespace", read(path), re.M)])

    def test_iostream_only_in_tests(self):
        self.fail_if([path for path in self.files if "#include <iostream>" in read(path)
                      and not path.startswith(("tests/", "benchmarks/"))])


class TreeRules(unittest.TestCase):
    def setUp(self):
        self.files = [path for path in tree() if is_source(path)]

    def test_spdx_line_first(self):
        faults = []
        for path in self.files:
            first = read(path).splitlines()[:2]
            if first and first[0].startswith("#!"):
                first = first[1:]
            if not first or "SPDX-License-Identifier: Apache-2.0" not in first[0]:
                faults.append(path)
        self.assertEqual([], faults)

    def test_no_file_is_too_long(self):
        faults = [f"{path}: {lines} lines" for path in self.files
                  for lines in [read(path).count("\n")] if lines > MAX_LINES]
        self.assertEqual([], faults)

    def test_no_forbidden_words(self):
        faults = []
        for path in self.files + [path for path in tree() if path.endswith(".md")]:
            for number, line in enumerate(read(path).splitlines(), 1):
                if any(word.search(line) for word in FORBIDDEN):
                    faults.append(f"{path}:{number}: {line.strip()}")
        self.assertEqual([], faults, "\n" + "\n".join(faults))

    def test_shell_scripts_parse(self):
        for path in self.files:
            if read(path).startswith("#!/bin/sh"):
                with self.subTest(path):
                    done = subprocess.run(["sh", "-n", os.path.join(ROOT, path)],
                                          stderr=subprocess.PIPE, text=True, check=False)
                    self.assertEqual((0, ""), (done.returncode, done.stderr))

    def test_limits_are_named_by_tests(self):
        """Each line of docs/LIMITS.md has an id, and a test names it."""
        ids = re.findall(r"^\| (L-[A-Z0-9-]+) \|", read("docs/LIMITS.md"), re.M)
        self.assertGreater(len(ids), 3)
        self.assertEqual(len(ids), len(set(ids)), "an id stands twice")
        tests = "\n".join(read(path) for path in self.files if path.startswith("tests/"))
        self.assertEqual([], [one for one in ids if one not in tests])
        named = set(re.findall(r"\bL-[A-Z]+[A-Z0-9-]*[A-Z0-9]\b", tests))
        self.assertEqual(set(), named - set(ids), "tests name limits that docs/LIMITS.md does not have")


if __name__ == "__main__":
    unittest.main()
