# SPDX-License-Identifier: Apache-2.0
"""Counters as objects."""

from __future__ import annotations

from .event_base import EventBase


class VizCounter(EventBase):
    """A counter whose series are its attributes: each assignment is a sample of all of them.

    TypeError for a value that is neither int nor float; the attribute then stays what it was. With `tracer` None it
    is a plain object.

        queue = VizCounter(get_tracer(), "queue")
        queue.waiting = 3
    """

    def _check(self, name: str, value: object) -> None:
        if not isinstance(value, (int, float)):
            raise TypeError(f"{self._name}.{name}: a counter takes numbers, not {type(value).__qualname__}")

    def log(self) -> None:
        values = self._told()
        if self._tracer is not None and values:
            self._tracer.add_counter(self._name, values)
