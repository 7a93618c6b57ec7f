# SPDX-License-Identifier: Apache-2.0
"""Objects whose lives are told."""

from __future__ import annotations

import os

from .event_base import EventBase

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from .tracer import VizTracer


class VizObject(EventBase):
    """An object that is told of when it is new, with its attributes whenever one changes, and when it is gone.

    Told are attributes that are numbers, texts, lists and dicts. With `tracer` None it is a plain object.

        class Connection(VizObject): ...

        connection = Connection(get_tracer(), "connection")
        connection.state = "open"
    """

    _id: str = ""
    _pid: int = 0

    def __init__(self, tracer: VizTracer | None, name: str, **settings: object) -> None:
        super().__init__(tracer, name, **settings)
        object.__setattr__(self, "_id", str(id(self)))
        object.__setattr__(self, "_pid", os.getpid())
        if tracer is not None:
            tracer.add_object("N", self._id, name)

    def _told(self) -> dict[str, Any]:
        return {name: value for name, value in super()._told().items() if isinstance(value, (list, dict, int, float, str))}

    def log(self) -> None:
        if self._tracer is not None:
            self._tracer.add_object("O", self._id, self._name, {"snapshot": self._told()})

    def __del__(self) -> None:
        # One whose __init__ failed has no tracer; a forked child's copy is another process's object.
        tracer = vars(self).get("_tracer")
        if tracer is not None and self._id and self._pid == os.getpid():
            tracer.add_object("D", self._id, self._name)
