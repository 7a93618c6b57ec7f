# SPDX-License-Identifier: Apache-2.0
"""What an option says holds in every process: in children of each making, in what a launcher within the run starts,
and where the program has the command's own process id (--keep_pid)."""

import os
import re
import unittest

import support

# The parent starts the same program in each of these ways.
WAYS = ("executed", "nested", "forked", "spawned")


def bare(name):
    """On 3.10 code has no other name."""
    return name.split(" (")[0].rsplit(".", 1)[-1]


class EveryProcess(support.TestCase):
    PARENT = f"""
        import multiprocessing, os, subprocess, sys
        def run(way):
            os.environ["WAY"] = way
            import child
        if __name__ == "__main__":
            def start(*command):
                subprocess.run(command, check=True)
            os.environ["WAY"] = "executed"
            start(sys.executable, "child.py")
            os.environ["WAY"] = "nested"
            start({support.LAUNCHER!r}, "--quiet", "child.py")
            pid = os.fork()
            if pid == 0:
                run("forked")
                sys.exit()
            os.waitpid(pid, 0)
            process = multiprocessing.get_context("spawn").Process(target=run, args=("spawned",))
            process.start()
            process.join()
    """

    CHILD = """
        import atexit, colorsys, gc, os, sys
        gc.disable()
        class Thing:
            def __init__(self):
                self.count = 3
            def __repr__(self): return "a thing"
        def leaf(n, password, ssn): return n
        def deep(n): return deep(n - 1) if n else leaf(n, "covert 1", "covert 2")
        def tells(thing):
            x = "y" * 100
            number = 7
            commented = 5  # !viztracer: log
            return len(x)
        def fails():
            local = 1
            raise ValueError(local)
        def last(): pass
        atexit.register(last)
        deep(3)
        tells(Thing())
        colorsys.rgb_to_hsv(1, 2, 3)
        try: fails()
        except ValueError: pass
        sys.audit("mine.child")
        gc.collect()
        print(os.environ["WAY"], os.getpid(), flush=True)
    """

    MINE = {"<module>", "Thing", "__init__", "leaf", "deep", "tells", "fails", "last"}

    def setUp(self):
        super().setUp()
        self.write("parent.py", self.PARENT)
        self.write("child.py", self.CHILD)

    def children(self, *options):
        """Of each child its events in the order of their times, and what to say where they are wrong."""
        outcome = self.traced("parent.py", options=("--quiet", *options))
        self.assertEqual((0, b""), (outcome.status, outcome.stderr))
        pids = dict(re.findall(r"^(\w+) (\d+)$", outcome.stdout.decode(), re.MULTILINE))
        self.assertEqual(set(WAYS), set(pids))
        events = sorted(outcome.report.events, key=lambda event: event.get("ts", 0))
        with open(outcome.report_path, encoding="utf-8") as file:
            self.text = file.read().split('"file_info"')[0]
        return [([event for event in events if event["pid"] == int(pid)], f"{way}, {options}") for way, pid in pids.items()]

    def python_calls(self, events, file):
        return {bare(event["name"]) for event in events
                if event["ph"] in "XB" and re.search(rf"/{re.escape(file)}:\d+\)$", event["name"])}

    def c_calls(self, events):
        return {event["name"] for event in events if event["ph"] in "XB" and event["cat"] == "FEE" and event["name"][-1] != ")"}

    def marks(self, events):
        return [event["name"] for event in events if event["ph"] in "iC" and not event["name"].startswith("start ")]

    def of(self, events, name):
        """What is told of a function's calls."""
        return [event.get("args", {}) for event in events if event["ph"] in "XB" and bare(event["name"]) == name]

    def test_functions_that_are_hidden(self):
        for options, expected in (
                (("--only", "child.py"), self.MINE),
                (("--mine",), self.MINE),
                (("--mine", "--hide", "*leaf"), self.MINE - {"leaf"}),
                (("--include_files=child.py",), self.MINE),
                (("--no_stdlib",), self.MINE),
                (("--mine", "--exclude_subtree", "deep"), self.MINE - {"deep", "leaf"})):
            for events, place in self.children(*options):
                self.assertEqual(expected, self.python_calls(events, "child.py"), place)
                self.assertEqual(set(), self.python_calls(events, "colorsys.py"), place)
                self.assertIn("builtins.len", self.c_calls(events), place)
        for options, expected in (
                (("--exclude_files=child.py",), set()),
                (("--no_import",), self.MINE - {"<module>"}),
                (("--ignore_frozen", "--ignore_c_function"), self.MINE)):
            for events, place in self.children(*options):
                self.assertEqual(expected, self.python_calls(events, "child.py"), place)
                self.assertIn("rgb_to_hsv", self.python_calls(events, "colorsys.py"), place)
                self.assertEqual("--no_import" in options, "<module>" not in self.python_calls(events, "colorsys.py"), place)
                if "--ignore_frozen" in options:
                    self.assertEqual([], [event for event in events if "<frozen" in event["name"]], place)
                    self.assertEqual(set(), self.c_calls(events), place)

    def test_what_runs_at_exit(self):
        for options in (), ("--log_exit", "--trace_self"):
            for events, place in self.children("--mine", *options):
                self.assertEqual(1, len(self.of(events, "last")), place)

    def test_depth(self):
        for events, place in self.children("--only", "child.py", "--max_stack_depth", "3"):
            self.assertLessEqual({"<module>", "deep"}, self.python_calls(events, "child.py"), place)
            self.assertNotIn("leaf", self.python_calls(events, "child.py"), place)

    def test_values(self):
        both = ("--only", "child.py", "--log_func_args", "--log_func_retval")
        for keep_pid in (), ("--keep_pid",):
            for events, place in self.children(*both, "--redact", "ssn", *keep_pid):
                self.assertEqual([{"func_args": {"n": "0", "password": "***", "ssn": "***"}, "return_value": "0"}],
                                 self.of(events, "leaf"), place)
                self.assertRegex(self.of(events, "tells")[0]["func_args"]["thing"], r"^<\w+\.Thing>$", place)
            self.assertNotIn("covert", self.text)
        for events, place in self.children(*both, "--no_redact", "--repr", "all"):
            self.assertEqual([{"n": "0", "password": "'covert 1'", "ssn": "'covert 2'"}],
                             [one["func_args"] for one in self.of(events, "leaf")], place)
            self.assertEqual("a thing", self.of(events, "tells")[0]["func_args"]["thing"], place)
        for events, place in self.children(*both, "--log_func_with_objprint"):
            self.assertEqual("Thing(count=3)", self.of(events, "tells")[0]["func_args"]["thing"], place)
        for events, place in self.children(*both, "--repr", "off"):
            self.assertEqual([{"func_args": {"n": "<int>", "password": "***", "ssn": "<str>"}, "return_value": "<int>"}],
                             self.of(events, "leaf"), place)
        for events, place in self.children("--only", "child.py", "--log_func_args=leaf", "--log_func_retval=deep"):
            self.assertEqual({"func_args"}, set(self.of(events, "leaf")[0]), place)
            self.assertEqual({"return_value"}, set(self.of(events, "deep")[0]), place)

    def test_logs(self):
        for keep_pid in (), ("--keep_pid",):
            for events, place in self.children(
                    "--only", "child.py", "--log_var", "x", "--log_number", "number", "--log_attr", "count",
                    "--log_func_entry", "tells", "--log_func_exec", "fails", "--log_exception", "--log_print",
                    "--log_audit=mine.*", "--log_gc", "--magic_comment", "--max_repr", "16", *keep_pid):
                told = self.marks(events)
                for wanted in ("self.count = 3", "tells", "number", "commented", "local = 1", "raise ValueError", "mine.child"):
                    self.assertEqual(1, told.count(wanted), (place, wanted, told))
                self.assertEqual(1, len([one for one in told if re.fullmatch(r"x = 'y{5,10}'\.\.\.", one)]), (place, told))
                self.assertEqual(1, len([one for one in told if one.startswith("print = ")]), (place, told))
                self.assertEqual(self.interpreter.minor >= (3, 12), "caught ValueError" in told, place)
                self.assertTrue(self.of(events, "garbage collection"), place)
                self.assertEqual(self.MINE, self.python_calls(events, "child.py"), place)

    def test_budget(self):
        if self.interpreter.minor < (3, 12):
            self.skipTest("before 3.12")
        self.write("child.py", self.CHILD + "    for _ in range(200_000): leaf(0, 0, 0)\n")
        for keep_pid in (), ("--keep_pid",):
            for events, place in self.children("--only", "child.py", "--ignore_c_function", "--budget", "2000", *keep_pid):
                self.assertTrue(0 < len(self.of(events, "leaf")) < 150_000, (place, len(self.of(events, "leaf"))))
                self.assertEqual(self.MINE, self.python_calls(events, "child.py"), place)

    def test_logs_alone(self):
        for events, place in self.children("--log_sparse", "--mine", "--log_print", "--log_var", "x"):
            self.assertEqual([], [event for event in events if event.get("cat") == "FEE"], place)
            self.assertEqual(["x = 'yyy", "print = "], [name[:8] for name in self.marks(events)], place)


if __name__ == "__main__":
    unittest.main()
