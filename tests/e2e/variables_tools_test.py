# SPDX-License-Identifier: Apache-2.0
"""The program's own debuggers and tools, which listen to single instructions or to all, beside --log_var."""

import json
import os
import socket
import textwrap
import unittest

import venvs
from support import TIMEOUT, TestCase

LOG = ("--log_var", "total|i|x", "--log_func_exec", "work")
WORK = """
import sys
def helper(n):
    x = abs(n)
    return x
def work(n):
    total = 0
    for i in range(n):
        total += helper(i)
    return total
"""


TRACED = "what variables, attributes and items were bound to is not told (while a trace function of the program's own was set)"


class Beside(TestCase):
    """What both kinds of tools need. Before 3.12 there is one trace function in a thread: theirs, while they have one."""

    def one_for_all(self):
        return self.interpreter.minor < (3, 12)

    def notices(self, outcome):
        return [notice for process in outcome.report.data["viztracer_native"]["processes"]
                for image in process["images"] for notice in image["notices"]]

    def told(self, outcome, name):
        return [event["args"]["value"] for event in sorted(outcome.report.events, key=lambda event: event.get("ts", 0))
                if event["ph"] == "i" and event["name"].startswith(name + " = ")]


class Own(Beside):
    """Tools of the standard library, and what they are made of."""

    def compare(self, text, data=None):
        """The program says what its tools saw: the same. All that it binds is told, too."""
        self.write("x.py", WORK + textwrap.dedent(text))
        plain = self.plain("x.py", data=data)
        traced = self.traced("x.py", options=("--quiet", "--only", "x.py", *LOG), data=data)
        self.assertEqual(plain.parity_key(), traced.parity_key())
        return plain, traced

    def test_opcodes_of_a_trace_function(self):
        """Before ours are asked for and after, of frames that run and frames to come."""
        plain, traced = self.compare("""
            seen = []
            def tracer(frame, event, argument):
                if frame.f_code.co_name in ("work", "helper", "late"):
                    frame.f_trace_opcodes = True
                    seen.append((event, frame.f_lineno, frame.f_lasti))
                    return tracer
            def run(first):
                if not first: work(2)
                sys.settrace(tracer)
                work(2)
                sys.settrace(None)
                work(2)
                sys.settrace(tracer)
                work(1)
                sys.settrace(None)
            run(False)
            def late():
                x = 1
                sys.settrace(tracer)
                frame = sys._getframe()
                frame.f_trace, frame.f_trace_opcodes = tracer, True
                x = 2
                x = 3
                sys.settrace(None)
                x = 4
            late()
            late()
            print(*seen, sep="\\n")
            print(len(seen))
        """)
        self.assertIn(b"('opcode'", plain.stdout)
        if self.one_for_all():
            self.assertEqual(["0", "0", "1"] * 2, self.told(traced, "total"))
            self.assertEqual(["0", "1"] * 2 + ["1", "4"] * 2, self.told(traced, "x"))
            self.assertEqual([TRACED], self.notices(traced))
            return
        self.assertEqual(["0", "0", "1"] * 3 + ["0", "0"], self.told(traced, "total"))
        self.assertEqual(["0", "1"] * 3 + ["0"] + ["1", "2", "3", "4"] * 2, self.told(traced, "x"))
        self.assertEqual([], self.notices(traced))

    def test_tools_that_listen_to_instructions(self):
        """Before ours, after ours, of all code and of some, and such as have had enough."""
        if self.one_for_all():
            self.skipTest("3.12 or later")
        _, traced = self.compare("""
            m, E = sys.monitoring, sys.monitoring.events
            def fresh():
                space = {}
                exec(compile("def f(n):\\n x = n\\n x += 1\\n return x", "x.py", "exec"), space)
                return space["f"]
            seen = []
            m.use_tool_id(3, "mine")
            m.register_callback(3, E.INSTRUCTION, lambda code, offset: seen.append((code.co_name, offset)))
            m.register_callback(3, E.LINE, lambda code, line: (seen.append(line), m.DISABLE)[1])
            def show(what):
                print(what, len(seen), seen)
                seen.clear()
            f = fresh(); f(1); m.set_local_events(3, f.__code__, E.INSTRUCTION); f(2); f(3); show("ours first")
            m.set_local_events(3, f.__code__, 0); f(4); show("theirs gone")
            f = fresh(); m.set_local_events(3, f.__code__, E.INSTRUCTION | E.LINE); f(5); f(6); show("theirs first")
            m.set_local_events(3, f.__code__, 0); f(7); show("theirs gone")
            m.set_events(3, E.INSTRUCTION); f = fresh(); f(8); m.set_events(3, 0); f(9); show("all code first")
            f = fresh(); f(10); m.set_events(3, E.INSTRUCTION); f(11); m.set_events(3, 0); f(12); show("all code then")
            m.free_tool_id(3)
            # The id that we have: ours moves.
            m.use_tool_id(5, "mine"); f(13); work(2)
            m.register_callback(5, E.INSTRUCTION, lambda code, offset: (seen.append(offset), m.DISABLE)[1])
            m.set_local_events(5, f.__code__, E.INSTRUCTION); f(14); f(15); show("ours moved, enough of it")
            m.set_local_events(5, f.__code__, 0); m.free_tool_id(5); f(16)
        """)
        expected = [str(n) for first in range(1, 17) for n in (first, first + 1)]
        expected[26:26] = ["0", "1"]  # work(2)
        self.assertEqual(expected, self.told(traced, "x"))
        self.assertEqual(["0", "0", "1"], self.told(traced, "total"))

    def test_pdb_steps(self):
        commands = b"b helper\nc\ns\ns\np x\nr\nn\nup\np total, i\nc\nc\nq\n"
        self.write("x.py", WORK + "print(work(2))\n")
        plain = self.plain("-m", "pdb", "x.py", data=commands)
        traced = self.traced("-m", "pdb", "x.py", options=("--quiet", *LOG), data=commands)
        self.assertEqual(plain.parity_key(), traced.parity_key())
        self.assertIn(b"(Pdb)", plain.stdout)
        _, traced = self.compare("""
            def stops():
                x = 1
                breakpoint()
                x = 2
                x = 3
                return work(1)
            print(stops())
        """, data=b"n\np x\nn\nn\np x\ns\nn\nn\np total\nc\n")
        self.assertEqual(["1"] if self.one_for_all() else ["1", "2", "3", "0"], self.told(traced, "x"))
        self.assertEqual([TRACED] if self.one_for_all() else [], self.notices(traced))

    def test_pdb_steps_by_instruction(self):
        """bdb's stop at each opcode: pdb's own since 3.13 at breakpoint()."""
        plain, traced = self.compare("""
            import bdb
            class Steps(bdb.Bdb):
                def user_opcode(self, frame): self.say("opcode", frame)
                def user_line(self, frame): self.say("line", frame)
                def say(self, what, frame):
                    print(what, frame.f_code.co_name, frame.f_lineno, frame.f_lasti)
                    getattr(self, "set_stepinstr", self.set_step)()
            steps = Steps()
            steps.runcall(work, 1)
            work(1)
        """)
        if self.interpreter.minor >= (3, 13):
            self.assertIn(b"opcode work", plain.stdout)
        self.assertEqual(["0"] if self.one_for_all() else ["0", "0"], self.told(traced, "x"))


class Packages(Beside):
    """Tools from PyPI, where they can be had for the interpreter."""

    def setUp(self):
        super().setUp()
        if self.interpreter.root is not None:
            self.skipTest("packages are installed in this machine's own root alone")
        self.python = os.path.join(venvs.need("debuggers", self.interpreter), "bin", "python3")

    def test_coverage(self):
        self.write("x.py", WORK + "if len(sys.argv) > 5: work(3)\nprint(work(5))\n")
        for core in ("ctrace", "pytrace") if self.one_for_all() else ("sysmon", "ctrace", "pytrace"):
            env = {"COVERAGE_CORE": core, "PYTHONPATH": None}
            seen = []
            for branch in (), ("--branch",):
                words = ("-m", "coverage", "run", *branch, "--data-file=data", "x.py")
                report = [self.python, "-m", "coverage", "report", "--data-file=data", "-m"]
                plain = self.run_argv([self.python, *words], env=env)
                plain_report = self.run_argv(report)
                traced = self.traced(*words, env=env,
                                     options=("--quiet", "--python", self.python, "--only", "x.py", *LOG))
                self.assertEqual(plain.parity_key(), traced.parity_key())
                self.assertEqual(plain_report.stdout, self.run_argv(report).stdout)
                self.assertIn(b"x.py", plain_report.stdout)
                seen.append(self.told(traced, "total"))
                self.assertEqual([TRACED] if self.one_for_all() else [], self.notices(traced), core)
            self.assertEqual([[] if self.one_for_all() else ["0", "0", "1", "3", "6", "10"]] * 2, seen, core)

    def test_debugpy(self):
        self.write("x.py", WORK + """
import debugpy, os
print(debugpy.listen(("127.0.0.1", 0))[1], flush=True)
debugpy.wait_for_client()
print(work(2))
""")
        transcripts = []
        for argv in ([self.python, "x.py"],
                     self.launcher_argv("x.py", options=("--quiet", "--python", self.python, *LOG))[0]):
            env = {"PYDEVD_DISABLE_FILE_VALIDATION": "1"}
            process = self.spawn(argv, env=env)
            try:
                port = int(process.stdout.readline())
                transcripts.append(self.debug(port))
            except BaseException:
                process.kill()
                raise
            outcome = self.finish(process)
            self.assertEqual((0, b"1\n"), (outcome.status, outcome.stdout))
        self.assertEqual(transcripts[0], transcripts[1])
        self.assertTrue(any("total" in stop for stop in transcripts[0]), transcripts[0])

    def debug(self, port):
        """A client of the Debug Adapter Protocol: stops in helper(), steps out, and says what it sees."""
        connection = socket.create_connection(("127.0.0.1", port), timeout=TIMEOUT)
        stream = connection.makefile("rwb")
        number = 0

        def send(command, **arguments):
            nonlocal number
            number += 1
            body = json.dumps({"seq": number, "type": "request", "command": command, "arguments": arguments}).encode()
            stream.write(b"Content-Length: %d\r\n\r\n" % len(body) + body)
            stream.flush()
            return number

        early = []  # events that came before they were waited for

        def receive(wanted):
            for event in early:
                if event["event"] == wanted:
                    early.remove(event)
                    return event.get("body")
            while True:
                length = 0
                while (line := stream.readline().strip()) or not length:
                    if line.lower().startswith(b"content-length:"):
                        length = int(line.split(b":")[1])
                message = json.loads(stream.read(length))
                if message["type"] == "event":
                    if message["event"] == wanted:
                        return message.get("body")
                    early.append(message)
                elif message["type"] == "response" and message["request_seq"] == wanted:
                    self.assertTrue(message["success"], message)
                    return message.get("body")

        def where(thread):
            frame = receive(send("stackTrace", threadId=thread))["stackFrames"][0]
            scopes = receive(send("scopes", frameId=frame["id"]))["scopes"]
            variables = receive(send("variables", variablesReference=scopes[0]["variablesReference"]))["variables"]
            return frame["name"], frame["line"], sorted(
                (one["name"], one["value"]) for one in variables if one["name"] in ("x", "n", "total", "i"))

        receive(send("initialize", adapterID="test", clientID="test", pathFormat="path", linesStartAt1=True))
        attach = send("attach", connect={"host": "127.0.0.1", "port": port}, justMyCode=False)
        receive("initialized")
        receive(send("setBreakpoints", source={"path": os.path.join(self.work, "x.py")}, breakpoints=[{"line": 4}]))
        receive(send("configurationDone"))
        receive(attach)
        seen = []
        for command in "next", "next", "stepIn", "continue", "stepOut", "continue":
            thread = receive("stopped")["threadId"]
            seen.append(" ".join(map(str, where(thread))))
            receive(send(command, threadId=thread))
        connection.close()
        return seen


if __name__ == "__main__":
    unittest.main()
