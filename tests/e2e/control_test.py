# SPDX-License-Identifier: Apache-2.0
"""Recording that pauses, goes on, ends and begins again, by the runtime's own entry for it."""

import unittest

import support

# Without the runtime, `control` does nothing: what a program prints is then what it shall print.
HEAD = """
import ctypes, sys, threading
lines = [line.split() for line in open("/proc/self/maps") if "libvtn_runtime.so" in line]
control = ctypes.PyDLL(lines[0][-1]).vtn_runtime_control if lines else lambda what: 0
PAUSE, RESUME, STOP, START = 1, 2, 3, 4

def before(n): return len(str(n))
def during(n): return len(str(n))
def after(n): return len(str(n))
"""

FRESH = """
import _lsprof, cProfile, gc
from concurrent.futures import ThreadPoolExecutor
bounds = [[int(part, 16) for part in line[0].split("-")] for line in lines if "x" in line[1]]
tools = (5, 4, 3) if hasattr(sys, "monitoring") else ()
worker = ThreadPoolExecutor(1)  # a thread that lives through every start and stop

def hot(n):
    for i in range(n): len(str(i))
    return n

watched = [before.__code__, during.__code__, hot.__code__]

def is_ours(address):  # a function of the runtime's
    return any(low <= address < high for low, high in bounds)

def word(address):
    return ctypes.c_size_t.from_address(address).value

def is_stepped(definition):
    return is_ours(word(word(definition) + 8))

def pointer_from(name, *arguments):
    function = getattr(ctypes.pythonapi, name, None)
    if function is not None:
        function.restype = ctypes.c_void_p
        return function(*map(ctypes.c_void_p, arguments))

def assert_fresh_thread():
    assert sys.getprofile() is None and sys.gettrace() is None, (sys.getprofile(), sys.gettrace())
    state = pointer_from("PyThreadState_Get")
    assert not any(is_ours(word(state + 8 * n)) for n in range(40))

def assert_fresh():
    assert_fresh_thread()
    worker.submit(assert_fresh_thread).result()
    assert threading.getprofile() is None and threading.gettrace() is None
    functions = [sys.setprofile, sys.getprofile, sys.settrace, sys.gettrace]
    assert not [one for one in gc.callbacks if getattr(one, "__name__", "") == "viztracer_native"]
    if tools:
        m = sys.monitoring
        assert [m.get_tool(tool) for tool in range(6)] == [None] * 6
        for tool in tools:
            assert m.get_events(tool) == 0, m.get_events(tool)
            for code in watched: assert m.get_local_events(tool, code) == 0, code
            for name, event in vars(m.events).items():
                assert not event or m.register_callback(tool, event, None) is None, name
        functions += [m.use_tool_id]
    assert not any(is_stepped(id(function) + 16) for function in functions)
    methods = [_lsprof.Profiler.__dict__[name] for name in ("enable", "disable")]
    assert not any(is_stepped(id(method) + 40) for method in methods)
    main = pointer_from("PyInterpreterState_Main")
    assert not is_ours(pointer_from("_PyInterpreterState_GetEvalFrameFunc", main) or 0)
    ours = [one for one in object.__subclasses__() if one.__module__ == "viztracer_native"]
    assert len(ours) <= 1, ours

def called():
    before(1), during(2), hot(2)

def seen_by_tool(tool):
    m = sys.monitoring
    seen = []
    def told_of(event):
        def told(code, offset, what=None, *rest):
            if code in watched: seen.append((event, code.co_name, getattr(what, "__name__", what)))
        return told
    m.use_tool_id(tool, "next")
    for event in ("PY_START", "PY_RETURN", "CALL", "C_RETURN"):
        m.register_callback(tool, getattr(m.events, event), told_of(event))
    m.set_events(tool, m.events.PY_START | m.events.PY_RETURN | m.events.CALL)
    called()
    m.set_events(tool, 0)
    for event in ("PY_START", "PY_RETURN", "CALL", "C_RETURN"):
        m.register_callback(tool, getattr(m.events, event), None)
    m.free_tool_id(tool)
    return seen

def seen_by_function(put):
    seen = []
    def told(frame, event, argument):
        if frame.f_code in watched:
            seen.append((event, frame.f_lineno, getattr(argument, "__name__", argument)))
        return told
    put(told)
    called()
    put(None)
    return seen

def seen_in_worker():
    if not hasattr(threading, "setprofile_all_threads"):
        return worker.submit(seen_by_function, sys.setprofile).result()
    return seen_by_function(lambda told: (threading.setprofile_all_threads(told),
                                          worker.submit(called).result()))

def seen_by_cprofile():
    profiler = cProfile.Profile()
    profiler.runcall(called)
    return sorted((str(getattr(one.code, "co_name", one.code)), one.callcount)
                  for one in profiler.getstats())

def seen_by_next_owners():
    return (*map(seen_by_tool, tools), seen_by_function(sys.setprofile), seen_in_worker(),
            seen_by_function(sys.settrace), seen_by_cprofile())
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
                # It goes on: what it was before is one slice, what it is afterwards another.
                first, second = report.named("outer")
                within = report.named("after")[0]
                self.assertTrue(first.end <= second.start <= within.start <= within.end <= second.end, (first, second, within))

    def test_stop_leaves_the_interpreter_as_a_fresh_one(self):
        # With filters places are switched off, of functions that the next owners watch.
        for options in (("--quiet",), ("--quiet", "--ignore_c_function"), ("--quiet", "--hide", "hot"),
                        ("--quiet", "--only", "before", "--only", "after", "--only", "during"),
                        ("--quiet", "--log_func_args", "--log_func_retval", "--log_gc"),
                        (("--quiet", "--log_var", "i|n") if self.interpreter.minor >= (3, 12) else ("--quiet",))):
            with self.subTest(options):
                said, report = self.record("""
before(0)
assert control(STOP) == 0
assert_fresh()
print(seen_by_next_owners())
for n in range(100): during(n)
assert control(START) == 0
for n in range(5): after(n)
""", options)
                self.assertEqual(self.plain("program.py").stdout.decode().splitlines(), said)
                self.assertEqual([1, 0, 5], self.counts(report))

    def test_a_thousand_times(self):
        for options in (("--quiet",), ("--quiet", "--ignore_c_function")):
            with self.subTest(options):
                said, report = self.record("""
import gc
blocks = []
worker.submit(hot, 5).result()
for n in range(1000):
    before(n), hot(5)
    assert control(STOP) == 0
    during(n)
    assert_fresh()
    if n % 250 == 0:
        print(seen_by_next_owners())
        assert_fresh()
    if n % 100 == 99:
        gc.collect()
        blocks.append(sys.getallocatedblocks())
    assert control(START) == 0
    after(n)
# A leak is a block a turn, in every stretch; CPython's lists of free objects grow in some.
grown = [after - before for before, after in zip(blocks, blocks[1:])]
print(min(grown) < 50 or grown)
assert control(STOP) == 0
assert_fresh()
print(seen_by_next_owners())
""", options)
                self.assertEqual(self.plain("program.py").stdout.decode().splitlines(), said)
                self.assertEqual("True", said[-2])
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
                mark = report.one("mark")
                (waits, goes_on), ends = report.named("waits"), report.one("ends")
                self.assertTrue(ends.start < waits.end < goes_on.start < mark.start, (waits, goes_on, ends, mark))
                self.assertEqual([0, 1], [sum(call.function == "after" for call in one.walk()) for one in (waits, goes_on)])

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
