# SPDX-License-Identifier: Apache-2.0
"""`pip install` with build isolation and tox: programs that make environments and run other Pythons
in them. All packages are local ones, so no index is asked."""

import base64
import hashlib
import os
import unittest
import zipfile

import servers

# A build backend in a wheel of its own, which pip puts into the isolated environment.
BACKEND = '''
import os, zipfile

def get_requires_for_build_wheel(config_settings=None):
    return []

def contents():
    return {
        "demo.py": "def shout(): return 'demo'\\n",
        "demo-1.0.dist-info/METADATA": "Metadata-Version: 2.1\\nName: demo\\nVersion: 1.0\\n",
        "demo-1.0.dist-info/WHEEL": "Wheel-Version: 1.0\\nGenerator: tiny\\nRoot-Is-Purelib: true\\n"
                                    "Tag: py3-none-any\\n",
        "demo-1.0.dist-info/RECORD": "demo.py,,\\ndemo-1.0.dist-info/METADATA,,\\n"
                                     "demo-1.0.dist-info/WHEEL,,\\ndemo-1.0.dist-info/RECORD,,\\n"}

def build_wheel(wheel_directory, config_settings=None, metadata_directory=None):
    os.system("true")
    name = "demo-1.0-py3-none-any.whl"
    with zipfile.ZipFile(os.path.join(wheel_directory, name), "w") as wheel:
        for path, text in contents().items():
            wheel.writestr(path, text)
    return name
'''
PROJECT = """
[build-system]
requires = ["tiny-backend"]
build-backend = "tiny_backend"

[project]
name = "demo"
version = "1.0"
"""
TOX = """
[tox]
env_list = py, lint
[testenv]
package = skip
commands = python {tox_root}/check.py one two
[testenv:lint]
commands = python -c "import sys; print('lint', sys.prefix == sys.base_prefix)"
"""


@servers.on_every_base
class Packaging(servers.ServerCase):
    masks = [(r"/tmp/\S+", "FOLDER"), (r"sha256=\w+", "HASH"), (r"size=\d+", "SIZE")]

    def wheel_of_backend(self):
        """tiny_backend-1.0-py3-none-any.whl in the folder `wheels`; its path."""
        files = {
            "tiny_backend.py": BACKEND,
            "tiny_backend-1.0.dist-info/METADATA":
                "Metadata-Version: 2.1\nName: tiny-backend\nVersion: 1.0\n",
            "tiny_backend-1.0.dist-info/WHEEL":
                "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n"}
        record = "tiny_backend-1.0.dist-info/RECORD"
        lines = []
        for name, text in files.items():
            digest = base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).rstrip(b"=").decode()
            lines.append(f"{name},sha256={digest},{len(text.encode())}\n")
        files[record] = "".join(lines) + f"{record},,\n"
        folder = os.path.join(self.work, "wheels")
        os.makedirs(folder, exist_ok=True)
        with zipfile.ZipFile(os.path.join(folder, "tiny_backend-1.0-py3-none-any.whl"), "w") as wheel:
            for name, text in files.items():
                wheel.writestr(name, text)
        return folder

    def test_pip_install_with_build_isolation(self):
        wheels = self.wheel_of_backend()
        target = os.path.join(self.work, "target")
        self.write("project/pyproject.toml", PROJECT)

        run = self.compare(
            ["pip", "--disable-pip-version-check", "--isolated", "install", "--no-index", "--no-cache-dir",
             "--find-links", wheels, "--target", target, "./project"],
            prepare=lambda: self.remove("target"), masks=self.masks,
            env={name: None for name in os.environ if name.startswith("PIP_")})
        self.assertEqual(0, run.status, run.output())
        self.assertTrue(os.path.exists(os.path.join(target, "demo.py")))
        report = self.check_tree(run)
        # pip, pip again for the isolated environment, the backend for each of its hooks.
        self.assertLessEqual(4, len(report.traced()))
        built = report.called("build_wheel")
        self.assertEqual(1, len([call for call in report.named("contents")]))
        self.assertTrue(built)
        shells = [process for process in report.processes if (process["argv"] or [""])[:1] == ["sh"]]
        self.assertEqual(1, len(shells), report.processes)
        self.assertIn(shells[0]["parent"], report.called("contents"))

    def test_tox(self):
        self.write("tox.ini", TOX)
        self.write("check.py", "import sys\ndef checked(words): print(*words)\nchecked(sys.argv[1:])\n")

        run = self.compare(
            ["tox", "run"], prepare=lambda: self.remove(".tox"),
            masks=self.masks + [(r"\(.*=.*\)|\d+\.\d+", "TIMES")],
            env={"VIRTUALENV_OVERRIDE_APP_DATA": os.path.join(self.folder, "appdata"),
                 "VIRTUALENV_NO_DOWNLOAD": "1", "TOX_COLORED": "no"})
        self.assertEqual(0, run.status, run.output())
        report = self.check_tree(run)
        self.assertEqual(1, len(report.named("checked")))
        self.assertLessEqual(3, len(report.traced()))


if __name__ == "__main__":
    unittest.main()
