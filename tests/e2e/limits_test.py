# SPDX-License-Identifier: Apache-2.0
"""The limits of docs/LIMITS.md, each shown. A limit that is gone should leave that page."""

import errno
import os
import signal
import unittest

import support


class Limits(support.TestCase):
    def both(self, text, **kwargs):
        """The outputs of the program, plain and traced, and the report."""
        self.write("program.py", text)
        plain, traced = self.plain("program.py", **kwargs), self.traced("program.py", **kwargs)
        self.assertEqual((plain.status, plain.stderr), (traced.status, traced.stderr))
        return plain.stdout.decode(), traced.stdout.decode(), traced.report

    def test_parent(self):
        """L-PARENT"""
        plain, traced, _ = self.both("import os; print(os.readlink(f'/proc/{os.getppid()}/exe'))")
        self.assertEqual(os.path.realpath(support.LAUNCHER), traced.strip())
        self.assertNotEqual(plain, traced)

    def test_parent_death_signal(self):
        """L-PDEATHSIG"""
        plain, traced, _ = self.both("""
            import ctypes
            number = ctypes.c_int(-1)
            ctypes.CDLL(None).prctl(2, ctypes.byref(number))
            print(number.value)
            """)
        self.assertEqual(("0\n", "9\n"), (plain, traced))

    def test_maps(self):
        """L-MAPS"""
        plain, traced, _ = self.both("print('vtn' in open('/proc/self/maps').read())")
        self.assertEqual(("False\n", "True\n"), (plain, traced))

    def test_environ_of_the_kernel(self):
        """L-ENVIRON"""
        plain, traced, _ = self.both("""
            import ctypes, os
            getenv = ctypes.CDLL(None).getenv
            getenv.restype = ctypes.c_char_p
            block = open('/proc/self/environ', 'rb').read()
            print(b'libvtn.so' in block, os.environ.get('LD_PRELOAD'), getenv(b'LD_PRELOAD'))
            """)
        self.assertEqual(("False None None\n", "True None None\n"), (plain, traced))

    def test_exec_with_pointers_to_nowhere(self):
        """L-POINTERS"""
        plain, traced, _ = self.both("""
            import ctypes, errno, os
            child = os.fork()
            if child == 0:
                libc = ctypes.CDLL(None, use_errno=True)
                libc.execve(b"/bin/true", (ctypes.c_char_p * 2)(b"true", None), ctypes.c_void_p(8))
                os._exit(ctypes.get_errno())
            print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
            """)
        self.assertEqual((f"{errno.EFAULT}\n", f"{-signal.SIGSEGV}\n"), (plain, traced))

    def test_tool_id(self):
        """L-TOOL-ID"""
        if self.interpreter.minor < (3, 12):
            self.skipTest("sys.monitoring is of 3.12")
        plain, traced, _ = self.both("import sys; print([sys.monitoring.get_tool(i) for i in range(6)])")
        self.assertEqual(str([None] * 6), plain.strip())
        tools = eval(traced)
        self.assertEqual([None] * 3, tools[:3])
        self.assertEqual(1, sum(tool is not None for tool in tools))

    def test_instructions_of_the_programs_own_tool(self):
        """L-INSTRUCTION-EVENTS"""
        if self.interpreter.minor < (3, 12):
            self.skipTest("sys.monitoring is of 3.12")
        program = """
            import sys
            m, E, seen = sys.monitoring, sys.monitoring.events, []
            m.use_tool_id(1, "mine")
            m.register_callback(1, E.INSTRUCTION, lambda code, offset: seen.append(offset))
            def f(x):
                m.set_events(1, E.PY_START)
                seen.clear()
                return x
            m.set_local_events(1, f.__code__, E.INSTRUCTION)
            f(1)
            print(bool(seen))
            """
        plain, traced, _ = self.both(program)
        self.write("any.py", program)
        any_tool = self.plain(os.path.join(support.PROGRAMS, "any_tool.py"), "monitoring", "any.py")
        self.assertEqual(("True\n", "False\n", b"False\n"), (plain, traced, any_tool.stdout))

    def test_line_of_a_function_of_one_line(self):
        """L-LINE-EVENTS"""
        if self.interpreter.minor < (3, 13):
            self.skipTest("it is about 3.13 and later")
        program = """
            import sys
            def one(n): return n
            m, E, lines = sys.monitoring, sys.monitoring.events, []
            m.use_tool_id(1, "mine")
            m.register_callback(1, E.LINE, lambda code, line: lines.append((code.co_name, line)))
            m.set_events(1, E.LINE)
            one(1)
            m.set_events(1, 0)
            print(("one", 2) in lines)
            """
        plain, traced, _ = self.both(program)
        self.write("any.py", program)
        any_tool = self.plain(os.path.join(support.PROGRAMS, "any_tool.py"), "monitoring", "any.py")
        self.assertEqual(("False\n", "True\n", b"True\n"), (plain, traced, any_tool.stdout))

    def test_gap_while_the_programs_profiler_is_set(self):
        """L-PROFILER-GAP"""
        _, _, report = self.both("""
            import sys
            def before(): pass
            def during(): pass
            def after(): pass
            before()
            sys.setprofile(lambda *args: None)
            during()
            sys.setprofile(None)
            after()
            """)
        gone = self.interpreter.minor < (3, 12)
        self.assertEqual([1, 0 if gone else 1, 1],
                         [len(report.named(name)) for name in ("before", "during", "after")])
        if gone:
            self.assertTrue([event for event in report.events if "profiler" in event.get("name", "")])

    def test_calls_of_what_is_no_function(self):
        """L-CALLABLES"""
        self.write("program.py", """
            import functools
            def f(x): return len(x)
            class Thing:
                def __init__(self): f("thing")
            Thing()
            int("3")
            functools.partial(f, "partial")()
            (5).__add__(3)
            """)
        report = self.traced("program.py").report
        names = {call.name for call in report.calls()}
        others = {"Thing", "int", "functools.partial", "<functools.partial object>"}
        self.assertEqual(others if self.interpreter.minor >= (3, 12) else set(), names & others)
        self.assertEqual(2, len(report.named("f")))

    def test_evaluator_of_another(self):
        """L-OTHER-EVALUATOR: noticed when a call returns; the gap is drawn, nothing breaks."""
        library = os.environ.get("VTN_EVAL_FRAME", "")
        self.assertTrue(os.path.exists(library), "VTN_EVAL_FRAME names no library")
        self.write("program.py", f"""
            import ctypes
            def before(): pass
            def after(n): return n
            def deep(n): return deep(n - 1) if n else change()
            def change(): return ctypes.PyDLL({library!r}).set_eval_frame()
            for i in range(100): before()
            print(deep(50))
            print(sum(after(i) for i in range(1000)))
            """)
        plain = self.plain("program.py")
        traced = self.traced("program.py", options=("--quiet", "--ignore_c_function"))
        self.assertEqual(plain.parity_key(), traced.parity_key())
        self.assertEqual(100, len(traced.report.named("before")))
        self.assertEqual(51, len(traced.report.named("deep")))
        gaps = [event for event in traced.report.events if "evaluation" in event.get("name", "")]
        # Noticed when a call returns that was open: `change` does, at once.
        self.assertEqual(1000, len(traced.report.named("after")))
        self.assertEqual(1 if self.interpreter.minor == (3, 11) else 0, len(gaps))

    def test_list_of_the_garbage_collector(self):
        """L-GC-CALLBACKS"""
        self.write("program.py", "import sys; print('gc' in sys.modules); import gc; print(len(gc.callbacks))")
        self.assertEqual("1", self.traced("program.py", options=("--quiet", "--log_gc")).stdout.decode().split()[1])
        for options in (), ("--log_func_args",):
            self.assertEqual(self.plain("program.py").stdout, self.traced("program.py", options=("--quiet", *options)).stdout)

    def test_own_repr(self):
        """L-OWN-REPR"""
        self.write("program.py", """
            class Loud:
                def __repr__(self):
                    print("asked")
                    return "loud"
            def f(x): return None
            f(Loud())
            """)
        self.assertEqual(b"", self.traced("program.py", options=("--quiet", "--log_func_args")).stdout)
        self.assertEqual(b"asked\n", self.traced("program.py", options=("--quiet", "--log_func_args", "--repr", "all")).stdout)

    def test_expressions_of_comments(self):
        """L-COMMENT"""
        self.write("x.py", """
            made = []
            # !viztracer: log_var("made", made.append(1))
            try:
                x = 1
                # !viztracer: log_instant("e", exit(3))
                for _ in range(1000): pass
            except SystemExit as error:
                print(made, error.code)
        """)
        self.assertEqual((0, b"", b""), self.plain("x.py").parity_key())
        self.assertEqual((0, b"[1] 3\n", b""), self.traced("x.py", options=("--quiet", "--magic_comment")).parity_key())

    def test_dict_of_an_object(self):
        """L-OBJECT-DICT"""
        self.write("program.py", """
            import gc
            class Thing:
                def __init__(self): self.a, self.b = 1, 2
            def f(x): return None
            thing = Thing()
            f(thing)
            print(any(type(one) is dict for one in gc.get_referents(thing)))
            """)
        plain = self.plain("program.py").stdout
        self.assertEqual(plain, self.traced("program.py", options=("--quiet", "--log_func_args")).stdout)
        fields = self.traced("program.py", options=("--quiet", "--log_func_args", "--log_func_with_objprint")).stdout
        self.assertEqual((b"False\n" if self.interpreter.minor >= (3, 11) else b"True\n",
                          b"False\n" if self.interpreter.minor == (3, 13) else b"True\n"), (plain, fields))

    def test_audit_hook_that_stays(self):
        """L-AUDIT-HOOK: nothing but the time that it takes."""
        text = """
            import sys
            def f(): pass
            sys.audit("one", 1)
            print(f.__code__ is not None)
            """
        self.write("program.py", text)
        traced = self.traced("program.py", options=("--quiet", "--log_audit"))
        self.assertEqual(self.plain("program.py").parity_key(), traced.parity_key())
        told = [event["name"] for event in traced.report.events if event.get("cat") == "audit"]
        self.assertIn("one", told)
        self.assertIn("object.__getattr__", told)

    def test_evaluator_beside_the_profile_function(self):
        """L-EVALUATOR"""
        self.write("program.py", """
            import ctypes
            def address(function): return ctypes.cast(function, ctypes.c_void_p).value
            api = ctypes.pythonapi
            name = "_PyInterpreterState_GetEvalFrameFunc"
            get = getattr(api, name) if hasattr(api, name) else api.PyUnstable_InterpreterState_GetEvalFrameFunc
            api.PyInterpreterState_Get.restype = get.restype = ctypes.c_void_p
            get.argtypes = [ctypes.c_void_p]
            print(get(api.PyInterpreterState_Get()) == address(api._PyEval_EvalFrameDefault))
            """)
        self.assertEqual(b"True\n", self.plain("program.py").stdout)
        self.assertEqual(b"True\n", self.traced("program.py").stdout)
        for options in ("--log_exception",), ("--log_var", "x"), ("--log_var", "x", "--ignore_c_function"):
            self.assertEqual(b"True\n" if self.interpreter.minor >= (3, 12) else b"False\n",
                             self.traced("program.py", options=("--quiet", *options)).stdout)

    def test_opcodes_of_a_frame(self):
        """L-OPCODES"""
        self.write("program.py", """
            import sys
            def look(frame): return frame.f_trace_opcodes
            def f():
                x = 1
                return sys._getframe().f_trace_opcodes, look(sys._getframe())
            print(*f(), sys.gettrace())
            """)
        self.assertEqual(b"False False None\n", self.plain("program.py").stdout)
        self.assertEqual(b"False False None\n" if self.interpreter.minor >= (3, 12) else b"True False None\n",
                         self.traced("program.py", options=("--quiet", "--log_var", "x")).stdout)

    def test_class_of_the_callbacks(self):
        """L-SUBCLASS"""
        plain, traced, _ = self.both("""
            print([c.__name__ for c in object.__subclasses__() if c.__module__ == "viztracer_native"])
            """)
        self.assertEqual("[]", plain.strip())
        self.assertEqual("['callback']" if self.interpreter.minor >= (3, 12) else "[]", traced.strip())

    def test_executable(self):
        """L-EXE"""
        self.write("program.py", "import os, sys; print(os.readlink('/proc/self/exe'), sys.executable)")
        plain = self.plain("program.py").stdout.decode().split()
        self.assertEqual(plain, self.traced("program.py").stdout.decode().split())
        embedded = self.traced("program.py", options=("--quiet", "--host", "embed"))
        if embedded.status != 0:
            self.assertIn(b"there is no libpython", embedded.stderr)
            return
        exe, executable = embedded.stdout.decode().split()
        self.assertEqual(plain[1], executable)
        self.assertEqual(os.path.join(os.path.dirname(os.path.realpath(support.LAUNCHER)),
                                      "vtn-embed-host"), exe)

    def test_group(self):
        """L-GROUP: as a job of its own (start_new_session), as a shell with job control starts it."""
        plain, traced, _ = self.both("import os; print(os.getpgrp() == os.getpid())")
        self.assertEqual(("True\n", "False\n"), (plain, traced))

    def test_size_of_a_code_object(self):
        """L-CODE-SIZE"""
        plain, traced, _ = self.both("import sys\ndef f(): pass\nf(); print(sys.getsizeof(f.__code__))")
        self.assertEqual(int(plain) + (16 if self.interpreter.minor < (3, 14) else 0), int(traced))

    def test_deep_recursion_without_c_functions(self):
        """L-STACK-GUARD: elsewhere all of it is there."""
        self.write("program.py", """
            import sys
            sys.setrecursionlimit(100_000)
            def deep(n): return deep(n - 1) + 1 if n else 0
            print(deep(25_000))
            def after(): pass
            after()
            """)
        plain = self.plain("program.py")
        traced = self.traced("program.py", options=("--quiet", "--ignore_c_function"))
        self.assertEqual(plain.parity_key(), traced.parity_key())
        if plain.status != 0:
            return  # 3.10 overflows its stack by itself
        self.assertEqual(1, len(traced.report.named("after")))
        recorded = len(traced.report.named("deep"))
        if self.interpreter.minor == (3, 11):
            self.assertLessEqual(2_000, recorded)
        else:
            self.assertEqual(25_001, recorded)

    def test_tool_of_nvtx(self):
        """L-NVTX"""
        plain, traced, _ = self.both("""
            import ctypes, os
            getenv = ctypes.CDLL(None).getenv
            getenv.restype = ctypes.c_char_p
            path = getenv(b'NVTX_INJECTION64_PATH') or b'/'
            print(os.path.basename(path), os.environ.get('NVTX_INJECTION64_PATH'))
            """)
        self.assertEqual(("b'' None\n", "b'libvtn_runtime.so' None\n"), (plain, traced))

    def test_old_python(self):
        """L-OLD-PYTHON: tests/e2e/inputs_test.py runs 3.8 and 2.7; this is the same seen from `--`."""
        old = os.path.expanduser("~/.pyenv/versions/3.9.18/bin/python3")
        if self.interpreter.root or not os.path.exists(old):
            self.skipTest("no CPython 3.9 here")
        outcome = self.traced("--", old, "-c", "print(1)", options=())
        self.assertEqual((0, b"1\n"), (outcome.status, outcome.stdout))
        self.assertIn(b"3.9", outcome.stderr.splitlines()[-1])


if __name__ == "__main__":
    unittest.main()
