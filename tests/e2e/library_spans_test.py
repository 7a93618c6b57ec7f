# SPDX-License-Identifier: Apache-2.0
"""Spans that the program makes by OpenTelemetry's SDK: told as they are, with nothing of ours in the program."""

import json
import os
import shutil
import unittest

import venvs
from support import TestCase

BEGIN = """
import asyncio, json, os, sys, threading, time
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
exporter = InMemorySpanExporter()
provider = TracerProvider()
provider.add_span_processor(SimpleSpanProcessor(exporter))
tracer = provider.get_tracer("the.scope")
def tell():
    for span in exporter.get_finished_spans():
        print(json.dumps([span.name, span.start_time, span.end_time, format(span.context.trace_id, "032x"),
                          format(span.context.span_id, "016x")]), flush=True)
"""
# What two clocks of one machine may be apart after both were read and carried on.
APART_NS = 1_000_000


@unittest.skipUnless(venvs.bases(), "no interpreter that packages can be installed for")
class Spans(TestCase):
    """The packages are Python alone: those of one environment serve every interpreter."""

    def setUp(self):
        super().setUp()
        base = venvs.bases()[0]
        self.packages = os.path.join(venvs.need("telemetry", base), "lib", "python{}.{}".format(*base.minor),
                                     "site-packages")
        if self.interpreter.root is not None:  # which sees this machine's /tmp
            inside = os.path.join(self.folder, "packages")
            shutil.copytree(self.packages, inside, ignore=shutil.ignore_patterns("pip*", "setuptools*", "__pycache__"))
            self.packages = inside

    def run_program(self, text, *options, begin=BEGIN):
        """(the outcome, what the program knows of its spans)"""
        self.write("x.py", begin)
        with open(os.path.join(self.work, "x.py"), "a", encoding="utf-8") as file:
            file.write(text)
        outcome = self.traced("x.py", options=("--quiet", *options), env={"PYTHONPATH": self.packages})
        self.assertEqual((0, b""), (outcome.status, outcome.stderr.replace(b"Calling end() on an ended span.\n", b"")))
        return outcome, [json.loads(line) for line in outcome.stdout.splitlines() if line.startswith(b"[")]

    def spans(self, outcome):
        """[(name, start_ns, end_ns, values)] in order of their starts; times are the wall clock's."""
        base = int(outcome.report.metadata["baseTimeNanoseconds"])
        begun = {event["id"]: event for event in outcome.report.events if event["ph"] == "b"}
        ended = {event["id"]: event for event in outcome.report.events if event["ph"] == "e"}
        self.assertEqual(begun.keys(), ended.keys())
        return sorted((event["name"], base + event["ts"], base + ended[key]["ts"], event.get("args", {}))
                      for key, event in begun.items())

    def assert_told(self, outcome, known):
        """Each of them once, at its own times."""
        told = {values["span_id"].strip("'"): (name, start, end, values["trace_id"].strip("'"))
                for name, start, end, values in self.spans(outcome)}
        self.assertEqual(sorted(span[4] for span in known), sorted(told))
        for name, start, end, trace_id, span_id in known:
            self.assertEqual((name, trace_id), (told[span_id][0], told[span_id][3]))
            self.assertLess(abs(told[span_id][1] - start), APART_NS)
            self.assertLess(abs(told[span_id][2] - end), APART_NS)
            self.assertLess(abs((told[span_id][2] - told[span_id][1]) - (end - start)), APART_NS // 10)

    NESTED = """
with tracer.start_as_current_span("outer", kind=trace.SpanKind.SERVER, attributes={"http.method": "GET", "n": 3}) as outer:
    with tracer.start_as_current_span("inner") as inner:
        inner.set_attribute("api_key", "not to be told")
        inner.add_event("cache miss", {"size": 7})
try:
    with tracer.start_as_current_span("fails"):
        raise ValueError("no")
except ValueError:
    pass
tell()
"""

    def test_names_values_and_times(self):
        outcome, known = self.run_program(self.NESTED)
        self.assertEqual(3, len(known))
        self.assert_told(outcome, known)
        values = {name: told for name, _, _, told in self.spans(outcome)}
        ids = {name: span_id for name, _, _, _, span_id in known}
        self.assertEqual(("'SERVER'", "'GET'", "3", "'the.scope'"), tuple(
            values["outer"][key] for key in ("span.kind", "http.method", "n", "otel.scope.name")))
        self.assertNotIn("parent_id", values["outer"])
        self.assertEqual((f"'{ids['outer']}'", "***"), (values["inner"]["parent_id"], values["inner"]["api_key"]))
        self.assertNotIn("otel.status_code", values["inner"])
        self.assertEqual(("'ERROR'", "'ValueError: no'"), (
            values["fails"]["otel.status_code"], values["fails"]["otel.status_description"]))
        instants = {event["name"]: event["args"] for event in outcome.report.events if event["ph"] == "i"}
        self.assertEqual({"span_id": f"'{ids['inner']}'", "size": "7"}, instants["cache miss"])
        self.assertEqual("'ValueError'", instants["exception"]["exception.type"])

    def test_whatever_else_is_recorded(self):
        """Also of functions that filters hide, and with handlers that do something else as well."""
        for options in (("--mine",), ("--only", "nothing"), ("--log_sparse",), ("--ignore_c_function",),
                        ("--log_func_args", "--log_func_retval", "--log_exception", "--log_lines", "--log_var", "span"),
                        ("--ignore_c_function", "--log_func_retval", "--max_stack_depth", "1")):
            with self.subTest(options=options):
                outcome, known = self.run_program(self.NESTED, *options)
                self.assertEqual(3, len(known))
                self.assert_told(outcome, known)

    def test_a_budget_does_not_switch_them_off(self):
        if self.interpreter.minor < (3, 12):
            self.skipTest("--budget is of 3.12 and later")
        outcome, known = self.run_program("""
for i in range(300):
    with tracer.start_as_current_span("again"):
        pass
tell()
""", "--budget", "20")
        self.assertEqual(300, len(known))
        self.assert_told(outcome, known)

    def test_they_are_left_out_where_they_are_not_wanted(self):
        outcome, known = self.run_program(self.NESTED, "--no_library_spans")
        self.assertEqual(3, len(known))
        self.assertEqual([], self.spans(outcome))
        self.assertEqual([], [event for event in outcome.report.events if event["ph"] == "i"])
        self.assertTrue(outcome.report.named("Span.end" if self.interpreter.minor > (3, 10) else "end"))

    def test_tasks_threads_and_children(self):
        outcome, known = self.run_program("""
async def work():
    with tracer.start_as_current_span("task"):
        await asyncio.sleep(0.01)
async def tasks():
    await asyncio.gather(*(work() for _ in range(3)))
import warnings
warnings.simplefilter("ignore")  # of 3.12 and later, about forks beside threads
asyncio.run(tasks())
handed_on = tracer.start_span("ends elsewhere")
thread = threading.Thread(target=handed_on.end)
thread.start()
thread.join()
before = tracer.start_span("before the fork")
tell()
exporter.clear()
if os.fork() == 0:
    with tracer.start_as_current_span("of the child"):
        before.end()
    tell()
    sys.stdout.flush()
    os._exit(0)
os.wait()
""")
        self.assertEqual(["before the fork", "ends elsewhere", "of the child", "task", "task", "task"],
                         sorted(span[0] for span in known))
        self.assert_told(outcome, known)

    def test_one_that_ends_is_told_once_and_one_that_does_not_is_not(self):
        outcome, known = self.run_program("""
never = tracer.start_span("never ends")
again = tracer.start_span("ends again")
again.end()
again.end()
class Broken(SimpleSpanProcessor):
    def on_end(self, span):
        raise OSError("no room")
broken = TracerProvider()
broken.add_span_processor(SimpleSpanProcessor(exporter))
broken.add_span_processor(Broken(exporter))
try:
    broken.get_tracer("its").start_span("its processor fails").end()
except OSError as error:
    print(error)
tell()
""")
        self.assertEqual(["ends again", "its processor fails"], sorted(span[0] for span in known))
        self.assertIn(b"no room", outcome.stdout)
        self.assert_told(outcome, known)

    def test_times_of_its_own(self):
        """Within the recording they are where the span is drawn; what is not is a value."""
        outcome, known = self.run_program("""
now = time.time_ns()
span = tracer.start_span("before", start_time=now - 3_000_000)
span.end(end_time=now - 1_000_000)
tell()
exporter.clear()
tracer.start_span("long ago", start_time=5).end(end_time=7)
tracer.start_span("to come", start_time=time.time_ns()).end(end_time=time.time_ns() + 3_600_000_000_000)
print(*sum(([span.start_time, span.end_time] for span in exporter.get_finished_spans()), []))
""")
        told = {name: (start, end, values) for name, start, end, values in self.spans(outcome)}
        self.assertLess(abs(told["before"][0] - known[0][1]), APART_NS)
        self.assertLess(abs(told["before"][1] - known[0][2]), APART_NS)
        self.assertNotIn("start_time", told["before"][2])
        self.assertEqual(("5", "7"), (told["long ago"][2]["start_time"], told["long ago"][2]["end_time"]))
        self.assertLess(abs(told["long ago"][0] - known[0][1]), 60_000_000_000)
        come = outcome.stdout.split()[-1].decode()
        self.assertEqual(come, told["to come"][2]["end_time"])
        self.assertLess(told["to come"][1] - known[0][1], 60_000_000_000)

    def test_no_code_of_the_program_runs(self):
        """Spans of a class that would tell of every look at it, and values that would."""
        text = """
from opentelemetry.sdk.trace import _Span
class Loud(str):
    def __repr__(self): print("repr"); return "loud"
    __str__ = __hash__ = __len__ = __repr__
class Told(_Span):
    looked = []
    @property
    def _status(self): self.looked.append("status"); return self.__dict__["_status"]
    @_status.setter
    def _status(self, status): self.__dict__["_status"] = status
    def __getattr__(self, name):
        self.looked.append(name)
        raise AttributeError(name)
span = tracer.start_span("plain")
span.__class__ = Told
span._name = Loud("loud")
print(sys.getrefcount(span), sorted(span.__dict__))
span.end()
print(Told.looked, sys.getrefcount(span), sorted(span.__dict__), sys.gettrace(), sys.getprofile())
"""
        self.write("y.py", BEGIN + text)
        env = {"PYTHONPATH": self.packages}
        plain = self.plain("y.py", env=env)
        for options in ("--repr", "all"), ("--ignore_c_function",):
            traced = self.traced("y.py", env=env, options=("--quiet", *options))
            self.assertEqual(plain.parity_key(), traced.parity_key())
            self.assertEqual(0, plain.status)
            self.assertEqual(1, len(self.spans(traced)))

    def test_names_that_are_made_as_the_program_runs(self):
        """Each is kept for good, so a process makes so many and no more."""
        outcome, known = self.run_program("""
for i in range(1010):
    tracer.start_span(f"name {i}").end()
tell()
""", "--mine")
        told = self.spans(outcome)
        self.assertEqual(1010, len(told))
        self.assertEqual(10, sum(1 for name, _, _, _ in told if name == "span"))
        self.assertEqual({span[0] for span in known}, {
            values["name"].strip("'") if name == "span" else name for name, _, _, values in told})

    def test_functions_that_are_only_named_so(self):
        """Another package's: neither its file nor its parameters are those."""
        self.write("opentelemetry_like/trace.py", """
            class Span:
                def __init__(self): self._start_time, self._end_time, self._name = 1, None, "no"
                def end(self, end_time=None): self._end_time = 2
        """)
        self.write("opentelemetry/sdk/trace/__init__.py", """
            class Span:
                def __init__(self): self._start_time, self._end_time, self._name = 1, None, "no"
                def end(self): self._end_time = 2
                class Other:
                    def end(self, end_time=None): pass
        """)
        for package in "opentelemetry", "opentelemetry/sdk":
            self.write(package + "/__init__.py", "")
        self.write("x.py", """
            import opentelemetry_like.trace, opentelemetry.sdk.trace
            opentelemetry_like.trace.Span().end()
            opentelemetry.sdk.trace.Span().end()
            opentelemetry.sdk.trace.Span.Other().end()
        """)
        self.assertEqual([], self.spans(self.parity("x.py")))
