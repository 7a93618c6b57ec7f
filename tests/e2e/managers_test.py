# SPDX-License-Identifier: Apache-2.0
"""The launcher under what starts, bounds and ends commands: service managers, job runners, timeout,
nohup, pipelines and background jobs of scripts."""

import contextlib
import os
import signal
import subprocess
import sys
import time
import unittest

from processes import PATIENCE, SupervisorCase, children, gone, launcher

WORK = ("import sys, time\n"
        "def f(): pass\n"
        "f(); print('ready', flush=True)\n"
        "time.sleep(60)")


class Managers(SupervisorCase):
    def descendants(self, pid):
        found = [pid]
        for parent in found:
            found += children(parent)
        return found

    def started(self, *arguments):
        process = self.start("-o", "out.json", *arguments)
        self.assertEqual(process.stdout.readline(), "ready\n")
        return process

    def end(self, process):
        """The status; nothing was said, the report is there and nothing else is left."""
        _, err = process.communicate(timeout=PATIENCE)
        self.assertEqual(err, "")
        self.assertEqual(self.calls("out.json", "f"), 1)
        self.assertEqual(self.sessions(), [])
        return process.returncode

    def test_every_process_is_signalled(self):
        process = self.started("-c", WORK)
        for pid in self.descendants(process.pid):
            with contextlib.suppress(ProcessLookupError):  # the first may have ended the others
                os.kill(pid, signal.SIGTERM)
        self.assertEqual(self.end(process), -signal.SIGTERM)

    def test_every_process_is_signalled_from_the_leaves_up(self):
        process = self.started("-c", WORK)
        for pid in reversed(self.descendants(process.pid)):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGTERM)
        self.assertEqual(self.end(process), -signal.SIGTERM)

    def test_an_interrupt_then_termination_as_job_runners_have_it(self):
        work = f"import signal; signal.signal(signal.SIGINT, lambda *_: print('INT', flush=True))\n{WORK}"
        process = self.started("-c", work)
        process.send_signal(signal.SIGINT)
        self.assertEqual(process.stdout.readline(), "INT\n")
        process.send_signal(signal.SIGTERM)
        self.assertEqual(self.end(process), -signal.SIGTERM)

    def test_a_caller_that_loses_patience_leaves_nobody(self):
        pids = os.path.join(self.folder, "pid")
        code = f"import os, time; open({pids!r}, 'w').write(str(os.getpid())); time.sleep(60)"
        with self.assertRaises(subprocess.TimeoutExpired):
            subprocess.run(launcher("-c", code), cwd=self.folder, capture_output=True, check=False,
                           timeout=2)
        with open(pids, encoding="utf-8") as file:
            program = int(file.read())
        self.eventually(lambda: gone(program), "the program ends with its launcher")

    def test_timeout_ends_the_program_and_the_report_is_there(self):
        for mode in ([], ["--foreground"]):
            done = subprocess.run(["timeout", *mode, "2", *launcher("-o", "out.json", "-c", WORK)],
                                  cwd=self.folder, capture_output=True, text=True, check=False,
                                  timeout=PATIENCE)
            self.assertEqual((done.returncode, done.stdout, done.stderr), (124, "ready\n", ""), mode)
            self.assertEqual(self.calls("out.json", "f"), 1)
            os.remove(os.path.join(self.folder, "out.json"))

    def test_nohup_holds_for_the_program_and_the_report(self):
        process = subprocess.Popen(["nohup", *launcher("-o", "out.json", "-c", WORK.replace(
            "time.sleep(60)", "sys.stdin.readline(); sys.exit(4)"))], cwd=self.folder,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
            start_new_session=True)
        self.addCleanup(process.communicate)
        self.addCleanup(process.kill)
        self.assertEqual(process.stdout.readline(), "ready\n")
        os.kill(process.pid, signal.SIGHUP)
        os.killpg(process.pid, signal.SIGHUP)
        process.stdin.write("\n")
        process.stdin.flush()
        os.kill(process.pid, signal.SIGHUP)
        self.assertEqual(self.end(process), 4)

    def test_wrappers_change_nothing(self):
        for wrapper in (["env", "A=1"], ["nice", "-n", "2"], ["setsid", "--wait"],
                        ["xargs", "-a", "/dev/null"], ["sh", "-c", 'exec "$@"', "sh"]):
            ours, plain = (subprocess.run([*wrapper, *command], cwd=self.folder,
                                          capture_output=True, text=True, check=False,
                                          timeout=PATIENCE)
                           for command in (launcher("--", "sh", "-c", "echo x; exit 5"),
                                           ["sh", "-c", "echo x; exit 5"]))
            self.assertEqual((ours.returncode, ours.stdout, ours.stderr),
                             (plain.returncode, plain.stdout, plain.stderr), wrapper)


class Scripts(SupervisorCase):
    """Without job control, as scripts are run: one process group for all."""

    def script(self, text):
        results = []
        for shell in ("bash", "dash"):
            done = subprocess.run([shell, "-c", text, shell, *launcher()], cwd=self.folder,
                                  capture_output=True, text=True, check=False, timeout=PATIENCE)
            results.append((done.returncode, done.stdout, done.stderr))
        self.assertEqual(*results)
        return results[0]

    def test_a_background_job_is_waited_for(self):
        self.assertEqual(self.script('"$@" -- sh -c "exit 6" & wait $!'), (6, "", ""))

    def test_a_background_job_reads_nothing_and_ignores_interrupts(self):
        self.assertEqual(self.script(
            f'"$@" -- {sys.executable} -c "import signal, sys; print(sys.stdin.read() == str(), '
            'signal.getsignal(signal.SIGINT) == signal.SIG_IGN)" & wait'), (0, "True True\n", ""))

    def test_a_background_job_is_killed(self):
        status, out, _ = self.script('exec 2>/dev/null; "$@" -- sleep 60 >/dev/null & '
                                     "kill -TERM $!; wait $!; echo $?")
        self.assertEqual((status, out), (0, "143\n"))

    def test_two_in_a_pipeline(self):
        code = "for line in open(0): print(line.strip() + chr(33))"
        self.assertEqual(self.script(f'echo a | "$@" -o 1.json -c "{code}" | "$@" -o 2.json -c "{code}"'),
                         (0, "a!!\n", ""))
        self.assertTrue({"1.json", "2.json"} <= set(os.listdir(self.folder)))

    def test_a_group_of_two_launchers_is_signalled_once(self):
        group = 0  # the first's own
        both = []
        for name in ("1.json", "2.json"):
            process = subprocess.Popen(launcher("-o", name, self.counter, "SIGTERM"),
                                       cwd=self.folder, stdin=subprocess.PIPE,
                                       stdout=subprocess.PIPE, text=True, process_group=group)
            self.addCleanup(process.communicate)
            self.addCleanup(process.kill)
            self.assertEqual(process.stdout.readline(), "ready\n")
            group = group or process.pid
            both.append(process)
        os.killpg(group, signal.SIGTERM)
        time.sleep(0.3)
        for process in both:
            self.assertEqual(process.communicate("\n", timeout=PATIENCE)[0], "SIGTERM=1\n")


if __name__ == "__main__":
    unittest.main()
