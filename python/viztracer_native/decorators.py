# SPDX-License-Identifier: Apache-2.0
"""Decorators: what is not recorded, what alone is, and what gets a report of its own."""

from __future__ import annotations

import os
import time
import warnings

from . import _native, session
from .muting import paused
from .wrapping import around, around_steps, code_of, name_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any, TypeVar, overload

    from .tracer import VizTracer

    F = TypeVar("F", bound=Callable[..., Any])
else:

    def overload(function):
        return function


@overload
def ignore_function(method: F, /) -> F: ...
@overload
def ignore_function(method: None = None, tracer: VizTracer | None = None) -> Callable[[F], F]: ...
def ignore_function(method: Any = None, tracer: VizTracer | None = None) -> Any:
    """Decorates a function: nothing is recorded of its calls, nor of what they call on that thread.

    Coroutines and generators are left out while they run, and not what else runs while they are suspended. Calls that
    raise are as others. It needs no tracer; `tracer` is accepted as VizTracer does.

        @ignore_function
        def poll(): ...
    """
    if method is None:
        return ignore_function
    return around_steps(method, paused)


def _sparse() -> bool:
    if session.in_run():
        return bool(_native.settings().get("log_sparse", False))
    tracer = session.get_global()
    return tracer is not None and bool(getattr(tracer, "log_sparse", False))


@overload
def log_sparse(func: F, /) -> F: ...
@overload
def log_sparse(func: None = None, stack_depth: int = 0, dynamic_tracer_check: bool = False) -> Callable[[F], F]: ...
def log_sparse(func: Any = None, stack_depth: int = 0, dynamic_tracer_check: bool = False) -> Any:
    """Decorates a function: where a run records no calls (log_sparse), its calls are recorded as spans.

    In any other run the function is returned as it is. That is looked up when it is decorated, or with
    `dynamic_tracer_check` at each call. What it calls is not recorded, whatever `stack_depth` says, which is a
    RuntimeWarning. A call that raises is recorded as others are.

        @log_sparse
        def handle(request): ...
    """
    if func is None:
        return lambda function: _log_sparse(function, stack_depth, dynamic_tracer_check)
    return _log_sparse(func, stack_depth, dynamic_tracer_check)


def _log_sparse(function: F, stack_depth: int, dynamic: bool) -> F:
    if not dynamic and not _sparse():
        return function
    if stack_depth > 0:
        warnings.warn("viztracer-native: log_sparse: stack_depth has no effect: what is called stays out", RuntimeWarning, stacklevel=3)
    code = code_of(function)
    name = name_of(function) if code is None else f"{name_of(function)} ({code.co_filename}:{code.co_firstlineno})"
    values: dict[str, Any] = {}
    if dynamic:
        return around(function, lambda: _native.Span(name, values) if _sparse() else _NoSpan())
    return around(function, lambda: _native.Span(name, values))


class _NoSpan:
    __slots__ = ()

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: object, error: object, traceback: object) -> None:
        pass


@overload
def trace_and_save(method: F, /) -> F: ...
@overload
def trace_and_save(method: None = None, output_dir: str = "./", **viztracer_kwargs: Any) -> Callable[[F], F]: ...
def trace_and_save(method: Any = None, output_dir: str = "./", **viztracer_kwargs: Any) -> Any:
    """Decorates a function: each call is recorded, and gets a report of its own, `result_FUNCTION_TIME.json`.

    Reports are made in the background; the program's end waits for them. Calls may overlap and be nested, and may
    raise. `viztracer_kwargs` are those of VizTracer. What was recorded before a call goes on after it.

        @trace_and_save(output_dir="reports", log_func_args=True)
        def handle(request): ...
    """
    if method is None:
        return lambda function: trace_and_save(function, output_dir, **viztracer_kwargs)
    name = "".join(one if one.isalnum() or one in "_.-" else "_" for one in name_of(method))
    settings = {"verbose": 0, "register_global": False, **viztracer_kwargs}
    return around(method, lambda: _Report(os.path.join(output_dir, f"result_{name}"), settings))


_last_stamp = 0


class _Report:
    """One call of a function that gets a report."""

    def __init__(self, stem: str, settings: dict[str, Any]) -> None:
        with paused():
            from .tracer import VizTracer
        self._stem = stem
        self._tracer = VizTracer(**settings)

    def __enter__(self) -> None:
        self._keeps = session.in_run() and session.is_recording()
        self._tracer.start()

    def __exit__(self, kind: object, error: object, traceback: object) -> None:
        global _last_stamp
        self._tracer._stop(self._keeps)
        with session.lock:
            _last_stamp = max(int(time.time() * 100_000), _last_stamp + 1)
            output = f"{self._stem}_{_last_stamp}.json"
        try:
            self._tracer.fork_save(output)
        except Exception as failure:
            # The call has its result, or its exception; that comes first.
            warnings.warn(f"viztracer-native: no report {output}: {failure}", RuntimeWarning, stacklevel=3)
