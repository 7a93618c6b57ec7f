# SPDX-License-Identifier: Apache-2.0
"""The frame of the tests of real servers and runners: a scenario is played to the program by itself
and to the traced program, and what can be seen of both must be the same.

A scenario is a function of a Run. It waits for what the program prints, sends requests (to
127.0.0.1 only) and signals, and leaves the program to end. What it returns is compared too. No wait
is without an end, and nothing that a run started outlives it: the test process is the subreaper of
all, so an orphan becomes its child and is seen.
"""

import collections
import contextlib
import ctypes
import fcntl
import glob
import http.client
import os
import random
import re
import shutil
import signal
import socket
import subprocess
import sys
import termios
import threading
import time

import ledger
import support
import venvs
from terminals import open_terminal

PATIENCE = 60  # seconds: a hang is a failure, slowness is not
PR_SET_CHILD_SUBREAPER = 36

# What two runs of one program never have in common.
MASKS = [
    (r"0x[0-9a-f]{6,16}\b", "0x..."),
    (r"\d{4}-\d\d-\d\d[ T]\d\d:\d\d:\d\d([.,]\d+)?( ?[+-]\d{4})?", "TIME"),
    (r"\d\d/\w{3}/\d{4}[ :]\d\d:\d\d:\d\d( [+-]\d{4})?", "TIME"),
    (r"\b\d\d:\d\d:\d\d([.,]\d+)?\b", "TIME"),
    (r"(?i)(\[|\bpid[:=]? ?|\bprocess |\bworker )\d+\b", r"\1PID"),
    (r"\b\d+(\.\d+)? ?(ms|s|sec|secs|seconds|msecs)\b", "DURATION"),
]


def children(pid):
    found = []
    for path in glob.glob(f"/proc/{pid}/task/*/children"):
        with contextlib.suppress(OSError), open(path, encoding="utf-8") as file:
            found += [int(word) for word in file.read().split()]
    return found


def descendants(pid):
    found, pending = [], children(pid)
    while pending:
        one = pending.pop()
        found.append(one)
        pending += children(one)
    return found


def state(pid):
    """The letter of /proc/PID/stat, or None where the process has gone."""
    try:
        with open(f"/proc/{pid}/stat", encoding="utf-8", errors="replace") as file:
            return file.read().rpartition(")")[2].split()[0]
    except OSError:
        return None


def describe(pid):
    with contextlib.suppress(OSError), open(f"/proc/{pid}/cmdline", "rb") as file:
        return f"{pid} ({file.read().replace(bytes(1), b' ').decode(errors='replace').strip()})"
    return str(pid)


def is_ours(pid):
    """Whether it is a process of the launcher itself."""
    try:
        return os.path.samefile(f"/proc/{pid}/exe", support.LAUNCHER)
    except OSError:
        return True  # gone, so nobody knows what it was


def free_port():
    """A port that nobody listens at, out of the range that connections get theirs from."""
    while True:
        port = random.randrange(20000, 32000)
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port


class Run:
    """One run of a program: its output so far, its processes, and what it answers."""

    def __init__(self, case, argv, traced, env=None, terminal=False, options=()):
        self.case, self.traced = case, traced
        self.port = free_port()
        self.work = case.work
        self.served = collections.Counter()  # pid -> requests that it answered
        self.seen = set()  # pids that were alive at some look
        self.ended = False
        self.handed_over = False  # the program has ended, what it started goes on
        argv = [str(word).replace("{port}", str(self.port)) for word in argv]
        self.report_name = None
        if traced:
            argv, self.report_name = case.launcher_argv(*argv, options=("--quiet", *options))
        self.master = None
        self.capture = [os.path.join(case.folder, f"{name}-{'traced' if traced else 'plain'}")
                        for name in ("stdout", "stderr")]
        for path in self.capture:
            with open(path, "wb"):
                pass
        if terminal:
            self._on_terminal(argv, env)
        else:
            with open(self.capture[0], "ab") as out, open(self.capture[1], "ab") as err:
                self.process = case.interpreter.popen(
                    argv, env=case.environment(env), cwd=self.work, stdin=subprocess.DEVNULL,
                    stdout=out, stderr=err, start_new_session=True)
        self.pid = self.process.pid

    def _on_terminal(self, argv, env):
        self.master, slave = open_terminal()

        def take_terminal():
            os.setsid()
            fcntl.ioctl(0, termios.TIOCSCTTY, 0)

        self.process = self.case.interpreter.popen(
            argv, env=self.case.environment(env), cwd=self.work, stdin=slave, stdout=slave,
            stderr=slave, preexec_fn=take_terminal)
        os.close(slave)

        def copy():
            with open(self.capture[0], "ab", buffering=0) as out:
                while True:
                    try:
                        data = os.read(self.master, 65536)
                    except OSError:  # EIO: the last holder of the other side is gone
                        return
                    if not data:
                        return
                    out.write(data)

        self.copier = threading.Thread(target=copy, daemon=True)
        self.copier.start()

    # -- what it says

    def output(self):
        text = ""
        for path in self.capture:
            with open(path, encoding="utf-8", errors="replace") as file:
                text += file.read()
        return text

    def fail(self, what):
        tree = ", ".join(describe(pid) for pid in [self.pid, *descendants(self.pid)])
        self.case.fail(f"{'traced' if self.traced else 'plain'} run: {what}\nalive: {tree}\n"
                       f"{self.output()[-6000:]}")

    def eventually(self, condition, what, timeout=PATIENCE):
        """The first true value of `condition()`."""
        deadline = time.monotonic() + timeout
        while True:
            ended = self.process.poll() is not None and not self.handed_over
            late = time.monotonic() > deadline
            value = condition()
            if value:
                return value
            if ended or late:
                self.fail(f"{'ended before' if ended else 'never'}: {what}")
            time.sleep(0.02)

    def wait_for(self, pattern, count=1):
        """Waits until the regular expression is in the output `count` times; the matches."""
        def look():
            found = re.findall(pattern, self.output())
            return found if len(found) >= count else None
        found = self.eventually(look, f"{pattern!r}, {count} times")
        self.look()
        return found

    def look(self):
        """Notes which processes there are now."""
        pids = [] if self.traced and is_ours(self.pid) else [self.pid]
        self.seen.update(pid for pid in pids + descendants(self.pid)
                         if not (self.traced and is_ours(pid)) and state(pid) not in (None, "Z", "X"))
        return self.seen

    # -- what it is told

    def get(self, path="/", count=True):
        """Status and body of an answer. X-Pid in its header says which process gave it, `count`
        whether that request is to be in the report."""
        def attempt():
            connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE)
            try:
                connection.request("GET", path)
                answer = connection.getresponse()
                return answer.status, answer.headers.get("X-Pid"), answer.read().decode()
            except (OSError, http.client.HTTPException):
                return None
            finally:
                connection.close()
        status, pid, body = self.eventually(attempt, f"an answer to GET {path}")
        if pid is not None and count:
            self.served[int(pid)] += 1
        return status, body

    def get_from(self, workers):
        """Requests until `workers` processes have answered. Which does is the kernel's choice."""
        def attempt():
            self.get()
            return len(self.served) >= workers
        self.eventually(attempt, f"answers from {workers} processes")

    def signal(self, number):
        self.process.send_signal(number)

    def hand_over(self):
        """Waits for the end of the program, of which something goes on. What is left must end before
        finish()."""
        self.handed_over = True
        try:
            self.process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            self.fail("no end")

    def type(self, data):
        os.write(self.master, data)

    # -- its end

    def finish(self, timeout=PATIENCE):
        """Waits for the end of the program and of all that it started."""
        try:
            self.status = self.process.wait(timeout)
        except subprocess.TimeoutExpired:
            self.fail("no end")
        deadline = time.monotonic() + PATIENCE
        while self.case.orphans(self):
            if time.monotonic() > deadline:
                self.fail("orphans: " + ", ".join(map(describe, self.case.orphans(self))))
            time.sleep(0.02)
        if self.master is not None:
            self.copier.join(PATIENCE)
            os.close(self.master)
            self.master = None
        self.ended = True

    def kill(self):
        """Ends everything that is left, after a failure."""
        for _ in range(50):
            left = [pid for pid in descendants(os.getpid()) if pid not in self.case.bystanders]
            for pid in left:
                with contextlib.suppress(OSError):
                    os.kill(pid, signal.SIGKILL)
            if self.process.poll() is not None and not self.case.orphans(self):
                break
            time.sleep(0.05)
        if self.master is not None:
            os.close(self.master)
            self.master = None

    def masked(self, masks, ordered):
        """Its two outputs, less what differs from run to run."""
        results = []
        for path in self.capture:
            with open(path, encoding="utf-8", errors="replace") as file:
                text = file.read()
            text = re.sub(rf"\b{self.port}\b", "PORT", text)
            for pattern, replacement in [*masks, *MASKS]:
                text = re.sub(pattern, replacement, text, flags=re.M)
            lines = text.splitlines()
            results.append(lines if ordered else sorted(lines))
        return results

    @property
    def report(self):
        return ledger.TreeReport(os.path.join(self.case.reports, self.report_name))


class ServerCase(support.TestCase):
    """A test of programs in the virtual environment `venv_name`. Once per interpreter of venvs.bases():
    see `on_every_base`."""

    per_interpreter = False
    venv_name = "servers"

    def setUp(self):
        if self.interpreter is None:
            self.skipTest("no interpreter to make virtual environments with")
        self.venv = venvs.need(self.venv_name, self.interpreter) if self.venv_name else None
        super().setUp()
        ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
        self.addCleanup(ctypes.CDLL(None).prctl, PR_SET_CHILD_SUBREAPER, 0, 0, 0, 0)
        self.bystanders = set(descendants(os.getpid()))

    def environment(self, extra=None):
        env = super().environment(extra)
        if self.venv:
            env["PATH"] = self.venv + "/bin:" + env["PATH"]
        return env

    def lines(self, name):
        """The lines of a file that the program writes in its folder; none where it is not there yet."""
        try:
            with open(os.path.join(self.work, name), encoding="utf-8") as file:
                return file.read().splitlines()
        except FileNotFoundError:
            return []

    def remove(self, *names):
        """Removes files and folders of the program, if they are there."""
        for name in names:
            path = os.path.join(self.work, name)
            shutil.rmtree(path, ignore_errors=True)
            with contextlib.suppress(OSError):
                os.unlink(path)

    def change(self, name, text):
        """Gives a file of the program another content and a later time, for those who look at that."""
        path = os.path.join(self.work, name)
        later = os.stat(path).st_mtime + 5
        self.write(name + ".new", text)
        os.utime(path + ".new", (later, later))
        os.replace(path + ".new", path)

    def eventually(self, condition, what):
        deadline = time.monotonic() + PATIENCE
        while not condition():
            if time.monotonic() > deadline:
                self.fail(f"never: {what}")
            time.sleep(0.02)

    def orphans(self, run=None):
        """Living processes of a run whose parents are gone."""
        left = []
        for pid in children(os.getpid()):
            if (run is not None and pid == run.pid) or pid in self.bystanders:
                continue
            with contextlib.suppress(OSError):
                if os.waitpid(pid, os.WNOHANG) == (0, 0):
                    left.append(pid)
        return left

    def run_once(self, argv, scenario, traced, **kwargs):
        run = Run(self, argv, traced, **kwargs)
        try:
            run.facts = scenario(run) if scenario else None
            run.finish()
        finally:
            if not run.ended:
                run.kill()
        return run

    def compare(self, argv, scenario=None, masks=(), ordered=True, prepare=None, **kwargs):
        """Plays `scenario` to `argv` plain and traced, which must not differ; the traced Run.
        `{port}` in argv becomes the run's own port. `ordered=False`: the lines of several processes
        come in any order. `prepare()` puts the files of the program there, before each run."""
        def play(traced):
            if prepare:
                prepare()
            return self.run_once(argv, scenario, traced, **kwargs)

        try:
            plain = play(False)
        except AssertionError as error:
            # Servers fail by themselves now and then (a worker of celery that does not end, on a busy machine): that is
            # no fault of a tracer, and nothing to compare with.
            print(f"once more: {str(error).splitlines()[0]}", file=sys.stderr)
            plain = play(False)
        traced = play(True)
        self.assertEqual(plain.facts, traced.facts)
        self.assertEqual(plain.masked(masks, ordered), traced.masked(masks, ordered))
        self.assertEqual(plain.status, traced.status)
        return traced

    def check_tree(self, run, view=None, kinds=()):
        """The report's processes: all that were seen are there, every Python is traced, and each that
        answered requests has as many calls of the function `view`. The report."""
        report = run.report
        self.assertLessEqual(run.seen, report.pids(), "processes that are not in the ledger")
        missed = [process for process in report.processes
                  if ledger.is_python(process) and not process["traced"]]
        self.assertEqual([], missed)
        self.assertLessEqual(set(run.served), report.traced())
        if view is not None:
            called = report.called(view)
            self.assertEqual(dict(run.served), {pid: called.get(pid, 0) for pid in run.served})
            self.assertEqual(sum(run.served.values()), sum(called.values()))
        for kind in kinds:
            self.assertTrue(report.by_name(kind), f"no process named {kind}: {report.process_names}")
        return report


def on_every_base(case):
    """Class decorator: the tests of `case` once for each interpreter of venvs.bases()."""
    bases = venvs.bases()
    module = sys.modules[case.__module__]
    for base in bases[1:]:
        name = f"{case.__name__}_{base.name.replace('.', '_').replace('-', '_')}"
        setattr(module, name, type(name, (case,), {"interpreter": base, "__module__": case.__module__}))
    case.interpreter = bases[0] if bases else None
    return case
