# SPDX-License-Identifier: Apache-2.0
"""Calls through functions that a filter may hide: those whose names begin with `hid` are in between,
below and above the others, in every way in which a call begins and ends."""

import asyncio
import functools
import threading


class Plain(Exception):
    pass


def seen(*values):
    return len(values)


def hid(function, *arguments):
    abs(-1)
    return function(*arguments)


def hid_deep(count, function):
    return hid_deep(count - 1, function) if count else hid(function, 1, 2)


def hid_generator(count):
    for i in range(count):
        seen(i)
        yield i


def seen_generator(count):
    yield from hid_generator(count)
    try:
        yield -1
    finally:
        hid(seen)


def raises():
    hid_raises()


def hid_raises():
    seen_raises()


def seen_raises():
    raise Plain("x")


def hid_catches(function):
    try:
        function()
    except Plain:
        return seen()


class Hidden:
    def __init__(self, value):
        self.value = seen(value)

    def hid_method(self):
        return self.seen_property

    @property
    def seen_property(self):
        return seen(self.value)

    def __lt__(self, other):
        return seen(1) and self.value < other.value


def hid_key(value):
    seen(value)
    return -value


def seen_key(value):
    hid(seen, value)
    return -value


async def hid_coroutine(count):
    for _ in range(count):
        await asyncio.sleep(0)
        seen()
    return await seen_coroutine(count)


async def seen_coroutine(count):
    await asyncio.sleep(0)
    return hid(seen, count)


async def main_coroutine():
    await asyncio.gather(hid_coroutine(2), seen_coroutine(1), hid_coroutine(1))


def hid_thread():
    hid(seen, "in a thread")
    seen_key(1)


GENERATED = """
def hid_generated(function):
    return function()
def seen_generated(function):
    return hid_generated(function)
"""


def run():
    for _ in range(3):
        hid(seen, 1)
        hid_deep(5, seen)
        hid_deep(3, functools.partial(hid, seen))
        list(seen_generator(3))
        generator = seen_generator(2)
        next(generator)
        generator.close()
        generator = hid_generator(2)
        next(generator)
        try:
            generator.throw(Plain())
        except Plain:
            seen()
        try:
            seen_generator(1).throw(Plain())  # it never began
        except Plain:
            seen()
        hid_catches(raises)
        hid_catches(seen_raises)
        try:
            hid(raises)
        except Plain:
            pass
        sorted([3, 1, 2], key=hid_key)
        sorted([3, 1, 2], key=seen_key)
        sorted([Hidden(2), Hidden(1)])
        Hidden(1).hid_method()
        [hid(seen, i) for i in range(2)]
        namespace = {}
        exec(GENERATED, namespace)
        namespace["seen_generated"](seen)
        eval("hid(seen)")
        # Many short ones, so that chunks change in the middle of it.
        for i in range(300):
            hid(seen, i)
            hid(hid, hid, seen)


hid(run)
asyncio.run(main_coroutine())
for number, target in enumerate((hid_thread, seen, hid_thread)):
    thread = threading.Thread(target=target, name=f"worker {number}")
    thread.start()
    thread.join()
