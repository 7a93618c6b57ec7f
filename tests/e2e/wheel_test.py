# SPDX-License-Identifier: Apache-2.0
"""The wheel, in a fresh environment of each interpreter: what pip makes of it, and leaves of it."""

import json
import os
import sys
import unittest
import zipfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))

import support
import venvs
import wheels

PROGRAM = """
import sys
def work():
    return 1
work()
print(sys.prefix)
"""

INLINE = """
import sys
from viztracer_native import VizTracer, span
def work():
    return 1
with VizTracer(output_file=sys.argv[1], verbose=0):
    with span("step", n=1):
        work()
"""


def files_below(folder):
    """Without what an interpreter keeps of modules that it has compiled."""
    return sorted(os.path.relpath(os.path.join(at, name), folder)
                  for at, _, names in os.walk(folder) for name in names if "__pycache__" not in at)


class Wheel(support.TestCase):

    def setUp(self):
        super().setUp()
        if self.interpreter.root:
            self.skipTest("in another root there is no pip")
        self.wheel = wheels.wheel()
        self.prefix = os.path.join(self.work, "env")
        made = self.run_argv([self.interpreter.path, "-m", "venv", self.prefix], timeout=300)
        self.assertEqual(made.status, 0, made.stderr)
        self.python = os.path.join(self.prefix, "bin", "python3")

    def pip(self, *words):
        done = self.run_argv([self.python, "-m", "pip", "--disable-pip-version-check", "--no-input", *words], timeout=300)
        self.assertEqual(done.status, 0, done.stderr)

    def test_installed_used_and_gone(self):
        before = files_below(self.prefix)
        self.pip("install", "--no-index", "--no-deps", self.wheel)
        new = set(files_below(self.prefix)) - set(before)
        self.assertIn("bin/viztracer-native", new)
        self.assertEqual([], [name for name in new if name.endswith(".pth") or "vizviewer" in name or "/viztracer/" in name])
        command = os.path.join(self.prefix, "bin", "viztracer-native")
        program = self.write("x.py", PROGRAM)
        # By this environment's interpreter, though it is not active.
        for words in ([command], [self.python, "-m", "viztracer_native"]):
            report = os.path.join(self.reports, "r.json")
            run = self.run_argv([*words, "--quiet", "-o", report, program])
            self.assertEqual((run.status, run.stdout.decode().strip()), (0, self.prefix), run.stderr)
            with open(report, encoding="utf-8") as file:
                self.assertIn("work (", "".join(one["name"] for one in json.load(file)["traceEvents"]))
            os.unlink(report)
        for words in (["--version"], ["info", "--help"]):
            self.assertEqual(self.run_argv([self.python, "-m", "viztracer_native", *words]).status, 0)
        inline = os.path.join(self.reports, "inline.json")
        run = self.run_argv([self.python, self.write("y.py", INLINE), inline])
        self.assertEqual((run.status, run.stderr), (0, b""))
        with open(inline, encoding="utf-8") as file:
            names = [one["name"] for one in json.load(file)["traceEvents"] if one["ph"] == "X"]
        self.assertIn("step", names)
        plain = self.run_argv([self.python, "-c", "import sys; print([one for one in sys.modules if 'viztracer' in one]); import viztracer"])
        self.assertEqual((1, b"[]\n"), (plain.status, plain.stdout))
        self.assertIn(b"No module named 'viztracer'", plain.stderr)
        self.pip("uninstall", "-y", "viztracer-native")
        self.assertEqual(before, files_below(self.prefix))


WHOSE_VIZTRACER = """
import sys
import viztracer
viztracer.VizTracer
print("site-packages" in viztracer.__file__, "viztracer.snaptrace" in sys.modules)
"""


class Beside(support.TestCase):
    """VizTracer in the same environment, and installers that keep commands apart. On one interpreter."""

    def setUp(self):
        super().setUp()
        if self.interpreter not in venvs.bases():
            self.skipTest("on one interpreter; ./bootstrap test --all has the others")

    def test_viztracer_in_the_same_environment(self):
        folder = os.path.join(self.folder, "env")
        python = wheels.environment(folder, self.interpreter, "viztracer")
        program = self.write("x.py", WHOSE_VIZTRACER)
        theirs = self.run_argv([python, program])
        self.assertEqual((0, b"True True"), (theirs.status, theirs.stdout.strip()), theirs.stderr)
        # Below the command the name is ours: the program's own tracer goes into the run's recording.
        ours = self.run_argv([os.path.join(folder, "bin", "viztracer-native"), "--quiet", "-o", os.path.join(self.reports, "r.json"), program])
        self.assertEqual((0, b"False False"), (ours.status, ours.stdout.strip()), ours.stderr)
        with open(program.replace("x.py", "viztracer.py"), "w", encoding="utf-8") as file:
            file.write("import atexit\nclass VizTracer: pass\natexit.register(print, 'own')\n")
        own = self.run_argv([os.path.join(folder, "bin", "viztracer-native"), "--quiet", "-o", os.path.join(self.reports, "r.json"), program])
        self.assertEqual((0, b"False False\nown"), (own.status, own.stdout.strip()), own.stderr)
        with zipfile.ZipFile(wheels.wheel()) as archive:
            names = [name.split(".data/", 1)[-1] for name in archive.namelist()]
        self.assertEqual([], [name for name in names if name.startswith("viztracer/") or "vizviewer" in name or name == "scripts/viztracer"])

    def install(self, *words, env):
        tool = os.path.join(venvs.need("installers", self.interpreter), "bin", words[0])
        done = self.run_argv([tool, *words[1:]], env=env, timeout=300)
        self.assertEqual(done.status, 0, done.stderr.decode())
        return done

    def records(self, *command, env=None):
        """That command runs a program and has its calls."""
        report = os.path.join(self.reports, "tool.json")
        run = self.run_argv([*command, "--quiet", "-o", report, self.write("hello.py", PROGRAM)], env=env, timeout=300)
        self.assertEqual(run.status, 0, run.stderr.decode())
        with open(report, encoding="utf-8") as file:
            self.assertIn("work (", "".join(one["name"] for one in json.load(file)["traceEvents"]))
        os.unlink(report)

    def left(self, folder):
        return [name for name in files_below(folder) if not os.path.basename(name).startswith(".") and "/.cache/" not in f"/{name}"]

    def test_uv(self):
        base = os.path.join(self.folder, "uv")
        env = {"UV_TOOL_DIR": f"{base}/tools", "UV_TOOL_BIN_DIR": f"{base}/bin", "UV_CACHE_DIR": f"{self.folder}/cache", "UV_PYTHON_DOWNLOADS": "never",
               "HOME": self.folder}
        self.install("uv", "tool", "install", "--offline", "--python", self.interpreter.path, wheels.wheel(), env=env)
        self.records(f"{base}/bin/viztracer-native")
        self.install("uv", "tool", "uninstall", "viztracer-native", env=env)
        self.assertEqual([], self.left(base))

    def test_pipx(self):
        base = os.path.join(self.folder, "pipx")
        env = {"PIPX_HOME": base, "PIPX_BIN_DIR": f"{base}/bin", "PIPX_MAN_DIR": f"{base}/man", "HOME": self.folder, "PIP_RETRIES": "1"}
        pipx = os.path.join(venvs.need("installers", self.interpreter), "bin", "pipx")
        # It wants a newer pip than some interpreters bring.
        ready = self.run_argv([pipx, "upgrade-shared"], env=env, timeout=300)
        if ready.status != 0 and venvs.UNREACHABLE.search(ready.stderr.decode()):
            self.skipTest(f"PyPI cannot be reached: {ready.stderr.decode().strip()}")
        self.records(pipx, "run", "--python", self.interpreter.path, "--spec", wheels.wheel(), "viztracer-native", env=env)
        self.install("pipx", "install", "--python", self.interpreter.path, wheels.wheel(), env=env)
        self.records(f"{base}/bin/viztracer-native")
        self.install("pipx", "uninstall", "viztracer-native", env=env)
        self.assertEqual([], [name for name in self.left(base) if "viztracer" in name])


if __name__ == "__main__":
    unittest.main()
