# SPDX-License-Identifier: Apache-2.0
"""What a report shows of a process tree: bars, marks and arrows, names, order; and its ledger."""

import collections
import unittest

import support

PROGRAM = """
    import os, subprocess, sys

    def in_shell():
        subprocess.run(["/bin/sh", "-c", "cat /dev/null; exit 3"])

    def by_system():
        os.system("true")

    def forked():
        pid = os.fork()
        if pid == 0:
            in_child()
            os._exit(5)
        os.waitpid(pid, 0)

    def in_child():
        pass

    def chain():
        subprocess.run(["/bin/sh", "-c", f"exec nice env A=1 {sys.executable} -c 'def deep(): pass\\ndeep()'"])

    def killed():
        child = subprocess.Popen(["sleep", "600"])
        child.kill()
        child.wait()

    for function in in_shell, by_system, forked, chain, killed:
        function()
"""


class Picture(support.Report):
    """Also the ledger, marks and arrows of a report."""

    def __init__(self, path):
        super().__init__(path)
        self.processes = self.data["viztracer_native"]["processes"]
        self.marks = [event for event in self.events if event["ph"] == "i"]
        self.arrows = {}
        for event in self.events:
            if event["ph"] in ("s", "f"):
                self.arrows.setdefault(event["id"], {})[event["ph"]] = event

    def entry(self, pid):
        entry, = (process for process in self.processes if process["pid"] == pid)
        return entry

    def pids(self):
        return {process["pid"] for process in self.processes}

    def called(self, function):
        """How often each process called `function`: {pid: number}."""
        return collections.Counter(pid for (pid, _), roots in self.threads.items() for root in roots
                                   for call in root.walk() if call.function == function)

    def bars(self, pid):
        return [call for call in self.threads.get((pid, pid), []) if call.category == "process"]

    def innermost(self, event):
        """The call that is open around an event, or the bar."""
        at, found = support.nanoseconds(event["ts"]), None
        open_here = self.threads.get((event["pid"], event["tid"]), [])
        while open_here:
            inside = [call for call in open_here if call.start <= at and (call.end is None or at < call.end)]
            found = inside[0] if inside else found
            open_here = inside[0].children if inside else []
        return found

    def start_of(self, pid):
        """The mark of a process's start, and where its arrow leads."""
        mark, = (mark for mark in self.marks if mark["args"].get("pid") == pid)
        ends, = (ends for ends in self.arrows.values()
                 if all(ends["s"][key] == mark[key] for key in ("pid", "tid", "ts")))
        return mark, ends["f"]

    def process(self, *names):
        """The one process whose name begins so."""
        found = [process for process in self.processes if process["name"].startswith(names)]
        assert len(found) == 1, f"{names}: {[process['name'] for process in self.processes]}"
        return found[0]


class PicturesTest(support.TestCase):
    def picture(self, *target, options=("--quiet",), **kwargs):
        outcome = self.traced(*target, options=options, **kwargs)
        self.assertEqual((0, b""), (outcome.status, outcome.stderr))
        return Picture(outcome.report.path)

    def test_each_process_has_its_place(self):
        picture = self.picture(self.write("app.py", PROGRAM))
        app = picture.processes[0]
        self.assertEqual((None, "app.py", True), (app["parent"], app["name"], app["traced"]))

        # Programs that are not Python: bars with their command line and how they ended.
        shell = picture.process("sh -c cat")
        self.assertEqual((app["pid"], {"status": 3}, "not a CPython"),
                         (shell["parent"], shell["exit"], shell["ledger"]))
        bar, = picture.bars(shell["pid"])
        self.assertEqual((shell["start_ns"], shell["end_ns"]), (bar.start, bar.end))
        event, = (event for event in picture.events
                  if event["ph"] == "X" and event["pid"] == shell["pid"])
        self.assertEqual((["/bin/sh", "-c", "cat /dev/null; exit 3"], 3),
                         (event["args"]["argv"], event["args"]["exit_status"]))
        cat = picture.process("cat /dev/null")
        self.assertEqual(shell["pid"], cat["parent"])
        self.assertEqual({"signal": 9}, picture.process("sleep 600")["exit"])

        # The mark of a start lies in the call that made it, the arrow ends in what was started.
        for process, function in ((shell, "in_shell"), (picture.process("sleep 600"), "killed"),
                                  (picture.process("sh -c true", "sh -c -- true", "true"), "by_system")):
            mark, end = picture.start_of(process["pid"])
            self.assertEqual("start " + process["name"], mark["name"])
            call = picture.one(function)
            self.assertTrue(call.start < support.nanoseconds(mark["ts"]) < call.end, function)
            self.assertIsNotNone(picture.innermost(mark))
            self.assertEqual("e", end["bp"])
            self.assertEqual(process["name"].split()[0], picture.innermost(end).name.split()[0])
        mark, end = picture.start_of(cat["pid"])
        self.assertEqual(bar.name, picture.innermost(mark).name)

        # To a traced child, the arrow leads to what begins next on its line.
        child = next(process for process in picture.processes if process["exit"] == {"status": 5})
        mark, end = picture.start_of(child["pid"])
        self.assertEqual("posix.fork", picture.innermost(mark).name)
        self.assertEqual((child["pid"], child["pid"], None), (end["pid"], end["tid"], end.get("bp")))
        self.assertEqual({child["pid"]: 1}, picture.called("in_child"))

    def test_wrappers_and_the_python_behind_them_are_one_line(self):
        picture = self.picture(self.write("app.py", PROGRAM))
        (pid, count), = picture.called("deep").items()
        self.assertEqual(1, count)
        bars = picture.bars(pid)
        self.assertEqual(["sh", "nice", "env"], [bar.name.split()[0] for bar in bars])
        for bar, following in zip(bars, bars[1:]):
            self.assertEqual(bar.end + 1, following.start)  # they must not touch
        self.assertLess(bars[-1].end, picture.one("deep").start)
        self.assertEqual((pid, pid), picture.thread_of("deep"))
        entry = picture.entry(pid)
        self.assertTrue(entry["traced"])
        self.assertEqual(["sh", "nice", "env", "python"],
                         [image["argv"][0].rsplit("/", 1)[-1].rstrip("0123456789.")
                          for image in entry["images"] if image["by"] == "exec"])

    def test_the_order_is_the_tree(self):
        picture = self.picture(self.write("app.py", PROGRAM))
        order = {pid: at for at, pid in enumerate(picture.process_names)}
        self.assertEqual(picture.pids(), set(order))
        self.assertEqual([process["pid"] for process in picture.processes], list(order))
        for process in picture.processes:
            if process["parent"] is not None:
                self.assertLess(order[process["parent"]], order[process["pid"]])
        cat, shell = picture.process("cat"), picture.process("sh -c cat")
        self.assertEqual(order[shell["pid"]] + 1, order[cat["pid"]])

    def test_python_only(self):
        whole = self.write("app.py", """
            import subprocess, sys
            def starter():
                subprocess.run(["/bin/sh", "-c", f"{sys.executable} -c 'def inner(): pass\\ninner()'; true"])
            starter()
        """)
        picture = self.picture(whole, options=("--quiet", "--processes", "python"))
        self.assertEqual(3, len(picture.processes))
        shell = picture.process("sh -c")
        self.assertEqual(set(picture.process_names), picture.pids() - {shell["pid"]})
        self.assertEqual(set(), {event["pid"] for event in picture.events} & {shell["pid"]})
        (child, _), = picture.called("inner").items()
        mark, end = picture.start_of(child)
        call = picture.one("starter")
        self.assertTrue(call.start < support.nanoseconds(mark["ts"]) < call.end)
        self.assertEqual(child, end["pid"])

    def test_what_the_user_left_out_is_in_the_ledger(self):
        program = self.write("app.py", """
            import os, subprocess, sys
            code = "def inner(): pass\\ninner()"
            subprocess.run([sys.executable, "-c", code], env={**os.environ, "VIZTRACER_NATIVE": "0"})
            subprocess.run(["env", sys.executable, "-c", code])
            subprocess.run([sys.executable, "-c", code + " "])
        """)
        picture = self.picture(program, options=("--quiet", "--exclude_process", "env"))
        told = sorted(process["ledger"] for process in picture.processes)
        self.assertEqual(["traced", "traced", "untraced: VIZTRACER_NATIVE=0 is in its environment",
                          "untraced: it is excluded"], told)
        self.assertEqual(1, sum(picture.called("inner").values()))

    def test_a_killed_child_ends_with_its_calls(self):
        picture = self.picture(self.write("app.py", """
            import os, signal
            def stuck():
                os.write(out, b"x")
                signal.pause()
            read, out = os.pipe()
            child = os.fork()
            if child == 0:
                stuck()
            os.read(read, 1)
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)
            def afterwards(): pass
            afterwards()
        """))
        stuck, afterwards = picture.one("stuck"), picture.one("afterwards")
        self.assertLess(stuck.end, afterwards.start)
        event = next(event for event in picture.events if event["name"].startswith("stuck ("))
        self.assertEqual({"unfinished": True}, event["args"])
        end, = (mark for mark in picture.marks if not mark["name"].startswith("start "))
        self.assertEqual(("killed by SIGKILL", {"exit": {"signal": 9}}), (end["name"], end["args"]))
        self.assertLess(stuck.end, support.nanoseconds(end["ts"]))


if __name__ == "__main__":
    unittest.main()
