# SPDX-License-Identifier: Apache-2.0
"""--log_var and its like: what is told when something is bound, and that the program stays what it is."""

import os
import re
import unittest

from control_test import HEAD
from support import TestCase


class Variables(TestCase):
    def record(self, text, *options, **kwargs):
        self.write("x.py", text)
        plain = self.plain("x.py", **kwargs)
        outcome = self.traced("x.py", options=("--quiet", *options), **kwargs)
        self.assertEqual(plain.parity_key(), outcome.parity_key())
        return outcome

    def marks(self, outcome, phase="i"):
        found = [event for event in outcome.report.events if event["ph"] == phase and not event["name"].startswith("start ")]
        return sorted(found, key=lambda event: event["ts"])

    def told(self, outcome, phase="i"):
        """Names and values of instants, in order: "x = 3"."""
        return [event["name"] for event in self.marks(outcome, phase)]

    def counted(self, outcome):
        return [(event["name"], event["args"]["value"]) for event in self.marks(outcome, "C")]


class Told(Variables):
    def test_every_way_to_bind_a_name(self):
        outcome = self.record("""
            class Context:
                def __init__(self, value): self.value = value
                def __enter__(self): return self.value
                def __exit__(self, *error): pass
            import os as x
            from os import path as x
            x: int
            x: int = 1
            x = y = 2
            x += 1
            (x := 4)
            x, *y = 5, 6, 7
            y, *x = 8, 9
            [a, (x, b)] = 1, (10, 2)
            for x in (11, 12): pass
            [0 for x in (13, 14)]
            list(0 for x in (15,))
            {x: 0 for x in (16,)}
            with Context(17) as x: pass
            try: 1 / 0
            except ZeroDivisionError as x: pass
            match [18, {"k": 19}]:
                case [x, {"k": _}]: pass
            match {"k": 20, "l": 21}:
                case {"k": _, **x}: pass
            match 22:
                case int() as x: pass
            def x(): pass
            class x: pass
            def outer():
                global x
                x = 23
            outer()
            class Body:
                x = 24
                x += 1
            def local():
                x = 26
                del x
                x = 27
                def inner():
                    nonlocal x
                    x = 28
                inner()
                return [[x for x in (29,)] for y in (1,)], x
            local()
            async def coroutine():
                async def numbers():
                    yield 30
                async for x in numbers(): pass
                return [0 async for x in numbers()]
            try: coroutine().send(None)
            except StopIteration: pass
            exec("x = 31")
            eval("[x := 32]")
            (lambda x: x)(33)
        """, "--log_var", "x")
        values = [name.removeprefix("x = ") for name in self.told(outcome)]
        self.assertEqual(
            ["<module>", "<module>", "1", "2", "3", "4", "5", "[9]", "10", "11", "12", "13", "14", "15", "16", "17",
             "ZeroDivisionError('division by zero')", "18", "{'l': 21}", "22", "<function x>", "<class __main__.x>", "23", "24", "25", "26",
             "27", "28", "29", "30", "30", "31", "32", "33"],
            [re.sub(r"^<module.*>$", "<module>", value) for value in values])
        self.assertEqual({"variable"}, {event["cat"] for event in self.marks(outcome)})

    def test_parameters_when_the_function_begins(self):
        outcome = self.record("""
            def f(x, /, y, *args, z=3, **kwargs):
                return lambda: (x, args)
            f(1, 2, 4, z=5, k=6)
            def generator(x):
                yield x
                x = 8
                yield x
            list(generator(7))
        """, "--log_var", "[xyz]|args|kwargs")
        self.assertEqual(["x = 1", "y = 2", "z = 5", "args = (4,)", "kwargs = {'k': 6}", "x = 7", "x = 8"],
                         self.told(outcome))

    def test_functions_that_name_threads(self):
        """What is called as the functions of threading.py are that may name a thread, which no thread remembers."""
        self.write("own_threading.py", """
            class Thread:
                def run(self, own):
                    own = own + 1
            def run(own):
                own = own + 10
        """)
        outcome = self.record("""
            import own_threading, threading
            own_threading.Thread().run(1)
            own_threading.run(5)
            threading.current_thread().name = "named"
        """, "--log_var", "own", "--log_attr", "_name")
        told = [name for name in self.told(outcome) if " = " in name]
        self.assertEqual(["own = 1", "own = 2", "own = 5", "own = 15"], [name for name in told if name.startswith("own")])
        self.assertEqual("self._name = 'named'", told[-1])

    def test_items_and_attributes(self):
        outcome = self.record("""
            class Context:
                def __enter__(self): return 15
                def __exit__(self, *error): pass
            class Thing: pass
            def things():
                made.append(1)
                return Thing()
            made = []
            x, i = [0, 1, 2, 3], 1
            def f(a):
                x[0] = 1
                x[i + 1] = 2
                x[0] += 5
                x[1:2] = [3]
                x[0 if a else 1] = 4
                a.attr = 5
                a.other.attr = 6
                things().attr = 7
                [x, i][0][0] = 8
                a.__dict__["attr"] = 9
                (x if a else i)[0] = 10
                a.attr += 11
                x[0], a.attr = 12, 13
                for x[2] in (14,): pass
                with Context() as a.attr: pass
            a = Thing()
            a.other = Thing()
            f(a)
            print(len(made), x)
        """, "--log_var", "x", "--log_attr", "attr")
        told = [(event["name"], event["cat"], event["args"].get("key")) for event in self.marks(outcome)]
        # Made when it is compiled, or (before 3.12) before it is stored; between, the item has no key but two ends.
        constant_slice = None if (3, 12) <= self.interpreter.minor < (3, 14) else "<slice>"
        self.assertEqual(
            [("x = [0, 1, 2, 3]", "variable", None), ("x[...] = 1", "variable", "0"), ("x[...] = 2", "variable", "2"),
             ("x[...] = 6", "variable", "0"),
             ("x[...] = [3]", "variable", constant_slice),
             ("x[...] = 4", "variable", "0"), ("a.attr = 5", "attribute", None), (".attr = 6", "attribute", None),
             (".attr = 7", "attribute", None), ("a.attr = 20", "attribute", None), ("x[...] = 12", "variable", "0"),
             ("a.attr = 13", "attribute", None), ("x[...] = 14", "variable", "2"), ("a.attr = 15", "attribute", None)],
            told)

    def test_numbers_are_counters(self):
        outcome = self.record("""
            def f():
                for x in (1, 2.5, True, "text", 10**30, float("nan"), float("-inf")): pass
                y = 3
            f()
        """, "--log_number", "x|y")
        counted = [(name, float(value)) for name, value in self.counted(outcome)]
        self.assertEqual([("x", 1), ("x", 2500), ("x", 1), ("y", 3)], counted)  # 2.5, read as a time
        self.assertEqual(["x = 'text'", f"x = {10**30}", "x = nan", "x = -inf"], self.told(outcome))

    def test_all_of_a_function(self):
        bare = "|method" if self.interpreter.minor < (3, 11) else ""  # the code has no other name
        outcome = self.record("""
            class Thing:
                def method(self, p):
                    a = b = p
                    self.c = 3
                    for d in "e": pass
                    def inner():
                        nonlocal a
                        a = 5
                    inner()
                    f = 6
            def other(): a = 7
            Thing().method(1)
            other()
        """, "--log_func_exec", "method", "--log_func_entry", r"Thing\.\w+|oth[aeiou]r" + bare)
        self.assertEqual(
            ["method" if bare else "Thing.method", "a = 1", "b = 1", "self.c = 3", "d = 'e'", "inner = <function Thing.method.<locals>.inner>",
             "f = 6", "other"],
            [re.sub("<function inner>", "<function Thing.method.<locals>.inner>", name) for name in self.told(outcome)])

    def test_the_place_of_a_mark(self):
        outcome = self.record("""
            def f():
                x = 1
                g()
                x = 2
            def g(): pass
            f()
        """, "--log_var", "x")
        first, second = self.marks(outcome)
        f, g = outcome.report.one("f"), outcome.report.one("g")
        times = [f.start, *(int(event["ts"] * 1000) if not isinstance(event["ts"], int) else event["ts"]
                            for event in (first, second)), f.end]
        self.assertEqual(times, sorted(times))
        self.assertTrue(times[1] < g.start and g.end < times[2])

    def test_a_name_is_matched_in_full(self):
        outcome = self.record("xy = 1\nx = 2\nyx = 3\nX = 4\na1 = 5", "--log_var", "x|(?:a|b)\\d+")
        self.assertEqual(["x = 2", "a1 = 5"], self.told(outcome))

    def test_several_and_secrets_and_repr(self):
        program = """
            x = "text"
            api_key = "covert 1"
            d = {}
            d["password"] = "covert 2"
            d["name"] = "shown"
            class A: pass
            a = A()
            a.token = "covert 3"
        """
        self.write("x.py", program)
        options = ("--log_attr", "token", "--quiet", "--log_var", "x", "api_key", "d")
        outcome = self.traced("--", "python3", "x.py", options=options)
        self.assertEqual(["x = 'text'", "api_key = ***", "d = {}", "d[...] = ***", "d[...] = 'shown'", "a.token = ***"],
                         self.told(outcome))
        with open(outcome.report_path, encoding="utf-8") as file:
            self.assertNotIn("covert", file.read().split('"file_info"')[0])
        outcome = self.record(program, "--log_attr", "token", "--no_redact")
        self.assertIn("a.token = 'covert 3'", self.told(outcome))
        outcome = self.record(program, "--log_var", "x", "--repr", "off")
        self.assertEqual(["x = <str>"], self.told(outcome))

    def test_what_a_filter_hides_binds_untold(self):
        self.write("library.py", "def f():\n    x = 1\nf()\n")
        outcome = self.record("import library\nx = 2", "--log_var", "x", "--hide", "library")
        self.assertEqual(["x = 2"], self.told(outcome))

    def test_without_calls(self):
        outcome = self.record("""
            import json
            def f(mark):
                mark = mark + 1
            f(1)
            f(2)
            json.dumps(mark := 5)
        """, "--log_sparse", "--log_var", "mark|obj", "--log_func_entry", "f", "--no_stdlib")
        self.assertEqual(["f", "mark = 1", "mark = 2", "f", "mark = 2", "mark = 3", "mark = 5"], self.told(outcome))
        self.assertEqual([], list(outcome.report.calls()))

    def test_with_wide_and_long_functions(self):
        """EXTENDED_ARG, and more names than a byte counts."""
        outcome = self.record("""
            lines = ["def f():"] + [f" v{n} = {n}" for n in range(400)] + [" for i in range(3):"]
            lines += [f"  v{n} += v{n - 1}" for n in range(1, 400)]
            lines += [" return locals()"]
            exec("\\n".join(lines))
            f()
            print(sum(f().values()))
        """, "--log_var", "v399|v3|i", "--log_number", r"v\d+", "--ignore_c_function")
        expected = {f"v{n}": n for n in range(400)}
        told = [f"v{n} = {n}" for n in (3, 399)]
        for i in range(3):
            told.append(f"i = {i}")
            for n in range(1, 400):
                expected[f"v{n}"] += expected[f"v{n - 1}"]
                if n in (3, 399):
                    told.append(f"v{n} = {expected[f'v{n}']}")
        self.assertEqual(told * 2, self.told(outcome))
        self.assertEqual(2 * (400 + 3 * 399), len(self.counted(outcome)))


class Harmless(Variables):
    def test_nothing_is_evaluated_twice(self):
        """VizTracer evaluates `get()` of `get().attr = 3` twice."""
        outcome = self.record("""
            calls = []
            class Thing: pass
            def get(name="get"):
                calls.append(name)
                return Thing()
            get().attr = get("value")
            class Noisy:
                def __repr__(self): raise SystemExit("repr")
                def __getattr__(self, name): raise SystemExit(name)
                def __setattr__(self, name, value): calls.append(name)
                def __setitem__(self, key, value): calls.append(key)
                def __eq__(self, other): raise SystemExit("eq")
                __hash__ = None
            x = Noisy()
            x.attr = x
            x[1] = x
            print(calls)
        """, "--log_attr", "attr", "--log_var", "x")
        self.assertEqual([".attr = <__main__.Thing>", "x = <__main__.Noisy>", "x.attr = <__main__.Noisy>",
                          "x[...] = <__main__.Noisy>"],
                         [re.sub(r"<(Thing|Noisy)>", r"<__main__.\1>", name) for name in self.told(outcome)])

    def test_docstrings_annotations_code_and_tracebacks_stay(self):
        """With VizTracer docstrings vanish, and `x: int` without a value is a NameError."""
        self.record('''
            """of the module"""
            import dataclasses, dis, hashlib, inspect, sys, traceback
            def f(x):
                """of f"""
                y: int
                x = x + 1
                return x
            @dataclasses.dataclass
            class Point:
                """of Point"""
                x: int
                y: int = 0
            print(__doc__, f.__doc__, Point.__doc__, f(1), Point(1), Point.__annotations__)
            code = f.__code__
            print(hashlib.sha1(code.co_code).hexdigest(), code.co_consts, code.co_names, code.co_varnames,
                  list(code.co_lines()), code.co_stacksize, code.co_flags, inspect.getsource(f))
            dis.dis(f, file=sys.stdout)
            print(f.__code__ == f.__code__.replace(), hash(code) == hash(code.replace()))
            def fails(x):
                x = 1
                x = 1 / (x -
                         1)
            try: fails(0)
            except ZeroDivisionError: traceback.print_exc(file=sys.stdout)
            def depth():
                x = sys._getframe()
                return x.f_lineno, x.f_lasti, x.f_locals.keys(), sys.gettrace(), sys.getprofile()
            print(depth())
            print(sorted(name for name in sys.modules if "viz" in name or "vtn" in name), sys.getrefcount(f) < 10)
            class Gone:
                def __del__(self): print("gone")
            def drops():
                x = Gone()
                x = None
                print("after")
            drops()
        ''', "--log_var", "x|y", "--log_func_exec", ".*", "--log_func_entry", ".*", "--log_attr", ".*", "--log_number", ".*")

    def test_exceptions_on_their_way_and_generators(self):
        self.record("""
            def generator(x):
                try:
                    while True:
                        x = yield x
                except GeneratorExit: x = "closed"
                finally: x = "done"
            def failing():
                x = 1
                try:
                    raise ValueError(x)
                except ValueError as x:
                    x = KeyError(x)
                    raise x from None
                finally:
                    x = 2
            g = generator(0)
            print(next(g), g.send(1), g.send("two"))
            g.close()
            try: failing()
            except KeyError as x: print(repr(x), x.__context__, x.__cause__)
            import sys
            print(sys.exc_info())
            def deep(x):
                x = x + 1
                return deep(x) if x < 500 else x
            print(deep(0))
        """, "--log_var", "x")

    def test_code_that_is_not_understood_is_named(self):
        outcome = self.record("""
            def strange(n):
                x = n
                return x
            code = strange.__code__
            if hasattr(code, "co_exceptiontable"):
                code = code.replace(co_exceptiontable=bytes([0x80]))
            else:  # "if not n: POP_TOP" in front, with nothing to pop
                jump = [124, 0, 114, 2 + len(code.co_code) // 2]
                code = code.replace(co_code=bytes(jump) + code.co_code + bytes([1, 0, 83, 0]))
            strange.__code__ = code
            def plain(n):
                x = n
                return x
            print(strange(1), plain(2))
        """, "--log_var", "x")
        self.assertEqual(["x = 2"], self.told(outcome))
        [process] = outcome.report.data["viztracer_native"]["processes"]
        self.assertEqual(["what variables, attributes and items were bound to is not told (of code that is not "
                          "understood, such as that of strange)"], process["images"][0]["notices"])

    def test_threads(self):
        outcome = self.record("""
            import threading
            def work(n):
                for x in range(n): pass
            threads = [threading.Thread(target=work, args=(2000,)) for _ in range(4)]
            for thread in threads: thread.start()
            for thread in threads: thread.join()
        """, "--log_number", "x", "--only", "x.py")
        by_thread = {}
        for event in self.marks(outcome, "C"):
            by_thread.setdefault(event["tid"], []).append(event["args"]["value"])
        self.assertEqual(8000, sum(len(values) for values in by_thread.values()))

    def test_no_bytecode_of_ours_is_left(self):
        """VizTracer writes what it made of a module into __pycache__: the next plain run is a NameError."""
        self.write("module.py", "def f(mark):\n    'doc'\n    mark = mark + 1\n    return mark\nmarked = f(1)\n")
        program = ("-c", "import module; print(module.marked, module.f.__doc__)")
        env = {"PYTHONDONTWRITEBYTECODE": None}
        plain = self.plain(*program, env=env)
        cache = os.path.join(self.work, "__pycache__")
        [name] = os.listdir(cache)
        with open(os.path.join(cache, name), "rb") as file:
            expected = file.read()
        os.unlink(os.path.join(cache, name))
        first = self.traced(*program, options=("--quiet", "--log_var", "mark(ed)?"), env=env)
        with open(os.path.join(cache, name), "rb") as file:
            self.assertEqual(expected, file.read())
        second = self.traced(*program, options=("--quiet", "--log_var", "mark(ed)?"), env=env)
        self.assertEqual(plain.parity_key(), first.parity_key())
        self.assertEqual(plain.parity_key(), second.parity_key())
        for outcome in first, second:  # cached or not
            self.assertEqual(["mark = 1", "mark = 2", "marked = 2"], self.told(outcome))
        self.assertEqual(plain.parity_key(), self.plain(*program).parity_key())

    def test_modules_commands_and_children(self):
        """VizTracer ignores the options with -m and -c, and hands them to no child."""
        self.write("package/__init__.py", "")
        self.write("package/__main__.py", "mark = 'main'\n")
        self.write("child.py", "mark = 'child'\n")
        self.write("x.py", "")
        self.assertEqual(["mark = 'main'"], self.told(self.traced("-m", "package", options=("--quiet", "--log_var", "mark"))))
        self.assertEqual(["mark = 1"], self.told(self.traced("-c", "mark = 1", options=("--quiet", "--log_var=mark"))))
        outcome = self.record("""
            import multiprocessing, os, subprocess, sys
            def work(mark):
                mark = mark + 1
            if __name__ == "__main__":
                subprocess.run([sys.executable, "child.py"], check=True)
                for method in ("fork", "spawn"):
                    process = multiprocessing.get_context(method).Process(target=work, args=(1,))
                    process.start()
                    process.join()
                def forks():
                    mark = "before"
                    child = os.fork()
                    mark = "after"
                    if child == 0: os._exit(0)
                    os.waitpid(child, 0)
                forks()
        """, "--log_var", "mark", "--only", "*.py")
        by_process = {}
        for event in self.marks(outcome):
            by_process.setdefault(event["pid"], []).append(event["name"])
        self.assertEqual(sorted([["mark = 'child'"], ["mark = 1", "mark = 2"], ["mark = 1", "mark = 2"], ["mark = 'before'", "mark = 'after'"],
                                 ["mark = 'after'"]]), sorted(by_process.values()))

    def test_recording_that_pauses_and_ends_and_begins_again(self):
        outcome = self.traced("-c", HEAD + """
x = 1
control(PAUSE); x = 2; control(RESUME); x = 3
control(STOP); x = 4
code = sys._getframe().f_code
m = getattr(sys, "monitoring", None)
assert [m.get_local_events(tool, code) for tool in range(6) if m.get_tool(tool)] == [] if m else not sys._getframe().f_trace_opcodes
control(START); x = 5
def f():
    x = 6
f(); control(STOP); f(); control(START); f()
""", options=("--quiet", "--log_var", "x", "--only", "<string>"))
        self.assertEqual((0, b"", b""), (outcome.status, outcome.stdout, outcome.stderr))
        self.assertEqual(["x = 1", "x = 3", "x = 5", "x = 6", "x = 6"], self.told(outcome))

    def test_in_sub_interpreters(self):
        outcome = self.record("""
            try: import _interpreters as interpreters
            except ImportError: import _xxsubinterpreters as interpreters
            code = \"\"\"if True:
                import json
                def f():
                    for mark in range(3): pass
                f()
                json.dumps(mark := 5)
            \"\"\"
            for n in range(2):
                one = interpreters.create()
                interpreters.run_string(one, code)
                interpreters.destroy(one)
            exec(code)
        """, "--log_var", "mark")
        self.assertEqual(["mark = 0", "mark = 1", "mark = 2", "mark = 5"] * 3, self.told(outcome))

    def test_other_options_beside_it(self):
        outcome = self.record("""
            def f(x):
                x = x + 1
                return x
            print(f(1))
        """, "--log_var", "x", "--log_func_args", "--log_func_retval", "--log_lines", "--mine", "--min_duration", "0.001us")
        self.assertEqual(["x = 1", "x = 2"], self.told(outcome))


class Refused(Variables):
    def test_expressions_that_are_not_understood(self):
        for expression, reason in (("(", r"has a \( without its \)"), ("(?=x)", "uses look-ahead, which is not supported"),
                                   (r"(a)\1", "uses back-references, which are not supported"), ("*", "has nothing to repeat")):
            outcome = self.traced("-c", "print(1)", options=("--log_var", expression))
            self.assertEqual((2, b""), (outcome.status, outcome.stdout))
            self.assertRegex(outcome.stderr.decode(), f"^viztracer-native: .*log_var.*{reason}")


class Old(TestCase):
    """3.10 and 3.11 (what else is their own: instruction_trace_test.py)."""

    def setUp(self):
        if self.interpreter.minor >= (3, 12):
            self.skipTest("before 3.12")
        super().setUp()

    def test_entries_are_told(self):
        self.write("x.py", "def f(): 'doc'\ndef generator():\n    yield 1\nf()\nlist(generator())\nprint(f.__doc__)\n")
        for options in (), ("--ignore_c_function",):
            outcome = self.traced("x.py", options=("--quiet", "--log_func_entry", "f|gen.*", *options))
            self.assertEqual((0, b"doc\n"), (outcome.status, outcome.stdout))
            self.assertEqual(["f", "generator"], [event["name"] for event in outcome.report.events if event["ph"] == "i"])
            sparse = self.traced("x.py", options=("--quiet", "--log_func_entry", "f|gen.*", "--log_sparse", *options))
            self.assertEqual(["f", "generator"], [event["name"] for event in sparse.report.events if event["ph"] == "i"])


if __name__ == "__main__":
    unittest.main()
