# SPDX-License-Identifier: Apache-2.0
"""Extension modules that tell of their own calls: C code that sends events, and Cython's profile mode."""

import os
import shutil
import subprocess
import sys
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "support"))

import support  # noqa: E402
import venvs  # noqa: E402

MODULE = """
# cython: language_level=3
def leaf(x): return x + 1
def fails(): raise ValueError("no")
def gen(n):
    for i in range(n):
        yield leaf(i)
def guarded(n, seen):
    for i in range(n):
        try:
            yield leaf(i)
        except KeyError as error:
            seen.append(repr(error))
            yield -1
        finally:
            seen.append(i)
def delegating(n, seen):
    yield from guarded(n, seen)
cdef int inner(int x) except? -1:
    if x > 3: raise KeyError(x)
    return x
cpdef int both(int x) except? -1: return inner(x)
cdef class C:
    cdef int v
    def __init__(self, v): self.v = v
    def __dealloc__(self): both(1)
    def __call__(self): return both(self.v)
async def co(n): return leaf(n)
"""

PROGRAM = """
import sys
import mod

def tried(function, *arguments):
    try:
        return function(*arguments)
    except BaseException as error:
        return repr(error), repr(error.__context__), repr(error.__cause__)

for make in (lambda: mod.gen(9), lambda: mod.guarded(9, seen), lambda: mod.delegating(9, seen)):
    for end in ("close", "del", "KeyError", "exhaust", "KeyboardInterrupt"):
        seen = []
        one = make()
        print(next(one), end=" ")
        if end == "close":
            print(tried(one.close), end=" ")
        elif end == "del":
            del one
        elif end == "exhaust":
            print(sum(one), end=" ")
        else:
            print(tried(one.throw, getattr(__builtins__, end)("thrown")), end=" ")
            print(tried(next, one), tried(one.close), end=" ")
        print(end, seen)
print(tried(mod.fails), tried(mod.both, 5), mod.both(2), mod.C(2)(), tried(mod.C(7)))
coroutine = mod.co(1)
print(tried(coroutine.send, None), sys.exc_info())
mod.co(1).close()
"""

SETUP = """
import sys
from setuptools import setup, Extension
from Cython.Build import cythonize
mode = sys.argv.pop(1)
macros = [("CYTHON_TRACE", "1"), ("CYTHON_TRACE_NOGIL", "1")] if mode == "linetrace" else []
setup(ext_modules=cythonize(
    [Extension("mod", ["mod.pyx"], define_macros=macros, extra_compile_args=["-O0"])], quiet=True,
    force=True, compiler_directives={"profile": True, "linetrace": mode == "linetrace"}))
"""


class Extensions(support.TestCase):
    def test_events_from_c_with_an_exception_set(self):
        """The exception is the program's: the sender must see it, whatever a handler does."""
        if self.interpreter.minor < (3, 13):
            self.skipTest("C code can send events from 3.13 on")
        library = os.environ.get("VTN_FIRE_EVENTS", "")
        self.assertTrue(os.path.exists(library), "VTN_FIRE_EVENTS names no library")
        events = ("PY_START", "PY_RESUME", "PY_RETURN", "PY_YIELD", "PY_THROW", "PY_UNWIND", "C_RAISE")
        self.write("program.py", f"""
            import ctypes, sys
            fire_event = ctypes.PyDLL({library!r}).fire_event
            def fire(code, event, exception=None):
                kind = "CALL" if event.startswith("C_") else event  # their ends go with the calls
                kind = getattr(sys.monitoring.events, kind).bit_length() - 1
                name = "".join(map(str.capitalize, event.split("_")))
                fire_event.argtypes = (ctypes.py_object, ctypes.c_int, ctypes.c_char_p, ctypes.py_object,
                                       ctypes.py_object if exception else ctypes.c_void_p)
                return fire_event(code, kind, f"_PyMonitoring_Fire{{name}}Event".encode(), len, exception)
            def fired(): pass
            def untold(): pass
            for code in fired.__code__, untold.__code__, "no code":
                for n in range(3):
                    for event in {events!r}:
                        try:
                            print(event, fire(code, event, KeyError))
                        except BaseException as error:
                            print(event, repr(error), repr(error.__context__), repr(error.__cause__))
            # Nobody calls with an exception set, or has a result beside one.
            for event in "PY_START", "CALL", "C_RETURN", "PY_RETURN":
                print(event, [fire(untold.__code__, event) for n in range(3)])
            """)
        outcome = self.parity("program.py")
        self.assertNotIn(b"-2", outcome.stdout)
        report = outcome.report
        self.assertEqual([9, 12], [len(report.named(name)) for name in ("fired", "untold")])

    def test_cython(self):
        if self.interpreter.root is not None:
            self.skipTest("environments are of this machine's own root")
        if shutil.which("cc") is None:
            self.skipTest("there is no C compiler")
        python = os.path.join(venvs.need("cython", self.interpreter), "bin", "python3")
        for mode in ("profile", "linetrace"):
            with self.subTest(mode):
                folder = os.path.join(self.work, mode)
                for name, text in (("mod.pyx", MODULE), ("setup.py", SETUP), ("program.py", PROGRAM)):
                    self.write(os.path.join(mode, name), text)
                built = subprocess.run([python, "setup.py", mode, "build_ext", "--inplace"], cwd=folder,
                                       stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
                if b"Python.h" in built.stdout:
                    self.skipTest("this interpreter has no headers")
                self.assertEqual(0, built.returncode, built.stdout.decode())
                report = self.parity("program.py", cwd=folder).report
                self.assertTrue(report.named("tried"))


if __name__ == "__main__":
    unittest.main()
