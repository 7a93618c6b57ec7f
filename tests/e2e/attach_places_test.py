# SPDX-License-Identifier: Apache-2.0
"""--attach, to what does not see what we see: in another root, in other namespaces, as another user."""

import json
import os
import shutil
import subprocess
import textwrap
import unittest

import support
from processes import children

TARGET = """
    import os, sys, threading, time
    def leaf(n):
        return n
    def work():
        for i in range(20):
            leaf(i)
    ended = []
    threading.Thread(target=lambda: (sys.stdin.readline(), ended.append(1)), daemon=True).start()
    print("ready", flush=True)
    while not ended:
        work()
        if sys.argv[1] == "sleepy":
            time.sleep(0.01)
    print("end", sorted(os.listdir("/dev/shm")) if sys.argv[2] == "own" else [], flush=True)
    sys.exit(7)
"""
OWN_MEMORY = "mount -t tmpfs none /dev/shm"
NOBODY = 61234


class Places(support.TestCase):

    each_way_only = True

    def setUp(self):
        super().setUp()
        if os.geteuid() != 0:
            self.skipTest("only root can go to such places")

    def start(self, *words, before=(), **kwargs):
        """The process, and the pid of the Python in it."""
        if before and self.run_argv([*before, "true"]).status != 0:
            self.skipTest(f"{before[0]} cannot make it here")
        process = self.spawn([*before, self.interpreter.path, "-c", textwrap.dedent(TARGET), *words], stdin=subprocess.PIPE,
                             cwd="/", **kwargs)
        self.addCleanup(process.communicate)
        self.addCleanup(process.kill)
        self.assertEqual(b"ready\n", process.stdout.readline())
        pid = process.pid
        while below := children(pid):
            (pid,) = below
        return process, pid

    def attach(self, pid, launcher=support.LAUNCHER):
        output = os.path.join(self.reports, "r.json")
        run = subprocess.run([launcher, "--attach", str(pid), "-t", "0.2", "-o", output], check=False,
                             capture_output=True, text=True, timeout=support.TIMEOUT)
        if run.returncode != 0:
            return run.returncode, run.stderr
        with open(output, encoding="utf-8") as file:
            data = json.load(file)
        os.remove(output)
        return 0, [one["name"].split(" ")[0] for one in data["traceEvents"] if one["ph"] in "XB"]

    def check(self, process, pid):
        for _ in range(3):
            status, names = self.attach(pid)
            self.assertEqual(0, status, names)
            self.assertGreater(names.count("leaf"), 20)
        with open(f"/proc/{pid}/maps", encoding="utf-8") as file:
            runtimes = {line.split(maxsplit=5)[5] for line in file if "libvtn_runtime" in line}
        self.assertEqual(1, len(runtimes), "what stays does not grow")
        stdout, stderr = process.communicate(b"\n", timeout=support.TIMEOUT)
        self.assertEqual((7, b""), (process.returncode, stderr))
        return stdout

    def unshare(self, *options, mounts):
        return ["unshare", *options, "--kill-child", "--fork", "sh", "-ec", f'{mounts}; exec "$@"', "sh"]

    def test_namespaces_of_its_own(self):
        """Of mounts, of processes, of users: neither our shared memory nor our libraries are there."""
        installed = os.path.dirname(os.path.realpath(support.LAUNCHER))
        hidden = f"mount -t tmpfs none {installed}"
        for how, *options in (("busy", "--mount"), ("sleepy", "--mount", "--pid", "--mount-proc"),
                              ("busy", "--user", "--map-root-user", "--mount", "--pid", "--mount-proc")):
            process, pid = self.start(how, "own", before=self.unshare(*options, mounts=f"{OWN_MEMORY}; {hidden}"))
            self.assertEqual(b"end ['vtn-0']\n", self.check(process, pid))

    def test_the_interpreters_root(self):
        """Ours, or a changed one that shares our memory."""
        process, pid = self.start("busy", "ours")
        self.check(process, pid)

    def test_another_user(self):
        def become():
            os.setgid(NOBODY)
            os.setuid(NOBODY)
        for path in (self.interpreter.path, support.LAUNCHER):
            if subprocess.run(["test", "-x", path], preexec_fn=become, check=False).returncode != 0:
                self.skipTest(f"another user does not see {path}")
        process, pid = self.start("sleepy", "ours", preexec_fn=become)
        self.check(process, pid)

    def test_what_cannot_be_is_said_in_a_line(self):
        mounts = "mount -t tmpfs -o noexec none /dev/shm; mount -t tmpfs -o noexec none /var/tmp; mount --bind /var/tmp /tmp"
        process, pid = self.start("sleepy", "own", before=self.unshare("--mount", mounts=mounts))
        status, said = self.attach(pid)
        self.assertEqual((1, 1), (status, len(said.splitlines())), said)
        self.assertRegex(said, "cannot use /dev/shm in the process's root: no library may be loaded from there")
        stdout, _ = process.communicate(b"\n", timeout=support.TIMEOUT)
        self.assertEqual((7, b"end []\n"), (process.returncode, stdout))

    def test_a_runtime_that_cannot_be_loaded_is_said_in_a_line(self):
        shim = os.path.realpath(os.path.join(os.path.dirname(support.LAUNCHER), "libvtn_shim.so"))
        tree = os.path.join(self.folder, "tree")
        os.mkdir(tree)
        for path in (support.LAUNCHER, os.path.join(os.path.dirname(support.LAUNCHER), "libvtn_enter.so"), shim):
            shutil.copy(path, os.path.join(tree, os.path.basename(path)))
        with open(os.path.join(tree, "libvtn_runtime.so"), "wb") as file:
            file.write(b"of another C library")
        process, pid = self.start("busy", "ours")
        status, said = self.attach(pid, os.path.join(tree, os.path.basename(support.LAUNCHER)))
        self.assertEqual((1, 1), (status, len(said.splitlines())), said)
        self.assertRegex(said, f"process {pid} cannot load libvtn_runtime.so")
        process.communicate(b"\n", timeout=support.TIMEOUT)
        self.assertEqual(7, process.returncode)


if __name__ == "__main__":
    unittest.main()
