# SPDX-License-Identifier: Apache-2.0
"""`viztracer-native vdb`: a recording of a real program, stepped through forward and backward, by scripts and at a terminal."""

import os
import re
import subprocess
import time
import unittest

import support

PROGRAM = """
    import threading

    class Tree:
        def __init__(self, depth):
            self.depth = depth

        def walk(self, n):
            total = leaf(n)
            for child in range(self.depth):
                total += leaf(child + n)
            if n > 0:
                total += self.walk(n - 1)
            return total

    def leaf(value):
        return len(str(value))

    def fails():
        raise ValueError("no")

    def numbers():
        yield 1
        yield 2

    def work(name):
        result = Tree(2).walk(3)
        try:
            fails()
        except ValueError:
            pass
        return (name, sum(numbers()) + result)

    thread = threading.Thread(target=work, args=("second",), name="worker")
    thread.start()
    work("first")
    thread.join()
"""
LOGGED = ("--log_lines", "--log_func_args", "--log_func_retval", "--log_var", "total")


def nanoseconds_of(text):
    number, unit = text.split(" ")
    whole, _, part = number.partition(".")
    digits = {"ns": 0, "us": 3, "ms": 6, "s": 9}[unit]
    return int(whole) * 10 ** digits + int(part or 0)


class VdbCase(support.TestCase):
    each_way_only = True

    def record(self, *options, name="x.vtn", program=PROGRAM):
        self.script = self.write("x.py", program)
        with open(self.script, encoding="utf-8") as file:
            self.lines = file.read().splitlines()
        self.recording = os.path.join(self.reports, name)
        done = self.run_argv([support.LAUNCHER, "--quiet", *options, "-o", self.recording, "x.py"])
        self.assertEqual((0, b""), (done.status, done.stderr))
        return self.recording

    def vdb(self, *lines, options=("--batch",), status=0, stderr=b""):
        done = self.run_argv([support.LAUNCHER, "vdb", *options, self.recording],
                             data="".join(f"{line}\n" for line in lines).encode())
        self.assertEqual((status, stderr), (done.status, done.stderr), done.stdout.decode())
        return done.stdout.decode()


class Sessions(VdbCase):
    def test_a_session(self):
        self.record(*LOGGED)
        name = "walk" if self.interpreter.minor == (3, 10) else "Tree.walk"  # 3.10 has no qualified names of code
        said = self.vdb(f"break {name}", "c", "c", "where", "args", "l", "n", "n", "r", "rc", "delete 1", "c")
        walk = re.escape(f"{name} ({self.script}:7)")
        self.assertRegex(said, rf"\Abreakpoint 1 at {name}\nbreakpoint 1 at {name}\n#\d\.\d+ {walk}, depth 3, at ")
        self.assertRegex(said, r"  before: it begins, with self=<__main__.Tree>, n=3\n")
        stack = re.search(r"(?m)^  #(\d)\.1 <module>(?:.*\n)+?> .*\n", said)[0].splitlines()
        self.assertEqual(["<module>", "work", name, name], [line.split()[1] if line[0] == " "
                                                                         else line.split()[2] for line in stack])
        at = lambda text: str(self.lines.index(text) + 1)
        self.assertEqual([at('work("first")'), at("    result = Tree(2).walk(3)"), "12", "8"],
                         re.findall(r", line (\d+), since", "\n".join(stack)))
        self.assertIn("\nself = <__main__.Tree>\nn = 2\nreturns 9\n", said)
        self.assertIn("\n      7      def walk(self, n):\n>     8          total = leaf(n)\n", said)
        self.assertRegex(said, rf"before: #\S+ leaf \({re.escape(self.script)}:15\) returned 1, took ")
        self.assertRegex(said, rf"before: #\S+ {walk} returned 9, took ")
        self.assertIn("breakpoint 1 deleted\nno breakpoints: 'break FUNCTION' sets one\n", said)

    def test_forward_and_backward_meet(self):
        self.record(*LOGGED)
        answers = lambda *lines: re.split(r"(?m)^(?=#|thread )", self.vdb(*lines))[1:]
        forward = answers(*["s"] * 120)
        self.assertEqual(120, len(forward))
        self.assertEqual(120, len(set(forward)))
        self.assertEqual(forward, answers("s 120", *["sb"] * 119)[::-1])

    def test_the_tree_is_that_of_the_report(self):
        self.record()
        path = os.path.join(self.reports, "same.json")
        self.assertEqual(0, self.run_argv([support.LAUNCHER, "--quiet", "--convert", self.recording, "-o", path]).status)
        report = support.Report(path)
        wanted = []
        for roots in report.threads.values():
            stack = [(root, 0) for root in reversed(roots)]
            calls = []
            while stack:
                call, depth = stack.pop()
                calls.append((depth, call.name, call.end - call.start))
                stack += [(inner, depth + 1) for inner in reversed(call.children)]
            wanted.append(calls)
        found = []
        for number in range(1, len(wanted) + 1):
            said = self.vdb(f"thread {number}", "jump start", "tree 1000 1000000").splitlines()
            calls = []
            for line in said:
                row = re.fullmatch(rf"( *)#{number}\.\d+ (.+), (\S+ (?:ns|us|ms|s))", line)
                if row:
                    calls.append((len(row[1]) // 2, row[2].removesuffix(" (resumed)"), nanoseconds_of(row[3])))
            found.append(calls)
        self.assertEqual(sorted(map(len, wanted)), sorted(map(len, found)))
        self.assertEqual(sorted(wanted), sorted(found))

    def test_searches(self):
        self.record(*LOGGED)
        said = self.vdb("find 'first'", "w 1", "fb 'no such thing'", "longest walk", "threads")
        self.assertRegex(said, r"\A#\S+ work .*\n  before: it begins, with name='first'\n")
        self.assertIn("at the beginning of the trace\n", said)
        longest = re.findall(r"(?m)^  #\S+ +(\S+ \S+), at ", said)
        self.assertEqual(5, len(longest))
        self.assertEqual(sorted(map(nanoseconds_of, longest), reverse=True), list(map(nanoseconds_of, longest)))
        self.assertRegex(said, r"(?m)^. +\d  pid \d+ x.py, tid \d+ worker: \d+ calls, ")

    def test_marks(self):
        self.record(*LOGGED)
        said = self.vdb("jump end", "object", "marks 3", "counter")
        self.assertRegex(said, r"(?m)^total = 12, at ")
        self.assertIn("no counters so far", said)

    def test_lines_are_those_of_python(self):
        """What a C function calls is called from the line that the C function was called from."""
        self.record("--log_lines", program="""
            def key(x):
                return -x
            def order(xs):
                xs = xs + [0]
                return sorted(xs, key=key)
            order([1, 2])
        """)
        said = self.vdb("break key", "c 2", "where", "up 2")
        self.assertRegex(said, r"(?m)^  #\S+ order \(.*\), line 5, since .*\n  #\S+ builtins.sorted, since .*\n> #\S+ key ")
        self.assertRegex(said, r"(?m)^#\S+ order \(.*\), depth 2, at .*\n> 5  return sorted")
        self.assertNotIn("builtins.sorted, line", said)

    def test_a_source_that_has_changed(self):
        self.record("--log_lines")
        script = ["break leaf", "c", "list"]
        self.assertNotIn("has been changed", self.vdb(*script))
        later = time.time() + 10
        os.utime(self.script, (later, later))
        self.assertIn("(the file has been changed since this was recorded)\n", self.vdb(*script))
        os.unlink(self.script)
        self.assertIn("> Not able to locate the source of leaf", self.vdb(*script))

    def test_a_report(self):
        """What was written for others to read is stepped through as well: the same calls, stacks and lines."""
        self.record()
        script = ("break leaf", "c 3", "where", "call", "jump start", "tree 4")
        said = self.vdb(*script)
        for name in ("x.json", "x.json.gz"):
            report = os.path.join(self.reports, name)
            self.assertEqual(0, self.run_argv([support.LAUNCHER, "--quiet", "--convert", self.recording, "-o", report]).status)
            done = self.run_argv([support.LAUNCHER, "vdb", report], data="\n".join(script).encode())
            self.assertEqual((0, said), (done.status, done.stdout.decode()))
            self.assertIn(f"{report} is imported first", done.stderr.decode())

    def test_a_recording_that_was_cut(self):
        self.record()
        with open(self.recording, "rb") as file:
            whole = file.read()
        with open(self.recording, "wb") as file:
            file.write(whole[:-100])
        self.assertIn("cut short  what followed is not known", self.vdb("info"))


class Scripts(VdbCase):
    def test_strict(self):
        self.record()
        lines = ("t", "# a comment", "", "bogus", "t")
        self.assertEqual("0 ns\nInvalid command: bogus ('help' lists those there are)\n0 ns\n", self.vdb(*lines))
        self.assertEqual("0 ns\nInvalid command: bogus ('help' lists those there are)\n", self.vdb(
            *lines, options=("--batch", "--strict"), status=1,
            stderr=b"viztracer-native: line 4: Invalid command: bogus ('help' lists those there are)\n"))

    def test_where_stdin_is_no_terminal_there_is_no_prompt(self):
        self.record()
        self.assertEqual("0 ns\n", self.vdb("t", "quit", "t", options=()))
        self.assertEqual("0 ns\n\n", self.vdb("t", options=("--extra_newline", "--no_clear")))

    def test_refusals(self):
        self.recording = os.path.join(self.reports, "missing.vtn")
        self.vdb("t", status=1, stderr=f"viztracer-native: cannot open {self.recording}: No such file or directory\n"
                 .encode())
        # What may be a program's own business is one until there is nothing of that name.
        for command in (("vdb", "missing.json"), ("--quiet", "vdb", "x.vtn")):
            done = self.run_argv([support.LAUNCHER, *command])
            self.assertEqual((1, b"viztracer-native: cannot find vdb: no such file, and no such command on PATH; "
                            b"-m runs a module, -c a piece of code; viztracer-native's own comes before all options, and takes "
                            b"a recording or a report that is there\n"),
                             (done.status, done.stderr))
        self.recording = self.write("x.vtn", "not a recording\n")
        self.vdb("t", status=1, stderr=f"viztracer-native: {self.recording} was not recorded by viztracer-native: "
                 "no magic number at offset 0\n".encode())
        self.recording = os.path.join(self.reports, "nothing.vtn")
        self.run_argv([support.LAUNCHER, "--quiet", "-o", self.recording, "/bin/true"])
        self.vdb("t", status=1, stderr=f"viztracer-native: {self.recording} holds no calls: there is nothing to "
                 "step through\n".encode())


class AtATerminal(VdbCase):
    def test_prompt_completion_and_interrupts(self):
        self.record()
        terminal = support.Terminal(self, [support.LAUNCHER, "vdb", self.recording], env={"TERM": "xterm"})
        self.assertIn(b"x.vtn: ", terminal.read(until=b">>> "))
        edited = os.environ.get("VTN_LINE_EDITING", "")  # how this was built
        terminal.type(b"stepb\t\n")
        said = terminal.read(until=b"\n>>> ")
        if edited:
            self.assertIn(b"at the beginning of the trace" if edited == "true" else b"Invalid command: stepb", said)
        terminal.type(b"s\n")
        self.assertIn(b"before: it begins", terminal.read(until=b"\n>>> "))
        terminal.type(b"\n")  # once more
        self.assertIn(b"next: ", terminal.read(until=b"\n>>> "))
        terminal.type(b"bogus")
        terminal.read(until=b"bogus")
        terminal.type(b"\x03")  # the line is dropped
        terminal.read(until=b"\n>>> ")
        terminal.type(b"t\n")
        self.assertRegex(terminal.read(until=b"\n>>> "), rb"t\r\n\d+\.\d+ ms\r\n")
        # One that comes while the terminal is between its modes is lost: then the kernel makes a NUL of it.
        for end in (b"\x04", b"\x04", b"\nquit\n", b"\nquit\n"):
            terminal.type(end)
            try:
                self.assertEqual(0, terminal.wait(5))
                return
            except subprocess.TimeoutExpired:
                pass
        with open(f"/proc/{terminal.process.pid}/wchan", encoding="ascii") as file:
            waits_in = file.read()
        self.fail(f"it does not end: {terminal.output[-300:]!r}, then {terminal.read(until=b'>>> ')!r}; it waits in {waits_in}")


if __name__ == "__main__":
    unittest.main()
