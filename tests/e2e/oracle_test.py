# SPDX-License-Identifier: Apache-2.0
"""The calls of a report against those a recorder written in Python sees in the same interpreter.

Python calls must be equal, call by call and thread by thread. The C calls that the recorder sees must
be among those of the report, in order, under the same Python call. What the report has beyond them
(types, slot wrappers, partials: `sys.setprofile` does not tell of them) is only asked to be a C call.

Both runs execute programs/oracle.py, so that both have the same modules imported. Calls of
threading.py are taken out, and what they call put in their place: whether `Thread.start` waits for the
thread depends on who is faster.
"""

import json
import os
import unittest

import support

ORACLE = os.path.join(support.PROGRAMS, "oracle.py")


class Node:
    """A Python call: its name, the Python calls in it, and the C functions called directly."""

    __slots__ = ("name", "children", "c_calls")

    def __init__(self, name):
        self.name, self.children, self.c_calls = name, [], []


def from_recording(events):
    """The forest of one thread's recording. Calls that began before it are not in it."""
    root = Node("")
    stack = [root]
    for event in events:
        if event[0] == "call":
            node = Node(event[1])
            stack[-1].children.append(node)
            stack.append(node)
        elif event[0] == "return" and len(stack) > 1:
            stack.pop()
        elif event[0] == "c_call":
            stack[-1].c_calls.append(event[1])
    return root


def from_report(roots):
    """The forest of one thread of the report, with C calls folded into the Python call they serve."""
    root = Node("")
    pending = [(root, call) for call in reversed(roots)]
    while pending:
        parent, call = pending.pop()
        if call.is_python:
            node = Node(call.name)
            parent.children.append(node)
        else:
            parent.c_calls.append(call.name)
            node = parent
        pending.extend((node, child) for child in reversed(call.children))
    return root


def without_threading(node):
    """Hoists what the calls of threading.py, and of its set of threads, call."""
    children = []
    for child in node.children:
        without_threading(child)
        if "/threading.py:" in child.name or "/_weakrefset.py:" in child.name:
            children.extend(child.children)
        else:
            children.append(child)
    node.children = children
    return node


def module_call(root, program):
    """The call of the program's module, wherever it is."""
    pending = [root]
    while pending:
        node = pending.pop()
        if node.name == f"<module> ({program}:1)":
            return node
        pending.extend(node.children)
    raise AssertionError(f"no <module> of {program}")


def lines(node, depth=0):
    for child in node.children:
        yield "  " * depth + child.name
        yield from lines(child, depth + 1)


def missing_c_calls(expected, actual):
    """C calls of the recorder that the report does not have in this order; both forests are equal."""
    last_part = lambda name: name.rsplit(".", 1)[-1]
    for left, right in zip(expected.children, actual.children):
        remaining = iter([last_part(name) for name in right.c_calls])
        for name in left.c_calls:
            if not any(candidate == name for candidate in remaining):
                yield f"{left.name}: {name} is not among {right.c_calls}"
                break
        yield from missing_c_calls(left, right)


class Oracle(support.TestCase):
    def compare(self, name, threads=1):
        program = os.path.join(support.PROGRAMS, name)
        recording = os.path.join(self.work, "recording.json")
        plain = self.plain(ORACLE, program, recording)
        self.assertEqual(0, plain.status, plain.stderr)
        traced = self.traced(ORACLE, program)
        self.assertEqual(plain.parity_key(), traced.parity_key())

        with open(recording, encoding="utf-8") as file:
            recorded = [from_recording(events) for events in json.load(file)]
        reported = [from_report(roots) for roots in traced.report.threads.values()]
        self.assertEqual(threads, len(recorded))
        self.assertEqual(threads, len(reported))
        expected, actual = self.main_first(recorded, program), self.main_first(reported, program)
        for left, right in zip(expected, actual):
            self.assertGreater(len(left.children), 0)
            self.assertEqual(list(lines(left)), list(lines(right)))
            self.assertEqual([], list(missing_c_calls(left, right)))
        return traced.report

    @staticmethod
    def main_first(roots, program):
        """The program's part of each thread: the main thread's, then the others in a fixed order."""
        main, others = [], []
        for root in roots:
            try:
                main.append(module_call(root, program))
            except AssertionError:
                others.append(without_threading(root))
        for root in main:
            without_threading(root)
        return main + sorted(others, key=lambda root: list(lines(root)))

    def test_recursion(self):
        self.compare("recursion.py")

    def test_generators(self):
        self.compare("generators.py")

    def test_exceptions(self):
        self.compare("exceptions.py")

    def test_classes(self):
        self.compare("classes.py")

    def test_tasks(self):
        self.compare("tasks.py")

    def test_library(self):
        self.compare("library.py")

    def test_imports(self):
        self.compare("imports.py")

    def test_threads(self):
        self.compare("threads.py", threads=6)


class Counts(support.TestCase):
    """Programs whose calls can be counted by thinking."""

    def count(self, text, **kwargs):
        self.write("program.py", text)
        return self.parity("program.py", **kwargs).report

    def test_every_call_of_a_long_run(self):
        report = self.count("""
            def f(x): return x
            for i in range(300_000): f(i)
            """)
        self.assertEqual(300_000, len(report.named("f")))

    def test_calls_deeper_than_512(self):
        """On a further track of the same thread: none is missing."""
        report = self.count("""
            import sys
            sys.setrecursionlimit(10_000)
            def down(n): return down(n - 1) if n else 0
            down(3000)
            down(10)
            """)
        self.assertEqual(3001 + 11, len(report.named("down")))
        made_up = [tid for _, tid in report.threads if tid >= support.DEEP_TID]
        self.assertTrue(made_up)
        for key in report.threads:
            self.assertIn(key, report.thread_names)

    def test_threads_of_every_making(self):
        """By threading, by _thread, and by C."""
        report = self.count("""
            import _thread, ctypes, threading
            def by_threading(): done.append(1)
            def by_thread(): done.append(2); lock.release()
            def by_c(argument): done.append(3); return None
            done, lock = [], _thread.allocate_lock()
            t = threading.Thread(target=by_threading); t.start(); t.join()
            lock.acquire(); _thread.start_new_thread(by_thread, ()); lock.acquire()
            libc = ctypes.CDLL(None)
            kind = ctypes.CFUNCTYPE(ctypes.c_void_p, ctypes.c_void_p)
            callback, handle = kind(by_c), ctypes.c_ulong()
            libc.pthread_create(ctypes.byref(handle), None, callback, None)
            libc.pthread_join(handle, None)
            print(done)
            """)
        names = ["by_threading", "by_thread", "by_c"]
        keys = {report.thread_of(name) for name in names}
        self.assertEqual(len(names), len(keys))
        self.assertNotIn(report.thread_of("<module>"), keys)

    def test_a_hundred_threads(self):
        report = self.count("""
            import threading
            def f(n): return n
            def work():
                for i in range(100): f(i)
            threads = [threading.Thread(target=work) for _ in range(100)]
            for t in threads: t.start()
            for t in threads: t.join()
            """)
        self.assertEqual(10_000, len(report.named("f")))
        self.assertEqual(100, sum(any(call.function == "f" for root in roots for call in root.walk())
                                  for roots in report.threads.values()))

    def test_without_c_functions(self):
        self.write("program.py", "def f(x): return abs(x)\nprint([f(-1) for _ in range(50)])")
        traced = self.traced("program.py", options=("--quiet", "--ignore_c_function"))
        self.assertEqual(50, len(traced.report.named("f")))
        self.assertEqual([], [call for call in traced.report.calls() if not call.is_python])

    def test_names(self):
        report = self.count("""
            import datetime, math
            class A:
                def method(self): return 1
                class B:
                    @staticmethod
                    def inner(): return (lambda: 2)()
            def outer():
                def nested(): return 3
                return nested()
            A().method(); A.B.inner(); outer()
            len([]); math.sqrt(4); [].append(1); "a".upper(); dict.fromkeys("a"); datetime.date(2020, 1, 1)
            """)
        names = {call.name for call in report.calls()}
        path = "program.py"
        if self.interpreter.minor == (3, 10):
            wanted = ["method", "inner", "<lambda>", "outer", "nested", "<module>"]
        else:
            wanted = ["A.method", "A.B.inner", "A.B.inner.<locals>.<lambda>", "outer",
                      "outer.<locals>.nested", "<module>"]
        for name in wanted:
            self.assertTrue([one for one in names if one.startswith(f"{name} (") and path in one], name)
        # A class method of C is bound to the class: its type is `type`, as VizTracer has it.
        for name in ("builtins.len", "math.sqrt", "list.append", "str.upper", "type.fromkeys"):
            self.assertIn(name, names)

    def test_source_text(self):
        self.write("program.py", "def f():\n    return 1\nf()\n")
        report = self.parity("program.py").report
        path = os.path.join(self.work, "program.py")
        files = report.data["file_info"]["files"]
        self.assertIn(path, files)
        self.assertEqual(["def f():\n    return 1\nf()\n", 3], files[path])
        self.assertIn([path, 1], list(report.data["file_info"]["functions"].values()))

    def test_odd_names(self):
        """Whatever the program calls its functions and files, the report is valid UTF-8 and JSON."""
        report = self.count(r'''
            import types
            def f(): pass
            for name in ("a\nb", 'quote"', "back\\slash", "\0nul", "\x1b[31m", "ü€𝄞", "\ud800", "x" * 5000,
                         "</script>"):
                code = f.__code__.replace(co_name=name, co_filename=name)
                if hasattr(code, "co_qualname"):
                    code = code.replace(co_qualname=name)
                types.FunctionType(code, {})()
            ''')
        names = {call.name for call in report.calls()}
        self.assertTrue([one for one in names if one.startswith("a\nb (")])
        self.assertTrue([one for one in names if "ü€𝄞" in one])
        self.assertTrue([one for one in names if "\ufffd" in one])
        with open(report.path, "rb") as file:
            file.read().decode("utf-8")


if __name__ == "__main__":
    unittest.main()
