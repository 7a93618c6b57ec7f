# SPDX-License-Identifier: Apache-2.0
"""class VizTracer: what it is asked for, and recording."""

import builtins
import json
import os
import signal
import threading
import unittest
import warnings

from support import Case, fake

from viztracer_native import ReportError, VizTracer, get_tracer
from viztracer_native.settings import ROWS


class Settings(Case):
    def begun_with(self, **settings):
        tracer = VizTracer(**settings)
        tracer.start()
        tracer.stop()
        (call,) = fake.named("begin")
        return call[1]

    def test_each_is_the_option_of_its_name(self):
        self.assertEqual(["--ignore_multiprocess"], self.begun_with())
        for settings, words in (
            ({"tracer_entries": 500}, ["--tracer_entries=500"]),
            ({"max_stack_depth": 3}, ["--max_stack_depth=3"]),
            ({"include_files": ["/a/x.py", "src"]}, ["--include_files=/a/x.py", f"--include_files={self.path('src')}"]),
            ({"exclude_files": ["/a/x.py"]}, ["--exclude_files=/a/x.py"]),
            ({"ignore_c_function": True}, ["--ignore_c_function"]),
            ({"ignore_frozen": True}, ["--ignore_frozen"]),
            ({"log_func_args": True, "log_func_retval": True}, ["--log_func_retval", "--log_func_args"]),
            ({"log_func_with_objprint": True}, ["--log_func_with_objprint"]),
            ({"log_print": True, "log_gc": True, "log_sparse": True}, ["--log_print", "--log_gc", "--log_sparse"]),
            ({"log_audit": []}, ["--log_audit"]),
            ({"log_audit": ["open", "os\\..*"]}, ["--log_audit=open", "--log_audit=os\\..*"]),
            ({"min_duration": 1.5}, ["--min_duration=1500ns"]),
            ({"min_duration": 0.0001}, []),
            ({"min_duration": "0.3ms"}, ["--min_duration=0.3ms"]),
            ({"min_duration": "0"}, []),
            ({"include_files": []}, []),
        ):
            with self.subTest(settings):
                words_of = VizTracer(**settings).get_args()
                self.assertEqual(words, [word for word in words_of if word != "--ignore_multiprocess"])
        self.assertEqual([], VizTracer(ignore_multiprocess=False).get_args())
        self.assertEqual(["--ignore_multiprocess", "--mine"], VizTracer(options=["--mine"]).get_args())

    def test_positions_are_those_of_viztracer(self):
        tracer = VizTracer(7, 0, 5, ["/a"], None, True, True, True, True, None, True)
        self.assertEqual((7, 0, 5, ["/a"], None), (tracer.tracer_entries, tracer.verbose, tracer.max_stack_depth,
                                                   tracer.include_files, tracer.exclude_files))
        self.assertTrue(tracer.ignore_c_function and tracer.ignore_frozen and tracer.log_func_retval and tracer.log_func_args
                        and tracer.log_func_with_objprint)

    def test_what_means_nothing_is_refused(self):
        for error, settings in (
            (TypeError, {"tracer_entries": "1"}), (ValueError, {"tracer_entries": 0}), (TypeError, {"verbose": None}),
            (TypeError, {"max_stack_depth": 1.5}), (ValueError, {"max_stack_depth": 0}), (TypeError, {"max_stack_depth": True}),
            (TypeError, {"include_files": "src"}), (TypeError, {"exclude_files": [1]}),
            (TypeError, {"ignore_c_function": 1}), (TypeError, {"ignore_frozen": "True"}), (TypeError, {"log_func_retval": None}),
            (TypeError, {"log_func_args": 0}), (TypeError, {"log_func_repr": "repr"}), (TypeError, {"log_gc": 1}),
            (TypeError, {"log_audit": "open"}), (ValueError, {"pid_suffix": 1}), (TypeError, {"file_info": 1}),
            (TypeError, {"register_global": 1}), (TypeError, {"report_endpoint": 1}), (TypeError, {"min_duration": None}),
            (TypeError, {"min_duration": True}), (ValueError, {"min_duration": -1}), (ValueError, {"min_duration": float("nan")}),
            (TypeError, {"process_name": 1}), (ValueError, {"output_file": 3}), (TypeError, {"plugins": "x"}),
            (TypeError, {"plugins": [object()]}), (TypeError, {"options": [1]}), (TypeError, {"options": "--mine"}),
            (ValueError, {"include_files": ["a"], "exclude_files": ["b"]}),
            (ValueError, {"log_func_repr": repr, "log_func_with_objprint": True}),
        ):
            with self.subTest(settings):
                with self.assertRaises(error) as caught:
                    VizTracer(**settings)
                name = next(iter(settings))
                if name != "plugins":
                    self.assertIn(name, str(caught.exception))
                self.assertNotIn("\n", str(caught.exception))
        self.assertIsNone(get_tracer(), "one that failed was registered")

    def test_they_are_attributes_that_are_checked(self):
        tracer = VizTracer()
        for row in ROWS:
            if row.name != "register_global":
                self.assertEqual(row.default, getattr(tracer, row.name), row.name)
        tracer.max_stack_depth = 4
        tracer.log_gc = True
        self.assertEqual(["--max_stack_depth=4", "--log_gc", "--ignore_multiprocess"], tracer.get_args())
        self.assertEqual(4, tracer.init_kwargs["max_stack_depth"])
        with self.assertRaisesRegex(TypeError, "log_gc"):
            tracer.log_gc = 1
        with self.assertRaisesRegex(AttributeError, "max_stack_depth"):
            del tracer.max_stack_depth
        tracer.include_files, tracer.exclude_files = ["/a"], ["/b"]
        with self.assertRaisesRegex(ValueError, "include_files and exclude_files"):
            tracer.start()
        self.assertEqual([], fake.named("begin"))

    def test_what_is_never_kept_is_said_once(self):
        with warnings.catch_warnings(record=True) as seen:
            warnings.simplefilter("always")
            VizTracer(log_async=True, log_torch=True, report_endpoint="host:1", log_func_repr=str, minimize_memory=True, dump_raw=True)
        (warning,) = seen
        for name in ("log_async", "log_torch", "report_endpoint", "log_func_repr"):
            self.assertIn(name, str(warning.message))
        self.assertNotIn("minimize_memory", str(warning.message))
        self.assertEqual(__file__, warning.filename)

    def test_another_is_made_of_its_arguments(self):
        tracer = VizTracer(max_stack_depth=3, log_gc=True, options=["--mine"])
        other = VizTracer(**tracer.init_kwargs)
        self.assertEqual(tracer.get_args(), other.get_args())


class Recording(Case):
    def test_it_begins_a_session_once(self):
        tracer = VizTracer()
        self.assertFalse(tracer.enable)
        tracer.start()
        tracer.start()
        self.assertTrue(tracer.enable)
        tracer.stop()
        tracer.stop("flush_as_finish")
        self.assertFalse(tracer.enable)
        tracer.start()
        self.assertEqual(["begin", "stop", "start"], [call[0] for call in fake.calls])
        tracer.stop()

    def test_another_option_of_stop(self):
        tracer = VizTracer()
        tracer.start()
        with self.assertRaisesRegex(ValueError, "flush_as_finish"):
            tracer.stop("now")
        self.assertTrue(tracer.enable)

    def test_what_cannot_begin_says_why(self):
        fake.refusal = "cannot record: no shared memory"
        tracer = VizTracer()
        with self.assertRaisesRegex(RuntimeError, "^cannot record: no shared memory$"):
            tracer.start()
        self.assertFalse(tracer.enable)
        fake.refusal = None
        tracer.start()
        self.assertTrue(tracer.enable)

    def test_the_last_that_stops_ends_it(self):
        one, other = VizTracer(), VizTracer()
        one.start()
        other.start()
        one.stop()
        self.assertEqual(["begin"], [call[0] for call in fake.calls])
        other.stop()
        self.assertEqual(["begin", "stop"], [call[0] for call in fake.calls])

    def test_the_report_that_is_made_if_nobody_stops(self):
        tracer = VizTracer(output_file="sub/x.html")
        os.chdir("/")
        tracer.start()
        self.assertEqual(self.path("sub/x.html"), fake.begun_output)

    def test_others_settings_come_too_late(self):
        with_args = VizTracer(log_func_args=True)
        plain = VizTracer()
        plain.start()
        with self.assertWarnsRegex(RuntimeWarning, r"log_func_args \(--log_func_args\)"):
            with_args.start()
        with_args.stop()
        plain.stop()
        self.assertEqual(1, len(fake.named("begin")))
        plain.start()

    def test_settings_that_change_while_it_runs_come_too_late(self):
        tracer = VizTracer()
        tracer.start()
        with self.assertWarnsRegex(RuntimeWarning, r"max_stack_depth \(--max_stack_depth=2\)") as warned:
            tracer.max_stack_depth = 2
        self.assertEqual(__file__, warned.filename)

    def test_pause_is_of_the_thread_and_once(self):
        tracer = VizTracer()
        tracer.resume()
        tracer.pause()
        tracer.pause()
        self.assertEqual(1, fake.muted[threading.get_ident()])
        seen = []

        def elsewhere():
            tracer.resume()
            seen.append(fake.is_muted())

        thread = threading.Thread(target=elsewhere)
        thread.start()
        thread.join()
        self.assertEqual([False], seen)
        tracer.resume()
        self.assertFalse(fake.is_muted())

    def test_with_records_and_saves(self):
        with VizTracer(verbose=0) as tracer:
            self.assertIs(tracer, get_tracer())
            self.assertIs(tracer, builtins.__viz_tracer__)
            self.assertTrue(tracer.enable)
        self.assertFalse(tracer.enable)
        self.assertIsNone(get_tracer())
        self.assertEqual([self.path("result.json")], [os.path.abspath(one) for one in self.after(self.words(), "-o")])
        self.assertTrue(os.path.exists("result.json"))

    def test_with_saves_after_an_exception(self):
        with self.assertRaisesRegex(KeyError, "mine"):
            with VizTracer(verbose=0):
                raise KeyError("mine")
        self.assertTrue(os.path.exists("result.json"))
        self.assertEqual("stop", fake.named("begin", "stop")[-1][0])

    def test_an_exception_is_not_hidden_by_a_report_that_fails(self):
        self.refuse("disk full")
        with self.assertRaisesRegex(KeyError, "mine"), self.assertWarnsRegex(RuntimeWarning, "disk full"):
            with VizTracer(verbose=0):
                raise KeyError("mine")
        with self.assertRaisesRegex(ReportError, "^disk full$"):
            with VizTracer(verbose=0):
                pass
        self.assertIsNone(get_tracer())

    def test_run(self):
        tracer = VizTracer(verbose=0)
        tracer.run("import builtins; builtins.seen_by_test = __name__", "a.json")
        self.assertEqual("__main__", builtins.__dict__.pop("seen_by_test"))
        self.assertTrue(os.path.exists("a.json"))
        with self.assertRaises(ZeroDivisionError):
            tracer.run("1 / 0", "b.json")
        self.assertTrue(os.path.exists("b.json"))
        self.assertFalse(tracer.enable)

    def test_the_process_has_the_name_that_is_asked_for(self):
        VizTracer(process_name="worker").start()
        (call,) = fake.named("raw")
        self.assertEqual({"ph": "M", "name": "process_name", "args": {"name": "worker"}}, json.loads(call[1]))

    def test_install(self):
        for number in (signal.SIGUSR1, signal.SIGUSR2):
            self.addCleanup(signal.signal, number, signal.getsignal(number))
        tracer = VizTracer(verbose=0)
        tracer.install()
        os.kill(os.getpid(), signal.SIGUSR1)
        self.assertTrue(tracer.enable)
        os.kill(os.getpid(), signal.SIGUSR2)
        self.assertFalse(tracer.enable)
        self.assertTrue(os.path.exists("result.json"))

    def test_a_signal_brings_no_exception(self):
        for number in (signal.SIGUSR1, signal.SIGUSR2):
            self.addCleanup(signal.signal, number, signal.getsignal(number))
        tracer = VizTracer(verbose=0)
        tracer.install()
        fake.refusal = "no shared memory"
        with self.assertWarnsRegex(RuntimeWarning, "no shared memory"):
            os.kill(os.getpid(), signal.SIGUSR1)
        fake.refusal = None
        os.kill(os.getpid(), signal.SIGUSR1)
        self.refuse("disk full")
        with self.assertWarnsRegex(RuntimeWarning, "disk full"):
            os.kill(os.getpid(), signal.SIGUSR2)

    def test_a_forked_child_that_is_in_no_session(self):
        tracer = VizTracer()
        tracer.start()
        tracer.set_afterfork(lambda given, number, word: given.add_instant(f"{word} {number}"), 3, word="child")
        fake.note("fork")
        child = os.fork()
        if child == 0:
            status = 1
            try:
                (mark,) = fake.calls[fake.calls.index(("fork",)) + 1:]
                self.assertEqual(("instant", "child 3", None, "g"), mark)
                fake.current = 0  # as with --ignore_multiprocess
                tracer.stop()
                tracer.start()
                self.assertEqual(["begin", "begin"], [call[0] for call in fake.named("begin")])
                status = 0
            finally:
                os._exit(status)
        self.assertEqual(0, os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))

    def test_threads_may_start_and_stop(self):
        tracers = [VizTracer(register_global=False) for _ in range(8)]

        def work(tracer):
            for _ in range(50):
                tracer.start()
                tracer.stop()

        threads = [threading.Thread(target=work, args=(tracer,)) for tracer in tracers]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual(3, fake.state())
        self.assertEqual(1, len(fake.named("begin")))


class InRun(Case):
    """Below the command, which has begun the recording."""

    def test_there_is_a_tracer_without_any(self):
        self.assertIsNone(get_tracer())
        self.in_run()
        tracer = get_tracer()
        self.assertIs(tracer, get_tracer())
        self.assertTrue(tracer.enable)
        self.assertFalse(hasattr(builtins, "__viz_tracer__"))
        tracer.start()
        tracer.stop()
        self.assertFalse(tracer.enable)
        tracer.add_instant("not told")
        tracer.stop()
        tracer.start()
        tracer.add_instant("told")
        self.assertEqual([("pause",), ("resume",), ("instant", "told", None, "g")], fake.calls)

    def test_its_report_begins_with_the_process(self):
        self.in_run()
        get_tracer().save("x.html", verbose=0)
        words = self.words()
        self.assertEqual([], self.after(words, "--from"))
        self.assertEqual([str(os.getpid())], self.after(words, "--process"))
        get_tracer().stop()
        get_tracer().save("x.html", verbose=0)
        self.assertEqual([], self.after(self.launched()[-1][0], "--from"))
        self.assertEqual(1, len(self.after(self.launched()[-1][0], "--to")))
        get_tracer().clear()
        get_tracer().start()
        get_tracer().save("x.html", verbose=0)
        self.assertEqual(1, len(self.after(self.launched()[-1][0], "--from")))

    def test_its_report_goes_over_a_pause(self):
        self.in_run()
        get_tracer().stop()
        get_tracer().start()
        get_tracer().save("x.html", verbose=0)
        self.assertEqual([], self.after(self.words(), "--from"))

    def test_a_tracer_pauses_and_resumes(self):
        self.in_run()
        tracer = VizTracer()
        self.assertFalse(tracer.enable)
        tracer.start()
        self.assertEqual([], fake.calls)
        tracer.stop()
        tracer.start()
        self.assertEqual(["pause", "resume"], [call[0] for call in fake.calls])

    def test_a_run_that_has_been_stopped_is_started(self):
        self.in_run()
        fake.current = 3
        VizTracer().start()
        self.assertEqual([("start",)], fake.calls)

    def test_with_leaves_it_as_it_was(self):
        self.in_run()
        with VizTracer(verbose=0):
            pass
        self.assertEqual([("flush",)], fake.calls)
        fake.current = 2
        with VizTracer(verbose=0):
            self.assertEqual(1, fake.state())
        self.assertEqual(2, fake.state())

    def test_run_leaves_it_as_it_was(self):
        self.in_run()
        VizTracer(verbose=0).run("pass")
        self.assertEqual(1, fake.state())

    def test_one_warning_says_what_comes_too_late(self):
        self.in_run(log_gc=True, log_func_args=False)
        with warnings.catch_warnings(record=True) as seen:
            warnings.simplefilter("always")
            VizTracer(log_gc=True, log_func_args=True, max_stack_depth=7, min_duration=5, output_file="x.html", verbose=0,
                      options=["--mine"])
            VizTracer(ignore_multiprocess=False)
        (warning,) = seen
        text = str(warning.message)
        for part in ("log_func_args (--log_func_args)", "max_stack_depth (--max_stack_depth=7)", "min_duration (--min_duration=5000ns)",
                     "options (--mine)"):
            self.assertIn(part, text)
        self.assertNotIn("log_gc", text)
        self.assertNotIn("\n", text)
        self.assertEqual(__file__, warning.filename)

    def test_its_end_is_the_commands_to_save(self):
        self.in_run()
        before = signal.getsignal(signal.SIGTERM)
        VizTracer().register_exit()
        self.assertEqual(before, signal.getsignal(signal.SIGTERM))


if __name__ == "__main__":
    unittest.main()
