# SPDX-License-Identifier: Apache-2.0
"""Marks at a point in time: instants and counters."""

from __future__ import annotations

from . import _native

SCOPES = ("g", "p", "t")


def checked_scope(scope: str) -> str:
    if not isinstance(scope, str):
        raise TypeError(f"scope must be a text, not {type(scope).__name__}")
    if scope not in SCOPES:
        raise ValueError(f"scope must be 'g' (all processes), 'p' (this process) or 't' (this thread), not {scope!r}")
    return scope


def checked_name(name: str) -> str:
    if not isinstance(name, str):
        raise TypeError(f"the name of a mark must be a text, not {type(name).__name__}")
    return name


def instant(name: str, /, *, scope: str = "t", **values: object) -> None:
    """Marks this moment.

    `values` are shown with it as the recorder shows values: without running their code. `scope` says how far the mark
    is drawn: "t" across its thread, "p" its process, "g" everything. Names stay few: what differs each time is a value.
    TypeError for a name that is no text, ValueError for another scope.

        instant("cache miss", key=key)
    """
    _native.instant(checked_name(name), values or None, checked_scope(scope))


def counter(name: str, /, **values: float) -> None:
    """Samples a counter: one track, with a series for each keyword.

    TypeError for a value that is neither int nor float, or where there is none.

        counter("queue", waiting=len(waiting), running=3)
    """
    if not values:
        raise TypeError("counter() needs at least one value: counter('queue', length=3)")
    _native.counter(checked_name(name), values)


if hasattr(_native, "mark"):  # it is there from the start: no function of ours in between
    globals().update(instant=getattr(_native, "mark"), counter=getattr(_native, "sample"))
