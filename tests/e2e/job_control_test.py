# SPDX-License-Identifier: Apache-2.0
"""The supervisor under a shell on a terminal: keys, jobs, foreground and background."""

import contextlib
import glob
import os
import re
import select
import shutil
import signal
import sys
import time
import unittest

from processes import LAUNCHER, PATIENCE, SupervisorCase, gone, launcher
from terminals import fork_on_terminal

PYTHON = sys.executable


class Terminal:
    """A shell on a pseudo-terminal."""

    def __init__(self, shell, folder):
        self.pid, self.fd = fork_on_terminal()
        if self.pid == 0:
            os.chdir(folder)
            os.environ.update(PS1="PROMPT$ ", TERM="dumb", HISTFILE="/dev/null")
            os.environ.pop("ENV", None)
            os.execvp(shell[0], shell)
        self.until(r"PROMPT\$ $")

    def until(self, pattern, seconds=PATIENCE):
        """Reads until the text so far matches; returns it."""
        end = time.monotonic() + seconds
        text = ""
        while not re.search(pattern, text):
            left = end - time.monotonic()
            if left <= 0 or not select.select([self.fd], [], [], left)[0]:
                raise AssertionError(f"{pattern!r} did not come: {text!r}")
            try:
                text += os.read(self.fd, 65536).decode(errors="replace")
            except OSError as error:
                raise AssertionError(f"the terminal closed: {text!r}") from error
        return text

    def quiet(self, seconds):
        """What comes within that time."""
        end = time.monotonic() + seconds
        text = ""
        while (left := end - time.monotonic()) > 0 and select.select([self.fd], [], [], left)[0]:
            text += os.read(self.fd, 65536).decode(errors="replace")
        return text

    def send(self, text):
        os.write(self.fd, text.encode())

    def command(self, text):
        self.send(text + "\n")
        return self.until(r"\nPROMPT\$ $")

    def close(self):
        with contextlib.suppress(OSError):
            os.close(self.fd)
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.pid, signal.SIGKILL)
        os.waitpid(self.pid, 0)


LOOP = """
import os, signal, sys, time
n = 0
def interrupted(*_):
    global n
    n += 1
    os.write(1, b"INT %d\\n" % n)  # print may be what is interrupted
    if n == 2:
        sys.exit(9)
if "catch" in sys.argv:
    signal.signal(signal.SIGINT, interrupted)
if "ignore" in sys.argv:
    signal.signal(signal.SIGTSTP, signal.SIG_IGN)
if "cont" in sys.argv:
    signal.signal(signal.SIGCONT, lambda *_: os.write(1, b"CONT\\n"))
print("ready", flush=True)
end = time.monotonic() + 60
while time.monotonic() < end:
    time.sleep(0.02)
"""


class JobControl:
    """Run with each shell below."""

    shell = None

    def setUp(self):
        super().setUp()
        if shutil.which(self.shell[0]) is None:
            self.skipTest(f"{self.shell[0]} is not installed")
        with open(os.path.join(self.folder, "loop.py"), "w", encoding="utf-8") as file:
            file.write(LOOP)
        self.terminal = Terminal(self.shell, self.folder)
        self.addCleanup(self.terminal.close)
        self.loop = " ".join([*launcher(), "loop.py"])

    def test_one_interrupt_is_one_keyboard_interrupt(self):
        self.terminal.send(self.loop + "\n")
        self.terminal.until("ready")
        self.terminal.send("\x03")
        text = self.terminal.until(r"PROMPT\$ $")
        self.assertEqual(text.count("KeyboardInterrupt"), 1, text)
        self.assertIn("rc=130", self.terminal.command("echo rc=$?"))

    def test_the_quit_key_kills(self):
        self.terminal.send(self.loop + "\n")
        self.terminal.until("ready")
        self.terminal.send("\x1c")
        self.terminal.until(r"PROMPT\$ $")
        self.assertIn("rc=131", self.terminal.command("echo rc=$?"))

    def test_each_interrupt_is_counted_once(self):
        self.terminal.send(self.loop + " catch\n")
        self.terminal.until("ready")
        self.terminal.send("\x03")
        text = self.terminal.until("INT 1") + self.terminal.quiet(0.3)
        self.assertNotIn("INT 2", text)
        self.terminal.send("\x03")
        self.assertIn("INT 2", self.terminal.until(r"PROMPT\$ $"))
        self.assertIn("rc=9", self.terminal.command("echo rc=$?"))

    def test_stop_foreground_and_background(self):
        self.terminal.send(self.loop + " cont\n")
        self.terminal.until("ready")
        self.terminal.send("\x1a")
        self.terminal.until(r"PROMPT\$ $")
        self.assertIn("topped", self.terminal.command("jobs"))
        self.terminal.send("fg\n")
        text = self.terminal.until("CONT") + self.terminal.quiet(0.3)
        self.assertEqual(text.count("CONT"), 1, text)
        self.terminal.send("\x1a")
        self.terminal.until(r"PROMPT\$ $")
        self.terminal.send("bg\n")
        self.terminal.until("CONT")
        self.terminal.send("fg\n")
        self.terminal.quiet(0.3)
        self.terminal.send("\x03")
        self.assertIn("KeyboardInterrupt", self.terminal.until(r"PROMPT\$ $"))

    def test_a_program_that_ignores_the_stop_key_is_not_stopped(self):
        self.terminal.send(self.loop + " ignore\n")
        self.terminal.until("ready")
        self.terminal.send("\x1a")
        self.assertNotIn("PROMPT", self.terminal.quiet(0.5))
        self.terminal.send("\x03")
        self.terminal.until(r"PROMPT\$ $")

    def test_reading_the_terminal_from_the_background_stops(self):
        self.terminal.send(" ".join(launcher("-c")) + " 'print(input())' &\n")
        self.terminal.quiet(1.0)
        end = time.monotonic() + PATIENCE
        while "topped" not in self.terminal.command("jobs"):
            self.assertLess(time.monotonic(), end, "the job is never stopped")
        self.terminal.send("fg\n")
        self.terminal.quiet(0.3)
        self.terminal.send("hello\n")
        self.terminal.until(r"hello\s+hello\s+PROMPT\$ $")

    def test_a_pipeline_is_interrupted_whole(self):
        self.terminal.send(self.loop + " | cat\n")
        self.terminal.until("ready")
        self.terminal.send("\x03")
        self.terminal.until(r"PROMPT\$ $")

    def test_a_pipeline_of_two_launchers_is_interrupted_once_each(self):
        other = " ".join(launcher("-o", "other.json"))
        self.terminal.send(f"{self.loop} >&2 | {other} loop.py\n")
        self.terminal.until(r"ready[\s\S]*ready")
        self.terminal.send("\x03")
        text = self.terminal.until(r"PROMPT\$ $")
        self.assertEqual(text.count("KeyboardInterrupt"), 2, text)

    def test_stopped_and_killed_it_is_gone(self):
        self.terminal.send(self.loop + "\n")
        self.terminal.until("ready")
        self.terminal.send("\x1a")
        self.terminal.until(r"PROMPT\$ $")
        self.terminal.command("kill -9 %%")
        end = time.monotonic() + PATIENCE
        while re.search("unning|topped", self.terminal.command("jobs")):
            self.assertLess(time.monotonic(), end, self.processes())
        self.eventually(lambda: not list(filter(lambda pid: not gone(pid), self.of_the_loop())),
                        "the program ends with its launcher")

    def test_a_background_job_is_waited_for(self):
        self.terminal.send(" ".join(launcher("--", "sh", "-c")) + " 'exit 6' &\n")
        self.terminal.until(r"PROMPT\$ $")
        self.assertIn("rc=6", self.terminal.command("wait $!; echo rc=$?"))

    def test_a_stopped_job_of_several_processes_goes_on(self):
        self.terminal.send(" ".join(launcher("--", "sh", "-c")) + f" '{PYTHON} loop.py cont; echo after'\n")
        self.terminal.until("ready")
        self.terminal.send("\x1a")
        self.terminal.until(r"PROMPT\$ $")
        self.assertIn("topped", self.terminal.command("jobs"))
        self.terminal.send("fg\n")
        self.terminal.until("CONT")
        self.terminal.send("\x03")
        text = self.terminal.until(r"PROMPT\$ $")
        self.assertEqual(text.count("KeyboardInterrupt"), 1, text)

    def test_the_repl_has_the_terminal(self):
        self.terminal.send(" ".join([LAUNCHER, "--quiet", "--", PYTHON, "-q", "-i"]) + "\n")
        self.terminal.until(">>> ")
        self.terminal.send("6*7\n")
        self.terminal.until(r"42\s+>>> $")  # an end of file before the prompt would be lost
        self.terminal.send("\x04")
        self.terminal.until(r"PROMPT\$ $")

    def test_signals_of_the_shell_to_the_job(self):
        self.terminal.send(self.loop + " cont &\n")
        self.terminal.until("ready")
        self.terminal.command("kill -TSTP %%")
        end = time.monotonic() + PATIENCE
        while "topped" not in self.terminal.command("jobs"):
            self.assertLess(time.monotonic(), end, "the job is never stopped")
        self.terminal.send("kill -CONT %%\n")
        text = self.terminal.until("(?<!-)CONT") + self.terminal.quiet(0.3)
        self.assertEqual(len(re.findall("(?<!-)CONT", text)), 1, text)
        self.terminal.command("kill %%")
        while re.search("unning|topped", self.terminal.command("jobs")):
            self.assertLess(time.monotonic(), end, self.processes())

    def processes(self):
        """For the message of a failure."""
        return self.terminal.command("jobs -l; ps -o pid,ppid,pgid,stat,comm")

    def of_the_loop(self):
        """The processes that have loop.py on their command line, in this test's folder."""
        found = []
        for path in glob.glob("/proc/[0-9]*/cmdline"):
            with contextlib.suppress(OSError), open(path, "rb") as file:
                words = file.read().split(b"\0")
                pid = int(path.split("/")[2])
                if b"loop.py" in words and os.readlink(f"/proc/{pid}/cwd") == self.folder:
                    found.append(pid)
        return found

    def test_closing_the_terminal_ends_the_program(self):
        self.terminal.send(self.loop + "\n")
        self.terminal.until("ready")
        found = self.of_the_loop()
        self.assertTrue(found)
        os.close(self.terminal.fd)
        self.eventually(lambda: all(map(gone, found)), "the program and its launcher end")


class Bash(JobControl, SupervisorCase):
    shell = ["bash", "--norc", "--noprofile", "-i"]


class Dash(JobControl, SupervisorCase):
    shell = ["dash", "-i"]


if __name__ == "__main__":
    unittest.main()
