# SPDX-License-Identifier: Apache-2.0
"""Bad input: one line on stderr that names the thing and what to try; exit 2 for usage, else 1, before
the program is started where that is possible. And what the options do."""

import gzip
import json
import os
import shutil
import subprocess
import unittest

import support

PREFIX = "viztracer-native: "


class InputCase(support.TestCase):
    def setUp(self):
        super().setUp()
        self.witness = os.path.join(self.work, "ran")
        self.write("program.py", f"def f(): open({self.witness!r}, 'w').close()\nf()\nprint('ran')")

    def launch(self, *args, **kwargs):
        return self.run_argv([support.LAUNCHER, *args], **kwargs)

    def refused(self, *args, status, names, **kwargs):
        """Refused in one line that holds all of `names`; the program did not run."""
        outcome = self.launch(*args, **kwargs)
        said = outcome.stderr.decode()
        self.assertEqual((status, b""), (outcome.status, outcome.stdout), said)
        self.assertEqual(1, said.count("\n"), said)
        self.assertTrue(said.startswith(PREFIX), said)
        self.assertGreater(len(said), len(PREFIX) + 10)
        for name in names:
            self.assertIn(name, said)
        self.assertFalse(os.path.exists(self.witness), "the program ran")
        return said


class Usage(InputCase):
    def test_no_target_prints_help(self):
        outcome = self.launch()
        self.assertEqual(0, outcome.status)
        self.assertIn(b"--output_file", outcome.stdout + outcome.stderr)

    def test_options_that_took_the_program(self):
        self.refused("--include_files", "program.py", status=2, names=["no program to run", "program.py is the value of --include_files"])
        self.refused("--log_var", "program.py", status=2, names=["no program to run", "program.py is the value of --log_var"])
        self.refused("--quiet", "--mine", "--", status=2, names=["no program to run"])

    def test_filters(self):
        """Patterns, durations and depths that mean nothing, and what cannot go together."""
        for arguments, names in (
                (["--hide", ""], ["--hide", "empty"]),
                (["--only="], ["--only", "empty"]),
                (["--include_files", "no/such.py"], ["--include_files=no/such.py", "no such file"]),
                (["--exclude_files=nothing"], ["--exclude_files=nothing", "no such file"]),
                (["--include_files=.", "--exclude_files=."], ["--include_files", "--exclude_files"]),
                (["--min_duration", "5xyz"], ["--min_duration=5xyz", "0.3ms"]),
                (["--min_duration=-3"], ["--min_duration=-3"]),
                (["--min_duration"], ["--min_duration", "TIME"]),
                (["--max_stack_depth", "0"], ["--max_stack_depth=0", "from 1"]),
                (["--max_stack_depth", "many"], ["--max_stack_depth=many"]),
                (["--tracer_entries", "0"], ["--tracer_entries=0", "from 1"]),
                (["--tracer_entries", "1e6"], ["--tracer_entries=1e6", "from 1"]),
                (["--tracer_entries=-1"], ["--tracer_entries=-1"]),
                (["--max_size", "1kB"], ["--max_size=1kB", "at least 100kB"]),
                (["--max_size", "much"], ["--max_size=much", "500MB"])):
            with self.subTest(arguments=arguments):
                target = [] if arguments == ["--min_duration"] else ["program.py"]
                self.refused(*arguments, *target, status=2, names=names)

    def test_values_and_logs(self):
        """Of what is told: words, numbers and expressions that mean nothing."""
        expressions = (("(", "has a ( without its )"), ("[z-a]", "has a range that goes backwards"),
                       ("a{2,1}", "has a repetition whose most is below its least"), ("(?=x)", "uses look-ahead"))
        for option in ("--log_var", "--log_number", "--log_attr", "--log_func_entry", "--log_func_exec", "--log_audit"):
            for expression, reason in expressions:
                self.refused(f"{option}={expression}", "program.py", status=2, names=[f"{option}={expression}", reason])
        for arguments, names in (
                (["--repr", "short"], ["--repr=short", "safe, all or off"]),
                (["--max_repr", "15"], ["--max_repr=15", "from 16 to 2000"]),
                (["--max_repr", "2001"], ["--max_repr=2001", "from 16 to 2000"]),
                (["--max_repr="], ["--max_repr=", "from 16 to 2000"]),
                (["--redact", ""], ["--redact", "empty"]),
                (["--exclude_subtree", ""], ["--exclude_subtree", "empty"]),
                (["--log_func_args="], ["--log_func_args", "empty"]),
                (["--log_func_retval="], ["--log_func_retval", "empty"]),
                (["--log_var", ""], ["--log_var", "empty"]),
                (["--log_audit="], ["--log_audit", "empty"]),
                (["--budget", "0"], ["--budget=0", "from 1"]),
                (["--budget", "often"], ["--budget=often", "from 1"]),
                (["--max_stack_depth", "-1"], ["--max_stack_depth=-1", "from 1"]),
                (["--min_duration", "1e300"], ["--min_duration=1e300", "0.3ms"]),
                (["--include_files", "program.py", "none.py", "--"], ["--include_files=none.py", "no such file"])):
            with self.subTest(arguments=arguments):
                self.refused(*arguments, "program.py", status=2, names=names)

    def test_options_without_what_they_need(self):
        for option in ("only", "hide", "exclude_subtree", "max_stack_depth", "min_duration", "tracer_entries", "max_size",
                       "budget", "include_files", "exclude_files", "repr", "max_repr", "redact", "log_var", "log_number",
                       "log_attr", "log_func_exec", "log_func_entry"):
            self.refused(f"--{option}", status=2, names=[f"--{option}", "needs a value: "])
        for option in ("mine", "no_stdlib", "no_import", "ignore_frozen", "ignore_c_function", "log_sparse", "log_exit",
                       "trace_self", "log_func_with_objprint", "log_exception", "no_redact", "no_alias", "no_library_spans", "no_rows", "magic_comment", "log_gc",
                       "log_print"):
            self.refused(f"--{option}=yes", "program.py", status=2,
                         names=[f"--{option}", "takes no value"])

    def test_help_and_version(self):
        shown = self.launch("--help")
        self.assertEqual((0, b""), (shown.status, shown.stderr))
        for option in (b"--output_file", b"--python", b"--host", b"--recover", b"--convert"):
            self.assertIn(option, shown.stdout)
        version = self.launch("--version")
        self.assertEqual((0, b""), (version.status, version.stderr))
        self.assertRegex(version.stdout, rb"^viztracer-native \d+\.\d+\.\d+\n$")

    def test_unknown_option(self):
        self.refused("--outptu_file", "x.json", "program.py", status=2,
                     names=["--outptu_file", "--output_file"])
        self.refused("--no-such-thing-at-all", "program.py", status=2, names=["--no-such-thing-at-all"])
        self.refused("-Z", "program.py", status=2, names=["Z"])

    def test_missing_value(self):
        self.refused("-o", status=2, names=["o"])
        self.refused("--python", status=2, names=["python"])

    def test_unknown_host(self):
        self.refused("--host", "magic", "program.py", status=2, names=["magic", "embed", "exec"])

    def test_verbose_must_be_a_number(self):
        self.refused("--verbose", "loud", "program.py", status=2, names=["loud"])

    def test_unknown_output_extension(self):
        for name in ("report.bmp", "report", "report.json.bz2"):
            with self.subTest(name):
                self.refused("-o", name, "program.py", status=2, names=[name, ".json"])

    def test_options_end_at_the_target(self):
        self.write("args.py", "import sys; print(sys.argv)")
        outcome = self.traced("args.py", "--help", "-o", "x.txt", "--version")
        self.assertEqual(b"['args.py', '--help', '-o', 'x.txt', '--version']\n", outcome.stdout)

    def test_dashes_and_underscores(self):
        for option in ("--output-file", "--output_file"):
            with self.subTest(option):
                out = os.path.join(self.reports, "x.json")
                outcome = self.launch(f"{option}={out}", "--quiet", "program.py")
                self.assertEqual((0, b"ran\n", b""), outcome.parity_key())
                self.assertTrue(support.Report(out).named("f"))
                os.remove(out)


class Targets(InputCase):
    def test_script_not_found(self):
        outcome = self.launch("no_such_script.py")
        self.assertIn(outcome.status, (1, 2, 127))
        self.assertIn(b"no_such_script.py", outcome.stderr)
        self.assertEqual(1, outcome.stderr.count(b"\n"), outcome.stderr)
        self.assertFalse(os.path.exists(os.path.join(self.work, "result.json")))

    def test_command_not_found(self):
        outcome = self.launch("--", "no-such-command-anywhere", "x")
        self.assertEqual(127, outcome.status)
        self.assertIn(b"no-such-command-anywhere", outcome.stderr)
        self.assertEqual(1, outcome.stderr.count(b"\n"), outcome.stderr)

    def test_command_not_executable(self):
        self.write("data.bin", "\0\1\2")
        os.mkdir(os.path.join(self.work, "folder-without-main"))
        outcome = self.launch("--", "./folder-without-main")
        self.assertNotEqual(0, outcome.status)
        self.assertIn(b"folder-without-main", outcome.stderr)

    def test_python_not_found(self):
        self.refused("--python", "/no/such/python3", "program.py", status=1, names=["/no/such/python3"])

    def test_python_that_is_none(self):
        self.refused("--python", "/bin/true", "program.py", status=1, names=["/bin/true"])
        text = self.write("not-elf", "hello", mode=0o755)
        self.refused("--python", text, "program.py", status=1, names=["not-elf"])
        self.refused("--python", self.work, "program.py", status=1, names=[self.work])

    def test_no_python_on_path(self):
        said = self.refused("program.py", status=1, names=["python3", "--python"], env={"PATH": self.reports})
        self.assertIn("PATH", said)

    def test_old_python_runs_untraced(self):
        old = os.path.expanduser("~/.pyenv/versions/3.8.18/bin/python3")
        if self.interpreter.root or not os.path.exists(old):
            self.skipTest("no CPython 3.8 here")
        for target in (["--python", old, "program.py"], ["--", old, "program.py"]):
            with self.subTest(target):
                outcome = self.traced(*target, options=())
                self.assertEqual((0, b"ran\n"), (outcome.status, outcome.stdout), outcome.stderr)
                last = outcome.stderr.decode().splitlines()[-1]
                self.assertIn("3.8", last)
                self.assertIn("3.10", last)
                self.assertFalse(os.path.exists(outcome.report_path))  # an empty one would look like an answer

    def test_old_python_2_runs_untraced(self):
        old = os.path.expanduser("~/.pyenv/versions/2.7.18/bin/python2.7")
        if self.interpreter.root or not os.path.exists(old):
            self.skipTest("no CPython 2.7 here")
        outcome = self.traced("--", old, "program.py", options=())
        self.assertEqual((0, b"ran\n"), (outcome.status, outcome.stdout), outcome.stderr)


class Outputs(InputCase):
    def test_folder_missing(self):
        self.refused("-o", "no/such/folder/x.json", "program.py", status=1, names=["no/such/folder"])

    def test_folder_is_a_file(self):
        self.refused("-o", "program.py/x.json", "program.py", status=1, names=["program.py"])

    def test_output_is_a_folder(self):
        os.mkdir(os.path.join(self.work, "x.json"))
        self.refused("-o", "x.json", "program.py", status=1, names=["x.json"])

    def test_folder_not_writable(self):
        if os.geteuid() == 0:
            folder = "/proc/self"  # not writable for root either
        else:
            folder = os.path.join(self.folder, "closed")
            os.mkdir(folder, 0o555)
        self.refused("-o", f"{folder}/x.json", "program.py", status=1, names=[folder])

    def test_default_name(self):
        outcome = self.launch("program.py")
        self.assertEqual((0, b"ran\n"), (outcome.status, outcome.stdout))
        self.assertTrue(support.Report(os.path.join(self.work, "result.json")).named("f"))

    def test_output_dir_and_unique_name(self):
        for _ in range(2):
            outcome = self.launch("-u", "--output_dir", self.reports, "--quiet", "program.py")
            self.assertEqual((0, b"ran\n", b""), outcome.parity_key())
        names = os.listdir(self.reports)
        self.assertEqual(2, len(names), names)
        for name in names:
            self.assertTrue(support.Report(os.path.join(self.reports, name)).named("f"))

    def test_relative_output_of_a_program_that_changes_its_folder(self):
        self.write("moves.py", "import os; os.chdir('/')")
        self.assertEqual(0, self.launch("--quiet", "-o", "here.json", "moves.py").status)
        self.assertTrue(os.path.exists(os.path.join(self.work, "here.json")))

    def test_existing_file_is_replaced_atomically(self):
        """Who has the old one open goes on reading it; its rights and links are not touched."""
        out = os.path.join(self.work, "x.json")
        with open(out, "w", encoding="utf-8") as file:
            file.write("old")
        with open(out, encoding="utf-8") as old:
            self.assertEqual(0, self.launch("--quiet", "-o", out, "program.py").status)
            self.assertEqual("old", old.read())
        self.assertTrue(support.Report(out).named("f"))

    def test_reports_are_closed_to_others(self):
        outcome = self.traced("program.py", preexec_fn=lambda: os.umask(0o077))
        self.assertEqual(0, os.stat(outcome.report_path).st_mode & 0o077)

    def test_several_formats_at_once(self):
        names = ["a.json", "b.json.gz", "c.pftrace", "d.pftrace.gz", "e.perfetto-trace", "f.perfetto-trace.gz",
                 "g.vtn"]
        args = [part for name in names for part in ("-o", os.path.join(self.reports, name))]
        outcome = self.launch("--quiet", *args, "program.py")
        self.assertEqual((0, b"ran\n", b""), outcome.parity_key())
        self.assertEqual(sorted(names), sorted(os.listdir(self.reports)))
        content = {}
        for name in names:
            with open(os.path.join(self.reports, name), "rb") as file:
                content[name] = file.read()
        self.assertEqual(json.loads(content["a.json"]), json.loads(gzip.decompress(content["b.json.gz"])))
        self.assertEqual(content["c.pftrace"], gzip.decompress(content["d.pftrace.gz"]))
        self.assertEqual(content["c.pftrace"], content["e.perfetto-trace"])
        self.assertIn(b"program.py", content["c.pftrace"])

        again = os.path.join(self.reports, "again.json")
        done = self.launch("--quiet", "--convert", os.path.join(self.reports, "g.vtn"), "-o", again)
        self.assertEqual((0, b"", b""), done.parity_key())
        first, second = support.Report(os.path.join(self.reports, "a.json")), support.Report(again)
        self.assertEqual(first.threads.keys(), second.threads.keys())
        self.assertEqual([(call.name, call.start, call.end) for call in first.calls()],
                         [(call.name, call.start, call.end) for call in second.calls()])

    def test_formats_of_the_program_alone(self):
        """VizTracer's are then raw JSON, whatever they are called."""
        names = ["a.json", "b.json.gz", "c.pftrace.gz"]
        args = [part for name in names for part in ("-o", os.path.join(self.reports, name))]
        self.assertEqual((0, b"ran\n", b""), self.launch("--quiet", "--ignore_multiprocess", *args, "program.py").parity_key())
        content = []
        for name in names:
            with open(os.path.join(self.reports, name), "rb") as file:
                content.append(file.read())
        self.assertEqual(json.loads(content[0]), json.loads(gzip.decompress(content[1])))
        self.assertIn(b"program.py", gzip.decompress(content[2]))

    def test_keep_raw(self):
        outcome = self.launch("--quiet", "--keep_raw", "-o", os.path.join(self.reports, "x.json"), "program.py")
        self.assertEqual(0, outcome.status)
        kept = [name for name in os.listdir(self.reports) if name != "x.json"]
        self.assertEqual(1, len(kept), kept)

    def test_convert_of_bad_files(self):
        vtn = os.path.join(self.reports, "x.vtn")
        self.assertEqual(0, self.launch("--quiet", "-o", vtn, "program.py").status)
        os.remove(self.witness)
        with open(vtn, "rb") as file:
            data = file.read()
        bad = os.path.join(self.reports, "bad.vtn")
        for name, content in (("empty", b""), ("text", b"hello " * 100), ("cut in its head", data[:6]),
                              ("another version", data[:8] + bytes([data[8] ^ 0x55]) + data[9:])):
            with self.subTest(name):
                with open(bad, "wb") as file:
                    file.write(content)
                self.refused("--convert", bad, "-o", os.path.join(self.reports, "o.json"), status=1,
                             names=["bad.vtn"])
        with self.subTest("missing"):
            self.refused("--convert", "no.vtn", "-o", "o.json", status=1, names=["no.vtn"])
        with self.subTest("without output"):
            self.refused("--convert", vtn, "-o", "o.bmp", status=2, names=["o.bmp"])

    def test_convert_of_a_truncated_file(self):
        """One line says so; what can be read may be written, but never silently."""
        self.write("long.py", "def f(n): return n\nfor i in range(100_000): f(i)")
        vtn = os.path.join(self.reports, "x.vtn")
        self.assertEqual(0, self.launch("--quiet", "-o", vtn, "long.py").status)
        with open(vtn, "r+b") as file:
            file.truncate(os.path.getsize(vtn) * 2 // 3)
        outcome = self.launch("--convert", vtn, "-o", os.path.join(self.reports, "o.json"))
        self.assertEqual(1, outcome.status)
        self.assertEqual(1, outcome.stderr.count(b"\n"), outcome.stderr)
        self.assertIn(b"x.vtn", outcome.stderr)

    def test_recover_of_nothing(self):
        self.refused("--recover", "/no/such/session", "-o", "o.json", status=1, names=["/no/such/session"])
        self.refused("--recover", self.work, "-o", "o.json", status=1, names=[self.work])


class Surroundings(InputCase):
    """Shared memory and temp folders that are full, tiny, missing or closed."""

    def in_mount_namespace(self, commands, *args):
        """Runs the launcher as root where `commands` have changed the mounts."""
        if os.geteuid() != 0:
            self.skipTest("only root can change mounts")
        if self.interpreter.root is not None:
            self.skipTest("the mounts are those of the machine's own root")
        if subprocess.run(["/usr/bin/unshare", "-m", "true"], check=False,
                          stderr=subprocess.DEVNULL).returncode != 0:
            self.skipTest("no mount namespace to be had here (a chroot that is no mount point?)")
        argv, name = self.launcher_argv(*args, options=())
        outcome = self.run_argv(["/usr/bin/unshare", "-m", "/bin/sh", "-c", f'{commands} && exec "$@"', "sh",
                                 *argv])
        outcome.folder, outcome.report_name = self.reports, name
        return outcome

    def test_tiny_shared_memory(self):
        self.write("long.py", "def f(n): return n\nfor i in range(200_000): f(i)\nprint('ran')")
        for size in ("64k", "1m", "4m"):
            with self.subTest(size):
                outcome = self.in_mount_namespace(
                    f"mount -t tmpfs -o size={size} none /dev/shm", "long.py")
                self.assertEqual((0, b"ran\n"), (outcome.status, outcome.stdout), outcome.stderr)
                self.assertEqual(200_000, len(outcome.report.named("f")), outcome.stderr)

    def test_no_room_to_map_shared_memory(self):
        """The program has a limit on its address space: it runs, and the last line says why untraced."""
        self.write("program.py", "import os; print('ran', os.environ.get('LD_PRELOAD'))")
        argv = ["sh", "-c", "ulimit -v 200000; exec python3 program.py"]
        outcome = self.traced("--", *argv, options=())
        self.assertEqual((0, b"ran None\n"), (outcome.status, outcome.stdout), outcome.stderr)
        self.assertIn(b"1 Python process was not traced", outcome.stderr)
        self.assertIn(b": the shared memory could not be mapped)", outcome.stderr)

    def test_full_shared_memory(self):
        outcome = self.in_mount_namespace(
            "mount -t tmpfs -o size=1m none /dev/shm && { cat /dev/zero > /dev/shm/full 2>/dev/null; true; }",
            "program.py")
        self.assertEqual((0, b"ran\n"), (outcome.status, outcome.stdout), outcome.stderr)
        self.assertTrue(outcome.report.named("f"))

    def test_no_shared_memory_folder(self):
        outcome = self.in_mount_namespace("mount -t tmpfs -o ro none /dev/shm", "program.py")
        self.assertEqual((0, b"ran\n"), (outcome.status, outcome.stdout), outcome.stderr)
        self.assertTrue(outcome.report.named("f"))

    def test_shared_memory_and_temp_folder_read_only(self):
        outcome = self.in_mount_namespace(
            "mount -t tmpfs -o ro none /dev/shm && export TMPDIR=/proc", "program.py")
        self.assertEqual((0, b"ran\n"), (outcome.status, outcome.stdout), outcome.stderr)
        self.assertTrue(outcome.report.named("f"))

    def test_someone_else_owns_our_folder(self):
        uid = os.geteuid()
        outcome = self.in_mount_namespace(
            f"mount -t tmpfs -o size=64m none /dev/shm && mkdir /dev/shm/vtn-{uid} && "
            f"chown 12345 /dev/shm/vtn-{uid}", "program.py")
        self.assertEqual((0, b"ran\n"), (outcome.status, outcome.stdout), outcome.stderr)
        self.assertTrue(outcome.report.named("f"))

    def test_leftovers_of_a_killed_run_are_named(self):
        self.write("killer.py", "import os\ndef gone(): os.kill(0, 9)\ngone()")
        self.assertEqual(-9, self.traced("killer.py").status)
        outcome = self.launch("program.py", "x")
        self.assertIn(b"--recover", outcome.stderr)
        named = [line.split("--recover ")[1].split()[0] for line in outcome.stderr.decode().splitlines()
                 if "--recover " in line]
        mine = [one for one in named  # other tests may leave something too
                if os.path.realpath(os.path.join(one, "spool")).startswith(self.reports)]
        self.assertEqual(1, len(mine), outcome.stderr)
        left = mine[0]
        done = self.launch("--recover", left, "-o", os.path.join(self.reports, "r.json"))
        self.assertEqual(0, done.status, done.stderr)
        self.assertTrue(support.Report(os.path.join(self.reports, "r.json")).named("gone"))
        self.assertFalse(os.path.exists(left))

    def test_moved_tree(self):
        """The installed tree stands alone: it runs from wherever it was copied to."""
        build = os.environ["VIZTRACER_NATIVE_BUILD"]
        done = subprocess.run(["meson", "install", "-C", build, "--no-rebuild", "--quiet", "--destdir",
                               os.path.join(self.folder, "tree")], check=False, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT)
        self.assertEqual(0, done.returncode, done.stdout)
        moved = os.path.join(self.folder, "moved")
        prefix = next(where for where, folders, _ in os.walk(os.path.join(self.folder, "tree"))
                      if "bin" in folders)
        shutil.move(prefix, moved)
        out = os.path.join(self.reports, "x.json")
        outcome = self.run_argv([os.path.join(moved, "bin", "viztracer-native"), "--quiet", "-o", out,
                                 "program.py"])
        self.assertEqual((0, b"ran\n", b""), outcome.parity_key())
        self.assertTrue(support.Report(out).named("f"))


if __name__ == "__main__":
    unittest.main()
