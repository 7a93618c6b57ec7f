# SPDX-License-Identifier: Apache-2.0
"""What the tests of the supervisor share: launchers to send signals to, and a look at processes."""

import contextlib
import glob
import json
import os
import shutil
import signal
import subprocess
import tempfile
import time
import unittest

LAUNCHER = os.environ["VIZTRACER_NATIVE"]
PATIENCE = 20  # seconds: a hang is a failure, slowness is not

COUNTER = """
import signal, sys, time
names = sys.argv[1].split(",")
counts = dict.fromkeys(names, 0)
def count(number, frame):
    counts[signal.Signals(number).name] += 1
for name in names:
    signal.signal(getattr(signal, name), count)
print("ready", flush=True)
sys.stdin.readline()
print(*(f"{name}={number}" for name, number in counts.items()), flush=True)
"""


def launcher(*arguments):
    return [LAUNCHER, "--quiet", *arguments]


def state(pid):
    """The letter of /proc/PID/stat, or None where the process has gone."""
    try:
        with open(f"/proc/{pid}/stat", encoding="utf-8", errors="replace") as file:
            return file.read().rpartition(")")[2].split()[0]
    except OSError:
        return None


def gone(pid):
    return state(pid) in (None, "Z", "X")


def children(pid):
    found = []
    for path in glob.glob(f"/proc/{pid}/task/*/children"):
        with contextlib.suppress(OSError), open(path, encoding="utf-8") as file:
            found += [int(word) for word in file.read().split()]
    return found


def comm(pid):
    with contextlib.suppress(OSError), open(f"/proc/{pid}/comm", encoding="utf-8") as file:
        return file.read().strip()
    return ""


class SupervisorCase(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix="vtn-supervisor-")
        self.addCleanup(shutil.rmtree, self.folder, ignore_errors=True)
        self.addCleanup(self.remove_sessions)
        self.counter = os.path.join(self.folder, "counter.py")
        with open(self.counter, "w", encoding="utf-8") as file:
            file.write(COUNTER)

    def sessions(self):
        """The session folders of launchers that wrote to this test's folder."""
        return [folder for folder in glob.glob(f"/dev/shm/vtn-{os.getuid()}/*")
                if os.path.realpath(folder + "/spool").startswith(os.path.realpath(self.folder))]

    def calls(self, report, function):
        """How many calls of a Python function the JSON report of that name has."""
        with open(os.path.join(self.folder, report), encoding="utf-8") as file:
            events = json.load(file)["traceEvents"]
        return sum(event["ph"] in "XB" and event["name"].startswith(function + " (")
                   for event in events)

    def remove_sessions(self):
        """What launchers left that were killed on purpose."""
        for folder in self.sessions():
            shutil.rmtree(folder, ignore_errors=True)

    def eventually(self, condition, what):
        end = time.monotonic() + PATIENCE
        while not condition():
            if time.monotonic() > end:
                self.fail(f"never: {what}")
            time.sleep(0.01)

    def run_plain_and_ours(self, command, **options):
        options.setdefault("timeout", PATIENCE)
        results = []
        for prefix in ([], launcher("--")):
            done = subprocess.run(prefix + command, cwd=self.folder, capture_output=True, text=True,
                                  check=False, **options)
            results.append((done.returncode, done.stdout, done.stderr))
        return results

    def assert_same(self, command, **options):
        plain, ours = self.run_plain_and_ours(command, **options)
        self.assertEqual(plain, ours)
        return ours

    def start(self, *arguments, **options):
        """A launcher in a process group of its own; ended with the test, whatever happens."""
        return self.start_command(launcher(*arguments), **options)

    def start_command(self, command, **options):
        process = subprocess.Popen(command, cwd=self.folder, stdin=subprocess.PIPE,
                                   stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                                   start_new_session=True, **options)

        def end():
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.kill()
            process.communicate()

        self.addCleanup(end)
        return process

    def program_of(self, process, name="python"):
        """The program's pid: the launcher's child that is neither of its own processes."""
        found = []

        def look():
            found[:] = [pid for pid in children(process.pid)
                        if comm(pid).startswith(name) and not gone(pid)]
            return found

        self.eventually(look, f"{name} starts")
        return found[0]

    def collector_of(self, process):
        found = []

        def look():
            found[:] = [pid for pid in children(process.pid)
                        if comm(pid) == "vtn-collector" and not gone(pid)]
            return found

        self.eventually(look, "the collector starts")
        return found[0]
