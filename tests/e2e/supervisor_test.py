# SPDX-License-Identifier: Apache-2.0
"""The supervisor without a terminal: statuses, signals, stops, a collector or launcher that dies."""

import contextlib
import os
import re
import resource
import signal
import subprocess
import sys
import time
import unittest

from processes import (COUNTER, LAUNCHER, PATIENCE, SupervisorCase, children, gone, launcher,
                       state)

PYTHON = sys.executable


class Status(SupervisorCase):
    def test_exit_status_is_the_programs(self):
        for status in (0, 1, 7, 255):
            self.assertEqual(self.assert_same(["sh", "-c", f"exit {status}"])[0], status)

    def test_death_by_signal_is_the_programs(self):
        for name in ("SIGKILL", "SIGSEGV", "SIGTERM", "SIGABRT", "SIGPIPE", "SIGINT", "SIGUSR1",
                     "SIGRTMIN"):
            number = int(getattr(signal, name))
            code = (f"import os, signal\n"
                    f"if {number} != 9: signal.signal({number}, signal.SIG_DFL)\n"
                    f"os.kill(os.getpid(), {number})")
            self.assertEqual(self.assert_same([PYTHON, "-c", code])[0], -number, name)

    def test_what_cannot_be_run_ends_as_in_a_shell(self):
        plain_file = os.path.join(self.folder, "data")
        with open(plain_file, "wb") as file:
            file.write(b"\0\1\2")
        os.chmod(plain_file, 0o755)
        for command, status in ((["no-such-command"], 127), (["./no-such-file"], 127),
                                ([self.folder], 126)):
            done = subprocess.run(launcher("--", *command), cwd=self.folder, capture_output=True,
                                  text=True, check=False, timeout=PATIENCE)
            self.assertEqual(done.returncode, status, command)
            self.assertEqual(done.stdout, "")
            self.assertEqual(done.stderr.count("\n"), 1, done.stderr)
            self.assertIn(command[0], done.stderr)

    def test_a_text_without_first_line_is_run_by_sh(self):
        path = os.path.join(self.folder, "text")
        with open(path, "w", encoding="utf-8") as file:
            file.write('echo "$0" "$1"; exit 4\n')
        os.chmod(path, 0o755)
        done = subprocess.run(launcher("--", "./text", "x"), cwd=self.folder, capture_output=True,
                              text=True, check=False, timeout=PATIENCE)
        self.assertEqual((done.returncode, done.stdout), (4, "./text x\n"))

    def test_a_reader_that_goes_breaks_the_programs_pipe(self):
        done = subprocess.run(["bash", "-c", '"$@" | head -1 >/dev/null; echo ${PIPESTATUS[0]}',
                               "bash", *launcher("--", "yes")], cwd=self.folder,
                              capture_output=True, text=True, check=False, timeout=PATIENCE)
        self.assertEqual(done.stdout.strip(), "141")

    def test_a_child_that_outlives_the_program_is_not_waited_for(self):
        begin = time.monotonic()
        done = subprocess.run(launcher("--", "sh", "-c", "sleep 30 >/dev/null 2>&1 & exit 4"),
                              cwd=self.folder, check=False, timeout=PATIENCE)
        self.assertEqual(done.returncode, 4)
        self.assertLess(time.monotonic() - begin, 15)

    def test_orphans_are_not_adopted(self):
        code = ("import os, time\n"
                "launcher, parent = os.getppid(), os.getpid()\n"
                "if os.fork() == 0:\n"
                "    while os.getppid() == parent: time.sleep(0.01)\n"
                "    print(os.getppid() == launcher, flush=True); os._exit(0)\n")
        done = subprocess.run(launcher("-c", code), cwd=self.folder, capture_output=True, text=True,
                              check=False, timeout=PATIENCE)
        self.assertEqual((done.returncode, done.stdout, done.stderr), (0, "False\n", ""))

    def test_nothing_is_left_behind(self):
        process = self.start("-c", "import sys; print('x', flush=True); sys.stdin.readline()")
        process.stdout.readline()
        mine = self.sessions()
        self.assertEqual(len(mine), 1)
        process.communicate("\n", timeout=PATIENCE)
        self.assertFalse(os.path.exists(mine[0]))
        self.assertEqual(sorted(os.listdir(self.folder)), ["counter.py", "result.json"])


class Inheritance(SupervisorCase):
    def test_ignored_signals_and_mask_are_inherited(self):
        show = ["grep", "-E", "Sig(Blk|Ign)", "/proc/self/status"]
        self.assert_same(show)
        self.assert_same(show, preexec_fn=lambda: signal.signal(signal.SIGHUP, signal.SIG_IGN))
        self.assert_same(show, preexec_fn=lambda: signal.pthread_sigmask(
            signal.SIG_BLOCK, {signal.SIGUSR2}))

    def test_an_ignored_sigchld_does_no_harm(self):
        def ignore():
            signal.signal(signal.SIGCHLD, signal.SIG_IGN)
        self.assertEqual(self.assert_same(["sh", "-c", "exit 3"], preexec_fn=ignore)[0], 3)
        self.assert_same(["grep", "SigIgn", "/proc/self/status"], preexec_fn=ignore)

    def test_closed_standard_files_stay_closed(self):
        code = "import os; os.write(1, str(sorted(os.listdir('/proc/self/fd'))).encode())"
        self.assert_same([PYTHON, "-c", code], preexec_fn=lambda: os.close(0))

    def test_limits_group_and_session_are_the_shells(self):
        code = ("import os, resource, sys\n"
                "print(os.getpgrp() == os.getpgid(os.getppid()), os.getsid(0) == os.getsid(os.getppid()),"
                " os.umask(0), os.nice(0), resource.getrlimit(resource.RLIMIT_NOFILE), os.getcwd(),"
                " os.sched_getaffinity(0), open('/proc/self/oom_score_adj').read())")

        def limit():
            os.umask(0o37)
            os.nice(3)
            os.sched_setaffinity(0, [max(os.sched_getaffinity(0))])
            with open("/proc/self/oom_score_adj", "w", encoding="utf-8") as file:
                file.write("300")
            resource.setrlimit(resource.RLIMIT_NOFILE, (77, 88))
        self.assert_same([PYTHON, "-c", code], preexec_fn=limit)


class Signals(SupervisorCase):
    names = "SIGTERM,SIGINT,SIGHUP,SIGUSR1,SIGUSR2,SIGQUIT,SIGWINCH,SIGALRM,SIGCONT"

    def count_after(self, send):
        process = self.start(self.counter, self.names)
        self.assertEqual(process.stdout.readline(), "ready\n")
        send(process)
        out, err = process.communicate("\n", timeout=PATIENCE)
        self.assertEqual(err, "")
        return {word.partition("=")[0]: int(word.partition("=")[2]) for word in out.split()}

    def settle(self, process):
        """Until the supervisor has nothing pending, and what it passed on has been taken."""
        def pending(pid):
            with open(f"/proc/{pid}/status", encoding="utf-8") as file:
                return int(re.search(r"ShdPnd:\s*(\w+)", file.read())[1], 16)
        self.eventually(lambda: not pending(process.pid), "the supervisor takes its signals")
        time.sleep(0.2)

    def test_a_signal_to_the_launcher_reaches_the_program_once(self):
        def send(process):
            for name in self.names.split(","):
                os.kill(process.pid, getattr(signal, name))
            self.settle(process)
        self.assertEqual(self.count_after(send), dict.fromkeys(self.names.split(","), 1))

    def test_a_signal_to_the_group_reaches_the_program_once(self):
        def send(process):
            for name in self.names.split(","):
                os.killpg(process.pid, getattr(signal, name))
            self.settle(process)
        self.assertEqual(self.count_after(send), dict.fromkeys(self.names.split(","), 1))

    def test_a_stop_signal_that_the_program_handles_arrives(self):
        self.names = "SIGTSTP"  # apart: a SIGCONT would take it away

        def send(process):
            os.kill(process.pid, signal.SIGTSTP)
            self.settle(process)
            os.killpg(process.pid, signal.SIGTSTP)
            self.settle(process)
        self.assertEqual(self.count_after(send), {"SIGTSTP": 2})

    def test_group_and_single_signals_are_told_apart(self):
        def send(process):
            os.killpg(process.pid, signal.SIGUSR1)
            self.settle(process)
            os.kill(process.pid, signal.SIGUSR1)
            self.settle(process)
            os.kill(process.pid, signal.SIGUSR1)
            self.settle(process)
        self.assertEqual(self.count_after(send)["SIGUSR1"], 3)

    def test_a_programs_signal_to_its_group_is_its_own(self):
        code = ("import os, signal, time\n"
                "n = 0\n"
                "def h(*a):\n    global n; n += 1\n"
                "signal.signal(signal.SIGTERM, h)\n"
                "os.kill(0, signal.SIGTERM); time.sleep(0.3); print(n)")
        process = self.start("-c", code)
        out, _ = process.communicate(timeout=PATIENCE)
        self.assertEqual((out, process.returncode), ("1\n", 0))

    def test_a_program_that_leaves_the_group_gets_what_is_its_own(self):
        for leave in ("setsid", "setpgrp"):
            process = self.start("-c", f"import os; os.{leave}()\n" + COUNTER, "SIGUSR1,SIGUSR2")
            self.assertEqual(process.stdout.readline(), "ready\n")
            os.killpg(process.pid, signal.SIGUSR1)
            os.kill(process.pid, signal.SIGUSR2)
            self.settle(process)
            out, err = process.communicate("\n", timeout=PATIENCE)
            self.assertEqual((out, err), ("SIGUSR1=0 SIGUSR2=1\n", ""))

    def test_a_queued_value_arrives(self):
        code = ("import signal\n"
                "signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGUSR1})\n"
                "print('ready', flush=True)\n"
                "i = signal.sigwaitinfo({signal.SIGUSR1}); print(i.si_code, flush=True)")
        process = self.start("-c", code)
        process.stdout.readline()
        # -1 is SI_QUEUE; the shell's kill -q comes from util-linux.
        done = subprocess.run(["/bin/kill", "-q", "5", "-USR1", str(process.pid)], check=False)
        if done.returncode != 0:
            self.skipTest("kill has no -q here")
        out, _ = process.communicate(timeout=PATIENCE)
        self.assertEqual(out, "-1\n")

    def test_killing_the_launcher_kills_the_program(self):
        process = self.start("-c", "print('x', flush=True); import time; time.sleep(60)")
        process.stdout.readline()
        program = self.program_of(process)
        process.kill()
        process.wait(PATIENCE)
        self.eventually(lambda: gone(program), "the program dies with its launcher")

    def test_a_program_that_kills_its_group_with_9(self):
        process = self.start("-c", "import os; os.kill(0, 9)")
        self.assertEqual(process.wait(PATIENCE), -signal.SIGKILL)


class Stops(SupervisorCase):
    def started(self):
        process = self.start(self.counter, "SIGUSR1")
        process.stdout.readline()
        return process, self.program_of(process)

    def finish(self, process):
        out, _ = process.communicate("\n", timeout=PATIENCE)
        self.assertEqual((out, process.returncode), ("SIGUSR1=0\n", 0))

    def test_stopping_the_program_stops_the_launcher_and_both_go_on(self):
        process, program = self.started()
        os.kill(program, signal.SIGSTOP)
        self.eventually(lambda: state(process.pid) == "T", "the launcher stops")
        os.kill(process.pid, signal.SIGCONT)
        self.eventually(lambda: state(program) != "T", "the program goes on")
        self.finish(process)

    def test_the_program_alone_continued_takes_the_launcher_with_it(self):
        process, program = self.started()
        os.kill(program, signal.SIGSTOP)
        self.eventually(lambda: state(process.pid) == "T", "the launcher stops")
        os.kill(program, signal.SIGCONT)
        self.eventually(lambda: state(process.pid) != "T", "the launcher goes on")
        self.finish(process)

    def test_a_stopped_and_continued_group_goes_on(self):
        process, program = self.started()
        for _ in range(5):
            os.killpg(process.pid, signal.SIGSTOP)
            self.eventually(lambda: state(program) == state(process.pid) == "T", "all stop")
            os.killpg(process.pid, signal.SIGCONT)
            self.eventually(lambda: "T" not in (state(program), state(process.pid)), "all go on")
        self.finish(process)

    def test_of_a_stopped_group_the_program_alone_is_continued(self):
        process, program = self.started()
        os.killpg(process.pid, signal.SIGSTOP)
        self.eventually(lambda: state(program) == state(process.pid) == "T", "all stop")
        os.kill(program, signal.SIGCONT)
        self.eventually(lambda: state(process.pid) != "T", "the launcher goes on")
        self.finish(process)

    def test_of_a_stopped_group_the_launcher_alone_is_continued(self):
        process, program = self.started()
        os.killpg(process.pid, signal.SIGSTOP)
        self.eventually(lambda: state(program) == state(process.pid) == "T", "all stop")
        os.kill(process.pid, signal.SIGCONT)
        self.eventually(lambda: state(program) != "T", "the program goes on")
        self.eventually(lambda: not self.stopped_in_group(process.pid), "nobody stays behind")
        self.finish(process)

    def test_a_launcher_that_is_stopped_alone_stays_so_and_the_program_goes_on(self):
        process, program = self.started()
        os.kill(process.pid, signal.SIGSTOP)
        self.eventually(lambda: state(process.pid) == "T", "the launcher stops")
        process.stdin.write("\n")
        process.stdin.flush()
        self.eventually(lambda: gone(program), "the program ends")
        self.assertEqual(state(process.pid), "T")
        os.kill(process.pid, signal.SIGCONT)
        out, _ = process.communicate(timeout=PATIENCE)
        self.assertEqual((out, process.returncode), ("SIGUSR1=0\n", 0))

    @staticmethod
    def stopped_in_group(group):
        found = []
        for name in filter(str.isdigit, os.listdir("/proc")):
            with contextlib.suppress(OSError):
                if os.getpgid(int(name)) == group and state(int(name)) == "T":
                    found.append(int(name))
        return found


class Collector(SupervisorCase):
    work = ("import sys\n"
            "def f(n): return n + 1\n"
            "print('x', flush=True); sys.stdin.readline()\n"
            "for i in range(20000): f(i)\n"
            "print('done'); sys.exit(5)")

    def run_with(self, disturb):
        process = self.start("-o", "out.json", "-c", self.work, "1000000")
        process.stdout.readline()
        collector = self.collector_of(process)
        disturb(process, collector)
        out, err = process.communicate("\n", timeout=60)
        self.assertEqual((out, process.returncode), ("done\n", 5), err)

    def test_killed_in_mid_run(self):
        def kill(process, collector):
            os.kill(collector, signal.SIGKILL)
            self.eventually(lambda: collector not in children(process.pid), "it is reaped")
        self.run_with(kill)
        self.assertIn("out.json", os.listdir(self.folder))

    def test_stopped_in_mid_run(self):
        self.run_with(lambda process, collector: os.kill(collector, signal.SIGSTOP))
        self.assertIn("out.json", os.listdir(self.folder))

    def test_it_is_in_a_session_of_its_own(self):
        process = self.start("-c", "print('x', flush=True); input()")
        process.stdout.readline()
        collector = self.collector_of(process)
        self.assertNotEqual(os.getpgid(collector), os.getpgid(process.pid))
        process.communicate("\n", timeout=PATIENCE)


class Nested(SupervisorCase):
    """A launcher in a traced tree joins the run it is part of."""

    inner = "def inner(): pass\ninner()\nprint('inner', flush=True)"

    def run_outer(self, *arguments):
        with open(os.path.join(self.folder, "inner.py"), "w", encoding="utf-8") as file:
            file.write(self.inner)
        done = subprocess.run([LAUNCHER, "--quiet", "-o", "out.json", "--", *arguments],
                              cwd=self.folder, capture_output=True, text=True, check=False,
                              timeout=PATIENCE, stdin=subprocess.DEVNULL)
        return done, self.calls("out.json", "inner")

    def test_it_joins_and_says_so(self):
        done, calls = self.run_outer("sh", "-c", f"{LAUNCHER} -o mine.json inner.py; echo $?")
        self.assertEqual(done.stdout, "inner\n0\n")
        self.assertEqual(done.stderr, "viztracer-native: recorded by the outer run, in its report; "
                         "without effect here: --output_file mine.json\n")
        self.assertEqual(calls, 1)
        self.assertNotIn("mine.json", os.listdir(self.folder))

    def test_quiet_says_nothing(self):
        done, calls = self.run_outer("sh", "-c", f"{LAUNCHER} --quiet -m inner")
        self.assertEqual((done.stdout, done.stderr, calls), ("inner\n", "", 1))

    def test_status_and_signal_are_the_targets(self):
        for end, status in (("exit 7", "7"), ("kill -9 $$", "137")):
            done, _ = self.run_outer("sh", "-c", f"{LAUNCHER} --quiet -- sh -c '{end}'; echo $?")
            self.assertEqual(done.stdout, status + "\n", done.stderr)

    def test_what_cannot_be_run_ends_as_in_a_shell(self):
        done, _ = self.run_outer("sh", "-c", f"{LAUNCHER} --quiet -- ./no-such; echo $?")
        self.assertEqual(done.stdout, "127\n")
        self.assertEqual(done.stderr.count("\n"), 1)

    def test_three_deep(self):
        done, calls = self.run_outer(LAUNCHER, "--quiet", "--", LAUNCHER, "--quiet", "inner.py")
        self.assertEqual((done.returncode, done.stdout, done.stderr, calls), (0, "inner\n", "", 1))


class GivingUp(SupervisorCase):
    """The report can be given up while it is written; what was recorded is kept."""

    work = ("import sys\n"
            "def f(n): return n + 1\n"
            "for i in range(int(sys.argv[1])): f(i)\n"
            "print('x', flush=True); sys.stdin.readline(); sys.exit(6)")

    def interrupted(self, send):
        """stderr of a run whose report was given up. Some machines are quick: then with more calls."""
        for calls in (3_000_000, 9_000_000, 27_000_000):
            err = self.interrupted_once(send, calls)
            path = os.path.join(self.folder, "out.json.gz")
            if os.path.exists(path):  # whole, or not at all
                subprocess.run(["gzip", "-t", path], check=True, timeout=120)
                os.remove(path)
                self.remove_sessions()
            else:
                return err
        self.fail("the report was always finished first")

    def interrupted_once(self, send, calls):
        process = subprocess.Popen(
            [LAUNCHER, "-o", "out.json.gz", "-c", self.work, str(calls)], cwd=self.folder,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
            start_new_session=True)
        self.addCleanup(process.communicate)
        self.addCleanup(process.kill)
        process.stdout.readline()
        program = self.program_of(process)
        process.stdin.write("\n")
        process.stdin.flush()
        self.eventually(lambda: gone(program), "the program ends")
        send(process)
        err = process.communicate(timeout=120)[1]
        self.assertEqual(process.returncode, 6, err)
        return err

    def recover(self, err):
        folder = re.search(r"--recover (\S+) -o OUT makes it\n", err)
        self.assertTrue(folder, err)
        done = subprocess.run([LAUNCHER, "--recover", folder[1], "-o", "again.json"],
                              cwd=self.folder, capture_output=True, text=True, check=False,
                              timeout=120)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertGreater(os.path.getsize(os.path.join(self.folder, "again.json")), 50_000_000)
        self.assertFalse(os.path.exists(folder[1]))

    @staticmethod
    def twice(number):
        def send(process):
            os.kill(process.pid, number)
            line = process.stderr.readline()
            while line and "Ctrl-C again" not in line:
                line = process.stderr.readline()
            os.kill(process.pid, number)
        return send

    def test_a_second_interrupt_keeps_the_data(self):
        self.recover(self.interrupted(self.twice(signal.SIGINT)))

    def test_a_second_sigterm_keeps_the_data(self):
        self.recover(self.interrupted(self.twice(signal.SIGTERM)))

    def test_one_sigterm_lets_the_report_be_written(self):
        self.interrupted_once(lambda process: os.kill(process.pid, signal.SIGTERM), 2_000_000)
        subprocess.run(["gzip", "-t", os.path.join(self.folder, "out.json.gz")], check=True,
                       timeout=120)
        self.assertEqual(self.sessions(), [])

    def test_stopped_while_the_report_is_written_it_goes_on_later(self):
        def stop(process):
            os.kill(process.pid, signal.SIGTSTP)
            self.eventually(lambda: state(process.pid) == "T" or gone(process.pid),
                            "the launcher stops")
            os.kill(process.pid, signal.SIGCONT)
        self.interrupted_once(stop, 2_000_000)
        subprocess.run(["gzip", "-t", os.path.join(self.folder, "out.json.gz")], check=True,
                       timeout=120)
        self.assertEqual(self.sessions(), [])

    def test_what_a_killed_launcher_leaves_is_recovered(self):
        process = self.start("-o", "out.json", "-c", self.work, "1000000")
        process.stdout.readline()
        collector = self.collector_of(process)
        mine = self.sessions()
        self.assertEqual(len(mine), 1)
        refused = subprocess.run([LAUNCHER, "--recover", mine[0], "-o", "again.json"],
                                 cwd=self.folder, capture_output=True, text=True, check=False,
                                 timeout=PATIENCE)
        self.assertEqual(refused.returncode, 1)
        self.assertIn("has not ended", refused.stderr)
        process.kill()
        process.wait(PATIENCE)
        self.eventually(lambda: gone(collector), "the collector leaves")
        after = subprocess.run([LAUNCHER, "-o", "next.json", "-c", "pass"], cwd=self.folder,
                               capture_output=True, text=True, check=False, timeout=PATIENCE)
        self.assertIn("an earlier run left its data", after.stderr)
        self.recover(f"--recover {mine[0]} -o OUT makes it\n")


if __name__ == "__main__":
    unittest.main()
