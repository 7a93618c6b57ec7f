# SPDX-License-Identifier: Apache-2.0
"""--log_var and its like on 3.10 and 3.11, where a trace function of ours is in the thread while such a frame runs: what
the program sees of it, and that its own wins."""

import os
import unittest

import venvs
from control_test import HEAD
from variables_test import Variables
from variables_tools_test import TRACED


class Traced(Variables):
    def setUp(self):
        if self.interpreter.minor >= (3, 12):
            self.skipTest("before 3.12")
        super().setUp()

    def notices(self, outcome):
        return [notice for process in outcome.report.data["viztracer_native"]["processes"]
                for image in process["images"] for notice in image["notices"]]

    def values(self, outcome, name="x"):
        return [told.removeprefix(name + " = ") for told in self.told(outcome) if told.startswith(name + " = ")]


class Seen(Traced):
    def test_no_trace_function_is_seen(self):
        """Neither by sys.gettrace nor on a frame, and none is set by an audited way."""
        outcome = self.record("""
            import sys, threading
            heard = []
            sys.addaudithook(lambda event, arguments: heard.append(event) if "trace" in event else None)
            def look(frame): return sys.gettrace(), frame.f_trace, frame.f_trace_lines, frame.f_trace_opcodes
            def f(x):
                x = x + 1
                print(sys.gettrace(), sys._getframe().f_trace, sys._getframe().f_trace_lines, look(sys._getframe()))
                x = [look(sys._getframe()) for _ in (1,)]
                return x
            print(f(1))
            threading.Thread(target=lambda: print(f(2))).start()
            def generator(x):
                x = yield look(sys._getframe())
                yield x
            g = generator(3)
            print(next(g), look(g.gi_frame), g.send(4))
            print(heard)
        """, "--log_var", "x", "--only", "x.py")
        self.assertEqual([], self.notices(outcome))
        self.assertEqual(["1", "2", "2", "3"], [value for value in self.values(outcome) if len(value) == 1][:2] + ["2", "3"])
        self.assertIn("4", self.values(outcome))

    def test_what_the_program_sets_on_its_frames_stays(self):
        """f_trace_opcodes and its like, set while ours asks for the same, with and without a trace function."""
        outcome = self.record("""
            import sys
            seen = []
            def tracer(frame, event, argument):
                seen.append((event, frame.f_lineno))
                return tracer
            def asks_first(x):
                x = 1
                frame = sys._getframe()
                frame.f_trace_opcodes = True
                x = 2
                sys.settrace(tracer)
                frame.f_trace = tracer
                x = 3
                sys.settrace(None)
                x = frame.f_trace_opcodes
            def asks_never(x):
                x = 1
                frame = sys._getframe()
                sys.settrace(tracer)
                frame.f_trace = tracer
                x = 2
                sys.settrace(None)
                del frame.f_trace
                x = frame.f_trace_lines
                return frame
            asks_first(0)
            frame = asks_never(0)
            print(frame.f_trace, frame.f_trace_lines, frame.f_trace_opcodes)
            print(*seen, sep="\\n")
        """, "--log_var", "x", "--only", "x.py")
        self.assertEqual(["0", "1", "2", "True", "0", "1", "True"], self.values(outcome))
        self.assertEqual([TRACED], self.notices(outcome))

    def test_a_trace_function_at_any_time(self):
        """Set in a frame below, taken off in one above, by each thread, by threading, and again and again."""
        outcome = self.record("""
            import sys, threading
            seen = []
            def tracer(frame, event, argument):
                if frame.f_code.co_filename == __file__:
                    seen.append((frame.f_code.co_name, event, frame.f_lineno - frame.f_code.co_firstlineno))
                    return tracer
            def starts(): sys.settrace(tracer)
            def ends(): sys.settrace(None)
            def f(x):
                x = 1
                starts()
                x = 2
                g(3)
                ends()
                x = 4
            def g(x):
                x += 1
            f(0)
            for _ in range(3):
                sys.settrace(tracer); g(5); sys.settrace(None); g(6)
            threading.settrace(tracer)
            thread = threading.Thread(target=g, args=(7,)); thread.start(); thread.join()
            threading.settrace(None)
            thread = threading.Thread(target=g, args=(8,)); thread.start(); thread.join()
            print(*seen, sep="\\n")
        """, "--log_var", "x", "--only", "x.py")
        # A parameter is told by the event of the call.
        self.assertEqual(["0", "1", "3", "4"] + ["5", "6", "7"] * 3 + ["7", "8", "9"], self.values(outcome))
        self.assertEqual([TRACED], self.notices(outcome))

    def test_a_trace_function_that_takes_itself_off(self):
        """Within its own event of each kind; CPython still tells it of what comes with that event. So does pdb's continue."""
        outcome = self.record("""
            import sys
            seen = []
            def tracer(frame, event, argument):
                if frame.f_code is f.__code__:
                    seen.append((event, frame.f_lineno))
                    if event == wanted: takes_off(event)
                    return tracer
            def takes_off(x):
                x = len(x)
                sys.settrace(None)
                x = x + 1
            def f(x):
                x = 1
                try:
                    x = 2 / 0
                except ZeroDivisionError:
                    x = 3
                x = abs(4)
                x = 5
            for wanted in "call", "line", "exception", "return":
                sys.settrace(tracer)
                f(0)
                sys.settrace(None)
            f(0)
            print(*seen, sep="\\n")
            breakpoint()
            x = 6
            x = 7
            print(x)
        """, "--log_var", "x", "--only", "x.py", data=b"c\n")
        self.assertEqual(["0", "1", "3", "4", "5"], self.values(outcome)[-6:-1])
        self.assertEqual([TRACED], self.notices(outcome))

    def test_a_trace_function_below_where_the_evaluation_function_is_not_asked(self):
        """In a thread with little stack, set by a function that such a frame calls: of that no opcodes come along."""
        outcome = self.record("""
            import sys, threading
            seen = []
            def tracer(frame, event, argument):
                if frame.f_code.co_filename == __file__: seen.append((frame.f_code.co_name, event, frame.f_lineno))
                return tracer
            def starts(frame):
                frame.f_trace = tracer
                sys.settrace(tracer)
            def f(x):
                x = [1]
                starts(sys._getframe())
                x = 2
                x = g(x)
                sys.settrace(None)
                x = g(4)
            def g(x): return x + looks()
            def looks(): return sys._getframe(2).f_trace_opcodes
            threading.stack_size(256 * 1024)
            thread = threading.Thread(target=f, args=(0,)); thread.start(); thread.join()
            print(*seen, sep="\\n")
        """, "--log_var", "x", "--only", "x.py")
        self.assertEqual(["0", "[1]", "2", "4", "4"], self.values(outcome))
        self.assertEqual([TRACED], self.notices(outcome))

    def test_trace_functions_from_c(self):
        """L-OPCODES: by what is no built-in function, which nobody tells of, opcodes of that frame come along for a while."""
        outcome = self.record("""
            import ctypes
            api = ctypes.pythonapi
            Function = ctypes.PYFUNCTYPE(ctypes.c_int, ctypes.py_object, ctypes.py_object, ctypes.c_int, ctypes.c_void_p)
            seen = []
            @Function
            def tracer(_, frame, what, argument):
                if frame.f_code.co_filename == __file__ and what != 7: seen.append((what, frame.f_lineno))
                return 0
            api.PyEval_SetTrace.argtypes = [ctypes.c_void_p, ctypes.py_object]
            off = ctypes.PYFUNCTYPE(None, ctypes.c_void_p, ctypes.c_void_p)(("PyEval_SetTrace", api))
            def f(x):
                x = 1
                api.PyEval_SetTrace(ctypes.cast(tracer, ctypes.c_void_p), None)
                x = 2
                g(3)
                off(None, None)
                x = 4
                g(5)
            def g(x): x += 1
            f(0)
            f(0)
            print(len(seen), seen)
        """, "--log_var", "x", "--only", "x.py")
        self.assertEqual([TRACED], self.notices(outcome))
        self.assertEqual(["1", "3", "5", "6"], self.values(outcome)[1:5])

    def test_own_profilers(self):
        """While the program's own profiler is in the thread nothing of it is recorded."""
        outcome = self.record("""
            import cProfile, sys
            seen = []
            def profiler(frame, event, argument): x = event; seen.append((frame.f_code.co_name, event))
            def f(x):
                x = 1
                sys.setprofile(profiler)
                x = 2
                g(3)
                sys.setprofile(None)
                x = 4
                g(5)
            def g(x): x += 1
            f(0)
            profile = cProfile.Profile()
            profile.runcall(g, 7)
            g(8)
            print(seen)
        """, "--log_var", "x", "--only", "x.py")
        self.assertEqual(["0", "1", "4", "5", "6", "8", "9"], self.values(outcome))


    def test_a_trace_function_set_behind_the_interpreter(self):
        """By what is called without an event of its own: objects and classes made in C."""
        outcome = self.record("""
            import functools, sys
            seen = []
            def tracer(frame, event, argument):
                if frame.f_code.co_filename == __file__: seen.append((event, frame.f_lineno))
                return tracer
            set_trace = functools.partial(sys.settrace, tracer)
            def f(x):
                x = 1
                frame = sys._getframe()
                frame.f_trace = tracer
                set_trace()
                x = 2
                x = 3
                list(map(sys.settrace, [None]))
                x = 4
            f(0)
            print(*seen, sep="\\n")
        """, "--log_var", "x", "--only", "x.py")
        self.assertEqual(["0", "1", "4"], self.values(outcome))


class Kept(Traced):
    def test_frames_that_call_each_other(self):
        """Recursion, hidden functions, C functions that call back, exceptions through all of them."""
        outcome = self.record("""
            import functools
            def down(n):
                x = n
                if n: down(n - 1)
                x = -n
            def plain(f, n): return f(n)
            def raises(n):
                x = n
                if n == 0: raise ValueError(n)
                try: plain(raises, n - 1)
                finally: x = -n
            def sorts(n):
                x = sorted([3, 1, 2], key=lambda one: plain(key, one))
                x = functools.reduce(lambda one, two: key(one + two), [1, 2, 3])
            def key(k):
                x = k * 10
                return k
            down(2)
            try: raises(2)
            except ValueError: x = "caught"
            sorts(0)
        """, "--log_var", "x", "--only", "x.py")
        self.assertEqual(["2", "1", "0", "0", "-1", "-2", "2", "1", "0", "-1", "-2", "'caught'", "30", "10", "20",
                          "[1, 2, 3]", "30", "60", "6"], self.values(outcome))
        self.assertEqual([], self.notices(outcome))

    def test_other_options_beside_it(self):
        """What the evaluation function does for others, and code of the program's that runs for a value."""
        outcome = self.record("""
            class Loud:
                def __repr__(self):
                    x = "loud"
                    return x
            def fails(x):
                x = Loud()
                x = [x, 2]
                raise ValueError
            def f(x):
                try: fails(x)
                except ValueError as x: pass
                x = 3
            f(1)
        """, "--log_var", "x", "--log_exception", "--repr", "all", "--log_func_args", "--only", "x.py")
        self.assertEqual(["x = 1", "x = 1", "x = loud", "x = [loud, 2]", "raise ValueError", "x = ValueError()", "x = 3"],
                         self.told(outcome))

    def test_generators_and_coroutines_that_wait(self):
        outcome = self.record("""
            import asyncio
            def inner(n):
                x = yield n
                x = (yield x) + 1
                return x
            def outer():
                x = yield from inner(1)
                x = x * 10
                try: yield x
                except KeyError: x = "thrown"
                finally: y = "closed"
            g = outer()
            print(next(g), g.send(2), g.send(3), *[type(e) for e in [g.throw] if not e])
            try: g.throw(KeyError)
            except StopIteration: pass
            g = outer(); next(g); g.close()
            async def waits(n):
                for x in range(n):
                    await asyncio.sleep(0)
                    x = -x
                return n
            async def main():
                x = await asyncio.gather(waits(1), waits(2))
                async for x in numbers(): pass
            async def numbers():
                x = "numbers"
                yield x + "!"
            asyncio.run(main())
        """, "--log_var", "x|y", "--only", "x.py")
        values = [name for name in self.told(outcome)]
        self.assertEqual(["x = 2", "x = 4", "x = 4", "x = 40", "x = 'thrown'", "y = 'closed'"], values[:6])
        self.assertEqual(["x = 0", "x = 0", "x = 0", "x = 0", "x = 1", "x = -1", "x = [1, 2]", "x = 'numbers'", "x = 'numbers!'"],
                         values[6:])
        self.assertEqual([], self.notices(outcome))

    def test_forks_and_threads_in_such_a_frame(self):
        outcome = self.record("""
            import os, threading
            def work(x):
                for x in range(100): pass
                child = os.fork()
                x = "child" if child == 0 else "parent"
                nested(x)
                x = "after"
                if child == 0: os._exit(0)
                os.waitpid(child, 0)
            def nested(x): x += "!"
            threads = [threading.Thread(target=work, args=(0,)) for _ in range(3)]
            for thread in threads: thread.start(); thread.join()
        """, "--log_var", "x", "--only", "x.py")
        by_process = {}
        for event in self.marks(outcome):
            by_process.setdefault(event["pid"], []).append(event["args"]["value"])
        self.assertEqual(4, len(by_process))
        numbers = ["0", *(str(n) for n in range(100))]
        self.assertEqual((numbers + ["'parent'", "'parent'", "'parent!'", "'after'"]) * 3, by_process.pop(min(by_process)))
        self.assertEqual([["'child'", "'child'", "'child!'", "'after'"]] * 3, list(by_process.values()))

    def test_deep_recursion(self):
        """To the limit of the interpreter, and beyond what the C stack has room for on 3.11."""
        outcome = self.record("""
            import sys
            def deep(n):
                x = n
                return deep(n + 1)
            try: deep(0)
            except RecursionError as error: print(error)
        """, "--log_number", "x", "--only", "x.py")
        depth = len(self.counted(outcome))
        self.assertTrue(900 < depth < 1000, depth)
        self.assertEqual([], self.notices(outcome))
        if self.interpreter.minor < (3, 11):
            return
        outcome = self.record("""
            import sys
            sys.setrecursionlimit(200_000)
            def deep(n):
                x = n
                between(n - 1) if n else print("deep")
                x = -n
            def between(n): return deep(n)
            deep(50_000)
            def after():
                x = -1
            after()
        """, "--log_number", "x", "--only", "x.py")
        counted = [value for _, value in self.counted(outcome)]
        self.assertEqual([*range(50_000, -1, -1), *range(0, -50_001, -1), -1], counted)
        self.assertEqual([], self.notices(outcome))

    def test_beside_another_evaluation_function(self):
        """One that does not ask ours: seen when a frame returns that began before; told again from then on."""
        library = os.environ.get("VTN_EVAL_FRAME", "")
        self.assertTrue(os.path.exists(library), "VTN_EVAL_FRAME names no library")
        outcome = self.record(f"""
            import ctypes
            def changes(x):
                x = 1
                ctypes.PyDLL({library!r}).set_eval_frame()
                x = 2
                work(3)
            def plain(n): return work(n)
            def work(x):
                x = [x for x in sorted([x + 1, x], key=lambda k: k)]
            changes(0)
            plain(5)
            x = 7
        """, "--log_var", "x", "--only", "x.py")
        self.assertEqual(["0", "1", "2", "3", "3", "4", "[3, 4]", "5", "5", "6", "[5, 6]", "7"], self.values(outcome))
        self.assertEqual(["what variables, attributes and items were bound to is not told (of what ran until it was seen that "
                          "another frame evaluation function had been set)"], self.notices(outcome))

    def test_a_stop_takes_all_of_it_back(self):
        """In the frame that stops it, in those below, and in threads that wait; a start has it again."""
        outcome = self.traced("-c", HEAD + """
seen = []
def tracer(frame, event, argument):
    seen.append(event)
    return tracer
def opcodes(frame): return frame.f_trace_opcodes
ready, go = threading.Event(), threading.Event()
def waits(x):
    x = 1
    ready.set(); go.wait()
    x = 2
    return sys._getframe().f_trace_opcodes
results = []
thread = threading.Thread(target=lambda: results.append(waits(0))); thread.start(); ready.wait()
def stops(x):
    x = 3
    control(STOP)
    x = 4
    assert not sys._getframe().f_trace_opcodes
    sys.settrace(tracer)
    sys._getframe().f_trace = tracer
    x = 5
    sys.settrace(None)
stops(0)
assert "opcode" not in seen and "line" in seen, seen
go.set(); thread.join()
assert results == [False]
control(START)
def f(x):
    x = 6
f(0)
""", options=("--quiet", "--log_var", "x", "--only", "<string>"))
        self.assertEqual((0, b"", b""), (outcome.status, outcome.stdout, outcome.stderr))
        self.assertEqual(["0", "1", "0", "3", "0", "6"], self.values(outcome))


class Packages(Traced):
    def test_greenlets(self):
        """Stacks that change within a C function of such a frame, or below a frame that it calls."""
        if self.interpreter.root is not None:
            self.skipTest("packages are installed in this machine's own root alone")
        python = os.path.join(venvs.need("greenlets", self.interpreter), "bin", "python3")
        self.write("x.py", """
            from greenlet import greenlet, getcurrent
            def first(x):
                x = 1
                two.switch(10)
                x = 2
                through(two)
                x = 3
                return "done"
            def second(x):
                hidden()
                x = 11
                through(one)
                x = 12
                raise ValueError(x)
            def hidden(): return [one.switch() for _ in (1,)]
            def through(other): return other.switch()
            one, two = greenlet(first), greenlet(second)
            two.parent = getcurrent()
            print(one.switch(0))
            x = 21
            try: two.switch()
            except ValueError: x = 22
            print(one.dead, two.dead)
            """)
        plain = self.run_argv([python, "x.py"], env={"PYTHONPATH": None})
        outcome = self.traced("x.py", options=("--quiet", "--python", python, "--log_var", "x", "--only", "x.py"),
                              env={"PYTHONPATH": None})
        self.assertEqual((0, b""), (plain.status, plain.stderr))
        self.assertEqual(plain.parity_key(), outcome.parity_key())
        self.assertEqual(["0", "1", "10", "2", "11", "3", "21", "12", "22"], self.values(outcome))
        self.assertEqual([], self.notices(outcome))


if __name__ == "__main__":
    unittest.main()
