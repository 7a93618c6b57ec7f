# SPDX-License-Identifier: Apache-2.0
"""The launcher as the first process of a pid namespace, as in a container."""

import os
import signal
import subprocess
import unittest

from processes import LAUNCHER, PATIENCE, SupervisorCase, children

UNSHARE = ["unshare", "--pid", "--fork", "--mount-proc",
           *([] if os.geteuid() == 0 else ["--user", "--map-root-user"])]

WORK = ("import signal, sys, time\n"
        "def f(): pass\n"
        "f(); print('ready', flush=True)\n"
        "time.sleep(60)")


class Container(SupervisorCase):
    def setUp(self):
        super().setUp()
        done = subprocess.run([*UNSHARE, "true"], capture_output=True, text=True, check=False)
        if done.returncode != 0:
            self.skipTest(f"no pid namespace can be made here: {done.stderr.strip()}")

    def run_in(self, *arguments, options=("--quiet",)):
        done = subprocess.run([*UNSHARE, LAUNCHER, *options, "-o", "out.json", *arguments],
                              cwd=self.folder, capture_output=True, text=True, check=False,
                              timeout=PATIENCE, stdin=subprocess.DEVNULL)
        return done.returncode, done.stdout, done.stderr

    def start_in(self, *arguments):
        process = subprocess.Popen([*UNSHARE, LAUNCHER, "--quiet", "-o", "out.json", *arguments],
                                   cwd=self.folder, stdin=subprocess.DEVNULL,
                                   stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

        def end():
            for pid in children(process.pid):
                os.kill(pid, signal.SIGKILL)
            process.kill()
            process.communicate()

        self.addCleanup(end)
        self.assertEqual(process.stdout.readline(), "ready\n")
        (first,) = children(process.pid)
        return process, first

    def test_it_is_process_1_and_the_report_is_written(self):
        code = "import os\ndef f(): pass\nf(); print(os.getppid())"
        self.assertEqual(self.run_in("-c", code), (0, "1\n", ""))
        self.assertEqual(self.calls("out.json", "f"), 1)

    def test_exit_status_is_the_programs(self):
        self.assertEqual(self.run_in("--", "sh", "-c", "exit 7"), (7, "", ""))

    def test_death_by_a_signal_is_told_as_a_shell_does(self):
        for number in (signal.SIGKILL, signal.SIGTERM, signal.SIGSEGV, signal.SIGINT):
            status, _, err = self.run_in("--", "sh", "-c", f"kill -{int(number)} $$")
            self.assertEqual((status, err), (128 + number, ""))

    def test_orphans_are_reaped(self):
        code = ("import os, time\n"
                "for i in range(20):\n"
                "    if os.fork() == 0:\n"
                "        if os.fork() == 0: time.sleep(0.01)\n"
                "        os._exit(0)\n"
                "    os.wait()\n"
                "def others():\n"
                "    for pid in filter(str.isdigit, os.listdir('/proc')):\n"
                "        try: text = open(f'/proc/{pid}/stat').read()\n"
                "        except OSError: continue\n"
                "        if '(python3)' in text and int(pid) != os.getpid(): yield pid\n"
                "end = time.monotonic() + 15\n"
                "while list(others()) and time.monotonic() < end: time.sleep(0.01)\n"
                "print(list(others()))")
        self.assertEqual(self.run_in("-c", code), (0, "[]\n", ""))

    def test_a_stop_of_the_container_ends_the_program_and_writes_the_report(self):
        for number in (signal.SIGTERM, signal.SIGINT):
            process, first = self.start_in(
                "-c", f"import signal; signal.signal(signal.SIGINT, signal.SIG_DFL)\n{WORK}")
            os.kill(first, number)  # as the container's runtime does: from outside
            _, err = process.communicate(timeout=PATIENCE)
            self.assertEqual((process.returncode, err), (128 + number, ""))
            self.assertEqual(self.calls("out.json", "f"), 1)
            os.remove(os.path.join(self.folder, "out.json"))

    def test_signals_from_outside_arrive_once(self):
        process, first = self.start_in(
            "-c", "import signal, time\n"
            "n = 0\n"
            "def count(*_):\n"
            "    global n; n += 1\n"
            "signal.signal(signal.SIGUSR1, count)\n"
            "print('ready', flush=True)\n"
            "while n == 0: time.sleep(0.01)\n"
            "time.sleep(0.3); print(n)")
        os.kill(first, signal.SIGUSR1)
        out, err = process.communicate(timeout=PATIENCE)
        self.assertEqual((process.returncode, out, err), (0, "1\n", ""))

    def test_a_signal_from_inside_reaches_the_program(self):
        code = ("import os, signal, time\n"
                "signal.signal(signal.SIGTERM, lambda *_: (print('got it'), os._exit(4)))\n"
                "if os.fork() == 0:\n"
                "    os.kill(1, signal.SIGTERM)\n"
                "    os._exit(0)\n"
                "while True: time.sleep(0.05)")  # a signal right before a pause would not end it
        self.assertEqual(self.run_in("-c", code)[0], 4)

    def test_keep_pid_is_not_possible_and_said_so(self):
        status, out, err = self.run_in("-c", "import os; print(os.getppid())",
                                       options=("--keep_pid", "--verbose=1"))
        self.assertEqual((status, out), (0, "1\n"))
        self.assertIn("--keep_pid is not possible", err)

    def test_a_killed_container_leaves_what_makes_its_report(self):
        process, first = self.start_in("-c", WORK)
        (folder,) = self.sessions()
        os.kill(first, signal.SIGKILL)
        process.communicate(timeout=PATIENCE)
        done = subprocess.run([LAUNCHER, "--recover", folder, "-o", "out.json"], cwd=self.folder,
                              capture_output=True, text=True, check=False, timeout=PATIENCE)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(self.calls("out.json", "f"), 1)


if __name__ == "__main__":
    unittest.main()
