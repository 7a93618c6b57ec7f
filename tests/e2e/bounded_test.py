# SPDX-License-Identifier: Apache-2.0
"""Recordings that are kept small: what is dropped or counted, and what is said of it."""

import json
import os

import support
from support import TestCase

# Of the last chunk that a thread filled, so many calls may be there beyond the ones asked for.
CHUNK = 64 * 1024 // 8


class Bounded(TestCase):
    each_way_only = True

    def record(self, path, *options, args=(), **kwargs):
        return self.traced(path, *args, options=("--quiet", *options), **kwargs)

    def load(self, name):
        with open(os.path.join(self.work, name), encoding="utf-8") as file:
            return json.load(file)


class Newest(Bounded):
    """--tracer_entries"""

    PROGRAM = """
        import glob, os, sys
        def leaf(i): pass
        def some(n):
            for i in range(n): leaf(i)
        def first(): pass
        def all(n):
            first()
            for _ in range(n): some(1000)
            last()
        def last(): pass
        all(int(sys.argv[1]))
    """

    KILL_COLLECTOR = """
        def end(): pass
        for path in glob.glob(f"/proc/{os.getppid()}/task/*/children"):
            for pid in open(path).read().split():
                if open(f"/proc/{pid}/comm").read() == "vtn-collector\\n":
                    os.kill(int(pid), 9)
        end()
    """

    def test_the_newest_are_kept(self):
        """What is open all along is drawn from where it began; own times are of what is kept."""
        self.write("x.py", self.PROGRAM)
        for options in (), ("--ignore_c_function",):
            with self.subTest(options=options):
                whole = self.record("x.py", *options, args=["100"]).report
                report = self.record("x.py", "--tracer_entries", "5000", *options, args=["100"]).report
                kept = len(list(report.calls()))
                self.assertTrue(5000 <= kept < 5000 + CHUNK, kept)
                [dropped] = report.data["viztracer_native"]["dropped"]
                self.assertEqual("x.py", dropped["name"])
                self.assertAlmostEqual(len(list(whole.calls())), kept + dropped["calls"], delta=20)
                self.assertTrue(report.data["viztracer_metadata"]["overflow"])
                self.assertFalse(whole.data["viztracer_metadata"]["overflow"])
                self.assertEqual([], report.named("first"))
                self.assertEqual(1, len(report.named("last")))
                [call] = report.named("all")
                self.assertLess(call.start, dropped["until_ns"])
                self.assertEqual(["some", "last"], list(dict.fromkeys(child.function for child in call.children
                                                                      if child.is_python)))

    def test_in_every_report_and_the_last_lines(self):
        self.write("x.py", self.PROGRAM)
        outcome = self.traced("x.py", "100", options=(
            "--tracer_entries", "1000", "--report", "r.txt", "--report", "r.summary.json", "--report", "r.pftrace",
            "--report", "r.vtn"))
        said = outcome.stderr.decode()
        self.assertIn("recorded with --tracer_entries 1000\n", said)
        self.assertRegex(said, r"dropped for newer ones: [\d,]+ calls of \d+ x.py in the first [\d.]+ [mu]?s\n")
        dropped = outcome.report.data["viztracer_native"]["dropped"]
        self.assertEqual(dropped, self.load("r.summary.json")["dropped"])
        own = {one["name"]: one["own_ns"] for process in self.load("r.summary.json")["processes"]
               for one in process["functions"]}
        everything = outcome.report.one("all")
        self.assertLess(own["all"], everything.end - dropped[0]["until_ns"])
        with open(os.path.join(self.work, "r.txt"), encoding="utf-8") as file:
            self.assertRegex(file.read(), r"== dropped for newer calls\n  [\d,]+ calls of \d+ x.py in the first ")
        with open(os.path.join(self.work, "r.pftrace"), "rb") as file:
            self.assertIn(b"dropped_for_newer_calls", file.read())
        done = self.run_argv([support.LAUNCHER, "--quiet", "--convert", "r.vtn", "-o", "again.json"])
        self.assertEqual((0, b""), (done.status, done.stderr))
        with open(outcome.report_path, encoding="utf-8") as one, \
                open(os.path.join(self.work, "again.json"), encoding="utf-8") as other:
            self.assertEqual(one.read(), other.read())

    def test_fewer_calls_than_that(self):
        self.write("x.py", self.PROGRAM)
        outcome = self.traced("x.py", "1", options=("--tracer_entries", "1000000"))
        self.assertEqual([], outcome.report.data["viztracer_native"]["dropped"])
        self.assertEqual(1000, len(outcome.report.named("leaf")))
        self.assertNotIn(b"dropped", outcome.stderr)

    def test_of_each_process(self):
        self.write("child.py", self.PROGRAM)
        self.write("x.py", """
            import subprocess, sys
            def mine(): subprocess.run([sys.executable, "child.py", "40"], check=True)
            mine()
            mine()
        """)
        report = self.record("x.py", "--tracer_entries", "3000").report
        self.assertLessEqual({"child.py", "child.py #2"},
                             {one["name"] for one in report.data["viztracer_native"]["dropped"]})
        self.assertEqual(2, len(report.named("mine")))
        self.assertEqual(2, len(report.named("last")))

    def test_of_a_process_that_is_killed(self):
        self.write("x.py", self.PROGRAM + """
        def end(): os.kill(os.getpid(), 9)
        end()
        """)
        outcome = self.record("x.py", "--tracer_entries", "3000", args=["100"])
        self.assertEqual(-9, outcome.status)
        self.assertTrue(outcome.report.one("end").unfinished)
        self.assertEqual(1, len(outcome.report.named("last")))
        self.assertEqual(1, len(outcome.report.data["viztracer_native"]["dropped"]))

    def test_after_all_were_killed(self):
        """What --recover finds is what a run that ended well has."""
        self.write("x.py", self.PROGRAM + """
        os.kill(0, 9)
        """)
        self.traced("x.py", "300", options=("--quiet", "--tracer_entries", "3000"))
        [spool] = [os.path.join(self.reports, one) for one in os.listdir(self.reports) if ".vtn-" in one]
        done = self.run_argv([support.LAUNCHER, "--quiet", "--recover", spool, "-o", "out.json"])
        self.assertEqual((0, b""), (done.status, done.stderr))
        report = support.Report(os.path.join(self.work, "out.json"))
        [dropped] = report.data["viztracer_native"]["dropped"]
        self.assertGreater(dropped["calls"], 50_000)
        self.assertEqual(1, len(report.named("last")))
        self.assertEqual(1, len(report.named("all")))

    def test_after_the_collector_was_killed(self):
        """Whoever goes on after it knows what it had dropped."""
        self.write("x.py", self.PROGRAM + self.KILL_COLLECTOR)
        outcome = self.record("x.py", "--tracer_entries", "3000", args=["300"])
        self.assertEqual(0, outcome.status)
        [dropped] = outcome.report.data["viztracer_native"]["dropped"]
        kept = len(list(outcome.report.calls()))
        self.assertTrue(3000 <= kept < 3000 + 2 * CHUNK, kept)
        self.assertGreater(dropped["calls"], 290_000)
        for name in "all", "last", "end":
            self.assertEqual(1, len(outcome.report.named(name)), name)

    def test_marks_count_as_calls_do(self):
        self.write("x.py", "for i in range(20000): print(i)\n")
        report = self.record("x.py", "--tracer_entries", "1000", "--log_sparse", "--log_print").report
        kept = [event for event in report.data["traceEvents"] if event["ph"] == "i"]
        [dropped] = report.data["viztracer_native"]["dropped"]
        self.assertTrue(1000 <= len(kept) < 1000 + CHUNK, len(kept))
        self.assertEqual((0, 20000), (dropped["calls"], len(kept) + dropped["marks"]))

    def test_threads_that_have_ended_are_counted(self):
        self.write("x.py", """
            import threading
            def work():
                for i in range(20): str(i)
            for i in range(1000):
                thread = threading.Thread(target=work)
                thread.start()
                thread.join()
        """)
        outcome = self.traced("x.py", options=("--tracer_entries", "1000", "--report", "r.vtn"))
        [dropped] = outcome.report.data["viztracer_native"]["dropped"]
        self.assertGreater(dropped["ended_threads"], 800)
        self.assertIn(b" 1,001 threads, ", outcome.stderr)
        self.assertIn(f" all that {dropped['ended_threads']:,} threads did among them\n", outcome.stderr.decode())
        self.assertLess(os.stat(os.path.join(self.work, "r.vtn")).st_blocks * 512, 200_000)

    def test_with_a_size_only_what_is_kept_counts(self):
        """Also for whoever goes on after a collector that was killed."""
        self.write("x.py", self.PROGRAM + self.KILL_COLLECTOR)
        report = self.record("x.py", "--tracer_entries", "1000", "--max_size", "200k", "--report", "r.vtn",
                             args=["1000"]).report
        self.assertGreater(os.path.getsize(os.path.join(self.work, "r.vtn")), 400_000)
        self.assertEqual([], report.data["viztracer_native"]["left_out"])
        self.assertGreater(report.data["viztracer_native"]["dropped"][0]["calls"], 990_000)
        self.assertEqual(1, len(report.named("end")))

    def test_a_long_run_takes_little_room(self):
        """What is dropped is given back to the file system while the program runs."""
        self.write("x.py", self.PROGRAM)
        self.record("x.py", "--tracer_entries", "1000", "--ignore_c_function", "--report", "r.vtn",
                    "--report", "second.vtn", args=["3000"])
        done = self.run_argv([support.LAUNCHER, "--quiet", "--convert", "r.vtn", "-o", "third.vtn"])
        self.assertEqual((0, b""), (done.status, done.stderr))
        for name in "r.vtn", "second.vtn", "third.vtn":
            with self.subTest(name):
                info = os.stat(os.path.join(self.work, name))
                self.assertGreater(info.st_size, 1_000_000)
                self.assertLess(info.st_blocks * 512, 200_000)
                with open(os.path.join(self.work, name), "rb") as copy, \
                        open(os.path.join(self.work, "r.vtn"), "rb") as file:
                    self.assertEqual(file.read(), copy.read())


class Sized(Bounded):
    """--max_size"""

    LOOP = """
        import sys
        def leaf(i): return i
        def some(n):
            for i in range(n): leaf(i)
        def all(n):
            for _ in range(n): some(1000)
        all(int(sys.argv[1]))
    """

    def left_out(self, report):
        return {one["name"]: one for one in report.data["viztracer_native"]["left_out"]}

    def test_calls_and_times_stay_exact(self):
        self.write("x.py", self.LOOP)
        outcome = self.traced("x.py", "1000", options=(
            "--max_size", "500k", "--ignore_c_function", "--report", "r.vtn", "--report", "r.txt",
            "--report", "r.summary.json", "--report", "r.pftrace"))
        report = outcome.report
        left_out = self.left_out(report)
        recorded = report.named("leaf")
        self.assertEqual(1_000_000, len(recorded) + left_out["leaf"]["calls"])
        self.assertGreater(len(recorded), 50_000)
        self.assertLess(max(call.start for call in recorded), left_out["leaf"]["counted_from_ns"])
        self.assertEqual(1000, len(report.named("some")) + left_out.get("some", {"calls": 0})["calls"])
        self.assertEqual(1, len(report.named("all")))
        [everything] = report.named("all")
        self.assertLess(left_out["leaf"]["total_ns"], everything.end - left_out["leaf"]["counted_from_ns"])
        self.assertEqual(report.data["viztracer_native"]["left_out"], self.load("r.summary.json")["left_out"])
        self.assertLess(os.path.getsize(os.path.join(self.work, "r.vtn")), 500_000)
        self.assertRegex(outcome.stderr.decode(), r"single calls of \d functions? are not recorded from [\d.]+ [mu]?s on")
        with open(os.path.join(self.work, "r.txt"), encoding="utf-8") as file:
            self.assertRegex(file.read(), r"leaf \(.*\): counted, single calls not recorded from [\d.]+ [mu]?s on\n")
        with open(os.path.join(self.work, "r.pftrace"), "rb") as file:
            self.assertRegex(file.read(), rb"leaf \(.*: \d+ calls, \d+ ns, counted from ")

    def test_the_limit_holds(self):
        """20 million calls, of one function and of many."""
        self.write("one.py", self.LOOP)
        self.write("many.py", """
            import sys
            names = {}
            for i in range(2000): exec(f"def f{i}(): pass", names)
            functions = [names[f"f{i}"] for i in range(2000)]
            def all(n):
                for _ in range(n):
                    for function in functions: function()
            all(int(sys.argv[1]) // 2)
        """)
        for name in "one.py", "many.py":
            with self.subTest(name):
                outcome = self.traced(name, "20000", report="result.vtn", options=(
                    "--quiet", "--max_size", "1MB", "--ignore_c_function", "--report", "r.summary.json"))
                self.assertEqual(0, outcome.status)
                self.assertLess(os.path.getsize(outcome.report_path), 1_050_000 if name == "one.py" else 1_200_000)
                summary = self.load("r.summary.json")
                functions = [one for process in summary["processes"] for one in process["functions"]]
                calls = sum(one["calls"] for one in functions + summary["left_out"]
                            if os.path.basename(one["file"] or "") in ("one.py", "<string>")
                            and one["name"].startswith(("leaf", "f")))
                self.assertEqual(20_000_000, calls)

    def test_marks_are_counted_by_name(self):
        """Where all functions are."""
        self.write("x.py", "def f():\n    for i in range(20000): print(i)\nf()\n")
        for sparse in (), ("--log_sparse",):
            with self.subTest(sparse=sparse):
                outcome = self.traced("x.py", options=(
                    *sparse, "--max_size", "100k", "--log_print", "--report", "r.vtn", "--report", "r.txt",
                    "--report", "r.pftrace"))
                recorded = [event for event in outcome.report.data["traceEvents"] if event["ph"] == "i"]
                [left_out] = outcome.report.data["viztracer_native"]["left_out_marks"]
                self.assertEqual(("print", "print"), (left_out["name"], left_out["cat"]))
                self.assertGreater(len(recorded), 100)
                self.assertEqual(20000, len(recorded) + left_out["marks"])
                self.assertLess(os.path.getsize(os.path.join(self.work, "r.vtn")), 110_000)
                self.assertRegex(outcome.stderr.decode(), r"[\d,]+ marks were left out from [\d.]+ [mu]?s on; ")
                with open(os.path.join(self.work, "r.txt"), encoding="utf-8") as file:
                    self.assertRegex(file.read(), r"== left out: [\d,]+ marks\n +[\d,]+  print: counted from ")
                with open(os.path.join(self.work, "r.pftrace"), "rb") as file:
                    self.assertRegex(file.read(), rb"print: \d+ marks, counted from ")

    def test_generators_exceptions_and_recursion(self):
        self.write("x.py", """
            def produce(n):
                for i in range(n): yield i
            def fail(n):
                if n == 0: raise ValueError
                fail(n - 1)
            def once():
                list(produce(20))
                try: fail(5)
                except ValueError: pass
            def all():
                for _ in range(20000): once()
            all()
        """)
        report = self.record("x.py", "--max_size", "300k", "--report", "r.summary.json").report
        left_out = self.left_out(report)
        recorded = {one["name"]: one["calls"] for process in self.load("r.summary.json")["processes"]
                    for one in process["functions"]}
        for name, calls in ("produce", 20000), ("fail", 120000), ("once", 20000), ("all", 1):
            self.assertEqual(calls, recorded.get(name, 0) + left_out.get(name, {"calls": 0})["calls"], name)
        self.assertEqual(0, report.data["viztracer_native"]["stray_ends"])
        self.assertEqual(0, report.data["viztracer_native"]["cut_calls"])

    def test_in_children_and_when_killed(self):
        self.write("child.py", self.LOOP + """
        import os
        os.kill(os.getpid(), 9)
        """)
        self.write("x.py", """
            import subprocess, sys
            for _ in range(2): subprocess.run([sys.executable, "child.py", "300"])
        """)
        report = self.record("x.py", "--max_size", "400k", "--ignore_c_function").report
        self.assertEqual(600_000, len(report.named("leaf")) + self.left_out(report)["leaf"]["calls"])
        self.assertEqual(2, len(report.named("all")))
