# SPDX-License-Identifier: Apache-2.0
"""What a program attaches to its calls (add_func_args)."""

import json
import os
import sys
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))

import support
from module_test import Package

ATTACHED = """
import time
from viztracer import get_tracer
tracer = get_tracer()

def outer(rows, token=None):
    tracer.add_func_args("rows", [1])
    inner()
    list(map(lambda n: tracer.add_func_args("mapped", n), (1, 2)))
    tracer.add_func_args("more", "text")
    tracer.add_func_args("more", "last")
    tracer.add_func_args("token", "hidden from all")

def inner():
    tracer.add_func_args("in", 1)

def generate():
    tracer.add_func_args("step", 0)
    yield 1
    tracer.add_func_args("step", 1)
    yield 2

def raises():
    tracer.add_func_args("before", None)
    raise KeyError

def long():
    tracer.add_func_args("first", 1)
    for n in range(60_000):
        tick()
    tracer.add_func_args("second", 2)

def tick(): pass

def paused():
    tracer.pause()
    tracer.add_func_args("no", 1)
    tracer.resume()
    tracer.add_func_args("yes", 1)

def stopped():
    tracer.stop()
    tracer.start()
    tracer.add_func_args("again", 1)

outer(3)
list(generate())
try:
    raises()
except KeyError:
    pass
long()
paused()
stopped()
tracer.add_func_args("of the module", 1)
"""


class CallValues(Package):
    def test_each_is_its_own_call_s(self):
        events = self.events(ATTACHED, ph="XBi")
        told = lambda function: self.arguments(events, function)
        self.assertEqual([{"rows": "[1]", "more": "'last'", "token": "***"}], told("outer"))
        self.assertEqual([{"in": "1"}], told("inner"))
        lambdas = [one["args"]["func_args"] for one in events if "<lambda>" in one["name"] and "x.py:" in one["name"]]
        self.assertEqual([{"mapped": "1"}, {"mapped": "2"}], lambdas)
        self.assertEqual([{"step": "0"}, {"step": "1"}, {}], told("generate"), "each stretch is a call")
        self.assertEqual([{"before": "None"}], told("raises"))
        self.assertEqual([{"first": "1", "second": "2"}], told("long"), "they lie in different chunks")
        self.assertEqual([{"yes": "1"}], told("paused"))
        self.assertEqual([{"again": "1"}], [one for one in told("stopped") if one])
        self.assertEqual([{"of the module": "1"}], [one for one in told("<module>") if one])
        self.assertEqual([], [one for one in events if one["ph"] == "i"])

    def test_beside_their_arguments(self):
        events = self.events(ATTACHED, ("--log_func_args", "--log_func_retval"), ph="XBi")
        self.assertEqual([{"rows": "[1]", "token": "***", "more": "'last'"}], self.arguments(events, "outer"))
        returned, = (one["args"]["return_value"] for one in events if one["name"].startswith("outer ("))
        self.assertEqual("None", returned)

    def test_that_are_left_out(self):
        events = self.events(ATTACHED, ("--hide", "inner", "--max_stack_depth", "1"), ph="XBi")
        instants = [(one["name"], one["args"]) for one in events if one["ph"] == "i"]
        self.assertIn(("in", {"in": "1"}), instants, "of a call that is hidden")
        self.assertIn(("rows", {"rows": "[1]"}), instants, "of one that lies too deep")
        self.assertIn(("more", {"more": "'text'"}), instants)
        self.assertEqual([{"of the module": "1"}], [one for one in self.arguments(events, "<module>") if one])

    def test_in_other_reports(self):
        self.events(ATTACHED, ("-o", os.path.join(self.reports, "x.pftrace"), "-o", os.path.join(self.reports, "x.html"), "-o",
                               os.path.join(self.reports, "x.vtn")))
        with open(os.path.join(self.reports, "x.pftrace"), "rb") as file:
            data = file.read()
        self.assertTrue(b"'last'" in data)
        for report in ("x.pftrace", "x.html"):
            with self.subTest(report):
                back = os.path.join(self.reports, "back.json")
                done = self.run_argv([support.LAUNCHER, "--quiet", "--convert", os.path.join(self.reports, report), "-o", back])
                self.assertEqual(0, done.status, done.stderr)
                with open(back, encoding="utf-8") as file:
                    events = json.load(file)["traceEvents"]
                self.assertEqual([{"rows": "[1]", "more": "'last'", "token": "***"}], self.arguments(events, "outer"))
                self.assertEqual([{"of the module": "1"}], [one for one in self.arguments(events, "<module>") if one])
        debugged = self.run_argv([support.LAUNCHER, "vdb", "--batch", os.path.join(self.reports, "x.vtn")],
                                 data=b"break outer\nc\nargs\n")
        self.assertIn(b"more = 'last'", debugged.stdout)


if __name__ == "__main__":
    unittest.main()
