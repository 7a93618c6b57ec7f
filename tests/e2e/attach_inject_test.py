# SPDX-License-Identifier: Apache-2.0
"""A running program is made to load a library many times: it goes on as if nothing had been."""

import ctypes
import os
import random
import shutil
import signal
import struct
import subprocess
import time
import unittest

import support

INJECT = os.environ.get("VTN_INJECT")
LIBRARY = os.environ.get("VTN_MARK_LIBRARY")
TIMES = 10
KILLS = 100
PTRACE_SEIZE, PTRACE_DETACH = 0x4206, 17

# Does one thing until `stop` is there, or its stdin is closed. Each says whether what it did was right.
PROGRAM = """
    import errno, json, os, select, sys, threading, time

    mode, stop = sys.argv[1:]
    wrong = []

    def is_over():
        return os.path.exists(stop)

    def add(n):
        return n + 1

    def busy():
        while not is_over():
            n = 0
            for _ in range(5000):
                n = add(n)
            if n != 5000:
                wrong.append(n)

    def allocating():
        data = {str(i): [i, i / 2, "text" * i] for i in range(100)}
        text = json.dumps(data)
        while not is_over():
            for _ in range(20):
                if json.dumps(json.loads(text)) != text:
                    wrong.append("json")
                bytes(100_000), [0] * 2000, bytearray(3_000_000)

    def in_threads(function, count):
        threads = [threading.Thread(target=function) for _ in range(count)]
        for thread in threads:
            thread.start()
        return threads

    def read_until_closed():
        if sys.stdin.read() != "":
            wrong.append("stdin")

    print("ready", flush=True)
    if mode == "busy":
        busy()
    elif mode == "sleep":
        while not is_over():
            before = time.monotonic()
            time.sleep(0.05)
            if time.monotonic() - before < 0.05:
                wrong.append("sleep")
    elif mode == "epoll":
        with select.epoll() as epoll:
            epoll.register(0, select.EPOLLHUP)
            if not epoll.poll():
                wrong.append("epoll")
    elif mode == "poll":
        while not is_over():
            if select.select([], [], [], 0.05) != ([], [], []):
                wrong.append("select")
    elif mode == "in_c":
        while not is_over():
            if sum(range(5_000_000)) != 12_499_997_500_000:
                wrong.append("sum")
    elif mode == "read":
        read_until_closed()
    elif mode == "lock":
        lock = threading.Lock()
        lock.acquire()
        (thread,) = in_threads(lambda: (read_until_closed(), lock.release()), 1)
        lock.acquire()
        thread.join()
    elif mode == "join":
        for thread in in_threads(busy, 2):
            thread.join()
    elif mode == "malloc":
        threads = in_threads(allocating, 3)
        allocating()
        for thread in threads:
            thread.join()
    print("end", mode, wrong, flush=True)
    sys.exit(7)
"""
MODES = ("busy", "sleep", "epoll", "poll", "read", "lock", "join", "malloc")


def words(line):
    """'a=1 b=two' as a dictionary."""
    return {name: int(value) if value.isdigit() else value
            for name, value in (word.split("=") for word in line.split())}


def inject(*args, **kwargs):
    """(status, what it says): a dictionary, or the line of an error."""
    done = subprocess.run([INJECT, *map(str, args)], capture_output=True, text=True, timeout=support.TIMEOUT,
                          check=False, **kwargs)
    return done.returncode, words(done.stdout) if done.returncode == 0 else done.stderr.rstrip("\n")


def state_of(pid):
    with open(f"/proc/{pid}/stat", encoding="utf-8") as file:
        return file.read().rpartition(")")[2].split()[0]


def wait_for(condition):
    deadline = time.monotonic() + support.TIMEOUT
    while not condition():
        if time.monotonic() > deadline:
            raise AssertionError("it does not come true")
        time.sleep(0.005)


class Targets(support.TestCase):
    def setUp(self):
        super().setUp()
        if not INJECT or not LIBRARY:
            self.skipTest("VTN_INJECT and VTN_MARK_LIBRARY name what is built for this")
        self.mark = os.path.join(self.folder, "mark")
        self.stop = os.path.join(self.folder, "stop")
        self.program = self.write("program.py", PROGRAM)
        self.libraries = 0

    def start(self, mode, options=(), env=None, before=(), **kwargs):
        """The program, once it is ready; a sandbox may not let it be traced."""
        process = self.spawn([*before, "python3", *options, self.program, mode, self.stop],
                             stdin=subprocess.PIPE, env={"VTN_MARK": self.mark, **(env or {})}, **kwargs)
        self.addCleanup(process.kill)
        self.assertEqual(b"ready\n", process.stdout.readline())
        status, said = inject("look", process.pid)
        if status != 0 and "cannot be attached to" in said:
            process.kill()
            process.communicate()
            self.skipTest(said)
        return process

    def library(self):
        """Another one each time: one that is loaded is not loaded again."""
        self.libraries += 1
        return shutil.copy(LIBRARY, os.path.join(self.folder, f"mark{self.libraries}.so"))

    def marks(self):
        return os.path.getsize(self.mark) if os.path.exists(self.mark) else 0

    def load(self, process, library=None):
        before = self.marks()
        status, said = inject("load", process.pid, library or self.library())
        self.assertEqual(0, status, said)
        # A machine with much else to do does not come to it in time.
        wait_for(lambda: said["is_over"] or self.marks() > before)
        return said

    def check_end(self, process, mode):
        with open(self.stop, "w", encoding="utf-8"):
            pass
        outcome = self.finish(process)
        os.unlink(self.stop)
        self.assertEqual((7, f"end {mode} []\n".encode(), b""), outcome.parity_key())


class Libraries(Targets):
    def test_a_program_loads_libraries_and_ends_by_itself(self):
        for mode in MODES:
            with self.subTest(mode):
                process = self.start(mode)
                before = self.marks()
                held = []
                for count in range(1, TIMES + 1):
                    said = self.load(process)
                    self.assertEqual(before + count, self.marks(), said)
                    if mode in ("sleep", "epoll", "poll", "read"):
                        self.assertEqual(("sleeping", process.pid), (said["way"], said["tid"]))
                    elif mode == "busy":
                        self.assertEqual(("pending", process.pid), (said["way"], said["tid"]))
                    held.append(said["held_us"])
                # A machine with much else to do lets also what is held wait for its turn.
                self.assertLess(min(held), 20_000, held)
                self.check_end(process, mode)

    def test_what_python_it_is(self):
        process = self.start("sleep")
        status, said = inject("look", process.pid)
        self.assertEqual(0, status, said)
        self.assertEqual("{}.{}".format(*self.interpreter.minor), said["python"])
        self.check_end(process, "sleep")

    def test_a_program_that_runs_no_python_code(self):
        process = self.start("in_c")
        # It comes out of C now and then, when the library may be loaded.
        refused = 0
        for _ in range(TIMES):
            before = self.marks()
            status, said = inject("load", process.pid, self.library(), 20)
            if status != 0:
                refused += 1
                self.assertRegex(said, f"^process {process.pid} is in no place where it may load a library: "
                                       ".*; nothing was changed, try again$")
            else:
                wait_for(lambda: self.marks() == before + 1)
        self.assertGreater(refused, 0)
        self.load(process)
        self.check_end(process, "in_c")

    def test_we_are_killed_meanwhile(self):
        """At no instant does the program need us: it goes on by itself, and can be attached to again."""
        for mode in MODES:
            with self.subTest(mode):
                process = self.start(mode)
                library = self.library()
                began = time.monotonic()
                self.load(process, library)
                took = time.monotonic() - began
                for _ in range(KILLS):
                    ours = subprocess.Popen([INJECT, "load", str(process.pid), self.library()],
                                            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
                    time.sleep(random.random() * took)
                    ours.send_signal(signal.SIGKILL)
                    ours.wait(timeout=support.TIMEOUT)
                    self.assertIsNone(process.poll())
                before = self.marks()
                self.load(process)
                wait_for(lambda: self.marks() > before)
                self.check_end(process, mode)

    def test_a_file_that_is_no_library(self):
        process = self.start("sleep")
        path = self.write("nonsense.so", "no library\n" * 100)
        for _ in range(3):
            status, said = inject("load", process.pid, path)
            if status == 0 and not said["is_over"]:
                continue
            self.assertEqual(1, status)
            self.assertRegex(said, f"^process {process.pid} does not load the library: .*nonsense.so: invalid ELF header$")
        status, said = inject("load", process.pid, path + "x")
        self.assertEqual((1, f"process {process.pid} does not see {path}x"), (status, said))
        self.load(process)
        self.check_end(process, "sleep")

    def test_a_library_that_takes_long_is_loaded_without_us(self):
        for mode in ("busy", "epoll"):
            with self.subTest(mode):
                before = self.marks()
                process = self.start(mode, env={"VTN_MARK_SLEEP_MS": "1600"})
                began = time.monotonic()
                said = self.load(process)
                self.assertGreater(time.monotonic() - began, 1.5)
                self.assertEqual(0, said["is_over"])
                self.assertEqual(before + 1, self.marks())
                self.assertLess(said["held_us"], 300_000)
                self.check_end(process, mode)


class Refusals(unittest.TestCase):
    """One line each: what, why, what to try."""

    def setUp(self):
        if not INJECT:
            self.skipTest("VTN_INJECT names what is built for this")

    def start(self, *argv):
        process = subprocess.Popen(argv, stdin=subprocess.DEVNULL)
        self.addCleanup(process.wait)
        self.addCleanup(process.kill)
        wait_for(lambda: state_of(process.pid) == "S")
        return process

    def sleeper(self):
        process = self.start("/bin/sleep", "1000")
        status, said = inject("look", process.pid)
        if "cannot be attached to" in said:
            self.skipTest(said)
        self.assertEqual(1, status)
        return process

    def refused(self, pid, expected, **kwargs):
        for verb in (("look", pid), ("load", pid, LIBRARY)):
            status, said = inject(*verb, **kwargs)
            self.assertEqual(1, status)
            self.assertRegex(said, f"^{expected}$")

    def test_no_process(self):
        process = subprocess.Popen(["/bin/true"])
        process.wait()
        self.refused(process.pid, f"there is no process {process.pid}")
        self.refused(0, "0 is not a process's number")
        self.refused(-1, "-1 is not a process's number")

    def test_dead(self):
        process = subprocess.Popen(["/bin/true"])
        wait_for(lambda: state_of(process.pid) == "Z")
        self.refused(process.pid, f"process {process.pid} has ended, and only its parent \\(pid {os.getpid()}\\) "
                                  "has not asked for its status yet")
        process.wait()

    def test_a_thread(self):
        process = self.start("/usr/bin/python3", "-S", "-c", "import threading as t, time\n"
                             "t.Thread(target=time.sleep, args=[1000]).start()\ntime.sleep(1000)")
        wait_for(lambda: len(os.listdir(f"/proc/{process.pid}/task")) == 2)
        (tid,) = (tid for tid in os.listdir(f"/proc/{process.pid}/task") if int(tid) != process.pid)
        self.refused(tid, f"{tid} is a thread of process {process.pid}: attach to that")

    def test_stopped(self):
        process = self.sleeper()
        process.send_signal(signal.SIGSTOP)
        wait_for(lambda: state_of(process.pid) == "T")
        self.refused(process.pid, f"process {process.pid} is stopped: let it go on first "
                                  f"\\(kill -CONT {process.pid}, or `fg` in its shell\\)")
        self.assertEqual("T", state_of(process.pid))

    def test_traced(self):
        process = self.sleeper()
        libc = ctypes.CDLL(None, use_errno=True)
        libc.ptrace.argtypes = [ctypes.c_long, ctypes.c_int, ctypes.c_void_p, ctypes.c_void_p]
        self.assertEqual(0, libc.ptrace(PTRACE_SEIZE, process.pid, None, None))
        self.refused(process.pid, f"process {process.pid} is traced by python[\\w.]* \\(pid {os.getpid()}\\): "
                                  "end that first")

    def test_no_python(self):
        process = self.sleeper()
        self.refused(process.pid, f"process {process.pid} is not a CPython: /\\S+ and its libraries export none of "
                                  "Python's functions")

    def test_another_user(self):
        if os.geteuid() != 0:
            self.skipTest("only root can become another user")
        process = self.sleeper()
        folder = os.path.dirname(INJECT)
        other = lambda: (os.setgid(61234), os.setuid(61234))
        if subprocess.run(["/usr/bin/test", "-x", INJECT], preexec_fn=other, check=False).returncode != 0:
            self.skipTest(f"another user does not see {folder}")
        self.refused(process.pid, f"process {process.pid} belongs to user root \\(uid 0\\): attach to it as that user, "
                                  "or as root", preexec_fn=other)

    def test_32_bit(self):
        base, code = 0x8048000, bytes([0xb8, 29, 0, 0, 0, 0xcd, 0x80, 0xeb, 0xf7])  # pause, again and again
        header = b"\x7fELF\1\1\1" + bytes(9) + struct.pack("<HHIIIIIHHHHHH", 2, 3, 1, base + 84, 52, 0, 0, 52, 32, 1,
                                                          0, 0, 0)
        segment = struct.pack("<IIIIIIII", 1, 0, base, base, 84 + len(code), 84 + len(code), 5, 0x1000)
        path = os.path.join(os.environ["TMPDIR"], "pause32")
        with open(path, "wb") as file:
            file.write(header + segment + code)
        os.chmod(path, 0o755)
        try:
            process = self.start(path)
        except OSError as error:
            self.skipTest(f"this kernel runs no 32-bit programs: {error}")
        self.refused(process.pid, f"process {process.pid} is a 32-bit program: only 64-bit ones can be attached to")

    def test_the_kernel(self):
        try:
            with open("/proc/2/comm", encoding="utf-8") as file:
                if file.read() != "kthreadd\n":
                    self.skipTest("process 2 is none of the kernel's here")
        except OSError:
            self.skipTest("process 2 is not to be seen")
        self.refused(2, "process 2 is a part of the kernel")

    def test_not_looked_at(self):
        if os.geteuid() != 0:
            self.skipTest("only root can become another user")
        other = lambda: (os.setgid(61234), os.setuid(61234))
        if subprocess.run(["/usr/bin/test", "-x", INJECT], preexec_fn=other, check=False).returncode != 0:
            self.skipTest("another user does not see what is built")
        not_dumpable = "import ctypes, time; ctypes.CDLL(None).prctl(4, 0, 0, 0, 0); time.sleep(1000)"
        process = subprocess.Popen(["/usr/bin/python3", "-S", "-c", not_dumpable], preexec_fn=other)
        self.addCleanup(process.wait)
        self.addCleanup(process.kill)
        wait_for(lambda: os.stat(f"/proc/{process.pid}/fd").st_uid == 0 and state_of(process.pid) == "S")
        self.refused(process.pid, f"process {process.pid} does not let itself be looked at \\(it is setuid, or has "
                                  "called prctl\\(PR_SET_DUMPABLE\\)\\): attach to it as root", preexec_fn=other)


if __name__ == "__main__":
    unittest.main()
