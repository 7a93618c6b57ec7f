# SPDX-License-Identifier: Apache-2.0
"""The package's interface with the recorder behind it: below the launcher, and in an ordinary process."""

import json
import os
import re
import sys
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))

import support

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

PROGRAM = """
import asyncio, logging, os, sys
from viztracer import VizTracer, get_tracer, ignore_function, log_sparse, trace_and_save
from viztracer.vizcounter import VizCounter
from viztracer.vizlogging import VizLoggingHandler
from viztracer.vizobject import VizObject
from viztracer_native import counter, instant, span

@ignore_function
def unseen():
    below_unseen()
def below_unseen(): pass

@ignore_function
def raises():
    raise KeyError("out of it")

def seen(): pass

@log_sparse
def sparse(): pass

@span
def decorated(): pass

@span("a coroutine")
async def coroutine():
    await asyncio.sleep(0.01)

def main(tracer):
    tracer.log_instant("from a tracer", {"n": 1})
    tracer.add_variable("variable", 5, "counter")
    tracer.log_var("text", "words")
    with tracer.log_event("an event"):
        seen()
    unseen()
    try:
        raises()
    except KeyError:
        seen()
    sparse()
    decorated()
    asyncio.run(coroutine())
    instant("an instant", place="here")
    counter("queue", length=3)
    counter("jobs", waiting=5, running=2)
    watched = VizCounter(tracer, "watched")
    watched.value = 7
    thing = VizObject(tracer, "thing")
    thing.size = 4
    handler = VizLoggingHandler()
    handler.setTracer(tracer)
    logger = logging.getLogger("app")
    logger.addHandler(handler)
    logger.error("it went wrong")
    tracer.pause()
    not_seen()
    tracer.resume()

def not_seen(): pass
def after(): pass

if sys.argv[1] == "below":
    tracer = get_tracer()
    main(tracer)
    tracer.save(sys.argv[2], verbose=0)
    after()
else:
    with VizTracer(output_file=sys.argv[2], verbose=0) as tracer:
        main(tracer)
    after()
"""

# Recordings of one process after one another, with other options each. The first call of each is one that the process knows.
AFTER_ONE_ANOTHER = """
import json, sys
import library
from viztracer_native import VizTracer
def go(options):
    with VizTracer(output_file=sys.argv[1], verbose=0, ignore_c_function=True, options=options):
        library.outer()
        library.outer()
    with open(sys.argv[1]) as file:
        names = [one["name"].split(" (")[0] for one in json.load(file)["traceEvents"] if one["ph"] == "X"]
    print(*options, *(name for name in sorted(names) if name in ("outer", "middle", "called") or "without" in name))
for options in ([], ["--hide=library"], ["--hide=middle"], ["--only=library"], ["--hide=outer"], []):
    go(options)
"""

LIBRARY = """
import inner
def outer(): inner.middle()
"""

INNER = """
def middle(): called()
def called(): pass
"""

# A tracer that is started deep within calls of a package that is not to be recorded.
FROM_WITHIN = """
import json, sys
import library
from viztracer_native import VizTracer
tracer = VizTracer(output_file=sys.argv[1], verbose=0, ignore_c_function=True, options=["--hide=library"])
def tick(): pass
def begin():
    tracer.start()
    tick()
library.call(begin)
library.call(int)
tracer.stop()
tracer.save()
with open(sys.argv[1]) as file:
    print(*sorted({one["name"].split(" (")[0] for one in json.load(file)["traceEvents"] if one["ph"] == "X" and "not recorded" not in one["name"]}))
"""

WITHIN = """
def call(what): call_it(what)
def call_it(what):
    what()
    ends()
def ends(): pass
"""

FIRST_CALL = """
import json, sys
from viztracer_native import VizTracer
def first(n): return n
with VizTracer(output_file=sys.argv[1], verbose=0, ignore_c_function=True, log_func_args=True):
    first(7)
with open(sys.argv[1]) as file:
    print(*((one["name"].split(" (")[0], one.get("args")) for one in json.load(file)["traceEvents"] if one["ph"] == "X" and "first" in one["name"] or "module" in one["name"]))
"""


class Api(support.TestCase):

    def read(self, path):
        with open(path, encoding="utf-8") as file:
            return [one for one in json.load(file)["traceEvents"] if one["ph"] != "M"]

    def look(self, events):
        names = [one["name"] for one in events]
        functions = [name.split(" (")[0] for name in names]
        by_name = {one["name"]: one for one in events}
        for name, times in (("seen", 2), ("unseen", 0), ("below_unseen", 0), ("raises", 0), ("not_seen", 0)):
            self.assertEqual(times, functions.count(name), name)
        self.assertEqual("1", by_name["from a tracer"]["args"]["n"])
        self.assertEqual("'here'", by_name["an instant"]["args"]["place"])
        self.assertEqual({"length": 3}, by_name["queue"]["args"])
        self.assertEqual({"waiting": 5, "running": 2}, by_name["jobs"]["args"], "all series of a moment are one event")
        self.assertIn("logging - it went wrong", names)
        self.assertTrue(any(name.startswith("an event (") for name in names), "with its place, as VizTracer names it")
        begun = [one for one in events if one["ph"] == "b" and one["name"] == "a coroutine"]
        ended = [one for one in events if one["ph"] == "e" and one["name"] == "a coroutine"]
        self.assertEqual((1, 1), (len(begun), len(ended)))
        self.assertEqual(["a coroutine"], [one["name"] for one in events if one["ph"] == "b"], "all others lie in the stack")
        self.assertGreaterEqual(ended[0]["ts"] - begun[0]["ts"], 10_000)
        self.assertTrue({"N", "O"} <= {one["ph"] for one in events})
        self.assertEqual([], [name for name in names if "viztracer_native" in name and "import" not in name and "load" not in name])
        return functions

    def test_below_the_launcher(self):
        middle = os.path.join(self.reports, "middle.json")
        run = self.traced(self.write("x.py", PROGRAM), "below", middle)
        self.assertEqual((run.status, run.stderr), (0, b""))
        self.assertEqual(0, self.look(self.read(middle)).count("after"), "saved before it was called")
        self.assertEqual(1, self.look([one for one in run.report.data["traceEvents"] if one["ph"] != "M"]).count("after"))

    def alone(self, program, *words):
        """In no session: the package is on the module path, the command on PATH."""
        launcher = os.path.dirname(os.path.realpath(support.LAUNCHER))
        env = {"PYTHONPATH": os.path.join(ROOT, "python"), "PATH": launcher + ":" + os.environ["PATH"], "PYTHONDONTWRITEBYTECODE": "1"}
        run = self.run_argv([self.interpreter.path, program, *words], env=env)
        self.assertEqual((run.status, run.stderr), (0, b""))
        return run.stdout.decode()

    def test_in_an_ordinary_process(self):
        output = os.path.join(self.reports, "inside.json")
        self.alone(self.write("x.py", PROGRAM), "alone", output)
        self.assertEqual(0, self.look(self.read(output)).count("after"))

    def test_recordings_after_one_another_know_nothing_of_each_other(self):
        self.write("library.py", LIBRARY)
        self.write("inner.py", INNER)
        said = self.alone(self.write("x.py", AFTER_ONE_ANOTHER), os.path.join(self.reports, "r.json"))
        self.assertEqual(["called called middle middle outer outer",
                          "--hide=library called called middle middle",
                          "--hide=middle called called outer outer",
                          "--only=library outer outer",
                          "--hide=outer called called middle middle",
                          "called called middle middle outer outer"], said.splitlines())

    def test_calls_that_are_open_when_it_begins_are_filtered_by_their_module(self):
        self.write("library.py", WITHIN)
        said = self.alone(self.write("x.py", FROM_WITHIN), os.path.join(self.reports, "r.json"))
        self.assertEqual(["<module> begin tick"], said.splitlines())

    def test_the_first_call_has_its_arguments_itself(self):
        said = self.alone(self.write("x.py", FIRST_CALL), os.path.join(self.reports, "r.json"))
        self.assertEqual({"('first', {'func_args': {'n': '7'}})", "('<module>', None)"}, set(re.findall(r"\('.*?(?:None|}})\)", said)))


if __name__ == "__main__":
    unittest.main()
