# SPDX-License-Identifier: Apache-2.0
"""What is told beside the calls: names of threads as they change."""

import os
import signal
import unittest

from support import TestCase, nanoseconds

RENAMED = "thread renamed: "


def instants(report):
    found = [event for event in report.events if event["ph"] == "i" and event["name"].startswith(RENAMED)]
    return [(event["name"][len(RENAMED):], event) for event in found]


def rows(report):
    return sorted(report.thread_names.values())


class ThreadNames(TestCase):
    def both(self, path, **kwargs):
        """With C functions and without: other words are written, and 3.11 is recorded otherwise."""
        for options in ("--quiet",), ("--quiet", "--ignore_c_function"):
            with self.subTest(options=options):
                yield self.traced(path, options=options, **kwargs)

    def test_thread_that_renames_itself(self):
        path = self.write("x.py", """
            import threading

            def work():
                threading.current_thread().name = "worker one"
                inner()
                threading.current_thread().name = "worker \u2192 two"
                after()

            def inner(): pass
            def after(): pass

            thread = threading.Thread(target=work, name="fresh")
            thread.start()
            thread.join()
        """)
        for outcome in self.both(path):
            report = outcome.report
            self.assertEqual(["MainThread", "worker \u2192 two"], rows(report))
            self.assertEqual(["worker one", "worker \u2192 two"], [name for name, _ in instants(report)])
            key = report.thread_of("work")
            one, two = (event for _, event in instants(report))
            self.assertEqual({key}, {(one["pid"], one["tid"]), (two["pid"], two["tid"])})
            self.assertLess(nanoseconds(one["ts"]), report.one("inner").start)
            self.assertLess(nanoseconds(two["ts"]), report.one("after").start)
            self.assertLess(report.one("inner").start, nanoseconds(two["ts"]))
            renamed = report.data["viztracer_native"]["renamed_threads"]
            self.assertEqual([{"pid": key[0], "tid": key[1],
                               "names": ["fresh", "worker one", "worker \u2192 two"]}], renamed)

    RENAMED_ELSEWHERE = """
        import threading
        begun, named = threading.Event(), threading.Event()

        def work():
            begun.set()
            named.wait()
            for _ in range(CALLS): inner()

        def direct():
            threading.current_thread()._name = "by its attribute"
            for _ in range(CALLS): inner()

        def inner(): pass

        thread = threading.Thread(target=work, name="fresh")
        thread.start()
        begun.wait()
        thread.name = "by another"
        named.set()
        thread.join()
        thread = threading.Thread(target=direct)
        thread.start()
        thread.join()
    """

    def renamed_elsewhere(self, calls):
        path = self.write("x.py", self.RENAMED_ELSEWHERE.replace("CALLS", str(calls)))
        for outcome in self.both(path):
            self.assertEqual(["MainThread", "by another", "by its attribute"], rows(outcome.report))
            self.assertEqual({"by another", "by its attribute"},
                             {name for name, _ in instants(outcome.report)})

    def test_renamed_by_another_thread_and_by_its_own_attribute(self):
        """What no function of threading told of is found out at the next chunk."""
        self.renamed_elsewhere(5000)

    def test_renamed_before_it_ends(self):
        """Or where the thread is forgotten."""
        if self.interpreter.minor == (3, 10):
            self.skipTest("3.10 forgets a thread without calling a function")
        self.renamed_elsewhere(1)

    def test_thread_whose_target_is_a_c_function(self):
        """It is known while it runs as well: the second one never returns."""
        path = self.write("x.py", """
            import os, threading, time
            thread = threading.Thread(target=time.sleep, args=(0,), name="target in C")
            thread.start()
            thread.join()
            lock = threading.Lock()
            lock.acquire()
            threading.Thread(target=lock.acquire, name="waits for ever", daemon=True).start()
            time.sleep(0)
        """)
        for outcome in self.both(path):
            self.assertEqual(["MainThread", "target in C", "waits for ever"], rows(outcome.report))
            self.assertEqual([], instants(outcome.report))

    def test_names_are_there_after_a_kill(self):
        path = self.write("x.py", """
            import os, signal, threading
            def work():
                threading.current_thread().name = "the last word"
                os.kill(os.getpid(), signal.SIGKILL)
            threading.Thread(target=work, name="fresh").start()
        """)
        outcome = self.traced(path)
        self.assertIn(outcome.status, (-signal.SIGKILL, 128 + signal.SIGKILL))
        self.assertEqual(["MainThread", "the last word"], rows(outcome.report))
        self.assertEqual(["the last word"], [name for name, _ in instants(outcome.report)])

    def test_forked_child_names_its_own_thread(self):
        path = self.write("x.py", """
            import os, threading
            threading.main_thread().name = "chief"
            def in_child():
                threading.current_thread().name = "child"
                inner()
            def inner(): pass
            if os.fork() == 0:
                in_child()
                os._exit(0)
            os.wait()
            inner()
        """)
        report = self.traced(path).report
        names = dict(report.thread_names)
        self.assertEqual("child", names.pop(report.thread_of("in_child")))
        self.assertEqual(["chief"], list(names.values()))

    def test_program_that_renames_often_is_as_it_was(self):
        path = self.write("x.py", """
            import gc, sys, threading
            class Name(str):
                def __eq__(self, other): print("compared"); return True
                __hash__ = str.__hash__
            class Named(threading.Thread):
                @property
                def name(self): print("asked"); return "a property"
                @name.setter
                def name(self, value): print("told", value)
            thread = threading.current_thread()
            for i in range(1000):
                thread.name = f"number {i}"
            thread.name = Name("odd")
            other = Named(target=print, args=("runs",))
            other.start()
            other.join()
            print(thread.name, sys.exc_info())
        """)
        self.parity(path)

    def test_perfetto_has_the_instants(self):
        path = self.write("x.py", """
            import threading
            threading.current_thread().name = "chief"
            threading.current_thread()
        """)
        outcome = self.traced(path, report="result.pftrace")
        with open(os.path.join(outcome.folder, outcome.report_name), "rb") as file:
            data = file.read()
        self.assertEqual(1, data.count(b"thread renamed: chief"))
        self.assertIn(b"MainThread, chief", data)


if __name__ == "__main__":
    unittest.main()
