# SPDX-License-Identifier: Apache-2.0
"""What is told beside the calls: names of threads as they change, and the lines of callers."""

import json
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


LINES = """
    import contextlib, functools, json, sys, threading

    seen = []

    def note():
        frame = sys._getframe(1)
        caller = frame.f_back
        seen.append((frame.f_code.co_name, caller.f_lineno if caller else 0))
        seen.append(("note", frame.f_lineno))

    class Thing:
        def __init__(self, value=0):
            note()
        @property
        def prop(self):
            note()
            return self
        def __add__(self, other):
            note()
            return self
        def __lt__(self, other):
            note()
            return False
        def __getattr__(self, name):
            note()
            return name
        def __getitem__(self, index):
            note()
            if index == 3:
                raise IndexError
            return index
        def __iter__(self):
            note()
            return self
        count = 0
        def __next__(self):
            note()
            self.count += 1
            if self.count > 3:
                raise StopIteration
        def __enter__(self):
            note()
        def __exit__(self, *args):
            note()
        def __call__(self, *args):
            note()
            return 0
        def __contains__(self, what):
            note()
            return True
        def __hash__(self):
            note()
            return 1
        def __bool__(self):
            note()
            return True

    def plain(*args):
        note()
        return 1

    def generator():
        note()
        for i in range(3):
            yield i
            note()

    async def leaf():
        note()
        return 1

    async def branch():
        note()
        await leaf()
        return (
            await leaf())

    def decorated(function):
        note()
        return function

    def recursive(depth):
        note()
        if depth:
            recursive(depth - 1)
        return depth

    def everything():
        note()
        plain()
        plain(1,
              plain(),
              plain(
              ))
        thing = Thing()
        thing + thing
        thing.prop
        thing.missing
        thing < thing
        thing[0]; thing[1]
        for _ in thing:
            pass
        thing.__class__.count = 0
        with thing:
            plain()
        thing()
        1 in thing
        {thing: 1}
        if thing:
            not thing
        sorted([2, 1, 3], key=plain)
        list(map(plain,
                 range(4)))
        for _ in generator():
            pass
        [plain() for _ in range(3)]
        {plain(): (lambda: plain())() for _ in range(2)}
        recursive(5)
        try:
            branch().send(None)
        except StopIteration:
            pass
        @decorated
        def local(): note()
        local()
        functools.partial(plain, 1)()
        with contextlib.ExitStack() as stack:
            stack.callback(plain)
        exec("plain()\\n\\n\\nplain()", globals())
        eval("plain() or plain()")
        thread = threading.Thread(target=plain)
        thread.start()
        thread.join()

    everything()
    for i in range(3000):
        plain() if i % 3 else plain(
            plain())
        if i % 7 == 0:
            plain()
        thing = Thing()
        thing + thing
    for name in "abc":
        exec(compile("def made(): note()\\n" + "\\n" * len(seen) + "made()", "<made>", "exec"), globals())
    print(json.dumps(seen))
"""


def lines_of(report, names):
    """(function, caller's line) in the order of the calls; of all threads, but for the library's."""
    calls = []
    for event in report.events:
        function, _, place = event["name"].partition(" (")
        function = function.rpartition(".")[2]
        if event["ph"] in "XB" and function in names and (
                place.startswith(("<made>", "<string>")) or "lines.py:" in place):
            line = event.get("caller_lineno", 0)
            assert event.get("args", {}).get("caller_lineno", 0) == line
            calls.append((nanoseconds(event["ts"]), function, line))
    return [call[1:] for call in sorted(calls, key=lambda call: call[0])]


class CallerLines(TestCase):
    def check(self, *options):
        path = self.write("lines.py", LINES)
        outcome = self.traced(path, options=("--quiet", "--log_lines", *options))
        self.assertEqual(0, outcome.status, outcome.stderr)
        expected = [tuple(entry) for entry in json.loads(outcome.stdout)]
        if self.interpreter.minor == (3, 11) and "--ignore_c_function" in options:
            # An evaluation function also sees a generator being made.
            expected = [call for call in expected if call[0] not in ("generator", "branch", "leaf")]
        found = lines_of(outcome.report, {name for name, _ in expected})
        self.assertEqual(len(expected), len(found))
        for number, (want, got) in enumerate(zip(expected, found)):
            self.assertEqual(want, got, f"call {number} of {len(found)}")
        self.assertNotIn("laid out", json.dumps(outcome.report.data["viztracer_native"]))

    def test_every_kind_of_call(self):
        self.check()

    def test_without_c_functions(self):
        self.check("--ignore_c_function")

    def test_nothing_of_them_unless_asked_for(self):
        path = self.write("lines.py", LINES)
        report = self.traced(path).report
        self.assertFalse([event for event in report.events if "caller_lineno" in event])

    def test_program_is_as_it_was(self):
        path = self.write("x.py", """
            import gc, sys, traceback
            def f(n):
                if n: return f(n - 1)
                traceback.print_stack(file=sys.stdout)
                return sys._getframe().f_back.f_lineno
            print(f(3))
            try:
                f("x")
            except TypeError:
                traceback.print_exc(file=sys.stdout)
            print([type(o).__name__ for o in gc.get_referrers(f) if type(o).__name__ == "frame"])
            sys.exit(3)
        """)
        self.assertEqual(self.plain(path).parity_key(),
                         self.traced(path, options=("--quiet", "--log_lines")).parity_key())

    def test_forked_children_have_lines(self):
        path = self.write("x.py", """
            import os
            def called(): pass
            def work():
                called()
                called()

                called()
            work()
            if os.fork() == 0:
                work()
                os._exit(0)
            os.wait()
        """)
        report = self.traced(path, options=("--quiet", "--log_lines")).report
        by_process = {}
        for event in report.events:
            if event["name"].startswith("called ("):
                by_process.setdefault(event["pid"], []).append(
                    (nanoseconds(event["ts"]), event.get("caller_lineno")))
        self.assertEqual(2, len(by_process))
        for calls in by_process.values():
            self.assertEqual([4, 5, 7], [line for _, line in sorted(calls)])


if __name__ == "__main__":
    unittest.main()
