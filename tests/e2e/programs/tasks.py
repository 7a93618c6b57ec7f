# SPDX-License-Identifier: Apache-2.0
"""asyncio: tasks, cancellation, gather, async generators and context managers."""
import asyncio


def note(text):
    notes.append(text)


notes = []


async def ticker(n):
    for i in range(n):
        await asyncio.sleep(0)
        yield i


async def worker(name, turns):
    try:
        async for i in ticker(turns):
            note(f"{name} {i}")
    except asyncio.CancelledError:
        note(f"{name} cancelled")
        raise
    return name


async def failing():
    await asyncio.sleep(0)
    raise ValueError("async")


class Manager:
    async def __aenter__(self):
        await asyncio.sleep(0)
        return self

    async def __aexit__(self, *details):
        await asyncio.sleep(0)
        return details[0] is ValueError


class Waiter:
    def __await__(self):
        yield from asyncio.sleep(0).__await__()
        return 5


async def main():
    note(await asyncio.gather(worker("a", 3), worker("b", 2)))
    task = asyncio.ensure_future(worker("c", 1000))
    for _ in range(5):
        await asyncio.sleep(0)
    task.cancel()
    try:
        await task
    except asyncio.CancelledError:
        note("main saw it")
    note(await asyncio.gather(failing(), failing(), return_exceptions=True))
    async with Manager():
        await failing()
    note(await Waiter())
    event = asyncio.Event()
    waiting = asyncio.ensure_future(event.wait())
    await asyncio.sleep(0)
    event.set()
    note(await waiting)
    note([x async for x in ticker(2)])
    generator = ticker(5)
    await generator.__anext__()
    await generator.aclose()


loop = asyncio.new_event_loop()
try:
    loop.run_until_complete(main())
finally:
    loop.close()
print(len(notes))
