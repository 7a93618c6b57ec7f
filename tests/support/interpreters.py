# SPDX-License-Identifier: Apache-2.0
"""Which CPythons the tests run on, and how a command is run under each.

An interpreter lies either on this machine or in a root made by packaging/forky_root.sh. Commands for
one in a root are run there by chroot: the test runner moves into a mount namespace of its own once,
mounts /proc, /sys, /dev, /tmp, the source and the build folder into the root, and each command changes its
root between fork and exec. The mounts end with the last process of the runner, however it dies.
"""

import ctypes
import dataclasses
import functools
import glob
import os
import re
import subprocess
import sys

OLDEST = (3, 10)
SOURCE_ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

CLONE_NEWNS = 0x00020000
MS_BIND, MS_REC, MS_PRIVATE = 0x1000, 0x4000, 0x40000


@dataclasses.dataclass(frozen=True)
class Interpreter:
    """One CPython. `path` is as seen from within `root` (None: this machine's own root)."""

    name: str
    path: str
    version: tuple
    root: str = None

    @property
    def minor(self):
        return self.version[:2]

    def _enter(self, preexec):
        if self.root is None:
            return preexec
        root = self.root

        def enter():
            inside = os.getcwd()  # subprocess has changed to its `cwd` already
            os.chroot(root)
            os.chdir(inside)
            if preexec is not None:
                preexec()

        return enter

    def popen(self, argv, preexec_fn=None, **kwargs):
        """subprocess.Popen of `argv`, in this interpreter's root. argv[0] must be a full path."""
        return subprocess.Popen(argv, preexec_fn=self._enter(preexec_fn), **kwargs)


def _mount(source, target, flags, kind=None):
    libc = ctypes.CDLL(None, use_errno=True)
    encode = lambda text: text.encode() if text is not None else None
    if libc.mount(encode(source), encode(target), encode(kind), ctypes.c_ulong(flags), None) != 0:
        code = ctypes.get_errno()
        raise OSError(code, f"cannot mount {source} on {target}: {os.strerror(code)}")


def enter_mount_namespace(root, folders):
    """Makes `folders` visible at the same paths within `root`, for this process and its children."""
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.unshare(CLONE_NEWNS) != 0:
        code = ctypes.get_errno()
        raise OSError(code, f"cannot make a mount namespace: {os.strerror(code)}")
    _mount("none", "/", MS_REC | MS_PRIVATE)
    for folder in folders:
        target = root + folder
        os.makedirs(target, exist_ok=True)
        _mount(folder, target, MS_BIND | MS_REC)


@functools.lru_cache(maxsize=None)
def _version(path, root=None):
    """(3, 12, 1) of the interpreter, or None if it does not run or is no CPython."""
    code = "import sys; print(sys.implementation.name, *sys.version_info[:3])"
    enter = (lambda: (os.chroot(root), os.chdir("/"))) if root else None
    try:
        answer = subprocess.run(
            [path, "-I", "-S", "-c", code],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
            timeout=60, preexec_fn=enter, check=False, text=True).stdout.split()
    except (OSError, subprocess.SubprocessError):
        return None
    if len(answer) != 4 or answer[0] != "cpython":
        return None
    return tuple(int(part) for part in answer[1:])


def forky_root():
    cache = os.environ.get("VIZTRACER_NATIVE_CACHE", "/var/cache/viztracer-native")
    return os.path.join(cache, "forky")


def _candidates():
    """(label, path) of the interpreters of this machine that may be worth a look."""
    for path in sorted(glob.glob("/usr/bin/python3.*")):
        if re.fullmatch(r"/usr/bin/python3\.\d+", path):
            yield "system", path
    pyenv = os.environ.get("PYENV_ROOT") or os.path.expanduser("~/.pyenv")
    for path in sorted(glob.glob(os.path.join(pyenv, "versions", "3.*", "bin", "python3"))):
        yield "pyenv", path


def discover():
    """(interpreters, skips): every interpreter to test, and [(what, why not)]."""
    found, skips = [], []
    for label, path in _candidates():
        version = _version(path)
        if version is None:
            skips.append((path, "it does not run, or is not CPython"))
        elif version[:2] >= OLDEST:
            name = "{}.{}.{}".format(*version)
            found.append(Interpreter(f"{name}-{label}", path, version))
    root = forky_root()
    inside = sorted(glob.glob(root + "/usr/bin/python3.[0-9]*[0-9]"))
    if not inside:
        skips.append(("forky", f"{root} is not there: packaging/forky_root.sh makes it"))
    for path in (path.removeprefix(root) for path in inside):
        name = os.path.basename(path)
        if os.geteuid() != 0:
            skips.append((name, f"only root can run what lies in {root}"))
        else:
            version = _version(path, root)
            if version is None:
                skips.append((name, f"{root}{path} does not run"))
            else:
                found.append(Interpreter("{}.{}.{}-forky".format(*version), path, version, root))
    found.sort(key=lambda interpreter: (interpreter.version, interpreter.name))
    return found, skips


def selected():
    """discover(), cut down to $VIZTRACER_NATIVE_TEST_PYTHONS (such as `3.11,3.14`), ready to run."""
    found, skips = discover()
    wanted = os.environ.get("VIZTRACER_NATIVE_TEST_PYTHONS")
    if wanted:
        prefixes = tuple(part.strip() for part in wanted.split(",") if part.strip())
        found = [one for one in found if one.name.startswith(prefixes)]
    roots = sorted({one.root for one in found if one.root})
    build = os.environ.get("VIZTRACER_NATIVE_BUILD")
    for root in roots:
        folders = ["/proc", "/sys", "/dev", "/tmp", SOURCE_ROOT]
        if build and not build.startswith("/tmp/"):
            folders.append(build)
        try:
            enter_mount_namespace(root, folders)
        except OSError as error:
            skips += [(one.name, str(error)) for one in found if one.root == root]
            found = [one for one in found if one.root != root]
    return found, skips


def of_each_way(found):
    """Of `found` (in order of their versions) one for each way calls are recorded: the oldest, by a
    profile function, and the newest of this machine, by sys.monitoring. All of them, if
    VIZTRACER_NATIVE_TEST_ALL asks for the long tests."""
    if os.environ.get("VIZTRACER_NATIVE_TEST_ALL", "") not in ("", "0"):
        return found
    by_profile = [one for one in found if one.minor < (3, 12)]
    monitored = [one for one in found if one.minor >= (3, 12)]
    monitored = [one for one in monitored if one.root is None] or monitored
    return by_profile[:1] + monitored[-1:]


if __name__ == "__main__":
    interpreters, skipped = discover()
    for one in interpreters:
        print(one.name, (one.root or "") + one.path)
    for what, why in skipped:
        print(f"skipped: {what}: {why}", file=sys.stderr)
