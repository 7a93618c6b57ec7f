# SPDX-License-Identifier: Apache-2.0
"""The frame of the package's tests: the fake recorder beneath it, and a launcher that says what it was asked for.

These files run under each supported Python by `python3 -m unittest FILE`, with nothing built.
"""

import json
import os
import sys
import tempfile
import textwrap
import threading
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
PACKAGES = os.path.join(os.path.dirname(os.path.dirname(HERE)), "python")
sys.path[:0] = [HERE, PACKAGES]

from fake_native import RECORDING, fake  # noqa: E402

LAUNCHER = """
    #!{python} -IS
    import json, os, sys
    words = sys.argv[1:]
    with open({log!r}, "a") as file:
        file.write(json.dumps([words, os.environ.get("VIZTRACER_NATIVE"), sys.stdin.read()]) + "\\n")
    if os.path.exists({refusal!r}):
        sys.exit("viztracer-native: " + open({refusal!r}).read())
    for option, output in zip(words, words[1:]):
        if option == "-o":
            with open(output, "w") as file:
                told = {summary!r} if output.endswith(".summary.json") else {report!r}
                file.write(open(told).read() if output.endswith(".json") else "report " + output)
    """

REPORT = {
    "traceEvents": [
        {"ph": "M", "name": "process_name", "pid": 1, "tid": 1, "args": {"name": "x"}},
        {"ph": "X", "name": "f (x.py:1)", "ts": 1.5, "dur": 2.25, "pid": 1, "tid": 1},
        {"ph": "i", "name": "mark", "ts": 2.0, "pid": 1, "tid": 1},
    ],
    "viztracer_metadata": {"version": "0.1.0"},
}


def function(name, file, line, calls, own_ns, total_ns):
    """As a .summary.json has it."""
    return {"name": name, "file": file, "line": line, "calls": calls, "own_ns": own_ns, "total_ns": total_ns}


# One thread of this process and one that it has not, so that has been begun since.
SUMMARY = {
    "lost_events": 0,
    "processes": [{"threads": [
        {"tid": threading.get_native_id(), "functions": [
            function("work", "/app/x.py", 3, 2, 2_340_000, 52_800_000), function("time.sleep", None, 0, 1, 50_460_000, 50_460_000)]},
        {"tid": 1 << 40, "functions": [function("work", "/app/x.py", 3, 10, 999, 999)]},
    ]}],
}


class Case(unittest.TestCase):
    maxDiff = None

    def setUp(self):
        from viztracer_native import session

        fake.reset()
        session._begun_by, session._begun_with, session._tracer_of_run = None, [], None
        session._running.clear()
        session.set_global(None)
        self.addCleanup(session.set_global, None)
        folder = tempfile.TemporaryDirectory(prefix="vtn-python-")
        self.addCleanup(folder.cleanup)
        self.folder = os.path.realpath(folder.name)
        self.addCleanup(os.chdir, os.getcwd())
        os.chdir(self.folder)
        self.log, self.refusal = self.path("log"), self.path("refusal")
        fake.launcher = self.write("launcher", textwrap.dedent(LAUNCHER).strip().format(
            python=sys.executable, log=self.log, refusal=self.refusal, report=self.write("report", json.dumps(REPORT)),
            summary=self.write("summary", json.dumps(SUMMARY))))
        os.chmod(fake.launcher, 0o755)

    def tearDown(self):
        self.assertEqual({}, {thread: count for thread, count in fake.muted.items() if count}, "a thread stayed muted")

    def path(self, name):
        return os.path.join(self.folder, name)

    def write(self, name, text):
        with open(self.path(name), "w", encoding="utf-8") as file:
            file.write(text)
        return self.path(name)

    def read(self, name):
        with open(self.path(name), encoding="utf-8") as file:
            return file.read()

    def in_run(self, **settings):
        """From here on this process is recorded by a command."""
        from viztracer_native import session

        launcher = fake.launcher
        fake.reset(RECORDING, settings)
        fake.launcher, session._begun_by = launcher, None

    def refuse(self, line):
        self.write("refusal", line)

    def launched(self):
        """What the launcher was run with: [(words, VIZTRACER_NATIVE, stdin), ...]."""
        if not os.path.exists(self.log):
            return []
        return [tuple(json.loads(line)) for line in self.read("log").splitlines()]

    def words(self):
        """Those of the one run of the launcher."""
        runs = self.launched()
        self.assertEqual(1, len(runs), runs)
        return runs[0][0]

    def after(self, words, option):
        return [value for name, value in zip(words, words[1:]) if name == option]


def drive(coroutine):
    """Runs it to its end; each thing that it awaits is answered by itself."""
    try:
        value = coroutine.send(None)
        while True:
            value = coroutine.send(value)
    except StopIteration as stop:
        return stop.value
