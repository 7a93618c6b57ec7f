# SPDX-License-Identifier: Apache-2.0
"""span, flow, instant, counter, paused, ignore_function: of functions of every kind, and however they are left."""

import asyncio
import functools
import gc
import inspect
import json
import threading
import types
import unittest
import weakref

from support import Case, drive, fake

from viztracer_native import _native, counter, flow, ignore_function, instant, paused, span
from viztracer_native.wrapping import around, around_steps


class Noted:
    """A context that writes down when it is entered and left."""

    def __init__(self, log):
        self.log = log

    def __enter__(self):
        self.log.append("in")

    def __exit__(self, kind, error, traceback):
        self.log.append("out")


class Kinds:
    """Functions of each kind that do the same: tell what they are sent, twice, and return."""

    @staticmethod
    def plain(log, fail=False):
        log.append("runs")
        if fail:
            raise KeyError("mine")
        return 7

    @staticmethod
    def generator(log, fail=False):
        for n in range(2):
            try:
                log.append(("sent", (yield n)))
            except ValueError as error:
                log.append(("thrown", str(error)))
        if fail:
            raise KeyError("mine")
        return 7

    @staticmethod
    async def coroutine(log, fail=False):
        for n in range(2):
            log.append(("sent", await _suspend(n)))
        if fail:
            raise KeyError("mine")
        return 7

    @staticmethod
    async def async_generator(log, fail=False):
        for n in range(2):
            await _suspend("wait")
            try:
                log.append(("sent", (yield n)))
            except ValueError as error:
                log.append(("thrown", str(error)))
        if fail:
            raise KeyError("mine")


@types.coroutine
def _suspend(value):
    return (yield value)


class Wrapped(Case):
    """Both kinds of wrapping: what is wrapped behaves as it does by itself."""

    WRAPS = (around, around_steps)

    def both(self, function):
        """The function itself, and wrapped in each way, with what the context wrote down."""
        yield function, None
        for wrap in self.WRAPS:
            log = []
            yield wrap(function, lambda log=log: Noted(log)), log

    def test_they_stay_of_their_kind(self):
        old = types.coroutine(lambda log: (yield 1))
        for wrap in self.WRAPS:
            made = {name: wrap(getattr(Kinds, name), lambda: Noted([])) for name in ("plain", "generator", "coroutine", "async_generator")}
            self.assertTrue(inspect.isgeneratorfunction(made["generator"]))
            self.assertTrue(inspect.iscoroutinefunction(made["coroutine"]))
            self.assertTrue(inspect.isasyncgenfunction(made["async_generator"]))
            self.assertFalse(any(test(made["plain"]) for test in (inspect.isgeneratorfunction, inspect.iscoroutinefunction,
                                                                  inspect.isasyncgenfunction)))
            self.assertTrue(inspect.isawaitable(wrap(old, lambda: Noted([]))([])))

    def test_they_look_as_what_they_wrap(self):
        def f(a: int, *, b: str = "x") -> int:
            """Says what it does."""

        f.mark = 3
        for wrap in self.WRAPS:
            made = wrap(f, lambda: Noted([]))
            self.assertEqual(("f", f.__qualname__, f.__module__, "Says what it does.", 3, f.__annotations__),
                             (made.__name__, made.__qualname__, made.__module__, made.__doc__, made.mark, made.__annotations__))
            self.assertEqual(inspect.signature(f), inspect.signature(made))
            self.assertIs(f, made.__wrapped__)

    def test_plain_functions(self):
        for function, noted in self.both(Kinds.plain):
            log = []
            self.assertEqual(7, function(log))
            with self.assertRaisesRegex(KeyError, "mine"):
                function(log, fail=True)
            self.assertEqual(["runs", "runs"], log)
            self.assertIn(noted, (None, ["in", "out"] * 2))

    def test_generators(self):
        for function, noted in self.both(Kinds.generator):
            log = []
            generator = function(log)
            self.assertEqual(0, next(generator))
            self.assertEqual(1, generator.throw(ValueError("a")))
            with self.assertRaises(StopIteration) as stop:
                generator.send("b")
            self.assertEqual(7, stop.exception.value)
            self.assertEqual([("thrown", "a"), ("sent", "b")], log)
            with self.assertRaisesRegex(KeyError, "mine"):
                list(function(log, fail=True))
            with self.assertRaises(RuntimeError):
                list(self.wrapped_like(function, self.stops)())

    @staticmethod
    def stops():
        yield 1
        raise StopIteration

    def wrapped_like(self, function, other):
        return other if not hasattr(function, "__wrapped__") else around_steps(other, lambda: Noted([]))

    def test_generators_that_are_closed(self):
        for wrap in (None, *self.WRAPS):
            noted, log = [], []

            def generator():
                try:
                    yield 1
                finally:
                    log.append("closed")

            function = generator if wrap is None else wrap(generator, lambda: Noted(noted))
            running = function()
            next(running)
            running.close()
            self.assertEqual(["closed"], log)
            dropped = function()
            next(dropped)
            del dropped
            self.assertEqual(["closed"] * 2, log)
            self.assertEqual(noted.count("in"), noted.count("out"))

    def test_coroutines(self):
        for function, noted in self.both(Kinds.coroutine):
            log = []
            self.assertEqual(7, drive(function(log)))
            self.assertEqual([("sent", 0), ("sent", 1)], log)
            with self.assertRaisesRegex(KeyError, "mine"):
                drive(function(log, fail=True))

    def test_async_generators(self):
        for function, noted in self.both(Kinds.async_generator):
            log = []

            async def use():
                generator = function(log)
                got = [await generator.__anext__(), await generator.athrow(ValueError("a"))]
                try:
                    await generator.asend("b")
                except StopAsyncIteration:
                    got.append("end")
                return got

            self.assertEqual([0, 1, "end"], drive(use()))
            self.assertEqual([("thrown", "a"), ("sent", "b")], log)

            async def fails():
                return [one async for one in function(log, fail=True)]

            with self.assertRaisesRegex(KeyError, "mine"):
                drive(fails())

    def test_async_generators_that_are_closed(self):
        for wrap in (None, *self.WRAPS):
            noted, log = [], []

            async def generator():
                try:
                    yield 1
                finally:
                    await _suspend("closing")
                    log.append("closed")

            function = generator if wrap is None else wrap(generator, lambda: Noted(noted))

            async def use():
                running = function()
                await running.__anext__()
                await running.aclose()

            drive(use())
            self.assertEqual(["closed"], log)
            self.assertEqual(noted.count("in"), noted.count("out"))

    def test_around_holds_over_suspensions_and_around_steps_does_not(self):
        for name in ("generator", "coroutine"):
            whole, steps = [], []
            running = around(getattr(Kinds, name), lambda: Noted(whole))([])
            running.send(None)
            self.assertEqual(["in"], whole)
            running.close()
            self.assertEqual(["in", "out"], whole)
            running = around_steps(getattr(Kinds, name), lambda: Noted(steps))([])
            running.send(None)
            self.assertEqual(["in", "out"], steps)
            running.close()
            self.assertEqual(["in", "out"] * 2, steps)

    def test_methods(self):
        for wrap in self.WRAPS:
            noted = []

            class Some:
                one = wrap(staticmethod(lambda x: x), lambda: Noted(noted))
                two = wrap(classmethod(lambda cls, x: (cls, x)), lambda: Noted(noted))

                def three(self, x):
                    return self, x
                three = wrap(three, lambda: Noted(noted))

            some = Some()
            self.assertEqual((1, (Some, 2), (some, 3)), (some.one(1), some.two(2), some.three(3)))
            self.assertEqual(["in", "out"] * 3, noted)

    def test_what_else_is_called(self):
        for wrap in self.WRAPS:
            self.assertEqual(3, wrap(len, lambda: Noted([]))([1, 2, 3]))
            self.assertEqual(7, drive(wrap(functools.partial(Kinds.coroutine, []), lambda: Noted([]))()))
            for bad in (3, None, int, "text"):
                with self.assertRaises(TypeError):
                    wrap(bad, lambda: Noted([]))

    def test_an_exception_that_was_thrown_in_is_not_kept(self):
        class Marked(Exception):
            pass

        for wrap in self.WRAPS:
            def generator():
                while True:
                    try:
                        yield
                    except Marked:
                        pass

            gc.disable()
            self.addCleanup(gc.enable)
            running = wrap(generator, lambda: Noted([]))()
            next(running)
            error = Marked()
            reference = weakref.ref(error)
            running.throw(error)
            next(running)
            del error
            self.assertIsNone(reference())
            running.close()


class Spans(Case):
    def test_a_context(self):
        with span("load", path="x", n=3) as entered:
            self.assertIsInstance(entered, _native.Span)
            self.assertEqual({threading.get_ident(): ["load"]}, fake.open)
        self.assertEqual([("enter", "load", {"path": "x", "n": 3}), ("exit", "load", None)], fake.calls)

    def test_a_value_may_have_any_name(self):
        with span("load", name="x", self=1, cls=2):
            pass
        self.assertEqual({"name": "x", "self": 1, "cls": 2}, fake.calls[0][2])

    def test_an_exception(self):
        with self.assertRaisesRegex(KeyError, "mine"):
            with span("load"):
                raise KeyError("mine")
        self.assertEqual(("exit", "load", KeyError), fake.calls[-1])

    def test_entering_calls_no_python_function_of_ours(self):
        self.assertIs(_native.Span.__enter__, type(span("x")).__enter__)
        self.assertIs(_native.Span.__exit__, type(span("x")).__exit__)

    def test_functions(self):
        @span("fib", kind="slow")
        def fib(n):
            return n if n < 2 else fib(n - 1) + fib(n - 2)

        self.assertEqual(2, fib(3))
        self.assertEqual(5, len(fake.named("enter")))
        self.assertEqual(5, len(fake.named("exit")))
        self.assertEqual(("enter", "fib", {"kind": "slow"}), fake.calls[0])

    def test_functions_give_their_names(self):
        @span
        def helper():
            return 3

        class Some:
            @span
            @staticmethod
            def method():
                return 4

        self.assertEqual((3, 4), (helper(), Some.method()))
        self.assertEqual([f"{self.id().split('.', 1)[1]}.<locals>.helper", f"{self.id().split('.', 1)[1]}.<locals>.Some.method"],
                         [call[1] for call in fake.named("enter")])

    def test_what_is_no_name(self):
        for bad in (3, None, int, b"x"):
            with self.assertRaises(TypeError):
                span(bad)
        with self.assertRaises(TypeError):
            span("x")(3)

    def test_tasks_interleave(self):
        @span("task")
        async def task(n):
            await asyncio.sleep(0)
            instant(f"in {n}")
            await asyncio.sleep(0)
            return n

        async def main():
            return await asyncio.gather(task(1), task(2))

        self.assertEqual([1, 2], asyncio.run(main()))
        self.assertEqual(["enter", "enter", "instant", "instant", "exit", "exit"], [call[0] for call in fake.calls])

    def test_generators_that_are_dropped_end_theirs(self):
        @span("walk")
        def walk():
            yield 1
            yield 2

        running = walk()
        next(running)
        self.assertEqual(1, len(fake.calls))
        del running
        self.assertEqual(("exit", "walk", GeneratorExit), fake.calls[-1])

    def test_threads(self):
        def work(n):
            for _ in range(100):
                with span(f"of {n}"):
                    pass

        threads = [threading.Thread(target=work, args=(n,)) for n in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual(800, len(fake.calls))
        self.assertFalse(any(fake.open.values()))


class Marks(Case):
    def test_instants(self):
        thing = object()
        instant("a")
        instant("b", scope="g", key=thing, name="n", values=1)
        self.assertEqual([("instant", "a", None, "t"), ("instant", "b", {"key": thing, "name": "n", "values": 1}, "g")], fake.calls)
        for error, call in ((TypeError, lambda: instant(3)), (ValueError, lambda: instant("a", scope="x")), (TypeError, lambda: instant("a", scope=None))):
            with self.assertRaises(error):
                call()

    def test_counters(self):
        counter("queue", length=3, name=0.5)
        self.assertEqual([("counter", "queue", {"length": 3, "name": 0.5})], fake.calls)
        for call in (lambda: counter("queue"), lambda: counter(3, x=1), lambda: counter("queue", x="1")):
            with self.assertRaises(TypeError):
                call()

    def test_flows(self):
        made = flow(17, "request")
        made.begin()
        made.step()
        made.end()
        events = [json.loads(call[1]) for call in fake.calls]
        self.assertEqual(["s", "t", "f"], [event["ph"] for event in events])
        self.assertEqual([None, None, "e"], [event.get("bp") for event in events])
        self.assertEqual({("flow", "request", "17")}, {(event["cat"], event["name"], event["id"]) for event in events})
        times = [event["ts"] for event in events]
        self.assertEqual(sorted(set(times)), times)
        self.assertLess(abs(times[-1] - fake.clock / 1000), 1)

    def test_a_flow_as_a_slice(self):
        with self.assertRaises(KeyError):
            with flow("r-1"):
                raise KeyError
        enter, raw, leave = fake.calls
        self.assertEqual(("enter", "flow", {"id": "r-1"}), enter)
        self.assertEqual(("t", "r-1"), (json.loads(raw[1])["ph"], json.loads(raw[1])["id"]))
        self.assertEqual(("exit", "flow", KeyError), leave)

    def test_a_flow_within_itself(self):
        made = flow(1)
        with made, made:
            pass
        self.assertEqual(["enter", "raw", "enter", "raw", "exit", "exit"], [call[0] for call in fake.calls])

    def test_what_is_no_flow(self):
        for arguments in ((None,), (1.5,), (True,), (1, 2)):
            with self.assertRaises(TypeError):
                flow(*arguments)


class Muted(Case):
    def test_a_context(self):
        with paused():
            self.assertTrue(fake.is_muted())
            with paused():
                pass
            self.assertTrue(fake.is_muted())
            seen = []
            thread = threading.Thread(target=lambda: seen.append(fake.is_muted()))
            thread.start()
            thread.join()
            self.assertEqual([False], seen)
        self.assertFalse(fake.is_muted())
        with self.assertRaises(KeyError):
            with paused():
                raise KeyError
        self.assertFalse(fake.is_muted())

    def test_functions(self):
        @ignore_function
        def muted(fail=False):
            if fail:
                raise KeyError
            return fake.is_muted()

        @ignore_function()
        def other():
            return fake.is_muted()

        @ignore_function(tracer=None)
        def third():
            return fake.is_muted()

        self.assertEqual((True, True, True), (muted(), other(), third()))
        self.assertFalse(fake.is_muted())
        for _ in range(3):
            with self.assertRaises(KeyError):
                muted(fail=True)
        self.assertFalse(fake.is_muted())

    def test_generators_while_they_run(self):
        @ignore_function
        def generator():
            while True:
                yield fake.is_muted()

        running = generator()
        for _ in range(3):
            self.assertTrue(next(running))
            self.assertFalse(fake.is_muted())
        with self.assertRaises(KeyError):
            running.throw(KeyError())
        self.assertFalse(fake.is_muted())

    def test_tasks_beside_them_are_recorded(self):
        seen = []

        @ignore_function
        async def muted():
            for _ in range(3):
                seen.append(("muted", fake.is_muted()))
                await asyncio.sleep(0)

        @ignore_function
        async def values():
            for n in range(3):
                await asyncio.sleep(0)
                yield fake.is_muted()

        async def other():
            for _ in range(3):
                seen.append(("other", fake.is_muted()))
                await asyncio.sleep(0)
            async for one in values():
                seen.append(("muted", one))
                seen.append(("other", fake.is_muted()))

        async def main():
            await asyncio.gather(muted(), other())

        asyncio.run(main())
        self.assertEqual({("muted", True), ("other", False)}, set(seen))
        self.assertEqual(12, len(seen))

    def test_a_task_that_is_cancelled(self):
        @ignore_function
        async def muted():
            try:
                await asyncio.sleep(100)
            finally:
                self.assertTrue(fake.is_muted())

        async def main():
            task = asyncio.ensure_future(muted())
            await asyncio.sleep(0)
            task.cancel()
            with self.assertRaises(asyncio.CancelledError):
                await task
            self.assertFalse(fake.is_muted())

        asyncio.run(main())


if __name__ == "__main__":
    unittest.main()
