# SPDX-License-Identifier: Apache-2.0
"""What a VizTracer is told by the program: marks, events, times."""

from __future__ import annotations

import warnings

from . import _native
from .marks import checked_name, checked_scope
from .muting import paused

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


def shown(value: object, most: int = 256) -> str:
    """The repr of a value, cut; its type where that fails."""
    with paused():
        try:
            text = repr(value)
        except Exception:
            return f"<{type(value).__module__}.{type(value).__qualname__}>"
    return text if len(text) <= most else text[: most - 3] + "..."


class TracerMarks:
    """These methods do nothing while the tracer is not started, but for add_raw().

    While it is, the recorder checks what it is given: no function of ours is called in between.
    """

    _running = False  # it has been started, and not stopped
    _sync_marker_ns: int | None = None

    @property
    def enable(self) -> bool:
        """It has been started, and not stopped.

            if not tracer.enable:
                tracer.start()
        """
        return self._running

    def add_instant(self, name: str, args: Any = None, scope: str = "g") -> None:
        """A mark at this moment; nothing while it is not started. ValueError, TypeError for another scope or name.

            tracer.add_instant("cache miss", {"key": key})
        """
        if self._running:
            _native.instant(name, args, scope)
        else:
            checked_name(name)
            checked_scope(scope)

    def log_instant(self, name: str, args: Any = None, scope: str = "t", cond: bool = True) -> None:
        """add_instant() of this thread, if `cond` is true.

            tracer.log_instant("slow", {"seconds": seconds}, cond=seconds > 1)
        """
        if cond:
            if self._running:
                _native.instant(name, args, scope)
            else:
                self.add_instant(name, args, scope)

    def add_counter(self, name: str, args: dict[str, Any]) -> None:
        """A sample of a counter, with a series for each key; TypeError for what is neither int nor float.

            tracer.add_counter("memory", {"used": used, "free": free})
        """
        if self._running:
            _native.counter(name, args)
        elif not isinstance(args, dict):
            raise TypeError(f"the values of a counter must be a dict, not {type(args).__name__}")
        else:
            checked_name(name)

    def add_variable(self, name: str, var: object, event: str = "instant") -> None:
        """The value that `name` has: an instant that says it by its repr, or with "counter" a sample of one.

        ValueError for another event, and for a counter's value that is no number. What repr raises is not raised here.

            tracer.add_variable("state", state)
        """
        if event == "counter":
            if not isinstance(var, (int, float)):
                raise ValueError(f"{name}: a counter takes numbers, not {type(var).__qualname__}")
            self.add_counter(name, {name: var})
        elif event == "instant":
            if self.enable:
                self.add_instant(f"{name} = {shown(var)}", scope="p")
        else:
            raise ValueError(f"event must be 'instant' or 'counter', not {event!r}")

    def log_var(self, name: str, var: object, cond: bool = True) -> None:
        """The value that `name` has, if `cond` is true: a number as a sample of a counter, else an instant's value.

            tracer.log_var("queue", queue)
        """
        if cond:
            if self._running:
                _native.variable(name, var)
            else:
                checked_name(name)

    def log_event(self, name: str) -> _native.Span:
        """A context that is a slice of that name and of the place where it stands.

            with tracer.log_event("load"):
                rows = load(path)
        """
        return _native.event(name)

    def add_object(self, ph: str, obj_id: str, name: str, args: Any = None) -> None:
        """What became of an object: ph "N" it is new, "O" its state is `args`, "D" it is deleted. ValueError for
        another ph. `obj_id` tells objects of one name apart.

            tracer.add_object("O", str(id(node)), "node", {"left": 1})
        """
        if ph not in ("N", "O", "D"):
            raise ValueError(f"ph must be 'N', 'O' or 'D', not {ph!r}")
        if self.enable:
            _native.object_event(ph, str(obj_id), name, args)

    def add_raw(self, event: dict[str, Any]) -> None:
        """An event of Chrome's trace format as it is, with "ts" (and "dur") in us of getts(); pid and tid are added.

        TypeError for what is no dict with a "ph". Values that JSON has no word for are told of by their types.

            tracer.add_raw({"ph": "X", "name": "query", "ts": began, "dur": tracer.getts() - began})
        """
        if not isinstance(event, dict) or not isinstance(event.get("ph"), str):
            raise TypeError("an event must be a dict with 'ph', a text")
        with paused():
            from .events import emit
        emit(event)

    def add_func_args(self, key: str, value: object) -> None:
        """An argument of the call of the function that calls this, as if it had been called with it; an instant where
        that call is not recorded. TypeError for a key that is no text.

            get_tracer().add_func_args("rows", len(rows))
        """
        if self._running:
            _native.argument(key, value)
        elif not isinstance(key, str):
            raise TypeError(f"key must be a text, not {type(key).__name__}")

    def add_func_exec(self, name: str, val: object, lineno: int) -> None:
        """A step of the innermost call: that line bound `name`. An instant at its own time.

            tracer.add_func_exec("total", total, 17)
        """
        if self.enable:
            _native.instant(f"({int(lineno)}) {name}", {"value": val}, "t")

    def getts(self) -> float:
        """Now, in us of the clock that "ts" of events counts by.

            began = tracer.getts()
        """
        return _native.now_ns() / 1000

    def get_base_time(self) -> int:
        """What the wall clock is ahead of it, in ns.

            wall_ns = tracer.getts() * 1000 + tracer.get_base_time()
        """
        return _native.base_time_ns()

    def set_sync_marker(self) -> None:
        """Marks the moment by which reports of several machines can be laid over one another; the first time counts,
        another is a RuntimeWarning. An instant `sync_marker` shows it.

            tracer.set_sync_marker()
        """
        if self._sync_marker_ns is not None:
            warnings.warn("viztracer-native: the sync marker is set already", RuntimeWarning, stacklevel=2)
            return
        self._sync_marker_ns = _native.now_ns()
        self.add_instant("sync_marker", scope="p")

    def get_sync_marker(self) -> float | None:
        """In us of getts(), or None.

            tracer.get_sync_marker()
        """
        return None if self._sync_marker_ns is None else self._sync_marker_ns / 1000
