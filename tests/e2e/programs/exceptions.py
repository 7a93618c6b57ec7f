# SPDX-License-Identifier: Apache-2.0
"""Exceptions through Python and C frames, caught at every distance."""
import contextlib
import functools


def boom(kind=ValueError):
    raise kind("boom")


def through_c(depth):
    if depth == 0:
        boom()
    return list(map(through_c, [depth - 1]))


def key(value):
    if value == 3:
        boom(LookupError)
    return value


class Compared:
    def __init__(self, value):
        self.value = value

    def __lt__(self, other):
        if self.value + other.value == 5:
            boom(ArithmeticError)
        return self.value < other.value


@contextlib.contextmanager
def managed(swallow):
    try:
        yield 1
    except ValueError:
        if not swallow:
            raise
    finally:
        after()


def after():
    pass


def cleanup_order():
    try:
        try:
            boom()
        finally:
            after()
    except ValueError:
        after()
    else:
        boom()


def reraised():
    try:
        boom()
    except ValueError as error:
        raise KeyError("other") from error


class Context:
    def __enter__(self):
        return self

    def __exit__(self, *details):
        after()
        return True


def tried(function, *args):
    try:
        return function(*args)
    except Exception as error:
        after()
        return type(error).__name__


def deep(n):
    return deep(n - 1) if n else boom(OSError)


def main():
    seen = [tried(boom), tried(through_c, 5), tried(sorted, [1, 3, 2]), tried(deep, 50)]
    seen.append(tried(lambda: sorted([1, 3, 2], key=key)))
    seen.append(tried(lambda: sorted([Compared(1), Compared(4), Compared(2), Compared(3)])))
    seen.append(tried(int, "no number"))
    seen.append(tried(functools.partial(boom, TypeError)))
    seen.append(tried(functools.reduce, lambda a, b: boom(), [1, 2, 3]))
    seen.append(tried(reraised))
    seen.append(tried(getattr, object(), "missing"))
    cleanup_order()
    for swallow in (True, False):
        try:
            with managed(swallow):
                boom()
        except ValueError:
            after()
    with Context():
        boom()
    with contextlib.suppress(ValueError), contextlib.ExitStack() as stack:
        stack.callback(after)
        boom()
    return seen


print(main())
