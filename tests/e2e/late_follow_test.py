# SPDX-License-Identifier: Apache-2.0
"""Sessions that begin in a process that runs already: what it executes meanwhile is of them, whatever executes it;
what it executes before and afterwards is not, and nothing is left of it."""

import json
import os
import re
import signal
import subprocess
import sys
import time
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))

import support
from follow_test import CHILD, FROM_PYTHON

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

# Does what the lines say that it is given: files of Python, each run in a namespace of its own.
OBEYS = """
import os, sys
print("ready", os.getpid(), flush=True)
while True:
    name = sys.stdin.readline().strip()
    if not name:
        break
    with open(name) as file:
        exec(compile(file.read(), name, "exec"), {"__name__": "told"})
    print("did", name, flush=True)
print("done", flush=True)
"""

# Says whether anything of ours is in it, or ever was. (With `env` it says it of the one that it becomes.)
LOOK = """
import subprocess, sys
LOOK = "import os; print('plain' if b'libvtn' not in open('/proc/self/environ', 'rb').read() + open('/proc/self/maps', 'rb').read() else 'ours', flush=True)"
subprocess.run([sys.executable, "-S", "-c", LOOK], check=True)
"""

HEAD = """
import os, sys, time
from viztracer_native import VizTracer
"""


class LateTestCase(support.TestCase):

    def setUp(self):
        super().setUp()
        self.write("child.py", CHILD)
        self.write("ways.py", FROM_PYTHON)
        self.write("look.py", LOOK)

    def functions(self, data):
        names = [one["name"].split(" ")[0] for one in data["traceEvents"] if one["ph"] in "XB"]
        return sorted(name.removeprefix("followed_") for name in names if name.startswith("followed_"))

    def ways_of(self, text):
        """The children that ran, as they told of themselves; none saw our entry."""
        self.assertNotIn("libvtn", text)
        return sorted(re.findall(r"^followed (\w+) (?:None)?$", text, re.M))


class Attached(LateTestCase):

    def setUp(self):
        super().setUp()
        if self.interpreter.root:
            self.skipTest("another root does not see this one's files")

    def begin(self, text=OBEYS, command=None):
        """Its pid is `target`: with a command it is what that runs."""
        argv = [*(command or [os.path.join(self.bin, "python3")]), self.write("target.py", text)]
        process = self.spawn(argv, stdin=subprocess.PIPE)
        self.addCleanup(process.wait)
        self.addCleanup(lambda: process.poll() is None and process.kill())
        for one in (process.stdin, process.stdout, process.stderr):
            self.addCleanup(one.close)
        ready, pid = process.stdout.readline().split()
        self.assertEqual(b"ready", ready)
        process.target = int(pid)
        return process

    def begin_run(self):
        """Recorded already: the shim is there from the start."""
        return self.begin(command=[support.LAUNCHER, "--quiet", "-o", os.path.join(self.reports, "run.json")])

    def tell(self, process, name):
        process.stdin.write(name.encode() + b"\n")
        process.stdin.flush()

    def obey(self, process, name):
        """Has it run that file; returns what is printed meanwhile."""
        self.tell(process, name)
        lines = []
        while not lines or lines[-1] != f"did {name}":
            line = process.stdout.readline()
            self.assertTrue(line.endswith(b"\n"), (lines, process.poll()))
            lines.append(line.decode()[:-1])
        return "\n".join(lines[:-1])

    def attach(self, process, *options, name="r.json"):
        self.output = os.path.join(self.reports, name)
        attached = self.spawn([support.LAUNCHER, "--attach", str(process.target), "-o", self.output, *options])
        self.addCleanup(attached.stdout.close)
        self.addCleanup(attached.stderr.close)
        self.assertIn(b"recording process", attached.stderr.readline())
        return attached

    def detach(self, attached):
        attached.send_signal(signal.SIGINT)
        return self.report(attached)

    def report(self, attached):
        self.said = attached.communicate(timeout=support.TIMEOUT)[1].decode()
        self.assertEqual(0, attached.returncode, self.said)
        with open(self.output, encoding="utf-8") as file:
            return json.load(file)

    def end(self, process):
        stdout, stderr = process.communicate(b"\n", timeout=support.TIMEOUT)
        self.assertEqual((0, b"done\n", b""), (process.returncode, stdout, stderr))

    def mappings(self, process):
        """Of files that are not ours, with how they are protected."""
        with open(f"/proc/{process.target}/maps", encoding="utf-8") as file:
            return [line for line in file if "/" in line and "vtn" not in line]

    def test_ways_to_start(self):
        """Also from libraries that are opened while it records."""
        for loaded_before in (False, True):
            with self.subTest(loaded_before=loaded_before):
                process = self.begin("import subprocess, ctypes\n" * loaded_before + OBEYS)
                attached = self.attach(process)
                ways = self.ways_of(self.obey(process, "ways.py"))
                data = self.detach(attached)
                self.assertGreaterEqual(len(ways), 20)
                self.assertEqual(ways, self.functions(data))
                processes = data["viztracer_native"]["processes"]
                self.assertNotIn("untraced", " ".join(one["ledger"] for one in processes if "child.py" in one["argv"]))
                self.assertIn("not a CPython", [one["ledger"] for one in processes], "the shells")
                self.assertEqual([process.target], [one["pid"] for one in processes if one["parent"] is None])
                self.assertEqual("plain", self.obey(process, "look.py"))
                self.end(process)

    def test_before_and_afterwards_it_is_as_it_was(self):
        process = self.begin()
        self.assertEqual("plain", self.obey(process, "look.py"))
        before = self.mappings(process)
        for number in range(6):
            attached = self.attach(process, name=f"r{number}.json")
            self.assertEqual("ours", self.obey(process, "look.py"))
            data = self.detach(attached)
            self.assertEqual(2, len(data["viztracer_native"]["processes"]))
            self.assertEqual("plain", self.obey(process, "look.py"))
        self.assertEqual(before, self.mappings(process))
        self.end(process)

    def test_what_runs_on_is_of_the_session_until_its_end(self):
        process = self.begin()
        self.write("starts.py", """
            import subprocess, sys
            CODE = "import sys, time; print('runs', flush=True); time.sleep(0.1)\\nfor _ in sys.stdin: pass"
            sys.child = subprocess.Popen([sys.executable, "-S", "-c", CODE], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
            print(sys.child.stdout.readline())
            """)
        self.write("waits.py", """
            import sys
            sys.child.communicate()
            print(sys.child.returncode)
            """)
        attached = self.attach(process)
        self.obey(process, "starts.py")
        data = self.detach(attached)
        child, = [one for one in data["viztracer_native"]["processes"] if one["parent"] is not None]
        self.assertEqual((True, "traced"), (child["alive_at_end"], child["ledger"]))
        self.assertEqual("0", self.obey(process, "waits.py"))
        self.end(process)

    def test_waits_for_what_was_started_and_not_for_the_process(self):
        process = self.begin()
        self.write("starts.py", """
            import subprocess, sys
            CODE = "import time\\ndef last(): pass\\nprint('runs', flush=True)\\ntime.sleep(2)\\nlast()"
            sys.child = subprocess.Popen([sys.executable, "-S", "-c", CODE], stdout=subprocess.PIPE)
            print(sys.child.stdout.readline())
            """)
        attached = self.attach(process, "--wait_children=60", "-t", "0.5")
        self.obey(process, "starts.py")
        data = self.report(attached)
        self.assertIn("last", [one["name"].split(" ")[0] for one in data["traceEvents"] if one["ph"] in "XB"])
        self.assertEqual([True, False], [one["alive_at_end"] for one in data["viztracer_native"]["processes"]])
        self.end(process)

    def test_a_process_that_executes_another_program_itself(self):
        """The launcher does not wait for a thread of ours that is gone."""
        self.write("becomes.py", """
            import os, sys
            try:
                os.execv("/nowhere/at/all", ["x"])
            except FileNotFoundError:
                pass
            os.execv(sys.executable, [sys.executable, "other.py"])
            """)
        self.write("other.py", """
            import sys
            def it_is_another(): print("other", flush=True)
            it_is_another()
            sys.stdin.readline()
            print("done", flush=True)
            """)
        for begin in (self.begin, self.begin_run):
            with self.subTest(begin.__name__):
                process = begin()
                attached = self.attach(process)
                self.tell(process, "becomes.py")
                self.assertEqual(b"other\n", process.stdout.readline())
                began = time.monotonic()
                data = self.detach(attached)
                self.assertLess(time.monotonic() - began, 20)
                self.assertIn("it_is_another", [one["name"].split(" ")[0] for one in data["traceEvents"] if one["ph"] in "XB"])
                self.assertEqual([2], [len(one["images"]) for one in data["viztracer_native"]["processes"]])
                self.end(process)

    def test_shells_of_c_that_are_under_way_at_the_end(self):
        """A stream that our popen opened is closed by whom it is known to; signals come to be what they were."""
        process = self.begin()
        self.write("opens.py", """
            import ctypes, sys, threading, os
            libc = sys.libc = ctypes.CDLL(None)
            libc.popen.restype = ctypes.c_void_p
            libc.pclose.argtypes = [ctypes.c_void_p]
            ignored = lambda: [line for line in open("/proc/self/status") if line.startswith("SigIgn")]
            sys.before, sys.ignored = ignored(), ignored
            sys.gate = os.pipe()
            sys.thread = threading.Thread(target=lambda: os.system(f"read x <&{sys.gate[0]}"))
            os.set_inheritable(sys.gate[0], True)
            sys.thread.start()
            while ignored() == sys.before:
                pass
            sys.stream = libc.popen(b"read x; exit 3", b"w")
            """)
        self.write("closes.py", """
            import os, sys
            print(sys.libc.pclose(sys.stream) >> 8, os.system("exit 5") >> 8)
            os.write(sys.gate[1], b"\\n")
            sys.thread.join()
            print(sys.ignored() == sys.before, os.waitstatus_to_exitcode(os.system("exit 4")))
            """)
        for turns in ("ac", "oa", "ad"):  # opened before or while it records, closed while it does or afterwards
            with self.subTest(turns):
                if turns[0] == "o":
                    self.obey(process, "opens.py")
                attached = self.attach(process, name=turns + ".json")
                if turns[0] == "a":
                    self.obey(process, "opens.py")
                if turns != "ad":
                    self.assertEqual("3 5\nTrue 4", self.obey(process, "closes.py"))
                self.detach(attached)
                if turns == "ad":
                    self.assertEqual("3 5\nTrue 4", self.obey(process, "closes.py"))
                self.assertEqual("plain", self.obey(process, "look.py"))
        self.end(process)

    def test_in_a_process_of_a_run(self):
        """The shim was there from the start, for another session: children are of the one that there is last."""
        run = self.begin_run()
        self.assertEqual("ours", self.obey(run, "look.py"))
        attached = self.attach(run)
        self.assertEqual("ours", self.obey(run, "look.py"))
        processes = self.detach(attached)["viztracer_native"]["processes"]
        self.assertEqual(["traced", "traced"], [one["ledger"] for one in processes])
        self.obey(run, "look.py")
        self.end(run)  # without a word of the loader's about what is not there

    def test_functions_that_were_looked_up(self):
        """L-LATE"""
        process = self.begin()
        for when in ("before", "meanwhile"):
            self.write(f"looks_up_{when}.py", f"""
                import ctypes, sys
                sys.{when} = ctypes.CDLL(None).system
                """)
            self.write(f"uses_{when}.py", f"""
                import os, sys
                python = os.path.join(os.getcwd(), "../bin/python3")
                print(sys.{when}(f"{{python}} child.py {when} && {{python}} look.py".encode()), flush=True)
                """)
        self.obey(process, "looks_up_before.py")
        attached = self.attach(process)
        self.assertIn("plain", self.obey(process, "uses_before.py"))
        self.obey(process, "looks_up_meanwhile.py")
        self.assertEqual("followed meanwhile None\nours\n0", self.obey(process, "uses_meanwhile.py"))
        self.assertEqual(["meanwhile"], self.functions(self.detach(attached)))
        for when in ("before", "meanwhile"):
            self.assertEqual(f"followed {when} None\nplain\n0", self.obey(process, f"uses_{when}.py"))
        self.end(process)


class Inside(LateTestCase):

    def setUp(self):
        super().setUp()
        self.output = os.path.join(self.reports, "inside.json")
        launcher = os.path.dirname(os.path.realpath(support.LAUNCHER))
        self.env = {"PYTHONPATH": os.path.join(ROOT, "python"), "PATH": ":".join((launcher, self.bin, "/usr/local/bin:/usr/bin:/bin")),
                    "PYTHONDONTWRITEBYTECODE": "1"}

    def inside(self, text):
        run = self.run_argv([os.path.join(self.bin, "python3"), self.write("x.py", HEAD + text), self.output], env=self.env, timeout=240)
        self.assertEqual((run.status, run.stderr), (0, b""))
        return run.stdout.decode()

    def data(self):
        with open(self.output, encoding="utf-8") as file:
            return json.load(file)

    def test_ways_to_start(self):
        said = self.inside("""
code = compile(open("ways.py").read(), "ways.py", "exec")
before = dict(os.environ)
with VizTracer(output_file=sys.argv[1], verbose=0, ignore_multiprocess=False):
    exec(code, {"__name__": "told"})
""")
        ways = self.ways_of(said)
        self.assertGreaterEqual(len(ways), 20)
        data = self.data()
        self.assertEqual(ways, self.functions(data))

    def test_the_program_alone(self):
        said = self.inside("""
look = open("look.py").read()
with VizTracer(output_file=sys.argv[1], verbose=0):
    exec(look)
""")
        self.assertEqual("plain\n", said)
        self.assertNotIn("traced", [one["ledger"] for one in self.data()["viztracer_native"]["processes"] if one["parent"] is not None])

    def test_again_and_again(self):
        said = self.inside("""
look = open("look.py").read()
exec(look)
tracer = VizTracer(output_file=sys.argv[1], verbose=0, ignore_multiprocess=False)
def now():
    maps = [line for line in open("/proc/self/maps") if "r-xp" in line or "r--p" in line or "rw-p" in line and "/" in line]
    return len(os.listdir("/proc/self/fd")), len(maps)
tracer.start(); tracer.stop()
begin = now()
for _ in range(1000):
    tracer.start()
    tracer.stop()
exec(look)
print(begin == now(), flush=True)
tracer.start()
exec(look)
tracer.stop()
tracer.max_stack_depth = 5 # another session
tracer.start()
exec(look)
tracer.stop()
exec(look)
""")
        self.assertEqual(["plain", "plain", "True", "ours", "ours", "plain"], said.split())


if __name__ == "__main__":
    unittest.main()
