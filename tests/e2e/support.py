# SPDX-License-Identifier: Apache-2.0
"""The frame of the end-to-end tests: runs a program plain and traced, reads the report, compares.

A test derives from TestCase and runs once per interpreter (`self.interpreter`), in a folder of its
own (`self.folder`), with a `python3` of that interpreter first on PATH.
"""

import dataclasses
import fcntl
import json
import os
import re
import select
import shutil
import signal
import subprocess
import tempfile
import termios
import textwrap
import time
import unittest

from terminals import open_terminal

LAUNCHER = os.environ.get("VIZTRACER_NATIVE", "viztracer-native")
PROGRAMS = os.path.join(os.path.dirname(os.path.abspath(__file__)), "programs")
TIMEOUT = 60
DEEP_TID = 0x5000_0000  # made-up thread ids of the report: what lies deeper than 512 calls


@dataclasses.dataclass
class Outcome:
    status: int  # as subprocess has it: negative for a signal
    stdout: bytes
    stderr: bytes
    folder: str = None
    report_name: str = None

    @property
    def report_path(self):
        return os.path.join(self.folder, self.report_name)

    @property
    def report(self):
        return Report(self.report_path)

    def parity_key(self):
        """What must be as plain. Addresses of objects differ from run to run, traced or not."""
        strip = lambda data: re.sub(rb"0x[0-9a-f]{5,16}\b", b"0x...", data or b"")
        return self.status, strip(self.stdout), strip(self.stderr)


class Nanoseconds(int):
    """A time of the report. Its JSON counts microseconds, with three decimals."""

    @classmethod
    def parse(cls, text):
        whole, _, fraction = text.partition(".")
        if "e" in text.lower() or len(fraction) > 3:
            raise ValueError(f"not a time in whole nanoseconds: {text}")
        return cls(int(whole) * 1000 + int((fraction + "000")[:3]))


def nanoseconds(value):
    return value if isinstance(value, Nanoseconds) else Nanoseconds(value * 1000)


class Call:
    """A call of the report. `end` is None where it is drawn open; `unfinished`: it never returned."""

    __slots__ = ("name", "start", "end", "children", "category", "unfinished")

    def __init__(self, name, start, end, category, unfinished):
        self.name, self.start, self.end, self.category = name, start, end, category
        self.children, self.unfinished = [], unfinished

    @property
    def is_python(self):
        return self.name.endswith(")") and " (" in self.name

    @property
    def function(self):
        """The name without the place: `f` of `f (x.py:3)`."""
        return self.name.rsplit(" (", 1)[0] if self.is_python else self.name

    @property
    def file(self):
        return self.name.rsplit(" (", 1)[1].rsplit(":", 1)[0] if self.is_python else None

    def walk(self):
        pending = [self]
        while pending:
            call = pending.pop()
            yield call
            pending.extend(reversed(call.children))

    def __repr__(self):
        return f"<{self.name}: {len(self.children)}>"


class Report:
    """result.json, checked while it is read."""

    def __init__(self, path):
        self.path = path
        with open(path, encoding="utf-8") as file:
            self.data = json.load(file, parse_float=Nanoseconds.parse)
        self.events = self.data["traceEvents"]
        self.metadata = self.data["viztracer_metadata"]
        self.process_names, self.thread_names = {}, {}
        calls = {}
        for event in self.events:
            phase = event["ph"]
            if phase == "M":
                names = {"process_name": self.process_names, "thread_name": self.thread_names}
                key = event["pid"] if event["name"] == "process_name" else (event["pid"], event["tid"])
                if event["name"] in names:
                    names[event["name"]][key] = event["args"]["name"]
            elif phase in ("X", "B"):
                start = nanoseconds(event["ts"])
                end = start + nanoseconds(event["dur"]) if phase == "X" else None
                unfinished = end is None or "unfinished" in event.get("args", ())
                calls.setdefault((event["pid"], event["tid"]), []).append(
                    Call(event["name"], start, end, event.get("cat"), unfinished))
        self.threads = {key: self._nest(key, found) for key, found in calls.items()}

    @staticmethod
    def _nest(key, calls):
        """The calls of a thread as a forest. Perfetto's rules: starts differ, children lie inside."""
        forever = 1 << 63
        calls.sort(key=lambda call: (call.start, -(forever if call.end is None else call.end)))
        roots, stack, last = [], [], -1
        for call in calls:
            assert call.start > last, f"{key}: two calls start at {call.start}: {call.name}"
            assert call.end is None or call.end > call.start, f"{key}: {call.name} takes no time"
            last = call.start
            while stack and stack[-1].end is not None and stack[-1].end <= call.start:
                stack.pop()
            if stack and stack[-1].end is not None:
                assert call.end is not None and call.end <= stack[-1].end, \
                    f"{key}: {call.name} ends after its parent {stack[-1].name}"
            (stack[-1].children if stack else roots).append(call)
            stack.append(call)
            assert len(stack) <= 512, f"{key}: deeper than 512"
        return roots

    def calls(self):
        for roots in self.threads.values():
            for root in roots:
                yield from root.walk()

    def named(self, function):
        """Every call of `function`: bare name of a Python function, full name of a C one."""
        return [call for call in self.calls() if call.function == function]

    def one(self, function):
        found = self.named(function)
        assert len(found) == 1, f"{len(found)} calls of {function} in {self.path}"
        return found[0]

    def thread_of(self, function):
        for key, roots in self.threads.items():
            if any(call.function == function for root in roots for call in root.walk()):
                return key
        raise AssertionError(f"no call of {function}")


class TestCase(unittest.TestCase):
    """Runs on every interpreter; on one for each way of recording where a class says `each_way_only`."""

    per_interpreter = True
    each_way_only = False
    interpreter = None

    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix="e2e-")
        self.addCleanup(self.clean)
        os.chmod(self.folder, 0o755)
        self.bin = os.path.join(self.folder, "bin")
        os.mkdir(self.bin)
        os.symlink(self.interpreter.path, os.path.join(self.bin, "python3"))
        self.work = os.path.join(self.folder, "work")
        os.mkdir(self.work)
        self.reports = os.path.join(self.folder, "reports")
        os.mkdir(self.reports)
        self.report_count = 0

    def clean(self):
        """Takes away the test's folder, and what runs that were killed left in shared memory."""
        shared = f"/dev/shm/vtn-{os.geteuid()}"
        for name in os.listdir(shared) if os.path.isdir(shared) else []:
            session = os.path.join(shared, name)
            if os.path.realpath(os.path.join(session, "spool")).startswith(self.folder + "/"):
                shutil.rmtree(session, ignore_errors=True)
        shutil.rmtree(self.folder, ignore_errors=True)

    # -- programs

    def write(self, name, text, mode=0o644):
        """Writes a file of the program under test; returns its path."""
        path = os.path.join(self.work, name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w", encoding="utf-8") as file:
            file.write(textwrap.dedent(text).lstrip("\n"))
        os.chmod(path, mode)
        return path

    def environment(self, extra=None):
        env = {name: value for name, value in os.environ.items()
               if not name.startswith(("VIZTRACER_NATIVE", "MESON", "VTN_"))}
        env["PATH"] = self.bin + ":/usr/local/bin:/usr/bin:/bin"
        env.update(extra or {})
        return {name: value for name, value in env.items() if value is not None}

    # -- running

    def spawn(self, argv, env=None, cwd=None, stdin=subprocess.DEVNULL, **kwargs):
        kwargs.setdefault("stdout", subprocess.PIPE)
        kwargs.setdefault("stderr", subprocess.PIPE)
        kwargs.setdefault("start_new_session", True)
        return self.interpreter.popen(argv, env=self.environment(env), cwd=cwd or self.work,
                                      stdin=stdin, **kwargs)

    def finish(self, process, timeout=TIMEOUT, data=None):
        try:
            stdout, stderr = process.communicate(data, timeout=timeout)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            stdout, stderr = process.communicate()
            self.fail(f"no end after {timeout} s: {process.args}\n{stdout!r}\n{stderr!r}")
        return Outcome(process.returncode, stdout, stderr)

    def run_argv(self, argv, data=None, timeout=TIMEOUT, **kwargs):
        if data is not None:
            kwargs["stdin"] = subprocess.PIPE
        return self.finish(self.spawn(argv, **kwargs), timeout, data)

    def plain(self, *args, **kwargs):
        """`python3 args...`"""
        return self.run_argv(["python3", *args], **kwargs)

    def launcher_argv(self, *args, options=("--quiet",), report="result.json"):
        self.report_count += 1
        name = f"{self.report_count}-{report}"
        return [LAUNCHER, *options, "-o", os.path.join(self.reports, name), *args], name

    def traced(self, *args, options=("--quiet",), report="result.json", **kwargs):
        """`viztracer-native args...`; the report lies in a folder that the program does not see."""
        argv, name = self.launcher_argv(*args, options=options, report=report)
        outcome = self.run_argv(argv, **kwargs)
        outcome.folder, outcome.report_name = self.reports, name
        return outcome

    # -- judging

    def parity(self, *args, program=None, same=Outcome.parity_key, **kwargs):
        """Runs `python3 args` and `viztracer-native args`, which must not differ. The traced outcome.

        `program`: the same as a command, where the traced form is not simply what follows python3.
        """
        plain = self.plain(*args, **kwargs)
        traced = self.traced(*(program or args), **kwargs)
        self.assertEqual(same(plain), same(traced))
        traced.report  # must be readable, and keep Perfetto's rules
        return traced


class Terminal:
    """A program on a pseudo-terminal of its own, as its controlling terminal."""

    def __init__(self, test, argv, env=None, cwd=None):
        self.master, slave = open_terminal()
        self.output = b""

        def take_terminal():
            os.setsid()
            fcntl.ioctl(0, termios.TIOCSCTTY, 0)

        self.process = test.interpreter.popen(
            argv, preexec_fn=take_terminal, env=test.environment(env), cwd=cwd or test.work,
            stdin=slave, stdout=slave, stderr=slave)
        os.close(slave)
        test.addCleanup(self.close)

    def read(self, until=None, timeout=20):
        """Reads up to the bytes `until`, or the end of the program."""
        start, deadline = len(self.output), time.monotonic() + timeout
        while until is None or until not in self.output[start:]:
            left = deadline - time.monotonic()
            if left <= 0:
                raise AssertionError(f"no {until!r} in {self.output[start:]!r}")
            if select.select([self.master], [], [], left)[0]:
                try:
                    data = os.read(self.master, 65536)
                except OSError:  # EIO: the last holder of the slave is gone
                    data = b""
                if not data:
                    break
                self.output += data
        return self.output[start:]

    def type(self, data):
        os.write(self.master, data)

    def wait(self, timeout=20):
        return self.process.wait(timeout)

    def close(self):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        if self.master is not None:
            os.close(self.master)
            self.master = None
