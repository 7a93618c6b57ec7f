# SPDX-License-Identifier: Apache-2.0
"""Deaths: however the program dies, its status and output are as plain, and the report holds every
call made until then. Calls that had not returned are drawn as open."""

import fcntl
import os
import resource
import signal
import subprocess
import time
import unittest

import support

HEAD = """
import ctypes, os, signal, sys, threading, time
def finished(n): return n
def last(): return 1
def open_call(): inner()
print("started", flush=True)
for i in range(1000): finished(i)
last()
"""

# How it dies -> the body of `inner`, a call that never returns.
DEATHS = {
    "os._exit": "os._exit(3)",
    "SIGKILL": "os.kill(os.getpid(), signal.SIGKILL)",
    "SIGTERM": "os.kill(os.getpid(), signal.SIGTERM)",
    "abort": "os.abort()",
    "segmentation fault": "ctypes.string_at(0)",
    "raw exit_group": "ctypes.CDLL(None).syscall(231, 6)",
    "all descriptors closed": "os.closerange(3, 65536); os._exit(4)",
    "exec of another program": "os.execv('/bin/echo', ['echo', 'from', 'echo'])",
    "SIGXCPU": "import resource; resource.setrlimit(resource.RLIMIT_CPU, (1, 9))\n    while True: pass",
    "quick exit of C": "ctypes.CDLL(None)._exit(5)",
    "exit of C": "ctypes.CDLL(None).exit(7)",
    "SIGPIPE, no longer ignored": "os.kill(os.getpid(), signal.SIGPIPE); "
                                         "signal.signal(signal.SIGPIPE, signal.SIG_DFL); "
                                         "os.kill(os.getpid(), signal.SIGPIPE)",
}


class Deaths(support.TestCase):
    def program(self, body):
        self.write("program.py", HEAD + f"def inner():\n    {body}\nopen_call()\n")

    def test_deaths(self):
        for name, body in DEATHS.items():
            with self.subTest(name):
                self.program(body)
                traced = self.parity("program.py")
                self.check_report(traced.report)

    def check_report(self, report):
        self.assertEqual(1000, len(report.named("finished")))
        self.assertFalse(report.one("last").unfinished)
        for name in ("<module>", "open_call", "inner"):
            self.assertTrue(any(call.unfinished for call in report.named(name)), name)

    def test_kill_of_the_whole_group(self):
        """`kill -9 0` takes the launcher with it; --recover has all."""
        self.program("os.kill(0, signal.SIGKILL)")
        plain, traced = self.plain("program.py"), self.traced("program.py")
        self.assertEqual(plain.parity_key(), traced.parity_key())
        self.check_report(self.recovered())

    def test_recovery_waits_for_who_writes(self):
        """A collector that outlived its launcher may not have taken all there is."""
        self.program("os.kill(0, signal.SIGKILL)")
        traced = self.traced("program.py")
        self.assertEqual(-signal.SIGKILL, traced.status)
        (spool,) = [one for one in os.listdir(self.reports) if ".vtn-" in one]
        path, out = os.path.join(self.reports, spool), os.path.join(self.reports, "recovered.json")
        with open(path, "rb") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            recovery = self.spawn([support.LAUNCHER, "--quiet", "--recover", path, "-o", out])
            with self.assertRaises(subprocess.TimeoutExpired):
                recovery.wait(0.3)
        self.assertEqual((0, b"", b""), self.finish(recovery).parity_key())
        self.check_report(support.Report(out))

    def test_launcher_killed(self):
        """The program dies too, as killing python3 would; --recover has all."""
        self.program("time.sleep(60)")
        argv, _ = self.launcher_argv("program.py")
        process = self.spawn(argv)
        self.assertEqual(b"started\n", process.stdout.readline())
        child = self.program_of(process.pid)
        self.settle(child)
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
        self.wait_until(lambda: not self.alive(child), "the program's death")
        process.stdout.close()
        process.stderr.close()
        self.check_report(self.recovered())

    def test_collector_killed(self):
        self.after_something_befell_the_collector(signal.SIGKILL)

    def test_collector_stopped(self):
        """Stopped for two seconds: the program waits or goes on, nothing is lost."""
        self.after_something_befell_the_collector(signal.SIGSTOP)

    def after_something_befell_the_collector(self, number):
        self.write("program.py", """
            import sys
            def before(): pass
            def after(n): return n
            before()
            print("started", flush=True)
            sys.stdin.readline()
            for i in range(2000): after(i)
            print("done")
            sys.exit(9)
            """)
        argv, name = self.launcher_argv("program.py")
        process = self.spawn(argv, stdin=subprocess.PIPE)
        self.assertEqual(b"started\n", process.stdout.readline())
        collector = self.collector_of(process.pid)
        os.kill(collector, number)
        if number == signal.SIGSTOP:
            timer = subprocess.Popen(["/bin/sh", "-c", f"sleep 2; kill -CONT {collector} 2>/dev/null"])
            self.addCleanup(timer.wait)
        else:
            self.wait_until(lambda: not self.alive(collector), "the collector's death")
        outcome = self.finish(process, data=b"go\n")
        self.assertEqual((9, b"done\n"), (outcome.status, outcome.stdout), outcome.stderr)
        report = support.Report(os.path.join(self.reports, name))
        self.assertEqual(1, len(report.named("before")))
        self.assertEqual(2000, len(report.named("after")))

    def test_disk_full_while_recording(self):
        """The spool lies beside the output: a file system of 1 MiB there fills up. The program goes on."""
        if os.geteuid() != 0:
            self.skipTest("only root can mount a small file system")
        if self.interpreter.root is not None:
            self.skipTest("the mount would not be seen within the other root")
        small = os.path.join(self.folder, "small")
        os.mkdir(small)
        mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "none", small], check=False,
                                 stderr=subprocess.PIPE)
        if mounted.returncode:
            self.skipTest(f"cannot mount: {mounted.stderr.decode()}")
        self.addCleanup(subprocess.run, ["umount", "-l", small], check=True)
        self.write("program.py", """
            import sys
            def f(n): return n
            for i in range(3_000_000): f(i)
            print("done")
            sys.exit(9)
            """)
        argv = [support.LAUNCHER, "-o", os.path.join(small, "result.json"), "program.py"]
        outcome = self.run_argv(argv)
        self.assertEqual((9, b"done\n"), (outcome.status, outcome.stdout))
        self.assertIn(b"No space left", outcome.stderr)

    def test_recording_that_may_not_grow(self):
        """The program goes on, the report says why it ends early."""
        self.write("program.py", """
            import sys
            def before(): pass
            def f(n): return n
            before()
            print("started", flush=True)
            sys.stdin.readline()
            for i in range(1_000_000): f(i)
            sys.exit(9)
            """)
        argv, name = self.launcher_argv("program.py", options=(), report="times.txt")
        process = self.spawn(argv, stdin=subprocess.PIPE)
        self.assertEqual(b"started\n", process.stdout.readline())
        resource.prlimit(self.collector_of(process.pid), resource.RLIMIT_FSIZE, (1 << 16, 1 << 16))
        outcome = self.finish(process, data=b"go\n")
        self.assertEqual(9, outcome.status, outcome.stderr)
        self.assertIn(b"the recording could not be written: File too large; the report ends there\n",
                      outcome.stderr)
        with open(os.path.join(self.reports, name), encoding="utf-8") as file:
            self.assertIn("before (program.py:", file.read())

    # -- helpers

    @staticmethod
    def stat(pid):
        with open(f"/proc/{pid}/stat", encoding="utf-8", errors="replace") as file:
            return file.read().rpartition(")")[2].split()

    def children(self, pid):
        found = []
        for entry in os.listdir("/proc"):
            try:
                if entry.isdigit() and int(self.stat(entry)[1]) == pid:
                    found.append(int(entry))
            except OSError:
                pass
        return found

    def alive(self, pid):
        try:
            return self.stat(pid)[0] not in "ZX"
        except OSError:
            return False

    def collector_of(self, launcher):
        found = []
        for pid in self.children(launcher):
            with open(f"/proc/{pid}/comm", encoding="utf-8") as file:
                found += [pid] if file.read() == "vtn-collector\n" else []
        self.assertEqual(1, len(found), "collectors")
        return found[0]

    def program_of(self, launcher):
        for pid in self.children(launcher):
            with open(f"/proc/{pid}/cmdline", "rb") as file:
                if file.read().split(b"\0")[0].endswith(b"python3"):
                    return pid
        raise AssertionError("the program is no child of the launcher")

    def settle(self, pid):
        """Waits until the program sleeps in `inner`: its `last` call has been made."""
        self.wait_until(lambda: self.stat(pid)[0] == "S", "the program to sleep")
        time.sleep(0.2)

    def wait_until(self, condition, what):
        deadline = time.monotonic() + 20
        while not condition():
            self.assertLess(time.monotonic(), deadline, f"waited in vain for {what}")
            time.sleep(0.01)

    def recovered(self):
        """The report that `--recover` makes of the one spool beside the outputs."""
        spools = []

        def there():
            spools[:] = [one for one in os.listdir(self.reports) if ".vtn-" in one]
            return len(spools) == 1
        self.wait_until(there, "the spool")
        out = os.path.join(self.reports, "recovered.json")
        deadline = time.monotonic() + 20
        while True:  # the orphaned collector may be closing it still
            done = self.run_argv([support.LAUNCHER, "--recover", os.path.join(self.reports, spools[0]),
                                  "-o", out])
            if done.status == 0 or time.monotonic() > deadline:
                break
            time.sleep(0.1)
        self.assertEqual(0, done.status, done.stderr)
        self.wait_until(lambda: os.listdir(self.reports) == ["recovered.json"], "removal of the spool")
        return support.Report(out)


class Exits(support.TestCase):
    """Ends that tracers have got wrong before."""

    def test_daemon_thread_running_at_exit(self):
        self.write("program.py", """
            import threading
            def spin(n): return n
            def work():
                while True: spin(1)
            threading.Thread(target=work, daemon=True).start()
            """)
        for _ in range(10):
            traced = self.traced("program.py")
            self.assertEqual((0, b"", b""), traced.parity_key())
        self.assertTrue(traced.report.named("spin"))

    def test_calls_of_atexit(self):
        self.write("program.py", """
            import atexit
            def called(n): return n
            @atexit.register
            def at_exit():
                for i in range(10): called(i)
                print("bye")
            """)
        traced = self.parity("program.py")
        self.assertEqual(10, len(traced.report.named("called")))

    def test_calls_while_the_interpreter_is_torn_down(self):
        self.write("program.py", """
            import builtins, os, sys, threading
            class Late:
                def __del__(self): os.write(1, b"x")
            sys.late, builtins.late, os.late = Late(), Late(), Late()
            kept = Late()
            class Holder: held = Late()
            sys.modules["late"] = Late()
            local = threading.local(); local.late = Late()
            """)
        traced = self.parity("program.py")
        # `os` may be gone when the last of them die: those raise, ignored.
        deaths = [call for call in traced.report.calls() if call.function in ("__del__", "Late.__del__")]
        self.assertGreaterEqual(len(deaths), len(traced.stdout))
        self.assertGreater(len(deaths), 3)

    def test_atexit_that_forks(self):
        self.write("program.py", """
            import atexit, os
            def called(): pass
            @atexit.register
            def at_exit():
                try:
                    if os.fork() == 0: os._exit(0)
                    print(os.wait()[1])
                except RuntimeError as error:  # 3.12 refuses
                    print(error)
                called()
            """)
        self.assertEqual(1, len(self.parity("program.py").report.named("called")))

    def test_fork(self):
        """The child is another process of the report: its own calls, none of its parent's."""
        self.write("program.py", """
            import os, threading
            def before(): pass
            def in_child(n): return n
            def in_parent(n): return n
            before()
            pid = os.fork()
            if pid == 0:
                for i in range(100): in_child(i)
                os._exit(5)
            for i in range(100): in_parent(i)
            print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
            """)
        report = self.parity("program.py").report
        self.assertEqual(1, len(report.named("before")))
        self.assertEqual(100, len(report.named("in_parent")))
        self.assertEqual(100, len(report.named("in_child")))
        self.assertNotEqual(report.thread_of("in_parent")[0], report.thread_of("in_child")[0])

    def test_failed_exec(self):
        self.write("program.py", """
            import os
            def after(): pass
            try:
                os.execv("/no/such/program", ["x"])
            except OSError as error:
                print(error)
            after()
            """)
        self.assertEqual(1, len(self.parity("program.py").report.named("after")))

    def test_handlers_of_the_program(self):
        self.write("program.py", """
            import faulthandler, os, signal, sys
            def handler(number, frame): print(number, frame.f_code.co_name)
            for number in (signal.SIGUSR2, signal.SIGALRM, signal.SIGPROF, signal.SIGTERM, signal.SIGHUP):
                signal.signal(number, handler)
                os.kill(os.getpid(), number)
            faulthandler.register(signal.SIGUSR1, file=sys.stdout)
            def f(): os.kill(os.getpid(), signal.SIGUSR1)
            f()
            """)
        traced = self.parity("program.py", same=lambda one: (
            one.status, [line for line in one.stdout.splitlines() if not line.startswith(b"Current thread")]))
        self.assertEqual(5, len(traced.report.named("handler")))

    def test_deep_recursion_in_c_and_python(self):
        self.write("program.py", """
            import json, sys
            def f(n): return f(n + 1)
            try: f(0)
            except RecursionError as error: print(str(error)[:32])
            sys.setrecursionlimit(20_000)
            def g(n): return g(n - 1) if n else 0
            print(g(15_000))
            try: json.loads("[" * 100_000)
            except RecursionError: print("json")
            """)
        self.parity("program.py")

    def test_orphan_is_not_waited_for(self):
        self.write("program.py", """
            import os, time
            if os.fork() == 0:
                os.setsid()
                for fd in (0, 1, 2): os.close(fd)
                time.sleep(30)
                os._exit(0)
            """)
        started = time.monotonic()
        traced = self.traced("program.py")
        self.assertEqual((0, b"", b""), traced.parity_key())
        self.assertLess(time.monotonic() - started, 15)
        self.assertTrue(traced.report.named("<module>"))

    def test_stopped_and_continued(self):
        self.write("program.py", """
            import os, signal, subprocess
            def f(n): return n
            f(1)
            child = subprocess.Popen(["/bin/sh", "-c", f"sleep 1; kill -CONT {os.getpid()}"])
            os.kill(os.getpid(), signal.SIGSTOP)
            f(2)
            print(child.wait())
            """)
        plain = self.plain("program.py")
        argv, name = self.launcher_argv("program.py")
        process = self.spawn(argv)
        # The launcher mirrors the stop; a shell's `fg` would continue it, here the program's own child.
        waited = time.monotonic() + 20
        while process.poll() is None and time.monotonic() < waited:
            state = Deaths.stat(process.pid)[0]
            if state == "T":
                time.sleep(1.5)
                os.kill(process.pid, signal.SIGCONT)
            time.sleep(0.05)
        traced = self.finish(process)
        self.assertEqual(plain.parity_key(), traced.parity_key())
        self.assertEqual(2, len(support.Report(os.path.join(self.reports, name)).named("f")))


if __name__ == "__main__":
    unittest.main()
