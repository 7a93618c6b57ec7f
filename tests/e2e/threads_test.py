# SPDX-License-Identifier: Apache-2.0
"""Every call of every thread, from its first one on, whoever started the thread."""

import unittest

import support

C_THREADS = """
    import ctypes, threading
    libc = ctypes.CDLL(None)
    kind = ctypes.CFUNCTYPE(ctypes.c_void_p, ctypes.c_void_p)
    def start(callback):
        handle = ctypes.c_ulong()
        assert libc.pthread_create(ctypes.byref(handle), None, callback, None) == 0
        return handle
    """


class Threads(support.TestCase):
    def report(self, *texts, **kwargs):
        with open(self.write("program.py", ""), "w", encoding="utf-8") as file:
            file.writelines(support.textwrap.dedent(text) for text in texts)
        return self.parity("program.py", **kwargs).report

    def test_thread_that_c_started(self):
        report = self.report(C_THREADS, """
            def first(): pass
            def later(): pass
            def by_c(argument):
                first()
                for i in range(100): later()
            callback = kind(by_c)
            libc.pthread_join(start(callback), None)
            def by_main(): pass
            by_main()
            """)
        self.assertEqual([1, 1, 100], [len(report.named(n)) for n in ("by_c", "first", "later")])
        self.assertEqual(report.thread_of("first"), report.thread_of("by_c"))
        self.assertNotEqual(report.thread_of("first"), report.thread_of("by_main"))

    def test_threads_of_c_beside_each_other(self):
        """A thread state is made and thrown away for every one; several lie open at once."""
        report = self.report(C_THREADS, """
            def inner(n): return n
            def by_c(argument):
                for i in range(50): inner(i)
            callback = kind(by_c)
            for i in range(20):
                for handle in [start(callback) for j in range(5)]:
                    libc.pthread_join(handle, None)
            """)
        self.assertEqual(100, len(report.named("by_c")))
        self.assertEqual(5000, len(report.named("inner")))

    def test_states_that_are_made_while_others_are_looked_at(self):
        """On 3.11 a state stands in the interpreter's list before it is filled in."""
        report = self.report(C_THREADS, """
            def inner(n): return n
            def by_c(argument):
                for i in range(5): inner(i)
            callback = kind(by_c)
            for i in range(1000):
                for handle in [start(callback) for j in range(5)]:
                    libc.pthread_join(handle, None)
            """)
        self.assertEqual(5000, len(report.named("by_c")))
        self.assertEqual(25000, len(report.named("inner")))

    def test_one_thread_of_c_with_many_states(self):
        """qsort calls back within one call from C; each callback of a C thread has a new state."""
        report = self.report(C_THREADS, """
            number = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p, ctypes.c_void_p)
            def compare(a, b): return 0
            compare_c = number(compare)
            numbers = (ctypes.c_int * 64)()
            qsort = ctypes.cast(libc.qsort, ctypes.c_void_p).value
            def by_c(argument): libc.qsort(numbers, 64, 4, compare_c)
            callback = kind(by_c)
            libc.pthread_join(start(callback), None)
            """)
        self.assertEqual(1, len(report.named("by_c")))
        self.assertGreaterEqual(len(report.named("compare")), 63)

    def test_raw_thread(self):
        report = self.report("""
            import _thread
            done = _thread.allocate_lock()
            done.acquire()
            def first(): pass
            def body():
                first()
                done.release()
            _thread.start_new_thread(body, ())
            done.acquire()
            """)
        self.assertEqual([1, 1], [len(report.named(name)) for name in ("body", "first")])

    def test_state_made_before_the_program_profiles_the_thread(self):
        """A profiler of the program in a thread of its own stays there."""
        report = self.report("""
            import sys, threading
            seen = []
            def quiet(frame, event, argument): seen.append(event)
            def unseen(): pass
            def busy(n): return n
            def body():
                sys.setprofile(quiet)
                ready.set()
                go.wait()
                unseen()
                sys.setprofile(None)
            ready, go = threading.Event(), threading.Event()
            thread = threading.Thread(target=body)
            thread.start()
            ready.wait()
            for i in range(50_000): busy(i)
            go.set()
            thread.join()
            print(seen.count("call") > 0)
            """)
        self.assertEqual(50_000, len(report.named("busy")))

    def test_without_a_tool_id(self):
        """3.12 and later with the profile function: site code took all ids."""
        if self.interpreter.minor < (3, 12):
            self.skipTest("sys.monitoring is of 3.12")
        self.write("sitecustomize.py", """
            import sys
            for tool in range(6): sys.monitoring.use_tool_id(tool, f"tool {tool}")
            """)
        report = self.report("""
            import _thread, threading
            done = _thread.allocate_lock()
            done.acquire()
            def first(): pass
            def body():
                first()
                done.release()
            _thread.start_new_thread(body, ())
            done.acquire()
            threads = [threading.Thread(target=first) for i in range(10)]
            for thread in threads: thread.start()
            for thread in threads: thread.join()
            """, env={"PYTHONPATH": self.work})
        self.assertEqual([1, 11], [len(report.named(name)) for name in ("body", "first")])


if __name__ == "__main__":
    unittest.main()
