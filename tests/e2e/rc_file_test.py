# SPDX-License-Identifier: Apache-2.0
"""Options from a file, and process ids in the names of reports."""

import os
import re
import time
import unittest

import support
from recordings import PROGRAM, RecordingCase


class RcFile(RecordingCase):
    """Options from a file; what single lines of it mean is tests/unit/launcher/rc_file_test.cc's."""

    def options_of(self, path):
        done = self.launch("info", path)
        self.assertEqual((0, b""), (done.status, done.stderr))
        return re.search(r"^options +(.*)$", done.stdout.decode(), re.M)[1]

    def rc(self, text, name=".viztracerrc"):
        return self.write(name, "[default]\n" + text)

    def test_of_the_folder(self):
        self.rc("max_stack_depth = 7\nhide = json leaf\nquiet = True\noutput_file = from_rc.vtn\nlog_gc = off\n")
        self.write("x.py", PROGRAM)
        done = self.launch("x.py")
        self.assertEqual((3, b"", b""), (done.status, done.stdout, done.stderr))
        self.assertEqual("--max_stack_depth 7 --hide json --hide leaf", self.options_of("from_rc.vtn"))

    def test_the_command_line_wins(self):
        self.rc("max_stack_depth = 7\nhide = json leaf\ninclude_files = x.py\n")
        self.write("tools/y.py", "")
        path = self.record("--hide", "work", "--exclude_files", "tools", "--max_stack_depth=3")
        self.assertEqual("--hide work --exclude_files tools --max_stack_depth 3", self.options_of(path))
        self.rc("output_file = from_rc.json\nlog_sparse = yes\n")
        self.assertEqual(3, self.launch("--quiet", "-u", "--no_log_sparse", "x.py").status)
        made = [name for name in os.listdir(self.work) if name.endswith(".json")]
        self.assertEqual(1, len(made), made)
        self.assertRegex(made[0], r"^x_\d+_\d+_\d+\.json$")

    def test_named(self):
        """Instead of the folder's; a file that is not there is one line."""
        self.rc("nonsense = 1\n")
        self.rc("max_stack_depth = 5\n", "other.ini")
        self.write("x.py", PROGRAM)
        self.assertEqual("--max_stack_depth 5", self.options_of(self.record("--rcfile", "other.ini")))
        self.refused("--rcfile", "none.ini", "x.py", status=2, line="cannot open none.ini: No such file or directory")
        self.refused("x.py", status=2, line=".viztracerrc:2: unknown option nonsense; viztracer-native --help lists the options")
        self.refused("--rcfile=x.py", "x.py", status=2, line="x.py:1: neither [section] nor option = value")

    def test_options_of_viztracer_that_there_are_none_of(self):
        self.rc("plugins = a b\nlog_torch = True\nmax_stack_depth = 9\n")
        self.write("x.py", "pass")
        done = self.launch("--summary", "0", "-o", "x.vtn", "x.py")
        self.assertEqual(0, done.status)
        self.assertEqual(1, done.stderr.count(b"without effect here"), done.stderr)
        self.assertIn(b"viztracer-native: .viztracerrc: without effect here: plugins, log_torch\n", done.stderr)
        self.assertEqual("--max_stack_depth 9", self.options_of("x.vtn"))

    def test_nested_runs_and_children_do_not_read_it_again(self):
        self.rc("max_stack_depth = 9\nquiet = True\noutput_file = outer.vtn\n")
        self.write("child.py", "print('child')")
        self.write("inner/.viztracerrc", "[default]\nnonsense = 1\n")
        self.write("x.py", f"""
            import subprocess, sys
            subprocess.run([{support.LAUNCHER!r}, "--quiet", "../child.py"], cwd="inner", check=True)
            subprocess.run([sys.executable, "../child.py"], cwd="inner", check=True)
        """)
        done = self.launch("x.py")
        self.assertEqual((0, b"child\nchild\n", b""), (done.status, done.stdout, done.stderr))
        self.assertEqual("--max_stack_depth 9", self.options_of("outer.vtn"))

    def test_keep_pid(self):
        """The collector that begins by exec is told the options, not the file."""
        self.rc("max_stack_depth = 4\nkeep_pid = True\noutput_file = kept.vtn\nquiet = True\n")
        self.write("x.py", "import os\nos.unlink('.viztracerrc')")
        self.assertEqual(0, self.launch("x.py").status)
        deadline = time.monotonic() + 30
        while not os.path.exists(os.path.join(self.work, "kept.vtn")):
            self.assertLess(time.monotonic(), deadline)
            time.sleep(0.02)
        self.assertEqual("--max_stack_depth 4", self.options_of("kept.vtn"))

    def test_nothing_to_run(self):
        self.rc("nonsense = 1\n")
        self.assertEqual(0, self.launch().status)
        self.assertEqual(0, self.launch("--help").status)
        self.assertEqual(0, self.launch("--version").status)


class PidSuffix(RecordingCase):
    def test_in_every_name(self):
        self.write("x.py", "pass")
        process = self.spawn([support.LAUNCHER, "--quiet", "--pid_suffix", "-o", "a.json.gz", "--report",
                              "b.summary.json", "x.py"])
        self.assertEqual(0, self.finish(process).status)
        made = sorted(name for name in os.listdir(self.work) if name != "x.py")
        self.assertEqual([f"a_{process.pid}.json.gz", f"b_{process.pid}.summary.json"], made)

    def test_the_default_name(self):
        self.write("x.py", "pass")
        process = self.spawn([support.LAUNCHER, "--quiet", "--pid_suffix", "x.py"])
        self.assertEqual(0, self.finish(process).status)
        self.assertIn(f"result_{process.pid}.json", os.listdir(self.work))


if __name__ == "__main__":
    unittest.main()
