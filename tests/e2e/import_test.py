# SPDX-License-Identifier: Apache-2.0
"""Reports of other formats are taken for recordings: what is made of them is what is made of the recording itself."""

import collections
import gzip
import json
import os
import re
import unittest

import support

PROGRAM = """
    import os
    import subprocess
    import sys
    import threading

    def leaf(n):
        return n * 2

    def recursive(n):
        return leaf(n) if n == 0 else recursive(n - 1)

    def numbers(n):
        for i in range(n):
            yield leaf(i)

    def deep(n):
        return deep(n - 1) if n else leaf(0)

    def work():
        for n in range(300):
            recursive(n % 7)
        sum(numbers(20))

    threads = [threading.Thread(target=work, name=f"worker-{n}") for n in range(3)]
    for thread in threads:
        thread.start()
    work()
    sys.setrecursionlimit(5000)
    deep(1200)
    for thread in threads:
        thread.join()
    if len(sys.argv) == 1:
        subprocess.run([sys.executable, __file__, "again"])
        subprocess.run(["true"])
        if (pid := os.fork()) == 0:
            work()
            os._exit(3)
        os.waitpid(pid, 0)
"""

# As VizTracer writes it: calls in the order in which they ended, floats as Python has them, a call that never ended, marks.
VIZTRACER = {
    "traceEvents": [
        {"ph": "M", "pid": 70, "tid": 70, "name": "process_name", "args": {"name": "MainProcess"}},
        {"ph": "M", "pid": 70, "tid": 71, "name": "thread_name", "args": {"name": "Dummy-1"}},
        {"pid": 70, "tid": 70, "ts": 2400.5, "ph": "X", "cat": "fee", "dur": 0.11000007846507584, "name": "builtins.len"},
        {"pid": 70, "tid": 71, "ts": 2400.1, "ph": "X", "cat": "fee", "dur": 9.25, "name": "g (/t/x.py:9)"},
        {"pid": 70, "tid": 70, "ts": 2400.25, "ph": "X", "cat": "fee", "dur": 1.5, "name": "f (/t/x.py:3)",
         "args": {"func_args": {"n": "1"}, "return_value": "'r'"}},
        {"pid": 70, "tid": 70, "ts": 2402.0, "ph": "i", "cat": "instant", "s": "p", "name": "Variable Assign - x = 3", "args": None},
        {"pid": 70, "tid": 70, "ts": 2402.5, "ph": "C", "name": "garbage collection",
         "args": {"collecting": 1, "collected": 0, "uncollectable": 0}},
        {"pid": 70, "tid": 70, "ts": 2400.0, "ph": "B", "cat": "fee", "name": "<module> (/t/x.py:1)"},
    ],
    "viztracer_metadata": {"version": "1.1.1", "overflow": False, "baseTimeNanoseconds": 1795000000000000000},
    "file_info": {"files": {"/t/x.py": ["def f(n):\n    pass\n", 2]}, "functions": {"f (/t/x.py:3)": ["/t/x.py", 3]}},
}


def within_a_packet(trace, end):
    """Where to cut a Perfetto trace near `end`: one that is cut between two packets is a whole trace, for all that can be told."""
    at = 0
    while at < end:
        size, shift, at = 0, 0, at + 1  # each packet is field 1 of the trace
        while trace[at] >= 0x80:
            size, shift, at = size | (trace[at] & 0x7f) << shift, shift + 7, at + 1
        at += (trace[at] << shift | size) + 1
    return end - 1 if at == end else end


def sums(functions):
    """Calls, own and total time by function; a JSON report does not tell a class from a function of C."""
    found = collections.Counter()
    for function in functions:
        for key in ("calls", "own_ns", "total_ns"):
            found[function["name"], function["file"], function["line"], key] += function[key]
    return found


class Import(support.TestCase):
    each_way_only = True

    def read(self, path):
        with open(path, encoding="utf-8") as file:
            return json.load(file, parse_float=str)

    def convert(self, source, *outputs, options=("--quiet",), how="--convert", status=0):
        """The paths of the outputs."""
        paths = [os.path.join(self.reports, name) for name in outputs]
        argv = [support.LAUNCHER, *options, how, source]
        for path in paths:
            argv += ["-o", path]
        self.outcome = self.run_argv(argv)
        self.assertEqual(status, self.outcome.status, self.outcome.stderr)
        return paths

    def record(self):
        self.write("prog.py", PROGRAM)
        recorded = self.traced("prog.py", report="result.vtn").report_path
        return recorded, self.convert(recorded, "a.json", "a.json.gz", "a.pftrace", "a.summary.json")

    def test_what_is_made_of_a_report_is_what_is_made_of_its_recording(self):
        _, (plain, packed, trace, summary) = self.record()
        wanted = self.read(summary)
        for source in (plain, packed, trace):
            with self.subTest(source):
                imported, again = self.convert(source, "b.summary.json", "b.json")
                found = self.read(imported)
                told = source != trace  # of slices of generators that they are no calls
                self.assertEqual(wanted["slices"], found["slices"])
                self.assertEqual(wanted["command"], found["command"])
                self.assertEqual([(one["pid"], one["name"], one["own_ns"]) for one in wanted["processes"]],
                                 [(one["pid"], one["name"], one["own_ns"]) for one in found["processes"]])
                for process, same in zip(wanted["processes"], found["processes"]):
                    self.assertEqual([(one["tid"], one["name"]) for one in process["threads"]],
                                     [(one["tid"], one["name"]) for one in same["threads"]])
                    for one, other in [(process, same), *zip(process["threads"], same["threads"])]:
                        left, right = sums(one["functions"]), sums(other["functions"])
                        if not told:
                            left, right = ({key: value for key, value in each.items() if key[3] != "calls"}
                                           for each in (left, right))
                        self.assertEqual(left, right)
                # Event for event, processes and programs among them.
                def shown(report):
                    return collections.Counter(
                        json.dumps({key: value for key, value in event.items() if told or key != "resumed"}, sort_keys=True)
                        for event in report["traceEvents"] if event["ph"] not in "sf")
                self.assertEqual(shown(self.read(plain)), shown(self.read(again)))

    def test_the_ledger_of_a_json_report_is_kept(self):
        _, (plain, *_) = self.record()
        again, = self.convert(plain, "b.json")
        for process in self.read(plain)["viztracer_native"]["processes"]:
            other = next(one for one in self.read(again)["viztracer_native"]["processes"] if one["pid"] == process["pid"])
            for key in process:
                if key not in ("images", "notices"):
                    self.assertEqual(process[key], other[key], key)
        self.assertEqual(self.read(plain)["file_info"], self.read(again)["file_info"])
        self.assertEqual(self.read(plain)["viztracer_native"]["exit"], self.read(again)["viztracer_native"]["exit"])

    def test_a_report_of_viztracer(self):
        source = os.path.join(self.work, "viz.json.gz")
        with gzip.open(source, "wt", encoding="utf-8") as file:
            json.dump(VIZTRACER, file)
        again, summary = self.convert(source, "v.json", "v.summary.json", options=())
        self.assertIn(b"viz.json.gz is imported first\n", self.outcome.stderr)
        report = self.read(again)
        events = {(event["ph"], event["tid"], event["ts"], event.get("dur"), event["name"]): event.get("args")
                  for event in report["traceEvents"] if event["ph"] != "M"}
        self.assertEqual({
            ("X", 70, "2400.500", "0.110", "builtins.len"): None,
            ("X", 71, "2400.100", "9.250", "g (/t/x.py:9)"): None,
            ("X", 70, "2400.250", "1.500", "f (/t/x.py:3)"): {"func_args": {"n": "1"}, "return_value": "'r'"},
            ("i", 70, "2402.000", None, "Variable Assign - x = 3"): {"value": "3"},
            ("C", 70, "2402.500", None, "garbage collection.collecting"): {"value": 1},
            ("C", 70, "2402.500", None, "garbage collection.collected"): {"value": 0},
            ("C", 70, "2402.500", None, "garbage collection.uncollectable"): {"value": 0},
            ("B", 70, "2400.000", None, "<module> (/t/x.py:1)"): None,
        }, events)
        # The text that the report had: there is no such file here.
        self.assertEqual(VIZTRACER["file_info"]["files"], report["file_info"]["files"])
        self.assertEqual(1795000000000000000, report["viztracer_metadata"]["baseTimeNanoseconds"])
        self.assertEqual("MainProcess", self.read(summary)["processes"][0]["name"])
        self.assertEqual("viztracer-native", self.read(summary)["recorded_by"].split()[0])
        self.assertIn("imported from VizTracer 1.1.1", self.read(summary)["recorded_by"])

    def test_a_trace_that_begins_like_a_page(self):
        """Its first packet has 60 bytes: a new line and a '<'."""
        _, (_, _, trace, summary) = self.record()
        like = os.path.join(self.work, "like.pftrace")
        with open(trace, "rb") as source, open(like, "wb") as file:
            file.write(b"\x0a\x3c" + b"\xa2\x06\x39" + b"h" * 57 + source.read())
        found, = self.convert(like, "like.summary.json")
        self.assertEqual(self.read(summary)["slices"], self.read(found)["slices"])

    def test_info_of_what_is_imported(self):
        undated = {**VIZTRACER, "viztracer_metadata": {"version": "1.1.1", "overflow": False}}
        for report, date in ((VIZTRACER, "2026-11-18 "), (undated, "when is not known, ")):
            path = os.path.join(self.reports, "viz.json")
            with open(path, "w", encoding="utf-8") as file:
                json.dump(report, file)
                file.write(" " * 123_456)
            shown = self.run_argv([support.LAUNCHER, "info", path]).stdout.decode()
            self.assertRegex(shown, rf"(?m)^file +{re.escape(path)}: {os.path.getsize(path) / 1e3:.1f} kB, imported$")
            self.assertRegex(shown, rf"(?m)^recorded +{date}")

    def test_what_cannot_be_imported_is_one_line(self):
        _, (plain, packed, trace, _) = self.record()
        for source in (plain, packed, trace):
            with open(source, "rb") as file:
                whole = file.read()
            cut = os.path.join(self.work, "cut" + os.path.basename(source))
            end = len(whole) * 2 // 3
            with open(cut, "wb") as file:
                file.write(whole[:within_a_packet(whole, end) if source == trace else end])
            with self.subTest(source):
                self.convert(cut, "c.summary.json", status=1)
                lines = self.outcome.stderr.decode().splitlines()
                self.assertEqual(1, len(lines), lines)
                self.assertIn("offset", lines[0])
                found, = self.convert(cut, "c.summary.json", how="--recover")
                self.assertGreater(self.read(found)["slices"], 100)
        for text in ("", "hello", "{", "[1, 2]", '{"a": 1}', "<html></html>", "\x0a\x05ab"):
            bad = os.path.join(self.work, "bad.json")
            with open(bad, "w", encoding="utf-8") as file:
                file.write(text)
            with self.subTest(text):
                self.convert(bad, "c.json", status=1)
                self.assertEqual(1, len(self.outcome.stderr.decode().splitlines()), self.outcome.stderr)


if __name__ == "__main__":
    unittest.main()
