# SPDX-License-Identifier: Apache-2.0
"""--attach: a process that runs already is recorded for a while, and is none the worse for it."""

import json
import os
import random
import signal
import subprocess
import sys
import threading
import time
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))

import support

KILLS = 25

# Says when it is ready, and ends when a line comes: `how` it spends its time meanwhile.
TARGET = """
import sys, threading, time, select
def leaf(n):
    return n
def work():
    for i in range(20):
        leaf(i)
def busy(stop):
    while not stop():
        work()
def sleepy(stop):
    while not stop():
        work()
        time.sleep(0.01)
def polls(stop):
    while not stop():
        work()
        select.select([], [], [], 0.01)
def locked(stop):
    lock = threading.Lock()
    lock.acquire()
    while not stop():
        work()
        lock.acquire(timeout=0.01)
def joins(stop):
    thread = threading.Thread(target=busy, args=(stop,), name="worker")
    thread.start()
    thread.join()
ended = []
def wait_for_line():
    sys.stdin.readline()
    ended.append(True)
print("ready", flush=True)
threading.Thread(target=wait_for_line, daemon=True).start()
globals()[sys.argv[1]](lambda: ended)
print("done", threading.active_count() - threading.active_count(), sys.getprofile(), flush=True)
if sys.version_info >= (3, 12) and len(sys.argv) < 3:
    assert [sys.monitoring.get_tool(i) for i in range(6)] == [None] * 6
sys.exit(7)
"""

WITH_CHILD = """
import subprocess, sys
child = subprocess.Popen([sys.executable, sys.argv[1], "sleepy"], stdin=subprocess.PIPE)
sys.stdin.readline()
child.communicate(b"\\n")
"""


class Attach(support.TestCase):
    def target(self, how, program=None, *words):
        process = self.spawn([self.interpreter.path, program or self.write("target.py", TARGET), how, *words], stdin=subprocess.PIPE)
        self.addCleanup(process.wait)
        self.addCleanup(lambda: process.poll() is None and process.kill())
        for one in (process.stdin, process.stdout, process.stderr):
            self.addCleanup(one.close)
        self.assertEqual(b"ready\n", process.stdout.readline())
        return process

    def attach(self, process, *options, name="r.json", status=0):
        output = os.path.join(self.reports, name)
        run = self.run_argv([support.LAUNCHER, "--attach", str(process.pid), "-o", output, *options])
        self.assertEqual(status, run.status, run.stderr)
        self.said = run.stderr.decode()
        if status != 0:
            return None
        with open(output, encoding="utf-8") as file:
            return json.load(file)

    def end(self, process):
        stdout, stderr = process.communicate(b"\n", timeout=support.TIMEOUT)
        self.assertEqual((7, b"done 0 None\n", b""), (process.returncode, stdout, stderr))

    def names(self, data):
        return [one["name"].split(" ")[0] for one in data["traceEvents"] if one["ph"] in "XB"]

    def test_however_it_spends_its_time(self):
        for how in ("busy", "sleepy", "polls", "locked", "joins"):
            with self.subTest(how):
                process = self.target(how)
                data = self.attach(process, "-t", "0.3")
                self.end(process)
                names = self.names(data)
                self.assertGreater(names.count("leaf"), 20)
                self.assertEqual(1, names.count("<module>"), "what was open before is open from the start on")
                self.assertLessEqual(abs(names.count("work") * 20 - names.count("leaf")), 40)
                self.assertEqual(0, data["viztracer_native"]["stray_ends"])
                self.assertEqual(int, type(data["viztracer_native"]["calls"]))
                self.assertNotIn("libvtn", " ".join(self.said.split("\n")[1:]))

    def test_ctrl_c_ends_it_and_not_the_process(self):
        process = self.target("sleepy")
        output = os.path.join(self.reports, "c.json")
        attached = self.spawn([support.LAUNCHER, "--attach", str(process.pid), "-o", output])
        self.addCleanup(attached.stdout.close)
        self.addCleanup(attached.stderr.close)
        line = attached.stderr.readline().decode()
        self.assertIn(f"recording process {process.pid} (", line)
        attached.send_signal(signal.SIGINT)
        self.assertEqual(0, attached.wait(support.TIMEOUT))
        self.end(process)
        with open(output, encoding="utf-8") as file:
            self.assertIn("<module>", self.names(json.load(file)))

    def test_the_command_is_killed(self):
        """By SIGKILL, anywhere from its start to its recording: the process goes on, and can be attached to again."""
        for how in ("busy", "sleepy"):
            with self.subTest(how):
                process = self.target(how)
                began = time.monotonic()
                self.attach(process, "-t", "0.1")
                took = time.monotonic() - began
                for number in range(KILLS):
                    output = os.path.join(self.reports, "killed.json")
                    attached = subprocess.Popen([support.LAUNCHER, "--attach", str(process.pid), "-o", output],
                                                stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                                                stderr=subprocess.DEVNULL)
                    time.sleep(random.random() * took)
                    attached.kill()
                    attached.wait()
                    self.assertIsNone(process.poll(), number)
                self.assertIn("leaf", self.names(self.attach(process, "-t", "0.2")))
                self.end(process)

    def test_again_and_again(self):
        """L-ATTACHED: what stays does not grow."""
        process = self.target("sleepy")
        descriptors = lambda: len(os.listdir(f"/proc/{process.pid}/fd"))
        before, memory = descriptors(), []
        for number in range(12):
            options = ("--log_func_args",) if number % 3 == 1 else ("--ignore_c_function",) if number % 3 == 2 else ()
            output = os.path.join(self.reports, f"r{number}.json")
            run = self.run_argv([support.LAUNCHER, "--attach_installed", str(process.pid), "-t", "0.1", "-o", output, *options])
            self.assertEqual(0, run.status, run.stderr)
            with open(output, encoding="utf-8") as file:
                data = json.load(file)
            names = self.names(data)
            self.assertIn("leaf", names, number)
            self.assertEqual(1, names.count("<module>"), number)
            calls = [one for one in data["traceEvents"] if one["name"].startswith("leaf (")]
            self.assertEqual(number % 3 == 1, all("func_args" in one.get("args", {}) for one in calls), number)
            self.assertEqual(number % 3 == 2, not any(name == "time.sleep" for name in names), number)
            with open(f"/proc/{process.pid}/statm", encoding="ascii") as file:
                memory.append(int(file.read().split()[1]) * 4)
        self.assertEqual(before, descriptors())
        self.assertLess(memory[-1] - memory[2], 600, f"kB resident: {memory}")
        with open(f"/proc/{process.pid}/maps", encoding="ascii") as file:
            self.assertNotIn("enter.so", file.read())
        self.end(process)

    def test_a_process_that_ends_ends_it(self):
        process = self.target("sleepy", None, "recorded at its end")
        timer = threading.Timer(0.3, lambda: (process.stdin.write(b"\n"), process.stdin.flush()))
        timer.start()
        data = self.attach(process)
        timer.join()
        self.assertEqual(7, process.wait(support.TIMEOUT))
        self.assertIn("leaf", self.names(data))

    def test_what_cannot_be_is_said_in_a_line(self):
        for words, why in (([support.LAUNCHER, "--attach", "4194304"], "4194304"), ([support.LAUNCHER, "--attach", "x"], "x"),
                           ([support.LAUNCHER, "--attach", "1", "prog.py"], "leave prog.py out")):
            run = self.run_argv(words)
            self.assertNotEqual(0, run.status)
            self.assertEqual(1, len(run.stderr.splitlines()), run.stderr)
            self.assertIn(why, run.stderr.decode())
        self.assertEqual(0, self.run_argv([support.LAUNCHER, "--uninstall", "1"]).status)

    def test_with_the_python_processes_below_it(self):
        target = self.write("target.py", TARGET)
        process = self.spawn([self.interpreter.path, self.write("parent.py", WITH_CHILD), target], stdin=subprocess.PIPE)
        self.addCleanup(process.wait)
        self.addCleanup(lambda: process.poll() is None and process.kill())
        for one in (process.stdin, process.stdout, process.stderr):
            self.addCleanup(one.close)
        self.assertEqual(b"ready\n", process.stdout.readline())
        data = self.attach(process, "-t", "0.3", "--tree")
        process.communicate(b"\n", timeout=support.TIMEOUT)
        self.assertEqual(0, process.returncode)
        pids = {one["pid"] for one in data["traceEvents"] if one["ph"] in "XB"}
        self.assertEqual(2, len(pids))


if __name__ == "__main__":
    unittest.main()
