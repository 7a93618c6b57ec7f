# SPDX-License-Identifier: Apache-2.0
"""Ranges and marks of libraries that use NVTX: told where no other tool listens, and nothing else is changed."""

import os

import venvs
from support import TestCase

# What NVTX's headers do at a library's first range, and the functions of it that this calls then: `found` if a tool is.
LIBRARY = """
import ctypes, os, sys, threading
getenv = ctypes.CDLL(None).getenv
getenv.restype = ctypes.c_char_p
path = getenv(b"NVTX_INJECTION64_PATH")
places = {module: (ctypes.c_void_p * 16)() for module in (1, 5)}
tables = {module: (ctypes.c_void_p * 16)(*(ctypes.addressof(place) + 8 * i for i in range(16)))
          for module, place in places.items()}
@ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_int, ctypes.POINTER(ctypes.c_void_p), ctypes.POINTER(ctypes.c_uint))
def functions_of(module, table, count):
    table[0], count[0] = ctypes.addressof(tables[module]), 16
    return 1
class Callbacks(ctypes.Structure):
    _fields_ = [("size_bytes", ctypes.c_size_t), ("functions_of", ctypes.c_void_p)]
callbacks = Callbacks(16, ctypes.cast(functions_of, ctypes.c_void_p))
@ctypes.CFUNCTYPE(ctypes.c_void_p, ctypes.c_uint32)
def find_table(number):
    return ctypes.addressof(callbacks) if number == 1 else None
tool = getattr(ctypes.CDLL(os.fsdecode(path)), "InitializeInjectionNvtx2", None) if path is not None else None
found = tool is not None and tool(find_table) != 0
def function(module, number, result, *arguments):
    return ctypes.CFUNCTYPE(result, *arguments)(places[module][number]) if found else lambda *_: -2
class Event(ctypes.Structure):
    _fields_ = [("version", ctypes.c_uint16), ("size_bytes", ctypes.c_uint16), ("category", ctypes.c_uint32),
                ("color_type", ctypes.c_int32), ("color", ctypes.c_uint32), ("payload_type", ctypes.c_int32),
                ("reserved", ctypes.c_int32), ("payload", ctypes.c_uint64), ("text_type", ctypes.c_int32),
                ("text", ctypes.c_void_p)]
def event(text_type, text, payload_type=0, payload=0, category=0):
    return ctypes.byref(Event(3, 48, category, 0, 0, payload_type, 0, payload, text_type, ctypes.cast(text, ctypes.c_void_p)))
mark = function(1, 2, None, ctypes.c_char_p)
start = function(1, 5, ctypes.c_uint64, ctypes.c_char_p)
end = function(1, 7, None, ctypes.c_uint64)
push_ex = function(1, 8, ctypes.c_int, ctypes.c_void_p)
push = function(1, 9, ctypes.c_int, ctypes.c_char_p)
push_wide = function(1, 10, ctypes.c_int, ctypes.c_wchar_p)
pop = function(1, 11, ctypes.c_int)
domain_push = function(5, 4, ctypes.c_int, ctypes.c_void_p, ctypes.c_void_p)
domain_pop = function(5, 5, ctypes.c_int, ctypes.c_void_p)
name_category = function(5, 8, None, ctypes.c_void_p, ctypes.c_uint32, ctypes.c_char_p)
register = function(5, 10, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_char_p)
create = function(5, 12, ctypes.c_void_p, ctypes.c_char_p)
"""


class Nvtx(TestCase):
    def spans(self, outcome):
        """[(name, thread, start, end, values)] in order of their starts."""
        begun = {event["id"]: event for event in outcome.report.events if event["ph"] == "b"}
        ended = {event["id"]: event for event in outcome.report.events if event["ph"] == "e"}
        self.assertEqual(begun.keys(), ended.keys())
        return sorted(((event["name"], event["tid"], event["ts"], ended[key]["ts"], event["args"])
                       for key, event in begun.items()), key=lambda span: span[2])

    def run_library(self, text, *options, env=None):
        self.write("x.py", LIBRARY)
        with open(os.path.join(self.work, "x.py"), "a", encoding="utf-8") as file:
            file.write(text)
        plain = self.plain("x.py", env=env)
        traced = self.traced("x.py", options=("--quiet", *options), env=env)
        self.assertEqual((0, b""), (plain.status, plain.stderr))
        self.assertEqual(plain.parity_key(), traced.parity_key())
        return traced

    def test_ranges_of_a_thread_nest(self):
        """Whatever functions push and pop them, and with the GIL given away, as ctypes does."""
        outcome = self.run_library("""
def begin():
    return push(b"outer")
print(begin(), push_wide("\\u00e4 \\u65e5"), push_ex(event(1, b"valued", 3, 0x3ff8000000000000, 5)))
print(pop(), pop(), pop(), pop())
mark(b"a mark")
""")
        spans = self.spans(outcome)
        self.assertEqual(["outer", "\u00e4 \u65e5", "valued"], [span[0] for span in spans])
        self.assertEqual({"category": "5", "payload": "1.5"}, spans[2][4])
        self.assertEqual(sorted(span[3] for span in spans), [span[3] for span in reversed(spans)])
        self.assertEqual(["a mark"], [event["name"] for event in outcome.report.events if event["ph"] == "i"])

    def test_domains_have_ranges_of_their_own(self):
        outcome = self.run_library("""
domain = create(b"the domain")
name_category(domain, 3, b"the category")
text = register(domain, b"registered")
domain_push(domain, event(3, text, 5, 0xfffffffe, 3))
push(b"of no domain")
print(domain_pop(domain), pop(), domain_pop(domain))
""")
        spans = self.spans(outcome)
        self.assertEqual(["registered", "of no domain"], [span[0] for span in spans])
        self.assertEqual({"domain": "'the domain'", "category": "'the category'", "payload": "-2"}, spans[0][4])
        self.assertLess(spans[0][3], spans[1][3])

    def test_starts_and_ends_in_threads(self):
        outcome = self.run_library("""
ids = []
def work():
    push(b"pushed")
    ids.append(start(b"started"))
    pop()
threads = [threading.Thread(target=work) for _ in range(4)]
for thread in threads: thread.start()
for thread in threads: thread.join()
never = start(b"never ends")
for one in ids + ids: end(one)
""")
        spans = self.spans(outcome)
        self.assertEqual(["pushed"] * 4 + ["started"] * 4, sorted(span[0] for span in spans))
        self.assertEqual(4, len({span[1] for span in spans if span[0] == "pushed"}))
        main = {pid for pid, tid in outcome.report.threads if pid == tid}
        self.assertEqual(main, {span[1] for span in spans if span[0] == "started"})

    def test_more_than_there_is_room_for(self):
        outcome = self.run_library("""
for i in range(40): push(b"level %d" % i)
for i in range(40): pop()
push(b"afterwards"), pop()
""")
        self.assertEqual([f"level {i}" for i in range(32)] + ["afterwards"], [span[0] for span in self.spans(outcome)])

    def test_a_child_has_none_of_its_parents(self):
        outcome = self.run_library("""
push(b"of the parent")
started = start(b"started")
child = os.fork()
if child == 0:
    pop(), end(started)
    push(b"of the child"), pop()
    os._exit(0)
os.waitpid(child, 0)
pop(), end(started)
""")
        self.assertEqual(["of the child", "of the parent", "started"], sorted(span[0] for span in self.spans(outcome)))

    def test_another_tool_is_left_alone(self):
        outcome = self.run_library("push(b'range'), pop()\nprint(path)\n",
                                   env={"NVTX_INJECTION64_PATH": "libm.so.6"})  # which is no tool
        self.assertEqual([], self.spans(outcome))

    def test_they_are_left_out_where_they_are_not_wanted(self):
        outcome = self.run_library("push(b'range'), pop()\nprint(path)\n", "--no_library_spans")
        self.assertEqual(b"None\n", outcome.stdout)
        self.assertEqual([], self.spans(outcome))

    def test_variables_are_what_they_were(self):
        outcome = self.run_library("""
print(os.environ.get("NVTX_INJECTION64_PATH"), getenv(b"HOME"), getenv(b""), getenv(b"NVTX"), getenv(b"HOM"), flush=True)
ctypes.CDLL(None).setenv(b"SET_IN_C", b"1=2", 1)
print(getenv(b"SET_IN_C"), flush=True)
ctypes.CDLL(None).clearenv()
print(getenv(b"HOME"), flush=True)
os.execve("/usr/bin/env", ["env"], {"A": "1"})
""")
        self.assertEqual(b"A=1", outcome.stdout.splitlines()[-1])

    def test_the_package(self):
        if self.interpreter.root is not None:
            self.skipTest("packages are installed in this machine's own root alone")
        python = os.path.join(venvs.need("nvtx", self.interpreter), "bin", "python3")
        self.write("x.py", """
            import nvtx
            with nvtx.annotate("outer", domain="the domain", category="the category", payload=7):
                with nvtx.annotate("inner"):
                    pass
            nvtx.push_range("pushed")
            nvtx.pop_range()
            nvtx.end_range(nvtx.start_range("started"))
            nvtx.mark("a mark")
        """)
        outcome = self.traced("x.py", options=("--quiet", "--python", python))
        self.assertEqual((0, b""), (outcome.status, outcome.stderr))
        spans = self.spans(outcome)
        self.assertEqual(["outer", "inner", "pushed", "started"], [span[0] for span in spans])
        self.assertEqual({"domain": "'the domain'", "category": "'the category'", "payload": "7"}, spans[0][4])
        self.assertEqual(["a mark"], [event["name"] for event in outcome.report.events if event["ph"] == "i"])
