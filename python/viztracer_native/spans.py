# SPDX-License-Identifier: Apache-2.0
"""Slices of a name of one's own."""

from __future__ import annotations

from . import _native
from .muting import paused

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any, TypeVar, overload

    F = TypeVar("F", bound=Callable[..., Any])
else:

    def overload(function):
        return function


class Span(_native.Span):
    """What span() returns: a context, and a decorator. The context is the recorder's own, so entering it is no call
    of a Python function."""

    __slots__ = ("_name", "_values")
    _name: str
    _values: dict[str, object]

    def __call__(self, function: F) -> F:
        return _decorated(self._name, self._values, function)


def _decorated(name: str, values: dict[str, object], function: F) -> F:
    with paused():
        from .wrapping import around
    return around(function, lambda: _native.Span(name, values))


def _named_by(_name: None, _values: None, function: Any) -> Any:
    """What a span is that has a function only: the function, with spans of its name."""
    target = getattr(function, "__func__", function)
    if not callable(target) or isinstance(target, type):
        raise TypeError(f"the name of a span must be a text, not {type(function).__name__}")
    with paused():
        from .wrapping import name_of
    return _decorated(name_of(target), {}, function)


@overload
def span(name: str, /, **values: object) -> Span: ...
@overload
def span(function: F, /) -> F: ...
def span(name: Any, /, **values: object) -> Any:
    """A slice of that name on this thread, as a context or around each call of a function.

    `values` are shown with it. In a coroutine or generator the slice lasts over suspensions; decorated functions of
    these kinds stay what they are. It ends however it is left, with an exception as without. Without arguments the
    decorator names the slice by the function. TypeError for a name that is no text, or for what is no function.

        with span("load", path=path):
            rows = load(path)

        @span("handle request")
        async def handle(request): ...

        @span
        def helper(): ...
    """
    if isinstance(name, str):
        made = Span(name, values)
        made._name = name
        made._values = values
        return made
    return _named_by(None, None, name)


if hasattr(_native, "span"):  # it is there from the start: no function of ours in between
    globals().update(span=getattr(_native, "span"))


class VizEvent(_native.Span):
    """A slice of that name and place; VizTracer.log_event() finds the place by itself."""

    __slots__ = ()

    def __new__(cls, tracer: object, event_name: str, file_name: str, lineno: int) -> VizEvent:
        if not isinstance(event_name, str):
            raise TypeError(f"the name of an event must be a text, not {type(event_name).__name__}")
        return super().__new__(cls, f"{event_name} ({file_name}:{lineno})", {})
