# SPDX-License-Identifier: Apache-2.0
"""Events that a program makes itself, as JSON that no value can break."""

from __future__ import annotations

from . import _native
from .muting import paused

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

_MOST_LEVELS = 32


def plain(value: object, levels: int = _MOST_LEVELS) -> object:
    """`value` in JSON's own words. What JSON has none for is its type's name, or the text of a number such as NaN;
    no code of the value runs."""
    kind = type(value)
    if value is None or kind is bool or kind is str:
        return value
    if kind is int:
        # Larger ones are no numbers to those who read JSON, and int() of their texts may be refused.
        return value if -(2**63) <= value < 2**64 else f"{value:#x}"  # type: ignore[operator]
    if kind is float:
        return value if value - value == 0 else str(value)  # type: ignore[operator]
    if levels == 0:
        return "..."
    if isinstance(value, dict):
        return {_key(key): plain(one, levels - 1) for key, one in list(dict.items(value))}
    if isinstance(value, list):
        return [plain(one, levels - 1) for one in list.__iter__(value)]
    if isinstance(value, tuple):
        return [plain(one, levels - 1) for one in tuple.__iter__(value)]
    if isinstance(value, str):
        return str.__str__(value)
    if isinstance(value, int):
        return plain(int.__int__(value))
    if isinstance(value, float):
        return plain(float.__float__(value))
    return f"<{kind.__module__}.{kind.__qualname__}>"


def _key(key: object) -> str:
    text = plain(key, 0)
    return text if isinstance(text, str) else str(text)


def emit(event: Mapping[str, object]) -> None:
    """Hands one event of Chrome's trace format to the recorder: {"ph": "X", "name": ..., "ts": us, ...}."""
    with paused():
        import json

        text = json.dumps(plain(dict(event)), separators=(",", ":"))
    _native.raw(text)
