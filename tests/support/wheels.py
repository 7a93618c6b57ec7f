# SPDX-License-Identifier: Apache-2.0
"""The wheel of the build under test, and environments that it is installed in."""

import atexit
import functools
import os
import shutil
import subprocess
import sys
import tempfile
import unittest

import venvs

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))


@functools.lru_cache(maxsize=None)
def _made():
    """(path, None), or (None, why there is none)."""
    build = os.path.dirname(os.path.dirname(os.path.realpath(os.environ.get("VIZTRACER_NATIVE", "viztracer-native"))))
    folder = tempfile.mkdtemp(prefix="vtn-wheel-")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    made = subprocess.run([sys.executable, os.path.join(ROOT, "packaging", "wheel.py"), build, folder],
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    return (made.stdout.strip(), None) if made.returncode == 0 else (None, made.stdout)


def wheel():
    """Its path; skips the test where the launcher is in no build folder."""
    path, problem = _made()
    if path is None:
        raise unittest.SkipTest(problem)
    return path


def environment(folder, base, name=None):
    """The python3 of a new environment of `base` in `folder` that has the wheel, and sees the packages of the set `name` of
    venvs.SETS. Skips the test where these cannot be had."""
    kept = venvs.need(name, base) if name else None
    python = os.path.join(folder, "bin", "python3")
    pip = [os.path.join(kept, "bin", "python3"), "-m", "pip", "--python", python] if kept else [python, "-m", "pip"]
    steps = [[base.path, "-m", "venv", *(["--without-pip"] if kept else []), folder],
             [*pip, "--quiet", "--disable-pip-version-check", "--no-input", "install", "--no-index", "--no-deps", wheel()]]
    for step in steps:
        done = subprocess.run(step, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False, timeout=300)
        if done.returncode != 0:
            raise RuntimeError(f"{' '.join(step)} ended with {done.returncode}:\n{done.stdout}")
    if kept:
        packages = f"lib/python{base.version[0]}.{base.version[1]}/site-packages"
        with open(os.path.join(folder, packages, "set.pth"), "w", encoding="utf-8") as file:
            file.write(os.path.join(kept, packages) + "\n")
    return python
