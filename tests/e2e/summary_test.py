# SPDX-License-Identifier: Apache-2.0
"""Where the time went: the last lines on stderr, and the summary as a file."""

import json
import os
import re
import unittest

import support

PROGRAM = """
    import sys
    import threading
    import time

    def leaf(n):
        return n * 2

    def recursive(n):
        return leaf(n) if n == 0 else recursive(n - 1)

    def work():
        for n in range(50):
            recursive(n % 7)
        time.sleep(0.02)

    thread = threading.Thread(target=work, name="worker")
    thread.start()
    work()
    thread.join()
"""


def sums_of(report):
    """What a report's calls say of each function: (calls, own ns, total ns), by displayed name."""
    sums = {}
    for roots in report.threads.values():
        stack = [(root, ()) for root in roots]
        while stack:
            call, above = stack.pop()
            took = call.end - call.start
            own = took - sum(inner.end - inner.start for inner in call.children)
            calls, all_own, total = sums.get(call.name, (0, 0, 0))
            sums[call.name] = (calls + 1, all_own + own,
                               total + (0 if call.name in above else took))
            stack += [(inner, above + (call.name,)) for inner in call.children]
    return sums


def displayed(function):
    if function["kind"] == "python":
        return f"{function['name']} ({function['file']}:{function['line']})"
    return f"<{function['name']} object>" if function["kind"] == "instance" else function["name"]


def ours(stderr):
    return [line.removeprefix("viztracer-native: ") for line in stderr.decode().splitlines()
            if line.startswith("viztracer-native: ") and "earlier run" not in line]


def table(lines):
    """The functions of the first table, as they stand there."""
    begin = next(i for i, line in enumerate(lines) if line.split()[:2] == ["own", "share"])
    rows = []
    for line in lines[begin + 1:]:
        found = re.fullmatch(r" *\d[\d.]* (?:ns|us|ms|s) +[\d.]+% +\d[\d.]* (?:ns|us|ms|s) +([\d,]+)  (.+)",
                             line)
        if not found:
            break
        rows.append((found[2], int(found[1].replace(",", ""))))
    return rows


class Summary(support.TestCase):
    def run_it(self, *options, argv=None):
        self.write("x.py", PROGRAM)
        return self.traced(*(argv or ["x.py"]), options=options)

    def test_it_says_what_the_calls_of_the_report_say(self):
        path = os.path.join(self.reports, "times.summary.json")
        done = self.run_it("--report", path)
        with open(path, encoding="utf-8") as file:
            summary = json.load(file)
        process, = summary["processes"]
        found = {displayed(function): (function["calls"], function["own_ns"], function["total_ns"])
                 for function in process["functions"]}
        slices = sums_of(done.report)
        self.assertEqual({name: times for name, (_, *times) in slices.items()},
                         {name: times for name, (_, *times) in found.items()})
        # Of a generator the report has a slice for each time that it was resumed.
        more = {name for name in slices if slices[name][0] != found[name][0]}
        self.assertEqual([], [name for name in more if slices[name][0] < found[name][0]])
        self.assertEqual([], [name for name in more if "(x.py:" in name or "(" not in name])
        self.assertLess(len(more), 10)
        self.assertEqual(summary["calls"], sum(calls for calls, _, _ in found.values()))
        self.assertEqual(summary["slices"], sum(1 for _ in done.report.calls()))
        self.assertEqual(process["own_ns"], sum(own for _, own, _ in found.values()))

    def test_callers_and_threads(self):
        path = os.path.join(self.reports, "times.summary.json")
        self.run_it("--report", path)
        with open(path, encoding="utf-8") as file:
            process, = json.load(file)["processes"]
        functions = {function["name"]: function for function in process["functions"]}
        callers = {one["name"]: one["calls"] for one in functions["leaf"]["callers"]}
        self.assertEqual(callers, {"recursive": 100})
        self.assertEqual({one["name"]: one["calls"] for one in functions["work"]["callers"]},
                         {"<module>": 1, ("Thread.run" if "Thread.run" in functions else "run"): 1})
        threads = {thread["name"]: thread for thread in process["threads"]}
        self.assertEqual(set(threads), {"MainThread", "worker"})
        for thread in threads.values():
            calls = {one["name"]: one["calls"] for one in thread["functions"]}
            self.assertEqual(calls["leaf"], 50)

    def test_a_generator_that_is_resumed_is_no_other_call(self):
        """Of any kind, also if it is thrown into, calls itself, or goes on in another thread."""
        self.write("x.py", """
            import asyncio
            import threading

            def count(to):
                for n in range(to): yield n
            def tree(depth):
                yield depth
                if depth: yield from tree(depth - 1)
            def caught():
                while True:
                    try: yield
                    except KeyError: pass
            async def inner(): await asyncio.sleep(0)
            async def outer():
                for _ in range(4): await inner()
            async def stream():
                for n in range(3): yield n
            async def main():
                await asyncio.gather(outer(), outer())
                async for n in stream(): pass
            def plain(): return [n for n in count(2)]

            for _ in range(3): list(count(5))
            list(tree(6))
            one = caught()
            next(one)
            for _ in range(4): one.throw(KeyError)
            asyncio.run(main())
            moved = count(3)
            next(moved)
            thread = threading.Thread(target=lambda: list(moved))
            thread.start()
            thread.join()
            plain()
            """)
        for options in ((), ("--ignore_c_function",)):
            with self.subTest(options):
                path = os.path.join(self.reports, "times.summary.json")
                done = self.traced("x.py", options=("--quiet", *options, "--report", path))
                with open(path, encoding="utf-8") as file:
                    process, = json.load(file)["processes"]
                calls = {one["name"]: one["calls"] for one in process["functions"]
                         if (one["file"] or "").endswith("x.py")}
                wanted = {"count": 5, "tree": 7, "caught": 1, "inner": 8, "outer": 2, "stream": 1,
                          "main": 1, "plain": 1}
                self.assertEqual(wanted, {name: calls.get(name) for name in wanted})
                times = {displayed(one): one["own_ns"] for one in process["functions"]}
                self.assertEqual({name: own for name, (_, own, _) in sums_of(done.report).items()}, times)
                slices = [call.function for call in done.report.calls()].count("count")
                self.assertGreaterEqual(slices, 3 * 6 + 4 + 3)
                self.assertNotIn(None, [call.end for call in done.report.calls()])

    def test_the_text_has_every_function_with_its_callers(self):
        path = os.path.join(self.reports, "times.txt")
        self.run_it("--report", path)
        with open(path, encoding="utf-8") as file:
            text = file.read()
        self.assertRegex(text, r"(?m)^== process \d+ x\.py: [\d.]+ ms in [\d,]+ calls$")
        self.assertRegex(text, r"(?m)100  leaf \(x\.py:\d+\)$")
        self.assertRegex(text, r"(?m) 100    from recursive \(x\.py:\d+\)$")
        self.assertIn("thread", text)

    def test_a_name_is_no_instruction_to_a_terminal(self):
        script = self.write("x.py", """
            import threading
            thread = threading.Thread(target=len, args=("",), name="\\x1b[2J\\n" + "n" * 100000)
            thread.start()
            thread.join()
        """)
        run = self.traced(script, options=("--quiet",), report="times.txt")
        self.assertEqual(run.status, 0, run.stderr)
        with open(run.report_path, encoding="utf-8", newline="") as file:
            text = file.read()
        self.assertIn("[2J", text)
        self.assertEqual([], [letter for letter in text if letter < " " and letter != "\n"])
        self.assertLess(max(map(len, text.splitlines())), 1000)

    def test_last_lines(self):
        done = self.run_it()
        lines = ours(done.stderr)
        self.assertRegex(lines[0], r"^report: .*result\.json \([\d.]+ [kM]B\)$")
        self.assertEqual(lines[1], "open it at https://ui.perfetto.dev (Open trace file), or with vizviewer")
        self.assertRegex(lines[2], r"^1 Python process, 2 threads, [\d,]+ calls( \([\d,]+ slices\))?, 0 events lost$")
        rows = table(lines)
        self.assertEqual(len(rows), 10)
        name, count = rows[0]  # two sleeps of 20 ms
        self.assertIn((name, count), [("time.sleep", 2), ("work (x.py:13)", 2)])
        self.assertNotIn("cost", done.stderr.decode())

    def test_a_resumed_generator_is_a_slice_and_no_call(self):
        python = ("--", self.interpreter.path, "-S")  # what a site-packages adds may resume some, too
        path = os.path.join(self.reports, "times.summary.json")
        slices = {}
        for name, text in (("plain", "def count(): pass\ncount()\n"),
                           ("generator", "def count():\n    yield 1\n    yield 2\nlist(count())\n")):
            with self.subTest(name):
                done = self.traced(*python, self.write(name + ".py", text), options=("--report", path))
                with open(path, encoding="utf-8") as file:
                    summary = json.load(file)
                calls, slices[name] = summary["calls"], summary["slices"]
                more = "" if name == "plain" else f" ({calls + 2} slices)"
                self.assertIn(f"1 Python process, 1 thread, {calls} calls{more}, 0 events lost",
                              ours(done.stderr))
        lines = ours(self.traced(*python, "generator.py", options=("--summary", "0")).stderr)
        self.assertIn(f"1 Python process, 1 thread, {slices['generator']} slices, 0 events lost", lines)

    def test_how_many_lines(self):
        self.assertEqual(len(table(ours(self.run_it("--summary", "3").stderr))), 3)
        for none in (("--summary=0",), ("--no_summary",)):
            lines = ours(self.run_it(*none).stderr)
            self.assertEqual([line for line in lines if "where the time went" in line], [])
        self.assertEqual(ours(self.run_it("--quiet").stderr), [])

    def test_who_wants_more_is_told_of_every_process(self):
        self.write("x.py", "import subprocess\nsubprocess.run(['/bin/true'], check=True)\n")
        lines = ours(self.traced("x.py", options=("--verbose", "2")).stderr)
        told = [re.sub(r"\d+", "N", line) for line in lines if line.startswith("process ")]
        self.assertEqual(told, ["process N x.py: traced", "process N true: not a CPython"])

    def test_of_several_processes(self):
        self.write("child.py", "def of_the_child(): pass\nfor i in range(3): of_the_child()\n")
        self.write("x.py", """
            import subprocess
            import sys
            for _ in range(4):
                subprocess.run([sys.executable, "child.py"], check=True)
        """)
        done = self.traced("x.py", options=())
        lines = ours(done.stderr)
        titles = [line for line in lines if line.startswith("where the time went in ")]
        self.assertEqual(len(titles), 3)
        self.assertRegex(titles[0], r"^where the time went in \d+ x\.py \([\d.]+ m?s in [\d,]+ calls\):$")
        self.assertIn("and 2 processes more; --report times.txt lists all of it", lines)

    def test_why_nothing_was_traced(self):
        self.write("x.py", "print(1)\n")
        for options, argv, wanted in (
                (("--exclude_process", "x.py"), ["--", "sh", "-c", "python3 x.py; true"],
                 "nothing was traced: x.py ran untraced, since it is excluded"),
                ((), ["--", "sh", "-c", "VIZTRACER_NATIVE=0 python3 x.py; true"],
                 "nothing was traced: x.py ran untraced, since VIZTRACER_NATIVE=0 is in its environment"),
                ((), ["--", "python3", "--version"],
                 "nothing was recorded: python3 ended before the program's first call"),
                ((), ["-m", "no_such_module"],
                 "nothing was recorded: no_such_module ended before the program's first call"),
                ((), ["--", "/bin/true"],
                 "nothing was traced: no CPython of 3.10 or later ran in the program")):
            with self.subTest(argv=argv, options=options):
                lines = ours(self.traced(*argv, options=options).stderr)
                self.assertIn(wanted, lines)


if __name__ == "__main__":
    unittest.main()
