# SPDX-License-Identifier: Apache-2.0
"""The hosts: the interpreter itself, and ours round its library. In each of them a program that executes
itself once more, by what the kernel says it is, gets the interpreter again: daemons and updaters do that."""

import glob
import os
import unittest

import support

PROGRAM = """
    import os, sys
    def again(way): print("again", way, sys.executable, sys.prefix, sys.argv[2:], sorted(os.environ), flush=True)
    if len(sys.argv) > 1:
        again(sys.argv[1])
        sys.exit()
    import subprocess
    exe = os.readlink("/proc/self/exe")
    path = {"PATH": os.environ["PATH"]}
    def child(way): return [sys.executable or "python3", "program.py", way, "argument"]
    def wait(pid): print(os.waitpid(pid, 0)[1], flush=True)
    subprocess.run(child("link"), executable="/proc/self/exe")
    subprocess.run(child("file"), executable=exe)
    subprocess.run(child("empty"), executable=exe, env={})
    subprocess.run(child("off"), executable=exe, env={"VIZTRACER_NATIVE": "0"})
    subprocess.run(child("elsewhere"), executable=f"/proc/{os.getpid()}/exe", env=path)
    subprocess.run(["sh", "-c", f"cd /; exec /proc/{os.getpid()}/exe $0 shell argument", os.path.abspath("program.py")])
    wait(os.posix_spawn("/proc/self/exe", child("spawn"), path))
    for number, way in enumerate((lambda: os.execv("/proc/self/exe", child("0")),
                                  lambda: os.execve(os.open(exe, os.O_RDONLY), child("1"), path),
                                  lambda: os.execvp(exe, child("2")))):
        pid = os.fork()
        if pid == 0: way()
        wait(pid)
    def relative():
        os.chdir(os.path.dirname(exe))
        os.execl("./" + os.path.basename(exe), child("")[0], os.path.join(here, "program.py"), "relative")
    here = os.getcwd()
    pid = os.fork()
    if pid == 0: relative()
    wait(pid)
    os.execv("/proc/self/exe", child("itself"))
    """
TRACED = 11  # all but "off"


class Hosts(support.TestCase):
    def run_under(self, host, *target):
        traced = self.traced(*target, options=("--quiet", "--host", host))
        self.assertEqual(TRACED, len(traced.report.named("again")))
        pids = [pid for (pid, _), roots in traced.report.threads.items()
                for root in roots for call in root.walk() if call.function == "again"]
        self.assertEqual(TRACED, len(set(pids)))
        return traced

    def library(self):
        """The interpreter's libpython, or None."""
        folder = os.path.dirname(os.path.dirname(os.path.realpath(self.interpreter.path)))
        name = "libpython{}.{}.so.1.0".format(*self.interpreter.minor)
        found = [] if self.interpreter.root else glob.glob(os.path.join(folder, "lib", name))
        return found[0] if found else None

    def setUp(self):
        super().setUp()
        self.write("program.py", PROGRAM)

    def test_executing_itself(self):
        plain = self.plain("program.py")
        self.assertEqual((0, TRACED + 1), (plain.status, plain.stdout.count(b"again ")), plain.stderr)
        same = lambda outcome: [b" ".join(word for word in line.split() if not word.startswith(b"/proc/"))
                                for line in outcome.stdout.splitlines()]
        for host in ("auto", "exec", "embed") if self.library() else ("auto", "exec"):
            with self.subTest(host):
                traced = self.run_under(host, "program.py")
                self.assertEqual((plain.status, plain.stderr), (traced.status, traced.stderr))
                self.assertEqual(same(plain), same(traced))

    def test_library_without_an_interpreter(self):
        library = self.library()
        if not library:
            self.skipTest("this interpreter has no libpython of its own")
        # It looks for its files from where the command of its version is.
        os.symlink(self.interpreter.path, os.path.join(self.bin, "python{}.{}".format(*self.interpreter.minor)))
        traced = self.traced("program.py", options=("--quiet", "--python", library))
        self.assertEqual((0, b""), (traced.status, traced.stderr))
        # Only with us does the host find the library: what is switched off is recorded all the same.
        self.assertEqual(TRACED + 1, len(traced.report.named("again")))

    def test_what_the_kernel_calls_it(self):
        """The interpreter, but where a host of ours was asked for."""
        self.write("exe.py", "import os; print(os.readlink('/proc/self/exe')); print(open('/proc/self/comm').read())")
        plain = self.plain("exe.py")
        self.assertEqual(plain.parity_key(), self.traced("exe.py").parity_key())
        self.assertEqual(plain.parity_key(),
                         self.traced("exe.py", options=("--quiet", "--host", "exec")).parity_key())

    def test_the_report_names_the_interpreter(self):
        self.write("exe.py", "import os; print(os.readlink('/proc/self/exe'), flush=True); os.fork() and os.wait()")
        executable = self.plain("exe.py").stdout.decode().strip()
        for host in ("exec", "embed") if self.library() else ("exec",):
            with self.subTest(host):
                traced = self.traced("exe.py", options=("--quiet", "--host", host))
                self.assertEqual((0, b""), (traced.status, traced.stderr))
                processes = traced.report.data["viztracer_native"]["processes"]
                self.assertEqual([executable] * 2, [one["executable"] for one in processes])
                self.assertEqual([executable] * 2,
                                 [image["executable"] for one in processes for image in one["images"]])


if __name__ == "__main__":
    unittest.main()
