# SPDX-License-Identifier: Apache-2.0
"""Other programs read our JSON: JavaScript's parser, and VizTracer's own tools."""

import json
import os
import re
import shutil
import subprocess
import unittest

import servers
import support

# Control characters in the source, in names and in arguments.
ODD = """
    # \x7f \x01 \x0c \x1f \u0085 \u2028 \ufeff
    import os, subprocess, sys
    def f(): pass
    f.__code__ = f.__code__.replace(co_name="f\\x7f\\x00\\x1b\\ud800", **(
        {"co_qualname": "f\\x7f\\x00\\x1b\\ud800"} if sys.version_info >= (3, 11) else {}))
    f()
    subprocess.run([sys.executable, "-c", "def child(): pass\\nchild()", "a\\x7f\\x02b"])
    if os.fork() == 0:
        f()
        os._exit(3)
    os.wait()
    """
TREE = """
    import os, subprocess, sys
    def f(n): return n if n < 2 else f(n - 1) + f(n - 2)
    f(10)
    subprocess.run(["sh", "-c", "true; exit 3"])
    subprocess.run([sys.executable, "-c", "import sys; sys.exit(4)"])
    if os.fork() == 0:
        os.abort()
    os.wait()
    """


class TextTest(support.TestCase):
    def test_no_control_character_stands_as_it_is(self):
        report = self.parity(self.write("odd\x7f.py", ODD), "\x7f").report
        with open(report.path, "rb") as file:
            text = file.read()
        self.assertEqual([], re.findall(rb"[\x00-\x09\x0b-\x1f\x7f]", text))
        self.assertIn('f\x7f\x00\x1b', {call.name[:4] for call in report.calls()})
        self.assertIn("a\x7f\x02b", json.dumps(report.data, ensure_ascii=False).replace("\\u0002", "\x02"))
        if not shutil.which("node"):
            self.skipTest("no node here: JSON.parse was not tried")
        script = "const d = JSON.parse(require('fs').readFileSync(process.argv[1], 'utf8'));" \
                 "console.log(d.traceEvents.length)"
        done = subprocess.run(["node", "-e", script, report.path], check=True, stdout=subprocess.PIPE)
        self.assertEqual(len(report.events), int(done.stdout))


@servers.on_every_base
class VizTracerTest(servers.ServerCase):
    venv_name = "viztracer"

    def viztracer(self, *argv):
        done = self.run_argv(["viztracer", *argv])
        self.assertEqual(0, done.status, (done.stdout, done.stderr))

    def test_compress_and_combine(self):
        first = self.traced(self.write("app.py", TREE)).report
        self.viztracer("--compress", first.path, "-o", "a.cvf")
        self.viztracer("--decompress", "a.cvf", "-o", "a.json")
        with open(os.path.join(self.work, "a.json"), encoding="utf-8") as file:
            again = json.load(file)["traceEvents"]
        for phase in "XMi":
            self.assertEqual(*(sorted(event["name"] for event in events if event["ph"] == phase)
                               for events in (first.events, again)), phase)
        second = self.traced("app.py").report
        self.viztracer("--combine", first.path, second.path, "-o", "both.json")
        both = support.Report(os.path.join(self.work, "both.json"))
        self.assertEqual(2 * len(first.named("f")), len(both.named("f")))

    def test_combined_reports_have_one_ledger(self):
        """L-COMBINE"""
        self.write("app.py", TREE)
        reports = [self.traced("app.py").report for _ in range(2)]
        self.viztracer("--combine", *(report.path for report in reports), "-o", "both.json")
        ledgers = [report.data["viztracer_native"]["processes"] for report in
                   (*reports, support.Report(os.path.join(self.work, "both.json")))]
        self.assertNotEqual(ledgers[0], ledgers[1])
        self.assertEqual(ledgers[0], ledgers[2])


if __name__ == "__main__":
    unittest.main()
