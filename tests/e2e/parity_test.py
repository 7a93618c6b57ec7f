# SPDX-License-Identifier: Apache-2.0
"""Parity: a program cannot tell `python3 X` from `viztracer-native X`. Compared byte for byte."""

import os
import re
import shutil
import signal
import unittest
import zipfile

import support

FACTS = os.path.join(support.PROGRAMS, "facts.py")


class Facts(support.TestCase):
    """programs/facts.py prints all that a process knows of itself, started in every way there is."""

    def setUp(self):
        super().setUp()
        self.script = os.path.join(self.work, "facts.py")
        shutil.copy(FACTS, self.script)

    def facts(self, *args, **kwargs):
        outcome = self.parity(*args, **kwargs)
        self.assertEqual(0, outcome.status, outcome.stderr)
        self.assertIn(b"\nargv: ", outcome.stdout)
        self.assertTrue(outcome.report.named("tell"))
        return outcome

    def test_script(self):
        self.facts("facts.py", "one", "--two", "-o", "three")

    def test_script_by_full_path(self):
        self.facts(self.script)

    def test_script_in_another_folder(self):
        self.facts(os.path.relpath(self.script, self.reports), cwd=self.reports)

    def test_script_whose_name_is_an_option(self):
        os.rename(self.script, os.path.join(self.work, "-x.py"))
        self.facts("./-x.py", "--version")

    def test_script_with_blanks_and_letters_in_its_name(self):
        os.rename(self.script, os.path.join(self.work, "naïve file.py"))
        self.facts("naïve file.py", "a b", "", "ü")

    def test_module(self):
        self.facts("-m", "facts", "--help", "-m")

    def test_module_of_a_package(self):
        self.write("package/__init__.py", "")
        shutil.copy(FACTS, os.path.join(self.work, "package", "__main__.py"))
        shutil.copy(FACTS, os.path.join(self.work, "package", "part.py"))
        self.facts("-m", "package", "x")
        self.facts("-m", "package.part")

    def test_command(self):
        with open(FACTS, encoding="utf-8") as file:
            self.facts("-c", file.read(), "-x", "y")

    def test_standard_input(self):
        with open(FACTS, "rb") as file:
            text = file.read()
        self.facts("-", "x", "-y", data=text)

    def test_directory(self):
        os.mkdir(os.path.join(self.work, "tree"))
        shutil.copy(FACTS, os.path.join(self.work, "tree", "__main__.py"))
        self.facts("tree", "x")
        self.facts("tree/")

    def test_zipapp(self):
        with zipfile.ZipFile(os.path.join(self.work, "app.pyz"), "w") as archive:
            archive.write(FACTS, "__main__.py")
        self.facts("app.pyz", "x")

    def test_interpreter_options(self):
        for options in (["-I"], ["-E", "-s"], ["-S"], ["-O"], ["-OO"], ["-u"], ["-B"], ["-b"],
                        ["-W", "error"], ["-X", "dev"], ["-X", "utf8=0"], ["-q", "-d"]):
            with self.subTest(" ".join(options)):
                args = [*options, "facts.py", "x"]
                self.facts(*args, program=["python3", *args])

    def test_python_given_by_path(self):
        path = self.interpreter.path
        plain = self.run_argv([path, "facts.py"])
        for host in ("auto", "exec"):
            with self.subTest(host):
                traced = self.traced("facts.py", options=("--quiet", "--python", path, "--host", host))
                self.assertEqual(plain.parity_key(), traced.parity_key())

    def test_virtual_environment(self):
        venv = os.path.join(self.folder, "venv")
        made = self.run_argv([self.interpreter.path, "-m", "venv", "--without-pip", venv])
        if made.status:
            self.skipTest(f"no venv module: {made.stderr.decode()}")
        path = os.path.join(venv, "bin") + ":/usr/bin:/bin"
        activated = self.facts("facts.py", env={"PATH": path, "VIRTUAL_ENV": venv})
        self.assertIn(venv.encode(), activated.stdout)
        plain = self.run_argv([os.path.join(venv, "bin", "python3"), "facts.py"])
        by_path = self.traced("facts.py", options=(
            "--quiet", "--python", os.path.join(venv, "bin", "python3")))
        self.assertEqual(plain.parity_key(), by_path.parity_key())

    def test_environment_of_odd_entries(self):
        self.facts("facts.py", env={
            "EMPTY": "", "LD_LIBRARY_PATH": self.work, "PYTHONPATH": self.work, "PYTHONHASHSEED": "7",
            "PYTHONUNBUFFERED": "1", "VIRTUAL_ENV": None, "LC_ALL": "C", "HOME": None})

    def test_no_environment_but_path(self):
        keep = {name: None for name in self.environment() if name != "PATH"}
        self.facts("facts.py", env=keep)

    def test_preload_of_the_user_stays(self):
        library = "/lib/x86_64-linux-gnu/libm.so.6"
        for value in ("", library):
            with self.subTest(LD_PRELOAD=value):
                outcome = self.facts("facts.py", env={"LD_PRELOAD": value})
                self.assertIn(f'["LD_PRELOAD", "{value}"]'.encode(), outcome.stdout)

    def test_descriptors_inherited(self):
        read_end, write_end = os.pipe()
        self.addCleanup(os.close, read_end)
        self.addCleanup(os.close, write_end)
        self.facts("facts.py", pass_fds=(read_end, write_end))

    def test_closed_standard_descriptors(self):
        for which in ((0,), (0, 2), (0, 1, 2)):
            with self.subTest(closed=which):
                def close():
                    for fd in which:
                        os.close(fd)
                plain = self.plain("facts.py", preexec_fn=close)
                traced = self.traced("facts.py", preexec_fn=close)
                self.assertEqual(plain.parity_key(), traced.parity_key())

    def test_umask_and_signals_inherited(self):
        def change():
            os.umask(0o077)
            signal.signal(signal.SIGHUP, signal.SIG_IGN)
            signal.signal(signal.SIGCHLD, signal.SIG_IGN)
            signal.signal(signal.SIGUSR1, signal.SIG_IGN)
            signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGUSR2, signal.SIGTERM})
            os.nice(3)
        outcome = self.facts("facts.py", preexec_fn=change)
        self.assertIn(b"Umask:\\t0077", outcome.stdout)

    def test_few_descriptors_and_little_memory(self):
        import resource
        for name, limit in (("RLIMIT_NOFILE", 32), ("RLIMIT_AS", 400 << 20)):
            with self.subTest(name):
                def change():
                    resource.setrlimit(getattr(resource, name), (limit, limit))
                self.facts("facts.py", preexec_fn=change)

    def test_hardly_any_descriptor(self):
        """Where the launcher itself has too few, the program runs as ever, and one line says so."""
        import resource

        def change():
            resource.setrlimit(resource.RLIMIT_NOFILE, (8, 8))
        plain = self.plain("facts.py", preexec_fn=change)
        traced = self.traced("facts.py", preexec_fn=change)
        self.assertEqual((plain.status, plain.stdout), (traced.status, traced.stdout))
        self.assertTrue(traced.stderr.startswith(plain.stderr))
        for kept in re.findall(r"cannot open (\S+)/control", traced.stderr.decode()):
            shutil.rmtree(kept)
        self.assertLessEqual(traced.stderr[len(plain.stderr):].count(b"\n"), 1)

    def test_few_descriptors_within_the_program(self):
        self.write("few.py", """
            import os, resource
            resource.setrlimit(resource.RLIMIT_NOFILE, (5, 5))
            def f(): return open("/dev/null").fileno(), os.open("/dev/null", 0)
            print(f())
            try: f()
            except OSError as error: print(error)
            """)
        self.assertEqual(2, len(self.parity("few.py").report.named("f")))


ENDINGS = {
    "returns": "print('x')",
    "sys.exit(3)": "import sys; sys.exit(3)",
    "sys.exit(text)": "import sys; sys.exit('boom')",
    "sys.exit(None)": "import sys; sys.exit(None)",
    "sys.exit(300)": "import sys; sys.exit(300)",
    "sys.exit(-1)": "import sys; sys.exit(-1)",
    "exception": "def f():\n    def g(): 1 / 0\n    g()\nf()",
    "exception in C": "sorted([3, 1, 2], key=lambda x: {}[x])",
    "chained": "try:\n    {}[1]\nexcept KeyError as e:\n    raise ValueError('v') from e",
    "group": "import sys\nif sys.version_info >= (3, 11):\n"
             "    raise ExceptionGroup('g', [ValueError(1), TypeError(2)])",
    "syntax error": "def f(:\n    pass",
    "tabs": "if 1:\n\tx = 1\n        y = 2",
    "recursion": "def f(n): return f(n + 1)\nf(0)",
    "recursion caught": "def f(n):\n    try: return f(n + 1)\n    except RecursionError: return n\n"
                        "import sys\nsys.setrecursionlimit(500)\nprint(f(0))",
    "interrupt": "raise KeyboardInterrupt",
    "interrupt by signal": "import os, signal, time\nos.kill(os.getpid(), signal.SIGINT)\ntime.sleep(9)",
    "thread": "import threading\ndef f(): raise ValueError('in a thread')\n"
              "t = threading.Thread(target=f, name='T')\nt.start(); t.join()",
    "unraisable": "class A:\n    def __del__(self): raise ValueError('in __del__')\na = A()\ndel a",
    "atexit": "import atexit\n@atexit.register\ndef f(): print('bye')\n"
              "@atexit.register\ndef g(): raise ValueError('late')",
    "warning": "import warnings\ndef f(): warnings.warn('w', DeprecationWarning)\nf()",
    "stdout closed": "import sys; print('x'); sys.stdout.close()",
    "stderr closed": "import sys; sys.stderr.close(); 1 / 0",
    "hook": "import sys\ndef hook(*a): print('hook', a[0].__name__)\nsys.excepthook = hook\n1 / 0",
    "traceback": "import traceback\ndef f():\n    traceback.print_stack()\nf()",
    "frames": "import sys, inspect\ndef f():\n    print([x.function for x in inspect.stack()])\nf()",
    "generator closed at exit": "def g():\n    try: yield 1\n    finally: print('closed')\n"
                                "x = g(); next(x)",
    "resource": "import sys, gc\ngc.set_debug(0)\nprint(gc.callbacks, gc.get_threshold())",
    "no newline": "import sys; sys.stdout.write('no newline')",
    "binary": "import sys; sys.stdout.buffer.write(bytes(range(256)))",
}


class Endings(support.TestCase):
    """Every way a program ends: status, streams and tracebacks."""

    def test_endings(self):
        for name, text in ENDINGS.items():
            with self.subTest(name):
                self.write("program.py", text)
                self.parity("program.py")

    def test_endings_of_commands(self):
        for name in ("exception", "syntax error", "sys.exit(3)", "recursion"):
            with self.subTest(name):
                self.parity("-c", ENDINGS[name])

    def test_endings_of_modules(self):
        for name in ("exception", "sys.exit(text)", "traceback"):
            with self.subTest(name):
                self.write("program.py", ENDINGS[name])
                self.parity("-m", "program")

    def test_module_not_found(self):
        self.parity("-m", "no_such_module_anywhere")

    def test_package_without_main(self):
        self.write("package/__init__.py", "")
        self.parity("-m", "package")

    def test_status_is_seen_by_a_shell(self):
        self.write("program.py", "import os; os.kill(os.getpid(), 15)")
        argv, _ = self.launcher_argv("program.py")
        for command in (["python3", "program.py"], argv):
            shell = self.run_argv(["/bin/sh", "-c", '"$@"; echo $?', "sh", *command])
            self.assertEqual((0, b"143\n"), (shell.status, shell.stdout))


class Streams(support.TestCase):
    def test_standard_input_is_the_programs(self):
        self.write("count.py", "import sys\nprint(sum(1 for line in sys.stdin))")
        data = b"".join(b"%d\n" % number for number in range(200000))
        self.assertEqual(b"200000\n", self.parity("count.py", data=data).stdout)

    def test_broken_pipe(self):
        self.write("flood.py", "for i in range(100000): print(i)")
        argv, _ = self.launcher_argv("flood.py")
        seen = [self.run_argv(["/bin/bash", "-c", 'set -o pipefail; "$@" | head -n 1; echo ${PIPESTATUS[0]}',
                               "bash", *command]) for command in (["python3", "flood.py"], argv)]
        self.assertEqual(seen[0].parity_key(), seen[1].parity_key())

    def test_full_device(self):
        self.write("hello.py", "print('hello')")
        outcomes = []
        for command in (["python3", "hello.py"], self.launcher_argv("hello.py")[0]):
            with open("/dev/full", "wb") as full:
                outcomes.append(self.run_argv(command, stdout=full))
        self.assertEqual(outcomes[0].parity_key(), outcomes[1].parity_key())

    def test_messages_go_to_stderr_after_the_program(self):
        self.write("hello.py", "import sys\nprint('out')\nprint('err', file=sys.stderr)")
        outcome = self.traced("hello.py", options=())
        self.assertEqual((0, b"out\n"), (outcome.status, outcome.stdout))
        self.assertTrue(outcome.stderr.startswith(b"err\n"), outcome.stderr)
        said = outcome.stderr[4:].decode()
        self.assertIn(outcome.report_path, said)
        self.assertRegex(said, r"\b1 Python process\b")
        self.assertRegex(said, r"\b1 thread\b")
        self.assertRegex(said, r"\d+ calls")

    def test_nothing_but_the_report_is_left(self):
        self.write("hello.py", "print('hello')")
        outcome = self.traced("hello.py")
        self.assertEqual([outcome.report_name], os.listdir(self.reports))
        self.assertEqual(["hello.py"], os.listdir(self.work))
        self.assertEqual([], self.sessions())

    def sessions(self):
        """Session folders whose spool is among our reports."""
        where = f"/dev/shm/vtn-{os.geteuid()}"
        return [one for one in (os.listdir(where) if os.path.isdir(where) else [])
                if os.path.realpath(f"{where}/{one}/spool").startswith(self.reports)]

    def test_the_session_is_closed_to_others(self):
        self.write("look.py", f"""
            import os
            where = "/dev/shm/vtn-{os.geteuid()}"
            print(oct(os.stat(where).st_mode & 0o777))
            for one in os.listdir(where):
                folder = os.path.join(where, one)
                if os.path.realpath(folder + "/spool").startswith({self.reports!r}):
                    print(oct(os.stat(folder).st_mode & 0o777))
                    for name in ("control", "arena", "spool"):
                        print(name, oct(os.stat(os.path.join(folder, name)).st_mode & 0o777))
            """)
        outcome = self.traced("look.py")
        self.assertEqual(b"0o711\n0o700\ncontrol 0o600\narena 0o600\nspool 0o600\n", outcome.stdout)


class Interactive(support.TestCase):
    """The interactive interpreter, in a pseudo-terminal."""

    LINES = [b"import sys, os\n", b"def f(): return os.isatty(0), sys.argv, sys.orig_argv[1:]\n", b"\n",
             b"f()\n", b"1 / 0\n", b"input('ask ')\n", b"answer\n", b"exit(5)\n"]

    def session(self, argv):
        terminal = support.Terminal(self, argv, env={
            "TERM": "dumb", "PYTHON_BASIC_REPL": "1", "PYTHON_COLORS": "0", "HOME": self.folder})
        terminal.read(b">>> ")
        for line in self.LINES:
            terminal.type(line)
            if line != self.LINES[-1]:
                terminal.read(b"\nask " if line.startswith(b"input") else
                              b"\n... " if line.startswith(b"def") else b"\n>>> ")
        terminal.read()
        return terminal.wait(), re.sub(rb"\x1b\[[?0-9;]*[a-zA-Z]", b"", terminal.output)

    def test_read_eval_print_loop(self):
        argv, name = self.launcher_argv("python3")
        plain, traced = self.session(["python3"]), self.session(argv)
        self.assertEqual(plain, traced)
        self.assertEqual(5, traced[0])
        self.assertTrue(support.Report(os.path.join(self.reports, name)).named("f"))

    def test_interrupt_key(self):
        self.write("wait.py", """
            import time
            def wait():
                try:
                    print("ready", flush=True)
                    for _ in range(600):  # a signal right before a sleep does not shorten it
                        time.sleep(0.05)
                except KeyboardInterrupt:
                    print("interrupted", flush=True)
                    raise KeyboardInterrupt from None
            wait()
            """)
        seen = []
        for command in (["python3", "wait.py"], self.launcher_argv("wait.py")[0]):
            terminal = support.Terminal(self, command)
            terminal.read(b"ready")
            terminal.type(b"\x03")
            terminal.read()
            seen.append((terminal.wait(), terminal.output))
        self.assertEqual(seen[0], seen[1])
        self.assertEqual(-signal.SIGINT, seen[1][0])


class Commands(support.TestCase):
    """`viztracer-native name` and `viztracer-native -- command`."""

    def test_console_script(self):
        self.write("library.py", "def main():\n    import sys\n    print(sys.argv, sys.flags)\n    return 7")
        tool = os.path.join(self.bin, "some-tool")
        with open(tool, "w", encoding="utf-8") as file:
            file.write(f"#!{self.interpreter.path}\nimport sys\nsys.path.insert(0, {self.work!r})\n"
                       "from library import main\nsys.exit(main())\n")
        os.chmod(tool, 0o755)
        plain = self.run_argv(["some-tool", "a", "-o", "b"])
        self.assertEqual(7, plain.status)
        for target in (["some-tool", "a", "-o", "b"], ["--", "some-tool", "a", "-o", "b"],
                       ["--", tool, "a", "-o", "b"]):
            with self.subTest(target):
                traced = self.traced(*target)
                if target[-4] == tool:
                    self.assertEqual(plain.stdout.split(b"'")[2:], traced.stdout.split(b"'")[2:])
                else:
                    self.assertEqual(plain.parity_key(), traced.parity_key())
                self.assertTrue(traced.report.named("main"))

    def test_env_in_the_first_line(self):
        tool = os.path.join(self.bin, "env-tool")
        with open(tool, "w", encoding="utf-8") as file:
            file.write("#!/usr/bin/env python3\ndef f(): print('here')\nf()\n")
        os.chmod(tool, 0o755)
        traced = self.traced("env-tool")
        self.assertEqual((0, b"here\n", b""), traced.parity_key())
        self.assertTrue(traced.report.named("f"))

    def test_shell_form_of_pip(self):
        """The first line pip and uv write when the interpreter's path is long or has blanks."""
        tool = os.path.join(self.bin, "long-tool")
        with open(tool, "w", encoding="utf-8") as file:
            file.write(f"#!/bin/sh\n'''exec' \"{self.interpreter.path}\" \"$0\" \"$@\"\n' '''\n"
                       "import sys\ndef f(): print(sys.argv[1:])\nf()\n")
        os.chmod(tool, 0o755)
        plain = self.run_argv(["long-tool", "x"])
        traced = self.traced("long-tool", "x")
        self.assertEqual(plain.parity_key(), traced.parity_key())
        self.assertTrue(traced.report.named("f"))

    def test_existing_file_that_is_no_command_runs_as_a_script(self):
        self.write("plain.py", "def f(): print('script')\nf()")
        traced = self.traced("--", "plain.py")
        self.assertEqual((0, b"script\n", b""), traced.parity_key())

    def test_command_that_is_no_python(self):
        traced = self.traced("--", "/bin/sh", "-c", "echo hello; exit 9")
        self.assertEqual((9, b"hello\n"), (traced.status, traced.stdout))


if __name__ == "__main__":
    unittest.main()
