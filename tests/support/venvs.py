# SPDX-License-Identifier: Apache-2.0
"""Virtual environments with packages from PyPI, for the tests of real servers and runners.

They are made once, in $VIZTRACER_NATIVE_CACHE/venvs (by default /var/cache/viztracer-native/venvs, or
~/.cache/viztracer-native/venvs where that cannot be written), and kept. The folder's name tells the
interpreter and what was asked for, so a changed list makes another folder.

    venvs.py            makes all of them that the tests use by default
"""

import fcntl
import functools
import hashlib
import os
import re
import shutil
import subprocess
import sys
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

import interpreters  # noqa: E402

# Majors are fixed: a new one may print other lines than the tests look for.
SETS = {
    "servers": ["flask~=3.0", "gunicorn>=23,<28", "gevent>=24", "setproctitle~=1.3", "uvicorn~=0.30",
                "watchfiles~=1.0", "django>=4.2,<7", "celery~=5.4", "joblib~=1.4", "pytest>=8,<10",
                "pytest-xdist~=3.6", "tox~=4.20", "setuptools>=68", "wheel"],
    "cython": ["cython~=3.1", "setuptools>=68"],
    "viztracer": ["viztracer~=1.1"],
    "debuggers": ["coverage~=7.6", "debugpy~=1.8"],
    "greenlets": ["greenlet~=3.0"],
    "telemetry": ["opentelemetry-sdk~=1.30"],
    "nvtx": ["nvtx~=0.2"],
    # With what older interpreters need, though that of the environment does not.
    "pytest": ["pytest>=8,<10", "pytest-xdist~=3.6", "exceptiongroup", "tomli", "typing_extensions"],
    "snakeviz": ["snakeviz~=2.2"],
    "installers": ["uv>=0.5,<1", "pipx~=1.7"],
    "kernel": ["nbclient~=0.10", "ipykernel>=6.29,<8"],
    "jupyterlab": ["jupyterlab~=4.2", "ipykernel>=6.29,<8"],
    "uwsgi": ["uwsgi~=2.0", "setuptools>=68", "wheel"],
}
# What pip says where no index answers, which is no fault of ours.
UNREACHABLE = re.compile(
    r"(?i)connection|timed out|name resolution|network is unreachable|could not find a version|proxy")
MAKING_TAKES = 900  # seconds at most


def test_all():
    """Whether the long tests are wanted too (`./bootstrap test --all`)."""
    return os.environ.get("VIZTRACER_NATIVE_TEST_ALL", "") not in ("", "0")


@functools.lru_cache(maxsize=None)
def bases():
    """The interpreters whose environments are tested: of this machine's own root, and one only unless
    VIZTRACER_NATIVE_TEST_PYTHONS or VIZTRACER_NATIVE_TEST_ALL ask for more."""
    found = [one for one in interpreters.discover()[0] if one.root is None]
    wanted = os.environ.get("VIZTRACER_NATIVE_TEST_PYTHONS")
    if wanted:
        prefixes = tuple(part.strip() for part in wanted.split(",") if part.strip())
        return tuple(one for one in found if one.name.startswith(prefixes))
    if test_all():
        return tuple(found)
    system = [one for one in found if one.name.endswith("-system")]
    return tuple((system or found)[:1])


def cache():
    folder = os.environ.get("VIZTRACER_NATIVE_CACHE", "/var/cache/viztracer-native")
    for one in (folder, os.path.expanduser("~/.cache/viztracer-native")):
        try:
            os.makedirs(os.path.join(one, "venvs"), exist_ok=True)
        except OSError:
            continue
        if os.access(os.path.join(one, "venvs"), os.W_OK):
            return os.path.join(one, "venvs")
    raise unittest.SkipTest(f"no folder for virtual environments: {folder} cannot be written")


@functools.lru_cache(maxsize=None)
def _made(name, base):
    """(folder, None), or (None, why it cannot be)."""
    key = hashlib.sha256("\n".join(SETS[name]).encode()).hexdigest()[:12]
    folder = os.path.join(cache(), f"{base.name}-{name}-{key}")
    done = os.path.join(folder, "complete")
    with open(folder + ".lock", "w", encoding="utf-8") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # tests of several files run at once
        if os.path.exists(done):
            return folder, None
        shutil.rmtree(folder, ignore_errors=True)
        problem = _make(folder, name, base)
        if problem is not None:
            shutil.rmtree(folder, ignore_errors=True)
            return None, problem
        with open(done, "w", encoding="utf-8"):
            return folder, None


def _make(folder, name, base):
    """None, or why PyPI cannot be reached."""
    environment = {key: value for key, value in os.environ.items()
                   if not key.startswith(("PYTHON", "VIZTRACER_NATIVE", "VTN_"))}
    environment["MAKEFLAGS"] = "-j2"
    pip = [os.path.join(folder, "bin", "python3"), "-m", "pip", "--disable-pip-version-check",
           "--quiet", "--no-input", "install", "--retries", "1", "--timeout", "60"]
    steps = [[base.path, "-m", "venv", folder], pip + SETS[name]]
    for step in steps:
        done = subprocess.run(step, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, env=environment, check=False, text=True,
                              timeout=MAKING_TAKES)
        if done.returncode != 0:
            last = (done.stdout.strip().splitlines() or ["it said nothing"])[-1]
            if step is not steps[0] and UNREACHABLE.search(done.stdout):
                return f"PyPI cannot be reached: {last}"
            raise RuntimeError(f"{' '.join(step)} ended with {done.returncode}:\n{done.stdout}")
    return None


def need(name, base):
    """The folder of the environment `name` (of SETS) for `base`; skips the test where it cannot be made."""
    folder, problem = _made(name, base)
    if folder is None:
        raise unittest.SkipTest(problem)
    return folder


if __name__ == "__main__":
    for one in bases():
        for each in SETS:
            try:
                print(need(each, one))
            except unittest.SkipTest as reason:
                print(f"{each} for {one.name}: {reason}", file=sys.stderr)
