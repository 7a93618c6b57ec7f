# SPDX-License-Identifier: Apache-2.0
"""Logs of what happens, as marks on the timeline: exceptions, prints; and runs that record nothing else."""

import os
import unittest

from support import TestCase


class Logs(TestCase):
    def record(self, text, *options, name="x.py", **kwargs):
        self.write(name, text)
        plain = self.plain(name, **kwargs)
        outcome = self.traced(name, options=("--quiet", *options), **kwargs)
        self.assertEqual(plain.parity_key(), outcome.parity_key())
        return outcome

    def marks(self, outcome, category):
        """Marks of a category: events in the order of their times."""
        return sorted((event for event in outcome.report.events
                       if event["ph"] in "iC" and event.get("cat") == category), key=lambda event: float(event["ts"]))

    def within(self, outcome, mark):
        """The innermost call that a mark lies in."""
        found = None
        at = float(mark["ts"])
        for event in outcome.report.events:
            if event["ph"] == "X" and event["tid"] == mark["tid"] and \
                    float(event["ts"]) <= at <= float(event["ts"]) + float(event["dur"]) and \
                    (found is None or float(found["ts"]) <= float(event["ts"])):
                found = event
        return found and found["name"].split(" (")[0].split(".")[-1]


class Exceptions(Logs):
    def told(self, outcome):
        return [mark["name"] for mark in self.marks(outcome, "exception")]

    def expect(self, text, expected, before_312, *options):
        outcome = self.record(text, "--only", "x.py", "--log_exception", *options)
        self.assertEqual(expected if self.interpreter.minor >= (3, 12) else before_312, self.told(outcome))
        return outcome

    def test_each_once_from_where_it_is_raised_to_where_it_is_caught(self):
        outcome = self.expect("""
            def inner(): raise ValueError("boom", 3)
            def middle(): inner()
            def outer():
                try: middle()
                except ValueError: pass
            outer()
        """, ["raise ValueError", "caught ValueError"], ["raise ValueError"])
        marks = self.marks(outcome, "exception")
        self.assertEqual({"exception": "ValueError('boom', 3)", "line": "1"}, marks[0]["args"])
        if self.interpreter.minor >= (3, 12):
            self.assertEqual({"line": "5"}, marks[1]["args"])
            self.assertEqual(["inner", "outer"], [self.within(outcome, mark) for mark in marks])

    def test_what_an_exception_passes_through_is_no_catch(self):
        self.expect("""
            import contextlib
            class Manager:
                def __enter__(self): return self
                def __exit__(self, *args): return False
            def inner(): {}["k"]
            def a():
                try: inner()
                finally: len("x")
            def b():
                with Manager(): a()
            def c():
                try: b()
                except (OSError, IndexError): pass
            def d():
                try: c()
                except KeyError:
                    str(1)
                    raise
            def e():
                try: d()
                except KeyError as error: raise error
            def f():
                try: e()
                except Exception: return 1
            f()
        """, ["raise KeyError", "caught KeyError"], ["raise KeyError"])

    def test_one_raised_while_another_is_handled(self):
        self.expect("""
            def f(): raise OSError(2)
            def g():
                try: f()
                except OSError as error:
                    try: raise KeyError("second") from error
                    except KeyError: int("4")
                    len("z")
            g()
            def h():
                try: f()
                except OSError: raise LookupError("third")
            try: h()
            except LookupError: pass
        """, ["raise OSError", "caught OSError", "raise KeyError", "caught KeyError",
              "raise OSError", "caught OSError", "raise LookupError", "caught LookupError"],
                    ["raise OSError", "raise OSError", "raise LookupError"])

    def test_a_loop_that_catches(self):
        outcome = self.record("""
            def loop():
                for i in range(50):
                    try: {}[i]
                    except KeyError: pass
            loop()
        """, "--only", "x.py", "--log_exception")
        self.assertEqual([name for _ in range(50) for name in ("raise KeyError", "caught KeyError")]
                         if self.interpreter.minor >= (3, 12) else [], self.told(outcome))

    def test_uncaught(self):
        outcome = self.expect("""
            def f(): raise RuntimeError("out")
            f()
        """, ["raise RuntimeError", "uncaught RuntimeError"], ["raise RuntimeError", "uncaught RuntimeError"])
        self.assertEqual(1, outcome.status)

    def test_in_a_thread(self):
        outcome = self.record("""
            import threading
            def work(): 1 / 0
            threading.excepthook = lambda args: print(args.exc_type.__name__)
            thread = threading.Thread(target=work)
            thread.start()
            thread.join()
        """, "--log_exception", "--no_import")
        names = [mark["name"] for mark in self.marks(outcome, "exception") if "ZeroDivision" in mark["name"]]
        self.assertEqual(["raise ZeroDivisionError"] + ["caught ZeroDivisionError"] * (self.interpreter.minor >= (3, 12)), names)

    def test_generators_and_coroutines(self):
        self.expect("""
            import asyncio
            def generate():
                try: yield 1
                except RuntimeError: yield 2
            g = generate()
            next(g)
            g.throw(RuntimeError("in"))
            for _ in generate(): pass
            async def fails(): raise OSError("x")
            async def handles():
                try: await fails()
                except OSError:
                    await asyncio.sleep(0)
                    raise
            async def main():
                try: await asyncio.gather(handles(), asyncio.sleep(0.01))
                except OSError: pass
            coroutine = main()
            asyncio.run(coroutine)
        """, ["raise RuntimeError", "caught RuntimeError", "raise OSError", "caught OSError"], ["raise OSError"])

    def test_what_c_code_raises(self):
        """On 3.10 and 3.11 by what it was given: CPython has made no object of it yet."""
        outcome = self.record("""
            def f(n): return [][n]
            def g(): return int("x")
            def h(): return {}["k"]
            for function in (lambda: f(1), g, h):
                try: function()
                except (LookupError, ValueError): pass
        """, "--log_exception", "--only", "x.py")
        told = [(mark["name"], mark["args"]["exception"], mark["args"]["line"]) for mark in self.marks(outcome, "exception")
                if mark["name"].startswith("raise ")]
        bare = "list index out of range", "invalid literal for int() with base 10: 'x'"
        whole = self.interpreter.minor >= (3, 12)
        self.assertEqual([("raise IndexError", f"IndexError('{bare[0]}')" if whole else f"'{bare[0]}'", "1"),
                          ("raise ValueError", f'ValueError("{bare[1]}")' if whole else f'"{bare[1]}"', "2"),
                          ("raise KeyError", "KeyError('k')" if whole else "('k',)", "3")], told)

    def test_uncaught_in_a_thread_of_its_own(self):
        self.write("x.py", """
            import _thread, sys
            left = _thread.allocate_lock()
            left.acquire()
            sys.unraisablehook = lambda _: left.release()
            def work(): 1 / 0
            _thread.start_new_thread(work, ())
            left.acquire()
        """)
        outcome = self.traced("x.py", options=("--quiet", "--log_exception", "--hide", "*hook", "--only", "work"))
        self.assertEqual((0, b"", b""), outcome.parity_key())
        self.assertEqual(["raise ZeroDivisionError", "uncaught ZeroDivisionError"], self.told(outcome))

    def test_errors_that_c_swallows_are_no_events(self):
        self.expect("""
            class Lazy:
                __slots__ = ()
            getattr(Lazy(), "missing", None)
            hasattr(Lazy(), "missing")
            {}.get("k")
            next(iter(()), None)
            list(map(str, [1, 2]))
            for _ in (i for i in range(3)): pass
        """, [], [])

    def test_hidden_functions_pass_on_what_they_raise(self):
        """It is told of where it comes to a function that is recorded; what stays below is not."""
        self.write("library.py", """
            def fails(): raise OSError("lib")
            def swallows():
                try: fails()
                except OSError: pass
        """)
        outcome = self.expect("""
            import library
            def mine(): library.fails()
            library.swallows()
            try: mine()
            except OSError: pass
        """, ["raise OSError", "caught OSError"], ["raise OSError"])
        self.assertEqual("2", self.marks(outcome, "exception")[0]["args"]["line"])

    def test_no_code_of_the_program_runs(self):
        self.expect("""
            import os
            def abort(*args, **kwargs): os.abort()
            body = {name: abort for name in ("__repr__", "__str__", "__eq__", "__getattribute__", "__reduce__")}
            Evil = type("Evil", (Exception,), body)
            Other = type("Other", (Exception,), {"args": property(abort)})
            def f(error): raise error
            for error in (Evil(1), Other(2), Evil(Evil(3))):
                try: f(error)
                except BaseException: pass
        """, ["raise Evil", "caught Evil", "raise Other", "caught Other", "raise Evil", "caught Evil"],
                    ["raise Evil", "raise Other", "raise Evil"])

    def test_what_ends_iteration_is_none(self):
        self.expect("""
            import asyncio
            class Numbers:
                def __init__(self): self.left = 2
                def __iter__(self): return self
                def __next__(self):
                    if not self.left: raise StopIteration
                    self.left -= 1
            for _ in Numbers(): pass
            async def numbers():
                yield 1
            async def main():
                await asyncio.sleep(0.001)
                async for _ in numbers(): pass
            asyncio.run(main())
            try: next(iter(()))
            except StopIteration: pass
        """, [], [])

    def test_many_generators_that_wait_in_their_handlers(self):
        self.expect("""
            def generate():
                try: {}["k"]
                except KeyError:
                    yield 1
                    raise
            waiting = [generate() for _ in range(20)]
            for one in waiting: next(one)
            for one in waiting:
                try: next(one)
                except KeyError: pass
        """, ["raise KeyError"] * 20 + ["caught KeyError"] * 20, ["raise KeyError"] * 20)

    def test_below_many_hidden_frames(self):
        self.write("library.py", """
            def dig(n):
                if n: return dig(n - 1)
                raise OSError("deep")
        """)
        self.expect("""
            import library, sys
            sys.setrecursionlimit(20000)
            try: library.dig(5000)
            except OSError: pass
        """, ["raise OSError", "caught OSError"], [])

    def test_deep_recursion(self):
        self.record("""
            import sys
            sys.setrecursionlimit(5000)
            def f(n): return f(n + 1)
            try: f(0)
            except RecursionError as error: print(type(error).__name__)
        """, "--log_exception", "--only", "x.py")

    def test_modules_commands_cached_modules_and_children(self):
        self.write("failing.py", "def f(): raise ValueError(1)\ntry: f()\nexcept ValueError: pass\n")
        self.write("starts.py", "import subprocess, sys; subprocess.run([sys.executable, 'failing.py'], check=True)")
        expected = ["raise ValueError", "caught ValueError"] if self.interpreter.minor >= (3, 12) else ["raise ValueError"]
        for target in (["-m", "failing"], ["-c", "import failing"], ["-c", "import failing"], ["starts.py"]):
            with self.subTest(target=target):
                outcome = self.traced(*target, options=("--quiet", "--only", "failing.py", "--log_exception"),
                                      env={"PYTHONDONTWRITEBYTECODE": None})
                self.assertEqual((0, b"", b""), outcome.parity_key())
                self.assertEqual(expected, self.told(outcome))
        self.assertTrue(os.listdir(os.path.join(self.work, "__pycache__")))

    def test_what_is_raised_is_evaluated_once(self):
        """VizTracer evaluates `make()` of `raise make()` twice."""
        outcome = self.expect("""
            made = []
            def make(cause=None):
                made.append(cause)
                return ValueError(len(made))
            def f(): raise make() from make("cause")
            try: f()
            except ValueError as error: print(error, error.__cause__, len(made))
        """, ["raise ValueError", "caught ValueError"], ["raise ValueError"])
        self.assertEqual(b"1 2 2\n", outcome.stdout)

    def test_groups(self):
        if self.interpreter.minor < (3, 11):
            self.skipTest("exception groups are of 3.11")
        self.expect("""
            def f(): raise ExceptionGroup("many", [ValueError(1), OSError(2)])
            def g():
                try: f()
                except* ValueError: pass
            try: g()
            except ExceptionGroup: print("rest")
        """, ["raise ExceptionGroup", "caught ExceptionGroup", "caught ExceptionGroup"],  # the rest is another one
                    ["raise ExceptionGroup"])


class Prints(Logs):
    def test_what_is_printed_is_told_and_printed(self):
        outcome = self.record("""
            import sys
            print("hello")
            print("a", 1, sep="-")
            print()
            with open("out.txt", "w") as file: print("to a file", file=file)
            print(open("out.txt").read())
            sys.stdout.write("not by print\\n")
        """, "--log_print")
        self.assertEqual(["print = 'hello'", "print = ('a', 1)", "print = ()", "print = 'to a file'", "print = 'to a file\\n'"],
                         [mark["name"] for mark in self.marks(outcome, "print")])

    def test_in_children(self):
        outcome = self.record("""
            import subprocess, sys
            print("parent", flush=True)
            subprocess.run([sys.executable, "-c", "print('child')"])
        """, "--log_print")
        marks = self.marks(outcome, "print")
        self.assertEqual(["print = 'parent'", "print = 'child'"], [mark["name"] for mark in marks])
        self.assertEqual(2, len({mark["pid"] for mark in marks}))


    def test_every_way_to_print(self):
        """Also where C code or nothing of Python calls it, and in functions that a filter hides."""
        text = """
            import builtins, functools, threading
            list(map(print, ["map"]))
            functools.partial(print, "partial")()
            thread = threading.Thread(target=print, args=("thread",))
            thread.start()
            thread.join()
            print(*("two", "words"), **{"end": "\\n"})
            alias = builtins.print
            alias("alias")
            def hidden(): print("hidden")
            hidden()
            sorted([1], key=lambda one: print("key"))
            exec("print('exec')")
            def print(*more): alias("own", *more)
            print("print")
        """
        for options in ((), ("--ignore_c_function",), ("--hide", "hidden", "--hide", "print"), ("--only", "nothing"),
                        ("--log_sparse",)):
            outcome = self.record(text, "--log_print", *options)
            self.assertEqual(["'map'", "'partial'", "'thread'", "('two', 'words')", "'alias'", "'hidden'", "'key'", "'exec'",
                              "('own', 'print')"],
                             [mark["name"].removeprefix("print = ") for mark in self.marks(outcome, "print")], options)


class Audits(Logs):
    PROGRAM = """
        import sys
        sys.audit("mine.event", 1, "two")
        sys.audit("mine.other")
        sys.audit("yours.event")
        open("x.py").close()
        try: open("missing")
        except OSError as error: error.__traceback__.tb_frame
        exec("1")
    """

    def test_those_that_match(self):
        outcome = self.record(self.PROGRAM, "--log_audit=mine.*", "--log_audit=op[e]n", "--log_exception", "--mine")
        found = [(mark["name"], mark["args"]["args"]) for mark in self.marks(outcome, "audit")]
        self.assertEqual([("mine.event", "(1, 'two')"), ("mine.other", "()")], [one for one in found if "mine" in one[0]])
        self.assertEqual(2, len([one for one in found if one[0] == "open" and "'x.py'" in one[1] or "'missing'" in one[1]]))
        self.assertEqual({"mine.event", "mine.other", "open"}, {name for name, _ in found})

    def test_all(self):
        outcome = self.record(self.PROGRAM, "--log_audit", "--log_exception", "--log_func_args", "--log_lines", "--mine")
        names = [mark["name"] for mark in self.marks(outcome, "audit")]
        for name in ("yours.event", "open", "exec"):
            self.assertIn(name, names)
        # What is read for the recorder is none of the program's.
        self.assertEqual(1, len([mark for mark in self.marks(outcome, "audit") if "tb_frame" in mark["args"]["args"]]))

    def test_in_children(self):
        outcome = self.record("""
            import subprocess, sys
            sys.audit("mine.parent")
            subprocess.run([sys.executable, "-c", "import sys; sys.audit('mine.child')"])
        """, "--log_audit=mine.*")
        self.assertEqual(["mine.parent", "mine.child"], [mark["name"] for mark in self.marks(outcome, "audit")])

        outcome = self.record("""
            import subprocess, sys
            subprocess.run([sys.executable, "-c", "import sys; sys.audit('mine.child')"])
        """, "--log_audit", "--mine")
        self.assertIn("mine.child", [mark["name"] for mark in self.marks(outcome, "audit")])

    def test_with_the_program_alone(self):
        outcome = self.record("import sys; sys.audit('mine')", "--log_audit", "--ignore_multiprocess")
        self.assertIn("mine", [mark["name"] for mark in self.marks(outcome, "audit")])

    def test_as_a_list(self):
        self.write("y.py", "import sys; sys.audit('a.b'); sys.audit('b.c'); sys.audit('c.d')")
        outcome = self.traced("--log_audit", "a.*", "b.*", "--", "python3", "y.py")
        self.assertEqual(["a.b", "b.c"], [mark["name"] for mark in self.marks(outcome, "audit")])

    def test_a_hook_of_the_program_hears_nothing_of_ours(self):
        self.record("""
            import sys
            heard = []
            sys.addaudithook(lambda event, args: heard.append((event, str(args[1:])) if event == "object.__getattr__" else event))
            def f(n): return 1 / n
            for i in range(3):
                try: f(0)
                except ZeroDivisionError: pass
            sys.audit("mine")
            print(heard)
        """, "--log_audit", "--log_exception", "--log_func_args", "--log_lines", "--mine")


class Sparse(Logs):
    def test_nothing_but_what_is_logged(self):
        outcome = self.record("""
            def f(): raise ValueError(1)
            try: f()
            except ValueError: print("x")
        """, "--log_sparse", "--log_print", "--log_exception")
        self.assertEqual([], [call.name for call in outcome.report.calls() if call.category == "FEE"])
        self.assertEqual(["print = 'x'"], [mark["name"] for mark in self.marks(outcome, "print")])
        self.assertIn("raise ValueError", [mark["name"] for mark in self.marks(outcome, "exception")])

    def test_uncaught(self):
        self.write("x.py", "def f(): raise ValueError(1)\nf()\n")
        outcome = self.traced("x.py", options=("--quiet", "--log_sparse", "--log_exception"))
        self.assertIn("uncaught ValueError", [mark["name"] for mark in self.marks(outcome, "exception")])

    def test_it_is_told(self):
        self.write("x.py", "print('x')")
        outcome = self.traced("x.py", options=("--log_sparse",))
        self.assertIn(b"recorded with --log_sparse", outcome.stderr)


if __name__ == "__main__":
    unittest.main()
