# SPDX-License-Identifier: Apache-2.0
"""The Python package in a traced program with nothing installed: how it gets in, and what a program logs by its native part."""

import json
import os
import re
import sys
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))

import support

# What a program may look at, before it imports anything of ours.
UNTOUCHED = """
import sys, importlib
print(sorted(sys.modules))
print(sys.path[1:], [type(one).__name__ if not isinstance(one, type) else one.__name__ for one in sys.meta_path], sys.builtin_module_names)
print(sorted(sys.path_importer_cache))
"""

OWN = """
import viztracer_native, viztracer
print(viztracer_native.WHO, viztracer.WHO)
import viztracer_native.part, viztracer.part
print(viztracer_native.part.WHO, viztracer.part.WHO, viztracer_native.__file__)
try:
    import viztracer.decorator
except ModuleNotFoundError as error:
    print(error)
"""

EVENTS = """
import viztracer_native
from viztracer_native import _native

def work(n):
    return n

def f():
    with _native.Span("outer", {"user": "bob", "n": 3}):
        with _native.Span("inner"):
            work(1)
        _native.instant("hello", {"a": 1, "password": "secret"}, "p")
        _native.instant("plain")
        _native.instant("all", None, "g")
    try:
        with _native.Span("failing", {"why": None}):
            raise KeyError("x")
    except KeyError:
        pass

f()
_native.counter("load", {"value": 3})
_native.counter("load", {"x": 1.5, "y": True})
_native.counter("load", {"x": 2})
_native.counter("other", {"x": 2})
_native.object_event("N", "id-1", "thing")
_native.object_event("O", "id-1", "thing", {"size": 4})
_native.object_event("D", "id-1", "thing", None)
_native.raw('{"ph":"X","name":"from elsewhere","pid":1,"tid":2,"ts":3,"dur":4}')
_native.mute()
_native.mute()
work(2)
_native.unmute()
work(3)
_native.unmute()
work(4)
_native.unmute()  # one too many does nothing
work(5)
"""

PUBLIC = """
import inspect
from viztracer import get_tracer
from viztracer_native import counter, instant, span

for call in ("instant(3)", "instant()", "instant('a', 3)", "instant('a', scope='x')", "instant('a', scope=1)", "counter('a')", "counter('a', x='y')",
             "counter(1, x=1)", "span()", "span(3)", "span('a', 'b')", "span('a')(3)"):
    try:
        eval(call)
        print(call, "is accepted")
    except (TypeError, ValueError) as error:
        print(call, type(error).__name__)
print(inspect.signature(instant), inspect.signature(counter), inspect.signature(span))

@span
def named(): return 1

@span("decorated", deep=True)
def decorated(): return 2

@span("generated")
def generated():
    yield 3

def f(tracer):
    instant("whole", scope="g", a=1, password="x", text="caf\u00e9", more=[1, "b"])
    counter("sizes", value=1, other=2)
    for n in range(3):
        with span("five", a=n, b=2, c=3, d=4, e=5, token=6):
            pass
        with span("two", n=n, key="x"):
            tracer.add_instant("of the tracer", {"n": n})
            with tracer.log_event("here"):
                tracer.log_var("variable", n)
    print(named(), decorated(), list(generated()))
    tracer.add_instant("of one value", 17)
    for where in (one_place, another_place, one_place):
        where(tracer)
    tracer.add_instant("of other keys", {b"data": 1, 1.5: 2, None: 3})
    decorated_at()
    with tracer.log_event("there"): pass; tracer.log_event("there").__enter__().__exit__(None, None, None)

def one_place(tracer):
    with tracer.log_event("there"):
        pass

def another_place(tracer):
    tracer = tracer
    with tracer.log_event("there"):
        pass

decorated_at = get_tracer().log_event("decorates")(named)
f(get_tracer())
"""

BAD = """
from viztracer_native import _native
for call in ("_native.instant()", "_native.instant(3)", "_native.event(3)", "_native.instant('a', None, 'x')", "_native.instant('a', None, 3)",
             "_native.counter('a')", "_native.counter('a', {'x': 'y'})", "_native.counter('a', {3: 3})", "_native.counter(1, {})",
             "_native.object_event('X', 'a', 'b')", "_native.object_event('N', 1, 'b')", "_native.raw(3)", "_native.raw('x' * 3000)",
             "_native.Span()", "_native.Span(3)", "_native.Span('a', 3)", "_native.Span(name='a')"):
    try:
        eval(call)
        print(call, "is accepted")
    except (TypeError, ValueError) as error:
        print(call, type(error).__name__, error)
class Evil(dict):
    def __iter__(self): raise RuntimeError("must not be called")
class Rude:
    def __repr__(self): raise RuntimeError("must not be called")
_native.instant("evil", Evil(a=1, b=Rude()))
_native.instant("\\ud800 lone", {"\\ud800": "\\ud800"})
_native.Span("s").__exit__(None, None, None)
print("done")
"""

SUSPENDED = """
import asyncio
from viztracer_native import _native

async def job(name, seconds):
    with _native.Span("job", {"name": name}):
        await asyncio.sleep(seconds)

async def main():
    await asyncio.gather(job("a", 0.02), job("b", 0.03))

asyncio.run(main())

def generate():
    with _native.Span("generating"):
        yield 1
        yield 2

for _ in generate():
    pass
# Left elsewhere than entered.
def enter(span):
    span.__enter__()
span = _native.Span("elsewhere")
enter(span)
span.__exit__(None, None, None)
"""

DERIVED = """
import gc
from viztracer_native import _native
class Derived(_native.Span):
    __slots__ = ("field",)
for i in range(1000):
    with Derived("derived", {}) as span:
        span.field = [i]
    if i % 100 == 0:
        gc.collect()
print("done")
"""

FORKS = """
import os
from viztracer_native import _native
def in_child():
    with _native.Span("of the child"):
        _native.instant("child", {"n": 1})
with _native.Span("around"):
    pid = os.fork()
    if pid == 0:
        in_child()
        os._exit(0)
    else:
        os.waitpid(pid, 0)
_native.instant("child", {"n": 2})
"""

RAW = """
import time
from viztracer import VizTracer
tracer = VizTracer()
tracer.start()
def middle():
    time.sleep(0.005)
    began = tracer.getts()
    time.sleep(0.005)
    tracer.add_raw({"ph": "X", "name": "between", "ts": began, "dur": round(tracer.getts() - began, 3)})
    tracer.add_raw({"ph": "i", "name": "of another", "pid": 5, "tid": 6, "ts": tracer.getts()})
    time.sleep(0.005)
middle()
tracer.stop()
"""

MUTED = """
import time
from viztracer_native import _native

def leaf():
    pass

def pauses():
    _native.mute()
    leaf()
    time.sleep(0.01)

def resumes():
    leaf()
    _native.unmute()
    leaf()
    time.sleep(0.01)

def again(deep):
    if deep:
        again(False)
    else:
        resumes_here()
    time.sleep(0.01)

def resumes_here():
    _native.unmute()

def fails():
    _native.mute()
    raise KeyError

class Suspends:
    def __await__(self):
        yield

async def across():
    with _native.Span("across"):
        await Suspends()

def main():
    pauses()
    time.sleep(0.02)
    resumes()
    try:
        fails()
    except KeyError:
        time.sleep(0.02)
    _native.unmute()
    with _native.Span("within"):
        _native.mute()
        time.sleep(0.01)
    time.sleep(0.02)
    _native.unmute()
    running = across()
    running.send(None)
    _native.mute()
    running.close()
    time.sleep(0.02)
    _native.unmute()
    _native.mute()
    again(True)
    leaf()

main()
"""

THREADS = """
import threading
from viztracer_native import _native
barrier = threading.Barrier(2)
def quiet():
    _native.mute()
    barrier.wait()
    unseen()
    barrier.wait()
def loud():
    barrier.wait()
    seen()
    barrier.wait()
def seen(): pass
def unseen(): pass
threads = [threading.Thread(target=one) for one in (quiet, loud)]
[one.start() for one in threads]
[one.join() for one in threads]
"""

STOPS = """
from viztracer_native import _native
def first(): pass
def second(): pass
def third(): pass
print(_native.state())
first()
_native.pause(); print(_native.state()); second(); _native.instant("no"); _native.resume()
_native.stop(); print(_native.state()); second(); _native.instant("no"); _native.start()
print(_native.state())
third()
"""


class Package(support.TestCase):
    """The package, below the launcher."""

    def events(self, text, options=(), ph=None):
        run = self.traced(self.write("x.py", text), options=("--quiet", *options))
        self.assertEqual((run.status, run.stderr), (0, b""))
        self.out = run.stdout.decode()
        self.report = run.report
        return [one for one in run.report.data["traceEvents"] if one["ph"] in (ph or "XiCNODbe")]

    def named(self, events, name):
        return [one for one in events if one["name"] == name]

    def arguments(self, events, function):
        return [one.get("args", {}).get("func_args", {}) for one in events if one["name"].startswith(f"{function} (")]


class Module(Package):
    def test_until_it_is_imported_nothing_is_there(self):
        """L-FROZEN has what is there all the same."""
        self.parity("-c", UNTOUCHED)

    def test_a_package_of_the_program_comes_first(self):
        for name in ("viztracer_native", "viztracer"):
            os.makedirs(os.path.join(self.work, name))
            for file in ("__init__.py", "part.py"):
                with open(os.path.join(self.work, name, file), "w", encoding="ascii") as to:
                    to.write("WHO = __name__ + ', the program'\n")
        run = self.parity(self.write("x.py", OWN))
        self.assertIn(b"viztracer_native, the program viztracer, the program\n", run.stdout)
        self.assertIn(b"No module named 'viztracer.decorator'", run.stdout)

    def test_what_a_program_logs(self):
        events = self.events(EVENTS)
        outer, = self.named(events, "outer")
        inner, = self.named(events, "inner")
        self.assertEqual({"func_args": {"user": "'bob'", "n": "3"}}, outer["args"])
        self.assertTrue(outer["ts"] < inner["ts"] and inner["ts"] + inner["dur"] < outer["ts"] + outer["dur"])
        f, = (one for one in events if one["name"].startswith("f ("))
        failing, = self.named(events, "failing")
        self.assertTrue(f["ts"] < outer["ts"] and outer["ts"] + outer["dur"] < failing["ts"] and failing["ts"] + failing["dur"] < f["ts"] + f["dur"])
        hello, = self.named(events, "hello")
        self.assertEqual(("i", "p", {"a": "1", "password": "***"}), (hello["ph"], hello["s"], hello["args"]))
        self.assertTrue(outer["ts"] < hello["ts"] < outer["ts"] + outer["dur"])
        self.assertEqual(["t", "g"], [self.named(events, name)[0]["s"] for name in ("plain", "all")])
        self.assertEqual([("load", {"value": 3}), ("load", {"x": 1500, "y": 1}), ("load", {"x": 2}), ("other", {"x": 2})],
                         [(one["name"], one["args"]) for one in events if one["ph"] == "C"], "1.5: numbers are read as times are")
        self.assertEqual([("N", "id-1", None), ("O", "id-1", {"snapshot": {"size": "4"}}), ("D", "id-1", None)],
                         [(one["ph"], one["id"], one.get("args")) for one in events if one["ph"] in "NOD"])
        self.assertEqual([{"ph": "X", "name": "from elsewhere", "pid": 1, "tid": 2, "ts": 3, "dur": 4}], self.named(events, "from elsewhere"))
        self.assertEqual(3, sum(one["name"].startswith("work (") for one in events), "work(1), work(4) and work(5)")
        self.assertEqual([], [one["name"] for one in events if "viztracer" in one["name"] or "Span" in one["name"]], "nothing of ours is recorded")
        self.assertEqual(0, self.report.data["viztracer_native"]["stray_ends"])

    def test_what_programs_call_is_native(self):
        events = self.events(PUBLIC, ph="XiCbe")
        lines = self.out.splitlines()
        self.assertEqual(12, sum(line.endswith(("TypeError", "ValueError")) for line in lines), self.out)
        self.assertEqual(["(name, /, *, scope='t', **values) (name, /, **values) (name, /, **values)", "1 2 [3]"], lines[12:])
        whole, = self.named(events, "whole")
        self.assertEqual(("g", {"a": "1", "password": "***", "text": "'caf\u00e9'", "more": "[1, 'b']"}), (whole["s"], whole["args"]))
        self.assertEqual([{"value": 1, "other": 2}], [one["args"] for one in self.named(events, "sizes")])
        self.assertEqual([{"a": str(n), "b": "2", "c": "3", "d": "4", "e": "5", "token": "***"} for n in range(3)],
                         [one["args"]["func_args"] for one in self.named(events, "five")])
        self.assertEqual([{"n": str(n), "key": "***"} for n in range(3)], [one["args"]["func_args"] for one in self.named(events, "two")])
        self.assertEqual([{"deep": "True"}], [one["args"]["func_args"] for one in self.named(events, "decorated")])
        self.assertEqual((2, 1), (len(self.named(events, "named")), sum(one["name"] == "generated" and one["ph"] == "b" for one in events)))
        here = [one["name"] for one in events if one["name"].startswith("here (")]
        self.assertEqual((3, 1), (len(here), len(set(here))))
        (one,) = self.named(events, "of one value")
        self.assertEqual({"value": "17"}, one["args"])
        (other,) = self.named(events, "of other keys")
        self.assertEqual({"?"}, set(other["args"]))
        self.assertEqual(1, sum(bool(re.fullmatch(r"decorates \(.*\.py:\d+\)", event["name"])) for event in events))
        program = PUBLIC.lstrip().splitlines()
        at = [number for number, line in enumerate(program, 1) if 'log_event("there")' in line]
        there = [re.fullmatch(r"there \(.*\.py:(\d+)\)", event["name"]) for event in events if event["name"].startswith("there")]
        self.assertEqual([at[0], at[0], at[1], at[1], at[2]], sorted(int(match.group(1)) for match in there))
        f, = (one for one in events if one["name"].startswith("f ("))
        within = {one["name"].split(" (")[0] for one in events if f["ts"] < one["ts"] < f["ts"] + f["dur"] and one["ph"] == "X"}
        self.assertEqual({"five", "two", "here", "there", "decorates", "one_place", "another_place", "named", "decorated", "generated", "builtins.print"}, within - {"range", "list"},
                         "nothing that the package calls")

    def test_what_is_no_event_is_refused_and_does_no_harm(self):
        events = self.events(BAD)
        lines = self.out.splitlines()
        self.assertEqual("done", lines[-1])
        self.assertEqual([], [line for line in lines if "accepted" in line])
        self.assertEqual(18, len(lines))
        evil, = self.named(events, "evil")
        self.assertEqual({"a", "b"}, set(evil["args"]))

    def test_a_span_that_is_suspended_keeps_its_time(self):
        events = self.events(SUSPENDED)
        begun = {(one["name"], one["id"]): one for one in events if one["ph"] == "b"}
        ended = {(one["name"], one["id"]): one for one in events if one["ph"] == "e"}
        self.assertEqual(set(begun), set(ended))
        self.assertEqual(["elsewhere", "generating", "job", "job"], sorted(name for name, _ in begun))
        took = {begun[key]["args"].get("name"): ended[key]["ts"] - begun[key]["ts"] for key in begun if key[0] == "job"}
        self.assertTrue(took["'a'"] >= 20_000 and took["'b'"] >= 30_000, took)
        self.assertEqual(0, self.report.data["viztracer_native"]["stray_ends"])

    def test_a_class_of_spans_with_fields_is_freed_as_the_collector_wants(self):
        events = self.events(DERIVED)
        self.assertEqual("done\n", self.out)
        self.assertEqual(1000, len(self.named(events, "derived")))

    def test_a_forked_child_has_names_of_its_own(self):
        events = self.events(FORKS)
        self.assertEqual(2, len({one["pid"] for one in self.named(events, "child")}))
        self.assertEqual(["1", "2"], sorted(one["args"]["n"] for one in self.named(events, "child")))
        self.assertEqual(1, len(self.named(events, "of the child")))

    def test_raw_events_lie_among_the_others(self):
        """Their times are of the monotonic clock, as getts() tells it: with others in a file of two recordings, too."""
        paths = [os.path.join(self.reports, f"{number}.vtn") for number in range(2)]
        for path in paths:
            events = self.events(RAW, options=("-o", path))
            self.check_raw(events, 1)
        both = os.path.join(self.reports, "both.json")
        run = self.run_argv([support.LAUNCHER, "--quiet", "--align_combine", *paths, "-o", both])
        self.assertEqual(run.status, 0, run.stderr)
        self.check_raw(support.Report(both).data["traceEvents"], 2)

    def check_raw(self, events, count):
        middle, raw = (sorted((one for one in events if one["name"].startswith(name)), key=lambda one: one["ts"]) for name in ("middle (", "between"))
        self.assertEqual((count, count), (len(middle), len(raw)))
        for one, other in zip(middle, raw):
            self.assertTrue(one["ts"] <= other["ts"] <= other["ts"] + other["dur"] <= one["ts"] + one["dur"], (one, other))
            self.assertEqual((one["pid"], one["tid"]), (other["pid"], other["tid"]))
        self.assertEqual([(5, 6)] * count, [(one["pid"], one["tid"]) for one in self.named(events, "of another")])

    def test_a_thread_that_is_muted_is_the_only_one(self):
        names = [one["name"] for one in self.events(THREADS)]
        self.assertEqual((1, 0), tuple(sum(name.startswith(f"{what} (") for name in names) for what in ("seen", "unseen")))

    def test_calls_that_end_while_their_thread_is_muted_end_when_they_do(self):
        """And those that begin meanwhile begin when recording comes back."""
        events = self.events(MUTED)
        main, = (one for one in events if one["name"].startswith("main ("))

        def took(name):
            return [one["dur"] for one in events if one["ph"] == "X" and one["name"].startswith(name)]
        pauses, = took("pauses (")
        self.assertTrue(10_000_000 <= pauses < 30_000_000, pauses)
        fails, = took("fails (")
        self.assertLess(fails, 20_000_000)
        within, = took("within")
        self.assertTrue(10_000_000 <= within < 30_000_000, within)
        begin, end = (next(one["ts"] for one in events if one["ph"] == ph and one["name"] == "across") for ph in "be")
        self.assertLess(end - begin, 20_000_000)
        resumes, = took("resumes (")
        self.assertTrue(10_000_000 <= resumes < main["dur"], resumes)
        # A recursion that began meanwhile: its end is not taken for another's.
        self.assertEqual([True, True], [10_000_000 <= one for one in took("again (")])
        self.assertEqual(2, len(took("leaf (")), "one within resumes(), one at the end")
        self.assertEqual((0, 0), tuple(self.report.data["viztracer_native"][key] for key in ("stray_ends", "cut_calls")))

    def test_recording_ends_and_begins_from_inside(self):
        events = self.events(STOPS)
        self.assertEqual("1\n2\n3\n1\n", self.out)
        names = [one["name"] for one in events]
        self.assertEqual((1, 0, 1), tuple(sum(name.startswith(what) for name in names) for what in ("first (", "second (", "third (")))
        self.assertNotIn("no", names)

    def test_without_the_alias(self):
        run = self.traced("-c", "import viztracer_native\ntry:\n    import viztracer\nexcept ModuleNotFoundError as error:\n    print(error)",
                          options=("--quiet", "--no_alias"))
        self.assertEqual(b"No module named 'viztracer'\n", run.stdout)

    def test_perfetto_s_own_format_has_spans_on_tracks_of_their_own(self):
        self.events(SUSPENDED, options=("-o", os.path.join(self.reports, "x.pftrace")))
        again = os.path.join(self.reports, "again.json")
        run = self.run_argv([support.LAUNCHER, "--quiet", "--convert", os.path.join(self.reports, "x.pftrace"), "-o", again])
        self.assertEqual(run.status, 0, run.stderr)
        with open(again, encoding="utf-8") as file:
            names = [one["name"] for one in json.load(file)["traceEvents"]]
        self.assertEqual([2, 1, 2], [names.count(name) for name in ("job", "generating", "elsewhere")],
                         "the last one is a slice as well, as long as the function that entered it")


if __name__ == "__main__":
    unittest.main()
