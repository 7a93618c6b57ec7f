# SPDX-License-Identifier: Apache-2.0
"""Sub-interpreters: every call in them is recorded, and they come to no harm by it."""

import unittest

import support

# The module has had two names and several ways to run a text.
PREFIX = """
import sys
try: import _interpreters as xi
except ImportError: import _xxsubinterpreters as xi
def create(own_gil=True):
    if sys.version_info < (3, 13): return xi.create(isolated=own_gil)
    return xi.create("isolated" if own_gil else "legacy")
def run(one, text):
    failed = (xi.exec if hasattr(xi, "exec") else xi.run_string)(one, text)
    assert failed is None, failed
"""


class Interpreters(support.TestCase):
    def report(self, text, *, options=("--quiet",), **kwargs):
        with open(self.write("program.py", PREFIX), "a", encoding="utf-8") as file:
            file.write(support.textwrap.dedent(text))
        plain = self.plain("program.py", **kwargs)
        traced = self.traced("program.py", options=options, **kwargs)
        self.assertEqual(plain.parity_key(), traced.parity_key())
        self.assertEqual(0, traced.status, traced.stderr)
        return traced.report

    def counts(self, report, *names):
        return [len(report.named(name)) for name in names]

    def test_every_call(self):
        """With no noise of the interpreter's own start."""
        report = self.report(r"""
            one = create()
            run(one, "def inside(n): return abs(n)\nfor i in range(100): inside(i)\nprint('done', flush=True)")
            run(one, "inside(-1)")
            xi.destroy(one)
            def outside(): pass
            outside()
            """)
        self.assertEqual([101, 1], self.counts(report, "inside", "outside"))
        self.assertEqual(101, len(report.named("builtins.abs")))
        self.assertEqual([], [call.name for call in report.calls()
                              if call.is_python and "site.py" in call.name])

    def test_without_c_functions(self):
        report = self.report(r"""
            one = create()
            run(one, "def inside(n): return abs(n)\nfor i in range(100): inside(i)")
            xi.destroy(one)
            def outside(): pass
            outside()
            """, options=("--quiet", "--ignore_c_function"))
        self.assertEqual([100, 1], self.counts(report, "inside", "outside"))

    def test_several_at_once(self):
        """Each has its own code objects, and from 3.12 on its own GIL; the same names are one function."""
        report = self.report(r"""
            import threading
            text = '''
            import json, os.path
            def inside(n): return os.path.join("a", str(n))
            for round in range(20):
                space = {}
                exec("def made(n): return n", space)
                for i in range(50): inside(i), space["made"](i)
            '''
            import textwrap
            def work(): run(one := create(), textwrap.dedent(text)); xi.destroy(one)
            threads = [threading.Thread(target=work) for i in range(4)]
            for thread in threads: thread.start()
            for thread in threads: thread.join()
            """)
        self.assertEqual([4_000, 4_000], self.counts(report, "inside", "made"))
        self.assertEqual(4, len({key for key, roots in report.threads.items() for root in roots
                                 for call in root.walk() if call.function == "inside"}))

    def test_one_after_the_other(self):
        """Addresses come back; the end of an interpreter frees what was ours there."""
        report = self.report(r"""
            for i in range(30):
                one = create()
                run(one, f"def inside{i}(): pass\nfor i in range(10): inside{i}()")
                xi.destroy(one)
            """)
        self.assertEqual([10] * 30, self.counts(report, *(f"inside{i}" for i in range(30))))

    def test_threads_of_a_sub_interpreter(self):
        report = self.report(r"""
            one = create(False)
            run(one, '''
            import threading
            def inside(): pass
            threads = [threading.Thread(target=inside) for i in range(5)]
            for thread in threads: thread.start()
            for thread in threads: thread.join()
            ''')
            xi.destroy(one)
            """)
        self.assertEqual([5], self.counts(report, "inside"))

    def test_functions_given_to_another(self):
        """By their code, which must be as it was made, though it ran. The script runs once."""
        if self.interpreter.minor < (3, 14):
            self.skipTest("concurrent.interpreters is of 3.14")
        report = self.report("""
            from concurrent import interpreters
            def given(a): return a + 1
            print(given(1))
            other = interpreters.create()
            print(other.call(given, 4), other.call(lambda: 6))
            print(given(2))
            other.close()
            """)
        self.assertEqual(3, len(report.named("given")))

    def test_left_alive(self):
        """The program ends while they live, one of them used, one not."""
        report = self.report(r"""
            create()
            run(create(), "def inside(): pass\ninside()")
            def last(): pass
            last()
            """)
        self.assertEqual([1, 1], self.counts(report, "inside", "last"))

    def test_fork_beside_one(self):
        """A child of 3.12 and before hangs by itself, one of 3.13 aborts by itself."""
        if self.interpreter.minor < (3, 13):
            self.skipTest("os.fork hangs without us, too")
        report = self.report(r"""
            import os
            one = create()
            run(one, "def inside(): pass\ninside()")
            def in_child(): pass
            sys.stdout.flush()
            pid = os.fork()
            if pid == 0:
                in_child()
                os._exit(3)
            print(os.waitpid(pid, 0)[1])
            """)
        self.assertEqual([1], self.counts(report, "inside"))

    def test_fork_after_one(self):
        report = self.report(r"""
            import os
            one = create()
            run(one, "def inside(): pass\ninside()")
            xi.destroy(one)
            def in_child(): pass
            pid = os.fork()
            if pid == 0:
                in_child()
                os._exit(3)
            print(os.waitpid(pid, 0)[1])
            """)
        self.assertEqual([1, 1], self.counts(report, "inside", "in_child"))

    def test_library(self):
        """concurrent.interpreters and InterpreterPoolExecutor, of 3.14."""
        if self.interpreter.minor < (3, 14):
            self.skipTest("they are of 3.14")
        self.write("work.py", """
            def inside(n): return n * n
            """)
        report = self.report("""
            from concurrent import interpreters
            from concurrent.futures import InterpreterPoolExecutor
            import work
            def called(): return len("abc")
            if __name__ == "__main__":
                one = interpreters.create()
                print(one.call(called))
                one.exec("def executed(): pass\\nexecuted()")
                one.close()
                with InterpreterPoolExecutor(2) as pool:
                    print(list(pool.map(work.inside, range(10))))
            """)
        self.assertEqual([1, 1, 10], self.counts(report, "called", "executed", "inside"))

    def test_audited_calls_cost_nothing_again(self):
        """Our hook is among CPython's from the beginning of an interpreter to its first frame only."""
        self.report("""
            import ctypes, os, struct
            def maps():
                for line in open("/proc/self/maps"):
                    span, rights, *_, name = (line.rstrip("\\n") + " ").split(" ", 5)
                    yield *(int(part, 16) for part in span.split("-")), rights, name.strip()
            def data_of_ours():
                # The variables of the runtime. What follows them in memory may be of another kind.
                files = [(low, rights, name) for low, _, rights, name in maps() if "vtn_runtime" in name]
                if not files: return 0, 0
                with open(files[0][2], "rb") as file: head = file.read(4096)
                at, = struct.unpack_from("<Q", head, 32)
                count, = struct.unpack_from("<H", head, 56)
                segments = [struct.unpack_from("<IIQQQQQ", head, at + 56 * i) for i in range(count)]
                end = max(address + bytes for kind, _, _, address, _, _, bytes in segments if kind == 1)
                return next(low for low, rights, _ in files if "w" in rights), files[0][0] + end
            def hook_is_there():
                low, high = data_of_ours()
                runtime = ctypes.addressof(ctypes.c_char.in_dll(ctypes.pythonapi, "_PyRuntime"))
                end = next(high for low, high, *_ in maps() if low <= runtime < high)
                words = (ctypes.c_size_t * min((end - runtime) // 8, 40_000)).from_address(runtime)
                return any(low <= word < high for word in words)
            found = [hook_is_there()]
            one, other = create(False), create(False)
            found.append(hook_is_there())
            run(one, "def inside(): pass\\ninside()")
            found.append(hook_is_there())
            run(other, "1")
            found.append(hook_is_there())
            left = create(False)
            found.append(hook_is_there())
            with open(sys.argv[0] + ".out", "w") as file: print(found, file=file)
            """)
        with open(self.work + "/program.py.out", encoding="utf-8") as file:
            self.assertEqual("[False, True, True, False, True]", file.read().strip())


if __name__ == "__main__":
    unittest.main()
