# SPDX-License-Identifier: Apache-2.0
"""class VizTracer: its reports, and the program's end."""

import io
import json
import os
import signal
import subprocess
import sys
import textwrap
import unittest

from support import HERE, PACKAGES, REPORT, Case, fake

from viztracer_native import ReportError, VizTracer


class Reports(Case):
    def test_of_the_window_of_this_process(self):
        tracer = VizTracer(verbose=0)
        before = fake.clock
        tracer.start()
        tracer.stop()
        after = fake.clock
        os.makedirs("sub")
        tracer.save("sub/deeper/x.html")
        (words, traced, stdin), = self.launched()
        self.assertEqual("0", traced)
        self.assertEqual("", stdin)
        self.assertEqual(["--quiet", "--convert", "/recordings/1.vtn", "--process", str(os.getpid())], words[:5])
        (began,), (ended,) = self.after(words, "--from"), self.after(words, "--to")
        self.assertLessEqual(before, int(began[1:]))
        self.assertLess(int(began[1:]), int(ended[1:]))
        self.assertLessEqual(int(ended[1:]), after)
        self.assertEqual(["sub/deeper/x.html"], self.after(words, "-o"))
        self.assertEqual("report sub/deeper/x.html", self.read("sub/deeper/x.html"))
        self.assertEqual([("begin", ["--ignore_multiprocess"]), ("stop",), ("flush",)], fake.calls)

    def window(self):
        words = self.launched()[-1][0]
        return int(self.after(words, "--from")[0][1:]), int(self.after(words, "--to")[0][1:])

    def test_the_window_goes_on_until_it_is_saved_or_cleared(self):
        tracer = VizTracer(verbose=0)
        tracer.start()
        tracer.stop()
        tracer.start()
        tracer.save()
        first = self.window()
        tracer.save()
        second = self.window()
        self.assertEqual(first[0], second[0])
        self.assertLess(first[1], second[1])
        tracer.stop()
        tracer.save()
        tracer.start()
        tracer.save()
        third = self.window()
        self.assertGreater(third[0], second[1])
        tracer.clear()
        tracer.save()
        self.assertGreater(self.window()[0], third[1])

    def test_where_it_goes(self):
        tracer = VizTracer(verbose=0, output_file="a.json", pid_suffix=True)
        tracer.start()
        pid = os.getpid()
        for name, expected in ((None, f"a_{pid}.json"), ("x/b.json.gz", f"x/b_{pid}.json.gz"), ("c.d.summary.json", f"c.d_{pid}.summary.json"),
                               ("e.pftrace", f"e_{pid}.pftrace")):
            tracer.save(name)
            self.assertEqual([expected], self.after(self.launched()[-1][0], "-o"))
        import pathlib
        tracer.pid_suffix = False
        tracer.save(pathlib.Path("p.html"), file_info=False)
        self.assertEqual(["-o", "p.html", "--no_source"], self.launched()[-1][0][-3:])
        with self.assertRaises(ValueError):
            tracer.save(3)

    def test_children_that_are_followed_are_in_it(self):
        tracer = VizTracer(verbose=0, ignore_multiprocess=False)
        tracer.start()
        tracer.save()
        self.assertEqual([], self.after(self.words(), "--process"))
        self.in_run()
        tracer = VizTracer(verbose=0, ignore_multiprocess=False)
        tracer.start()
        tracer.save()
        self.assertEqual([str(os.getpid())], self.after(self.launched()[-1][0], "--process"))

    def test_the_report_of_the_run_is_not_its_own(self):
        self.in_run()
        fake.output = self.path("result.json")
        tracer = VizTracer(verbose=0)
        tracer.start()
        tracer.save()
        self.assertEqual([f"result_{os.getpid()}.json"], self.after(self.words(), "-o"))
        tracer.save("other.json")
        self.assertEqual(["other.json"], self.after(self.launched()[-1][0], "-o"))

    def test_it_says_where_on_stderr(self):
        tracer = VizTracer()
        tracer.start()
        stderr, sys.stderr = sys.stderr, io.StringIO()
        try:
            tracer.save()
            tracer.save(verbose=0)
            said = sys.stderr.getvalue()
        finally:
            sys.stderr = stderr
        self.assertEqual(f"viztracer-native: saved {self.path('result.json')}\n", said)

    def test_what_goes_wrong_is_one_line(self):
        tracer = VizTracer(verbose=0)
        tracer.start()
        self.refuse("output file x: its name must end in .json\n")
        with self.assertRaisesRegex(ReportError, r"^output file x: its name must end in \.json$"):
            tracer.save("x")
        os.remove("refusal")
        tracer.save("x.json")
        fake.launcher = self.path("nowhere")
        with self.assertRaisesRegex(ReportError, "cannot run .*nowhere.*: No such file"):
            tracer.save()
        fake.launcher = "/bin/true"
        with self.assertRaisesRegex(ReportError, "status 0 and no report"):
            tracer.save("other.json")
        self.assertTrue(tracer.enable)

    def test_never_started(self):
        tracer = VizTracer()
        with self.assertWarnsRegex(RuntimeWarning, "start") as warned:
            tracer.save()
        self.assertEqual(__file__, warned.filename)
        self.assertEqual([], self.launched())
        with self.assertRaises(RuntimeError):
            tracer.fork_save()
        with self.assertRaises(RuntimeError):
            tracer.dump("x.json")
        self.assertEqual((0, []), (tracer.parse(), tracer.data["traceEvents"]))

    def test_parse(self):
        tracer = VizTracer(verbose=0)
        tracer.start()
        self.assertEqual(2, tracer.parse())
        self.assertEqual(REPORT, tracer.data)
        self.assertEqual((True, 2, False), (tracer.parsed, tracer.total_entries, tracer.enable))
        self.assertIn("--full", self.words())
        self.assertEqual(2, tracer.parse())
        self.assertEqual(1, len(self.launched()))
        tracer.start()
        self.assertFalse(tracer.parsed)
        tracer.parse()
        self.assertEqual(2, len(self.launched()))

    def test_load_and_dump_take_what_is_new(self):
        tracer = VizTracer(verbose=0)
        tracer.start()
        self.assertEqual(REPORT["traceEvents"], tracer.load())
        first = self.window()
        tracer.dump("x.json")
        self.assertEqual(REPORT, json.loads(self.read("x.json")))
        self.assertGreater(self.window()[0], first[1])
        self.assertTrue(tracer.enable)
        tracer.stop()
        tracer.load()
        self.assertEqual([], tracer.load())

    def test_to_an_open_file(self):
        tracer = VizTracer(verbose=0)
        tracer.start()
        file = io.StringIO()
        tracer.save_report(file)
        self.assertEqual(REPORT, json.loads(file.getvalue()))
        tracer.save_report("x.html")
        self.assertTrue(os.path.exists("x.html"))

    def test_in_the_background(self):
        tracer = VizTracer(verbose=0)
        tracer.start()
        saving = tracer.fork_save("x.json")
        self.assertGreater(saving.pid, 0)
        saving.join(60)
        self.assertEqual((0, False), (saving.exitcode, saving.is_alive()))
        self.assertEqual(REPORT, json.loads(self.read("x.json")))
        fake.launcher = self.write("slow", "#!/bin/sh\nexec sleep 60\n")
        os.chmod(fake.launcher, 0o755)
        saving = tracer.fork_save("y.json")
        saving.join(0.01)
        self.assertTrue(saving.is_alive())
        saving.terminate()
        saving.join()
        self.assertEqual(-signal.SIGTERM, saving.exitcode)

    def test_nothing_of_it_is_recorded(self):
        tracer = VizTracer(verbose=0)
        tracer.start()
        flush, seen = fake.flush, []
        fake.flush = lambda: (seen.append(fake.is_muted()), flush())
        self.addCleanup(delattr, fake, "flush")
        tracer.save()
        tracer.fork_save().join()
        tracer.parse()
        self.assertEqual([True] * 3, seen)


class Exit(Case):
    PROGRAM = """
        import os, signal, sys
        sys.path[:0] = {path!r}
        from fake_native import fake
        fake.launcher = {launcher!r}
        from viztracer_native import VizTracer
        tracer = VizTracer(verbose=0)
        tracer.register_exit()
        tracer.start()
        os.chdir("/")
        {end}
        """

    def run_program(self, end):
        text = textwrap.dedent(self.PROGRAM).format(path=[HERE, PACKAGES], launcher=fake.launcher, end=end)
        return subprocess.run([sys.executable, "-c", text], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)

    def test_it_saves_where_it_was_made(self):
        done = self.run_program("pass")
        self.assertEqual((0, b""), (done.returncode, done.stdout))
        self.assertTrue(os.path.exists("result.json"))
        self.assertEqual(1, len(self.launched()))

    def test_sigterm_has_its_own_status(self):
        done = self.run_program("os.kill(os.getpid(), signal.SIGTERM)")
        self.assertEqual((-signal.SIGTERM, b""), (done.returncode, done.stdout))
        self.assertTrue(os.path.exists("result.json"))

    def test_a_handler_of_the_programs_stays(self):
        done = self.run_program("print(repr(signal.getsignal(signal.SIGTERM)))").stdout
        self.assertIn(b"end", done)
        self.PROGRAM = self.PROGRAM.replace("tracer.register_exit()", "signal.signal(signal.SIGTERM, signal.SIG_IGN); tracer.register_exit()")
        self.assertIn(b"SIG_IGN", self.run_program("print(repr(signal.getsignal(signal.SIGTERM)))").stdout)

    def test_the_end_waits_for_reports_in_the_background(self):
        done = self.run_program("tracer.terminate(); tracer.fork_save({!r})".format(self.path("late.json")))
        self.assertEqual((0, b""), (done.returncode, done.stdout))
        self.assertTrue(os.path.exists("late.json"))

    def test_sigterm_whose_report_fails(self):
        self.refuse("disk full")
        done = self.run_program("os.kill(os.getpid(), signal.SIGTERM)")
        self.assertEqual(-signal.SIGTERM, done.returncode)

    def test_a_forked_child_saves_nothing(self):
        done = self.run_program("child = os.fork()\nif child: os.waitpid(child, 0)\nelse: print('child', flush=True)")
        self.assertEqual((0, b"child\n"), (done.returncode, done.stdout))
        self.assertEqual(1, len(self.launched()))

    def test_once(self):
        tracer = VizTracer(verbose=0)
        tracer.start()
        tracer.exit_routine()
        tracer.exit_routine()
        self.assertEqual(1, len(self.launched()))


if __name__ == "__main__":
    unittest.main()
