# SPDX-License-Identifier: Apache-2.0
"""What a VizTracer is asked for: the values it takes, and the launcher's options that they are.

Each setting is a row: its name, what it is unless said otherwise, what it may be, and how the launcher says it. The
order is that of the arguments of VizTracer().
"""

from __future__ import annotations

import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Any

    Check = Callable[[str, Any], Any]
    Words = Callable[[str, Any], list[str]]


def _kind(value: object) -> str:
    return type(value).__qualname__


def boolean(name: str, value: Any) -> Any:
    if not isinstance(value, bool):
        raise TypeError(f"{name} must be True or False, not {_kind(value)}")
    return value


def suffix(name: str, value: Any) -> Any:
    if not isinstance(value, bool):
        raise ValueError(f"{name} must be True or False, not {_kind(value)}")
    return value


def integer(name: str, value: Any) -> Any:
    if isinstance(value, bool) or not isinstance(value, int):
        raise TypeError(f"{name} must be an int, not {_kind(value)}")
    return value


def entries(name: str, value: Any) -> Any:
    if integer(name, value) and value > 0:
        return value
    raise ValueError(f"{name} must be at least 1, not {value}")


def depth(name: str, value: Any) -> Any:
    if integer(name, value) == 0:
        raise ValueError(f"{name} must be at least 1, or -1 for no limit, not 0")
    return value


def duration(name: str, value: Any) -> Any:
    """Microseconds, or what the launcher's --min_duration takes: "0.3ms"."""
    if isinstance(value, str) and value:
        return value
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise TypeError(f"{name} must be a number of microseconds or a text such as '0.3ms', not {_kind(value)}")
    if not 0 <= value < 1e12:
        raise ValueError(f"{name} must not be negative, nor longer than a million seconds, not {value}")
    return value


def texts(name: str, value: Any) -> Any:
    """A list of texts or paths, or None. Relative paths are those of the folder where the tracer is made."""
    if value is None:
        return None
    if not isinstance(value, (list, tuple)):
        raise TypeError(f"{name} must be a list or None, not {_kind(value)}")
    for one in value:
        if not isinstance(one, (str, os.PathLike)):
            raise TypeError(f"{name} must be a list of texts, not of {_kind(one)}")
    return [os.fspath(one) for one in value]


def files(name: str, value: Any) -> Any:
    checked = texts(name, value)
    return None if checked is None else [os.path.abspath(one) for one in checked]


def function(name: str, value: Any) -> Any:
    if value is not None and not callable(value):
        raise TypeError(f"{name} must be a function that returns a text, or None, not {_kind(value)}")
    return value


def text_or_none(name: str, value: Any) -> Any:
    if value is not None and not isinstance(value, str):
        raise TypeError(f"{name} must be a text or None, not {_kind(value)}")
    return value


def path(name: str, value: Any) -> Any:
    if not isinstance(value, (str, os.PathLike)):
        raise ValueError(f"{name} must be the name of a file, not {_kind(value)}")
    return os.fspath(value)


def anything(name: str, value: Any) -> Any:
    return value


def _nothing(name: str, value: object) -> list[str]:
    return []


def _switch(name: str, value: object) -> list[str]:
    return [f"--{name}"] if value else []


def _each(name: str, value: Any) -> list[str]:
    return [f"--{name}={one}" for one in value or ()]


def _limit(name: str, value: Any) -> list[str]:
    return [f"--{name}={value}"] if value > 0 else []


def _entries(name: str, value: int) -> list[str]:
    # VizTracer's ring has a size always; here all is kept unless another size than that is asked for.
    return [] if value == 1_000_000 else [f"--{name}={value}"]


def _duration(name: str, value: Any) -> list[str]:
    if isinstance(value, str):
        return [] if value == "0" else [f"--{name}={value}"]
    nanoseconds = round(value * 1000)
    return [f"--{name}={nanoseconds}ns"] if nanoseconds else []


def _audit(name: str, value: Any) -> list[str]:
    return [f"--{name}"] if value == [] else _each(name, value)


class Row:
    """One setting. `words`: options that the recorder begins with; none for what concerns reports or nothing."""

    __slots__ = ("name", "default", "check", "words", "why_not")

    def __init__(self, name: str, default: object, check: Check, words: Words = _nothing, why_not: str = "") -> None:
        self.name = name
        self.default = default
        self.check = check
        self.words = words
        self.why_not = why_not  # what is said where it is asked for and never has an effect

    @property
    def is_recorded(self) -> bool:
        return self.words is not _nothing


ROWS = (
    Row("tracer_entries", 1_000_000, entries, _entries),
    Row("verbose", 1, integer),
    Row("max_stack_depth", -1, depth, _limit),
    Row("include_files", None, files, _each),
    Row("exclude_files", None, files, _each),
    Row("ignore_c_function", False, boolean, _switch),
    Row("ignore_frozen", False, boolean, _switch),
    Row("log_func_retval", False, boolean, _switch),
    Row("log_func_args", False, boolean, _switch),
    Row("log_func_repr", None, function, why_not="values are told of without running code; options=['--repr=all'] runs their repr"),
    Row("log_func_with_objprint", False, boolean, _switch),
    Row("log_print", False, boolean, _switch),
    Row("log_gc", False, boolean, _switch),
    Row("log_sparse", False, boolean, _switch),
    Row("log_async", False, boolean, why_not="there is no option of that name here"),
    Row("log_torch", False, boolean, why_not="what torch records by itself is not merged"),
    Row("log_audit", None, texts, _audit),
    Row("ignore_multiprocess", True, boolean, _switch),
    Row("pid_suffix", False, suffix),
    Row("file_info", True, boolean),
    Row("register_global", True, boolean),
    Row("report_endpoint", None, text_or_none, why_not="reports are written by this machine alone"),
    Row("trace_self", False, boolean),
    Row("minimize_memory", False, boolean),
    Row("dump_raw", False, boolean),
    Row("sanitize_function_name", False, boolean),
    Row("min_duration", 0, duration, _duration),
    Row("process_name", None, text_or_none),
    Row("output_file", "result.json", path),
    Row("plugins", None, anything),
)
BY_NAME = {row.name: row for row in ROWS}
DEFAULTS = {row.name: row.default for row in ROWS}
# Of the command, which follows children unless it is told not to.
OF_COMMAND = {**DEFAULTS, "ignore_multiprocess": False}


def words_of(values: Mapping[str, object]) -> list[str]:
    """The launcher's options for them. ValueError for what cannot be combined."""
    if values["include_files"] and values["exclude_files"]:
        raise ValueError("include_files and exclude_files cannot be combined")
    if values["log_func_repr"] is not None and values["log_func_with_objprint"]:
        raise ValueError("log_func_repr and log_func_with_objprint cannot be combined")
    return [word for row in ROWS for word in row.words(row.name, values[row.name])]


def without_effect(values: Mapping[str, object], recorded: Mapping[str, object]) -> list[str]:
    """Settings that were asked for and that a recording which has begun does not have, with the option that does it."""
    found = []
    for row in ROWS:
        value = values[row.name]
        if row.is_recorded and value != row.default and recorded.get(row.name, OF_COMMAND[row.name]) != value:
            option = " ".join(row.words(row.name, value)) or f"without --{row.name}"
            found.append(f"{row.name} ({option})")
    return found


def never_kept(values: Mapping[str, object]) -> list[str]:
    """Settings that were asked for and have no effect anywhere, with the reason."""
    return [f"{row.name} ({row.why_not})" for row in ROWS if row.why_not and values[row.name] != row.default]
