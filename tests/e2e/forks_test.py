# SPDX-License-Identifier: Apache-2.0
"""Forked children, however they are forked: every call of every process, and its name."""

import unittest

import support


class Forks(support.TestCase):
    def report(self, text, **kwargs):
        self.write("program.py", text)
        # From 3.12 on a fork beside threads brings a warning, with the pid.
        return self.parity("program.py", env={"PYTHONWARNINGS": "ignore"}, **kwargs).report

    def pids_of(self, report, function):
        return sorted(pid for (pid, _), roots in report.threads.items()
                      for root in roots for call in root.walk() if call.function == function)

    def counted(self, text, **expected):
        """The report; each function of `expected` was called so often, in any process."""
        report = self.report(text)
        self.assertEqual(expected, {name: len(report.named(name)) for name in expected})
        return report

    def test_fork_beside_a_thread_that_records(self):
        """What the child writes is its own; the other thread's calls stay in the parent."""
        report = self.counted("""
            import os, threading, time
            stop = threading.Event()
            def busy(n): return n
            def beside():
                while not stop.is_set():
                    for i in range(100): busy(i)
                    time.sleep(0.001)
            def in_child(n): return n
            def after(n): return n
            thread = threading.Thread(target=beside)
            thread.start()
            for i in range(10):
                pid = os.fork()
                if pid == 0:
                    for j in range(1000): in_child(j)
                    os._exit(0)
                os.waitpid(pid, 0)
                after(i)
            stop.set()
            thread.join()
            """, in_child=10_000, after=10)
        self.assertEqual(10, len(set(self.pids_of(report, "in_child"))))
        self.assertEqual(1, len(set(self.pids_of(report, "busy"))))
        self.assertFalse(set(self.pids_of(report, "busy")) & set(self.pids_of(report, "in_child")))

    def test_name_of_a_fork_that_became_another_program(self):
        report = self.report("""
            import os, subprocess
            def program(): pass
            subprocess.run(["cat", "/dev/null"], preexec_fn=os.setsid)
            subprocess.run(["head", "/dev/null"], preexec_fn=program)
            pid = os.fork()
            if pid == 0:
                program()
                os.execv("/bin/sh", ["sh", "-c", "exit 0"])
            os.waitpid(pid, 0)
            pid = os.fork()
            if pid == 0:
                program()
                os._exit(0)
            os.waitpid(pid, 0)
            """)
        names = {process["pid"]: process["name"]
                 for process in report.data["viztracer_native"]["processes"]}
        self.assertEqual(["cat /dev/null", "head /dev/null", "program.py", "program.py (fork)",
                          "sh -c exit 0"], sorted(names.values()))
        for pid, name in names.items():
            self.assertTrue(report.process_names[pid].startswith(name), report.process_names)

    def test_fork_from_another_thread(self):
        report = self.counted("""
            import os, threading
            def in_child(n): return n
            def work():
                pid = os.fork()
                if pid == 0:
                    for j in range(700): in_child(j)
                    os._exit(0)
                os.waitpid(pid, 0)
            threads = [threading.Thread(target=work) for i in range(4)]
            for thread in threads: thread.start()
            for thread in threads: thread.join()
            """, work=4, in_child=2_800)
        self.assertEqual(4, len(set(self.pids_of(report, "in_child"))))

    def test_twenty_deep(self):
        report = self.counted("""
            import os
            def level(n): return n
            def inside(n): return n
            def descend(n):
                level(n)
                if n == 20: return
                pid = os.fork()
                if pid == 0:
                    for i in range(n): inside(i)
                    descend(n + 1)
                    os._exit(0)
                os.waitpid(pid, 0)
                inside(n)
            descend(0)
            """, level=21, inside=sum(range(20)) + 20)
        pids = self.pids_of(report, "level")
        self.assertEqual(21, len(set(pids)))

    def test_forks_that_tell_nobody(self):
        """`_Fork` and the system call itself run no handler of pthread_atfork."""
        report = self.counted("""
            import ctypes, os
            libc = ctypes.CDLL(None)
            def in_child(n): return n
            def child():
                for i in range(300): in_child(i)
                os._exit(7)
            def reap(pid):
                print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
            ways = [lambda: libc.syscall(56, 17, 0, 0, 0, 0)]  # clone, SIGCHLD
            ways.append(libc._Fork if hasattr(libc, "_Fork") else ways[0])
            for way in ways * 2:
                pid = way()
                if pid == 0: child()
                reap(pid)
            """, child=4, in_child=1_200, reap=4)
        self.assertEqual(4, len(set(self.pids_of(report, "in_child"))))
        self.assertEqual(1, len(set(self.pids_of(report, "reap"))))

    def test_a_child_returns_through_its_parents_frames(self):
        """Calls open at the fork are the parent's; the child's returns from them end nothing there."""
        report = self.counted("""
            import os
            def deepest():
                pid = os.fork()
                if pid: os.waitpid(pid, 0)
                return pid
            def middle():
                pid = deepest()
                after(pid)
                return pid
            def after(pid): return pid
            def last(): pass
            pid = middle()
            last()
            """, deepest=1, middle=1, after=2, last=2)
        self.assertEqual(2, len(set(self.pids_of(report, "last"))))
        self.assertEqual(1, len(set(self.pids_of(report, "middle"))))
        self.assertIsNotNone(report.one("middle").end)

    def test_a_forked_child_is_killed(self):
        report = self.counted("""
            import os, signal
            def in_child(n): return n
            pid = os.fork()
            if pid == 0:
                for i in range(5000): in_child(i)
                os.kill(os.getpid(), signal.SIGKILL)
            print(os.waitpid(pid, 0)[1])
            """, in_child=5_000)
        self.assertEqual(1, len(set(self.pids_of(report, "in_child"))))

    def test_names_of_multiprocessing(self):
        """The main process has none; a child's is the one that multiprocessing gave it, or the last."""
        report = self.report("""
            import multiprocessing, os
            def work(n): return n
            def renamed():
                multiprocessing.current_process().name = "Another"
                for i in range(2000): work(i)
            def meet(n):
                barrier.wait()  # a pool may end before a worker has begun
                return n
            def main():
                global barrier
                fork = multiprocessing.get_context("fork")
                barrier = fork.Barrier(2)
                children = [fork.Process(target=work, args=(1,)),
                            fork.Process(target=work, args=(2,), name="Zo\\u00eb"),
                            fork.Process(target=renamed)]
                for child in children: child.start()
                for child in children: child.join()
                with fork.Pool(2) as pool:
                    print(pool.map(meet, range(2), chunksize=1))
            main()
            """)
        main = report.thread_of("main")[0]
        self.assertNotIn("MainProcess", " ".join(report.process_names.values()))
        self.assertEqual(
            ["Another", "ForkPoolWorker-4", "ForkPoolWorker-5", "ForkProcess-1", "Zo\u00eb"],
            sorted(name.partition(" (")[0] for pid, name in report.process_names.items()
                   if pid != main))

    def test_name_that_has_code(self):
        """A process object whose `_name` is a property is not asked: its code is the program's."""
        report = self.report("""
            import multiprocessing
            class Loud(multiprocessing.get_context("fork").Process):
                @property
                def _name(self):
                    calls.append(1)
                    return "loud"
                @_name.setter
                def _name(self, value): pass
                def run(self):
                    before = len(calls)
                    for i in range(3000): str(i)
                    print(len(calls) - before, flush=True)
            calls = []
            child = Loud()
            child.start()
            child.join()
            """)
        self.assertNotIn("loud", " ".join(report.process_names.values()))


if __name__ == "__main__":
    unittest.main()
