# SPDX-License-Identifier: Apache-2.0
"""--open: what a run does with its report when the program has ended."""

import os
import re
import signal
import time
import unittest
import urllib.request

import support

PROGRAM = """
import os, sys
def f(): pass
f()
print("said by the program")
sys.stdout.flush()
{end}
"""
# A browser that keeps what it was shown.
BROWSER = """#!/bin/sh
exec "{python}" -I -S -c '
import sys, urllib.request
import os
with urllib.request.urlopen(sys.argv[1]) as answer, open("{to}.part", "wb") as file:
    file.write(answer.read())
os.rename("{to}.part", "{to}")
' "$1"
"""
NOWHERE = {"DISPLAY": None, "WAYLAND_DISPLAY": None, "BROWSER": None, "SSH_CONNECTION": None, "CI": None}


class Open(support.TestCase):
    each_way_only = True

    def setUp(self):
        super().setUp()
        self.page = os.path.join(self.folder, "page.html")
        self.browser = self.write("browser.sh", BROWSER.format(python=self.interpreter.path, to=self.page), 0o755)

    def argv(self, *options, end="sys.exit(7)", out="r.html"):
        outs = [word for name in ([out] if isinstance(out, str) else out) for word in ("-o", os.path.join(self.reports, name))]
        return [support.LAUNCHER, "--open", *outs, *options, self.write("x.py", PROGRAM.format(end=end))]

    def shown(self):
        """What the browser was shown: it may end after the command."""
        deadline = time.monotonic() + support.TIMEOUT
        while not os.path.exists(self.page):
            self.assertLess(time.monotonic(), deadline)
            time.sleep(0.01)
        with open(self.page, encoding="utf-8") as file:
            return file.read()

    def test_a_browser_is_shown_the_page(self):
        run = self.run_argv(self.argv(), env={**NOWHERE, "BROWSER": self.browser})
        self.assertEqual(7, run.status)
        self.assertEqual(b"said by the program\n", run.stdout)
        self.assertIn(b"viztracer-native: http://127.0.0.1:", run.stderr)
        self.assertIn(b"ends once it has been fetched", run.stderr)
        with open(os.path.join(self.reports, "r.html"), encoding="utf-8") as file:
            self.assertEqual(file.read(), self.shown())

    def test_a_recording_becomes_a_page(self):
        run = self.run_argv(self.argv("--quiet", out="r.vtn", end="os.abort()"), env={**NOWHERE, "BROWSER": self.browser})
        self.assertEqual(-signal.SIGABRT, run.status)
        self.assertIn("<title>", self.shown()[:5000])

    def test_the_first_that_can_be_shown(self):
        run = self.run_argv(self.argv(out=("r.txt", "r.svg", "b.html", "a.vtn")), env={**NOWHERE, "BROWSER": self.browser})
        self.assertIn(b"/b.html/\n", run.stderr)
        self.assertEqual(7, run.status)

    def test_nobody_is_there(self):
        """No browser, no terminal: nothing waits."""
        for env, why in (({}, "there is no display"), ({"SSH_CONNECTION": "1 2 3 4", "BROWSER": self.browser}, "another machine")):
            run = self.run_argv(self.argv(), env={**NOWHERE, **env})
            self.assertEqual(7, run.status)
            self.assertRegex(run.stderr.decode(), f"--open: no browser is started: .*{why}.*; viztracer-native view .*r.html shows the report\n")
            self.assertNotIn(b"http://", run.stderr)

    def test_a_browser_that_never_asks(self):
        start = time.monotonic()
        run = self.run_argv(self.argv(), env={**NOWHERE, "BROWSER": "true"})
        self.assertEqual(7, run.status)
        self.assertLess(9, time.monotonic() - start)

    def on_terminal(self, *options, **how):
        terminal = support.Terminal(self, self.argv(*options, **how), env=NOWHERE)
        said = terminal.read(b"Ctrl-C ends it").decode()
        self.assertIn("no browser was started: there is no display", said)
        return terminal, re.search(r"http://\S*", said).group()

    def test_at_a_terminal_it_stays_until_ctrl_c(self):
        for end, status in (("sys.exit(7)", 7), ("os.kill(os.getpid(), 15)", -15)):
            terminal, address = self.on_terminal(end=end, out="r.vtn")
            for _ in range(2):
                with urllib.request.urlopen(address) as answer:
                    self.assertIn(b"<title>", answer.read())
            start = time.monotonic()
            terminal.type(b"\x03")
            self.assertEqual(status, terminal.wait())
            self.assertLess(time.monotonic() - start, 5)

    def test_ctrl_z_and_sigterm_are_as_in_any_command(self):
        terminal, _ = self.on_terminal()
        with open(f"/proc/{terminal.process.pid}/status", encoding="ascii") as file:
            blocked = next(int(line.split()[1], 16) for line in file if line.startswith("SigBlk:"))
        for number in (signal.SIGTSTP, signal.SIGTTIN, signal.SIGTTOU, signal.SIGCONT):
            self.assertEqual(number == signal.SIGCONT, bool(blocked >> (number - 1) & 1), number)
        os.kill(terminal.process.pid, signal.SIGTERM)
        self.assertEqual(7, terminal.wait())

    def test_a_terminal_with_nobody_at_it(self):
        terminal = support.Terminal(self, self.argv(), env={**NOWHERE, "CI": "true"})
        self.assertEqual(7, terminal.wait())
        self.assertIn(b"no browser is started", terminal.read())

    def test_whoever_is_not_in_the_terminals_foreground_is_not_waited_for(self):
        """timeout makes a group of its own, and what runs beside a script does not hear Ctrl-C."""
        for before in ('timeout 60 "$@"; exit $?', '"$@" & wait $!'):
            with self.subTest(before):
                terminal = support.Terminal(self, ["sh", "-c", before, "sh", *self.argv()], env=NOWHERE)
                self.assertEqual(7, terminal.wait())
                self.assertIn(b"no browser is started", terminal.read())

    def test_a_run_that_was_told_to_end_does_not_stay(self):
        terminal = support.Terminal(self, self.argv(end="import time; time.sleep(60)"), env=NOWHERE)
        terminal.read(b"said by the program")
        os.kill(terminal.process.pid, signal.SIGTERM)
        self.assertEqual(-signal.SIGTERM, terminal.wait())
        said = terminal.read()
        self.assertIn(b"r.html shows the report", said)
        self.assertNotIn(b"http://", said)

    def test_what_happens_to_the_page_does_not_happen_to_the_status(self):
        terminal, _ = self.on_terminal(out="r.vtn")
        with open(f"/proc/{terminal.process.pid}/task/{terminal.process.pid}/children", encoding="ascii") as file:
            server, = map(int, file.read().split())
        os.kill(server, signal.SIGKILL)
        self.assertEqual(7, terminal.wait())

    def test_a_browser_holds_nothing_that_others_wait_for(self):
        browser = self.write("slow.sh", "#!/bin/sh\nexec sleep 100\n", 0o755)
        run = self.run_argv(["sh", "-c", '("$@" 9>&1 >/dev/null 2>&1) | cat', "sh", *self.argv()], env={**NOWHERE, "BROWSER": browser})
        self.assertEqual(0, run.status)

    def test_a_report_that_failed_is_not_shown(self):
        end = f"os.mkdir({os.path.join(self.reports, 'r.html')!r}); sys.exit(7)"
        run = self.run_argv(self.argv(end=end), env={**NOWHERE, "BROWSER": self.browser})
        self.assertEqual(7, run.status)
        self.assertIn(b"cannot write", run.stderr)
        self.assertNotIn(b"http://", run.stderr)

    def test_what_cannot_be_shown_is_said_before_the_program_starts(self):
        for argv, line in ((self.argv(out="r.txt"), b"--open: there is no report with calls in it; -o FILE.html or -o FILE.vtn makes one"),
                           (self.argv("--keep_pid"), b"--open and --keep_pid exclude each other")):
            run = self.run_argv(argv)
            self.assertEqual((2, b""), (run.status, run.stdout))
            self.assertIn(line, run.stderr)
            self.assertEqual(1, run.stderr.count(b"\n"))

    def test_from_a_file_and_of_a_recording(self):
        self.write(".viztracerrc", "[default]\nopen = True\n")
        argv = self.argv(out="r.vtn")
        argv.remove("--open")
        run = self.run_argv(argv, env={**NOWHERE, "BROWSER": self.browser})
        self.assertEqual(7, run.status)
        self.assertIn(b"/r.vtn/\n", run.stderr)
        self.shown()
        os.unlink(self.page)
        run = self.run_argv([support.LAUNCHER, "--convert", os.path.join(self.reports, "r.vtn"), "-o", "c.html"],
                            env={**NOWHERE, "BROWSER": self.browser})
        self.assertEqual(0, run.status, run.stderr)
        self.assertIn("<title>", self.shown()[:5000])


if __name__ == "__main__":
    unittest.main()
