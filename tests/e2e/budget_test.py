# SPDX-License-Identifier: Apache-2.0
"""--budget: functions that are called too often are switched off, and what was open then stays exact."""

import json
import os

import support
from support import TestCase

CLOCK_ERROR_NS = 100_000  # of our clock against the program's

# wait(n): until the recorder has asked for n functions to be switched off, by the list that all processes share.
# More calls than two chunks have events make a thread heed it.
HEEDED = """
    import struct, time
    CALLS = 10_000
    SWITCHED_OFF = 284  # offset within vtn_control_page (abi/control_abi.h)
    def wait(n):
        with open("/proc/self/maps") as maps:
            paths = {line.split(None, 5)[5].rstrip() for line in maps if line.rstrip().endswith("/control")}
        for path in paths:  # none in a plain run
            with open(path, "rb", buffering=0) as control:
                for _ in range(100_000):
                    control.seek(SWITCHED_OFF)
                    if struct.unpack("I", control.read(4))[0] >= n: return
                    time.sleep(0.001)
"""


class Budget(TestCase):
    def setUp(self):
        if self.interpreter.minor < (3, 12):
            self.skipTest("3.12 or later")
        super().setUp()
        self.write("heeded.py", HEEDED)

    def record(self, path, *options, args=(), **kwargs):
        return self.traced(path, *args, options=("--quiet", *options), **kwargs)

    def load(self, name):
        with open(os.path.join(self.work, name), encoding="utf-8") as file:
            return json.load(file)

    def compare(self, path, calls):
        plain = self.plain(path)
        traced = self.record(path, "--budget", calls)
        self.assertEqual(plain.parity_key(), traced.parity_key())
        self.assertIn("hot", self.off(traced.report))

    def off(self, report):
        return {one["name"]: one for one in report.data["viztracer_native"]["switched_off"]}

    def of_thread(self, report, name):
        """All calls of the thread in which `name` runs, by their begin."""
        [key] = [key for key, thread in report.thread_names.items()
                 if thread == name or (name == "main" and thread == "MainThread")]
        return sorted((call for root in report.threads[key] for call in root.walk()), key=lambda call: call.start)

    HOT = """
        import heeded, sys
        def hot(): pass
        def rare(): hot()
        def first(): pass
        def last(): pass
        def some(n):
            for _ in range(n): hot()
        first()
        for _ in range(10): some(int(sys.argv[1]))
        if int(sys.argv[1]) > 1000: heeded.wait(1)
        for _ in range(90): some(heeded.CALLS if int(sys.argv[1]) > 1000 else 0)
        rare()
        last()
    """

    def test_a_hot_function_is_switched_off(self):
        self.write("x.py", self.HOT)
        report = self.record("x.py", "--budget", "20000", args=["10000"]).report
        self.assertEqual(["hot"], list(self.off(report)))
        from_ns = self.off(report)["hot"]["from_ns"]
        hot = report.named("hot")
        self.assertTrue(20000 < len(hot) < 200_000, len(hot))
        self.assertLessEqual(max(call.start for call in hot), from_ns)
        self.assertFalse(any(call.unfinished for call in hot))
        for name, calls in ("first", 1), ("last", 1), ("rare", 1), ("some", 100):
            self.assertEqual(calls, len(report.named(name)), name)
        [mark] = [one for one in report.data["traceEvents"]
                  if one.get("ph") == "i" and one["name"] == "not recorded from here on"]
        self.assertEqual("'hot'", mark["args"]["function"])
        self.assertIn("--budget 20000", report.data["viztracer_native"]["recorded_with"])

    def test_what_is_called_less_stays_whole(self):
        self.write("x.py", self.HOT)
        outcome = self.traced("x.py", "100", options=("--budget", "100000000"))
        self.assertEqual(1001, len(outcome.report.named("hot")))
        self.assertEqual({}, self.off(outcome.report))
        self.assertNotIn(b"too often", outcome.stderr)

    def test_in_every_report_and_the_last_lines(self):
        self.write("x.py", self.HOT)
        outcome = self.traced("x.py", "10000", options=(
            "--budget", "20000", "--report", "r.txt", "--report", "r.summary.json",
            "--report", "r.pftrace", "--report", "r.vtn"))
        said = outcome.stderr.decode()
        self.assertIn("recorded with --budget 20000\n", said)
        told = r"hot \(.*x.py:2\) of \d+ x.py from [\d.]+ [mu]?s on\n"
        self.assertRegex(said, "called too often, so not recorded: " + told)
        self.assertEqual(outcome.report.data["viztracer_native"]["switched_off"],
                         self.load("r.summary.json")["switched_off"])
        with open(os.path.join(self.work, "r.txt"), encoding="utf-8") as file:
            self.assertRegex(file.read(), "== switched off: called too often, not recorded and not counted\n  " + told)
        with open(os.path.join(self.work, "r.pftrace"), "rb") as file:
            self.assertIn(b"switched_off", file.read())
        done = self.run_argv([support.LAUNCHER, "--quiet", "--convert", "r.vtn", "-o", "again.json"])
        self.assertEqual((0, b""), (done.status, done.stderr))
        self.assertEqual(outcome.report.data["viztracer_native"]["switched_off"],
                         self.load("again.json")["viztracer_native"]["switched_off"])

    def test_calls_that_are_open_end_where_they_end(self):
        """Recursion, exceptions, generators and C functions between them, on two threads: begin and end of each
        recorded call lie where the program itself says, and the C functions it calls are there."""
        self.write("x.py", """
            import heeded, json, sys, threading
            from time import perf_counter_ns
            stamps = {}
            def visit(own, depth, width):
                if len(own) == 6_000: heeded.wait(1)
                own.append((perf_counter_ns(), 1))
                if depth:
                    for _ in map(lambda i: visit(own, depth - 1, width), range(width)): pass
                own.append((perf_counter_ns(), -1))
            def fail(own, depth, width):
                if len(own) == 6_000: heeded.wait(3)
                own.append((perf_counter_ns(), 1))
                try:
                    if depth:
                        for i in range(width):
                            try: fail(own, depth - 1, width)
                            except ValueError: pass
                    raise ValueError
                finally:
                    own.append((perf_counter_ns(), -1))
            def step(own, depth, width):
                if len(own) == 6_000: heeded.wait(4)
                own.append((perf_counter_ns(), 1))
                for i in range(width if depth else 0):
                    for _ in step(own, depth - 1, width): pass
                own.append((perf_counter_ns(), -1))
                yield
            def stepped(own, depth, width):
                for _ in step(own, depth, width): pass
            def failed(own, depth, width):
                try: fail(own, depth, width)
                except ValueError: pass
            def work(name):
                for what in visit, failed, stepped:
                    own = stamps[name + " " + what.__name__] = []
                    what(own, 6, 4)
            sys.setswitchinterval(1e-4)
            other = threading.Thread(target=work, args=("other",), name="other")
            other.start()
            work("main")
            other.join()
            with open("stamps.json", "w") as file: json.dump(stamps, file)
        """)
        outcome = self.record("x.py", "--budget", "2000")
        self.assertEqual(0, outcome.status)
        report = outcome.report
        self.assertLessEqual({"visit", "fail", "step"}, set(self.off(report)))
        stamps = self.load("stamps.json")
        checked = 0
        for function, of in ("visit", "visit"), ("fail", "failed"):
            from_ns = self.off(report)[function]["from_ns"]
            for thread in "main", "other":
                own, begun, told = stamps[f"{thread} {of}"], [], []
                for i, (ns, what) in enumerate(own):
                    if what == 1:
                        begun.append(i)
                    else:
                        first = begun.pop()
                        told.append((own[first][0], ns, own[first - 1][0] if first else 0,
                                     own[i + 1][0] if i + 1 < len(own) else 1 << 62))
                told = [one for one in sorted(told) if one[0] < from_ns]
                calls = [call for call in self.of_thread(report, thread) if call.function == function]
                self.assertAlmostEqual(len(told), len(calls), delta=1)
                for call, (begin, end, before, behind) in zip(calls, told):
                    self.assertLessEqual(call.start, begin + CLOCK_ERROR_NS)
                    self.assertGreaterEqual(call.start, before - CLOCK_ERROR_NS)
                    self.assertGreaterEqual(call.end, end - CLOCK_ERROR_NS)
                    self.assertLessEqual(call.end, behind + CLOCK_ERROR_NS)
                    self.assertEqual(2, sum(child.function == "time.perf_counter_ns" for child in call.children))
                    checked += 1
        self.assertGreater(checked, 3000)
        step = self.off(report)["step"]["from_ns"]
        self.assertLessEqual(max(call.start for call in report.named("step")), step)
        for thread in "main", "other":
            [call] = [call for call in self.of_thread(report, thread) if call.function == "stepped"]
            own = stamps[f"{thread} stepped"]
            self.assertLessEqual(call.start, own[0][0] + CLOCK_ERROR_NS)
            self.assertGreaterEqual(call.end, own[-1][0] - CLOCK_ERROR_NS)

    def test_in_children(self):
        """Each process has a budget of its own; a forked child inherits what is switched off, and says so."""
        self.write("x.py", """
            import heeded, os, subprocess, sys
            def hot(): pass
            def some(n):
                for _ in range(n): hot()
            def of_parent():
                some(60_000)
                heeded.wait(1)
                some(heeded.CALLS)
            def of_child():
                some(10)
                some(100)
            of_parent()
            pid = os.fork()
            if pid == 0:
                of_child()
                os._exit(0)
            os.waitpid(pid, 0)
            subprocess.run([sys.executable, "-c", "def cold(): pass\\nfor _ in range(10): cold()"], check=True)
        """)
        report = self.record("x.py", "--budget", "20000").report
        off = report.data["viztracer_native"]["switched_off"]
        self.assertEqual(["hot", "hot"], [one["name"] for one in off])
        self.assertEqual(2, len({one["pid"] for one in off}))
        child = report.one("of_child")
        self.assertEqual([], [one for call in child.children for one in call.children if one.function == "hot"])
        self.assertTrue(any(one["from_ns"] < child.start and one["from_ns"] > report.one("of_parent").end for one in off))
        self.assertEqual(10, len(report.named("cold")))

    def test_with_other_options(self):
        """Arguments, values and lines of open calls; functions that are logged stay on."""
        self.write("x.py", """
            import heeded
            def deep(n): return deep(n - 1) + 1 if n else 0
            def outer(n):
                for i in range(n): deep(20)
                heeded.wait(1)
                for i in range(heeded.CALLS): deep(0)
                return "outer " + str(n)
            def again(n): return outer(n) if n == 6000 else again(6000)
            def logged():
                wanted = 1
            def call_logged(n):
                for i in range(n): logged()
            again(1)
            call_logged(30_000)
        """)
        report = self.record("x.py", "--budget", "20000", "--log_func_args", "--log_func_retval", "--log_lines",
                             "--log_var", "wanted").report
        self.assertEqual(["deep"], list(self.off(report)))
        self.assertEqual(30_000, len(report.named("logged")))
        values = {"outer": [], "deep": []}
        for event in report.events:
            if event["ph"] == "X" and event["name"].split(" ")[0] in values:
                values[event["name"].split(" ")[0]].append(event["args"].get("return_value"))
        self.assertEqual(["'outer 6000'"], values["outer"])
        self.assertNotIn(None, values["deep"])

    def test_code_that_is_made_again(self):
        """The same function in a new code object."""
        self.write("x.py", """
            import heeded
            SOURCE = "def made(): pass"
            def make():
                names = {}
                exec(compile(SOURCE, "made.py", "exec"), names)
                return names["made"]
            def run(made, n):
                for _ in range(n): made()
            made = make()
            run(made, 60_000)
            heeded.wait(1)
            run(made, heeded.CALLS)
            run(make(), 1000)
        """)
        report = self.record("x.py", "--budget", "20000").report
        self.assertEqual({"made"}, set(self.off(report)))
        self.assertLessEqual(max(call.start for call in report.named("made")), self.off(report)["made"]["from_ns"])
        self.assertEqual(0, sum(child.function == "made" for child in report.named("run")[2].children))

    def test_what_excludes_a_subtree_stays_on(self):
        """Its begins say what is to be left out."""
        self.write("x.py", """
            import heeded
            def inner(): pass
            def hot(): inner()
            def run(n):
                for _ in range(n): hot()
            run(60_000)
            heeded.wait(2)
            run(heeded.CALLS)
        """)
        report = self.record("x.py", "--budget", "20000", "--exclude_subtree", "hot").report
        self.assertEqual([], report.named("inner") + report.named("hot"))
        self.assertEqual({"inner"}, set(self.off(report)))

    def test_generators_that_are_thrown_into(self):
        """One that awaits another is linked into the chain of frames while that one is thrown into; it does not run."""
        self.write("x.py", """
            import heeded
            def hot(): pass
            def burst(n):
                for _ in range(n): hot()
            def inner():
                while True:
                    try: yield 1
                    except KeyError:
                        many = [g(0) for _ in range(20_000)]
                        for one in many: next(one)
                        heeded.wait(1)
                        burst(60_000)
                        heeded.wait(2)
                        burst(heeded.CALLS)
            def g(deep):
                if deep: yield from inner()
                yield 2
                yield 3
            def inside(one):
                one.throw(KeyError)
                burst(10)
            def outside():
                one = g(1)
                next(one)
                inside(one)
                next(one)
                marker()
            def marker(): pass
            outside()
        """)
        report = self.record("x.py", "--budget", "5000").report
        self.assertLessEqual({"hot", "g"}, set(self.off(report)))
        self.assertEqual(["inside", "marker"], [child.function for child in report.one("outside").children
                                                if child.function in ("inside", "marker")])
        self.assertIn("burst", [child.function for child in report.one("inside").children])

    def test_a_fork_within_what_is_switched_off(self):
        """The child says of all of it that it is."""
        self.write("x.py", """
            import heeded, os
            def hot1(fork=False):
                if fork: return os.fork()
            def hot2(): pass
            for _ in range(60_000): hot1()
            for _ in range(60_000): hot2()
            heeded.wait(2)
            for _ in range(heeded.CALLS): os.getpid()
            pid = hot1(True)
            if pid == 0:
                for _ in range(10): hot2()
                os._exit(0)
            os.waitpid(pid, 0)
        """)
        report = self.record("x.py", "--budget", "20000").report
        off = report.data["viztracer_native"]["switched_off"]
        self.assertEqual(["hot1", "hot1", "hot2", "hot2"], sorted(one["name"] for one in off))
        self.assertEqual(2, len({one["pid"] for one in off}))

    def test_in_sub_interpreters(self):
        """Each heeds it, on one thread as well."""
        self.write("hot.py", "def hot(): pass\ndef run(n):\n    for _ in range(n): hot()\n")
        self.write("x.py", """
            import heeded, hot
            try: import _interpreters as interpreters
            except ImportError: import _xxsubinterpreters as interpreters
            hot.run(60_000)
            heeded.wait(1)
            hot.run(heeded.CALLS)
            other = interpreters.create()
            interpreters.run_string(other, "import sys; sys.path.insert(0, '.'); import hot; hot.run(200_000)")
            hot.run(1000)
            interpreters.destroy(other)
        """)
        report = self.record("x.py", "--budget", "20000").report
        self.assertIn("hot", self.off(report))
        self.assertLess(len(report.named("hot")), 200_000)

    def test_a_thread_that_waits_within(self):
        """Its call ends where it ends, and the function is off all the same."""
        self.write("x.py", """
            import heeded, threading
            def hot(event=None):
                if event is not None: event.wait()
            event = threading.Event()
            waiting = threading.Thread(target=hot, args=(event,))
            waiting.start()
            def run(n):
                for _ in range(n): hot()
            run(60_000)
            heeded.wait(1)
            run(heeded.CALLS)
            def late(): run(10)
            late()
            event.set()
            waiting.join()
        """)
        report = self.record("x.py", "--budget", "20000").report
        self.assertEqual({"hot"}, set(self.off(report)))
        longest = max(report.named("hot"), key=lambda call: call.end - call.start)
        self.assertGreater(longest.end, report.one("late").end)
        self.assertFalse(longest.unfinished)

    def test_without_memory_for_what_is_open(self):
        """The function goes on being recorded, and that is said."""
        self.write("x.py", """
            import heeded, resource, sys
            sys.setrecursionlimit(100_000)
            def leaf(): pass
            def deep(n):
                if n: return deep(n - 1)
                heeded.wait(1)
                pages = int(open("/proc/self/statm").read().split()[0]) * 4096
                before = resource.getrlimit(resource.RLIMIT_AS)
                resource.setrlimit(resource.RLIMIT_AS, (pages + 300_000, before[1]))
                for _ in range(heeded.CALLS): leaf()
                resource.setrlimit(resource.RLIMIT_AS, before)
            deep(60_000)
            print("done")
        """)
        outcome = self.record("x.py", "--budget", "5000", "--ignore_c_function", "--max_stack_depth", "100")
        self.assertEqual((0, b"done\n"), (outcome.status, outcome.stdout))
        [process] = outcome.report.data["viztracer_native"]["processes"]
        notices = [notice for image in process["images"] for notice in image["notices"]]
        self.assertEqual("deep" not in self.off(outcome.report),
                         "what is called too often is not switched off (deep)" in notices)

    def test_the_next_owner_of_the_tool_id(self):
        """What was switched off is on again when we are gone."""
        self.write("x.py", """
            import heeded, sys
            def hot(): pass
            for _ in range(60_000): hot()
            heeded.wait(1)
            for _ in range(heeded.CALLS): hot()
            for tool in 5, 4, 3:
                sys.monitoring.use_tool_id(tool, "program")
                seen = []
                sys.monitoring.register_callback(tool, sys.monitoring.events.PY_START,
                                                 lambda code, offset: seen.append(code.co_name))
                sys.monitoring.set_events(tool, sys.monitoring.events.PY_START)
                for _ in range(3): hot()
                sys.monitoring.set_events(tool, 0)
                print(seen.count("hot"))
                sys.monitoring.free_tool_id(tool)
        """)
        self.compare("x.py", "20000")

    def test_that_the_program_runs_as_ever(self):
        self.write("x.py", """
            import heeded, sys, threading, traceback
            said = {}
            def hot(n):
                if n == 13: raise KeyError(n)
                return n
            def gen(n):
                try:
                    for i in range(n):
                        try: yield hot(i)
                        except KeyError: yield -1
                finally: say("closed")
            def say(text): said.setdefault(threading.current_thread().name, []).append(text)
            def main():
                for _ in range(5): say(sum(gen(20_000)))
                heeded.wait(2)
                for _ in range(5): say(sum(gen(20_000)))
                one = gen(10)
                next(one)
                one.close()
                try: hot(13)
                except KeyError: say(traceback.format_exc())
            threads = [threading.Thread(target=main, name=str(i)) for i in range(3)]
            for thread in threads: thread.start()
            for thread in threads: thread.join()
            print(sorted(said.items()))
        """)
        self.compare("x.py", "5000")


class Older(TestCase):
    """3.10 and 3.11."""

    def setUp(self):
        if self.interpreter.minor >= (3, 12):
            self.skipTest("before 3.12")
        super().setUp()

    def test_refused_before_the_program_starts(self):
        outcome = self.traced("-c", "print(1)", options=("--quiet", "--budget", "1000"))
        self.assertEqual((1, b""), (outcome.status, outcome.stdout))
        self.assertRegex(outcome.stderr.decode(),
                         r"^viztracer-native: --budget needs Python 3\.12 or later, and .* is 3\.1[01]\n$")

    def test_a_run_within_another_has_none_and_goes_on(self):
        inner = f"{support.LAUNCHER} --budget 5 --python {self.interpreter.path} -c 'print(1)'"
        outcome = self.traced("--", "sh", "-c", inner, options=("--quiet",))
        self.assertEqual((0, b"1\n", b"viztracer-native: recorded by the outer run, in its report; without effect here: --budget 5\n"),
                         (outcome.status, outcome.stdout, outcome.stderr))

    def test_a_child_says_that_it_has_none(self):
        self.write("x.py", "def f(): pass\nfor _ in range(100_000): f()\n")
        outcome = self.traced("--", "sh", "-c", "python3 x.py; true", options=("--quiet", "--budget", "1000"))
        self.assertEqual((0, b""), (outcome.status, outcome.stderr))
        [notices] = [image["notices"] for process in outcome.report.data["viztracer_native"]["processes"]
                     for image in process["images"] if image["python"]]
        self.assertEqual(["what is called too often is not switched off (Python 3.12 or later is needed)"],
                         notices)
        self.assertEqual(100_000, len(outcome.report.named("f")))
