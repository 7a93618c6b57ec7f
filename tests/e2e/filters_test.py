# SPDX-License-Identifier: Apache-2.0
"""Which functions are recorded: a filter decides about a function, never about what that calls."""

import json
import os
import re
import unittest

from support import PROGRAMS, TestCase

FILTERED = os.path.join(PROGRAMS, "filtered.py")


def forest(calls):
    return [(call.name, forest(call.children)) for call in calls]


def lines(trees, indent=""):
    """A forest, a line for each call."""
    return [line for name, children in trees for line in [indent + name, *lines(children, indent + "  ")]]


def without(trees, hidden, caller_is_hidden=False):
    """What is left of a forest: children of what is hidden move up; C functions go with their caller."""
    left = []
    for name, children in trees:
        is_python = name.endswith(")") and " (" in name
        gone = hidden(name) or (caller_is_hidden and not is_python)
        # Who calls a child of a C function is that C function: what it calls back is looked at by itself.
        below = without(children, hidden, hidden(name) if is_python else caller_is_hidden and gone)
        left += below if gone else [(name, below)]
    return left


def bare(name):
    return name.rsplit(" (", 1)[0].rsplit(".", 1)[-1]


class Filters(TestCase):
    def shapes(self, calls):
        return [(call.function, self.shapes(call.children)) for call in calls]

    def script(self, report):
        [call] = [call for call in report.named("<module>") if os.path.basename(call.file) == "x.py"]
        return call

    def record(self, path, *options, **kwargs):
        return self.traced(path, options=("--quiet", *options), **kwargs)

    def in_folder(self, files):
        for name, text in files.items():
            self.write(name, text)


class Exact(Filters):
    """Every way in which calls begin and end, with hidden functions above, between and below: what is
    left is the whole recording without them, call by call."""

    def forests(self, report):
        return sorted((report.thread_names.get(key, ""), forest(roots)) for key, roots in report.threads.items())

    def compare(self, hide, hidden, *options):
        whole = self.record(FILTERED, *options)
        expected = [(name, without(trees, hidden)) for name, trees in self.forests(whole.report)]
        some = self.record(FILTERED, *options, *hide)
        self.assertEqual(whole.parity_key(), some.parity_key())
        self.same_lines(lines([pair for pair in expected if pair[1]]), lines(self.forests(some.report)))

    def same_lines(self, expected, got):
        for at, (one, other) in enumerate(zip(expected, got)):
            if one != other:
                around = slice(max(at - 12, 0), at + 12)
                self.fail("\n".join(["expected:", *expected[around], "", "got:", *got[around]]))
        self.assertEqual(len(expected), len(got))

    def test_hidden_by_name(self):
        for options in (), ("--ignore_c_function",):
            with self.subTest(options=options):
                self.compare(["--hide", "hid*", "--hide", "Hidden.hid*"],
                             lambda name: bare(name).startswith("hid"), *options)

    def test_hidden_by_name_with_lines(self):
        self.compare(["--hide", "hid*", "--hide", "Hidden.hid*", "--log_lines"],
                     lambda name: bare(name).startswith("hid"))

    def test_only_a_few(self):
        for options in (), ("--ignore_c_function",):
            with self.subTest(options=options):
                self.compare(["--only", "*seen*"], lambda name: " (" in name and "seen" not in name, *options)

    def test_c_functions_by_their_own_name(self):
        self.compare(["--hide", "builtins.len", "--hide", "sorted", "--hide", "Hidden"],
                     lambda name: name in ("builtins.len", "builtins.sorted") or
                     re.match(r"(__main__\.)?Hidden\b", name) is not None)


    def test_the_first_event_may_be_a_throw(self):
        """Until a function is met that is recorded, little is listened to."""
        self.write("x.py", """
            def seen():
                yield
            def hid():
                try:
                    seen().throw(KeyError("it never began"))
                except KeyError:
                    pass
            hid()
        """)
        report = self.record("x.py", "--only", "seen").report
        self.assertEqual(["seen"], [call.function for call in report.calls()])
        self.assertFalse(report.one("seen").unfinished)


class ByPlace(Filters):
    """Which file a function is of."""

    PROGRAM = """
        import os, sys, threading
        sys.path[:0] = [os.path.dirname(os.path.abspath(__file__)) + "/" + name for name in ("src", "src2")]
        import inside, beside
        def mine(): return inside.work(beside.work)
        def in_thread(): return inside.plain()
        mine()
        thread = threading.Thread(target=inside.plain)
        thread.start()
        thread.join()
    """

    def setUp(self):
        super().setUp()
        self.in_folder({
            "x.py": self.PROGRAM,
            "src/inside.py": """
                exec("def generated(f): return f()")
                def plain(): return len("x")
                def work(f): return generated(f)
            """,
            "src2/beside.py": "def work(): return inner()\ndef inner(): return 1",
        })

    def functions(self, *options, **kwargs):
        outcome = self.record("x.py", *options, **kwargs)
        self.assertEqual((0, b"", b""), outcome.parity_key())
        return {call.function for call in outcome.report.calls() if call.is_python}

    def test_folders_end_at_their_names(self):
        """`src` is not `src2`; generated code is of its module's file; a thread's target is there,
        though what calls it is not."""
        found = self.functions("--include_files=src")
        self.assertEqual({"<module>", "generated", "plain", "work"}, found)
        outcome = self.traced("--", "python3", "x.py", options=(
            "--quiet", "--include_files", "./src/", "src2/../src2/beside.py"))
        self.assertEqual({"<module>", "generated", "plain", "work", "inner"},
                         {call.function for call in outcome.report.calls() if call.is_python})
        self.assertEqual({"mine"}, self.functions("--exclude_files=src") & {"mine", "plain", "generated"})

    def functions_of(self, *options):
        return self.functions(*options) & {"mine", "plain", "generated", "work", "inner"}

    def test_patterns_of_files(self):
        self.assertEqual({"mine", "inner", "work"}, self.functions_of("--hide", "src/"))
        self.assertEqual({"mine", "inner", "work"}, self.functions_of("--hide", "inside.py"))
        self.assertEqual({"plain", "generated", "work"}, self.functions_of("--only", "*/inside.py"))
        self.assertEqual({"plain", "generated", "work"}, self.functions_of("--only", "./s[r]c"))
        self.assertEqual({"plain", "generated", "work", "inner"}, self.functions_of("--only", "src*/*"))
        self.assertEqual({"plain", "work", "inner", "mine"}, self.functions_of("--hide", "<string>"))
        self.assertEqual({"generated"}, self.functions_of("--only", "<str*>"))

    def test_patterns_of_any_folder(self):
        """What begins with a slash or a star is of the whole machine, all else with a slash of the command's folder."""
        self.write("deep/src/third.py", "def third(): pass\nthird()")
        self.write("x.py", "import runpy\nrunpy.run_path('src/inside.py')\nrunpy.run_path('deep/src/third.py')\n")
        found = lambda *options: self.functions(*options) & {"generated", "third"}
        self.write("src/inside.py", "def generated(): pass\ngenerated()")
        for everywhere in ("/*/src/*", "*/src/*", "*/src/"):
            self.assertEqual({"generated", "third"}, found("--only", everywhere))
        for root in (("--only", "/"), ("--include_files=/",)):
            self.assertEqual({"generated", "third"}, found(*root))
        self.assertEqual(set(), found("--exclude_files=/"))
        self.assertEqual({"generated"}, found("--only", "src/*"))
        self.assertEqual({"third"}, found("--only", "deep/*/"))
        self.assertEqual({"generated", "third"}, found("--only", "inside.py", "--only", "th?rd.py"))

    def test_symlinks_either_way(self):
        os.symlink("src", os.path.join(self.work, "link"))
        self.assertEqual({"plain", "generated", "work"}, self.functions_of("--include_files=link"))
        with open(os.path.join(self.work, "x.py"), encoding="utf-8") as file:
            text = file.read()
        self.write("x.py", text.replace('"src"', '"link"'))
        self.assertEqual({"plain", "generated", "work"}, self.functions_of("--include_files=src"))
        self.assertEqual({"plain", "generated", "work"}, self.functions_of("--only", "link/"))

    def test_file_names_that_are_no_text(self):
        """VizTracer dies of them with a filter of files."""
        os.mkdir(os.path.join(self.work, "inner"))
        name = os.fsencode(os.path.join(self.work, "inner")) + b"/caf\xe9.py"
        with open(name, "w", encoding="utf-8") as file:
            file.write("def strange(): pass\nstrange()\n")
        self.write("odd.py", r"""
            import runpy
            def mine(): pass
            mine()
            for path in ("bad\udce9", "\ud800", "/" + "x" * 5000, "", "/", "\0"):
                try: exec(compile("def compiled(): pass\ncompiled()", path, "exec"))
                except ValueError: pass
            runpy.run_path("inner/caf\udce9.py")
        """)
        plain = self.plain("odd.py")
        self.assertEqual((0, b"", b""), plain.parity_key())
        for options, expected in ((("--include_files=inner",), {"strange"}), (("--exclude_files=inner",), {"mine"}),
                                  (("--only", "inner/"), {"strange"}), (("--hide", "inner/caf*"), {"mine"}),
                                  (("--mine",), {"strange", "mine"})):
            with self.subTest(options=options):
                outcome = self.record("odd.py", *options)
                self.assertEqual(plain.parity_key(), outcome.parity_key())
                self.assertEqual(expected, {call.function for call in outcome.report.calls()} & {"strange", "mine"})

    def test_relative_names_are_those_of_the_command_in_children_too(self):
        self.write("main.py", """
            import os, subprocess, sys
            os.chdir("/")
            subprocess.run([sys.executable, os.path.join(os.path.dirname(os.path.abspath(__file__)), "x.py")],
                           check=True)
        """)
        for options in (), ("--keep_pid",):
            with self.subTest(options=options):
                outcome = self.record("main.py", *options, "--include_files=src")
                self.assertEqual((0, b"", b""), outcome.parity_key())
                self.assertEqual({"<module>", "generated", "plain", "work"},
                                 {call.function for call in outcome.report.calls() if call.is_python})


class Presets(Filters):
    def setUp(self):
        super().setUp()
        self.in_folder({
            "x.py": """
                import json, textwrap
                from collections import namedtuple
                from dataclasses import dataclass
                import packaged, helper
                @dataclass
                class Data: value: int
                def mine(): return json.dumps({"a": Data(1).value}, default=callback), textwrap.dedent("  x")
                def callback(x): return 1
                def key(x): return -x
                mine()
                packaged.apply(callback)
                sorted([2, 1], key=key)
                json.dumps({1: object()}, default=callback)
            """,
            "helper.py": "def helps(): return 1\nhelps()",
            "env/lib/site-packages/packaged.py": "def apply(f): return inner(f)\ndef inner(f): return f(1)",
        })
        self.env = {"PYTHONPATH": os.path.join(self.work, "env/lib/site-packages")}

    def files(self, outcome):
        return {os.path.basename(call.file) for call in outcome.report.calls() if call.is_python}

    def test_mine(self):
        """Nothing of the standard library nor of a package, also where a virtual environment lies
        in the working folder; what these call of mine is there."""
        outcome = self.record("x.py", "--mine", env=self.env)
        self.assertLessEqual({"x.py", "helper.py"}, self.files(outcome))
        self.assertLessEqual(self.files(outcome), {"x.py", "helper.py", "<string>"})
        self.assertEqual(2, len(outcome.report.named("callback")))
        self.assertEqual(2, len(outcome.report.named("key")))
        self.assertEqual([], outcome.report.named("apply") + outcome.report.named("inner"))
        self.assertEqual(["<string>"], [call.file for call in outcome.report.calls() if call.function.endswith("__init__")])
        self.assertEqual([], [call for call in outcome.report.calls() if "scan" in call.name])

    def test_no_stdlib(self):
        outcome = self.record("x.py", "--no_stdlib", env=self.env)
        self.assertLessEqual({"x.py", "helper.py", "packaged.py"}, self.files(outcome))
        places = {call.file for call in outcome.report.calls() if call.is_python and "-packages/" not in call.file}
        self.assertLessEqual({os.path.basename(place) for place in places}, {"x.py", "helper.py", "<string>"})

    def test_no_import(self):
        outcome = self.record("x.py", "--no_import", env=self.env)
        self.assertEqual([], outcome.report.named("<module>"))
        self.assertEqual([], [call for call in outcome.report.calls()
                              if call.is_python and ("importlib._bootstrap" in call.name)])
        self.assertEqual(1, len(outcome.report.named("helps")))
        self.assertEqual(1, len(outcome.report.named("mine")))

    def test_frozen_functions_and_what_they_run(self):
        """What -m or an import runs below frozen functions stays."""
        outcome = self.traced("-m", "x", options=("--quiet", "--ignore_frozen"), env=self.env)
        self.assertEqual([], [call for call in outcome.report.calls() if "<frozen" in call.name])
        self.assertEqual(2, len([call for call in outcome.report.named("<module>")
                                 if os.path.basename(call.file) in ("x.py", "helper.py")]))
        self.assertEqual(1, len(outcome.report.named("mine")))

    def test_several_combine(self):
        outcome = self.record("x.py", "--mine", "--hide", "callback", "--hide", "<module>", env=self.env)
        self.assertLessEqual({"mine", "helps", "key"}, {call.function for call in outcome.report.calls()})
        self.assertEqual([], outcome.report.named("callback") + outcome.report.named("<module>"))


class Known(Filters):
    """What was left out is known."""

    PROGRAM = """
        import time
        def short(): pass
        def long():
            time.sleep(0.02)
            for _ in range(50): short()
        def hidden(): long()
        hidden()
        long()
    """

    def test_where_all_is_hidden(self):
        """What met nothing is told from what was not recorded."""
        self.write("x.py", self.PROGRAM)
        said = self.traced("x.py", options=("--only", "nosuch")).stderr.decode()
        self.assertRegex(said, r"recorded with --only nosuch; that hides \d+ functions, all that ran\n")

    def test_in_every_report_and_the_last_lines(self):
        path = self.write("x.py", self.PROGRAM)
        outcome = self.traced(path, options=("--hide", "hidden", "--min_duration", "5ms", "--report", "r.txt",
                                             "--report", "r.summary.json", "--report", "r.pftrace"))
        said = outcome.stderr.decode()
        self.assertIn("recorded with --hide hidden --min_duration 5ms; 1 function is not recorded: its time is its callers'; ", said)
        self.assertRegex(said, r"; \d+ calls were left out, ")
        for data in (outcome.report.data["viztracer_native"],
                     json.load(open(os.path.join(self.work, "r.summary.json"), encoding="utf-8"))):
            self.assertEqual(["--hide hidden", "--min_duration 5ms"], data["recorded_with"])
            self.assertEqual([("hidden", path, 6)],
                             [(one["name"], one["file"], one["line"]) for one in data["hidden"]])
            [short] = [one for one in data["left_out"] if one["name"] == "short"]
            self.assertEqual((100, 2), (short["calls"], short["line"]))
            self.assertTrue(0 < short["total_ns"] < 20_000_000, short)
        self.assertEqual(2, len(outcome.report.named("long")))
        with open(os.path.join(self.work, "r.txt"), encoding="utf-8") as file:
            text = file.read()
        self.assertIn("recorded with --hide hidden --min_duration 5ms\n", text)
        self.assertRegex(text, r" 100  short \(")
        self.assertRegex(text, r"== not recorded: 1 functions; .*\n  hidden \(")
        with open(os.path.join(self.work, "r.pftrace"), "rb") as file:
            pftrace = file.read()
        for word in (b"--hide hidden --min_duration 5ms", b"functions_not_recorded", b"short ("):
            self.assertIn(word, pftrace)

    def test_of_a_process_that_is_killed(self):
        self.write("x.py", self.PROGRAM + """
        def last():
            time.sleep(0.02)
            os.kill(os.getpid(), 9)
        import os
        last()
        """)
        outcome = self.record("x.py", "--min_duration", "5ms")
        self.assertEqual(-9, outcome.status)
        self.assertTrue(outcome.report.one("last").unfinished)
        [short] = [one for one in outcome.report.data["viztracer_native"]["left_out"] if one["name"] == "short"]
        self.assertEqual(100, short["calls"])

    def test_durations_hold_in_children(self):
        self.write("child.py", self.PROGRAM)
        self.write("x.py", """
            import subprocess, sys
            subprocess.run([sys.executable, "child.py"], check=True)
        """)
        report = self.record("x.py", "--min_duration", "5ms").report
        self.assertEqual([], [call for call in report.calls() if call.end is not None and call.end - call.start < 5_000_000])
        self.assertEqual(2, len(report.named("long")))
        self.assertEqual(1, len(report.named("hidden")))

    def test_depth(self):
        self.write("x.py", """
            def down(n): return down(n - 1) if n else 0
            def top(): down(10)
            top()
        """)
        report = self.record("x.py", "--max_stack_depth", "3").report
        self.assertEqual([("top", [("down", [])])], self.shapes(self.script(report).children))
        counted = {one["name"]: one["calls"] for one in report.data["viztracer_native"]["left_out"]}
        self.assertEqual(10, counted["down"])

    def test_excluded_subtrees(self):
        self.write("x.py", """
            def inner(): return len("x")
            def heavy(n): return [inner() for _ in range(n)], heavy(n - 1) if n else 0
            def light(): inner()
            heavy(5)
            light()
            sorted([1, 2], key=lambda x: light())
        """)
        report = self.record("x.py", "--exclude_subtree", "heavy", "--exclude_subtree", "sorted").report
        self.assertEqual([("light", [("inner", [("builtins.len", [])])])], self.shapes(self.script(report).children))
        counted = {one["name"]: one["calls"] for one in report.data["viztracer_native"]["left_out"]}
        self.assertEqual((6, 15 + 2, 2), (counted["heavy"], counted["inner"], counted["light"]))

    def test_what_runs_at_exit(self):
        self.write("x.py", "import atexit\ndef last(): pass\natexit.register(last)")
        for options in (), ("--log_exit", "--trace_self"):
            self.assertEqual(1, len(self.record("x.py", *options).report.named("last")))

    def test_own_time_holds_what_is_hidden(self):
        self.write("x.py", """
            import time
            def waits(): time.sleep(0.05)
            def calls(): waits()
            calls()
        """)
        self.record("x.py", "--hide", "waits", "--report", "r.summary.json")
        with open(os.path.join(self.work, "r.summary.json"), encoding="utf-8") as file:
            [process] = json.load(file)["processes"]
        [calls] = [one for one in process["functions"] if one["name"] == "calls"]
        self.assertGreater(calls["own_ns"], 50_000_000)


class Forked(Filters):
    def test_a_child_hides_what_its_parent_hides(self):
        """Also where the child's first look at a function is as the caller of another."""
        self.write("x.py", """
            import os
            def helper(): pass
            def main():
                child = os.fork()
                if child == 0:
                    helper()
                    after(child)
                else:
                    os.waitpid(child, 0)
            def after(child): helper()
            main()
        """)
        for options in ("--log_lines",), ("--log_lines", "--ignore_c_function"), ():
            report = self.record("x.py", "--only", "__main__", *options).report
            self.assertEqual(2, len(report.named("helper")), options)
            self.assertEqual(1, len(report.named("after")), options)


class Harmless(Filters):
    def same_as_plain(self, *options):
        plain = self.plain("x.py")
        self.assertEqual((0, b""), (plain.status, plain.stderr))
        self.assertEqual(plain.parity_key(), self.record("x.py", *options).parity_key())

    def test_profilers_of_the_program_below_hidden_functions(self):
        """They see what they see without us, the first time and later."""
        self.write("x.py", """
            import cProfile, pstats, sys
            def work(): return len("x")
            def profiled():
                profile = cProfile.Profile()
                profile.enable()
                work()
                profile.disable()
                return sorted((str(getattr(one.code, "co_name", one.code)), one.callcount)
                              for one in profile.getstats())
            def traced():
                seen = []
                sys.setprofile(lambda frame, event, arg: seen.append((frame.f_code.co_name, event)))
                work()
                sys.setprofile(None)
                return seen
            for _ in range(3): print(profiled(), traced())
        """)
        for hidden in ("profiled", "traced", "work", "*"):
            with self.subTest(hidden=hidden):
                self.same_as_plain("--hide", hidden)

    def test_what_is_hidden_is_switched_off(self):
        """Its instructions are again what they are in a plain run, so a call of it costs nothing."""
        if self.interpreter.minor < (3, 12):
            self.skipTest("nothing can be switched off")
        self.write("x.py", """
            import dis
            def callee(n): return n
            def work(n):
                callee(n)
                return len("x") + n
            def instructions():
                shown = dis.Bytecode(work, adaptive=True)
                return [one.opname for one in shown if "INSTRUMENTED" in one.opname]
            for n in range(3): work(n)
            found = instructions()
            print(found)
        """)
        self.assertEqual(b"[]\n", self.plain("x.py").stdout)
        for options in (("--hide", "work"), ("--only", "callee"), ("--hide", "*"), ("--mine", "--hide", "x.py")):
            self.assertEqual(b"[]\n", self.record("x.py", *options).stdout, options)
        self.assertIn(b"INSTRUMENTED", self.record("x.py", "--hide", "callee").stdout)

    def test_another_tool_gets_its_events(self):
        if self.interpreter.minor < (3, 12):
            self.skipTest("no sys.monitoring")
        self.write("x.py", """
            import sys
            m = sys.monitoring
            seen = []
            def work(): return len("x")
            def outer():
                work()
                work()
            outer()
            m.use_tool_id(2, "another")
            for name in ("PY_START", "PY_RETURN", "CALL"):
                event = getattr(m.events, name)
                m.register_callback(2, event, lambda code, *rest, name=name: seen.append((code.co_name, name)))
            m.set_events(2, m.events.PY_START | m.events.PY_RETURN | m.events.CALL)
            outer()
            m.set_events(2, 0)
            m.free_tool_id(2)
            print(seen)
        """)
        for hidden in ("work", "outer", "*"):
            self.same_as_plain("--hide", hidden)

    def test_sub_interpreters(self):
        if self.interpreter.minor < (3, 12):
            self.skipTest("their calls are the same")
        self.write("x.py", """
            try:
                import _interpreters as interpreters
            except ImportError:
                import _xxsubinterpreters as interpreters
            def mine(): pass
            mine()
            one = interpreters.create()
            interpreters.run_string(one, "def seen(): hid()\\ndef hid(): seen_too()\\ndef seen_too(): pass\\nseen()")
            interpreters.destroy(one)
        """)
        outcome = self.record("x.py", "--hide", "hid", "--no_stdlib")
        self.assertEqual((0, b"", b""), outcome.parity_key())
        self.assertLessEqual({"mine", "seen", "seen_too"}, {call.function for call in outcome.report.calls()})
        self.assertEqual([], outcome.report.named("hid"))


if __name__ == "__main__":
    unittest.main()
