# SPDX-License-Identifier: Apache-2.0
"""What the runtime must not do to the process it lives in, and names that outlive nothing."""

import collections
import unittest

import support


class Harmless(support.TestCase):
    def test_no_reference_is_kept(self):
        self.write("program.py", """
            import gc, sys, weakref, types, functools
            def make():
                def function(): pass
                return function
            class Plain:
                def method(self): pass
                def __call__(self): pass
            dead = []
            def watch(thing, what):
                weakref.finalize(thing, dead.append, what)
            function = make(); function(); watch(function, "function"); watch(function.__code__, "code")
            namespace = {}
            exec("def f(): return len('')", namespace); namespace["f"]()
            watch(namespace["f"].__code__, "exec code"); del namespace
            Local = type("Local", (list,), {}); Local().append(1); watch(Local, "class")
            instance = Plain(); instance(); instance.method(); watch(instance, "instance")
            partial = functools.partial(Plain); partial(); watch(partial, "partial")
            print(sys.getrefcount(function), sys.getrefcount(function.__code__), sys.getrefcount(Local),
                  sys.getrefcount(instance), sys.getrefcount(partial), sys.getrefcount(Plain.method))
            print(weakref.getweakrefcount(function), weakref.getweakrefcount(Plain))
            del function, instance, partial, Local
            gc.collect()
            print(sorted(dead))
            """)
        self.parity("program.py")

    def test_co_extra_of_others(self):
        """Their free functions are called for what they marked, and for nothing else."""
        self.write("program.py", """
            import ctypes
            api = ctypes.pythonapi
            register = getattr(api, "PyUnstable_Eval_RequestCodeExtraIndex", None) or \\
                api._PyEval_RequestCodeExtraIndex
            mark = getattr(api, "PyUnstable_Code_SetExtra", None) or api._PyCode_SetExtra
            Free = ctypes.CFUNCTYPE(None, ctypes.c_void_p)
            register.argtypes = [Free]
            mark.argtypes = [ctypes.py_object, ctypes.c_ssize_t, ctypes.c_void_p]
            freed = []
            callbacks = [Free(lambda value, which=which: freed.append((which, value))) for which in "ab"]
            indices = [register(callback) for callback in callbacks]
            def run(before=(), after=()):
                space = {}
                exec("def f(): pass", space)
                for which in before: mark(space["f"].__code__, indices[which], 5 + which)
                space["f"]()
                for which in after: mark(space["f"].__code__, indices[which], 5 + which)
                space["f"]()
                del space
                print(freed)
                freed.clear()
            run()
            run(before=[0])
            run(before=[1])
            run(after=[0])
            run(after=[1])
            run(before=[0], after=[1])
            run()
            del callbacks  # what died by now is not called any more
            """)
        self.parity("program.py")

    def test_names_of_code_that_comes_and_goes(self):
        """More code objects than any table begins with, at addresses that come back; in a child, too."""
        self.write("program.py", """
            import os
            kept = []
            def make(name):
                space = {}
                exec(f"def {name}(): pass", space)
                space[name]()
                return space[name]
            for i in range(9000):
                function = make(f"f{i}")
                if i % 2: kept.append(function)
            if os.fork() == 0:
                for function in kept[:50]: function()
                for i in range(50): make(f"child{i}")
                os._exit(0)
            os.wait()
            """)
        calls = collections.Counter(
            call.function for call in self.parity("program.py").report.calls() if call.is_python)
        expected = collections.Counter([f"f{i}" for i in range(9000)] + [
            f"f{2 * i + 1}" for i in range(50)] + [f"child{i}" for i in range(50)])
        self.assertEqual(expected, {name: calls[name] for name in expected})

    def test_no_attribute_is_looked_up(self):
        self.write("program.py", """
            seen = []
            class Meta(type):
                def __getattribute__(cls, name):
                    seen.append(("meta", name)); return super().__getattribute__(name)
                def __instancecheck__(cls, instance):
                    seen.append("instancecheck"); return False
                def __hash__(cls):
                    seen.append("hash"); return 1
                def __eq__(cls, other):
                    seen.append("eq"); return cls is other
            class Nosy(metaclass=Meta):
                def __getattribute__(self, name):
                    seen.append(name); return super().__getattribute__(name)
                def __getattr__(self, name):
                    seen.append(("getattr", name)); raise AttributeError(name)
                def __call__(self, *args):
                    return 1
                def __repr__(self):
                    seen.append("repr"); return "?"
                __str__ = __repr__
                def __bool__(self):
                    seen.append("bool"); return False
                def __del__(self):
                    seen.append("del")
            nosy = Nosy(); nosy(); nosy(1, 2); nosy(*(), **{})
            list(map(nosy, [1])); sorted([2, 1], key=nosy)
            import functools, types
            functools.partial(nosy)(); types.MethodType(nosy, 1)()
            def generator():
                yield nosy()
            for _ in generator(): pass
            del nosy
            print(seen)
            """)
        self.parity("program.py")

    def test_no_thread_signal_handler_or_descriptor(self):
        self.write("program.py", """
            import os, threading
            def facts():
                status = dict(line.split(":", 1) for line in open("/proc/self/status"))
                return [status[key].strip() for key in ("Threads", "SigBlk", "SigIgn", "SigCgt")], \\
                    sorted(os.listdir("/proc/self/fd")), os.listdir("/proc/self/task") == [str(os.getpid())]
            print(facts())
            thread = threading.Thread(target=lambda: print(facts()[1:2])); thread.start(); thread.join()
            pid = os.fork()
            if pid == 0:
                print(facts(), flush=True); os._exit(0)
            os.waitpid(pid, 0)
            """)
        self.parity("program.py", env={"PYTHONWARNINGS": "ignore"})

    def test_errno_and_the_pending_exception_stay(self):
        self.write("program.py", """
            import ctypes, sys
            libc = ctypes.CDLL(None, use_errno=True)
            errors = []
            for i in range(300):
                exec(f"def fresh_{i}():\\n return libc.close(-1), ctypes.get_errno()", globals())
                errors.append(globals()[f"fresh_{i}"]())
            print(set(errors))
            def raising(depth):
                if depth == 0:
                    raise KeyError("innermost")
                try:
                    return sorted([1, 2], key=lambda _: raising(depth - 1))
                finally:
                    len("")
            try:
                raising(20)
            except KeyError as error:
                print(repr(error), sys.exc_info()[1] is error, len(sys.exc_info()))
            print(sys.exc_info())
            """)
        self.parity("program.py")

    def test_objects_of_ours_are_not_to_be_found(self):
        self.write("program.py", """
            import gc, sys, threading
            def function(): pass
            function()
            ours = [repr(o) for o in gc.get_objects() if "viztracer" in str(type(o)) or
                    (isinstance(o, type) and "viztracer" in o.__module__)]
            print(ours, [m for m in sys.modules if "viztracer" in m or "vtn" in m])
            print(sys.getprofile(), sys.gettrace(), threading.getprofile() if hasattr(threading, "getprofile") else None)
            def depth():
                frame, count = sys._getframe(), 0
                while frame:
                    frame, count = frame.f_back, count + 1
                return count
            print(depth(), sys.getrecursionlimit())
            """)
        self.parity("program.py")

    def test_addresses_that_come_back_have_their_own_names(self):
        """Functions, classes and C methods made and dropped by the thousand, on recycled addresses."""
        self.write("program.py", """
            for i in range(3000):
                space = {}
                exec(f"def function_{i}(): return None", space)
                space[f"function_{i}"]()
                del space
            for i in range(1000):
                Class = type(f"Class_{i:04}", (list,), {})
                Class()
                method = Class().append
                method(1)
                del Class, method
            """)
        report = self.traced("program.py").report
        names = [call.function for call in report.calls()]
        self.assertEqual([f"function_{i}" for i in range(3000)],
                         [name for name in names if name.startswith("function_")])
        methods = [name for name in names if name.startswith("Class_") and name.endswith(".append")]
        self.assertEqual([f"Class_{i:04}.append" for i in range(1000)], methods)
        if self.interpreter.minor >= (3, 12):  # before, a class that is called sends no event
            classes = [name for name in names if name.startswith("Class_") and "." not in name]
            self.assertEqual({f"Class_{i:04}" for i in range(1000)}, set(classes))
            self.assertEqual(2000, len(classes))

    def test_class_that_is_renamed_has_the_name_of_that_moment(self):
        """By an attribute, past it, by a metaclass that tells nobody, and to a name of equal length."""
        self.write("program.py", """
            class Meta(type):
                def __setattr__(cls, name, value): type.__dict__["__name__"].__set__(cls, value)
            class Plain(list): pass
            class Quiet(list, metaclass=Meta): pass
            class Called:
                def __call__(self): pass
            def rename_past_it(cls, name): type.__dict__["__name__"].__set__(cls, name)
            def rename(cls, name): cls.__name__ = name
            for cls, way in ((Plain, rename), (Plain, rename_past_it), (Quiet, rename), (Called, rename)):
                for i in range(300):
                    way(cls, f"{way.__name__}_{cls.__bases__[0].__name__}_{i:03}")
                    for again in range(2):
                        made = cls()
                        if cls is Called: made()
                        else:
                            append = made.append  # bound: named by the class of self
                            append(1)
                    if way is rename: type.__setattr__(cls, "counted", i)  # changes the class, not its name
            """)
        report = self.parity("program.py").report
        numbers = [f"{i:03}" for i in range(300) for _ in range(2)]
        wanted = ([f"rename_list_{number}.append" for number in numbers]
                  + [f"rename_past_it_list_{number}.append" for number in numbers]
                  + [f"rename_list_{number}.append" for number in numbers])
        found = [call.function for call in report.calls() if ".append" in call.name]
        self.assertEqual([], [pair for pair in zip(wanted, found) if pair[0] != pair[1]][:5])
        self.assertEqual(len(wanted), len(found))
        if self.interpreter.minor >= (3, 12):
            instances = [call.name for call in report.calls() if call.name.startswith("<rename_object_")]
            self.assertEqual([f"<rename_object_{number} object>" for number in numbers], instances)

    def test_class_has_the_name_of_its_module(self):
        """Of that moment, for classes and what is called as their instance; none for the program's own."""
        if self.interpreter.minor < (3, 12):
            self.skipTest("a class that is called sends no event")
        self.write("module.py", """
            class Meta(type):
                def __getattribute__(cls, name): raise KeyError(name)
            class Plain: pass
            class Called:
                def __call__(self): pass
            class Made(metaclass=Meta): pass
            class Odd: __module__ = property(lambda self: print("asked"))
            """)
        self.write("program.py", """
            import collections, module
            class Own: pass
            Own(), module.Plain(), module.Called()(), module.Made(), module.Odd(), collections.OrderedDict()
            def move(): pass
            for cls in module.Plain, module.Made:
                for i in range(3):
                    move()
                    type.__dict__["__module__"].__set__(cls, f"moved_{i}")
                    cls(), cls()
            def again():
                for i in range(1000):
                    cls = type("Again", (), {"__module__": f"again_{i:04}"})
                    cls(), cls()
                    del cls
            again()
            """)
        report = self.parity("program.py").report
        names = [call.name for call in report.calls()]
        classes = ("Own", "Plain", "Called", "Made", "Odd", "OrderedDict")
        found = [name for name in names if name.rpartition(".")[2].removesuffix(" object>") in classes]
        self.assertEqual(["Own", "module.Plain", "module.Called", "<module.Called object>", "module.Made", "Odd",
                          "collections.OrderedDict",
                          *(f"moved_{i}.{name}" for name in ("Plain", "Made") for i in range(3) for _ in range(2))], found)
        self.assertEqual([f"again_{i:04}.Again" for i in range(1000) for _ in range(2)],
                         [name for name in names if name.endswith("Again")])

    def test_a_hundred_thousand_code_objects_leave_no_memory_behind(self):
        self.write("program.py", """
            import resource, sys
            def burn(count):
                for i in range(count):
                    space = {}
                    exec("def same(): return None", space)
                    space["same"]()
            burn(2000)
            before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
            burn(100_000)
            print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 12_000)
            """)
        traced = self.traced("program.py")
        self.assertEqual(b"True\n", traced.stdout)
        self.assertEqual(102_000, len(traced.report.named("same")))


if __name__ == "__main__":
    unittest.main()
