# SPDX-License-Identifier: Apache-2.0
"""report.html: the calls, values and marks of the page against the .json of the same recording, folded and not."""

import collections
import json
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))

import page_file
import support

PROGRAM = """
import json, os, subprocess, sys, threading

def fib(n):
    return n if n < 2 else fib(n - 1) + fib(n - 2)

def numbers(n):
    for i in range(n):
        yield i

def work():
    for _ in range(20):
        json.dumps({"a": [fib(6), sum(numbers(20))]})

def fails():
    try:
        int("x")
    except ValueError:
        pass

threads = [threading.Thread(target=work, name=f"w{i}") for i in range(3)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
fails()
if len(sys.argv) > 1:
    subprocess.run(["true"])
    subprocess.run([sys.executable, "-c", "print(sorted([3, 1]))"])
    os.kill(os.getpid(), 9)
"""


SPANS = """
import asyncio, os, threading
from viztracer_native import span

async def handle(number):
    with span("handle", number=number):
        await asyncio.sleep(0.001 * number)
        with span("query"):
            await asyncio.sleep(0.002)

async def main():
    await asyncio.gather(*(handle(number) for number in range(5)))

asyncio.run(main())
worker = threading.Thread(target=asyncio.run, args=(main(),))
worker.start()
worker.join()
async def never():
    with span("never", why="killed"):
        await asyncio.sleep(0.001)
        os._exit(3)
asyncio.run(never())
"""


def name_of(tables, function):
    functions = tables["functions"]
    name = functions["name"][function]
    file = functions["file"][function]
    return name if file < 0 else f"{name} ({tables['files'][file]}:{functions['line'][function]})"


def rows_of(page):
    """(pid, tid) -> [(start, end, name, depth, flags)] of single calls."""
    rows = collections.defaultdict(list)
    count = len(page["tables"]["functions"]["name"])
    for (thread, depth), column in page["columns"].items():
        info = page["tables"]["threads"][thread]
        if "spans_of" in info:
            continue
        key = page["tables"]["processes"][info["process"]]["pid"], info["tid"]
        for i in range(len(column)):
            if column.code[i] < count:
                rows[key].append((column.start[i], column.end[i], name_of(page["tables"], column.code[i]), depth, column.odd.get(i, 0)))
    return rows


def spans_of_page(page):
    """(start, end, name, values, flags, (pid, tid)) of spans that are no part of a stack."""
    told = {(block["thread"], depth, index): values for block in page["values"] for depth, index, _, values, _ in block["calls"]}
    found = []
    for (thread, lane), column in page["columns"].items():
        info = page["tables"]["threads"][thread]
        if "spans_of" in info:
            key = page["tables"]["processes"][info["process"]]["pid"], page["tables"]["threads"][info["spans_of"]]["tid"]
            found += [(column.start[i], column.end[i], name_of(page["tables"], column.code[i]), told.get((thread, lane, i), {}), column.odd.get(i, 0), key)
                      for i in range(len(column))]
    return sorted(found, key=lambda one: one[0])


def spans_of(report, start_ns):
    """The same of a .json: (start, end, name, values, (pid, tid)); end None: it never ended."""
    events = report.data["traceEvents"]
    ends = {(one["pid"], one["id"]): one["ts"] - start_ns for one in events if one["ph"] == "e"}
    return sorted(((one["ts"] - start_ns, ends.get((one["pid"], one["id"])), one["name"], one.get("args", {}), (one["pid"], one["tid"]))
                   for one in events if one["ph"] == "b"), key=lambda one: one[0])


def calls_of(report, start_ns):
    """The same of a .json: (start, end, name, depth); end None: it never ended."""
    rows = {}
    for key, roots in report.threads.items():
        waiting = [(root, 0) for root in roots if root.category != "process"]
        found = []
        while waiting:
            call, depth = waiting.pop()
            found.append((call.start - start_ns, None if call.end is None else call.end - start_ns, call.name, depth))
            waiting += [(inner, depth + 1) for inner in call.children]
        if found:
            rows[key] = sorted(found, key=lambda row: row[0])
    return rows


def offset_ns(page, report):
    """From a time of the .json to one of the page."""
    return int(page["meta"]["start_unix_ns"]) - report.data["viztracer_metadata"]["baseTimeNanoseconds"]


class Page(support.TestCase):

    def make(self, *arguments, options=(), status=0, program=PROGRAM):
        """The page of a run, and its .json as a Report."""
        script = self.write("x.py", program)
        self.html, self.vtn = (os.path.join(self.reports, name) for name in ("r.html", "r.vtn"))
        run = self.traced(script, *arguments, options=("--quiet", "-o", self.html, "-o", self.vtn, *options))
        self.assertEqual(run.status, status, run.stderr)
        page = page_file.read_page(self.html)
        self.assertTrue(page["whole"])
        return page, run.report

    def again(self, *options):
        path = os.path.join(self.reports, "again.html")
        run = self.run_argv([support.LAUNCHER, "--quiet", *options, "--convert", self.vtn, "-o", path])
        self.assertEqual(run.status, 0, run.stderr)
        return page_file.read_page(path)

    def same_calls(self, page, report):
        shift = offset_ns(page, report)
        expected = calls_of(report, shift)
        found = rows_of(page)
        self.assertEqual(set(found), set(expected))
        for key, rows in found.items():
            rows.sort()
            self.assertEqual([(start, name, depth) for start, _, name, depth, _ in rows],
                             [(start, name, depth) for start, _, name, depth in expected[key]])
            for mine, other in zip(rows, expected[key]):
                if other[1] is not None:
                    self.assertEqual(mine[1], other[1], mine)
                else:
                    self.assertTrue(mine[4] & page_file.OPEN, mine)

    def test_each_call(self):
        page, report = self.make("more", status=-9)
        self.same_calls(page, report)
        meta = page["meta"]
        self.assertEqual(meta["exit"], {"signal": 9})
        self.assertEqual((meta["folded_calls"], meta["fold_below_ns"]), (0, 0))
        self.assertEqual(meta["kept_calls"], meta["calls"])
        self.assertEqual(meta["rows"], report.data["viztracer_native"]["calls"])
        rows = [row for found in rows_of(page).values() for row in found]
        self.assertEqual(meta["rows"], len(rows))
        # How many there are at each depth is said before they come.
        self.assertEqual(meta["rows"], sum(sum(thread["rows"]) for thread in page["tables"]["threads"]))
        # Those that the signal cut short, and those that an exception left.
        self.assertTrue(any(row[2].startswith("<module> ") and row[4] & page_file.OPEN for row in rows))
        self.assertTrue(any(row[4] & page_file.RAISED for row in rows))
        resumed = sum(1 for row in rows if row[4] & page_file.RESUMED)
        self.assertEqual(meta["rows"] - resumed, meta["calls"])
        self.assertEqual(sum(thread["calls"] for thread in page["tables"]["threads"]), meta["calls"])
        self.assertGreaterEqual(resumed, 3 * 20 * 20)

    def test_the_tree(self):
        page, report = self.make("more", status=-9)
        processes = page["tables"]["processes"]
        ledger = {process["pid"]: process for process in report.data["viztracer_native"]["processes"]}
        self.assertEqual({process["pid"] for process in processes}, set(ledger))
        for process in processes:
            told = ledger[process["pid"]]
            for key in ("name", "ledger", "python", "argv", "cwd"):
                self.assertEqual(process[key], told[key], key)
            self.assertEqual(processes[process["parent"]]["pid"] if process["parent"] >= 0 else None, told["parent"])
        self.assertEqual(processes[0]["end"], "killed by SIGKILL")
        self.assertEqual([program["name"] for process in processes for program in process["programs"] if not program["traced"]], ["true"])
        # From the call of this process that started the others.
        arrows = page["tables"]["arrows"]
        self.assertEqual([(arrow["process"], arrow["name"].split()[:2]) for arrow in arrows],
                         [(0, ["start", "true"]), (0, ["start", os.path.basename(processes[2]["argv"][0])])])
        for arrow in arrows:
            self.assertLessEqual(arrow["ns"], arrow["to_ns"])
        names = {thread["name"] for thread in page["tables"]["threads"]}
        self.assertLessEqual({"w0", "w1", "w2", "MainThread"}, names)

    def test_sums_and_stacks(self):
        page, report = self.make()
        path = os.path.join(self.reports, "sums.summary.json")
        run = self.run_argv([support.LAUNCHER, "--quiet", "--convert", self.vtn, "-o", path])
        self.assertEqual(run.status, 0, run.stderr)
        with open(path, encoding="utf-8") as file:
            summary = json.load(file)
        expected = collections.Counter()
        for process in summary["processes"]:
            for function in process["functions"]:
                expected[function["line"], function["calls"], function["own_ns"], function["total_ns"]] += 1
        functions = page["tables"]["functions"]
        self.assertEqual(functions["kind"][-1], 2)  # holes in the record: none
        self.assertEqual(functions["calls"][-1], 0)
        columns = [functions[key][:-1] for key in ("line", "calls", "own_ns", "total_ns")]
        self.assertEqual(collections.Counter(zip(*columns)), expected)
        self.assertEqual(functions["own_ns"], sorted(functions["own_ns"], reverse=True))
        by_stack = collections.Counter()
        for block in page["stacks"]:
            for function, calls in zip(block["function"], block["calls"]):
                by_stack[function] += calls
        self.assertEqual([by_stack[i] for i in range(len(functions["calls"]))], functions["calls"])
        self.assertIn("fib (", page["functions"])

    def test_folded(self):
        page, _ = self.make()
        every = collections.Counter()
        for rows in rows_of(page).values():
            every.update(row[2] for row in rows)
        limited = self.again("--report_limit", "1000")
        meta = limited["meta"]
        self.assertGreater(meta["fold_below_ns"], 0)
        self.assertLess(meta["rows"], 1500)
        self.assertEqual(meta["kept_calls"] + meta["folded_calls"], page["meta"]["calls"])
        self.assertEqual(meta["calls"], page["meta"]["calls"])
        found = collections.Counter()
        names = limited["tables"]["functions"]["name"]
        sets = limited["tables"]["sets"]
        for (thread, depth), column in limited["columns"].items():
            for i in range(len(column)):
                if column.code[i] < len(names):
                    found[name_of(limited["tables"], column.code[i])] += 1
                    continue
                calls, _, busy_ns, counts = column.folds[i]
                self.assertEqual(sum(counts), calls)
                self.assertGreater(calls, 1)
                self.assertLessEqual(busy_ns, column.end[i] - column.start[i])
                for function, count in zip(sets[column.code[i] - len(names)], counts):
                    found[name_of(limited["tables"], function)] += count
        self.assertEqual(found, every)
        # The table is of all calls, and says how many of them are folded.
        self.assertEqual(limited["tables"]["functions"]["calls"], page["tables"]["functions"]["calls"])
        self.assertEqual(sum(limited["tables"]["functions"]["folded_calls"]), meta["folded_calls"])
        full = self.again("--full", "--report_limit", "1000")
        self.assertEqual(full["meta"]["folded_calls"], 0)
        self.assertEqual(full["meta"]["rows"], page["meta"]["rows"])

    def test_an_overview_comes_first(self):
        page, _ = self.make(program="""
            import sys
            def leaf(): pass
            def node(n):
                for _ in range(n): leaf()
            for _ in range(300): node(200)
        """)
        self.assertEqual(page["meta"]["blocks"]["overview"], 1)
        self.assertLess(sum(len(column) for column in page["overview"].values()), 40_000)
        calls = 0
        for column in page["overview"].values():
            calls += len(column) - len(column.folds) + sum(fold[0] for fold in column.folds.values())
        self.assertEqual(calls, page["meta"]["rows"])

    def test_values_and_marks(self):
        page, report = self.make(options=("--log_func_args", "--log_func_retval", "--log_exception", "--log_gc"))
        self.same_calls(page, report)
        shift = offset_ns(page, report)
        threads = page["tables"]["threads"]
        processes = page["tables"]["processes"]
        key_of = [(processes[thread["process"]]["pid"], thread["tid"]) for thread in threads]
        told = {}
        for block in page["values"]:
            for depth, row, line, arguments, value in block["calls"]:
                column = page["columns"][block["thread"], depth]
                self.assertGreaterEqual(column.start[row], block["data"]["from_ns"])
                self.assertLessEqual(column.end[row], block["data"]["to_ns"])
                told[key_of[block["thread"]], column.start[row] + shift] = (arguments, value)
        expected = {}
        for event in report.events:
            values = event.get("args", {})
            if event["ph"] == "X" and event["cat"] == "FEE" and ("func_args" in values or "return_value" in values):
                expected[(event["pid"], event["tid"]), support.nanoseconds(event["ts"])] = (
                    values.get("func_args"), values.get("return_value"))
        self.assertEqual(told, expected)
        self.assertGreater(len(told), 1000)
        instants = sorted((key_of[block["thread"]], ns + shift, name, category, sorted(map(tuple, values)))
                          for block in page["marks"] for ns, name, category, values in block["instants"])
        expected = sorted(((event["pid"], event["tid"]), support.nanoseconds(event["ts"]), event["name"], event["cat"],
                           sorted(event["args"].items()))
                          for event in report.events if event["ph"] == "i" and event["cat"] != "process")
        self.assertEqual(instants, expected)
        self.assertTrue(any(instant[2].endswith("Error") for instant in instants), instants[:5])

    def test_spans(self):
        """Those of coroutines: in the page on tracks of their own, as the .json has them; again after the page was imported."""
        page, report = self.make(program=SPANS, status=3)
        self.same_calls(page, report)
        expected = spans_of(report, offset_ns(page, report))
        self.assertEqual({"handle": 10, "query": 10, "never": 1}, dict(collections.Counter(one[2] for one in expected)))
        self.assertEqual([("never", None, {"why": "'killed'", "unfinished": "True"})], [(name, end, args) for _, end, name, args, _ in expected if end is None])
        self.compare_spans(page, expected)
        tables = page["tables"]
        tracks = [thread for thread in tables["threads"] if "spans_of" in thread]
        self.assertEqual(["spans", "spans"], [thread["name"] for thread in tracks])
        self.assertTrue(all(5 <= thread["depth"] <= 10 for thread in tracks), tracks)
        self.assertEqual(page["meta"]["rows"], sum(sum(thread["rows"]) for thread in tables["threads"]))
        functions = tables["functions"]
        self.assertEqual({"handle": 10, "query": 10, "never": 1},
                         {name: calls for name, kind, calls in zip(functions["name"], functions["kind"], functions["calls"]) if kind == 3})
        # The page is a recording as well.
        again = os.path.join(self.reports, "imported.html")
        run = self.run_argv([support.LAUNCHER, "--quiet", "--convert", self.html, "-o", again])
        self.assertEqual(run.status, 0, run.stderr)
        self.assertEqual(sorted((name, flags) for _, _, name, _, flags, _ in spans_of_page(page)),
                         sorted((name, flags) for _, _, name, _, flags, _ in spans_of_page(page_file.read_page(again))))

    def compare_spans(self, page, expected):
        found = spans_of_page(page)
        self.assertEqual([(start, name, key) for start, _, name, _, _, key in found], [(start, name, key) for start, _, name, _, key in expected])
        for (_, end, _, values, flags, _), (_, wanted, _, args, _) in zip(found, expected):
            if wanted is None:
                self.assertEqual(page_file.OPEN, flags)
                self.assertEqual({**values, "unfinished": "True"}, args)
            else:
                self.assertEqual((wanted, args, 0), (end, values, flags))

    def test_sources(self):
        page, _ = self.make()
        tables = page["tables"]
        file = tables["files"].index(os.path.join(self.work, "x.py"))
        block = page["sources"][tables["source_block"][file]]
        with open(os.path.join(self.work, "x.py"), encoding="utf-8") as source:
            self.assertEqual(block[str(file)], source.read())
        without = self.again("--no_source")
        self.assertEqual(without["meta"]["blocks"]["sources"], 0)
        self.assertEqual(set(without["tables"]["source_block"]), {-1})

    def test_hostile_names(self):
        page, _ = self.make(program="""
            import types
            def f(): pass
            for name in ("</script><script>alert(1)</script>", "a\\u202eb<!--", "\\x00\\x1b[31m", "x" * 1000):
                code = f.__code__.replace(co_name=name, co_filename=name)
                if hasattr(code, "co_qualname"):
                    code = code.replace(co_qualname=name)
                types.FunctionType(code, {})()
        """)
        names = page["tables"]["functions"]["name"]
        self.assertIn("</script><script>alert(1)</script>", names)
        self.assertIn("a\u202eb<!--", names)
        with open(self.html, encoding="utf-8") as file:
            text = file.read()
        self.assertNotIn("<script>alert", text)
        self.assertNotIn("<!--", text[text.index("vtn-meta"):text.index('id="vtn-code"')])
