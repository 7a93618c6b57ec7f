# SPDX-License-Identifier: Apache-2.0
"""--magic_comment: which comments there are, by the source that they stand in, and that the program stays what it is."""

import hashlib
import os
import unittest

from comments_test import OPTIONS, Comments


class Sources(Comments):
    def write_bytes(self, name, data):
        with open(os.path.join(self.work, name), "wb") as file:
            file.write(data)

    def told_of(self, data):
        self.write_bytes("x.py", data)
        plain = self.plain("x.py")
        outcome = self.traced("x.py", options=("--quiet", *OPTIONS))
        self.assertEqual(plain.parity_key(), outcome.parity_key())
        self.assertEqual((0, b""), (outcome.status, outcome.stderr))
        return self.told(outcome)

    def test_encodings(self):
        """VizTracer reads all as UTF-8."""
        for encoding, mark in ("latin-1", b""), ("utf-8", b"\xef\xbb\xbf"), ("utf-8", b""), ("cp1252", b""), ("shift_jis", b""):
            text = "表" if encoding == "shift_jis" else "é"  # one with a backslash in it
            cookie = b"" if encoding == "utf-8" else f"# -*- coding: {encoding} -*-\n".encode()
            source = f"s = '{text}'\n# !viztracer: log_var('{text}', s + '{text}')\nt = '# {text}'  # !viztracer: log\n"
            with self.subTest(encoding):
                self.assertEqual([f"{text} = '{text}{text}'", f"t = '# {text}'"], self.told_of(mark + cookie + source.encode(encoding)))

    def test_line_ends_form_feeds_and_tabs(self):
        source = ("def f(x):\n\t# !viztracer: log_instant('one')\n\tif x:\n\t\tx = 's'  # !viztracer: log\n\f\n"
                  "        # !viztracer: log_instant('two')\n\ty = x + \\\n\t\t'\x0b\x1c\x85\u2028'\n\t# !viztracer: log_instant('three')\n"
                  "\f# !viztracer: log_instant('four')\nf(1)")
        expected = ["four", "one", "x = 's'", "two", "three"]
        for end in "\n", "\r\n", "\r":
            with self.subTest(repr(end)):
                self.assertEqual(expected, self.told_of(source.replace("\n", end).encode()))

    def test_scripts_modules_and_commands(self):
        """VizTracer looks at the script, and at what is compiled while it runs."""
        self.write("package/__init__.py", "")
        self.write("package/__main__.py", "import package.other\n# !viztracer: log_instant('main')\nx = 1\n")
        self.write("package/other.py", "def f():\n    # !viztracer: log_instant('other')\n    return 1\nf()\n")
        env = {"PYTHONDONTWRITEBYTECODE": None}
        options = ("--quiet", *OPTIONS)
        for _ in range(2):  # cached the second time
            self.assertEqual(["other", "main"], self.told(self.traced("-m", "package", options=options, env=env)))
        self.assertTrue(os.path.isdir(os.path.join(self.work, "package", "__pycache__")))
        os.rename(os.path.join(self.work, "package"), os.path.join(self.work, "renamed"))
        command = "def f():\n    # !viztracer: log_instant('in f')\n    return 1\nf()  # !viztracer: log\nexec('def g():\\n\\n    return 1\\ng()')\n"
        for first in (), ("-X", "utf8", "-W", "ignore"), ("-B", "-I"):
            outcome = self.traced("--", "python3", *first, "-c", command, options=options)
            self.assertEqual((0, b""), (outcome.status, outcome.stderr))
            self.assertEqual(["in f", "f()"], self.told(outcome))

    def test_children(self):
        self.write("child.py", "mark = 'child'  # !viztracer: log\n")
        outcome = self.record("""
            import multiprocessing, os, subprocess, sys
            def work(mark):
                mark = mark + "1"  # !viztracer: log
            if __name__ == "__main__":
                subprocess.run([sys.executable, "child.py"], check=True)
                for method in ("fork", "spawn", "forkserver"):
                    process = multiprocessing.get_context(method).Process(target=work, args=(method,))
                    process.start()
                    process.join()
                def forks():
                    mark = "before"  # !viztracer: log
                    child = os.fork()
                    mark = "after"  # !viztracer: log if mark
                    if child == 0: os._exit(0)
                    os.waitpid(child, 0)
                forks()
                with multiprocessing.Pool(1) as pool:
                    pool.map(work, ["pool"])
                    pool.close()
                    pool.join()
        """, *OPTIONS)
        by_process = {}
        for event in self.marks(outcome):
            by_process.setdefault(event["pid"], []).append(event["name"])
        self.assertEqual(sorted([["mark = 'child'"], ["mark = 'fork1'"], ["mark = 'spawn1'"], ["mark = 'forkserver1'"], ["mark = 'pool1'"],
                                 ["mark = 'before'", "mark = 'after'"], ["mark = 'after'"]]), sorted(by_process.values()))

    def test_source_that_is_not_there(self):
        outcome = self.record("""
            import os, sys
            names = "no/such.py", ".", "/proc/self/mem", "/dev/stdin", "x\\udc80.py", "<frozen x>", "", "<stdin>", "<string>"
            for name in names:
                exec(compile("x = 1  # !viztracer: log", name, "exec"))
            # !viztracer: log_instant("here")
        """.replace("\\\\", "\\"), *OPTIONS)
        self.assertEqual(["here"], self.told(outcome))
        self.assertEqual([], self.notices(outcome))

    def test_a_pipe_is_not_read(self):
        self.write("x.py", """
            import os, sys
            exec(compile("x = 1  # !viztracer: log", sys.argv[1], "exec"))
            print(open(sys.argv[1]).read())
        """)
        outcome = self.traced("--", "bash", "-c", "python3 x.py <(echo '# !viztracer: log')", options=("--quiet", *OPTIONS))
        self.assertEqual((0, b"# !viztracer: log\n\n"), (outcome.status, outcome.stdout))

    def test_what_is_not_understood_is_named(self):
        outcome = self.record("""
            x = 1
            # !viztracer: log_event("e")
            # !viztracer: log_thing(1)
            # !viztracer: log_var("x", x
            # !viztracer: log_var("x", x) unless x
            # !viztracer: log_var("x", x) if
            # !viztracer: log_var("x", x y)
            # !viztracer: log_var("x", x) if x)
            # !viztracer: log
            # !viztracer: log_instant("d", "\\d" is 1)
            x = 2
            if x == 1:
                x = 2
            # !viztracer: log_instant("nowhere")
            else:  # !viztracer: log
                x = [
                    # !viztracer: log_instant("inside")
                    1]
        """.replace("\\\\", "\\"), *OPTIONS)
        self.assertEqual(["d"], self.told(outcome))
        expected = {2: "log_event is for a `with` statement", 3: "neither log, log_var(...) nor log_instant(...)",
                    4: "a parenthesis is not closed", 5: "what is behind it is no condition", 6: "there is nothing behind the `if`",
                    7: "its expression is not Python's", 8: "its expression is not Python's", 9: "log is for a statement, behind it",
                    14: "no statement can stand there", 15: "nothing is done on its line", 17: "it stands within a statement"}
        self.assertEqual(sorted(f"a magic comment is ignored (x.py:{line}: {why})" for line, why in expected.items()),
                         sorted(self.notices(outcome)))

    def test_many_that_are_not_understood(self):
        outcome = self.record("# !viztracer: nothing\n" * 100 + "x = 1\n", *OPTIONS)
        self.assertEqual(32, len(self.notices(outcome)))


class Harmless(Comments):
    def test_source_code_tracebacks_and_lines_stay(self):
        self.record('''
            """of the module"""
            import dis, hashlib, inspect, linecache, sys, traceback, warnings
            def f(x):
                """of f"""
                # !viztracer: log_var("x", "\\d" is x)
                y: int
                x = x + 1  # !viztracer: log if x > 0
                return x
            print(__doc__, f.__doc__, f(1))
            code = f.__code__
            print(hashlib.sha1(code.co_code).hexdigest(), code.co_consts, code.co_names, list(code.co_lines()), inspect.getsource(f))
            dis.dis(f, file=sys.stdout)
            def fails(x):
                # !viztracer: log_instant("before")
                x = 1 / (x -
                         1)  # !viztracer: log if x
                # !viztracer: log_instant("never")
            try: fails(1)
            except ZeroDivisionError: traceback.print_exc(file=sys.stdout)
            def frame():
                # !viztracer: log_var("frame", sys._getframe(1).f_lineno)
                x = sys._getframe()
                return x.f_lineno, x.f_lasti, sorted(x.f_locals), sys.gettrace(), sys.getprofile(), x.f_trace
            print(frame())
            def snapshot():
                before = locals()
                later = 5
                # !viztracer: log_var("later", later)
                return sorted(before), later
            print(snapshot())
            print(sorted(name for name in sys.modules if "viz" in name or "vtn" in name), sorted(globals()), "__viz_tracer__" in dir())
            print(len(warnings.filters), linecache.cache.keys() - {__file__}, hasattr(__builtins__, "__viz_tracer__"))
            class Gone:
                def __del__(self): print("gone")
            def drops():
                x = Gone()  # !viztracer: log if x
                # !viztracer: log_var("x", x)
                x = None  # !viztracer: log
                print("after")
            drops()
        '''.replace("\\\\", "\\"), *OPTIONS)

    def test_nothing_is_evaluated_twice(self):
        outcome = self.record("""
            calls = []
            class Thing:
                @property
                def attr(self): calls.append("read")
                @attr.setter
                def attr(self, value): calls.append("set")
            thing = Thing()
            def get(name):
                calls.append(name)
                return thing
            get("a").attr = get("b")  # !viztracer: log
            get("c").attr = get("d")  # !viztracer: log if True
            print(calls)
            # !viztracer: log_var("e", get("e"))
            # !viztracer: log_var("calls", calls)
        """, *OPTIONS)
        self.assertEqual([".attr = <Thing>", ".attr = <Thing>", "e = <Thing>", f"calls = {['b', 'a', 'set', 'd', 'c', 'set', 'e']}"],
                         [name.replace("__main__.", "") for name in self.told(outcome)])

    def test_no_bytecode_of_ours_is_left(self):
        """VizTracer writes what it made of a module into __pycache__: the next plain run is a NameError."""
        self.write("module.py", "def f(mark):\n    mark = mark + 1  # !viztracer: log\n    # !viztracer: log_instant('end')\n    return mark\nf(1)\n")
        program = ("-c", "import module; print(module.f(2))")
        env = {"PYTHONDONTWRITEBYTECODE": None}
        plain = self.plain(*program, env=env)
        cache = os.path.join(self.work, "__pycache__")
        [name] = os.listdir(cache)
        digest = lambda: hashlib.sha1(open(os.path.join(cache, name), "rb").read()).hexdigest()
        expected = digest()
        os.unlink(os.path.join(cache, name))
        for _ in range(2):  # cached or not
            outcome = self.traced(*program, options=("--quiet", *OPTIONS), env=env)
            self.assertEqual(plain.parity_key(), outcome.parity_key())
            self.assertEqual(["end"] * 2, self.told(outcome))
            self.assertEqual([("mark", 2), ("mark", 3)], self.counted(outcome))
            self.assertEqual(expected, digest())
        self.assertEqual(plain.parity_key(), self.plain(*program).parity_key())

    def test_tools_beside_it(self):
        """What a trace function, a profile function and a tool of the program's hear stays the same."""
        self.record("""
            import sys
            heard = []
            def f(n):
                # !viztracer: log_var("n", helper(n))
                for i in range(n):
                    n -= 1  # !viztracer: log if helper(n)
                    # !viztracer: log_var("n", helper(n))
                return n
            def helper(n):
                return [n for _ in range(2)]
            def trace(frame, event, argument):
                heard.append((event, frame.f_code.co_name, frame.f_lineno))
                frame.f_trace_opcodes = True
                return trace
            sys.settrace(trace)
            f(2)
            sys.settrace(None)
            print(heard)
            heard.clear()
            sys.setprofile(lambda frame, event, argument: heard.append((event, frame.f_code.co_name)))
            f(2)
            sys.setprofile(None)
            print(heard)
            heard.clear()
            monitoring = getattr(sys, "monitoring", None)
            if monitoring is None: sys.exit()
            monitoring.use_tool_id(2, "mine")
            for event in "PY_START", "LINE", "PY_RETURN", "CALL":
                number = getattr(monitoring.events, event)
                monitoring.register_callback(2, number, lambda code, *rest, event=event: heard.append((event, code.co_name, rest[0])))
            monitoring.set_events(2, monitoring.events.PY_START | monitoring.events.LINE | monitoring.events.PY_RETURN | monitoring.events.CALL)
            f(2)
            monitoring.set_events(2, 0)
            print(heard)
        """, *OPTIONS)

    def test_audit_hooks_hear_of_compilation(self):
        self.write("x.py", """
            import sys
            heard = []
            def hook(event, arguments):
                if event != "object.__getattr__": heard.append((event, arguments[1:]))
            def refuse(event, arguments):
                if event == "compile": raise RuntimeError
            def f(x):
                # !viztracer: log_var("x", [x, x])
                x = 1  # !viztracer: log if True
                return x
            def g(x):
                # !viztracer: log_instant("never")
                return x
            sys.addaudithook(hook)
            f(1), f(2)
            names = {event for event, _ in heard}
            sys.addaudithook(refuse)
            g(1)
            print(sorted(names - {"sys.addaudithook"}), {arguments for event, arguments in heard if event == "compile"})
        """)
        self.assertEqual((0, b"[] set()\n", b""), self.plain("x.py").parity_key())
        outcome = self.traced("x.py", options=("--quiet", *OPTIONS))
        self.assertEqual((0, b"['compile'] {('<magic comment>',)}\n", b""), outcome.parity_key())
        self.assertEqual(["x = [1, 1]", "x = [2, 2]"], self.told(outcome))
        self.assertEqual(["a magic comment is ignored (x.py:12: its expression is not Python's)"], self.notices(outcome))

    def test_interruptions_are_the_programs(self):
        self.write("x.py", """
            import os, signal
            def interrupt():
                os.kill(os.getpid(), signal.SIGINT)
                for _ in range(1000): pass
            def f():
                try:
                    # !viztracer: log_var("x", interrupt())
                    x = 1
                    for _ in range(1000): pass
                    return "no"
                except KeyboardInterrupt:
                    return "interrupted"
            print(f())
        """)
        outcome = self.traced("x.py", options=("--quiet", *OPTIONS))
        self.assertEqual((0, b"interrupted\n", b""), (outcome.status, outcome.stdout, outcome.stderr))
        self.assertEqual(["KeyboardInterrupt()"], [event["args"]["raised"] for event in self.marks(outcome)])

    def test_what_else_is_raised_ends_there(self):
        outcome = self.record("""
            import asyncio
            class Stop(BaseException): pass
            def stop(): raise Stop("there")
            def f(generator):
                # !viztracer: log_var("thrown", generator.throw(GeneratorExit))
                x = 1  # !viztracer: log if stop()
                for _ in range(1000): pass
                return "went on"
            print(f(x for x in range(1)))
            async def work(): await asyncio.sleep(10)
            async def main():
                task = asyncio.create_task(work())
                await asyncio.sleep(0)
                task.cancel()
                await asyncio.sleep(0)
                await asyncio.sleep(0)
                # !viztracer: log_var("result", task.result())
                await asyncio.sleep(0)
                print(task.cancelled())
            asyncio.run(main())
        """, *OPTIONS)
        self.assertEqual(["GeneratorExit()", "Stop('there')", "CancelledError()"], [event["args"]["raised"].replace("<", "").split(" ")[0] for event in self.marks(outcome)])

    def test_what_ends_a_sub_interpreter_ends_that_alone(self):
        self.write("module.py", """
            import sys
            def f(x):
                # !viztracer: log_var("x", sys.exit(3))
                return x
            f(1)
            for _ in range(1000): pass
        """)
        self.write("x.py", """
            try: import _interpreters as interpreters
            except ImportError: import _xxsubinterpreters as interpreters
            one = interpreters.create()
            try: ended = interpreters.run_string(one, "import sys; sys.path.insert(0, '.'); import module")
            except Exception as error: ended = error
            for _ in range(1000): pass
            print("SystemExit" in str(ended), flush=True)
            interpreters.destroy(one)
        """)
        outcome = self.traced("x.py", options=("--quiet", *OPTIONS))
        self.assertEqual((0, b"True\n", b""), outcome.parity_key())

    def test_names_of_attributes_are_not_asked_for(self):
        self.record("""
            class Names(dict):
                def __missing__(self, name):
                    if name.startswith("_") or name == "print": raise KeyError(name)
                    self[name] = len(self)
                    return self[name]
            class Meta(type):
                @classmethod
                def __prepare__(meta, name, bases): return Names()
                def __new__(meta, name, bases, names):
                    print(sorted(name for name in names if name[0] != "_"))
                    return type.__new__(meta, name, bases, dict(names))
            class Enumeration(metaclass=Meta):
                red
                # !viztracer: log_var("x", [red.numerator for _ in [red.real]])
                green
        """, *OPTIONS)

    def test_what_forks_goes_on_with_its_own(self):
        """In the child another thread is the first to run the function whose expression forked."""
        outcome = self.record("""
            import os, threading, warnings
            warnings.simplefilter("ignore")  # of forks beside threads
            class Forks:
                def __repr__(self): return str(forks())
            def forks():
                if os.fork() == 0:
                    thread = threading.Thread(target=lambda: (f(None), like_f(None), g(None, None)))
                    thread.start()
                    thread.join()
                    return "child"
                return os.waitstatus_to_exitcode(os.wait()[1])
            def f(run):
                # !viztracer: log_var("first", run and run())
                # !viztracer: log_var("second", [run is None])
                # !viztracer: log_instant("third")
                y = str(run is None)  # !viztracer: log
                return y
            def like_f(run):
                # !viztracer: log_var("1", run and run())
                # !viztracer: log_var("2", [run is None])
                # !viztracer: log_instant("3")
                y = str(run is None)  # !viztracer: log
                return y
            def g(x, y):
                a, b = x, y  # !viztracer: log
            f(forks)
            g(Forks(), Forks())
        """, *OPTIONS, "--repr", "all")
        by_process = {}
        for event in self.marks(outcome):
            by_process.setdefault(event["pid"], []).append(event["name"])
        self.assertEqual(8, len(by_process))
        all_names = [name for names in by_process.values() for name in names]
        self.assertEqual([2, 2, 7], [all_names.count(name) for name in ("second = [False]", "y = 'False'", "2 = [True]")])
        for names in by_process.values():
            self.assertIn("b", {name.split(" ")[0] for name in names})

    def test_forks_threads_and_recursion_in_expressions(self):
        outcome = self.record("""
            import os, threading
            def child():
                pid = os.fork()
                if pid == 0: os._exit(7)
                return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
            def again(n):
                # !viztracer: log_var("n", again(n - 1) if n else "end")
                return n
            def waits():
                thread = threading.Thread(target=again, args=(0,))
                thread.start()
                thread.join()
                return "waited"
            def f():
                # !viztracer: log_var("child", child())
                # !viztracer: log_var("recursion", again(3))
                # !viztracer: log_var("thread", waits())
                return 1
            f()
            again(2)
            threads = [threading.Thread(target=lambda: [again(0) for _ in range(500)]) for _ in range(4)]
            for thread in threads: thread.start()
            for thread in threads: thread.join()
        """, *OPTIONS)
        self.assertEqual([("child", 7), ("recursion", 3), ("n", 1)], self.counted(outcome))
        told = self.told(outcome)
        self.assertEqual(2001, told.count("n = 'end'"))
        self.assertIn("thread = 'waited'", told)

    def test_threads_with_little_stack(self):
        """CPython's parser takes as much for an expression as it nests."""
        outcome = self.record("""
            import threading
            def nested(a, b):
                # !viztracer: log_var("x", [(i, {j: [k for k in range(int(str(j)))] for j in (1, 2, (3 if i else (4)))}) for i in [a, [b], (a,)] if not (a == (b and [1][0]))])
                return a
            def short(a):
                # !viztracer: log_var("a", a)
                return a
            threading.stack_size(65536)
            thread = threading.Thread(target=nested, args=(1, 2))
            thread.start()
            thread.join()
            threading.stack_size(262144)
            thread = threading.Thread(target=short, args=(1,))
            thread.start()
            thread.join()
        """, *OPTIONS)
        self.assertEqual([("a", 1)], self.counted(outcome))
        self.assertEqual(["a magic comment is ignored (x.py:3: the stack of the thread that comes to it first is too small)"], self.notices(outcome))

    def test_in_sub_interpreters(self):
        self.write("module.py", "def f(x):\n    # !viztracer: log_var('x', str(x))\n    return x\nf(1)\n")
        outcome = self.record("""
            try: import _interpreters as interpreters
            except ImportError: import _xxsubinterpreters as interpreters
            for n in range(2):
                one = interpreters.create()
                interpreters.run_string(one, "import sys; sys.path.insert(0, '.'); import module")
                interpreters.destroy(one)
            import module
        """, *OPTIONS)
        self.assertEqual(["x = '1'"] * 3, self.told(outcome))


if __name__ == "__main__":
    unittest.main()
