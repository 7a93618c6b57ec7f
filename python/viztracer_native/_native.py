# SPDX-License-Identifier: Apache-2.0
"""In a process that nobody records: what there is of the native part, until begin() has got the whole of it.

Everything that logs is accepted and does nothing. begin() asks the launcher for a session and loads what records; from
then on the names here are the native ones. (Below the launcher this file is not used: the native part is there already.)
"""

import os
import sys
import time

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from typing_extensions import Self

_SHIM = "libvtn.so"  # in a session's folder: what loads the rest
_MODULE = "_viztracer_native"
_NOT_TRACED = "VIZTRACER_NATIVE"


def state() -> int:
    return 0


_IDLE_STATE = state


def begin(settings: "dict[str, Any]", /) -> None:
    import subprocess

    command = [_launcher(), "--begin", str(os.getpid()), *settings.get("arguments", ())]
    try:
        asked = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, env={**os.environ, _NOT_TRACED: "0"}, check=False)
    except OSError as error:
        raise RuntimeError(f"cannot run {command[0]}: {error.strerror}") from error
    folder = os.fsdecode(asked.stdout).strip()
    if not folder.startswith("/"):
        raise RuntimeError(folder or f"{command[0]} ended with status {asked.returncode}")
    _enter(folder)


def _launcher() -> str:
    """The one that was installed with this package, else that of the PATH."""
    import shutil
    import sysconfig

    for scheme in (None, "posix_user", "posix_prefix"):
        scripts = sysconfig.get_path("scripts", scheme) if scheme else sysconfig.get_path("scripts")
        own = os.path.join(scripts, "viztracer-native") if scripts else ""
        if os.access(own, os.X_OK):
            return own
    found = shutil.which("viztracer-native")
    if found is None:
        raise RuntimeError("there is no viztracer-native on the PATH: install the package viztracer-native")
    return found


_native: "Any" = None  # the native module, once there is one


def _enter(folder: str) -> None:
    """Loads what records, which stays for the life of the process, or has it enter another session; and records."""
    global _native
    if _native is None:
        import _imp
        from importlib.machinery import ModuleSpec

        loaded = _imp.create_dynamic(ModuleSpec(_MODULE, None, origin=os.path.join(folder, _SHIM)))
        _imp.exec_dynamic(loaded)
        loaded.hide_folder(os.path.join(os.path.dirname(__file__), ""))
        _native = loaded
    else:
        _native.enter(folder)
    _native.start()
    globals().update({name: value for name, value in vars(_native).items() if not name.startswith("__")})


def end() -> None:
    """The session is left: it can be begun by other options."""
    if _native is not None:
        _native.stop()
        globals()["state"] = _IDLE_STATE


def start() -> None:
    pass


def stop() -> None:
    pass


def pause() -> None:
    pass


def resume() -> None:
    pass


def mute() -> None:
    pass


def unmute() -> None:
    pass


def instant(name: str, values: "Any" = None, scope: str = "t", /) -> None:
    pass


def counter(name: str, values: "Any", /) -> None:
    pass


def variable(name: str, value: "Any", /) -> None:
    pass


def object_event(ph: str, obj_id: str, name: str, args: "Any" = None, /) -> None:
    pass


def raw(event: str, /) -> None:
    pass


def argument(key: str, value: "Any", /) -> None:
    pass


class Span:
    """One that is made before recording begins, or of a class that is derived before, records all the same."""

    __slots__ = ("_of", "_recorded")

    def __new__(cls, name: str, values: "dict[str, Any] | None" = None, /) -> "Self":
        self = super().__new__(cls)
        self._of = (name, values)
        self._recorded = None
        return self

    def __enter__(self) -> "Self":
        native = globals()["Span"]
        if native is not _IDLE_SPAN:
            self._recorded = native(*self._of)
            self._recorded.__enter__()
        return self

    def __exit__(self, kind: object, error: object, traceback: object, /) -> None:
        if self._recorded is not None:
            self._recorded.__exit__(kind, error, traceback)
            self._recorded = None


_IDLE_SPAN = Span


def event(name: str, /) -> Span:
    if not isinstance(name, str):
        raise TypeError(f"the name of an event must be a text, not {type(name).__name__}")
    caller = sys._getframe(2)  # who called the package
    return Span(f"{name} ({caller.f_code.co_filename}:{caller.f_lineno})")


def now_ns() -> int:
    return time.monotonic_ns()


def base_time_ns() -> int:
    return time.time_ns() - time.monotonic_ns()


def flush() -> None:
    pass


def info() -> "dict[str, str]":
    return {"launcher": _launcher(), "recording": "", "output": ""}


def settings() -> "dict[str, Any]":
    return {}
