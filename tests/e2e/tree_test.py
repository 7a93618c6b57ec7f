# SPDX-License-Identifier: Apache-2.0
"""The processes of report and ledger against those that strace sees of the same run: the same pids,
parents and exit statuses, whatever starts them. What a process that the ledger calls unfollowed
started is left out, and so are children of vfork that executed nothing (L-VFORK)."""

import os
import shutil
import subprocess
import unittest

import ledger
import servers
import strace
import support

MAKEFILE = """
all: a b c d sub
a b c:
\t@python3 -c 'print("$@")' > $@.txt
d:
\t@true; (cat a.txt /dev/null | wc -c > d.txt) || true
sub:
\t@$(MAKE) --no-print-directory -f Makefile.sub both
"""
MAKEFILE_SUB = """
both: one two
one two:
\t@sh -c 'exit 0' && true
"""

PERL = """
system("true"); system("sh -c 'exit 3'"); print $? >> 8, "\\n";
print `echo backticks`;
open(my $pipe, "-|", "echo piped; python3 -c 'print(1)'") or die; print <$pipe>; close $pipe;
my $pid = fork(); if (!$pid) { exec("python3", "-c", "print('perl')") } waitpid($pid, 0);
print $? >> 8, "\\n";
"""

NODE = """
const {execSync, spawnSync, spawn} = require("child_process");
console.log(execSync("echo one; python3 -c 'print(2)'").toString());
console.log(spawnSync("python3", ["-c", "import sys; sys.exit(5)"], {env: {PATH: process.env.PATH}}).status);
console.log(spawnSync("no-such-program").error.code);
spawn("true").on("exit", code => console.log("exit", code));
"""

PYTHON_WAYS = """
import os, subprocess, sys
py = sys.executable
def sub(*arguments, **options): return subprocess.run([py, *arguments], **options).returncode
print(sub("-c", "pass"), sub("-c", "import sys; sys.exit(4)", close_fds=False), sub("-I", "-c", "pass", env={}))
print(subprocess.run("true | cat; python3 -c 'print(7)'", shell=True).returncode)
print(os.system("python3 -c 'import os; os._exit(9)'; true"))
print(os.popen("echo popen; python3 -c 'print(8)'").read())
pid = os.posix_spawn(py, [py, "-c", "pass"], {"PATH": "/usr/bin"})
print(os.waitpid(pid, 0)[1])
pid = os.spawnl(os.P_NOWAIT, "/bin/true", "true")
print(os.waitpid(pid, 0)[1])
pid = os.fork()
if pid == 0:
    if os.fork() == 0: os.execv(py, [py, "-c", "pass"])
    os.wait()
    os._exit(6)
print(os.waitpid(pid, 0)[1] >> 8)
child = subprocess.Popen([py, "-c", "print('up', flush=True); import time; time.sleep(600)"], stdout=subprocess.PIPE)
child.stdout.readline()
child.kill()
print(child.wait())
"""

PYTHON_MULTIPROCESSING = """
import multiprocessing, sys

def inner(n): pass

def outer(n):
    one = multiprocessing.Process(target=inner, args=(n,))
    one.start()
    one.join(60)
    sys.exit(one.exitcode + n)

if __name__ == "__main__":
    multiprocessing.set_start_method(sys.argv[1])
    some = [multiprocessing.Process(target=outer, args=(n,)) for n in range(2)]
    for one in some: one.start()
    for one in some: one.join(60)
    print([one.exitcode for one in some])
"""

FAILED_EXECS = """
import os, subprocess
for path in ("/no/such/program", "/etc", "/etc/hostname"):
    try: os.execv(path, [path])
    except OSError as error: print(type(error).__name__)
for start in (lambda: subprocess.run(["no-such-program"]),
              lambda: os.posix_spawn("/no/such/program", ["x"], {}),
              lambda: subprocess.run(["true"], cwd="/no/such/folder")):
    try: start()
    except OSError as error: print(type(error).__name__)
print(os.system("no-such-program 2>/dev/null") >> 8)
os.execvp("python3", ["python3", "-c", "print('last')"])
"""

DAEMON = """
import os, time
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        os.chdir("/")
        os.umask(0o77)
        os.closerange(0, 256)
        os.open("/dev/null", os.O_RDWR)
        os.system("true")
        open(os.environ["MARK"], "w").close()
        time.sleep(0.2)
        os._exit(0)
    os._exit(0)
os.wait()
while not os.path.exists(os.environ["MARK"]): time.sleep(0.01)
print("daemon is up")
"""

C_WAYS = r"""
#define _GNU_SOURCE
#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>
extern char** environ;
static int wait_of(pid_t pid) {
  int status = 0;
  waitpid(pid, &status, 0);
  return status;
}
int main(void) {
  char* python[] = {"python3", "-c", "import sys; sys.exit(3)", NULL};
  char* no_such[] = {"/no/such/program", NULL};
  pid_t pid = vfork();
  if (pid == 0) {
    execvp(python[0], python);
    _exit(1);
  }
  printf("vfork %d\n", wait_of(pid) >> 8);
  pid = vfork();
  if (pid == 0) {
    execv(no_such[0], no_such);
    execlp("true", "true", (char*)NULL);
    _exit(127);
  }
  printf("vfork, second exec %d\n", wait_of(pid) >> 8);
  pid = fork();
  if (pid == 0) {
    char* none[] = {NULL};
    execvpe(python[0], python, none);
    _exit(1);
  }
  printf("fork %d\n", wait_of(pid) >> 8);
  if (posix_spawnp(&pid, python[0], NULL, NULL, python, environ) == 0) {
    printf("posix_spawnp %d\n", wait_of(pid) >> 8);
  }
  printf("posix_spawn %d\n", posix_spawn(&pid, no_such[0], NULL, NULL, no_such, environ));
  printf("system %d\n", system("python3 -c 'import sys; sys.exit(5)'") >> 8);
  FILE* pipe = popen("echo piped", "r");
  char line[64] = "";
  if (fgets(line, sizeof line, pipe)) printf("popen %s", line);
  printf("pclose %d\n", pclose(pipe));
  fflush(stdout);
  pid = fork();
  if (pid == 0) {
    if (fork() == 0) {
      raise(SIGKILL);
    }
    wait(NULL);
    execlp("sh", "sh", "-c", "exit 6", (char*)NULL);
  }
  printf("exec after fork %d\n", wait_of(pid) >> 8);
  return 0;
}
"""

STATIC = r"""
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>
int main(void) {
  if (fork() == 0) {
    execlp("true", "true", (char*)0);
    _exit(1);
  }
  wait(0);
  puts("static");
  return 0;
}
"""

SHELL = {
    "a pipe": "echo a | cat | wc -c",
    "subshells and background": "(true; ls / > /dev/null) & (cat /dev/null) & wait; x=$(echo $(echo nested)); echo $x",
    "xargs": "seq 6 | xargs -P 3 -n 1 sh -c 'exit 0'; seq 3 | xargs -n 1 python3 -c 'pass'",
    "find": "find . -name '*.txt' -exec cat {} \\; ; find . -name '*.txt' -exec python3 -c pass {} +",
    "wrappers": "timeout 20 nice python3 -c 'print(1)'; env A=1 nohup setsid -w python3 -c 'print(2)'",
    "an empty environment": "env -i \"$(command -v python3)\" -c 'print(1)'; env -i \"$(command -v env)\" -i /bin/true; "
                            "env -u LD_PRELOAD python3 -S -E -c 'print(2)'",
    "exec of one after the other": "exec sh -c 'exec env -i /bin/sh -c \"exec /bin/true\"'",
    "a command that is not there": "no-such-command 2>/dev/null; ./a.txt 2>/dev/null; python3 -c 'print(3)'; exit 4",
    "signals": "sh -c 'kill -9 $$'; python3 -c 'import os; os.abort()'; true",
    "awk and tar": "awk 'BEGIN { system(\"true\"); \"echo got\" | getline x; print x }'; tar -czf x.tgz a.txt; tar -tzf x.tgz",
}
BASH = {
    # (With `> >(...)` at the command itself its process is that command's child: no wait would help.)
    "process substitution": "exec 3> >(cat >out); cat <(echo one) <(python3 -c 'print(2)') >&3; exec 3>&-; "
                            "wait; cat out",
    "coproc and pipes": "coproc cat; echo x >&${COPROC[1]}; read -u ${COPROC[0]} y; echo $y; "
                        "exec {COPROC[1]}>&-; wait; true | python3 -c 'print(1)' |& cat; (exec true); $(exit 3); echo $?",
}


@servers.on_every_base
class Tree(servers.ServerCase):
    venv_name = None

    def setUp(self):
        super().setUp()
        if not shutil.which("strace"):
            self.skipTest("strace is not installed")
        for name in ("a.txt", "b.txt"):
            self.write(name, name + "\n")

    def environment(self, extra=None):
        env = super().environment(extra)
        env["MARK"] = os.path.join(self.work, "mark")
        return env

    def check(self, command, timeout=servers.PATIENCE):
        """Runs `command` plain and, under strace, traced, and compares what each tells. The report."""
        self.remove("mark")
        plain = self.run_argv(command)
        self.eventually(lambda: not self.orphans(), "what outlived the program ends")
        self.remove("mark")
        seen_path = os.path.join(self.folder, "strace")
        traced, name = self.launcher_argv("--", *command)
        outcome = self.run_argv(["strace", "-f", "-q", "-s", "200", "-o", seen_path, "-e",
                                 f"trace={strace.CALLS}", *traced], timeout=timeout)
        self.assertEqual((plain.status, plain.stdout, plain.stderr),
                         (outcome.status, outcome.stdout, outcome.stderr))
        self.eventually(lambda: not self.orphans(), "what outlived the program ends")
        with open(seen_path, encoding="utf-8", errors="replace") as file:
            text = file.read()
        report = ledger.TreeReport(os.path.join(self.reports, name))
        self.judge(strace.parse(text), report, text)
        return report

    def judge(self, seen, report, text):
        program = strace.program_of(seen, support.LAUNCHER)
        tree = strace.below(seen, [program])
        unfollowed = {process["pid"] for process in report.processes if ledger.unfollowed(process)}
        hidden = strace.below(seen, unfollowed) - unfollowed
        hidden |= {one.pid for one in seen.values() if one.borrows and not one.executed}
        told = report.pids()
        self.assertEqual(len(told), len(report.processes), "a pid stands for two processes")
        explain = lambda pids: [f"{pid}: {seen[pid].executed if pid in seen else ''}" for pid in sorted(pids)]
        self.assertEqual(([], []), (explain(tree - hidden - told), explain(told - tree)),
                         f"missing, too many\n{text[-3000:]}")
        for process in report.processes:
            pid = process["pid"]
            if pid != program:
                self.assertEqual(seen[pid].parent, process["parent"], (process, seen[pid]))
            if not process["alive_at_end"]:
                self.assertEqual(seen[pid].status, ledger.status(process), (process, seen[pid]))

    def test_shell(self):
        for name, script in SHELL.items():
            with self.subTest(name):
                self.check(["sh", "-c", script])

    def test_bash(self):
        for name, script in BASH.items():
            with self.subTest(name):
                self.check(["bash", "-c", script])

    def test_make(self):
        self.write("Makefile", MAKEFILE)
        self.write("Makefile.sub", MAKEFILE_SUB)
        report = self.check(["make", "-s", "-j", "4"])
        self.assertEqual(3, len(report.traced()))

    def test_compiler(self):
        self.write("x.c", "int main(void) { return 0; }\n")
        self.check(["gcc", "-O1", "-o", "x", "x.c"])

    def test_perl(self):
        self.write("x.pl", PERL)
        report = self.check(["perl", "x.pl"])
        self.assertEqual(2, len(report.traced()))

    def test_node(self):
        node = shutil.which("node", path="/usr/local/bin:/usr/bin:/bin")
        if node is None:
            self.skipTest("node is not installed")
        self.write("x.js", NODE)
        report = self.check([node, "x.js"])
        self.assertEqual(2, len(report.traced()))

    def test_python(self):
        self.write("ways.py", PYTHON_WAYS)
        report = self.check(["python3", "ways.py"])
        self.assertEqual(12, len(report.traced()))

    def test_multiprocessing(self):
        self.write("many.py", PYTHON_MULTIPROCESSING)
        for method in ("fork", "spawn", "forkserver"):
            with self.subTest(method):
                report = self.check(["python3", "many.py", method])
                self.assertEqual(2, len(report.called("outer")))
                self.assertEqual(2, len(report.called("inner")))

    def test_failed_execs(self):
        """L-VFORK: strace sees three more, which never were programs."""
        self.write("failed.py", FAILED_EXECS)
        report = self.check(["python3", "failed.py"])
        self.assertEqual(2, len(report.processes), report.processes)  # the program and system's shell

    def test_daemons(self):
        self.write("daemon.py", DAEMON)
        for command in (["python3", "daemon.py"],
                        ["sh", "-c", "nohup setsid sh -c 'python3 -c pass; sleep 0.2 & : > \"$MARK\"; wait' "
                                     ">/dev/null 2>&1 & while [ ! -e \"$MARK\" ]; do :; done; echo up"]):
            with self.subTest(command[0]):
                self.check(command)

    def compiled(self, name, text, *options):
        source = self.write(name + ".c", text)
        path = os.path.join(self.work, name)
        done = subprocess.run(["gcc", "-w", "-o", path, source, *options], capture_output=True, check=False,
                              timeout=servers.PATIENCE, text=True)
        self.assertEqual(0, done.returncode, done.stderr)
        return path

    def test_c(self):
        report = self.check([self.compiled("ways", C_WAYS)])
        self.assertEqual(4, len(report.traced()))

    def test_static(self):
        """A static program is told as such, and what it starts is not known."""
        path = self.compiled("static", STATIC, "-static")
        report = self.check(["sh", "-c", f"{path}; python3 -c 'print(1)'; true"])
        self.assertEqual(1, sum(ledger.unfollowed(process) for process in report.processes))
        self.assertEqual(1, len(report.traced()))


if __name__ == "__main__":
    unittest.main()
