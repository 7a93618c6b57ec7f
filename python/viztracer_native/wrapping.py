# SPDX-License-Identifier: Apache-2.0
"""Functions within a context, of whatever kind they are: a coroutine function stays one, a generator function as well.

`around` keeps a context from the call to its end, suspensions included; `around_steps` has one only while the function
itself runs, so that what else runs on the thread meanwhile is not in it.
"""

from __future__ import annotations

import functools
import types

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Awaitable, Callable, Generator
    from contextlib import AbstractContextManager
    from typing import Any, TypeVar

    F = TypeVar("F", bound=Callable[..., Any])
    Context = Callable[[], AbstractContextManager[object]]

# Of code objects, as the module inspect names them; to import that takes longer than all the rest.
CO_GENERATOR = 0x20
CO_COROUTINE = 0x80
CO_ITERABLE_COROUTINE = 0x100
CO_ASYNC_GENERATOR = 0x200


def code_of(function: object) -> types.CodeType | None:
    """That of the function below methods and partials, or None: for C functions and objects that are called."""
    while True:
        if isinstance(function, functools.partial):
            function = function.func
        elif isinstance(function, types.MethodType):
            function = function.__func__
        else:
            break
    code = getattr(function, "__code__", None)
    return code if isinstance(code, types.CodeType) else None


def name_of(function: object) -> str:
    name = getattr(function, "__qualname__", None) or getattr(function, "__name__", None)
    if isinstance(name, str):
        return name
    if isinstance(function, functools.partial):
        return name_of(function.func)
    return type(function).__qualname__


def around(function: F, context: Context) -> F:
    """`function` with a context from `context()` around each call. TypeError for what cannot be called."""
    return _wrap(function, context, None)


def around_steps(function: F, context: Context) -> F:
    """`function` with a context around each stretch in which it runs. TypeError for what cannot be called."""
    return _wrap(function, None, context)


class _Nothing:
    __slots__ = ()

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: object, error: object, traceback: object) -> None:
        pass


def _wrap(function: F, whole: Context | None, each: Context | None) -> F:
    if isinstance(function, (staticmethod, classmethod)):
        method: F = type(function)(_wrap(function.__func__, whole, each))
        return method
    if not callable(function) or isinstance(function, type):
        raise TypeError(f"a function is needed, not {type(function).__qualname__} {name_of(function)}")
    code = code_of(function)
    wrapper = _wrapper(function, 0 if code is None else code.co_flags, whole or _Nothing, each)
    functools.update_wrapper(wrapper, function)
    wrapped: F = wrapper
    return wrapped


def _wrapper(function: Callable[..., Any], flags: int, whole: Context, each: Context | None) -> Any:
    if flags & CO_COROUTINE:

        async def coroutine(*args: Any, **kwargs: Any) -> Any:
            with whole():
                running = function(*args, **kwargs)
                return await (running if each is None else _awaited(running, each))

        return coroutine
    if flags & CO_ASYNC_GENERATOR:

        async def async_generator(*args: Any, **kwargs: Any) -> AsyncGenerator[Any, Any]:
            with whole():
                inner = function(*args, **kwargs)
                step = inner.__anext__()
                while True:
                    try:
                        value = await (step if each is None else _awaited(step, each))
                    except StopAsyncIteration:
                        return
                    finally:
                        del step  # it may hold an exception, and that this frame
                    try:
                        sent = yield value
                    except GeneratorExit:
                        await (inner.aclose() if each is None else _awaited(inner.aclose(), each))
                        raise
                    except BaseException as error:
                        step = inner.athrow(error)
                    else:
                        step = inner.asend(sent)

        return async_generator
    if flags & (CO_GENERATOR | CO_ITERABLE_COROUTINE):

        def generator(*args: Any, **kwargs: Any) -> Generator[Any, Any, Any]:
            with whole():
                running = function(*args, **kwargs)
                return (yield from running if each is None else _steps(running, each))

        return types.coroutine(generator) if flags & CO_ITERABLE_COROUTINE else generator

    context = each or whole

    def plain(*args: Any, **kwargs: Any) -> Any:
        with context():
            return function(*args, **kwargs)

    return plain


@types.coroutine
def _awaited(step: Awaitable[Any], each: Context) -> Generator[Any, Any, Any]:
    return (yield from _steps(step.__await__(), each))


def _steps(inner: Generator[Any, Any, Any], each: Context) -> Generator[Any, Any, Any]:
    """What `yield from inner` does, with a context around each stretch that `inner` runs for."""
    sent: Any = None
    error: BaseException | None = None
    while True:
        try:
            with each():
                value = inner.send(sent) if error is None else inner.throw(error)
        except StopIteration as stop:
            return stop.value
        finally:
            sent = error = None  # an exception holds this frame
        try:
            sent = yield value
        except GeneratorExit:
            with each():
                inner.close()
            raise
        except BaseException as thrown:
            error = thrown
