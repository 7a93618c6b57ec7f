# SPDX-License-Identifier: Apache-2.0
"""Recording that pauses, goes on, ends and begins again, by the runtime's own entry for it."""

import unittest

import support

HEAD = """
import ctypes, sys, threading
lines = [line.split() for line in open("/proc/self/maps") if "libvtn_runtime.so" in line]
control = ctypes.PyDLL(lines[0][-1]).vtn_runtime_control
PAUSE, RESUME, STOP, START = 1, 2, 3, 4
bounds = [[int(part, 16) for part in line[0].split("-")] for line in lines]

def is_ours(address):
    return any(low <= address < high for low, high in bounds)

def word(address):
    return ctypes.c_size_t.from_address(address).value

def is_stepped(function):
    return is_ours(word(word(id(function) + 16) + 8))

def before(n): return len(str(n))
def during(n): return len(str(n))
def after(n): return len(str(n))
"""

FRESH = """
def seen_by_next_owner():
    seen = []
    if hasattr(sys, "monitoring"):
        m = sys.monitoring
        for tool in (5, 4, 3):
            m.use_tool_id(tool, "next")
            m.register_callback(tool, m.events.PY_START, lambda code, offset: seen.append(code.co_name))
            assert m.get_events(tool) == 0, m.get_events(tool)
            for event in ("PY_RETURN", "PY_UNWIND", "CALL", "C_RETURN", "PY_THROW"):
                assert m.register_callback(tool, getattr(m.events, event), None) is None, event
            m.set_events(tool, m.events.PY_START)
            before(1), during(1), during(1)
            m.set_events(tool, 0)
            m.register_callback(tool, m.events.PY_START, None)
            m.free_tool_id(tool)
    events = []
    def profiler(frame, event, argument): events.append((event, getattr(argument, "__name__", frame.f_code.co_name)))
    sys.setprofile(profiler)
    before(2)
    sys.setprofile(None)
    return seen, events

def freshness():
    facts = [sys.getprofile(), threading.getprofile() if hasattr(threading, "getprofile") else None]
    if hasattr(sys, "monitoring"):
        facts += [sys.monitoring.get_tool(tool) for tool in range(6)]
        facts.append(is_stepped(sys.monitoring.use_tool_id))
    facts.append(is_stepped(sys.setprofile))
    name = "_PyInterpreterState_GetEvalFrameFunc"
    if hasattr(ctypes.pythonapi, name):
        get = getattr(ctypes.pythonapi, name)
        get.restype = ctypes.c_void_p
        main = ctypes.pythonapi.PyInterpreterState_Main
        main.restype = ctypes.c_void_p
        facts.append(is_ours(get(ctypes.c_void_p(main()))))
    ours = [one.__name__ for one in object.__subclasses__() if one.__module__ == "viztracer_native"]
    facts.append(len(ours) <= 1)
    return facts
"""


class Control(support.TestCase):
    def record(self, text, options=("--quiet",)):
        self.write("program.py", HEAD + FRESH + text)
        outcome = self.traced("program.py", options=options)
        self.assertEqual((0, b""), (outcome.status, outcome.stderr))
        return outcome.stdout.decode().splitlines(), outcome.report

    def counts(self, report):
        return [len(report.named(name)) for name in ("before", "during", "after")]

    def test_pause(self):
        for options in (("--quiet",), ("--quiet", "--ignore_c_function")):
            with self.subTest(options):
                said, report = self.record("""
def outer():
    before(1)
    control(PAUSE)
    for n in range(100): during(n)
    assert control(PAUSE) == 0
    control(RESUME)
    after(1)
outer()
after(2)
print(control(99))
""", options)
                self.assertEqual(["-1"], said)
                self.assertEqual([1, 0, 2], self.counts(report))
                [gap] = [event for event in report.events if "paused" in event.get("name", "")]
                outer = report.one("outer")
                self.assertLessEqual(outer.end, report.named("after")[0].start)

    def test_stop_leaves_the_interpreter_as_a_fresh_one(self):
        for options in (("--quiet",), ("--quiet", "--ignore_c_function")):
            with self.subTest(options):
                said, report = self.record("""
before(0)
assert control(STOP) == 0
facts = freshness()
print(facts[:-1].count(None) + facts[:-1].count(False) == len(facts) - 1, facts[-1])
print(seen_by_next_owner())
for n in range(100): during(n)
assert control(START) == 0
for n in range(5): after(n)
""", options)
                self.write("plain.py", HEAD.split("lines =")[0] + HEAD[HEAD.index("def before"):] + FRESH
                           + "print(seen_by_next_owner())")
                plain = self.plain("plain.py")
                self.assertEqual(["True True", plain.stdout.decode().strip()], said, plain.stderr)
                self.assertEqual([1, 0, 5], self.counts(report))

    def test_a_thousand_times(self):
        for options in (("--quiet",), ("--quiet", "--ignore_c_function")):
            with self.subTest(options):
                said, report = self.record("""
import gc
blocks = []
for n in range(1000):
    before(n)
    control(STOP)
    during(n)
    if n % 100 == 99:
        gc.collect()
        blocks.append(sys.getallocatedblocks())
    if n == 999:
        # A leak is a block a turn, in every stretch; CPython's lists of free objects grow in some.
        grown = [after - before for before, after in zip(blocks, blocks[1:])]
        print(min(grown) < 50 or grown, freshness()[-1])
    assert control(START) == 0
    after(n)
control(STOP)
print(seen_by_next_owner()[0])
""", options)
                wanted = ["before", "during", "during"] * 3 if self.interpreter.minor >= (3, 12) else []
                self.assertEqual(["True True", str(wanted)], said)
                self.assertEqual([1000, 0, 1000], self.counts(report))

    def test_open_calls_of_other_threads_end_at_the_stop(self):
        for options in (("--quiet",), ("--quiet", "--ignore_c_function")):
            with self.subTest(options):
                _, report = self.record("""
ready, go = threading.Event(), threading.Event()
def waits():
    before(1)
    ready.set()
    go.wait()
    after(1)
def ends(): control(STOP)
thread = threading.Thread(target=waits)
thread.start()
ready.wait()
ends()
for n in range(1000): during(n)
control(START)
def mark(): pass
mark()
go.set()
thread.join()
after(2)
""", options)
                self.assertEqual([1, 0, 2], self.counts(report))
                waits, ends, mark = (report.one(name) for name in ("waits", "ends", "mark"))
                self.assertTrue(ends.start < waits.end < mark.start, (waits, ends, mark))
                self.assertEqual([], [call for call in waits.walk() if call.function == "after"])

    def test_fork_while_stopped(self):
        said, report = self.record("""
import os
control(STOP)
child = os.fork()
if child == 0:
    during(1)
    control(START)
    after(1)
    os._exit(0)
print(os.waitpid(child, 0)[1])
control(START)
before(1)
""")
        self.assertEqual(["0"], said)
        self.assertEqual([1, 0, 1], self.counts(report))


if __name__ == "__main__":
    unittest.main()
