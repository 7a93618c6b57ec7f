# SPDX-License-Identifier: Apache-2.0
"""Files for the tools that show profiles: .folded, .svg, .speedscope.json, .pb.gz, .pstats, .md. Each is compared with the calls of the report."""

import gzip
import io
import json
import os
import pstats
import re
import subprocess
import unittest
import xml.etree.ElementTree

import support
import venvs
from summary_test import PROGRAM, displayed


def own_of(call):
    return call.end - call.start - sum(inner.end - inner.start for inner in call.children)


def stacks_of(report):
    """What a report's calls say of each stack of names, outermost first: [slices, own ns]."""
    stacks = {}
    for roots in report.threads.values():
        waiting = [(root, ()) for root in roots]
        while waiting:
            call, above = waiting.pop()
            frames = (*above, call.function.split(" (")[0])
            sums = stacks.setdefault(frames, [0, 0])
            sums[0] += 1
            sums[1] += own_of(call)
            waiting += [(inner, frames) for inner in call.children]
    return stacks


def fields_of(message):
    """(number, value) of each field of a protocol buffer message; a value is a number or bytes."""
    at = 0

    def varint():
        nonlocal at
        value = shift = 0
        while True:
            byte = message[at]
            at += 1
            value |= (byte & 0x7f) << shift
            shift += 7
            if byte < 0x80:
                return value

    while at < len(message):
        key = varint()
        if key & 7 == 0:
            yield key >> 3, varint()
        else:
            assert key & 7 == 2, key
            length = varint()
            yield key >> 3, message[at:at + length]
            at += length


def varints(packed):
    value = shift = 0
    for byte in packed:
        value |= (byte & 0x7f) << shift
        shift += 7
        if byte < 0x80:
            yield value
            value = shift = 0


class Profiles(support.TestCase):
    each_way_only = True

    def reported(self, name, program=PROGRAM):
        """(the run, the path of a report of that name)"""
        path = os.path.join(self.reports, name)
        self.write("x.py", program)
        return self.traced("x.py", options=("--quiet", "--report", path)), path

    def lines(self, path):
        with open(path, encoding="utf-8") as file:
            for line in file:
                stack, own = line.rsplit(" ", 1)
                process, thread, *frames = stack.split(";")
                yield process, thread, tuple(
                    re.sub(r"^(.*) \(an instance\)$", r"<\1 object>", frame).split(" (")[0] for frame in frames), int(own)

    def test_folded_stacks(self):
        outcome, path = self.reported("times.folded")
        found, threads = {}, set()
        for process, thread, frames, own in self.lines(path):
            self.assertRegex(process, r"^x\.py \d+$")
            threads.add(thread.rsplit(" ", 1)[0])
            found[frames] = found.get(frames, 0) + own
        self.assertEqual({"MainThread", "worker"}, threads)
        wanted = {frames: own for frames, (_, own) in stacks_of(outcome.report).items() if own}
        self.assertEqual([], sorted(set(wanted.items()) ^ set(found.items()))[:10])

    def test_processes_stand_apart(self):
        _, path = self.reported("times.folded", """
            import os
            def here(): sum(range(1000))
            here()
            if os.fork() == 0:
                here()
                os._exit(0)
            os.wait()
        """)
        processes = {process for process, _, frames, _ in self.lines(path) if "here" in frames}
        self.assertEqual(2, len(processes), processes)

    def test_speedscope(self):
        """As its schema asks for: every number of a sample is a frame, and each sample has a weight."""
        outcome, path = self.reported("times.speedscope.json")
        with open(path, encoding="utf-8") as file:
            found = json.load(file)
        self.assertEqual("https://www.speedscope.app/file-format-schema.json", found["$schema"])
        frames = found["shared"]["frames"]
        stacks = {}
        for profile in found["profiles"]:
            self.assertEqual(("sampled", "nanoseconds", 0), (profile["type"], profile["unit"], profile["startValue"]))
            self.assertEqual(len(profile["samples"]), len(profile["weights"]))
            self.assertEqual(profile["endValue"], sum(profile["weights"]))
            for sample, weight in zip(profile["samples"], profile["weights"]):
                names = tuple(frames[one]["name"].split(" (")[0] for one in sample)
                stacks[names] = stacks.get(names, 0) + weight
        self.assertEqual(["MainThread", "worker"], sorted(profile["name"].split(", ")[1].rsplit(" ", 1)[0]
                                                          for profile in found["profiles"]))
        self.assertEqual({frames: own for frames, (_, own) in stacks_of(outcome.report).items() if own}, stacks)
        self.assertIn({"name": "leaf", "file": os.path.join(self.work, "x.py"), "line": 5}, frames)

    def test_pprof(self):
        outcome, path = self.reported("times.pb.gz")
        with gzip.open(path) as file:
            fields = list(fields_of(file.read()))
        texts = [value.decode() for number, value in fields if number == 6]
        self.assertEqual("", texts[0])
        units = [tuple(texts[value] for _, value in fields_of(unit)) for number, unit in fields if number == 1]
        self.assertEqual([("calls", "count"), ("time", "nanoseconds")], units)
        functions = {one[1]: one for one in (dict(fields_of(value)) for number, value in fields if number == 5)}
        names = {}
        for number, value in fields:
            if number == 4:
                location = dict(fields_of(value))
                names[location[1]] = texts[functions[dict(fields_of(location[4]))[1]][2]]
        found, threads = {}, set()
        for sample in (list(fields_of(value)) for number, value in fields if number == 2):
            frames = tuple(names[one].split(" (")[0] for one in varints(dict(sample)[1]))[::-1]
            calls, own = varints(dict(sample)[2])
            sums = found.setdefault(frames, [0, 0])
            sums[0] += calls
            sums[1] += own
            labels = [dict(fields_of(value)) for number, value in sample if number == 3]
            threads.add({texts[one[1]]: texts[one[2]] for one in labels}["thread"].rsplit(" ", 1)[0])
        self.assertEqual({"MainThread", "worker"}, threads)
        wanted = stacks_of(outcome.report)
        self.assertEqual({frames: own for frames, (_, own) in wanted.items()}, {frames: own for frames, (_, own) in found.items()})
        # Of a generator the report has a slice for each time that it was resumed.
        more = [frames for frames, (slices, _) in wanted.items() if slices != found[frames][0]]
        self.assertEqual([], [frames for frames in more if wanted[frames][0] < found[frames][0]])
        self.assertEqual(100, sum(calls for frames, (calls, _) in found.items() if frames[-1] == "leaf"))
        places = {(texts[one[2]], texts[one[4]], one.get(5)) for one in functions.values()}
        self.assertIn(("leaf", os.path.join(self.work, "x.py"), 5), places)

    def test_pstats(self):
        _, path = self.reported("times.pstats")
        times = os.path.join(self.reports, "times.summary.json")
        self.traced("x.py", options=("--quiet", "--report", path, "--report", times))
        stats = pstats.Stats(path, stream=io.StringIO())
        with open(times, encoding="utf-8") as file:
            process, = json.load(file)["processes"]
        self.assertEqual(sum(function["calls"] for function in process["functions"]), stats.total_calls)
        for function in process["functions"]:
            place = ((function["file"], function["line"], function["name"]) if function["kind"] == "python" else
                     ("~", 0, displayed(function)))
            outermost, calls, own, total, callers = stats.stats[place]
            self.assertEqual((function["calls"], function["own_ns"], function["total_ns"]),
                             (calls, round(own * 1e9), round(total * 1e9)))
            self.assertLessEqual(outermost, calls)
            self.assertEqual(sum(caller["calls"] for caller in function["callers"] if caller["name"] is not None),
                             sum(count for count, *_ in callers.values()))
        recursive, = [value for place, value in stats.stats.items() if place[2] == "recursive"]
        self.assertEqual((100, 2 * sum(1 + n % 7 for n in range(50))), recursive[:2])
        said = io.StringIO()
        pstats.Stats(path, stream=said).strip_dirs().sort_stats("cumulative").print_callers("recursive")
        self.assertRegex(said.getvalue(), r"x\.py:\d+\(work\)")

    def test_flame_graph(self):
        """Each frame lies within that of its caller; widths are times; names are text, whatever they are."""
        program = PROGRAM + """
    def odd(): time.sleep(0.01)
    code = odd.__code__.replace(co_name="<a&b]]>\\\"\uffff")
    odd.__code__ = code.replace(co_qualname=code.co_name) if hasattr(code, "co_qualname") else code
    odd()
"""
        _, path = self.reported("times.svg", program)
        svg = "{http://www.w3.org/2000/svg}"
        rows = {}
        for frame in xml.etree.ElementTree.parse(path).getroot().iter(svg + "g"):
            rect, title = frame.find(svg + "rect"), frame.find(svg + "title").text.split("\n")
            x, width = float(rect.get("x")), float(rect.get("width"))
            rows.setdefault(int(rect.get("y")), []).append((x, x + width, *title))
        heights = sorted(rows)
        self.assertEqual([40 + 16 * i for i in range(len(heights))], heights)
        for above, below in zip(heights, heights[1:]):
            for begin, end, name, _ in rows[below]:
                self.assertEqual(1, sum(b - 0.01 <= begin and end <= e + 0.01 for b, e, *_ in rows[above]), name)
            for (_, end, *_), (begin, *_) in zip(sorted(rows[below]), sorted(rows[below])[1:]):
                self.assertLessEqual(end, begin + 0.01)
        [(begin, end, name, said)] = rows[40]
        self.assertEqual((0.0, 1200.0, "all"), (begin, end, name))
        frames = [frame for row in rows.values() for frame in row]
        [(begin, end, name, said)] = [frame for frame in frames if "<a&b" in frame[2]]
        self.assertRegex(name, r'^<a&b\]\]>"\ufffd \(x\.py:\d+\)$')
        self.assertRegex(said, r"^1\d\.\d ms \(\d+\.\d\d %\), own [\d.]+ us, 1 call$")
        self.assertAlmostEqual((end - begin) / 12, float(re.search(r"([\d.]+) %", said)[1]), delta=0.01)
        work = [frame for frame in frames if frame[2].startswith("work (")]
        self.assertEqual([1, 1], [int(re.search(r"([\d,]+) call", frame[3])[1]) for frame in work])
        self.assertGreater(sum(end - begin for begin, end, *_ in work), 100)

    def test_markdown(self):
        """Of many functions and processes, with names that mean something in Markdown."""
        self.write("x.py", """
            import os
            def odd(): pass
            code = odd.__code__.replace(co_name="a|b`c\\n*d*")
            odd.__code__ = code.replace(co_qualname=code.co_name) if hasattr(code, "co_qualname") else code
            for _ in range(20_000): odd()
            for i in range(80): exec(f"def f{i}(): pass\\nf{i}()")
            for _ in range(20):
                if os.fork() == 0: os._exit(3)
                os.wait()
        """)
        path, times = os.path.join(self.reports, "times.md"), os.path.join(self.reports, "times.summary.json")
        outcome = self.traced("x.py", options=("--quiet", "--report", path, "--report", times, "--hide", "nothing|here"))
        self.assertEqual(0, outcome.status)
        with open(path, encoding="utf-8") as file:
            lines = file.read().split("\n")
        with open(times, encoding="utf-8") as file:
            summary = json.load(file)
        self.assertLessEqual(len(lines), 60)
        self.assertRegex(lines[0], rf"^### \d[\d.]* \w+ in {summary['calls']:,} calls$")
        self.assertRegex(lines[2], r"^`viztracer-native .* x\.py`, exit status 0, recorded with `--hide nothing\|here`$")
        tables = [[re.split(r"(?<!\\)\|", line)[1:-1] for line in lines if line.startswith("|") and line.count("|") >= 6]]
        self.assertEqual({5}, {len(row) for row in tables[0]})
        [odd] = [row for row in tables[0] if "*d*" in row[4]]
        self.assertRegex(odd[4], r"^ `a\\\|b'c \*d\* \(x\.py:2\)` $")
        self.assertEqual(" 20,000 ", odd[3])
        self.assertTrue(any("functions more" in line for line in lines))
        self.assertTrue(any("9 processes more" in line for line in lines), lines)
        self.assertTrue(any(": exit status 3 |" in line for line in lines))

    def test_snakeviz(self):
        if self.interpreter != venvs.bases()[0]:
            self.skipTest("one of them is enough")
        _, path = self.reported("times.pstats")
        show = ("import pstats, sys; from snakeviz.stats import json_stats, table_rows; "
                "stats = pstats.Stats(sys.argv[1]); rows = table_rows(stats); "
                "print(len(rows), len(json_stats(stats)))")
        done = subprocess.run([os.path.join(venvs.need("snakeviz", self.interpreter), "bin", "python"), "-c", show, path],
                              capture_output=True, text=True, check=False)
        self.assertEqual((0, ""), (done.returncode, done.stderr))
        rows, functions = map(int, done.stdout.split())
        self.assertEqual(rows, functions)
        self.assertGreater(rows, 20)


if __name__ == "__main__":
    unittest.main()
