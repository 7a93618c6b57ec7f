# SPDX-License-Identifier: Apache-2.0
"""The functions that start programs, plain and traced: programs/starts.c calls each with each outcome,
and what it prints must not differ. With glibc and with musl."""

import functools
import os
import shutil
import subprocess
import tempfile
import unittest

import support

STARTS = os.environ.get("VTN_STARTS")
SOURCE = os.path.join(support.PROGRAMS, "starts.c")

EXECS = ["execl", "execlp", "execle", "execl0", "execv", "execvp", "execvpe", "execve", "fexecve",
         "fexecve_path", "execveat", "execveat_fd", "execveat_root",
         "syscall", "syscall_at"]
SPAWNS = ["posix_spawn", "posix_spawnp", "posix_spawn_special", "posix_spawnp_special",
          "posix_spawn_noid", "posix_spawnp_noid", "pidfd_spawn", "pidfd_spawnp"]
ENVIRONMENTS = ["own", "empty", "null", "odd", "environ", "LD_PRELOAD=", "LD_PRELOAD=/no/such.so",
                "LD_PRELOAD=$libm", "LD_PRELOAD=$libm:$libm"]
FILES = ["./no_shebang", "./script", "./script_of_script", "./no_such_interpreter", "./not_executable",
         "./cut_elf", "./loop", "./empty", "./shebang_alone", "/no/such/file", "./folder",
         "./empty/below", "true", "no-such-command", "''", "./" + "x" * 300]


def make_files(folder):
    """What is started beside programs: text of all kinds."""
    for name, text, mode in (
            ("no_shebang", "echo script $0 $@\n", 0o755),
            ("script", "#!/bin/sh\necho script $0 $@ $A\n", 0o755),
            ("script_of_script", "#!./script argument\n", 0o755),
            ("no_such_interpreter", "#!/no/such/interpreter\n", 0o755),
            ("not_executable", "echo\n", 0o644),
            ("cut_elf", "\x7fELF", 0o755),
            ("loop", "#!./loop\n", 0o755),
            ("empty", "", 0o755),
            ("shebang_alone", "#!", 0o755)):
        path = os.path.join(folder, name)
        with open(path, "w", encoding="latin-1") as file:
            file.write(text)
        os.chmod(path, mode)
    os.mkdir(os.path.join(folder, "folder"))


def lines_of(calls):
    return "".join(f"$STARTS {call}\n" for call in calls)


def exec_calls(how):
    yield from (f"{way} {how} {env} $STARTS show" for way in EXECS for env in ENVIRONMENTS)
    yield from (f"{way} {how} own {file} argument" for way in EXECS for file in FILES)


def spawn_calls():
    yield from (f"{way} none {env} $STARTS show" for way in SPAWNS for env in ENVIRONMENTS)
    yield from (f"{way} none own {file} argument" for way in SPAWNS for file in FILES)


def many_variables():
    """Environments for the stack (below 64 KiB of pointers) and beyond it."""
    for count in (3000, 20000):
        for way in ("execve", "execvpe", "fexecve"):
            yield from (f"{way} {how} {count} $STARTS count" for how in ("fork", "vfork", "none"))
        yield f"posix_spawn none {count} $STARTS count"


@functools.lru_cache(maxsize=None)
def built(flavour):
    """The program for a C library, or None where its compiler is not there."""
    if flavour == "glibc":
        return STARTS
    compiler = {"musl": "musl-gcc"}[flavour]
    if shutil.which(compiler) is None:
        return None
    folder = tempfile.mkdtemp()
    path = os.path.join(folder, "starts-" + flavour)
    subprocess.run([compiler, "-O1", "-w", "-o", path, SOURCE], check=True)
    return path


class Functions:
    """Each test compares the output of a shell script full of calls. Mixed into a class per library."""

    flavour = None

    def setUp(self):
        self.program = built(self.flavour)
        if not self.program:
            self.skipTest(f"no compiler for {self.flavour}")
        self.folder = tempfile.mkdtemp(prefix="exec-")
        self.addCleanup(shutil.rmtree, self.folder, ignore_errors=True)
        self.work = os.path.join(self.folder, "work")
        os.mkdir(self.work)
        make_files(self.work)

    def run_script(self, prefix, script):
        env = {"PATH": "/usr/bin:/bin", "HOME": "/", "STARTS": self.program,
               "libm": "/lib/x86_64-linux-gnu/libm.so.6"}
        done = subprocess.run([*prefix, "/bin/sh", "-c", script], cwd=self.work, env=env,
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, timeout=240, check=False)
        return done.returncode, done.stdout.decode(errors="replace").splitlines()

    def compare(self, script, least_lines):
        report = os.path.join(self.folder, "result.json")
        plain = self.run_script([], script)
        traced = self.run_script([support.LAUNCHER, "--quiet", "-o", report, "--"], script)
        self.assertGreaterEqual(len(plain[1]), least_lines, plain)
        different = [pair for pair in zip(plain[1], traced[1]) if pair[0] != pair[1]]
        self.assertEqual([], different[:5])
        self.assertEqual((plain[0], len(plain[1])), (traced[0], len(traced[1])))
        return support.Report(report)

    def test_exec_after_fork(self):
        self.compare(lines_of(exec_calls("fork")), 500)

    def test_exec_after_vfork(self):
        self.compare(lines_of(exec_calls("vfork")), 500)

    def test_exec_in_place(self):
        self.compare(lines_of(exec_calls("none")), 250)

    def test_spawn(self):
        self.compare(lines_of(spawn_calls()), 200)

    def test_many_variables(self):
        self.compare(lines_of(many_variables()), 20)

    def test_shells(self):
        self.compare("$STARTS shells", 30)

    def test_wait_functions(self):
        self.compare("$STARTS waits", 16)

    def test_what_just_fits_still_fits(self):
        self.compare("$STARTS limit", 1)

    def test_memory_does_not_add_up(self):
        self.compare("$STARTS repeat", 1)

    def test_threads_that_start_at_once(self):
        report = self.compare("$STARTS threads", 8)
        exits = [process for process in report.data["viztracer_native"]["processes"]
                 if process["argv"][1:2] == ["exit"]]
        self.assertEqual(8 * 25, len(exits))
        for process in exits:
            self.assertEqual({"status": int(process["argv"][2])}, process["exit"])


class Glibc(Functions, unittest.TestCase):
    flavour = "glibc"

    def test_thread_cancelled_in_system(self):
        """L-CANCEL-SYSTEM"""
        plain = self.run_script([], "$STARTS cancel")
        report = os.path.join(self.folder, "result.json")
        traced = self.run_script([support.LAUNCHER, "--quiet", "-o", report, "--"], "$STARTS cancel")
        self.assertEqual((0, ["cancelled 1"]), plain)
        self.assertEqual((0, ["ended", "cancelled 1"]), traced)


class Musl(Functions, unittest.TestCase):
    flavour = "musl"


class OtherGlibc(support.TestCase):
    """The glibc that the newest interpreter runs on: it has pidfd_spawn, and other ways of popen."""

    def test_functions(self):
        if self.interpreter.root is None or self.interpreter.minor != (3, 14):
            self.skipTest("of this machine's own root")
        make_files(self.work)
        calls = [*exec_calls("vfork"), *spawn_calls(), *many_variables(), "shells", "waits"]
        self.write("calls.sh", lines_of(calls))
        env = {"STARTS": STARTS, "libm": "/lib/x86_64-linux-gnu/libm.so.6"}
        plain = self.run_argv(["/bin/sh", "calls.sh"], env=env, timeout=240)
        traced = self.traced("--", "/bin/sh", "calls.sh", env=env, timeout=240)
        self.assertIn(b"pidfd_spawn none own ./script: script ./script", plain.stdout.replace(
            b":script", b": script"))
        self.assertEqual((plain.status, plain.stdout.splitlines(), plain.stderr),
                         (traced.status, traced.stdout.splitlines(), traced.stderr))


if __name__ == "__main__":
    unittest.main()
