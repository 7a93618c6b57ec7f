# SPDX-License-Identifier: Apache-2.0
"""The collector and a tree of processes: many, stopped, killed, untraceable, in namespaces, outliving."""

import collections
import glob
import json
import os
import re
import signal
import subprocess
import sys
import unittest

from ledger import status
from processes import LAUNCHER, PATIENCE, SupervisorCase, children, comm, gone

LONG = 120  # seconds: for many processes on a loaded machine


class CollectorCase(SupervisorCase):
    def write(self, name, text):
        path = os.path.join(self.folder, name)
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)
        return path

    def run_launcher(self, *arguments, **options):
        options.setdefault("timeout", LONG)
        options.setdefault("capture_output", True)
        return subprocess.run([LAUNCHER, "-o", "out.json", *arguments], cwd=self.folder, check=False,
                              text=True, **options)

    def load(self):
        with open(os.path.join(self.folder, "out.json"), encoding="utf-8") as file:
            self.report = json.load(file)
        return self.report["viztracer_native"]["processes"]

    def calls_by_process(self, function):
        return collections.Counter(event["pid"] for event in self.report["traceEvents"]
                                   if event["ph"] in "XB" and event["name"].startswith(function + " ("))


class Many(CollectorCase):
    def test_short_ones_in_a_row(self):
        """Every one is in the ledger with its status; nothing in the collector grows with them."""
        # Meson has malloc fill what it gives, which touches pages that nobody else does.
        env = {name: value for name, value in os.environ.items() if name != "MALLOC_PERTURB_"}
        done = self.run_launcher("--quiet", self.write("many.py", """
import glob, os, subprocess, sys
def child(number): subprocess.run(["/bin/sh", "-c", f"exit {number % 256}"])
for number in range(400): child(number)
def python(): return subprocess.Popen([sys.executable, "-ISc", "def f(): pass\\nfor i in range(100): f()"])
for _ in range(6):
    for process in [python() for _ in range(4)]: process.wait()
for path in glob.glob(f"/proc/{os.getppid()}/task/*/children"):
    for pid in open(path).read().split():
        if open(f"/proc/{pid}/comm").read() == "vtn-collector\\n":
            print(os.sched_getscheduler(int(pid)) == os.SCHED_BATCH, os.sched_getscheduler(0))
            print(len(os.listdir(f"/proc/{pid}/fd")))
            print(*(line for line in open(f"/proc/{pid}/status") if line.startswith("VmHWM")))
"""), env=env)
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        # It does not take the processor from whoever wakes it, and the program is scheduled as ever.
        descriptors, peak = re.match(r"True 0\n(\d+)\nVmHWM:\s*(\d+) kB", done.stdout).groups()
        self.assertLess(int(descriptors), 40)
        self.assertLess(int(peak), 30 << 10)  # as the README has it for more processes; here are 5 MiB
        processes = self.load()
        self.assertEqual(len(processes), 1 + 400 + 24)
        shells = [process for process in processes if process["name"].startswith("sh ")]
        self.assertEqual([status(process) for process in shells], [n % 256 for n in range(400)])
        self.assertEqual({process["parent"] for process in processes[1:]}, {processes[0]["pid"]})
        calls = self.calls_by_process("f")
        self.assertEqual(sorted(calls.values()), [100] * 24)

    def test_a_chain_of_execs_is_one_process_with_one_thread(self):
        done = self.run_launcher(self.write("chain.py", """
import os, sys
def f(): pass
f()
left = int(sys.argv[1]) if len(sys.argv) > 1 else 3
if left: os.execv(sys.executable, [sys.executable, __file__, str(left - 1)])
"""))
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn("viztracer-native: 1 Python process, 1 thread, ", done.stderr)
        (process,) = self.load()
        self.assertEqual(self.calls_by_process("f"), {process["pid"]: 4})

    def test_some_stopped_killed_or_out_of_memory_among_64(self):
        done = self.run_launcher("--quiet", self.write("many.py", """
import multiprocessing, os, resource, signal
def f(): pass
def work(number):
    if number == 3:
        os.kill(os.getpid(), signal.SIGSTOP)
    if number == 5:
        for _ in range(1000): f()
        os.kill(os.getpid(), signal.SIGKILL)
    if number == 7:
        resource.setrlimit(resource.RLIMIT_AS, (200 << 20, 200 << 20))
        try:
            bytearray(10 ** 10)
        except MemoryError:
            pass
    for _ in range(5000): f()
context = multiprocessing.get_context("fork")
processes = [context.Process(target=work, args=(number,)) for number in range(64)]
for process in processes: process.start()
for process in processes:
    if process is not processes[3]: process.join()
open("stopped", "w").write(str(processes[3].pid))
os._exit(0)  # multiprocessing would wait for the stopped one
"""), capture_output=False, stderr=subprocess.DEVNULL)
        with open(os.path.join(self.folder, "stopped"), encoding="utf-8") as file:
            stopped = int(file.read())
        os.kill(stopped, signal.SIGKILL)
        self.assertEqual(done.returncode, 0)
        processes = self.load()
        self.assertEqual(len(processes), 65)
        self.assertEqual([], [process for process in processes if not process["traced"]])
        self.assertEqual([process["pid"] for process in processes if process["alive_at_end"]], [stopped])
        self.assertEqual(collections.Counter(map(status, processes)), {0: 63, -9: 1, None: 1})
        self.assertEqual(self.report["viztracer_native"]["lost_events"], 0)
        self.assertEqual(collections.Counter(self.calls_by_process("f").values()), {5000: 62, 1000: 1})
        names = {process["name"].split()[0] for process in processes[1:]}
        self.assertEqual(names, {f"ForkProcess-{number}" for number in range(1, 65)})


class Untraceable(CollectorCase):
    def test_a_python_that_cannot_be_traced_is_named(self):
        source = self.write("fake.c", "int main(void) { return 3; }\n")
        fake = os.path.join(self.folder, "python3.8")
        if subprocess.run(["gcc", "-static", "-o", fake, source], check=False,
                          capture_output=True).returncode != 0:
            self.skipTest("gcc cannot link a static program")
        done = self.run_launcher("--", "/bin/sh", "-c", "./python3.8 x.py; ls /dev/null")
        self.assertEqual(done.returncode, 0)
        fakes = [process for process in self.load() if process["name"] == "x.py"]
        self.assertEqual([status(process) for process in fakes], [3])
        self.assertEqual(fakes[0]["ledger"], "untraced: it is a static executable")
        self.assertIn("viztracer-native: 1 Python process was not traced: "
                      f"{fakes[0]['pid']} x.py (it is a static executable)\n", done.stderr)

    def test_who_is_left_out_on_purpose_is_not_complained_of(self):
        done = self.run_launcher("--exclude_process", "excluded.py", "--", "/bin/sh", "-c",
                                 f"{sys.executable} excluded.py; "
                                 f"VIZTRACER_NATIVE=0 {sys.executable} -c pass; "
                                 f"{sys.executable} -c pass")
        entries = {process["ledger"]: process["name"] for process in self.load()}
        self.assertEqual(entries.get("untraced: it is excluded"), "excluded.py")
        self.assertIn("untraced: VIZTRACER_NATIVE=0 is in its environment", entries)
        self.assertNotIn("not traced:", done.stderr)
        self.assertRegex(done.stderr, r"viztracer-native: 1 Python process and 3 others, ")


class Namespaces(CollectorCase):
    def test_pids_of_another_namespace(self):
        unshare = ["unshare", "--pid", "--fork", "--mount-proc", "--kill-child"]
        if subprocess.run([*unshare, "true"], check=False, capture_output=True).returncode != 0:
            self.skipTest("no pid namespace can be made here")
        done = self.run_launcher("--quiet", "--", *unshare, "/bin/sh", "-c",
                                 f"{sys.executable} -c 'import os, time; print(os.getpid(), flush=True)\n"
                                 "time.sleep(0.2)\ndef f(): os._exit(9)\nf()'; sleep 0.2; exit 5")
        self.assertEqual((done.returncode, done.stderr), (5, ""))
        processes = self.load()
        [python] = [process for process in processes if process["traced"]]
        self.assertNotEqual(python["pid"], int(done.stdout))  # as we see it, not as it does
        by_pid = {process["pid"]: process for process in processes}
        shell = by_pid[python["parent"]]
        self.assertEqual(shell["argv"][0], "/bin/sh")
        self.assertEqual(by_pid[shell["parent"]]["argv"][0], "unshare")
        self.assertEqual((status(python), status(shell)), (9, 5))


class LivingOn(CollectorCase):
    """What outlives the program goes on unharmed, and nothing is left when it has gone."""

    def left_folder(self, pid):
        with open(f"/proc/{pid}/maps", encoding="utf-8") as file:
            return re.search(r" (/\S*)/control \(deleted\)", file.read()).group(1)

    def test_the_link_stays_for_it_and_goes_with_it(self):
        os.mkfifo(os.path.join(self.folder, "gate"))
        done = self.run_launcher("--quiet", "--", "/bin/sh", "-c", f"""
(read line < gate; ls -d /tmp; {sys.executable} -c 'print(1)'; sh -c 'echo $LD_PRELOAD'; echo end
) > left.out 2> left.err < /dev/null &
echo $!""")
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        left = int(done.stdout)
        self.addCleanup(lambda: gone(left) or os.kill(left, signal.SIGKILL))
        folder = self.left_folder(left)
        self.assertEqual(sorted(os.listdir(folder)), ["left", "libvtn.so"])
        [entry] = [process for process in self.load() if process["pid"] == left]
        self.assertTrue(entry["alive_at_end"])
        # The next run neither takes it for a run to recover, nor away.
        done = self.run_launcher("--", "/bin/true")
        self.assertNotIn(folder, done.stderr)
        self.assertEqual(sorted(os.listdir(folder)), ["left", "libvtn.so"])
        self.write("gate", "go\n")
        self.eventually(lambda: gone(left), "the child ends")
        with open(os.path.join(self.folder, "left.err"), encoding="utf-8") as file:
            self.assertEqual(file.read(), "")
        with open(os.path.join(self.folder, "left.out"), encoding="utf-8") as file:
            self.assertEqual(file.read(), "/tmp\n1\n\nend\n")
        self.run_launcher("--quiet", "--", "/bin/true")
        self.assertFalse(os.path.exists(folder))

    def test_a_program_without_stragglers_leaves_nothing(self):
        before = set(glob.glob(f"/dev/shm/vtn-{os.getuid()}/*"))
        done = self.run_launcher("--quiet", "--", "/bin/sh", "-c", "ls /proc/$PPID/fd > /dev/null; true &")
        self.assertEqual(done.returncode, 0)
        ours = set(glob.glob(f"/dev/shm/vtn-{os.getuid()}/*")) - before
        self.assertEqual([folder for folder in ours if self.belongs_here(folder)], [])

    def belongs_here(self, folder):
        return os.path.realpath(folder + "/spool").startswith(os.path.realpath(self.folder))

    def test_recovery_knows_the_processes(self):
        process = self.start("-o", "out.json", "--", "/bin/sh", "-c",
                             f"ls -d /tmp; {sys.executable} -c 'def f(): input()\nf()'; true")
        python = self.grandchild(process)
        collector = self.collector_of(process)
        for pid in (collector, process.pid, python):
            os.kill(pid, signal.SIGKILL)
        process.wait(PATIENCE)
        self.eventually(lambda: gone(collector) and gone(python), "all are gone")
        [folder] = self.sessions()
        done = subprocess.run([LAUNCHER, "--quiet", "--recover", folder, "-o", "out.json"],
                              cwd=self.folder, check=False, capture_output=True, text=True, timeout=LONG)
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        processes = self.load()
        self.assertEqual([process["name"][:2] for process in processes], ["sh", "ls", "py"])
        self.assertEqual([process["traced"] for process in processes], [False, False, True])
        self.assertEqual(self.calls_by_process("f"), {python: 1})
        self.assertFalse(os.path.exists(folder))

    def grandchild(self, process):
        found = []

        def look():
            shells = [pid for pid in children(process.pid) if comm(pid) == "sh"]
            found[:] = [pid for shell in shells for pid in children(shell)
                        if comm(pid).startswith("python") and waits(pid)]
            return found

        self.eventually(look, "the program waits for input")
        return found[0]


def waits(pid):
    """It reads from its standard input."""
    try:
        with open(f"/proc/{pid}/syscall", encoding="utf-8") as file:
            return file.read().startswith("0 0x0 ")
    except OSError:
        return False


if __name__ == "__main__":
    unittest.main()
