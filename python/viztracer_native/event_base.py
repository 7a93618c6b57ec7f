# SPDX-License-Identifier: Apache-2.0
"""Objects whose public attributes are told of as they change."""

from __future__ import annotations

import functools

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any, TypeVar

    from .tracer import VizTracer

    F = TypeVar("F", bound=Callable[..., Any])

_OWN = ("_tracer", "_name", "_config")
_MOMENTS = ("after", "before", "both")


class EventBase:
    """Base of VizCounter and VizObject.

    `tracer` None: they are plain objects, and nothing is told. Settings, as keyword or by config(): trigger_on_change
    (True: each assignment tells), include_attributes (a list: these alone), exclude_attributes (not these). Names that
    begin with "_" are never told.
    """

    def __init__(self, tracer: VizTracer | None, name: str, **settings: object) -> None:
        if not isinstance(name, str):
            raise TypeError(f"name must be a text, not {type(name).__name__}")
        object.__setattr__(self, "_tracer", tracer)
        object.__setattr__(self, "_name", name)
        object.__setattr__(self, "_config", {"trigger_on_change": True, "include_attributes": [], "exclude_attributes": []})
        for key, value in settings.items():
            self.config(key, value)

    _tracer: VizTracer | None
    _name: str
    _config: dict[str, Any]

    def config(self, key: str, value: object) -> None:
        """Changes a setting. ValueError for one that there is not, TypeError for a value of another type.

            queue.config("trigger_on_change", False)
        """
        if key not in self._config:
            raise ValueError(f"there is no setting {key!r}; there are {', '.join(self._config)}")
        if key == "trigger_on_change":
            if not isinstance(value, bool):
                raise TypeError(f"{key} must be True or False, not {type(value).__name__}")
            self._config[key] = value
        elif isinstance(value, (list, tuple, set, frozenset)) and all(isinstance(one, str) for one in value):
            self._config[key] = list(value)
        else:
            raise TypeError(f"{key} must be a list of names")

    def _is_told(self, name: str) -> bool:
        included, excluded = self._config["include_attributes"], self._config["exclude_attributes"]
        return not name.startswith("_") and (not included or name in included) and name not in excluded

    def _told(self) -> dict[str, Any]:
        """The attributes that are told, with their values."""
        return {name: value for name, value in dict(vars(self)).items() if self._is_told(name)}

    def _check(self, name: str, value: object) -> None:
        """Raises for a value that cannot be told."""

    def __setattr__(self, name: str, value: object) -> None:
        if name in _OWN:
            object.__setattr__(self, name, value)
            return
        told = self._is_told(name)
        if told:
            self._check(name, value)
        object.__setattr__(self, name, value)
        if told and self._config["trigger_on_change"]:
            self.log()

    def log(self) -> None:
        """Tells of all public attributes now.

            queue.log()
        """

    @staticmethod
    def triggerlog(method: Callable[..., Any] | None = None, when: str = "after") -> Any:
        """Decorates a method: calls log() "after" it (also where it raises), "before" it or "both".

        ValueError for another moment.

            class Queue(VizObject):
                @VizObject.triggerlog(when="both")
                def push(self, item): ...
        """
        if when not in _MOMENTS:
            raise ValueError(f"when must be 'after', 'before' or 'both', not {when!r}")

        def decorate(function: F) -> F:
            @functools.wraps(function)
            def logged(self: EventBase, *args: Any, **kwargs: Any) -> Any:
                if when != "after":
                    self.log()
                try:
                    return function(self, *args, **kwargs)
                finally:
                    if when != "before":
                        self.log()

            wrapped: F = logged  # type: ignore[assignment]
            return wrapped

        return decorate if method is None else decorate(method)
