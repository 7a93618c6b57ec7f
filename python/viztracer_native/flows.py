# SPDX-License-Identifier: Apache-2.0
"""Arrows between slices that belong together."""

from __future__ import annotations

from . import _native
from .events import emit


class flow:
    """An arrow that leads through slices: of other threads, tasks and processes as well.

    `id` is an int or a text that all who take part know: a request's number, a message's key. `name` is the arrow's.
    Each of begin(), step() and end() ties it to the slice that is open on this thread. As a context it is a slice
    itself that the arrow leads through. TypeError for an id of another type.

        with span("enqueue"):
            flow(job.number).begin()
        ...
        with span("handle"):  # wherever that is
            flow(job.number).end()
    """

    __slots__ = ("_id", "_name", "_open")

    def __init__(self, id: int | str, /, name: str = "flow") -> None:
        if isinstance(id, bool) or not isinstance(id, (int, str)):
            raise TypeError(f"the id of a flow must be an int or a text, not {type(id).__name__}")
        if not isinstance(name, str):
            raise TypeError(f"the name of a flow must be a text, not {type(name).__name__}")
        self._id = id
        self._name = name
        self._open: list[_native.Span] = []

    def _emit(self, phase: str) -> None:
        # Viewers tie a flow together by category, name and id; ids beyond 2^53 are no numbers in JSON for all of them.
        event = {"ph": phase, "cat": "flow", "name": self._name, "id": str(self._id), "ts": _native.now_ns() / 1000}
        if phase == "f":
            event["bp"] = "e"  # ends at the slice around it, not at the next one
        emit(event)

    def begin(self) -> None:
        """The arrow begins at the slice that is open here.

            flow(job.number).begin()
        """
        self._emit("s")

    def step(self) -> None:
        """It goes on through the slice that is open here.

            flow(job.number).step()
        """
        self._emit("t")

    def end(self) -> None:
        """It ends at the slice that is open here.

            flow(job.number).end()
        """
        self._emit("f")

    def __enter__(self) -> flow:
        made = _native.Span(self._name, {"id": self._id})
        made.__enter__()
        self._open.append(made)
        self.step()
        return self

    def __exit__(self, kind: object, error: object, traceback: object) -> None:
        self._open.pop().__exit__(kind, error, traceback)
