# SPDX-License-Identifier: Apache-2.0
"""--keep_pid: the launcher's process becomes the program; the report comes from the background."""

import contextlib
import glob
import json
import os
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import unittest

from processes import LAUNCHER, PATIENCE, SupervisorCase, children, comm, gone

WORK = ("import sys\n"
        "def f(n): return n + 1\n"
        "for i in range(1000): f(i)\n"
        "print('ready', flush=True); sys.stdin.readline(); f(0); sys.exit(3)")


def command(*arguments):
    return [LAUNCHER, "--quiet", "--keep_pid", "-o", "out.json", *arguments]


class KeepPid(SupervisorCase):
    def start_keeping(self, *arguments, **options):
        return self.start_command(command(*arguments), **options)

    def run_to_end(self, *arguments, **options):
        done = subprocess.run(command(*arguments), cwd=self.folder, capture_output=True, text=True,
                              check=False, timeout=PATIENCE, stdin=subprocess.DEVNULL, **options)
        return done.returncode, done.stdout, done.stderr

    def report(self):
        with open(os.path.join(self.folder, "out.json"), encoding="utf-8") as file:
            return json.load(file)

    def exit_in_report(self):
        found = []

        def look(value):
            if isinstance(value, dict):
                found.extend(value[key] for key in value if key == "exit")
                list(map(look, value.values()))
            elif isinstance(value, list):
                list(map(look, value))

        data = self.report()
        del data["traceEvents"]
        look(data)
        return found

    def guardian(self, process):
        """The background process of this launcher, and its collector."""
        found = []

        def look():
            found.clear()
            (folder,) = self.sessions() or [None]
            for path in glob.glob("/proc/[0-9]*") if folder else []:
                pid = int(path.split("/")[2])
                if comm(pid) == "vtn-guardian":
                    with contextlib.suppress(OSError):
                        if any(os.readlink(fd) == folder for fd in glob.glob(path + "/fd/*")):
                            found.extend((pid, *children(pid)))
            return len(found) == 2

        self.eventually(look, "the guardian and its collector run")
        self.assertNotEqual(found[0], process.pid)
        return found

    def test_the_program_is_the_process_that_was_started(self):
        code = ("import os; print(os.getpid(), os.getppid(), os.getpgrp(), os.getsid(0));"
                "print(open(f'/proc/self/task/{os.getpid()}/children').read().split())")
        process = self.start_keeping("-c", code)
        out, err = process.communicate(timeout=PATIENCE)
        self.assertEqual(out.split("\n")[0].split(),
                         list(map(str, (process.pid, os.getpid(), process.pid, process.pid))))
        self.assertEqual((out.split("\n")[1], err, process.returncode), ("[]", "", 0))

    def test_it_has_no_child_to_wait_for_and_dies_of_nobodys_death(self):
        code = ("import ctypes, os\n"
                "try: os.wait()\n"
                "except ChildProcessError: print('none')\n"
                "n = ctypes.c_int(-1); ctypes.CDLL(None).prctl(2, ctypes.byref(n)); print(n.value)")
        self.assertEqual(self.run_to_end("-c", code), (0, "none\n0\n", ""))

    def test_a_process_that_adopts_orphans_does_not_get_the_guardian(self):
        code = ("import ctypes, os\n"
                "n = ctypes.c_int(-1); ctypes.CDLL(None).prctl(37, ctypes.byref(n))\n"
                "try: os.wait()\n"
                "except ChildProcessError: print(n.value)")

        def adopt():
            import ctypes
            ctypes.CDLL(None).prctl(36, 1)
        self.assertEqual(self.run_to_end("-c", code, preexec_fn=adopt), (0, "1\n", ""))

    def test_the_report_is_whole_when_stderr_ends(self):
        process = self.start_keeping("-c", WORK)
        process.stdout.readline()
        process.communicate("\n", timeout=PATIENCE)
        self.assertEqual(process.returncode, 3)
        self.assertEqual(self.calls("out.json", "f"), 1001)
        self.assertEqual(self.sessions(), [])
        self.assertIn(self.exit_in_report()[0], ({"status": 3}, None))

    def test_a_killed_programs_report_comes_too(self):
        process = self.start_keeping("-c", WORK)
        process.stdout.readline()
        self.assertEqual(comm(process.pid), "python3")
        process.kill()
        process.communicate(timeout=PATIENCE)
        self.assertEqual(process.returncode, -signal.SIGKILL)
        self.assertEqual(self.calls("out.json", "f"), 1000)
        self.assertIn(self.exit_in_report()[0], ({"signal": 9}, None))

    def test_how_it_ended_is_known_while_nobody_has_waited_for_it(self):
        process = self.start_keeping("-c", WORK)
        process.stdout.readline()
        process.stdin.write("\n")
        process.stdin.flush()
        process.stderr.read()  # not waited for so far
        process.communicate(timeout=PATIENCE)
        self.assertEqual(self.exit_in_report()[0], {"status": 3})

    def test_an_exec_of_a_shell_script_keeps_its_pid(self):
        done = subprocess.run(
            ["sh", "-c", 'echo $$; exec "$@"', "sh", *command("-c", "import os; print(os.getpid())")],
            cwd=self.folder, capture_output=True, text=True, check=False, timeout=PATIENCE)
        first, second = done.stdout.split()
        self.assertEqual(first, second)

    def test_a_service_manager_hears_from_its_main_process(self):
        path = os.path.join(tempfile.mkdtemp(dir=self.folder), "notify")
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
            manager.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 1)
            manager.settimeout(PATIENCE)
            manager.bind(path)
            code = ("import os, socket\n"
                    "s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)\n"
                    "s.sendto(b'READY=1', os.environ['NOTIFY_SOCKET']); input()")
            process = self.start_keeping("-c", code, env={**os.environ, "NOTIFY_SOCKET": path})
            data, ancillary, _, _ = manager.recvmsg(64, socket.CMSG_SPACE(12))
            pid = struct.unpack("3i", ancillary[0][2])[0]
            self.assertEqual((data, pid), (b"READY=1", process.pid))
            process.communicate("\n", timeout=PATIENCE)

    def test_a_program_that_cannot_be_started_leaves_nothing(self):
        path = os.path.join(self.folder, "broken")
        with open(path, "w", encoding="utf-8") as file:
            file.write("#!/no/such/interpreter\n")
        os.chmod(path, 0o755)
        status, out, err = self.run_to_end("--", "./broken")
        self.assertEqual((status, out, err.count("\n")), (127, "", 1), err)
        self.assertIn("./broken", err)
        self.eventually(lambda: self.sessions() == [], "the session goes")
        self.assertEqual(sorted(os.listdir(self.folder)), ["broken", "counter.py"])

    def test_the_collector_killed_in_mid_run(self):
        process = self.start_keeping("-c", WORK)
        process.stdout.readline()
        guardian, collector = self.guardian(process)
        os.kill(collector, signal.SIGKILL)
        self.eventually(lambda: collector not in children(guardian), "it is reaped")
        process.communicate("\n", timeout=PATIENCE)
        self.assertEqual(process.returncode, 3)
        self.assertGreaterEqual(self.calls("out.json", "f"), 1000)

    def test_the_guardian_killed_in_mid_run(self):
        process = self.start_keeping("-c", WORK)
        process.stdout.readline()
        guardian, collector = self.guardian(process)
        os.kill(guardian, signal.SIGKILL)
        self.eventually(lambda: gone(collector), "the collector leaves")
        process.communicate("\n", timeout=PATIENCE)
        self.assertEqual(process.returncode, 3)
        (folder,) = self.sessions()
        done = subprocess.run([LAUNCHER, "--recover", folder, "-o", "out.json"], cwd=self.folder,
                              capture_output=True, text=True, check=False, timeout=PATIENCE)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertGreaterEqual(self.calls("out.json", "f"), 1000)

    def test_a_manager_that_signals_every_process_gets_a_report(self):
        process = self.start_keeping("-c", WORK)
        process.stdout.readline()
        for pid in (*self.guardian(process), process.pid):  # the last of them ends the others
            os.kill(pid, signal.SIGTERM)
        process.communicate(timeout=PATIENCE)
        self.assertEqual(process.returncode, -signal.SIGTERM)
        self.assertEqual(self.calls("out.json", "f"), 1000)

    def test_without_a_pid_of_its_own_signals_are_the_programs(self):
        process = self.start_keeping(self.counter, "SIGUSR1,SIGTERM")
        process.stdout.readline()
        process.send_signal(signal.SIGUSR1)
        os.killpg(process.pid, signal.SIGTERM)
        out, _ = process.communicate("\n", timeout=PATIENCE)
        self.assertEqual((out, process.returncode), ("SIGUSR1=1 SIGTERM=1\n", 0))

    @unittest.skipUnless(os.geteuid() == 0, "another user's limits are set by root")
    def test_without_room_for_the_recording_process_it_says_so(self):
        """The first fork succeeds and the second does not: nobody records, and nobody is waited for."""
        limited = ["setpriv", "--reuid=61234", "--clear-groups"]
        folder = tempfile.mkdtemp(dir="/tmp")  # each folder above is open to the other user
        self.addCleanup(shutil.rmtree, folder)
        os.chmod(folder, 0o777)
        reachable = subprocess.run([*limited, "test", "-x", LAUNCHER], check=False).returncode == 0
        if not reachable:
            self.skipTest("another user cannot reach the launcher")
        done = subprocess.run(
            [*limited, "prlimit", "--nproc=2:2", LAUNCHER, "--keep_pid", "-o", "out.json", "/bin/true"],
            cwd=folder, env={**os.environ, "TMPDIR": folder}, capture_output=True, text=True,
            check=False, timeout=PATIENCE)
        self.assertIn("--keep_pid is not possible: cannot start the process that records", done.stderr)


if __name__ == "__main__":
    unittest.main()
