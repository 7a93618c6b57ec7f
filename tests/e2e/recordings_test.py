# SPDX-License-Identifier: Apache-2.0
"""What is done with recordings when the program is over: `info`, `report`, and their refusals."""

import json
import os
import re
import unittest

import support
from recordings import PROGRAM, RecordingCase

NAMES = ("file", "command", "recorded", "options", "program", "processes", "threads", "calls", "functions", "marks",
         "lost", "busiest", "busiest")


class Info(RecordingCase):
    def lines_of(self, path):
        done = self.launch("info", path)
        self.assertEqual((0, b""), (done.status, done.stderr))
        lines = [(line[:11].strip(), line[12:]) for line in done.stdout.decode().splitlines()]
        self.assertLess(len(lines), 24)
        return lines

    def test_one_screen(self):
        path = self.record("--log_exception")
        lines = self.lines_of(path)
        self.assertEqual(NAMES, tuple(name for name, _ in lines))
        said = dict(lines[:-1])
        size = os.path.getsize(path)
        self.assertEqual(f"{path}: {size / 1000:.1f} kB, complete", said["file"])
        self.assertEqual(f"--quiet --log_exception -o {path} x.py", said["command"])
        self.assertRegex(said["recorded"], r"^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d [+-]\d{4}, \d[\d.]* (ms|s), "
                                           r"by viztracer-native \d+\.\d+\.\d+$")
        self.assertEqual("--log_exception", said["options"])
        self.assertEqual("exit status 3", said["program"])
        self.assertRegex(said["processes"], r"^2: 1 traced \(Python 3\.\d+\.\d+\S*\), 1 not a CPython$")
        self.assertEqual("2", said["threads"])
        calls = re.fullmatch(r"([\d,]+), resumed generators once more each time, (\d+\.\d) bytes each", said["calls"])
        self.assertTrue(calls, said["calls"])
        count = int(calls[1].replace(",", ""))
        self.assertGreater(count, 600)
        self.assertEqual(f"{size / count:.1f}", calls[2])
        self.assertGreater(int(said["functions"].replace(",", "")), 4)
        self.assertGreater(int(said["marks"].replace(",", "")), 0)
        self.assertEqual("0 events", said["lost"])
        self.assertRegex(lines[-2][1], rf"^process \d+ x\.py: {calls[1]} calls \(100\.0 %\)$")
        self.assertRegex(lines[-1][1], r"^thread \d+ \S+ of \d+: [\d,]+ calls \(\d+\.\d %\)$")

    def test_what_was_asked_for_and_left_out(self):
        lines = dict(self.lines_of(self.record("--hide", "leaf", "--max_stack_depth", "1")))
        self.assertEqual("--hide leaf --max_stack_depth 1", lines["options"])
        self.assertEqual("1 function", lines["hidden"])
        self.assertRegex(lines["left out"], r"^\d[\d,]* calls$")

    def test_nothing_was_asked_for(self):
        lines = dict(self.lines_of(self.record(program="pass")))
        self.assertEqual("none: every call was recorded", lines["options"])
        self.assertEqual("exit status 0", lines["program"])
        # What an installation does by itself at the end may have a generator in it.
        self.assertRegex(lines["calls"], r"^[\d,]+, (resumed generators once more each time, )?\d+\.\d bytes each$")

    def test_a_recording_that_was_cut(self):
        path = self.record()
        os.truncate(path, os.path.getsize(path) - 20)
        said = dict(self.lines_of(path))
        self.assertRegex(said["file"], rf"^{path}: [\d.]+ kB, cut short at offset \d+: viztracer-native --recover "
                                       rf"{path} -o OUT makes a report of what is there$")
        self.assertEqual("exit status 3", said["program"])
        self.refused("report", path, status=1, line=f"{path} is {re.search('cut short at offset [0-9]+', said['file'])[0]}; "
                     f"viztracer-native --recover {path} -o OUT makes a report of what is there")


class Commands(RecordingCase):
    def test_report_prints_what_convert_writes(self):
        path = self.record()
        for what in ("txt", "md", "folded", "summary.json", "json", "svg", "speedscope.json"):
            with self.subTest(what):
                out = os.path.join(self.reports, f"written.{what}")
                self.assertEqual(0, self.launch("--quiet", "--convert", path, "-o", out).status)
                printed = self.launch("report", path, what)
                self.assertEqual((0, b""), (printed.status, printed.stderr))
                with open(out, "rb") as file:
                    self.assertEqual(file.read(), printed.stdout)
        self.assertEqual(self.launch("report", path, "txt").stdout, self.launch("report", path).stdout)
        self.assertEqual(self.launch("report", path, "md").stdout, self.launch("report", path, ".md").stdout)

    def test_report_into_files(self):
        """`-o`, and stdout that is a file: written behind what is there."""
        path = self.record()
        text = self.launch("report", path).stdout
        out = os.path.join(self.reports, "a.txt")
        self.assertEqual(0, self.launch("report", path, "-o", out).status)
        self.assertEqual(0, self.launch("report", "--output-file=" + os.path.join(self.reports, "b.log"), path, "txt").status)
        with open(os.path.join(self.reports, "c"), "wb") as file:
            file.write(b"before\n")
            file.flush()
            self.assertEqual(0, self.launch("report", path, stdout=file).status)
        content = []
        for name in ("a.txt", "b.log", "c"):
            with open(os.path.join(self.reports, name), "rb") as file:
                content.append(file.read())
        self.assertEqual([text, text, b"before\n" + text], content)

    def test_a_reader_that_goes_away(self):
        path = self.record()
        done = self.run_argv(["/bin/sh", "-c", f"{support.LAUNCHER} report {path} json | head -c 1"])
        self.assertEqual((b"{", b""), (done.stdout, done.stderr))

    def test_binary_reports_are_not_printed_on_a_terminal(self):
        path = self.record()
        terminal = support.Terminal(self, [support.LAUNCHER, "report", path, "pstats"])
        self.assertEqual(b"viztracer-native: .pstats is not text: -o FILE\r\n", terminal.read())
        self.assertEqual(2, terminal.wait())
        self.assertEqual(0, self.launch("report", path, "pstats").status)

    def test_refusals(self):
        path = self.record()
        self.refused("report", path, "tx", status=2, line="there is no report tx; did you mean txt?")
        self.refused("report", path, "nothing-like-it", status=2,
                     line="there is no report nothing-like-it; viztracer-native --help lists them")
        self.refused("report", path, "vtn", status=2, line="a recording is not printed: -o FILE.vtn")
        self.refused("report", path, "txt", "md", status=2,
                     line="report takes no md: usage: viztracer-native report FILE [WHAT]; "
                          "viztracer-native -- report runs a program of that name")
        self.refused("info", status=2, line="info needs more: usage: viztracer-native info FILE; "
                                            "viztracer-native -- info runs a program of that name")
        self.refused("report", path, "--otput_file", "x.txt", status=2,
                     line="report has no option --otput_file; did you mean --output_file?")
        self.refused("report", path, "-o", status=2, line="option -o needs a value: FILE")
        self.refused("info", path, "-q", status=2, line="info has no option -q; viztracer-native info --help")
        self.refused("info", "no.vtn", status=1, line="cannot open no.vtn: No such file or directory")
        self.refused("--convert", "--full", path, status=2,
                     line="--convert=--full: needs the name of a file behind it, not the option --full")
        self.write("bad.vtn", "no recording at all\n")
        for words in (("info", "bad.vtn"), ("report", "bad.vtn")):
            self.refused(*words, status=1,
                         line="bad.vtn was not recorded by viztracer-native: no magic number at offset 0")

    def test_help(self):
        for name, words in (("info", b"info FILE"), ("report", b"report FILE [WHAT]")):
            for option in ("--help", "-h"):
                done = self.launch(name, option)
                self.assertEqual((0, b""), (done.status, done.stderr))
                self.assertIn(words, done.stdout)
                self.assertIn(b"viztracer-native -- " + name.encode(), done.stdout)
        whole = self.launch("--help").stdout
        self.assertIn(b"\nCommands:\n  info FILE ", whole)

    def test_programs_of_the_same_name(self):
        """A word that names no recording makes it a program, and so does a separator."""
        path = self.record()
        self.write("info", "#!/bin/sh\necho \"program $*\"\n", 0o755)
        os.symlink(os.path.join(self.work, "info"), os.path.join(self.bin, "info"))
        out = os.path.join(self.reports, "o.json")
        self.assertEqual(b"program bash\n", self.launch("info", "bash", cwd=self.reports).stdout)
        self.assertEqual(f"program {path}\n".encode(), self.launch("-o", out, "--", "info", path).stdout)
        self.assertEqual(f"program {path}\n".encode(), self.launch("-o", out, "info", path).stdout)
        self.assertIn(b"complete", self.launch("info", path).stdout)
        with open(path, "rb") as file:
            self.write("of_any_name", "")
            with open(os.path.join(self.work, "of_any_name"), "wb") as copy:
                copy.write(file.read())
        self.assertIn(b"complete", self.launch("info", "of_any_name").stdout)


def without_times(node):
    """A summary without what a clock says, in an order that is nobody's."""
    if isinstance(node, dict):
        return {key: without_times(value) for key, value in node.items() if not key.endswith("_ns")}
    if isinstance(node, list):
        return sorted((without_times(value) for value in node), key=json.dumps)
    return node


class Combine(RecordingCase):
    """Several recordings become one, and one becomes smaller."""

    WORK = """
        import os
        import sys
        import time

        def leaf(n):
            return n

        def work(count):
            for n in range(count):
                leaf(n)

        work(int(sys.argv[1]))
        if os.fork() == 0:
            work(5)
            os._exit(4)
        os.wait()
        time.sleep(0.05)
    """

    def record_some(self, *counts, options=()):
        self.write("w.py", self.WORK)
        paths = []
        for count in counts:
            paths.append(os.path.join(self.reports, f"w{count}.vtn"))
            done = self.launch("--quiet", *options, "-o", paths[-1], "w.py", str(count))
            self.assertEqual((0, b""), (done.status, done.stderr))
        return paths

    def summary(self, path):
        done = self.launch("report", path, "summary.json")
        self.assertEqual((0, b""), (done.status, done.stderr))
        return json.loads(done.stdout)

    def report_of(self, path):
        out = path + ".json"
        self.assertEqual(0, self.launch("--quiet", "--convert", path, "-o", out).status)
        return support.Report(out)

    def combined(self, option, *paths, name="c.vtn"):
        out = os.path.join(self.reports, name)
        done = self.launch("--quiet", option, *paths, "-o", out)
        self.assertEqual((0, b"", b""), (done.status, done.stdout, done.stderr))
        self.assertEqual([], [other for other in os.listdir(self.reports) if other.startswith(".")])
        return out

    def first_calls(self, report):
        """When the first call of `work` of each program begins, in the order of the ledger."""
        return sorted(call.start for call in report.named("work"))

    def test_all_of_each_is_in_it(self):
        for option in ("--combine", "--align_combine"):
            with self.subTest(option):
                paths = self.record_some(70, 80, 90)
                whole = self.summary(self.combined(option, *paths))
                parts = [self.summary(path) for path in paths]
                self.assertEqual(sum(part["calls"] for part in parts), whole["calls"])
                self.assertEqual(0, whole["lost_events"])
                self.assertEqual("; ".join(part["command"] for part in parts), whole["command"])
                strip = lambda processes: [
                    {key: value for key, value in process.items() if key != "name"} for process in processes]
                self.assertEqual(without_times(strip([one for part in parts for one in part["processes"]])),
                                 without_times(strip(whole["processes"])))

    def test_times_of_calls_stay(self):
        """On the wall's clock: as far apart as they were, to the nanosecond within each."""
        paths = self.record_some(70, 80)
        whole = self.report_of(self.combined("--combine", *paths))
        parts = [self.report_of(path) for path in paths]
        spans = lambda report: sorted(call.end - call.start for call in report.named("leaf"))
        both = sorted(spans(parts[0]) + spans(parts[1]))
        self.assertEqual(len(both), len(spans(whole)))
        for one, other in zip(both, spans(whole)):
            self.assertLessEqual(abs(one - other), 2)
        apart = max(self.first_calls(parts[1])) - min(self.first_calls(parts[0]))
        now = max(self.first_calls(whole)) - min(self.first_calls(whole))
        self.assertLess(abs(apart - now), 1_000_000)

    def test_aligned_they_begin_at_the_same_time(self):
        paths = self.record_some(70, 80)
        apart = self.first_calls(self.report_of(self.combined("--combine", *paths)))
        aligned = self.first_calls(self.report_of(self.combined("--align_combine", *paths)))
        self.assertEqual(4, len(aligned))
        self.assertGreater(apart[2] - apart[0], 50_000_000)  # each program slept so long
        # Programs take their time to come to their first call, but not so long.
        self.assertLess(aligned[2] - aligned[0], apart[2] - apart[0])

    def test_ledgers_and_ends_are_kept(self):
        paths = self.record_some(70, 80)
        whole = self.report_of(self.combined("--align_combine", *paths))
        ledger = whole.data["viztracer_native"]["processes"]
        parts = [one for path in paths for one in self.ledger_of(path)]
        self.assertEqual(len(parts), len(ledger))
        self.assertEqual(sorted(json.dumps(one["exit"]) for one in parts),
                         sorted(json.dumps(one["exit"]) for one in ledger))
        self.assertIn({"status": 4}, [one["exit"] for one in ledger])

    def ledger_of(self, path):
        return self.report_of(path).data["viztracer_native"]["processes"]

    def test_the_same_recording_twice(self):
        """Process ids that clash are made unique."""
        path, = self.record_some(70)
        whole = self.report_of(self.combined("--align_combine", path, path))
        self.assertEqual(4, len(whole.process_names), whole.process_names)
        self.assertEqual(150, len(whole.named("leaf")))

    def test_what_was_dropped_stays_told(self):
        """`--tracer_entries`: calls that were open where the kept frames begin."""
        self.write("d.py", """
            def leaf(n): return n
            def outer():
                for n in range(300_000): leaf(n)
            outer()
        """)
        path = os.path.join(self.reports, "d.vtn")
        self.assertEqual(0, self.launch("--quiet", "--tracer_entries", "20000", "-o", path, "d.py").status)
        one = self.summary(path)
        self.assertTrue(one["dropped"])
        for option in ("--combine", "--align_combine"):
            whole = self.summary(self.combined(option, path, path))
            self.assertEqual(2 * one["calls"], whole["calls"])
            self.assertEqual([d["calls"] for d in one["dropped"]] * 2, [d["calls"] for d in whole["dropped"]])

    def test_values_marks_and_counts(self):
        """What frames have beside calls goes on to another clock as well."""
        paths = self.record_some(70, 80, options=("--log_func_args", "--log_func_retval", "--log_var=n", "--min_duration=1us"))
        for option in ("--combine", "--align_combine"):
            whole = self.report_of(self.combined(option, *paths))
            parts = [self.report_of(path) for path in paths]
            marks = lambda report: sorted((event["name"], json.dumps(event["args"])) for event in report.events
                                          if event["ph"] == "i" and event["name"].startswith("n = "))
            values = lambda report: sorted(json.dumps(event["args"]) for event in report.events
                                           if event["name"].startswith(("work ", "leaf ")) and event["ph"] == "X")
            self.assertGreater(len(marks(parts[0])), 70)
            self.assertEqual(sorted(marks(parts[0]) + marks(parts[1])), marks(whole))
            self.assertEqual(sorted(values(parts[0]) + values(parts[1])), values(whole))
            left = [self.summary(path)["left_out"] for path in paths]
            both = self.summary(self.combined(option, *paths))["left_out"]
            self.assertEqual(sum(one["calls"] for part in left for one in part), sum(one["calls"] for one in both))

    def test_recordings_that_are_told_to_differ(self):
        one, = self.record_some(70)
        two, = self.record_some(80, options=("--hide", "leaf"))
        whole = self.combined("--combine", one, two)
        self.assertEqual(["--hide leaf (w80.vtn)"], self.summary(whole)["recorded_with"])

    def test_any_format_on_the_way_out(self):
        paths = self.record_some(70, 80)
        for name in ("c.json", "c.pftrace", "c.txt"):
            self.combined("--combine", *paths, name=name)
        report = support.Report(os.path.join(self.reports, "c.json"))
        self.assertEqual(160, len(report.named("leaf")))

    def test_compress(self):
        """A recording that was stored as it was becomes smaller; and is the same."""
        path, = self.record_some(3000)
        out = os.path.join(self.reports, "small.vtn")
        self.assertEqual(0, self.launch("--quiet", "--compress", path, "-o", out).status)
        self.assertLessEqual(os.path.getsize(out), os.path.getsize(path))
        back = os.path.join(self.reports, "back.json")
        self.assertEqual(0, self.launch("--quiet", "--decompress", out, "-o", back).status)
        with open(path + ".json", "w"):
            pass
        self.assertEqual(0, self.launch("--quiet", "--convert", path, "-o", path + ".json").status)
        with open(back, "rb") as one, open(path + ".json", "rb") as other:
            self.assertEqual(other.read(), one.read())
        self.assertEqual(0, self.launch("--quiet", "--compress", path).status)
        self.assertEqual(0, self.launch("--quiet", "--decompress", "result.vtn").status)
        self.assertEqual({"result.vtn", "result.json", "w.py"}, set(os.listdir(self.work)))

    def test_refusals(self):
        path, = self.record_some(70)
        self.refused("--combine", path, "no.vtn", "-o", "o.json", status=1,
                     line="cannot read no.vtn: No such file or directory")
        self.write("bad.vtn", "no recording at all\n")
        self.refused("--align_combine", path, "bad.vtn", "-o", "o.json", status=1,
                     line="bad.vtn was not recorded by viztracer-native: no magic number at offset 0")
        self.refused("--combine", path, "--compress", path, "-o", "o.vtn", status=2,
                     line="--compress makes reports of what was recorded: it excludes other options that do")
        self.refused("--convert", path, "w.py", status=2,
                     line="--convert makes reports of what was recorded: it excludes a program to run")
        self.refused("--combine", status=2, line="option --combine needs a value: FILE...")
        self.refused("--compress", path, "-o", "o.json", status=2, line="output file o.json: --compress writes .vtn")
        self.write("x.cvf", "")
        self.refused("--decompress", "x.cvf", status=1,
                     line="cannot read x.cvf: it is VizTracer's own; viztracer --decompress x.cvf -o FILE.json makes a "
                          "report of it that can be read")
        os.truncate(path, os.path.getsize(path) - 20)
        done = self.launch("--combine", path, path, "-o", "o.json")
        self.assertEqual((1, 1), (done.status, done.stderr.count(b"\n")))
        self.assertIn(b"is cut short at offset", done.stderr)
        self.assertNotIn("o.json", os.listdir(self.work))


class Window(RecordingCase):
    """--convert of a part; what borders do to single calls is tests/unit/spool/window_test.cc's."""

    PHASES = """
        import os
        import threading
        import time

        def leaf(n):
            return n

        def first(count):
            for n in range(count):
                leaf(n)
            time.sleep(0.2)

        def second(count):
            for n in range(count):
                leaf(n)
            time.sleep(0.2)

        def main():
            first(100)
            second(200)

        main()
        if os.fork() == 0:
            first(10)
            os._exit(0)
        os.wait()
        thread = threading.Thread(target=second, args=(30,), name="helper")
        thread.start()
        thread.join()
    """

    def setUp(self):
        super().setUp()
        self.path = self.record("--log_func_args", program=self.PHASES)

    def part(self, *options, name="part.json"):
        out = os.path.join(self.reports, name)
        done = self.launch("--quiet", "--convert", self.path, *options, "-o", out)
        self.assertEqual((0, b"", b""), (done.status, done.stdout, done.stderr))
        self.assertEqual([], [other for other in os.listdir(self.reports) if other.startswith(".")])
        return support.Report(out) if name in ("part.json", "whole.json") else out

    def whole(self):
        return self.part(name="whole.json")

    def test_times(self):
        """What lies between is exact; what reaches in is cut at the border."""
        whole = self.whole()
        start = min(call.start for call in whole.calls())
        begin = min(call.start for call in whole.named("second")) - start
        border = begin + 1_000_000
        part = self.part("--from", f"{begin}ns", "--to", f"{begin + 100_000_000}ns")
        self.assertEqual(1, len(part.named("second")))
        self.assertEqual([], part.named("first"))
        main, = part.named("main")
        self.assertLess(abs(main.end - main.start - 100_000_000), 1000)
        before = self.part("--to", f"{begin}ns")
        self.assertEqual((1, 0), (len(before.named("first")), len(before.named("second"))))
        behind = self.part("--from", f"{border}ns")
        leaves = [call for call in whole.named("leaf") if call.start - start >= border]
        self.assertEqual(len(leaves), len(behind.named("leaf")))
        values = [event["args"]["func_args"] for event in part.events if event["name"].startswith("second (")]
        self.assertEqual([{"count": "200"}], values)

    def test_times_of_the_clock(self):
        """As a program has them that does not know where its report begins."""
        whole = self.whole()
        begin = min(call.start for call in whole.named("second"))
        part = self.part("--from", f"@{begin}", "--to", f"@{begin + 100_000_000}")
        self.assertEqual((1, 0), (len(part.named("second")), len(part.named("first"))))
        main, = part.named("main")
        self.assertLess(abs(main.end - main.start - 100_000_000), 1000)
        before = self.part("--from", "@0", "--to", f"@{begin}")
        self.assertEqual((1, 0), (len(before.named("first")), len(before.named("second"))))
        everything = self.part("--from", "@1", "--to", f"@{2 ** 62}")
        self.assertEqual(len(whole.named("leaf")), len(everything.named("leaf")))
        nothing = self.part("--from", f"@{2 ** 62}")
        self.assertEqual([], nothing.named("leaf"))

    def test_parts_together_are_the_whole(self):
        """Own times add up, whatever the border."""
        def own(name):
            with open(os.path.join(self.reports, name), "rb") as file:
                return sum(process["own_ns"] for process in json.load(file)["processes"])
        self.part(name="whole.summary.json")
        self.part("--to", "0.31", name="a.summary.json")
        self.part("--from", "310ms", name="b.summary.json")
        self.assertLess(abs(own("whole.summary.json") - own("a.summary.json") - own("b.summary.json")), 2000)

    def test_processes_and_threads(self):
        whole = self.whole()
        leaves = {pid: 0 for pid, _ in whole.threads}
        for (pid, _), roots in whole.threads.items():
            leaves[pid] += sum(call.function == "leaf" for root in roots for call in root.walk())
        child = min(leaves, key=leaves.get)
        only = self.part("--process", str(child))
        self.assertEqual({child}, {pid for pid, _ in only.threads})
        self.assertEqual([child], list(only.process_names))
        self.assertEqual(10, len(only.named("leaf")))
        helper = self.part("--thread", "help*")
        self.assertEqual(30, len(helper.named("leaf")))
        self.assertEqual(1, len(helper.threads))

    def test_functions(self):
        part = self.part("--function", "second")
        self.assertEqual(230, len(part.named("leaf")))
        self.assertEqual([], part.named("main"))
        self.assertEqual(2, len([root for roots in part.threads.values() for root in roots]))
        both = self.part("--function", "second", "--function", "first", "--to", "0.2")
        self.assertEqual(0, len(both.named("second")))

    def test_as_a_recording(self):
        """A part may be cut again, and `info` counts it."""
        out = self.part("--function", "second", name="part.vtn")
        shown = self.launch("info", out).stdout.decode()
        self.assertIn("complete", shown)
        self.assertRegex(shown, r"(?m)^part +of a recording: 1 process is shown$")
        self.path = out
        timed = self.launch("info", self.part("--from", "1ms", "--to", "2ms", name="timed.vtn")).stdout.decode()
        self.assertRegex(timed, r"(?m)^part +of a recording, from \S+ \S+, until \S+ \S+ after its start: ")
        self.assertEqual(30, len(self.part("--thread", "helper").named("leaf")))
        for name in ("p.pftrace", "p.txt", "p.svg", "p.speedscope.json"):
            self.part("--thread", "helper", name=name)

    def test_refusals(self):
        out = os.path.join(self.reports, "no.json")
        for options, line in (
                (("--from", "2", "--to", "1"), "--from must be before --to"),
                (("--from", "@2", "--to", "@2"), "--from must be before --to"),
                (("--to", "@1.5"), "--to=@1.5"),
                (("--from", "soon"), None)):
            done = self.launch("--convert", self.path, *options, "-o", out)
            self.assertEqual((2, 1), (done.status, done.stderr.count(b"\n")), done.stderr)
            self.assertIn((line or "--from=soon").encode(), done.stderr)
        self.refused("--from", "1", "x.py", status=2,
                     line="--from, --to, --process, --thread and --function are for --convert")
        for options, line in (
                (("--process", "nobody"), rf"--process nobody: there is none in {self.path}; there are \d+ x\.py, .*"),
                (("--thread", "nobody"), rf"--thread nobody: there is none in {self.path}; there are \d+ .*helper.*"),
                (("--function", "nobody"), rf"--function nobody: no such function is in {self.path}"),
                (("--from", "3000"), rf"--from 3000 s: {self.path} ends [\d.]+ m?s after its start")):
            done = self.launch("--convert", self.path, *options, "-o", out)
            self.assertEqual(1, done.status)
            self.assertRegex(done.stderr.decode(), rf"^viztracer-native: {line}\n$")
        self.assertNotIn("no.json", os.listdir(self.reports))
        self.assertEqual([], [other for other in os.listdir(self.reports) if other.startswith(".")])


if __name__ == "__main__":
    unittest.main()
