# SPDX-License-Identifier: Apache-2.0
"""--magic_comment: where comments in the source are told, and what of them."""

import os
import re
import unittest

from support import PROGRAMS
from variables_test import Variables

OPTIONS = ("--magic_comment",)

class Comments(Variables):
    def record(self, *args, **kwargs):
        outcome = super().record(*args, **kwargs)
        self.assertEqual((0, b""), (outcome.status, outcome.stderr))
        return outcome

    def notices(self, outcome):
        """Without the folders of files."""
        return [re.sub(r"\(/\S+/", "(", notice) for process in outcome.report.data["viztracer_native"]["processes"] for image in process["images"]
                for notice in image["notices"]]


class Places(Comments):
    def shapes(self, text):
        lines = []
        with open(os.path.join(PROGRAMS, "comment_places.py"), encoding="utf-8") as file:
            template = file.read()
        for line in template.split("\n"):
            if line.endswith("FILL"):  # jumps that are longer than a byte
                lines += [line.replace("FILL", f"v{n} = {n} if x else x") for n in range(300)]
            else:
                lines.append(re.sub(r"#\[(\d+)\]$", text, line))
        return "\n".join(lines)

    def test_each_place_is_where_a_statement_would_run(self):
        self.write("comments.py", "MARKS = []\n" + self.shapes(r'# !viztracer: log_instant("\1")'))
        self.write("statements.py", "MARKS = []\n" + self.shapes(r"MARKS.append('\1')") + "\nprint(*MARKS)\n")
        self.write("plain.py", "MARKS = []\n" + self.shapes("") + "\nprint(*MARKS)\n")
        expected = self.plain("statements.py").stdout.decode().split()
        self.assertGreater(len(set(expected)), 95)
        outcome = self.traced("comments.py", options=("--quiet", *OPTIONS))
        self.assertEqual((0, b"", b""), (outcome.status, outcome.stdout, outcome.stderr))
        told = self.told(outcome)
        for number, (one, other) in enumerate(zip(expected, told)):
            self.assertEqual(one, other, f"after {expected[:number]}")
        self.assertEqual(expected, told)
        self.assertEqual([], self.notices(outcome))

    def test_places_in_modules_of_the_standard_library(self):
        program = os.path.join(PROGRAMS, "comment_stdlib.py")
        self.assertGreater(int(self.plain(program).stdout), 4000)
        plain = self.plain(program, "statements")
        with open(os.path.join(self.work, "places"), encoding="utf-8") as file:
            expected = file.read().split()
        outcome = self.traced(program, "comments", options=("--quiet", *OPTIONS, "--log_sparse"))
        self.assertEqual(plain.parity_key(), outcome.parity_key())
        self.assertEqual(0, plain.status)
        told = self.told(outcome)
        for number, (one, other) in enumerate(zip(expected, told)):
            self.assertEqual(one, other, f"after {expected[max(0, number - 10):number]}")
        self.assertEqual(len(expected), len(told))
        self.assertGreater(len(set(told)), 2000)

    def test_what_shares_a_line_with_its_end_is_named(self):
        outcome = self.record("""
            def f(n):
                for i in range(n):
                    if i == 1: break
                    # !viztracer: log_instant("not told")
                for i in range(n):
                    if i == 1: break
                # !viztracer: log_instant("told")
                if n: return 1
                # !viztracer: log_instant("not told")
            def g(n):
                if n: return 1
                # !viztracer: log_instant("told before")
                n = 1
            f(2), g(0), g(1)
        """, *OPTIONS)
        self.assertEqual(["told", "told before"], self.told(outcome))
        place = "a line before it leaves the block, or does not"
        self.assertEqual([f"a magic comment is ignored (x.py:{line}: {place})" for line in (4, 9)], self.notices(outcome))

    def test_what_is_never_code_is_named(self):
        outcome = self.record("""
            def f(n):
                x: int  # !viztracer: log
                if __debug__ and 0:
                    y = 1  # !viztracer: log
                    # !viztracer: log_instant("y")
                global z; z = n  # !viztracer: log
                match n:
                    # !viztracer: log_instant("no place")
                    case 1:
                        n = 2
                    # !viztracer: log_instant("no place")
                return n
            f(1)
        """, *OPTIONS)
        self.assertEqual([("z", 1)], self.counted(outcome))
        none = "CPython makes no code of its statement"
        self.assertEqual(sorted(f"a magic comment is ignored (x.py:{line}: {why})" for line, why in (
            (2, none), (4, none), (5, none), (8, "no statement can stand there"), (11, "no statement can stand there"))), sorted(self.notices(outcome)))

    def test_many_functions_and_comments(self):
        """Where time grows with their square, this takes longer than a test may."""
        lines = ["def big(x):", "    match x:"]
        for n in range(5000):
            lines += [f"        case {n}:", f"            x = {n}", f"            # !viztracer: log_instant('case {n}')"]
        lines += ["    # !viztracer: log_instant('end')"] * 1000 + ["    return x"]
        for n in range(5000):
            lines += [f"# !viztracer: log_instant('of module {n}')", f"def f{n}():", f"    # !viztracer: log_instant('of f{n}')", "    return 1"]
        lines += ["big(1)"] + [f"f{n}()" for n in range(5000)]
        outcome = self.record("\n".join(lines), *OPTIONS, "--log_sparse")
        self.assertEqual([f"of module {n}" for n in range(5000)] + ["case 1"] + ["end"] * 1000 + [f"of f{n}" for n in range(5000)], self.told(outcome))

    def test_comments_behind_each_other_and_lines_in_between(self):
        outcome = self.record("""
            def f(x):
                # !viztracer: log_instant("one")

                # a comment of another kind
            # !viztracer: log_instant("two")
                #!viztracer:log_instant( 'three' )
                x = 1  # noqa  # !viztracer: log
                # # !viztracer: log_instant("commented out")
                # It says !viztracer: log_instant("in words")
                # !viztracer: log_instant("four")
            f(1)
        """, *OPTIONS)
        self.assertEqual(["one", "two", "three", "four"], self.told(outcome))
        self.assertEqual([("x", 1)], self.counted(outcome))


class Told(Comments):
    def test_what_a_statement_binds(self):
        outcome = self.record("""
            class Thing: pass
            thing, numbers, made = Thing(), [0, 1], []
            def get():
                made.append(1)
                return thing
            def f(p):
                x = 5  # !viztracer: log
                y: int = 6  # !viztracer: log
                a, (b, *c) = 1, (2.5, "three", 4)  # !viztracer: log
                thing.attr = "value"  # !viztracer: log
                get().attr = 7  # !viztracer: log
                numbers[0] = 8  # !viztracer: log
                get().numbers = numbers  # !viztracer: log
                get().numbers[1] = None  # !viztracer: log
                p += 1  # !viztracer: log
                z = [i for i in range(2)] + [i for i in [3]] + [j := 3]  # !viztracer: log
                i = [i for i in "a"]  # !viztracer: log
                for k in range(2):  # !viztracer: log
                    pass
                with open("/dev/null") as file:  # !viztracer: log
                    file = True  # !viztracer: log
                import os.path as path  # !viztracer: log
                def inner(): return 1  # !viztracer: log
                if (w := inner()):  # !viztracer: log
                    pass
                long = (1 +  # a comment
                        2 +
                        3)  # !viztracer: log
                r = 1; s = 2  # !viztracer: log
                try: raise ValueError(1)
                except ValueError as error:  # !viztracer: log
                    pass
                del x  # !viztracer: log
                return z  # !viztracer: log
            f(1)
            x: int = 1  # !viztracer: log
            print(len(made))
        """, *OPTIONS)
        told = [re.sub(r"<(module|_io)[^>]*>", r"<\1>", name) for name in self.told(outcome)]
        self.assertEqual(
            ["c = ['three', 4]", "thing.attr = 'value'", ".numbers = [8, 1]", "[...] = None", "z = [0, 1, 3, 3]", "i = ['a']",
             "file = <_io>", "path = <module>", "inner = <function inner>", "error = ValueError(1)", "del x", "return z"],
            told)
        self.assertEqual(
            [("x", 5), ("y", 6), ("a", 1), ("b", 2500), (".attr", 7), ("numbers[...]", 8), ("p", 2), ("j", 3), ("k", 0), ("k", 1), ("file", 1),
             ("w", 1), ("long", 6), ("r", 1), ("s", 2), ("x", 1)], self.counted(outcome))

    def test_variables_of_comprehensions(self):
        """That a comprehension has one of the same name hides none."""
        outcome = self.record("""
            def f(n):
                i = "i"; z = [i for i in n]  # !viztracer: log
                [0 for h in n]; h = "h"; [0 for h in n]  # !viztracer: log
                y = [w for w in n] if (w := n) else 0  # !viztracer: log
                x = [(lambda: q)() for q in n if (r := q)]  # !viztracer: log
                v = {k: [k for k in n] for k in n}  # !viztracer: log
                t = q = [(lambda: q)() for q in n]  # !viztracer: log if q
                u = tuple((o := q) for q in n)  # !viztracer: log
            f([7])
        """, *OPTIONS)
        self.assertEqual(["i = 'i'", "z = [7]", "h = 'h'", "w = [7]", "y = [7]", "x = [7]", "v = {7: [7]}", "t = [7]", "q = [7]", "u = (7,)"], self.told(outcome))
        # What has code of its own binds there: generator expressions, and before 3.12 all of them.
        self.assertEqual([("r", 7)] if self.interpreter.minor >= (3, 12) else [], self.counted(outcome))

    def test_decorated_definitions(self):
        outcome = self.record("""
            def twice(f): return f
            @twice  # !viztracer: log
            @twice
            def f(x): return x
            @twice
            def g(x):  # !viztracer: log if g(1)
                return x
            @twice  # !viztracer: log_instant("h")
            def h(x): return x
        """, *OPTIONS)
        self.assertEqual(["f = <function f>", "g = <function g>", "h"], self.told(outcome))

    def test_one_log_for_a_statement(self):
        outcome = self.record("""
            print(1,  # !viztracer: log
                  2)  # !viztracer: log
            print(3,  # of another kind
                  [4,  # !viztracer: log_instant("beside it")
                   "#"])  # !viztracer: log
        """, *OPTIONS)
        self.assertEqual(["print(1,", "beside it", 'print(3, [4, "#"])'], self.told(outcome))
        self.assertEqual(["a magic comment is ignored (x.py:2: its statement has a log already)"], self.notices(outcome))

    def test_what_is_evaluated(self):
        outcome = self.record("""
            limit = 2
            class Thing:
                base = 3
                # !viztracer: log_var("in a class", (base, limit, [base for _ in range(1)], (lambda: base)()))
                def method(self, n):
                    # !viztracer: log_var("scopes", [(n, base, limit, len(self.items)) for base in range(n) if base < limit])
                    def inner():
                        # !viztracer: log_var("from outside", n)
                        return n
                    # !viztracer: log_var("generated", list(x + n for x in range(2)))
                    # !viztracer: log_var(name="keywords", var={"n": n})
                    # !viztracer: log_var("unbound", later)
                    # !viztracer: log_var("unbound builtin", [id for _ in "a"])
                    id = later = inner()
                    return later
                items = [1]
            later = "of the module"
            Thing().method(2)
            # !viztracer: log_var("number", 2.5)
            # !viztracer: log_var("text", f"{limit!r:>{limit}}")
            # !viztracer: log_var("conditional", 1, limit == 2)
            # !viztracer: log_var("conditional", 2, cond=False)
            # !viztracer: log_var("brackets)", {"(": 1}["("])  # and a remark
            # !viztracer: log_var("walrus", (limit := 5))
            # !viztracer: log_var("still", limit)
            # !viztracer: log_var(3, "a name that is no text")
            # !viztracer: log_var("namespaces", (locals() is globals(), "Thing" in globals()))
            class Derived(Thing):
                def method(self):
                    # !viztracer: log_var("super", (super(type(self), self).base, super().base))
                    # !viztracer: log_var("super", super(type(self), self).base)
                    return 1
            Derived().method()
            limit = 7  # !viztracer: log_var("behind", limit) if limit > 6
        """, *OPTIONS)
        self.assertEqual(
            ["in a class = (3, 2, [3], 3)", "scopes = [(2, 0, 2, 1), (2, 1, 2, 1)]", "generated = [2, 3]", "keywords = {'n': 2}",
             'log_var("unbound", later)', 'log_var("unbound builtin", [id for _ in "a"])', "text = ' 2'", "3 = 'a name that is no text'",
             "namespaces = (True, False)", 'log_var("super", (super(type(self), self).base, super().base))'], self.told(outcome))
        self.assertEqual([("from outside", 2), ("number", 2500), ("conditional", 1), ("brackets)", 1), ("walrus", 5), ("still", 2),
                          ("super", 3), ("behind", 7)],
                         self.counted(outcome))
        for event in self.marks(outcome):
            if "unbound" in event["name"]:
                self.assertRegex(event["args"]["raised"], "^NameError")
        self.assertEqual({"magic comment"}, {event["cat"] for event in self.marks(outcome)})

    def test_variables_of_outer_functions_beside_annotations(self):
        """From 3.14 on these have code of their own, with the line and within the function around."""
        outcome = self.record("""
            def outer(a: int):
                def inner(x: int, y: list[int] = []) -> int:
                    # !viztracer: log_var("a", a)
                    return x + a
                return inner(1)
            outer(2)
        """, *OPTIONS)
        self.assertEqual([("a", 2)], self.counted(outcome))
        self.assertEqual([], self.notices(outcome))

    def test_variables_of_outer_functions(self):
        """A function has those alone that its own code names."""
        outcome = self.record("""
            n, other, i = "n", "other", "i"
            def f(n, seen, i):
                class Thing:
                    def method(self):
                        # !viztracer: log_var("seen", seen)
                        # !viztracer: log_var("other", (other, [i for i in range(2)], (lambda n: n)(3)))
                        # !viztracer: log_var("attribute", self.n)
                        # !viztracer: log_var("n", n)
                        x = seen  # !viztracer: log if n
                    n = "of the class"
                Thing().method()
                def inner():
                    global i
                    # !viztracer: log_var("global", i)
                    i = "i"
                    # !viztracer: log_instant(n)
                    return lambda: n
                inner()
                def deeper():
                    # !viztracer: log_var("i", lambda: i)
                    return seen
                deeper()
            f("in f", "seen", 1)
        """, *OPTIONS)
        self.assertEqual(["seen = 'seen'", "other = ('other', [0, 1], 3)", "attribute = 'of the class'", "global = 'i'", "in f"], self.told(outcome))
        self.assertEqual([f"a magic comment is ignored (x.py:{line}: it names a variable of an outer function that its own does not)" for line in (8, 9, 20)],
                         self.notices(outcome))

    def test_instants(self):
        outcome = self.record("""
            def f(n):
                # !viztracer: log_instant("plain")
                # !viztracer: log_instant("with args", {"n": n, "password": "covert", "l": [1]}, "p")
                # !viztracer: log_instant("with a text", args="text", scope="g")
                # !viztracer: log_instant(f"made {n}", cond=n > 1)
                # !viztracer: log_instant("skipped", cond=n > 2)
                # !viztracer: log_var("api_key", "covert")
                # !viztracer: log_var("token", 5)
                secret = "covert"  # !viztracer: log
                return n
            f(2)
        """, *OPTIONS)
        self.assertEqual(["plain", "with args", "with a text", "made 2", "api_key = ***", "token = ***", "secret = ***"], self.told(outcome))
        arguments = [event["args"] for event in self.marks(outcome)]
        self.assertEqual([{}, {"n": "2", "password": "***", "l": "[1]"}, {"args": "'text'"}, {}], arguments[:4])

    def test_conditions(self):
        outcome = self.record("""
            class Thing: pass
            def f(thing):
                for i in range(4):  # !viztracer: log if i % 2
                    x = i * 2  # !viztracer: log if x == 4
                    thing.attr = x  # !viztracer: log if thing.attr > 4
                    a, thing.other = x, -x  # !viztracer: log if a + thing.other == 0 and i == 1
                    print(i)  # !viztracer: log if i == 3
                    # !viztracer: log_instant("both", {"i": i}) if x and i < 3
                    # !viztracer: log_var("i now", i) if [j for j in range(i) if j > 1]
                    if x:  # !viztracer: log if x > 4
                        pass
                    while x > 5:  # !viztracer: log if x
                        x -= 1
            f(Thing())
        """, *OPTIONS)
        self.assertEqual(["both", "both", "print(i)", "if x:", "while x > 5:"], self.told(outcome))
        self.assertEqual([("i", 1), ("a", 2), ("thing.other", -2), ("x", 4), ("i", 3), ("thing.attr", 6), ("i now", 3)],
                         self.counted(outcome))

    def test_conditions_of_what_fails_and_recurses(self):
        outcome = self.record("""
            class Thing:
                def __setattr__(self, name, value):
                    if value == 1: raise ValueError
                    if value > 1: f(self, value - 2)
                    object.__setattr__(self, name, value)
            def f(thing, n):
                try:
                    a, thing.x = n, n  # !viztracer: log if n != 2
                except ValueError: pass
            for n in (4, 1, 0):
                f(Thing(), n)
        """, *OPTIONS)
        # 4 sets 2 sets 0; 1 fails; 0.
        self.assertEqual([("a", 0), ("thing.x", 0), ("a", 4), ("thing.x", 4), ("a", 0), ("thing.x", 0)],
                         [(event["name"], event["args"]["value"]) for event in outcome.report.events if event["ph"] == "C"])

    def test_many_conditions_at_a_time(self):
        names = [f"v{n}" for n in range(300)]
        outcome = self.record(f"{', '.join(names)} = range(300)  # !viztracer: log if v299", *OPTIONS)
        self.assertEqual([(name, n) for n, name in enumerate(names)], self.counted(outcome))

    def test_what_waits_in_deep_recursion(self):
        outcome = self.record("""
            class Thing:
                def __setattr__(self, name, value):
                    if value: (f if name == "x" else g)(self, value - 1)
            def f(thing, n):
                again = True
                while again:
                    again = False
                    thing.x = n
                    # !viztracer: log_instant("end")
            def g(thing, n):
                a, thing.y = n, n  # !viztracer: log if True
            f(Thing(), 200)
            g(Thing(), 200)
        """, *OPTIONS)
        self.assertEqual(201 * ["end"], self.told(outcome))
        self.assertEqual([value for n in range(201) for value in (n, n)], sorted(value for _, value in self.counted(outcome)))

    def test_more_than_can_wait_is_named(self):
        outcome = self.record("""
            def waits(n):
                x = ((y := n), (yield))  # !viztracer: log if True
            all_of_them = [waits(n) for n in range(2000)]
            for one in all_of_them: next(one)
            for one in all_of_them: next(one, None)
        """, *OPTIONS, "--log_sparse")
        self.assertEqual(2000, len(self.told(outcome)))
        left = [value for _, value in self.counted(outcome)]
        self.assertEqual((len(left), 1999), (len(set(left)), max(left)))
        self.assertTrue(512 <= len(left) <= 1024, len(left))
        self.assertEqual(["a magic comment is ignored (in a thread where too much waits for the end of its statement, the older half)"], self.notices(outcome))

    def test_what_a_statement_bound_before_it_raised(self):
        outcome = self.record("""
            def fails(): raise ValueError
            def f(c):
                x = ((y := "first"), fails())[0] if c else (z := "second")  # !viztracer: log if True
                while c: x = ((y := "third"), c.pop(), fails())[0]  # !viztracer: log if True
            for c in [1], [], [], [2]:
                try: f(c)
                except ValueError: pass
        """, *OPTIONS)
        self.assertEqual(2 * ["z = 'second'", "x = 'second'"], self.told(outcome))

    def test_a_function_that_an_exception_ended_on_its_way_back(self):
        """Its next call, whose frame lies in the same place, tells what it is to tell when it begins."""
        outcome = self.record("""
            import signal
            rounds = [0]
            def handler(_, frame):
                if rounds[0]:
                    rounds[0] = 0
                    raise ValueError
            signal.signal(signal.SIGALRM, handler)
            def f():
                # !viztracer: log_instant("begins")
                while True: rounds[0] += 1
            for _ in range(3):
                rounds[0] = 0
                try:
                    signal.setitimer(signal.ITIMER_REAL, 0.01, 0.01)
                    f()
                except ValueError:
                    signal.setitimer(signal.ITIMER_REAL, 0)
        """, *OPTIONS)
        self.assertEqual(3 * ["begins"], self.told(outcome))

    def test_names_that_are_made_as_the_program_runs(self):
        outcome = self.record("""
            for n in range(2000):
                # !viztracer: log_var(f"made {n}", [n])
                # !viztracer: log_instant(f"made {n % 10}", {"n": n, "password": "covert"})
                # !viztracer: log_var("fixed", [n])
                # !viztracer: log_instant(f"password {n}", {"n": n})
                pass
        """, *OPTIONS, "--log_sparse")
        kinds = [re.sub("[0-9]+", "N", name) for name in self.told(outcome)]
        self.assertEqual([1000, 1000, 2000, 2000, 1000, 1000],
                         [kinds.count(kind) for kind in ("made N = [N]", 'log_var(f"made {n}", [n])', "made N", "fixed = [N]", "password N",
                                                         'log_instant(f"password {n}", {"n": n})')])
        last = {event["name"]: event["args"] for event in self.marks(outcome)[-4:]}
        self.assertEqual({'log_var(f"made {n}", [n])': {"name": "'made 1999'", "value": "[1999]"}, "made 9": {"n": "1999", "password": "***"},
                          "fixed = [1999]": {"value": "[1999]"}, 'log_instant(f"password {n}", {"n": n})': {"name": "'password 1999'", "n": "1999"}}, last)
        self.assertEqual([f"a magic comment makes too many names: what it tells more is told under its own (x.py:{line})" for line in (2, 5)],
                         self.notices(outcome))

    def test_what_raises_is_told_and_stays_away(self):
        outcome = self.record("""
            import sys
            def failing(): raise KeyError("inner")
            def deep(n): return deep(n + 1)
            def f(n):
                x = n  # !viztracer: log if 1 / n > 0
                # !viztracer: log_var("x", failing())
                # !viztracer: log_instant("x") if failing()
                # !viztracer: log_instant(no_such_name)
                # !viztracer: log_instant("one", 2, "g", True, "too many")
                # !viztracer: log_var("deep", deep(0))
                return x
            try:
                f(0)
                1 / 0
            except ZeroDivisionError as error:
                print(f(0), repr(error.__context__), sys.exc_info()[1] is error)
                # !viztracer: log_var("handled", [sys.exc_info()[1] is error, error])
            print(sys.exc_info(), sys.getrecursionlimit())
        """, *OPTIONS)
        raised = [(event["name"], event["args"]["raised"].split("(")[0]) for event in self.marks(outcome) if "raised" in event["args"]]
        self.assertEqual(
            2 * [("log if 1 / n > 0", "ZeroDivisionError"), ('log_var("x", failing())', "KeyError"),
                 ('log_instant("x") if failing()', "KeyError"), ("log_instant(no_such_name)", "NameError"),
                 ('log_instant("one", 2, "g", True, "too many")', "TypeError"), ('log_var("deep", deep(0))', "RecursionError")], raised)
        self.assertEqual(["handled = [True, ZeroDivisionError('division by zero')]"], [name for name in self.told(outcome) if name.startswith("handled")])

    def test_strings_are_no_comments(self):
        """VizTracer rewrites them."""
        outcome = self.record('''
            # !viztracer: log_instant("first")
            text = """
            # !viztracer: log_instant("in text")
            x = 1  # !viztracer: log
            """
            other = "# !viztracer: log", '# !viztracer: log', r"\\# !viztracer: log", \\
                b"# !viztracer: log"
            n = 1
            nested = f"# !viztracer: log {f'# !viztracer: log {n:#>{n}}'} {n!r}" + f"""
            # !viztracer: log_instant("in text") {{ {n
            } # !viztracer: log """
            print(text, other, nested)
            # !viztracer: log_instant("last")
        '''.replace("\\\\", "\\"), *OPTIONS)
        self.assertEqual(["first", "last"], self.told(outcome))
        self.assertEqual([], self.counted(outcome))

    def test_without_calls_and_beside_other_logs(self):
        outcome = self.record("""
            def f(x):
                x = x + 1  # !viztracer: log
                # !viztracer: log_var("y", "text")
            f(1)
        """, *OPTIONS, "--log_sparse", "--log_var", "x")
        self.assertEqual([], list(outcome.report.calls()))
        self.assertEqual(["x = 1", "x = 2", "y = 'text'"], self.told(outcome))
        self.assertEqual([("x", 2)], self.counted(outcome))

    def test_functions_that_a_filter_hides_have_none(self):
        self.write("other.py", "# !viztracer: log_instant('other')\nx = 1\n")
        outcome = self.record("import other\n# !viztracer: log_instant('here')\nprint(1)\n", *OPTIONS, "--only", "x.py")
        self.assertEqual(["here"], self.told(outcome))


if __name__ == "__main__":
    unittest.main()
