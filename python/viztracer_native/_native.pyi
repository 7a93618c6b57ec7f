# SPDX-License-Identifier: Apache-2.0
#
# What the recorder lends to Python. The module is part of the runtime; everything else of this package is made of it.
# Arguments go by position. In a process that is in no session whatever marks something is accepted, and does nothing.
# Where it is there before the package, below the launcher, it also has `mark`, `sample` and `span`: instant(), counter() and
# span() of the package with their own arguments, which take their places.
# Frames of this package, and what it does while a thread is muted, are not recorded.
from typing import Any

from typing_extensions import Self

def state() -> int:
    """0: this process is in no session; 1: it is recorded; 2: paused; 3: stopped."""

def begin(settings: dict[str, Any], /) -> None:
    """Makes a session of this process's own, and records. RuntimeError with one line where that cannot be.

    settings["arguments"]: options of the launcher's command line, as a list of words. The report that they name (-o) is
    written if the process ends, by whatever end, before stop().
    """

def end() -> None:
    """Ends recording in a session that begin() made, and leaves it: state() is 0 again, and begin() may be called with
    other settings. Below the launcher there is no such function: nothing there calls it."""

def start() -> None:
    """Recording of this process begins, in all its threads."""

def stop() -> None:
    """It ends; the interpreter is as fresh afterwards."""

def pause() -> None:
    """Nothing of this process is recorded from now on. Cheap, unlike stop()."""

def resume() -> None:
    """Ends pause()."""

def mute() -> None:
    """Nothing of the calling thread is recorded until as many unmute() have been called, but for the ends of calls and
    spans that began before. What begins meanwhile and is open then, begins then."""

def unmute() -> None:
    """Ends one mute()."""

def instant(name: str, values: Any, scope: str, /) -> None:
    """A mark at this moment, with those values of a dict, or with that one value; None: with none. scope: "g" for all
    processes, "p" for this one, "t" for this thread. TypeError, ValueError."""

def counter(name: str, values: Any, /) -> None:
    """A sample of a counter, a series for each key. TypeError for what is no dict of int and float."""

def variable(name: str, value: Any, /) -> None:
    """The value that a variable has: a number as a sample of a counter, else an instant that has it as `object`.
    TypeError for a name that is no text."""

def object_event(ph: str, obj_id: str, name: str, args: Any, /) -> None:
    """What became of an object: "N" it is new, "O" its state is args, "D" it is deleted."""

def raw(event: str, /) -> None:
    """JSON text of one event, for the report as it is; pid and tid are added where they are missing."""

def argument(key: str, value: Any, /) -> None:
    """The Python call that calls this, but for those of this package, has the value as an argument; where that call is
    not recorded it is an instant. TypeError for a key that is no text."""

def event(name: str, /) -> Span:
    """A span whose name says where the program asks for it: "load (program.py:12)". TypeError for another name."""

class Span:
    """A slice of that name on this thread, while the context lasts. Entered in the frame of a generator or
    coroutine, it goes on where that does. What makes it is __new__, so that it can be derived from."""

    def __new__(cls, name: str, values: dict[str, Any], /) -> Self: ...
    def __enter__(self) -> Self: ...
    def __exit__(self, kind: object, error: object, traceback: object, /) -> None: ...

def now_ns() -> int:
    """The recording's clock: CLOCK_MONOTONIC."""

def base_time_ns() -> int:
    """What the wall clock is ahead of it."""

def flush() -> None:
    """When it returns, all that was recorded before is in the file that info()["recording"] names."""

def info() -> dict[str, str]:
    """"launcher": its path; "recording": that of the .vtn file, which grows; "output": the run's report, or "", or left out."""

def settings() -> dict[str, Any]:
    """What this run records, under the names of the launcher's options: {"log_sparse": False, ...}."""
