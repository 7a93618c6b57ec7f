# SPDX-License-Identifier: Apache-2.0
"""The recording of this process, and who of its tracers wants it.

Two kinds: below the command `viztracer-native` (or attached to), a recording runs that is somebody else's, and tracers
pause and resume it. In an ordinary process the first tracer that starts makes a session, and the last one that stops
ends its recording. Thread-safe; a forked child begins with what its own state() says.
"""

from __future__ import annotations

import _thread
import builtins
import os

from . import _native
from .muting import paused

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .tracer import VizTracer

IN_NO_SESSION, RECORDING, PAUSED, STOPPED = range(4)

# As VizTracer names it, for programs that look there.
GLOBAL_NAME = "__viz_tracer__"

# Re-entrant: a signal's handler may start and stop as well (VizTracer.install).
lock = _thread.RLock()
_begun_by: int | None = None  # the process id, of a session of our own
_begun_with: list[str] = []
_running: list[object] = []  # tracers that have been started and not stopped
_tracer_of_run: VizTracer | None = None


def _after_fork_in_child() -> None:
    global lock
    lock = _thread.RLock()
    if _native.state() == IN_NO_SESSION:
        _running.clear()


os.register_at_fork(after_in_child=_after_fork_in_child)


def in_run() -> bool:
    """There is a recording here that no tracer of this process has begun."""
    return _native.state() != IN_NO_SESSION and _begun_by != os.getpid()


def is_recording() -> bool:
    return _native.state() == RECORDING


def start(who: object, arguments: list[str], output: str) -> bool:
    """Records from now on, for `who`; returns whether with these options, or with those that somebody else began with.

    `output`: the report that is made if the process ends, by whatever end, before anybody has stopped.

    RuntimeError where the recorder cannot begin: what it says, in one line.
    """
    global _begun_by, _begun_with
    with lock:
        state = _native.state()
        if state == IN_NO_SESSION:
            _native.begin({"arguments": ["-o", output, *arguments]})
            _begun_by, _begun_with = os.getpid(), list(arguments)
        elif state == PAUSED:
            _native.resume()
        elif state == STOPPED:
            _native.start()
        if who not in _running:
            _running.append(who)
        return in_run() or _begun_with == arguments


def stop(who: object, keep: bool = False) -> None:
    """`who` needs no recording any more. It ends with the last that does, unless it is to be kept on."""
    with lock:
        if who in _running:
            _running.remove(who)
        if _running or keep or _native.state() != RECORDING:
            return
        if in_run():
            _native.pause()
        else:
            _native.stop()


def get_global() -> VizTracer | None:
    found: VizTracer | None = vars(builtins).get(GLOBAL_NAME)
    return found


def set_global(tracer: VizTracer | None) -> None:
    if tracer is None:
        vars(builtins).pop(GLOBAL_NAME, None)
    else:
        setattr(builtins, GLOBAL_NAME, tracer)


def get_tracer() -> VizTracer | None:
    """The program's tracer: the VizTracer that was made last and is registered.

    Below the command `viztracer-native` there is one without any being made: the run's own, whose start() and stop()
    resume and pause the recording of this process. Elsewhere None.

        tracer = get_tracer()
        if tracer is not None:
            tracer.log_instant("ready")
    """
    global _tracer_of_run
    found = get_global()
    if found is None and in_run():
        with lock:
            if _tracer_of_run is None:
                with paused():
                    from .tracer import RunTracer
                _tracer_of_run = RunTracer()
            found = _tracer_of_run
    return found
