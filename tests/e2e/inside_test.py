# SPDX-License-Identifier: Apache-2.0
"""A VizTracer in an ordinary process: a session that begins late, and what is left of it."""

import json
import os
import signal
import sys
import time
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))

import support

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

HEAD = """
import os, sys, threading, time
from viztracer_native import VizTracer
def work(n):
    return [leaf(i) for i in range(n)]
def leaf(i):
    return i
def before(): pass
def between(): pass
def after(): pass
"""

PLAIN = HEAD + """
before()
with VizTracer(output_file=sys.argv[1], verbose=0):
    work(3)
after()
"""

OPEN = HEAD + """
def outer():
    inner()
    after()
def inner():
    tracer.start()
    work(2)
gate, go = threading.Event(), threading.Event()
def waits():
    gate.set()
    go.wait()
    in_thread()
def in_thread(): pass
def generate():
    yield 1
    tracer_seen()
    yield 2
def tracer_seen(): pass
tracer = VizTracer(output_file=sys.argv[1], verbose=0)
thread = threading.Thread(target=waits)
thread.start()
gate.wait()
values = generate()
next(values)
outer()
next(values)
go.set()
thread.join()
tracer.stop()
tracer.save()
"""

TWICE = HEAD + """
tracer = VizTracer(output_file=sys.argv[1], verbose=0)
for name in ("first", "second"):
    tracer.start()
    work(2)
    tracer.stop()
    between()
    tracer.save(os.path.join(os.path.dirname(sys.argv[1]), name + ".json"))
if sys.version_info >= (3, 12):
    print([sys.monitoring.get_tool(i) for i in range(6)])
print(sys.getprofile(), threading.active_count(), len(os.listdir("/proc/self/fd")))
"""

MANY = HEAD + """
def left():
    with open("/proc/self/smaps_rollup") as file:
        anonymous = [int(line.split()[1]) for line in file if line.startswith("Pss_Anon")]
    with open("/proc/self/maps") as file:
        maps = len(file.readlines())
    return anonymous[0], maps, len(os.listdir("/proc/self/fd")), threading.active_count()
for n in range(60):
    tracer = VizTracer(output_file=sys.argv[1], verbose=0)
    tracer.start()
    work(3)
    tracer.stop()
    tracer.save()
    if n in (9, 59):
        print(*left())
"""

KILLED = HEAD + """
tracer = VizTracer(output_file=sys.argv[1], verbose=0)
tracer.start()
work(5)
print("ready", flush=True)
time.sleep(1000)
"""

PAUSED = HEAD + """
tracer = VizTracer(output_file=sys.argv[1], verbose=0)
def outer():
    work(1)
    tracer.stop()
    between()
    tracer.start()
    work(1)
tracer.start()
outer()
tracer.stop()
tracer.save()
"""


class Inside(support.TestCase):

    def setUp(self):
        super().setUp()
        self.output = os.path.join(self.reports, "inside.json")
        launcher = os.path.dirname(os.path.realpath(support.LAUNCHER))
        self.env = {"PYTHONPATH": os.path.join(ROOT, "python"), "PATH": launcher + ":" + os.environ["PATH"], "PYTHONDONTWRITEBYTECODE": "1"}

    def inside(self, text, **kwargs):
        run = self.run_argv([self.interpreter.path, self.write("x.py", text), self.output], env=self.env, **kwargs)
        self.assertEqual((run.status, run.stderr), (0, b""))
        return run

    def names(self, path=None):
        with open(path or self.output, encoding="utf-8") as file:
            self.data = json.load(file)
        return [one["name"].split(" ")[0] for one in self.data["traceEvents"] if one["ph"] in "XB"]

    def test_what_runs_in_its_block_is_recorded(self):
        self.inside(PLAIN)
        names = self.names()
        self.assertEqual((1, 3), (names.count("work"), names.count("leaf")))
        self.assertEqual([], [name for name in names if name in ("before", "after") or "viztracer" in name])

    def test_what_is_open_begins_with_the_recording(self):
        self.inside(OPEN)
        names = self.names()
        for name in ("<module>", "outer", "inner", "after", "generate", "waits", "in_thread"):
            self.assertEqual(1, names.count(name), name)
        calls = {one["name"].split(" ")[0]: one for one in self.data["traceEvents"] if one["ph"] == "X"}
        self.assertLess(calls["inner"]["ts"] + calls["inner"]["dur"], calls["outer"]["ts"] + calls["outer"]["dur"])
        self.assertEqual(0, self.data["viztracer_native"]["stray_ends"])

    def test_again_and_again_and_nothing_stays(self):
        run = self.inside(TWICE)
        for name in ("first", "second"):
            names = self.names(os.path.join(self.reports, name + ".json"))
            self.assertEqual((1, 2, 0), (names.count("work"), names.count("leaf"), names.count("between")), name)
        lines = run.stdout.decode().splitlines()
        if len(lines) > 1:
            self.assertEqual("[None, None, None, None, None, None]", lines[0])
        self.assertTrue(lines[-1].startswith("None 1 "), lines)
        self.assertFalse(os.path.exists(self.output), "who stopped has saved what he wanted")

    def test_many_sessions_leave_no_more_than_few(self):
        few, many = (tuple(map(int, line.split())) for line in self.inside(MANY).stdout.splitlines())
        # The interpreter's own pools grow by a page now and then; a mapping may be parted in two.
        self.assertLess(many[0] - few[0], 400, "kilobytes")
        self.assertLessEqual(abs(many[1] - few[1]), 2, "mappings")
        self.assertEqual(few[2:], many[2:], "descriptors, threads")

    def test_a_report_after_a_kill(self):
        process = self.spawn([self.interpreter.path, self.write("x.py", KILLED), self.output], env=self.env)
        self.addCleanup(process.stdout.close)
        self.addCleanup(process.stderr.close)
        self.assertEqual(b"ready\n", process.stdout.readline())
        process.send_signal(signal.SIGKILL)
        process.wait()
        deadline = time.monotonic() + support.TIMEOUT
        while not os.path.exists(self.output) and time.monotonic() < deadline:
            time.sleep(0.05)
        names = self.names()
        self.assertEqual((1, 5, 1), (names.count("work"), names.count("leaf"), names.count("<module>")))

    def test_a_stop_and_a_start_in_a_call_leave_it_open(self):
        self.inside(PAUSED)
        names = self.names()
        self.assertEqual((2, 2, 0, 2), tuple(names.count(name) for name in ("work", "outer", "between", "<module>")),
                         "what is open is two slices with a gap between them")


if __name__ == "__main__":
    unittest.main()
