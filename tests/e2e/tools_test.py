# SPDX-License-Identifier: Apache-2.0
"""The program's own tools work under tracing as they work without."""

import os
import re
import subprocess
import unittest

import support

WORK = """
import sys
def helper(n): return abs(n)
def work(n):
    total = 0
    for i in range(n): total += helper(i)
    return total
"""


class Tools(support.TestCase):
    def program(self, text, name="program.py"):
        import textwrap
        self.write(name, WORK + textwrap.dedent(text))

    def test_settrace(self):
        self.program("""
            lines = []
            def tracer(frame, event, argument):
                lines.append((event, frame.f_code.co_name, frame.f_lineno))
                return tracer
            sys.settrace(tracer)
            work(3)
            sys.settrace(None)
            print(lines, sys.gettrace())
            """)
        self.assertTrue(self.parity("program.py").report.named("work"))

    def test_tools_that_take_any_monitoring_id(self):
        """By their number, one after the other and two at once: ours gives way."""
        if self.interpreter.minor < (3, 12):
            self.skipTest("sys.monitoring is of 3.12")
        self.program("""
            m = sys.monitoring
            seen = []
            def note(code, offset): seen.append(code.co_name)
            for first in 3, 4, 5:
                for second in 5, 4, 3:
                    for tool in {first, second}:
                        m.use_tool_id(tool, "tool of the program")
                        assert m.get_events(tool) == 0
                        assert m.register_callback(tool, m.events.PY_START, note) is None
                        m.set_events(tool, m.events.PY_START)
                    work(2)
                    for tool in {first, second}:
                        try: m.use_tool_id(tool, "again")
                        except ValueError as error: print(error)
                        m.set_events(tool, 0)
                        m.register_callback(tool, m.events.PY_START, None)
                        m.free_tool_id(tool)
            for wrong in (), (5,), (5, 5), ("5", "x"), (77, "x"), (True, "x"):
                try: print(m.use_tool_id(*wrong))
                except Exception as error: print(repr(error))
            print(seen)
            """)
        report = self.parity("program.py").report
        self.assertEqual(9, len(report.named("work")))
        self.assertEqual(18, len(report.named("helper")))

    def test_setprofile(self):
        """All it sees after the call that sets it."""
        self.program("""
            seen = []
            def profiler(frame, event, argument):
                seen.append((event, frame.f_code.co_name, getattr(argument, "__name__", None)))
            before = sys.getprofile()
            sys.setprofile(profiler)
            during = sys.getprofile()
            work(3)
            sys.setprofile(None)
            start = seen.index(("call", "work", None))
            print(before, during is profiler, sys.getprofile(), seen[start:])
            work(2)
            """)
        report = self.parity("program.py").report
        # On 3.10 and 3.11 the thread is the program's while its profiler is set; then ours again.
        wanted = {2, 3} if self.interpreter.minor >= (3, 12) else {2}
        self.assertEqual(wanted, {sum(one.function == "helper" for one in call.walk())
                                  for call in report.named("work")} - {0})

    def test_profiler_that_is_set_from_c(self):
        """By PyEval_SetProfile, in the main thread and in another; no Python function tells of it."""
        library = os.environ.get("VTN_FIRE_EVENTS", "")
        self.assertTrue(os.path.exists(library), "VTN_FIRE_EVENTS names no library")
        self.program(f"""
            import ctypes, threading
            library = ctypes.PyDLL({library!r})
            def during(): return library.profile_from_c(0)
            def profiled():
                library.profile_from_c(1)
                count = during()
                return count > 0
            def many(n):
                for i in range(n): work(1)
                print(sys.getprofile(), profiled(), sys.getprofile())
                work(2)
                print(profiled(), sys.getprofile())
                work(3)
                sys.setprofile(lambda *arguments: None)
                work(4)
                sys.setprofile(None)
                print(sys.getprofile())
                work(5)
            many(1)
            thread = threading.Thread(target=many, args=(100,))
            thread.start()
            thread.join()
            many(2)
            """)
        report = self.parity("program.py").report
        by_size = [0] * 6
        for call in report.named("work"):
            by_size[sum(one.function == "helper" for one in call.walk())] += 1
        alone = self.interpreter.minor < (3, 12)
        self.assertEqual([0, 103, 3, 3, 0 if alone else 3, 3], by_size)
        gaps = [event for event in report.events if "own profiler" in event.get("name", "")]
        self.assertEqual(alone, len(gaps) >= 9, gaps)

    def test_profile_function_hears_what_it_would_hear(self):
        """The call that sets it begins under our eyes; its end must not be told to it."""
        self.write("program.py", """
            import profile, sys
            def f(): return len("")
            seen = []
            def profiler(frame, event, argument): seen.append((event, getattr(argument, "__name__", "")))
            def other(frame, event, argument): seen.append(("other", event))
            sys.setprofile(profiler); f(); sys.setprofile(other); f(); sys.setprofile(None)
            try: sys.setprofile()
            except TypeError as error: seen.append(str(error))
            list(map(sys.setprofile, [None]))
            print(seen)
            print(profile.Profile().runcall(f))
            """)
        self.parity("program.py")

    def test_threading_setprofile(self):
        self.program("""
            import threading
            seen = []
            def profiler(frame, event, argument):
                if event == "call": seen.append(frame.f_code.co_name)
            threading.setprofile(profiler)
            t = threading.Thread(target=work, args=(3,)); t.start(); t.join()
            threading.setprofile(None)
            print([name for name in seen if name in ("work", "helper")])
            t = threading.Thread(target=work, args=(4,)); t.start(); t.join()
            """)
        report = self.parity("program.py").report
        self.assertTrue([call for call in report.named("work")
                         if sum(one.function == "helper" for one in call.walk()) == 4])

    def test_settrace_of_all_threads(self):
        if self.interpreter.minor < (3, 12):
            self.skipTest("threading.settrace_all_threads is of 3.12")
        self.program("""
            import threading
            seen = []
            threading.setprofile_all_threads(lambda frame, event, arg: seen.append(event))
            work(2)
            threading.setprofile_all_threads(None)
            print(seen.count("call"))
            work(3)
            """)
        self.assertEqual(2, len(self.parity("program.py").report.named("work")))

    def test_cprofile(self):
        self.program("""
            import cProfile, io, pstats
            profile = cProfile.Profile()
            profile.enable()
            work(5)
            profile.disable()
            stats = pstats.Stats(profile, stream=io.StringIO())
            print(sorted((name, row[0]) for (_, _, name), row in stats.stats.items() if name != "<method 'disable' of '_lsprof.Profiler' objects>"))
            work(2)
            """)
        report = self.parity("program.py").report
        self.assertTrue([call for call in report.named("work")
                         if sum(one.function == "helper" for one in call.walk()) == 2])

    def test_cprofile_of_a_module(self):
        self.program("print(work(5))")
        plain = self.plain("-m", "cProfile", "-s", "name", "program.py")
        traced = self.traced("-m", "cProfile", "-s", "name", "program.py")
        # Times differ; the functions and their counts do not.
        rows = lambda one: re.findall(rb"^\s+(\d+)\s+[\d.]+.*program\.py:\d+\((.*)\)$", one.stdout, re.M)
        self.assertEqual(rows(plain), rows(traced))
        self.assertIn((b"5", b"helper"), rows(traced))
        self.assertEqual((plain.status, plain.stderr), (traced.status, traced.stderr))

    def test_pdb(self):
        self.program("""
            def broken(x):
                y = x + 1
                return y
            print(broken(4))
            """)
        commands = b"break broken\ncontinue\nnext\nnext\np x, y\nwhere\nreturn\ncontinue\nquit\n"
        traced = self.parity("-m", "pdb", "program.py", data=commands)
        self.assertIn(b"(4, 5)", traced.stdout)

    def test_breakpoint(self):
        self.program("""
            def broken(x):
                breakpoint()
                return x
            print(broken(4))
            """)
        for options in ((), ("--ignore_c_function",)):
            traced = self.parity("program.py", program=(*options, "program.py"),
                                 data=b"p x\nup\np sys.argv\ncontinue\n")
            self.assertIn(b"(Pdb)", traced.stdout)

    def test_opcodes(self):
        """Asked for before sys.settrace, as bdb does."""
        self.program("""
            import threading
            seen = []
            def tracer(frame, event, argument):
                seen.append((event, frame.f_lineno, frame.f_lasti))
                return tracer
            def stop(settrace):
                frame = sys._getframe(1)
                frame.f_trace, frame.f_trace_opcodes = tracer, True
                settrace(tracer)
            def alone():
                stop(sys.settrace)
                work(1)
                sys.settrace(None)
            def with_all():
                stop(getattr(threading, "settrace_all_threads", sys.settrace))
                work(1)
                sys.settrace(None)
            alone(); with_all()
            thread = threading.Thread(target=alone)
            thread.start(); thread.join()
            print(*seen, sep="\\n")
            """)
        for options in ((), ("--ignore_c_function",)):
            self.assertIn(b"opcode", self.parity(
                "program.py", program=(*options, "program.py")).stdout)

    def test_disabled_events_stay_disabled(self):
        if self.interpreter.minor < (3, 12):
            self.skipTest("sys.monitoring is of 3.12")
        self.program("""
            m, E, lines = sys.monitoring, sys.monitoring.events, []
            m.use_tool_id(m.COVERAGE_ID, "mine")
            m.register_callback(m.COVERAGE_ID, E.LINE,
                                lambda code, line: (lines.append(line), m.DISABLE)[1])
            m.set_events(m.COVERAGE_ID, E.LINE)
            def two_lines(n):
                return n
            for i in range(3):
                two_lines(2)
                sys.settrace(lambda *arguments: None)
                sys.settrace(None)
            m.set_events(m.COVERAGE_ID, 0)
            print(lines)
            """)
        self.parity("program.py")

    def test_monitoring_ids_of_others(self):
        if self.interpreter.minor < (3, 12):
            self.skipTest("sys.monitoring is of 3.12")
        self.program("""
            m, E = sys.monitoring, sys.monitoring.events
            for tool in (m.DEBUGGER_ID, m.COVERAGE_ID, m.PROFILER_ID):
                seen = []
                m.use_tool_id(tool, "mine")
                m.register_callback(tool, E.PY_START, lambda code, offset: seen.append(code.co_name))
                m.register_callback(tool, E.LINE, lambda code, line: m.DISABLE)
                m.register_callback(tool, E.CALL, lambda *args: seen.append(args[2].__name__))
                m.set_events(tool, E.PY_START | E.LINE | E.CALL)
                work(2)
                m.set_events(tool, 0)
                print(tool, m.get_tool(tool), seen[:6])
                m.restart_events()
                m.free_tool_id(tool)
            work(3)
            """)
        self.assertEqual(4, len(self.parity("program.py").report.named("work")))

    def test_coverage(self):
        found = self.run_argv(["python3", "-c", "import coverage"])
        if found.status:
            self.skipTest("coverage is not installed for this interpreter")
        self.program("print(work(5))")
        outputs = []
        for run in (self.plain, self.traced):
            self.assertEqual(0, run("-m", "coverage", "run", "--data-file=data", "program.py").status)
            outputs.append(self.plain("-m", "coverage", "report", "--data-file=data", "-m").stdout)
        self.assertEqual(outputs[0], outputs[1])

    def test_development_mode(self):
        self.program("""
            import warnings, gc
            print(work(3), sys.flags.dev_mode)
            open("/dev/null")
            gc.collect()
            """)
        args = ["-X", "dev", "program.py"]
        traced = self.parity(*args, program=["python3", *args])
        self.assertIn(b"ResourceWarning", traced.stderr)
        self.assertTrue(traced.report.named("work"))

    def test_debug_allocators(self):
        self.program("print(work(3))")
        for value in ("debug", "malloc", "malloc_debug", "pymalloc_debug"):
            with self.subTest(value):
                self.assertTrue(self.parity("program.py", env={"PYTHONMALLOC": value}).report.named("work"))

    def test_memory_error_is_handled(self):
        self.program("""
            import resource
            resource.setrlimit(resource.RLIMIT_AS, (1 << 30, 1 << 30))
            for size in (1 << 40, 1 << 31):
                try: b"x" * size
                except MemoryError: print("handled")
            blocks = []
            try:
                while True: blocks.append(bytearray(1 << 20)); work(1)
            except MemoryError:
                del blocks
                print("handled")
            print(work(3))
            """)
        self.parity("program.py")

    def test_tracemalloc(self):
        self.program("""
            import tracemalloc
            tracemalloc.start()
            before = tracemalloc.take_snapshot()
            work(1000)
            found = tracemalloc.take_snapshot().compare_to(before, "filename")
            print([one for one in found if "viztracer" in str(one) or "libvtn" in str(one)])
            """)
        self.parity("program.py")

    def test_objects_are_not_kept_alive(self):
        """No reference to a function, a code object or an instance is kept."""
        self.program("""
            import gc, weakref
            class Callable:
                def __call__(self): return 1
                def __del__(self): print("callable gone")
            class Meta(type):
                def __call__(cls): return super().__call__()
            def make(n):
                scope = {}
                exec(f"def made(x): return x + {n}", scope)
                class Local(metaclass=Meta):
                    def method(self): return 1
                return scope["made"], Local
            one = Callable(); one(); del one
            references = []
            for n in range(200):
                made, Local = make(n)
                made(1); Local().method(); len(str(made))
                references += [weakref.ref(made), weakref.ref(made.__code__), weakref.ref(Local)]
                del made, Local
            gc.collect()
            print(sum(one() is not None for one in references))
            print(sys.getrefcount(work), sys.getrefcount(work.__code__), sys.getrefcount(len) > 0)
            """)
        self.parity("program.py")

    def test_no_attribute_is_looked_up(self):
        self.program("""
            class Nosy(type):
                def __getattribute__(cls, name):
                    print("class", name)
                    return super().__getattribute__(name)
            class Thing(metaclass=Nosy):
                def __getattribute__(self, name):
                    print("object", name)
                    return super().__getattribute__(name)
                def __call__(self): return 1
                def __repr__(self): print("repr"); return "x"
                def __eq__(self, other): print("eq"); return True
                def __hash__(self): print("hash"); return 1
                def method(self): return 2
            one = Thing()
            one(); one(*[]); one.method(); Thing.method(one)
            import functools, types
            functools.partial(one)(); types.MethodType(len, [one])()
            """)
        self.parity("program.py")

    def test_modules_and_gc_are_as_plain(self):
        self.program("""
            import gc
            print(sorted(sys.modules), gc.isenabled(), gc.get_threshold(), len(gc.callbacks))
            print([name for name in dir(sys) if "vtn" in name or "viz" in name])
            print(sum(type(one).__module__ not in ("builtins",) and "vtn" in repr(type(one))
                      for one in gc.get_objects()))
            """)
        self.parity("program.py")

    def test_frames_and_introspection(self):
        self.program("""
            import dis, inspect, sys, traceback
            def look(): return [frame.f_code.co_name for frame, _ in traceback.walk_stack(None)]
            print(look(), work.__code__.co_code == work.__code__.co_code, inspect.getsource(helper))
            print(len(sys._current_frames()), [f.f_lineno for f in sys._current_frames().values()])
            dis.dis(helper)
            import _testinternalcapi
            """)
        self.parity("program.py")

    def test_subinterpreter_does_no_harm(self):
        self.program("""
            try:
                import _interpreters as xi
            except ImportError:
                try: import _xxsubinterpreters as xi
                except ImportError: import _interpreters as xi
            one = xi.create()
            if hasattr(xi, "exec"): xi.exec(one, "print('inside', sum(map(abs, [1, -2])))")
            else: xi.run_string(one, "print('inside', sum(map(abs, [1, -2])))")
            xi.destroy(one)
            print(work(2))
            """)
        traced = self.parity("program.py")
        if traced.status == 0:
            self.assertTrue(traced.report.named("work"))

    def test_address_sanitizer_build(self):
        """A library built with ASan in the program, its runtime preloaded by the user."""
        if self.interpreter.root is not None:
            self.skipTest("the compiler and its runtime are of the machine's own root")
        runtime = subprocess.run(["cc", "-print-file-name=libasan.so"], stdout=subprocess.PIPE, text=True,
                                 check=False).stdout.strip()
        if not os.path.isabs(runtime):
            self.skipTest("the compiler has no libasan")
        source = self.write("checked.c", "int twice(int *p) { return *p + *p; }")
        library = os.path.join(self.work, "checked.so")
        subprocess.run(["cc", "-shared", "-fPIC", "-fsanitize=address", "-o", library, source], check=True)
        self.program(f"""
            import ctypes
            value = ctypes.c_int(21)
            print(ctypes.CDLL({library!r}).twice(ctypes.byref(value)), work(2))
            """)
        traced = self.parity("program.py", env={
            "LD_PRELOAD": os.path.realpath(runtime), "ASAN_OPTIONS": "detect_leaks=0"})
        self.assertEqual((0, b"42 1\n"), (traced.status, traced.stdout))
        self.assertTrue(traced.report.named("work"))

    def test_tracer_within_tracer(self):
        self.program("print(work(2))")
        argv, name = self.launcher_argv(support.LAUNCHER, "--quiet", "-o",
                                        os.path.join(self.reports, "inner.json"), "program.py")
        outcome = self.run_argv([argv[0], "--quiet", "-o", argv[argv.index("-o") + 1], "--", *argv[-5:]])
        self.assertEqual((0, b"1\n", b""), outcome.parity_key())
        made = [support.Report(os.path.join(self.reports, one)) for one in os.listdir(self.reports)]
        self.assertTrue(any(report.named("work") for report in made))


if __name__ == "__main__":
    unittest.main()
