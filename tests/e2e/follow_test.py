# SPDX-License-Identifier: Apache-2.0
"""Which children are followed: whatever starts them and whatever becomes of the environment between,
save where our library could not load, would do harm, or is not wanted. Then it stays out without a word."""

import functools
import os
import re
import shutil
import struct
import subprocess
import tempfile
import time
import unittest

import support

STARTS = os.environ.get("VTN_STARTS")
SOURCE = os.path.join(support.PROGRAMS, "starts.c")

SHELL = '"$0" "$@"; exit $?'

# Runs below each way: says who it is by a function of that name.
CHILD = """
import os, sys
way = sys.argv[1]
exec(f"def followed_{way}(): print('followed', way, os.environ.get('LD_PRELOAD'), flush=True)\\nfollowed_{way}()")
"""

FROM_PYTHON = """
import os, subprocess, sys
python = os.path.join(os.getcwd(), "../bin/python3")
def child(way): return [python, "child.py", way]
def run(way, **options): subprocess.run(child(way), check=True, **options)
def wait(pid): assert os.waitpid(pid, 0)[1] == 0
def forked(what):
    pid = os.fork()
    if pid == 0:
        try: what()
        finally: os._exit(99)
    wait(pid)
path = {"PATH": os.environ["PATH"]}
run("subprocess")
run("no_environment", env={})
run("path_only", env=path)
run("keeps_fds", close_fds=False)
run("preexec", preexec_fn=lambda: None)
run("new_session", start_new_session=True)
subprocess.run(f"{python} child.py shell", shell=True, check=True)
os.system(f"{python} child.py system")
print(os.popen(f"{python} child.py popen").read(), end="", flush=True)
wait(os.posix_spawn(python, child("posix_spawn"), os.environ))
wait(os.posix_spawn(python, child("posix_spawn_empty"), {}))
wait(os.spawnv(os.P_NOWAIT, python, child("spawnv")))
forked(lambda: os.execv(python, child("execv")))
forked(lambda: os.execve(python, child("execve_empty"), {}))
forked(lambda: os.execvp("python3", ["python3", "child.py", "execvp"]))
forked(lambda: os.execve(os.open(python, os.O_RDONLY), child("fexecve"), path))
os.environ.pop("LD_PRELOAD", None)
run("unset")
os.environ["LD_PRELOAD"] = ""
run("set_empty")
del os.environ["LD_PRELOAD"]
os.environ.clear()
run("cleared")
os.system(f"env -i sh -c '{python} child.py nested; true'")
os.system(f"{python} child.py cleared_system")
print(os.popen(f"{python} child.py cleared_popen").read(), end="", flush=True)
"""

FROM_SHELL = r"""
P=$(cd ../bin && pwd)/python3
has() { command -v "$1" >/dev/null; }
$P from_python.py
env -i $P child.py env_i
env -u LD_PRELOAD $P child.py env_u
sh -c "unset LD_PRELOAD; $P child.py sh_unset; true"
sh -c "exec $P child.py sh_exec"
nice $P child.py nice
timeout 60 $P child.py timeout
echo xargs | xargs -n1 $P child.py
find . -maxdepth 1 -name child.py -exec $P {} find \;
nohup $P child.py nohup 2>/dev/null
(trap '' INT; $P child.py subshell)
echo 'pipe' | (read word; $P child.py $word) | cat
if has bash; then bash -c "exec -c $P child.py bash_exec_c"; fi
if has setsid; then setsid -w $P child.py setsid; fi
if has make; then
  printf 'all:\n\t@%s child.py make\n' $P > Makefile; make; sed -i s/make/make_env_i/ Makefile; env -i $(command -v make)
fi
if has perl; then
  perl -e "delete \$ENV{LD_PRELOAD}; system('$P', 'child.py', 'perl_system')"
  perl -e "%ENV = (); print \`$P child.py perl_backtick\`"
fi
if has node; then
  node -e "const {spawnSync} = require('child_process'); spawnSync('$P', ['child.py', 'node'], {env: {}, stdio: 'inherit'})"
fi
for how in fork vfork none; do
  for way in execv execve execvp execvpe fexecve execveat; do
    $STARTS $way $how empty $P child.py c_${way}_$how
  done
  for way in execl execlp execle; do
    echo "import sys; sys.argv[1:] = ['c_${way}_$how']; exec(open('child.py').read())" > one.py
    $STARTS $way $how empty $P one.py
  done
done
$STARTS posix_spawn none empty $P child.py c_posix_spawn
$STARTS posix_spawnp none null $P child.py c_posix_spawnp
$STARTS execve vfork 5000 $P child.py c_many_variables
$STARTS execve vfork 20000 $P child.py c_very_many_variables
"""


def processes_of(report):
    return report.data["viztracer_native"]["processes"]


@functools.lru_cache(maxsize=None)
def compiled(*command):
    """starts.c by another compiler, in a folder of its own; None where that does not work."""
    if shutil.which(command[0]) is None:
        return None
    path = os.path.join(tempfile.mkdtemp(), "starts")
    done = subprocess.run([*command, "-w", "-o", path, SOURCE], stderr=subprocess.DEVNULL, check=False)
    os.chmod(os.path.dirname(path), 0o755)
    return path if done.returncode == 0 else None


class Followed(support.TestCase):
    def functions(self, outcome):
        return sorted(call.function.removeprefix("followed_") for call in outcome.report.calls()
                      if call.function.startswith("followed_"))

    def both(self, script, env=None, options=("--quiet",)):
        """Plain and traced must print the same; each way that printed must be in the report, once."""
        plain = self.run_argv(["/bin/sh", "-c", script], env=env, timeout=240)
        traced = self.traced("--", "/bin/sh", "-c", script, env=env, options=options, timeout=240)
        self.assertEqual(plain.parity_key(), traced.parity_key())
        ways = sorted(re.findall(r"followed (\w+) (?:None)?$", plain.stdout.decode(), re.M))
        self.assertEqual(len(set(ways)), len(ways))
        self.assertEqual(ways, self.functions(traced))
        return ways

    def setUp(self):
        super().setUp()
        self.write("child.py", CHILD)
        self.write("from_python.py", FROM_PYTHON)

    def test_ways_to_start(self):
        ways = self.both(FROM_SHELL, env={"STARTS": STARTS})
        self.assertGreaterEqual(len(ways), 62)

    def test_through_programs_of_other_kinds(self):
        """L-STATIC-ENVIRON"""
        if self.interpreter.root is not None:
            self.skipTest("the other programs are of this machine's own root")
        script = "P=$(cd ../bin && pwd)/python3\n"
        static = compiled("gcc", "-static")
        kinds = {"static": static, "static_musl": compiled("musl-gcc", "-static"),
                 "musl": compiled("musl-gcc")}
        for name, path in kinds.items():
            if path:
                script += f"{path} execv fork environ $P child.py {name} >&2\n"
        if kinds["musl"]:
            script += f"{kinds['musl']} execve vfork empty $P child.py musl_empty\n"
        traced = self.traced("--", "/bin/sh", "-c", script)
        self.assertEqual(sorted([name for name, path in kinds.items() if path] + ["musl_empty"] *
                                bool(kinds["musl"])), self.functions(traced))
        # A static program sees our entry: nothing of us is in it that could take it away.
        if static:
            plain = self.run_argv(["/bin/sh", "-c", f"{static} show; true"])
            traced = self.traced("--", "/bin/sh", "-c", f"{static} show; true")
            self.assertNotIn(b"libvtn.so", plain.stdout)
            self.assertIn(b"libvtn.so", traced.stdout)

    def test_static_program_as_the_command(self):
        for compiler in ("gcc", "musl-gcc"):
            static = compiled(compiler, "-static")
            if not static or self.interpreter.root is not None:
                continue
            with self.subTest(compiler):
                argv = [static, "execv", "fork", "environ", os.path.join(self.bin, "python3"), "child.py", "static"]
                plain = self.run_argv(argv)
                for options in (("--quiet",), ("--quiet", "--keep_pid")):
                    traced = self.traced("--", *argv, options=options)
                    self.assertEqual((plain.status, plain.stdout), (traced.status, traced.stdout))
                    end = time.monotonic() + support.TIMEOUT
                    while not os.path.exists(traced.report_path):  # in the background with --keep_pid
                        self.assertLess(time.monotonic(), end)
                        time.sleep(0.01)
                    self.assertEqual(["static"], self.functions(traced))
                    program, child = processes_of(traced.report)
                    self.assertEqual((None, "untraced: it is a static executable", {"status": plain.status}),
                                     (program["parent"], program["ledger"], program["exit"]))
                    self.assertEqual(argv, program["argv"])
                    self.assertEqual(program["pid"], child["parent"])

    def test_users_own_preloads(self):
        """Ours stands behind them, whoever set them, and nobody sees it."""
        for name in "ab":
            self.write(f"{name}.c", f"char which(void) {{ return '{name}'; }}")
            made = subprocess.run(["cc", "-shared", "-fPIC", "-o", f"{name}.so", f"{name}.c"],
                                  cwd=self.work, check=True)
            self.assertEqual(0, made.returncode)
        self.write("order.py", """
            import ctypes, os, subprocess, sys
            def look():
                which = ctypes.CDLL(None).which
                which.restype = ctypes.c_char
                print(sys.argv[1:], os.environ.get("LD_PRELOAD"), which(), flush=True)
            look()
            if sys.argv[1:] == []:
                again = [sys.executable, "order.py"]
                subprocess.run([*again, "inherited"])
                here = os.getcwd()
                subprocess.run([*again, "replaced"], env={"LD_PRELOAD": f"{here}/b.so"})
                subprocess.run([*again, "spaces"], env={"LD_PRELOAD": f"{here}/b.so {here}/a.so"})
                os.environ["LD_PRELOAD"] = f"{here}/b.so:{here}/a.so"
                os.system(f"{sys.executable} order.py changed; env | grep LD_PRELOAD")
                libc = ctypes.CDLL(None)
                libc.setenv(b"LD_PRELOAD", b"", 1)
                print(os.popen("env | grep LD_PRELOAD; echo end").read())
            """)
        preload = f"{self.work}/a.so:{self.work}/b.so"
        plain = self.plain("order.py", env={"LD_PRELOAD": preload})
        traced = self.traced("order.py", env={"LD_PRELOAD": preload})
        self.assertEqual(plain.parity_key(), traced.parity_key())
        self.assertEqual(5, len(traced.report.named("look")))
        self.assertIn(f"LD_PRELOAD={self.work}/b.so:{self.work}/a.so\n".encode(), traced.stdout)

    def test_libasan_of_the_users(self):
        """It must be the first library, and is."""
        found = subprocess.run(["cc", "-print-file-name=libasan.so"], stdout=subprocess.PIPE, text=True,
                               check=False).stdout.strip()
        if not os.path.isabs(found) or self.interpreter.root is not None:
            self.skipTest("no libasan")
        self.write("program.py", """
            import subprocess, sys
            def program(): print("here", flush=True)
            program()
            if len(sys.argv) < 2:
                subprocess.run([sys.executable, "program.py", "child"], check=True)
            """)
        env = {"LD_PRELOAD": os.path.realpath(found), "ASAN_OPTIONS": "detect_leaks=0"}
        plain = self.plain("program.py", env=env)
        traced = self.traced("--", "env", *(f"{name}={value}" for name, value in env.items()),
                             "python3", "program.py")
        self.assertEqual(0, plain.status, plain.stderr)
        self.assertEqual(plain.parity_key(), traced.parity_key())
        self.assertEqual(2, len(traced.report.named("program")))

    def test_words_expanded_by_libc(self):
        """L-WORDEXP"""
        self.write("program.py", """
            import ctypes
            class Words(ctypes.Structure):
                _fields_ = [("count", ctypes.c_size_t), ("words", ctypes.POINTER(ctypes.c_char_p)),
                            ("offset", ctypes.c_size_t)]
            words = Words()
            print(ctypes.CDLL(None).wordexp(b"$(../bin/python3 child.py wordexp)", ctypes.byref(words), 0))
            print(words.words[:words.count])
            """)
        traced = self.parity("program.py")
        self.assertIn(b"wordexp", traced.stdout)
        self.assertEqual([], self.functions(traced))


class LeftOut(support.TestCase):
    """Not per interpreter: these are decisions of the library that stands before exec."""

    per_interpreter = False

    @classmethod
    def setUpClass(cls):
        import interpreters
        found = [one for one in interpreters.selected()[0] if one.root is None]
        if not found:
            raise unittest.SkipTest("no interpreter of this machine's own")
        cls.interpreter = found[0]

    def setUp(self):
        super().setUp()
        self.write("child.py", CHILD)
        self.clean_env = {"LD_PRELOAD": None}

    def both(self, *argv, options=("--quiet",), env=None, **kwargs):
        plain = self.run_argv(list(argv), env=env, **kwargs)
        traced = self.traced("--", *argv, options=options, env=env, **kwargs)
        self.assertEqual(plain.parity_key(), traced.parity_key())
        return traced.report

    def reason(self, report, part):
        """The ledger's word on the one process whose command line holds `part` as a word."""
        found = [process for process in processes_of(report)
                 if part in process["argv"] and SHELL not in process["argv"]]
        self.assertEqual(1, len(found), [process["argv"] for process in processes_of(report)])
        return found[0]["ledger"]

    def started(self, program, *argv, **kwargs):
        """Has a child of a shell run it; what the ledger says of it."""
        return self.both("/bin/sh", "-c", SHELL, program, *argv, **kwargs)

    def test_static(self):
        static = compiled("gcc", "-static")
        if not static:
            self.skipTest("no static C library")
        self.assertIn("static", self.reason(self.started(static, "exit", "4"), "exit"))

    def test_rights_of_its_own(self):
        if os.geteuid() != 0:
            self.skipTest("wants root")
        path = shutil.copy(STARTS, os.path.join(self.work, "setuid"))
        os.chown(path, 65534, 65534)
        os.chmod(path, 0o4755)
        self.assertIn("setuid", self.reason(self.started(path, "show"), "show"))
        self.assertIn("setuid", self.reason(self.both(path, "show"), "show"))

    def test_other_architecture(self):
        code = bytes([0xb8, 1, 0, 0, 0, 0xbb, 5, 0, 0, 0, 0xcd, 0x80])  # i386: exit(5)
        base, head = 0x08048000, 52 + 32
        elf = struct.pack("<4s5B7xHHIIIIIHHHHHH", b"\x7fELF", 1, 1, 1, 0, 0, 2, 3, 1, base + head, 52, 0, 0,
                          52, 32, 1, 0, 0, 0)
        elf += struct.pack("<8I", 1, 0, base, base, head + len(code), head + len(code), 5, 4096) + code
        path = self.write("i386", "", 0o755)
        with open(path, "wb") as file:
            file.write(elf)
        try:
            status = subprocess.run([path], check=False).returncode
        except OSError:
            status = None
        if status != 5:
            self.skipTest("this kernel runs no 32-bit programs")
        report = self.started(path, "argument")
        self.assertIn("another architecture", self.reason(report, "argument"))

    def test_other_loader(self):
        """A loader of another name than those we load under: the child must not even see us."""
        with open(STARTS, "rb") as file:
            program = file.read()
        name = b"/lib64/ld-linux-x86-64.so.2"
        other = b"./ld-other.so".ljust(len(name), b"\0")
        self.assertEqual(1, program.count(name))
        path = self.write("other", "", 0o755)
        with open(path, "wb") as file:
            file.write(program.replace(name, other))
        shutil.copy(os.path.realpath(name.decode()), os.path.join(self.work, "ld-other.so"))
        self.assertIn("another architecture or C library", self.reason(self.started(path, "show"), "show"))

    def test_address_sanitizer(self):
        program = compiled("gcc", "-fsanitize=address")
        if not program:
            self.skipTest("no AddressSanitizer")
        env = {"ASAN_OPTIONS": "detect_leaks=0"}
        report = self.started(program, "exit", "4", env=env)
        self.assertIn("AddressSanitizer", self.reason(report, "exit"))
        self.both("/bin/sh", "-c", f"{program} waits; {program} posix_spawn none own /bin/echo hello",
                  env=env)

    def test_loader(self):
        report = self.both("/bin/sh", "-c", "ldd /bin/true | sed 's/(.*//'")
        self.assertEqual([], [process["argv"] for process in processes_of(report)
                              if "libvtn" in str(process["argv"])])
        report = self.started("/lib64/ld-linux-x86-64.so.2", "/bin/echo", "by its loader")
        self.assertIn("dynamic loader", self.reason(report, "by its loader"))

    def test_unreachable(self):
        musl = compiled("musl-gcc")
        if os.geteuid() != 0 or not musl:
            self.skipTest("wants root and musl")
        root = os.path.join(self.work, "root")
        os.makedirs(os.path.join(root, "lib"))
        shutil.copy("/lib/ld-musl-x86_64.so.1", os.path.join(root, "lib"))
        shutil.copy(musl, os.path.join(root, "starts"))
        report = self.started("/usr/sbin/chroot", root, "/starts", "show")
        self.assertIn("cannot be reached", self.reason(report, "show"))

    def test_another_user(self):
        if os.geteuid() != 0:
            self.skipTest("wants root")
        self.write("program.py", """
            import subprocess
            subprocess.run(["/bin/sh", "-c", "id -u; env; true"], user=65534, extra_groups=[], env={"A": "1"})
            """)
        report = self.both(os.path.join(self.bin, "python3"), "program.py")
        self.assertIn("cannot be reached", self.reason(report, "id -u; env; true"))

    def python(self, *argv):
        return [os.path.join(self.bin, "python3"), *argv]

    def test_switched_off(self):
        self.write("program.py", f"""
            import os, subprocess, sys
            def run(way, **env):
                subprocess.run([{self.python()[0]!r}, "program.py", way], env=dict(os.environ, **env), check=True)
            if len(sys.argv) == 1:
                run("off", VIZTRACER_NATIVE="0")
                run("on", VIZTRACER_NATIVE="1")
            else:
                exec(open("child.py").read())
                if not sys.argv[1].startswith("below"):
                    run("below_" + sys.argv[1])
            """)
        report = self.both(*self.python("program.py"))
        self.assertIn("VIZTRACER_NATIVE=0", self.reason(report, "off"))
        self.assertEqual(["followed_below_on", "followed_on"], self.followed(report))

    def followed(self, report):
        return sorted(call.function for call in report.calls() if call.function.startswith("followed_"))

    def test_excluded(self):
        self.write("worker.py", "exec(open('child.py').read())")
        self.write("script", f"#!{self.python()[0]}\nexec(open('child.py').read())\n", 0o755)
        python = self.python()[0]
        script = f"""
            {python} worker.py one; {python} -X utf8 worker.py two; {python} child.py three
            ./script four; env -i {python} -m worker five; {python} child.py six slow
            sh -c 'true; {python} child.py seven'"""
        every = ["one", "two", "three", "four", "five", "six", "seven"]
        for pattern, left_out in (
                ("worker.py", {"one", "two"}),
                ("[!a-v]orker", {"five"}),
                ("worker*", {"one", "two", "five"}),
                ("script", {"four"}),
                ("* slow", {"six"}),
                ("sh", {"seven"}),
                ("s?", {"seven"}),
                ("python3", set(every)),
                ("nothing like it", set())):
            with self.subTest(pattern):
                report = self.both("/bin/bash", "-c", script,
                                   options=("--quiet", "--exclude_process", pattern))
                wanted = sorted("followed_" + way for way in every if way not in left_out)
                self.assertEqual(wanted, self.followed(report))
                said = {process["argv"][-1] for process in processes_of(report)
                        if "excluded" in process["ledger"]}
                self.assertEqual(left_out - {"seven", "six"}, (said - {"slow"}) & set(every) - {"seven"})

    def test_only_the_program(self):
        self.write("program.py", f"""
            import os, subprocess, sys
            def forked(): pass
            def vforked(): pass
            subprocess.run([{self.python()[0]!r}, "child.py", "subprocess"], check=True)
            os.system({self.python()[0]!r} + " child.py system")
            if os.fork() == 0:
                forked()
                os.execv({self.python()[0]!r}, ["python3", "child.py", "forked"])
            os.wait()
            if len(sys.argv) == 1:
                os.execv({self.python()[0]!r}, ["python3", "program.py", "again"])
            exec(open("child.py").read())
            """)
        report = self.both(*self.python("program.py"), options=("--quiet", "--ignore_multiprocess"))
        self.assertEqual(["followed_again"], self.followed(report))
        self.assertEqual([], report.named("forked"))
        self.assertEqual(0, report.data["viztracer_native"]["lost_events"])
        others = [process for process in processes_of(report) if not process["traced"]]
        self.assertGreaterEqual(len(others), 3)
        for process in others:
            self.assertIn("only the program itself", process["ledger"])


if __name__ == "__main__":
    unittest.main()
