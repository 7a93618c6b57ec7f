# SPDX-License-Identifier: Apache-2.0
"""The packages: what they have, what importing them costs a program, and that VizTracer's names are where it has them."""

import ast
import importlib
import inspect
import os
import re
import subprocess
import sys
import sysconfig
import tempfile
import unittest

from support import HERE, PACKAGES, Case, fake

import viztracer
import viztracer_native
from viztracer_native.compatibility import Compatibility
from viztracer_native.event_base import EventBase
from viztracer_native.settings import ROWS

OURS = os.path.join(PACKAGES, "viztracer_native")


def modules():
    for folder in (OURS, os.path.join(PACKAGES, "viztracer")):
        for name in sorted(os.listdir(folder)):
            if name.endswith((".py", ".pyi")):
                with open(os.path.join(folder, name), encoding="utf-8") as file:
                    yield os.path.relpath(os.path.join(folder, name), PACKAGES), file.read()


class Names(Case):
    def test_all_of_them_are_there(self):
        for package in (viztracer_native, viztracer):
            for name in package.__all__:
                self.assertIsNotNone(getattr(package, name), name)
                self.assertIn(name, dir(package))
            with self.assertRaises(AttributeError):
                package.no_such_name
        self.assertEqual(set(viztracer_native._MODULE_OF) | {"__version__"}, set(viztracer_native.__all__))

    def test_what_checkers_see_is_what_is_loaded(self):
        with open(os.path.join(OURS, "__init__.py"), encoding="utf-8") as file:
            told = {name: module for module, name in re.findall(r"^    from \.(\w+) import \w+ as (\w+)$", file.read(), re.M)}
        self.assertEqual(told, viztracer_native._MODULE_OF)

    def test_viztracers_are_ours(self):
        for name in viztracer.__all__:
            if name != "__version__":
                self.assertIs(getattr(viztracer_native, name), getattr(viztracer, name))
        for module, names in (("vizcounter", ["VizCounter"]), ("vizobject", ["VizObject"]), ("vizlogging", ["VizLoggingHandler"]),
                              ("vizplugin", ["VizPluginBase", "VizPluginError"]), ("vizevent", ["VizEvent"]), ("viztracer", ["VizTracer", "get_tracer"]),
                              ("decorator", ["ignore_function", "trace_and_save", "log_sparse"]), ("event_base", ["_EventBase"]),
                              ("cellmagic", ["load_ipython_extension"])):
            for name in names:
                self.assertTrue(callable(getattr(importlib.import_module(f"viztracer.{module}"), name)))
        self.assertEqual("1.1.1", viztracer.__version__)
        with open(os.path.join(os.path.dirname(PACKAGES), "meson.build"), encoding="utf-8") as file:
            self.assertIn(f"version: '{viztracer_native.__version__}'", file.read())

    def test_what_is_not_kept_is_not_there(self):
        for name in ("report_builder", "report_server", "patch", "code_monkey", "functree", "util", "viewer", "attach", "vcompressor"):
            with self.assertRaises(ImportError):
                importlib.import_module(f"viztracer.{name}")

    def test_each_name_has_a_row(self):
        with open(os.path.join(os.path.dirname(PACKAGES), "docs", "API.md"), encoding="utf-8") as file:
            told = file.read()
        for owner, name in self.public():
            self.assertRegex(told, rf"`[^`\n]*\b{name}\b", f"docs/API.md does not tell of {owner}.{name}")

    def public(self):
        for name in viztracer_native.__all__:
            yield "viztracer_native", name
        for row in ROWS:
            yield "VizTracer()", row.name
        for owner in (viztracer_native.VizTracer, viztracer_native.flow, EventBase, viztracer_native.VizPluginBase):
            for name in dir(owner):
                if not name.startswith("_"):
                    yield owner.__name__, name

    def test_each_says_what_it_is_for_with_an_example(self):
        for owner, name in self.public():
            holder = {"viztracer_native": viztracer_native}.get(owner) or getattr(viztracer_native, owner, None)
            if owner == "EventBase":
                holder = EventBase
            if owner == "VizTracer()" or name in ("__version__", "torch_profile"):
                continue
            _, _, more = (inspect.getdoc(getattr(holder, name)) or "").partition("\n\n")
            if not hasattr(Compatibility, name):
                self.assertIn(name.replace("load_ipython_extension", "%%viztracer"), more, f"{owner}.{name}: no example")


class Cost(Case):
    """What a program pays that imports us."""

    def run_program(self, text):
        return subprocess.run(
            [sys.executable, "-I", "-S", "-c", f"import sys; sys.path[:0] = {[HERE, PACKAGES]!r}\n" + text],
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)

    def loaded(self, text):
        # The fake itself loads some.
        done = self.run_program(f"from fake_native import fake\nbefore = set(sys.modules)\n{text}\nprint(*sorted(set(sys.modules) - before))")
        self.assertEqual(0, done.returncode, done.stdout)
        return done.stdout.split()

    def test_importing_loads_nothing(self):
        self.assertEqual(["viztracer_native"], self.loaded("import viztracer_native"))
        self.assertEqual(["viztracer", "viztracer_native"], self.loaded("import viztracer"))

    def test_marks_load_nothing_else(self):
        loaded = self.loaded("from viztracer_native import span, instant, counter, paused\nwith span('x'), paused(): instant('y')")
        self.assertEqual([], [name for name in loaded if not name.startswith("viztracer_native") and name != "__future__"])

    def test_a_tracer_loads_little(self):
        loaded = self.loaded("from viztracer_native import VizTracer, get_tracer\nVizTracer().start()")
        for name in ("typing", "inspect", "subprocess", "json", "tempfile", "argparse", "logging", "asyncio", "multiprocessing"):
            self.assertNotIn(name, loaded)

    def test_loading_is_not_recorded(self):
        done = self.run_program(
            "from fake_native import fake\nimport builtins\nseen = []\nplain = builtins.__import__\n"
            "def importing(name, *args, **kwargs):\n    seen.append((name, fake.is_muted()))\n    return plain(name, *args, **kwargs)\n"
            "import viztracer_native\nbuiltins.__import__ = importing\nviztracer_native.span('x')(len)\ntracer = viztracer_native.VizTracer(verbose=0)\n"
            "tracer.start()\ntracer.add_raw({'ph': 'i'})\ntracer.log_event('x')\nviztracer_native.ignore_function(len)\nfake.current = 1\n"
            "viztracer_native.session._begun_by = None\nviztracer_native.session.set_global(None)\nviztracer_native.get_tracer()\n"
            ""
            "assert seen and all(muted for _, muted in seen), seen\nassert not fake.is_muted()")
        self.assertEqual((0, ""), (done.returncode, done.stdout))

    def need_no_launcher(self):
        if any(os.path.exists(os.path.join(sysconfig.get_path("scripts", scheme), "viztracer-native"))
               for scheme in (sysconfig.get_default_scheme(), "posix_user", "posix_prefix")):
            self.skipTest("viztracer-native is installed for this interpreter")

    def test_as_a_command(self):
        self.need_no_launcher()
        with tempfile.TemporaryDirectory(prefix="vtn-command-") as folder:
            environment = {"PATH": folder, "PYTHONPATH": PACKAGES}
            words = [sys.executable, "-S", "-m", "viztracer_native", "--mine", "x.py"]
            done = subprocess.run(words, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
            self.assertEqual((1, 1), (done.returncode, done.stdout.count("\n")), done.stdout)
            self.assertIn("viztracer-native: there is no viztracer-native", done.stdout)
            with open(os.path.join(folder, "viztracer-native"), "w", encoding="utf-8") as file:
                file.write('#!/bin/sh\necho "$@"\n')
            os.chmod(file.name, 0o755)
            done = subprocess.run(words, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
        self.assertEqual((0, f"--python {sys.executable} --mine x.py\n"), (done.returncode, done.stdout))

    def test_without_the_recorder(self):
        """In an ordinary process what marks does nothing, until a tracer begins; that says in one line why it cannot."""
        self.need_no_launcher()
        done = self.run_program(
            "import os\nos.environ['PATH'] = '/nowhere'\nfrom viztracer_native import *\n"
            "with span('x', n=1), paused(), flow(3):\n    instant('y', k=2)\n    counter('z', v=1)\nassert get_tracer() is None\n"
            "@ignore_function\ndef f(): return 7\nassert f() == span('f')(f)() == 7\n"
            "try:\n    VizTracer().start()\nexcept RuntimeError as error:\n    print(error)")
        self.assertEqual((0, 1), (done.returncode, done.stdout.count("\n")), done.stdout)
        self.assertIn("viztracer-native", done.stdout)


class Sources(unittest.TestCase):
    def test_the_standard_library_alone(self):
        for path, text in modules():
            for node in ast.walk(ast.parse(text)):
                names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else \
                    [node.module] if isinstance(node, ast.ImportFrom) and node.level == 0 else []
                for name in names:
                    first = name.split(".")[0]
                    allowed = {"viztracer_native", "typing_extensions" if "_native.py" in path else None}
                    self.assertTrue(first in sys.stdlib_module_names or first in allowed, f"{path}: {name}")

    def test_the_fake_has_what_the_recorder_has(self):
        text = dict(modules())[os.path.join("viztracer_native", "_native.pyi")]
        functions = {node.name: node for node in ast.parse(text).body if isinstance(node, (ast.FunctionDef, ast.ClassDef))}
        self.assertGreater(len(functions), 18)
        for name, node in functions.items():
            self.assertTrue(callable(getattr(fake, name)), name)
            if isinstance(node, ast.FunctionDef):
                self.assertEqual(len(node.args.posonlyargs), len(inspect.signature(getattr(fake, name)).parameters), name)
                self.assertEqual([], node.args.args, f"{name}: arguments go by position")


if __name__ == "__main__":
    unittest.main()
