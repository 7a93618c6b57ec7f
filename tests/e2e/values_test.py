# SPDX-License-Identifier: Apache-2.0
"""Values of arguments and what is returned: what they say, and that nothing of the program runs for it."""

import json
import os
import unittest

from support import TestCase

VALUES = ("--log_func_args", "--log_func_retval")


class Values(TestCase):
    def record(self, text, *options, **kwargs):
        self.write("x.py", text)
        plain = self.plain("x.py")
        outcome = self.traced("x.py", options=("--quiet", "--only", "x.py", *options), **kwargs)
        self.assertEqual(plain.parity_key(), outcome.parity_key())
        return outcome

    def events(self, outcome, name):
        """What is told of the calls of a function, in order of their begins."""
        found = [event for event in outcome.report.events
                 if event["ph"] in "XB" and event["name"].split(" (")[0].split(".")[-1] == name]
        return [event.get("args", {}) for event in sorted(found, key=lambda event: event["ts"])]

    def arguments(self, outcome, name):
        return [event.get("func_args") for event in self.events(outcome, name)]


class Told(Values):
    def test_builtin_values_are_told_as_repr_has_them(self):
        outcome = self.record("""
            import json
            values = [0, 1, -1, 255, 256, 2**31, -2**31, 2**62, 2**63 - 1, -2**63, 2**63, -2**64, 10**60, -10**200,
                      True, False, None, ..., NotImplemented,
                      0.0, -0.0, 1.0, 0.1, 1e15, 1e16, 123456789012345.6, 1e-4, 1e-5, 1.5e300, 5e-324, 1/3,
                      float("inf"), float("-inf"), float("nan"), 3+4j, 1j, -2.5e20j, complex(0.0, -0.0), 1.5-0.5j,
                      "", "a", "it's", 'say "no"', 'both \\' and "', "back\\\\slash", "line\\\\n\\\\t\\\\r\\\\x00\\\\x7f", "\\u00e9\\u2192\\U0001f600",
                      b"", b"abc", b"it's", b"\\\\x00\\\\xff\\\\n", bytearray(b"xyz"),
                      (), (1,), (1, 2), [], [1, [2, [3]]], {}, {"a": 1, 2: (3,)}, {1}, set(), frozenset(), frozenset({"q"}),
                      [None, True, "x", 1.5, b"y"], {"k": {"l": [1, 2]}}]
            def show(x): return x
            for value in values: show(value)
            print(json.dumps([repr(value) for value in values]))
        """, *VALUES)
        expected = json.loads(outcome.stdout)
        events = self.events(outcome, "show")
        self.assertEqual(expected, [event["func_args"]["x"] for event in events])
        self.assertEqual(expected, [event["return_value"] for event in events])

    def test_all_kinds_of_parameters(self):
        outcome = self.record("""
            def many(a, /, b, *rest, c, d=4, **more):
                def inner(): return a, c, rest
                return b
            many(1, 2, 5, 6, c=3, e=7)
            class Thing:
                def method(self, x): return x
                @classmethod
                def of_class(cls, x): return x
            Thing().method(1)
            Thing.of_class(2)
            def generate(n):
                for i in range(n): yield i
            list(generate(2))
            async def coroutine(n): return n + 1
            try: coroutine(5).send(None)
            except StopIteration: pass
            exec("def wide(%s): pass" % ", ".join("p%d" % n for n in range(100)))
            wide(*range(100))
        """, *VALUES)
        self.assertEqual([{"a": "1", "b": "2", "c": "3", "d": "4", "rest": "(5, 6)", "more": "{'e': 7}"}],
                         self.arguments(outcome, "many"))
        self.assertEqual([{"self": "<__main__.Thing>", "x": "1"}], self.arguments(outcome, "method"))
        self.assertEqual([{"cls": "<class __main__.Thing>", "x": "2"}], self.arguments(outcome, "of_class"))
        generated = self.events(outcome, "generate")
        self.assertEqual([{"n": "2"}, None, None], [event.get("func_args") for event in generated])
        self.assertEqual(["0", "1", "None"], [event["return_value"] for event in generated])
        self.assertEqual([{"func_args": {"n": "5"}, "return_value": "6"}], self.events(outcome, "coroutine"))
        [wide] = self.arguments(outcome, "wide")
        self.assertEqual({f"p{n}": str(n) for n in range(64)}, wide)

    def test_objects_whose_parts_are_plain(self):
        outcome = self.record("""
            import collections, dataclasses, enum, typing
            class Color(enum.Enum): RED, BLUE = 1, 2
            class Flag(enum.IntEnum): ON = 1
            @dataclasses.dataclass
            class Point:
                x: int
                y: object = None
                @property
                def wrong(self): raise SystemExit("a property was asked")
            class Slots:
                __slots__ = ("a", "b", "__private", "__dict__", "__weakref__")
                def __init__(self): self.a = [1]
            class Empty:
                __slots__ = ()
            def default(): pass
            @dataclasses.dataclass
            class Defaults:
                color: Color = Color.RED
                made: object = default
                of_class: typing.ClassVar[int] = 1
                hidden: int = dataclasses.field(default=5, repr=False)
                missing: int = dataclasses.field(init=False)
            Pair = collections.namedtuple("Pair", "a b")
            class Loop(enum.Enum): ONE = 1
            Loop.ONE._value_ = Loop.ONE
            def show(x): pass
            for one in (Color.RED, Flag.ON, Point(1, (2,)), Slots(), show, len, int, Color,
                        collections.OrderedDict(a=1), Exception("x"), Empty(), Pair(1, 2),
                        Defaults(Color.BLUE, 3), Defaults()):
                show(one)
            show(Loop.ONE)
            def cell(c): pass
            def outer(v): return lambda: v
            for _ in range(3): cell(outer(7).__closure__[0])
        """, *VALUES)
        self.assertEqual(
            ["<Color.RED: 1>", "<Flag.ON: 1>", "Point(x=1, y=(2,))", "Slots(a=[1], b=<unbound>)",
             "<function show>", "<builtin len>", "<class int>", "<class __main__.Color>",
             "<collections.OrderedDict>", "Exception('x')", "<__main__.Empty>", "<__main__.Pair>",
             "Defaults(color=<Color.BLUE: 2>, made=3, missing=<unbound>)",
             "Defaults(color=<Color.RED: 1>, made=<function default>, missing=<unbound>)"],
            [told["x"] for told in self.arguments(outcome, "show")][:-1])
        self.assertRegex(self.arguments(outcome, "show")[-1]["x"], r"^<Loop\.ONE: (<Loop\.ONE: )+.*<.*Loop>>+$")
        self.assertEqual(3, len(self.arguments(outcome, "cell")))

    def test_large_values_are_cut(self):
        outcome = self.record("""
            def show(x): pass
            loop = [1]; loop.append(loop)
            for value in ("y" * 5000, b"z" * 5000, list(range(1000)), {n: n for n in range(1000)}, 1 << 100000, loop,
                          [["a" * 100] * 10] * 10):
                show(value)
        """, "--log_func_args")
        text, data, numbers, pairs, huge, loop, texts = [told["x"] for told in self.arguments(outcome, "show")]
        self.assertRegex(text, r"^'y{200,256}'\.\.\.$")
        self.assertRegex(data, r"^b'z{200,256}'\.\.\.$")
        self.assertEqual("[0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, and 984 more]", numbers)
        self.assertRegex(pairs, r"^\{0: 0, 1: 1, .*, and \d+ more\}$")
        self.assertEqual("<int of 100001 bits>", huge)
        self.assertEqual("[1, [1, [1, [1, [and 2 more]]]]]", loop)
        self.assertLess(len(texts), 400)
        long = self.record("def show(x): pass\nshow('y' * 5000)", "--log_func_args", "--max_repr", "2000")
        self.assertGreater(len(self.arguments(long, "show")[0]["x"]), 1950)
        short = self.record("def show(x): pass\nshow('y' * 5000)", "--log_func_args", "--max_repr", "32")
        self.assertLess(len(self.arguments(short, "show")[0]["x"]), 40)

    def test_types_alone(self):
        outcome = self.record("def show(x): return 'text'\nshow([1])", *VALUES, "--repr", "off")
        self.assertEqual([{"func_args": {"x": "<list>"}, "return_value": "<str>"}], self.events(outcome, "show"))

    def test_secrets(self):
        program = """
            def login(user, password, api_key=None, **rest): return password
            login("me", "pw1", api_key="pw2", authToken="pw3", options={"cookie": "pw4", "author": "x", "monkey": 1})
            def get_token(): return "pw5"
            get_token()
        """
        outcome = self.record(program, *VALUES)
        with open(outcome.report_path, encoding="utf-8") as file:
            text = file.read().split('"file_info"')[0]
        self.assertNotRegex(text, r"pw[2345]")
        self.assertEqual(
            [{"user": "'me'", "password": "***", "api_key": "***",
              "rest": "{'authToken': ***, 'options': {'cookie': ***, 'author': 'x', 'monkey': 1}}"}],
            self.arguments(outcome, "login"))
        self.assertEqual("***", self.events(outcome, "get_token")[0]["return_value"])
        outcome = self.record(program, *VALUES, "--no_redact")
        self.assertEqual("'pw1'", self.arguments(outcome, "login")[0]["password"])
        self.assertEqual("'pw5'", self.events(outcome, "get_token")[0]["return_value"])

    def test_secrets_of_ones_own(self):
        outcome = self.record("""
            def pay(amount, card_number, ssn, password): return {"Card": amount, "credit card": 7}
            pay(3, "4111", "078-05", "pw")
        """, *VALUES, "--redact", "ssn", "--redact=*card*")
        self.assertEqual([{"amount": "3", "card_number": "***", "ssn": "***", "password": "***"}], self.arguments(outcome, "pay"))
        self.assertEqual("{'Card': 3, 'credit card': ***}", self.events(outcome, "pay")[0]["return_value"])

    def test_secrets_in_fields_and_of_every_name(self):
        """Parameters, fields, keys, and what functions return and yield."""
        words = ("password passwords passwd passphrase pwd token tokens secret secrets key keys apikey apikeys privatekey "
                 "auth authorization authtoken credential credentials cookie cookies").split()
        outcome = self.record(f"""
            import dataclasses
            @dataclasses.dataclass
            class Fields:
                user: str
                password: str
            class Slots:
                __slots__ = ("token", "name")
                def __init__(self): self.token, self.name = "covert", "shown"
            def show(x): pass
            show(Fields("shown", "covert"))
            show(Slots())
            show([{{"Set-Cookie": "covert", "a": {{"X-Auth": ("covert",)}}}}])
            def words({", ".join(words)}): pass
            words(*["covert"] * {len(words)})
            def session_tokens():
                yield "covert"
            list(session_tokens())
            def rest(*keys, **credentials): pass
            rest("covert", a="covert")
            class Session:
                @property
                def secret(self): return "covert"
            Session().secret
        """, *VALUES, "--log_var", "show|self", "--log_print")
        with open(outcome.report_path, encoding="utf-8") as file:
            self.assertNotIn("covert", file.read().split('"file_info"')[0])
        self.assertEqual(["Fields(user='shown', password=***)", "Slots(token=***, name='shown')",
                          "[{'Set-Cookie': ***, 'a': {'X-Auth': ***}}]"],
                         [told["x"] for told in self.arguments(outcome, "show")])
        self.assertEqual([dict.fromkeys(words, "***")], self.arguments(outcome, "words"))
        self.assertEqual([{"keys": "***", "credentials": "***"}], self.arguments(outcome, "rest"))

    def test_what_no_name_says_is_told(self):
        """So nobody is to rely on it."""
        outcome = self.record("""
            import sys
            def show(x): pass
            show([("password", "told 1")])
            show({b"password": "told 2"})
            print("password", "told 3", file=sys.stderr)
            def fails(): raise ValueError("password: told 4")
            try: fails()
            except ValueError: pass
        """, *VALUES, "--log_print", "--log_exception")
        with open(outcome.report_path, encoding="utf-8") as file:
            recorded, source = file.read().split('"file_info"')
        for told in ("told 1", "told 2", "told 3", "told 4"):
            self.assertIn(told, recorded)
            self.assertIn(told, source)
        outcome = self.traced("x.py", "--password=told 5", options=("--quiet", *VALUES))
        with open(outcome.report_path, encoding="utf-8") as file:
            self.assertIn("--password=told 5", file.read())

    def test_what_raises_has_returned_nothing(self):
        """VizTracer shows the exception as what was returned."""
        outcome = self.record("""
            def raises(n): raise KeyError(n)
            def passes(n): return raises(n)
            def generate(n):
                yield n
                raise KeyError(n)
            try: passes(1)
            except KeyError: pass
            try: list(generate(2))
            except KeyError: pass
        """, *VALUES)
        self.assertEqual([{"func_args": {"n": "1"}}], self.events(outcome, "raises"))
        self.assertEqual([{"func_args": {"n": "1"}}], self.events(outcome, "passes"))
        self.assertEqual(["2", None], [event.get("return_value") for event in self.events(outcome, "generate")])

    def test_text_beyond_latin_1(self):
        outcome = self.record(r"""
            def show(x): pass
            for text in ("\n\x7f\xad\xe9", "\u20ac\u200b\u2028", "\U0001f600", "\ud83d", "it's"):
                show(text)
        """, *VALUES)
        told = [told["x"] for told in self.arguments(outcome, "show")]
        self.assertEqual(r"'\n\x7f\xad" + "\xe9'", told[0])
        self.assertEqual(["'\u20ac\u200b\u2028'", "'\U0001f600'"], told[1:3])
        self.assertEqual("'\ufffd'", told[3].replace("\ufffd\ufffd\ufffd", "\ufffd"))
        self.assertEqual('"it' + "'" + 's"', told[4])

    def test_values_that_json_has_no_word_for(self):
        """One such value costs VizTracer the whole report, or makes it no JSON."""
        outcome = self.record("""
            def show(x): return x
            for value in (float("nan"), float("inf"), "\\ud800", "\\0\\x1b", b"\\xff", 'a"b\\\\', object, 1j, 10**400):
                show(value)
            for number in (float("nan"), float("inf"), -float("inf"), 10**400): pass
        """, *VALUES, "--log_number", "number", "--log_var", "value")
        def refuse(word):
            self.fail(f"{word} is no JSON")
        with open(outcome.report_path, encoding="utf-8") as file:
            json.load(file, parse_constant=refuse)
        told = [told["x"] for told in self.arguments(outcome, "show")]
        self.assertEqual(9, len(told))
        self.assertEqual(["nan", "inf"], told[:2])

    def test_of_functions_that_match(self):
        outcome = self.record("""
            class App:
                def handle(self, x): return self.other(x)
                def other(self, x): return x
            App().handle(1)
        """, "--log_func_args=App.handle" if self.interpreter.minor > (3, 10) else "--log_func_args=handle",
            "--log_func_retval=*other")
        self.assertEqual([{"func_args": {"self": "<__main__.App>", "x": "1"}}], self.events(outcome, "handle"))
        self.assertEqual([{"return_value": "1"}], self.events(outcome, "other"))

    def test_calls_that_end_much_later_or_never(self):
        """Their arguments are told when they end, or when their process does."""
        outcome = self.record("""
            import os
            def leaf(n): return n
            def outer(name, n):
                for i in range(n): leaf(i)
                return name
            def last(reason):
                outer("second", 5000)
                os.kill(os.getpid(), 9)
            outer("first", 20000)
            last("a kill")
        """, *VALUES)
        self.assertEqual(-9, outcome.status)
        self.assertEqual([("'first'", "'first'"), ("'second'", "'second'")],
                         [(event["func_args"]["name"], event["return_value"]) for event in self.events(outcome, "outer")])
        [last] = self.events(outcome, "last")
        self.assertEqual({"reason": "'a kill'"}, last["func_args"])
        leaves = self.events(outcome, "leaf")
        self.assertEqual([str(n) for n in [*range(20000), *range(5000)]],
                         [event["func_args"]["n"] for event in leaves])
        self.assertEqual([event["func_args"]["n"] for event in leaves], [event["return_value"] for event in leaves])

    def test_with_limits_and_lines(self):
        outcome = self.record("""
            import time
            def short(n): return n
            def long(n):
                for i in range(3000): short(i)
                time.sleep(0.01)
                return -n
            long(1)
            long(2)
        """, *VALUES, "--min_duration", "5ms", "--log_lines")
        self.assertEqual([], self.events(outcome, "short"))
        self.assertEqual([({"n": "1"}, "-1", 7), ({"n": "2"}, "-2", 8)],
                         [(event["func_args"], event["return_value"], event["caller_lineno"])
                          for event in self.events(outcome, "long")])

    def test_in_children_and_other_formats(self):
        self.write("child.py", "def of_child(x): return x\nof_child('told')")
        outcome = self.traced("-c", "import subprocess, sys; subprocess.run([sys.executable, 'child.py'])",
                              options=("--quiet", *VALUES, "--only", "child.py", "--report", "r.pftrace"))
        self.assertEqual([{"x": "'told'"}], self.arguments(outcome, "of_child"))
        with open(os.path.join(self.work, "r.pftrace"), "rb") as file:
            data = file.read()
        # As the name of an annotation: field 10, of bytes, of that length.
        for word in (b"\x52\x09func_args", b"\x52\x0creturn_value", b"'told'"):
            self.assertIn(word, data)


class Collections(Values):
    def test_collections_are_slices(self):
        self.write("x.py", """
            import gc, os
            gc.disable()
            class Knot: pass
            def tie():
                knot = Knot()
                knot.self = knot
            for _ in range(3): tie()
            print(gc.collect())
            child = os.fork()
            gc.collect(0)
            if child == 0: os._exit(0)
            os.waitpid(child, 0)
        """)
        plain = self.plain("x.py")
        for options in (), ("--ignore_c_function",), ("--only", "x.py"):
            outcome = self.traced("x.py", options=("--quiet", "--log_gc", *options))
            self.assertEqual(plain.parity_key(), outcome.parity_key())
            found = [event for event in outcome.report.events if event["name"] == "garbage collection"]
            self.assertEqual(2, len({event["pid"] for event in found}))
            values = [event["args"]["return_value"] for event in found]
            self.assertEqual(1, len([value for value in values if "'generation': 2, 'collected': " in value
                                     and "'collected': 0" not in value]), values)
            self.assertEqual(2, len([value for value in values if "'generation': 0" in value]), values)
            for call in outcome.report.named("garbage collection"):
                self.assertLess(call.start, call.end)
        hidden = self.traced("x.py", options=("--quiet", "--log_gc", "--hide", "garbage collection"))
        self.assertEqual([], hidden.report.named("garbage collection"))


class Safe(Values):
    ABORTS = """
        import builtins, os
        def abort(*args, **kwargs):
            os.write(2, b"a dunder was called")
            os.abort()
        quiet = {"__class__", "__new__", "__init__", "__init_subclass__", "__subclasshook__", "__class_getitem__",
                 "__hash__", "__del__", "__dict__", "__doc__", "__module__", "__slots__", "__weakref__"}
        names = set(dir(object)) | set(dir(int)) | set(dir(list)) | set(dir(dict)) | set(dir(str)) | {
            "__getattr__", "__enter__", "__exit__", "__call__", "__fspath__", "__await__", "__aiter__", "__get__",
            "__set__", "__delete__", "__set_name__", "__missing__", "__length_hint__", "__instancecheck__",
            "__subclasscheck__", "__buffer__", "__index__", "__complex__", "__int__", "__float__"}
        body = {name: abort for name in names if name.startswith("__") and name not in quiet}
        class_of = type("Meta", (type,), {name: abort for name in ("__getattribute__", "__getattr__", "__repr__", "__str__",
                        "__eq__", "__dir__", "__instancecheck__", "__subclasscheck__", "__len__", "__iter__")})
        Evil = type.__call__(class_of, "Evil", (), {**body, "__hash__": object.__hash__, "__dataclass_fields__": 1})
        EvilInt = type("EvilInt", (int,), body | {"__hash__": int.__hash__})
        EvilDict = type("EvilDict", (dict,), body)
        EvilError = type("EvilError", (Exception,), {name: abort for name in ("__repr__", "__str__", "__getattribute__", "__eq__")})
    """

    def test_no_code_of_the_program_runs(self):
        outcome = self.record(self.ABORTS + """
        evil = type.__call__(Evil)
        def show(x, *more, **named): return x
        def element(x): return [x, (x,), {"k": x}]
        for one in (evil, Evil, EvilInt.__new__(EvilInt, 3), EvilDict.__new__(EvilDict)):
            show(one)
            show([one], one, named=one)
            show({"value": one})
            element(one)
        show({evil: 1})
        show({evil})
        import dataclasses, enum
        @dataclasses.dataclass
        class Data:
            x: object
            __repr__ = __eq__ = __getattribute__ = __getattr__ = abort
        class Slots:
            __slots__ = ("x",)
            def __init__(self, x): self.x = x
            __repr__ = __eq__ = __getattribute__ = __getattr__ = abort
            __hash__ = object.__hash__
        class Members(enum.Enum):
            ONE = 1
            __repr__ = __str__ = abort
        for one in (Data(evil), Slots(evil), Members.ONE): show(one)
        def raises(x): raise EvilError("x")
        def passes(x): return raises(x)
        try: passes(evil)
        except EvilError: pass
        def generator(x):
            yield x
        list(generator(evil))
        print("lives")
        """, *VALUES)
        self.assertEqual((0, b"lives\n", b""), (outcome.status, outcome.stdout, outcome.stderr))
        self.assertEqual(17, len(self.arguments(outcome, "show")))
        self.assertEqual("<Evil>", self.arguments(outcome, "generator")[0]["x"].replace("__main__.", ""))

    def test_a_program_sees_nothing_of_it(self):
        """References, the pending exception, and what tracing functions of its own are told."""
        self.record("""
            import gc, sys, weakref
            class Thing: pass
            def held(x): return x
            thing = Thing()
            before = sys.getrefcount(thing)
            for _ in range(1000): held(thing)
            print(sys.getrefcount(thing) - before, weakref.getweakrefcount(thing))
            def fails(x): return x.nothing
            try: fails(thing)
            except AttributeError as error: print(error, error.__context__)
            def nested():
                try: raise KeyError(1)
                finally: held(2)
            try: nested()
            except KeyError as error: print(repr(error), error.__context__)
            ghost = weakref.ref(thing)
            del thing
            print(ghost())
            def local(a):
                b = a
                held(3)
                return sorted(sys._getframe().f_locals.items())
            print(local(1))
        """, *VALUES)


if __name__ == "__main__":
    unittest.main()
