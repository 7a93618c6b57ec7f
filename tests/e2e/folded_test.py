# SPDX-License-Identifier: Apache-2.0
"""Reports with more calls than their viewers take: short calls are put together, counted, and said to be so."""

import collections
import json
import os
import unittest

import support

PROGRAM = """
    import threading

    def leaf(n):
        return n

    def generator(n):
        for i in range(n):
            yield leaf(i)

    def node(n):
        for i in range(n):
            leaf(i)
        if n % 7 == 3:
            raise KeyError(n)

    def work():
        for i in range(200):
            try:
                node(i % 40)
            except KeyError:
                pass
        sum(generator(300))

    threads = [threading.Thread(target=work) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
"""


def slices(report):
    return [event for event in report["traceEvents"] if event["ph"] in "XB" and event["cat"] in ("FEE", "folded")]


class Folded(support.TestCase):
    each_way_only = True

    def record(self, *options):
        """What was said."""
        self.write("app.py", PROGRAM)
        outcome = self.run_argv([support.LAUNCHER, *options, "-o", os.path.join(self.reports, "r.json"), "app.py"])
        self.assertEqual(0, outcome.status, outcome.stderr)
        return outcome.stderr.decode()

    def convert(self, source, name, *options):
        outcome = self.run_argv([support.LAUNCHER, *options, "--convert", os.path.join(self.reports, source), "-o",
                                 os.path.join(self.reports, name)])
        self.assertEqual(0, outcome.status, outcome.stderr)
        return outcome.stderr.decode()

    def read(self, name):
        with open(os.path.join(self.reports, name), encoding="utf-8") as file:
            return json.load(file)

    def test_every_call_is_kept_or_counted(self):
        said = self.record("--report_limit", "2000")
        report = self.read("r.json")
        folded = report["viztracer_metadata"]["folded"]
        self.assertGreater(folded["below_ns"], 0)
        folds = [event for event in slices(report) if event["cat"] == "folded"]
        self.assertEqual(folded["folds"], len(folds))
        self.assertLess(len(slices(report)), 3000)
        self.assertEqual(folded["slices"], sum(event["args"]["calls"] for event in folds))
        # All of it is in the recording that was kept.
        self.assertIn("r.json: calls shorter than", said)
        self.assertIn("each call is in " + os.path.join(self.reports, "r.json.vtn"), said)
        self.convert("r.json.vtn", "full.json", "--full")
        full = self.read("full.json")
        self.assertNotIn("folded", full["viztracer_metadata"])
        self.assertEqual(full["viztracer_native"]["calls"], report["viztracer_native"]["calls"])
        expected = collections.Counter((event["tid"], event["name"]) for event in slices(full))
        found = collections.Counter()
        longest_ns = 0
        for event in slices(report):
            if event["cat"] != "folded":
                found[event["tid"], event["name"]] += 1
                continue
            self.assertEqual(event["args"]["calls"], sum(event["args"]["functions"].values()))
            self.assertGreater(event["args"]["calls"], 1)
            self.assertLessEqual(event["args"]["busy_us"], event["dur"])
            for name, calls in event["args"]["functions"].items():
                found[event["tid"], name] += calls
            first = max(event["args"]["functions"].values())
            self.assertTrue(event["name"].startswith("folded: "), event["name"])
            self.assertTrue(any(name in event["name"] for name, calls in event["args"]["functions"].items() if calls == first), event)
        self.assertEqual(expected, found)
        # Those that are long are all there, as they were.
        def long(events):
            return sorted((event["tid"], event["ts"], event["dur"], event["name"]) for event in events
                          if event["cat"] == "FEE" and event["ph"] == "X" and round(event["dur"] * 1000) >= folded["below_ns"])
        self.assertEqual(long(slices(full)), long(slices(report)))

    def test_perfettos_own_is_folded_as_well(self):
        self.record("--report_limit", "2000")
        said = self.convert("r.json.vtn", "r.pftrace", "--report_limit", "2000")
        self.assertIn("r.pftrace: calls shorter than", said)
        # Read back: as many slices, of the same times.
        self.convert("r.pftrace", "back.json")
        def times(events):
            return sorted((event["ts"], event["dur"], event["name"]) for event in events if event["ph"] == "X")
        self.assertEqual(times(slices(self.read("r.json"))), times(slices(self.read("back.json"))))

    def test_a_folded_report_that_is_imported_tells_what_it_lacks(self):
        self.record("--report_limit", "2000")
        self.convert("r.json", "r.summary.json")
        summary = self.read("r.summary.json")
        folds = [event for event in slices(self.read("r.json")) if event["cat"] == "folded"]
        folded = collections.Counter()
        for event in folds:
            folded.update(event["args"]["functions"])
        self.assertEqual(summary["slices"] - len(folds) + sum(folded.values()), self.read("r.json")["viztracer_native"]["calls"])
        self.assertEqual(sum(folded.values()), sum(entry["calls"] for entry in summary["left_out"]))

    def test_functions_of_one_name_are_one(self):
        """Each dataclass has an __init__ (<string>:2), and a generator that goes on has its function's name."""
        self.write("app.py", """
            import dataclasses

            def make(name):
                return dataclasses.make_dataclass(name, ["x"])

            def generator():
                yield 1
                yield 2

            first, second = make("First"), make("Second")
            for i in range(3000):
                first(i)
                second(i)
                sum(generator())
        """)
        path = os.path.join(self.reports, "r.json")
        outcome = self.run_argv([support.LAUNCHER, "--quiet", "--report_limit", "1000", "-o", path, "app.py"])
        self.assertEqual(0, outcome.status, outcome.stderr)

        def no_key_twice(pairs):
            self.assertEqual(len(pairs), len({key for key, _ in pairs}), pairs)
            return dict(pairs)
        with open(path, encoding="utf-8") as file:
            report = json.load(file, object_pairs_hook=no_key_twice)
        folds = [event for event in slices(report) if event["cat"] == "folded"]
        self.assertTrue(any("__init__ (<string>" in name for event in folds for name in event["args"]["functions"]))
        for event in folds:
            self.assertEqual(event["args"]["calls"], sum(event["args"]["functions"].values()))
            names = event["name"].removeprefix("folded: ").removesuffix(", ...").split(", ")
            self.assertEqual(len(names), len(set(names)), event["name"])

    def test_a_recording_that_was_cut(self):
        self.write("app.py", PROGRAM)
        whole, cut = (os.path.join(self.reports, name) for name in ("whole.vtn", "cut.vtn"))
        self.assertEqual(0, self.run_argv([support.LAUNCHER, "--quiet", "-o", whole, "app.py"]).status)
        with open(whole, "rb") as source, open(cut, "wb") as target:
            target.write(source.read()[:os.path.getsize(whole) * 3 // 4])
        found = []
        for options in (("--report_limit", "1000"), ("--full",)):
            path = os.path.join(self.reports, f"{options[0]}.json")
            outcome = self.run_argv([support.LAUNCHER, "--quiet", *options, "--recover", cut, "-o", path])
            self.assertEqual(0, outcome.status, outcome.stderr)
            found.append(self.read(path))
        self.assertIn("folded", found[0]["viztracer_metadata"])
        for report in found:
            self.assertFalse(report["viztracer_native"]["complete"])
        for key in ("calls", "cut_calls", "stray_ends", "lost_events", "exit"):
            self.assertEqual(found[1]["viztracer_native"][key], found[0]["viztracer_native"][key], key)
        self.assertEqual(found[1]["file_info"], found[0]["file_info"])

    def test_no_room_for_what_is_folded(self):
        self.record("--report_limit", "2000")
        recording, path = (os.path.join(self.reports, name) for name in ("r.json.vtn", "small.json"))
        outcome = self.run_argv(["sh", "-c", 'ulimit -f 8; exec "$@"', "sh", support.LAUNCHER, "--report_limit", "2000", "--convert", recording,
                                 "-o", path])
        self.assertEqual(1, outcome.status)
        self.assertEqual(f"viztracer-native: cannot write a temporary file in {self.reports}: File too large",
                         outcome.stderr.decode().splitlines()[0])
        self.assertFalse(os.path.exists(path))

    def test_what_fits_is_not_folded_and_full_folds_nothing(self):
        for options in ((), ("--full", "--report_limit", "1000")):
            with self.subTest(options):
                said = self.record(*options)
                self.assertNotIn("folded", said)
                self.assertNotIn("folded", self.read("r.json")["viztracer_metadata"])
                self.assertFalse(os.path.exists(os.path.join(self.reports, "r.json.vtn")))


if __name__ == "__main__":
    unittest.main()
