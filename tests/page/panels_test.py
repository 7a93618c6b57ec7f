# SPDX-License-Identifier: Apache-2.0
"""The panels of report.html in a headless Chromium, by keys and clicks as people use them."""

import json
import os
import shutil
import subprocess
import sys
import tempfile
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(os.path.dirname(HERE), "support"))

import chromium  # noqa: E402
import page_file  # noqa: E402

UNTIL = """((look) => new Promise((done, fail) => {
  const end_ms = performance.now() + 30000;
  const again = () => {
    let found = null;
    try { found = look(); } catch (fault) { found = null; }
    if (found) done(found); else if (performance.now() > end_ms) fail(new Error('it did not come to this: ' + look)); else setTimeout(again, 15);
  };
  again();
}))"""
# What would go to the disk, or to Perfetto.
BEFORE = """
window.taken = [];
URL.createObjectURL = ((before) => (blob) => { if (/json|octet/.test(blob.type)) window.taken.push(blob); return before.call(URL, blob); })(URL.createObjectURL);
HTMLAnchorElement.prototype.click = function () { window.download = this.download; };
"""
PERFETTO = """(() => {
  const frame = document.createElement('iframe');
  document.getElementById('app').append(frame);
  const opened = frame.contentWindow;
  let asked = 0;
  window.given = null;
  opened.postMessage = (message, origin) => {
    if (message === 'PING') {
      // Not at the first one: its page is still being loaded.
      if (++asked === 3) window.dispatchEvent(new MessageEvent('message', { data: 'PONG', origin, source: opened }));
    } else {
      window.given = { message, origin, asked };
    }
  };
  window.open = (address) => { window.opened = address; return opened; };
})()"""


LAUNCHER = os.environ.get("VIZTRACER_NATIVE")
PROGRAM = """
import json, threading

def numbers(count):
    for each in range(count):
        yield {"each": each, "text": "<\u202e>"}

def work(count):
    return [json.loads(json.dumps(each)) for each in numbers(count)]

def fails(value):
    raise ValueError(value)

threads = [threading.Thread(target=work, args=(20,), name=f"worker-{each}") for each in range(3)]
for thread in threads:
    thread.start()
work(30)
try:
    fails("no")
except ValueError:
    pass
for thread in threads:
    thread.join()
"""


@unittest.skipIf(chromium.why_not(), chromium.why_not())
class Panels(unittest.TestCase):
    per_interpreter = False

    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.mkdtemp(prefix="panels-")
        cls.page_text = page_file.built_page()
        cls.browser = chromium.Chromium().__enter__()
        cls.path = os.path.join(cls.folder, "report.html")
        cls.recording = page_file.Synthetic(6000, 4, 3, seed=11)
        cls.recording.write(cls.path, cls.page_text)

    @classmethod
    def tearDownClass(cls):
        cls.browser.__exit__()
        chromium.keep_pictures(cls.folder)
        shutil.rmtree(cls.folder)

    def open(self, hash_="", path=None):
        page = self.browser.open(f"file://{path or self.path}{hash_}", BEFORE)
        page.wait_until_read()
        page.evaluate("vtn.ready")
        self.addCleanup(lambda: self.assertEqual([], page.messages))
        return page

    def until(self, page, look):
        return page.evaluate(f"{UNTIL}(() => {look})")

    def picture(self, page, name):
        page.screenshot(os.path.join(self.folder, name + ".png"))

    def press(self, page, label, panel):
        page.evaluate(f"[...document.querySelectorAll('{panel} button')].find((one) => one.textContent === {json.dumps(label)}).click()")

    def type(self, page, field, text):
        page.evaluate(f"document.querySelector('{field}').select()")
        for letter in text:
            page.key(letter, letter)
        page.key("Enter")

    def first_rows(self, page, panel, cell, count=5):
        return page.evaluate(f"""[...document.querySelectorAll('.panel-{panel} .vp-row')].sort((a, b) => a.dataset.index - b.dataset.index).slice(0, {count})
          .map((row) => row.children[{cell}].textContent)""")

    def test_functions_are_those_of_the_report_sorted_and_searched(self):
        page = self.open()
        own = sorted(((own, -at, name) for at, (own, name) in enumerate(zip(self.recording.own_of, self.recording.name))), reverse=True)
        self.assertEqual([name for _, _, name in own[:5]], [name.replace("\\u202e", "\u202e") for name in self.first_rows(page, "functions", 0)])
        page.evaluate("document.querySelector('.vp-header.vp-calls').click()")
        calls = sorted(self.recording.calls_of, reverse=True)[:5]
        self.assertEqual([f"{each:,}" for each in calls], self.first_rows(page, "functions", 2))
        self.assertEqual("descending", page.evaluate("document.querySelector('.vp-header.vp-calls').getAttribute('aria-sort')"))
        self.picture(page, "functions")
        self.type(page, ".panel-functions input", "/^Order/")
        self.assertEqual(["Order.total"], self.until(page, """(() => { const rows = [...document.querySelectorAll('.panel-functions .vp-row')];
          return rows.length === 1 && rows.map((row) => row.children[0].textContent); })()"""))

    def test_a_function_is_marked_and_its_longest_call_shown_by_keys(self):
        page = self.open()
        page.evaluate("document.querySelector('.panel-functions .vp-rows').focus()")
        page.key("ArrowDown")
        page.key("ArrowDown")
        marked = page.evaluate("[...vtn.state.highlighted]")
        self.assertEqual([page.evaluate("vtn.state.selectedFunction")], marked)
        page.key("Enter")
        self.until(page, "vtn.state.selectedCall !== null")
        longest = page.evaluate(f"""(() => {{
          let longest = 0;
          vtn.source.report.threads.forEach((thread, at) => {{
            for (let depth = 0; depth < thread.depth; depth++) {{
              const column = vtn.source.column(at, depth);
              for (let i = 0; i < column.count; i++) if (column.code[i] === {marked[0]}) longest = Math.max(longest, column.end[i] - column.start[i]);
            }}
          }});
          const call = vtn.state.selectedCall;
          const column = vtn.source.column(call.thread, call.depth);
          return [column.code[call.index], longest, column.end[call.index] - column.start[call.index]];
        }})()""")
        self.assertEqual(longest, [marked[0], longest[1], longest[1]])

    def test_the_numbers_of_a_range_follow_the_selection(self):
        page = self.open()
        whole = page.evaluate("document.querySelector('.panel-functions .vp-status').textContent")
        page.evaluate("vtn.state.set('selectedRange', { from_ns: -1, to_ns: 1e15, threads: [0, 1, 2, 3] })")
        of_range = self.until(page, "(() => { const text = document.querySelector('.panel-functions .vp-status').textContent; return text.includes('in no function') && text; })()")
        # All of it: as many functions, and the same folded calls, counted fold by fold.
        self.assertEqual(whole.split(" · ")[0], of_range.split(" · ")[0])
        self.assertIn(f"{sum(self.recording.folded_of):,} of them folded", of_range)
        page.evaluate("vtn.state.set('selectedRange', null)")
        self.assertEqual(whole, self.until(page, f"document.querySelector('.panel-functions .vp-status').textContent === {json.dumps(whole)} && {json.dumps(whole)}"))

    def test_a_flame_graph_is_walked_by_keys_and_made_a_sandwich(self):
        page = self.open("#panel=flame")
        self.until(page, "document.querySelector('.vp-flame-line')")
        stacks = page.evaluate("vtn.source.stacks()")
        everything = sum(sum(one["own_ns"]) for one in stacks)
        title = page.evaluate("document.querySelector('.vp-flame-line [title]').title")
        self.assertEqual(f"{everything:,} ns", title)
        page.evaluate("document.querySelector('.vp-flame-area').focus()")
        page.key("ArrowDown")
        roots = {}
        for one in stacks:
            total = list(one["own_ns"])
            for at in range(len(total) - 1, -1, -1):
                if one["caller"][at] >= 0:
                    total[one["caller"][at]] += total[at]
                else:
                    roots[one["function"][at]] = roots.get(one["function"][at], 0) + total[at]
        heaviest = max(roots, key=lambda each: roots[each])
        self.assertEqual(f"{roots[heaviest]:,} ns", page.evaluate("document.querySelector('.vp-flame-line [title]').title"))
        page.key("Enter")
        page.key("s")
        self.assertEqual("true", page.evaluate("document.querySelector('.vp-choice [data-value=sandwich]').getAttribute('aria-checked')"))
        self.assertIn(self.recording.name[heaviest].split("\u202e")[0], page.evaluate("document.querySelector('.vp-flame-line').textContent"))
        self.picture(page, "sandwich")
        colours = page.evaluate("""(() => { const canvas = document.querySelector('.vp-flame-canvas');
          const {data} = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height);
          return new Set(new Uint32Array(data.buffer)).size; })()""")
        self.assertGreater(colours, 20)

    def test_a_call_is_told_with_its_values_and_its_neighbours(self):
        page = self.open()
        call = page.evaluate("""(async () => {
          for (const block of vtn.source.valueBlocks(0))
            for (const one of await vtn.source.valuesOfBlock(block))
              if (one.depth > 1 && one.args) { vtn.state.set('panel', 'call'); vtn.state.showCall({ thread: 0, depth: one.depth, index: one.index }); return one; }
        })()""")
        text = self.until(page, "(() => { const text = document.querySelector('.panel-call .vp-facts')?.textContent; return text?.includes('Called from') && text; })()")
        self.assertIn(f":{call['line']}", text)
        values = page.evaluate("[...document.querySelectorAll('.panel-call .vp-values tr')].map((row) => [row.children[0].textContent, row.children[1].textContent])")
        self.assertEqual([["self", "<Order 17>"], ["count", call["args"]["count"]], ["</script>", "\\u202e"], ["returned", call["returned"]]], values)
        self.until(page, "document.querySelector('.panel-call .vp-column.vp-here')")
        bars = page.evaluate("[...document.querySelectorAll('.panel-call .vp-column')].reduce((sum, bar) => sum + Number(bar.title.split(' ')[0].replaceAll(',', '')), 0)")
        code = page.evaluate(f"vtn.source.column(0, {call['depth']}).code[{call['index']}]")
        kept = page.evaluate(f"""vtn.source.report.threads.reduce((sum, thread, at) => {{
          for (let depth = 0; depth < thread.depth; depth++) {{ const column = vtn.source.column(at, depth); for (let i = 0; i < column.count; i++) if (column.code[i] === {code}) sum++; }}
          return sum; }}, 0)""")
        self.assertEqual(kept, bars)
        self.picture(page, "call")
        start = "(() => { const call = vtn.state.selectedCall; return vtn.source.column(call.thread, call.depth).start[call.index]; })()"
        before = page.evaluate(start)
        page.key("]")
        self.assertGreaterEqual(self.until(page, f"{start} !== {before} && {start}"), before)
        page.key("[")
        self.until(page, f"{start} === {before}")
        page.evaluate("document.querySelector('.panel-call .vp-calls .vp-link').click()")
        self.assertEqual(call["depth"] - 1, page.evaluate("vtn.state.selectedCall.depth"))

    def test_a_function_that_was_called_once_has_nothing_to_be_compared_with(self):
        path = os.path.join(self.folder, "few.html")
        page_file.Synthetic(60, 1, 1, seed=3).write(path, self.page_text)
        page = self.open("#panel=call", path)
        self.assertTrue(page.evaluate("""(() => { const { source } = vtn;
          for (let depth = 0; depth < source.report.threads[0].depth; depth++) { const column = source.column(0, depth);
            for (let index = 0; index < column.count; index++)
              if (!source.report.isFold(column.code[index]) && source.report.functions.calls[column.code[index]] === 1) {
                vtn.state.showCall({ thread: 0, depth, index }); return true; } }
          return false; })()"""))
        said = self.until(page, "(() => { const said = [...document.querySelectorAll('.panel-call p')].map((one) => one.textContent).find((text) => text.includes('mean')); return said; })()")
        self.assertRegex(said, r"^1 call · mean \S+ \S+$")
        ends = page.evaluate("[...document.querySelectorAll('.panel-call .vp-axis span')].map((one) => one.textContent)")
        self.assertEqual(2, len(ends), ends)

    def test_a_fold_says_what_it_holds(self):
        page = self.open("#panel=call")
        fold = page.evaluate("""(() => { for (let depth = 0; ; depth++) { const column = vtn.source.column(0, depth);
          for (let i = 0; i < column.count; i++) if (vtn.source.report.isFold(column.code[i])) { vtn.state.showCall({ thread: 0, depth, index: i }); return vtn.source.fold(0, depth, i); } } })()""")
        counts = self.until(page, "(() => { const rows = [...document.querySelectorAll('.vp-fold tr')]; return rows.length && rows.map((row) => Number(row.children[0].textContent)); })()")
        self.assertEqual([calls for _, calls in fold["functions"]], counts)
        self.assertEqual(fold["calls"], sum(counts))

    def test_source_text_with_marks_and_counts(self):
        page = self.open("#panel=source")
        file = 0
        called = next(at for at, of in enumerate(self.recording.file) if of == file and self.recording.line[at] > 40)
        page.evaluate(f"vtn.state.set('selectedFunction', {called})")
        line = self.until(page, "document.querySelector('.vp-line-function .vp-line-number')?.textContent")
        self.assertEqual(str(self.recording.line[called]), line)
        cells = page.evaluate("[...document.querySelector('.vp-line-function').children].map((cell) => cell.textContent)")
        self.assertEqual(f"{self.recording.calls_of[called]:,}", cells[0])
        self.assertEqual(page.evaluate(f"vtn.source.sourceText({file})").split("\n")[int(line) - 1], cells[4])
        self.assertGreater(page.evaluate("document.querySelectorAll('.vp-t-keyword').length"), 5)
        self.assertLess(page.evaluate("document.querySelectorAll('.panel-source .vp-row').length"), 120)
        self.picture(page, "source")
        elsewhere = self.recording.file.index(3)
        page.evaluate(f"vtn.state.set('selectedFunction', {elsewhere})")
        self.until(page, "document.querySelector('.panel-source .vp-empty').textContent.includes('not inside the report')")

    def test_a_search_finds_names_values_and_instants_and_goes_from_one_to_the_next(self):
        page = self.open()
        page.key("/", "/")
        self.until(page, "document.activeElement === document.querySelector('.panel-search input')")
        self.type(page, ".panel-search input", "fetch_all")
        called = self.recording.name.index("fetch_all")
        self.until(page, "document.querySelectorAll('.panel-search .vp-row').length === 1")
        self.assertEqual([called], page.evaluate("[...vtn.state.highlighted]"))
        page.evaluate("vtn.state.set('selectedCall', null); document.activeElement.blur(); vtn.state.showAll()")
        seen = []
        for _ in range(12):
            before = json.dumps(page.evaluate("vtn.state.selectedCall"))
            page.key("n")
            call = self.until(page, f"JSON.stringify(vtn.state.selectedCall) !== JSON.stringify({before}) && vtn.state.selectedCall")
            start, code = page.evaluate(f"(() => {{ const column = vtn.source.column({call['thread']}, {call['depth']}); return [column.start[{call['index']}], column.code[{call['index']}]]; }})()")
            seen.append(start)
            held = [code] if code < len(self.recording.name) else self.recording.sets[code - len(self.recording.name)]
            self.assertIn(called, held)
        self.assertEqual(sorted(seen), seen)
        page.key("N")
        self.until(page, f"(() => {{ const call = vtn.state.selectedCall; return vtn.source.column(call.thread, call.depth).start[call.index] <= {seen[-1]}; }})()")
        self.picture(page, "search")
        self.type(page, ".panel-search input", "ValueError")
        self.until(page, "[...document.querySelectorAll('.panel-search .vp-row .vp-kind')].some((kind) => kind.textContent === 'instant')")
        self.type(page, ".panel-search input", "<Order 17>")
        self.until(page, "document.querySelector('.panel-search .vp-status').textContent.includes('with such values')")
        self.type(page, ".panel-search input", "/(/")
        self.assertEqual("true", self.until(page, "document.querySelector('.panel-search input').getAttribute('aria-invalid') === 'true' && 'true'"))

    def test_processes_stand_as_a_tree_and_say_what_is_missing(self):
        page = self.open()
        page.key("6")
        self.assertEqual(3, page.evaluate("document.querySelectorAll('.panel-processes .vp-row').length"))
        self.assertIn("values of folded calls", page.evaluate("document.querySelector('.vp-missing').textContent"))
        page.evaluate("document.querySelector('.panel-processes .vp-rows').focus()")
        page.key("ArrowDown")
        page.key("ArrowLeft")
        self.assertEqual(1, page.evaluate("document.querySelectorAll('.panel-processes .vp-row').length"))
        page.key("ArrowRight")
        self.assertEqual(3, page.evaluate("document.querySelectorAll('.panel-processes .vp-row').length"))
        page.key("End")
        process = self.recording.processes[2]
        shown = page.evaluate("vtn.state.view")
        self.assertLessEqual(shown["from_ns"], process["start_ns"])
        self.assertGreaterEqual(shown["to_ns"], process["end_ns"])
        self.assertIn("python3 app.py --all", page.evaluate("document.querySelector('.vp-process-facts').textContent"))
        self.picture(page, "processes")

    def test_names_are_text_in_every_panel(self):
        page = self.open()
        for panel in ("functions", "flame", "search", "source", "processes", "call"):
            page.evaluate(f"vtn.state.set('panel', '{panel}')")
        page.evaluate("vtn.state.set('searched', 'back')")
        name = self.until(page, "document.querySelector('.panel-search .vp-row .vp-name')?.textContent")
        self.assertEqual("back\\u202edrow", name)
        self.assertNotIn("\u202e", page.evaluate("document.getElementById('app').textContent"))
        self.assertEqual(0, page.evaluate("document.querySelectorAll('#panels script, #panels .vp-name b').length"))

    def test_what_is_saved_has_every_row(self):
        page = self.open()
        page.key("e")
        self.until(page, "document.querySelector('.vp-dialog').open")
        self.assertIn("6,000 events", page.evaluate("document.querySelector('.vp-dialog').textContent"))
        self.picture(page, "save")
        self.press(page, "Save .json", ".vp-dialog")
        self.until(page, "window.taken.length")
        trace = json.loads(page.evaluate("window.taken[0].text()"))
        self.assertEqual("app.py_--all.json", page.evaluate("window.download"))
        rows = [event for event in trace["traceEvents"] if event["ph"] == "X" and event["cat"] in ("FEE", "folded")]
        self.assertEqual(6000, len(rows))
        folded = [event for event in rows if event["cat"] == "folded"]
        self.assertEqual(sum(self.recording.folded_of), sum(event["args"]["calls"] for event in folded))
        self.assertEqual(sum(self.recording.folded_of), sum(sum(event["args"]["functions"].values()) for event in folded))
        calls = {}
        for event in rows:
            calls[event["name"]] = calls.get(event["name"], 0) + (event["cat"] == "FEE")
        for name, file, line, of, folds in zip(self.recording.name, self.recording.file, self.recording.line, self.recording.calls_of, self.recording.folded_of):
            shown = f"{name} ({self.recording.FILES[file]}:{line})" if file >= 0 else name
            if self.recording.kind[self.recording.name.index(name)] != 2:
                self.assertEqual(of - folds, calls.get(shown, 0), name)

    def test_perfetto_is_asked_until_it_answers_and_given_the_same(self):
        page = self.open()
        page.evaluate(PERFETTO)
        page.key("e")
        self.until(page, "document.querySelector('.vp-dialog').open")
        self.press(page, "Open in Perfetto", ".vp-dialog")
        self.until(page, "window.given")
        self.assertEqual("https://ui.perfetto.dev", page.evaluate("window.opened"))
        origin, asked, title, events = page.evaluate("""(() => { const { message: { perfetto }, origin, asked } = window.given;
          return [origin, asked, perfetto.title, JSON.parse(new TextDecoder().decode(perfetto.buffer)).traceEvents.filter((one) => one.ph === 'X' && one.cat !== 'process').length]; })()""")
        self.assertEqual(["https://ui.perfetto.dev", 3, "app.py --all", 6000], [origin, asked, title, events])

    def test_help_names_the_keys(self):
        page = self.open()
        page.key("?", "?")
        self.assertTrue(page.evaluate("document.querySelector('dialog.help').open"))
        self.picture(page, "help")
        self.assertGreater(page.evaluate("document.querySelectorAll('dialog.help kbd').length"), 30)

    @unittest.skipIf(not LAUNCHER, "VIZTRACER_NATIVE does not say where the program is")
    def test_what_is_saved_is_what_the_program_writes(self):
        """The same recording as .json and, through .html and the page, as .json again: the same calls with the same values."""
        def run(*words):
            done = subprocess.run([LAUNCHER, *words], cwd=self.folder, capture_output=True, text=True, timeout=100)
            self.assertEqual(0, done.returncode, done.stderr)
        with open(os.path.join(self.folder, "program.py"), "w", encoding="utf-8") as file:
            file.write(PROGRAM)
        run("--log_func_args", "--log_func_retval", "-o", "run.vtn", "program.py")
        run("--convert", "run.vtn", "-o", "run.json")
        run("--convert", "run.vtn", "-o", "run.html")

        def read(name):
            with open(os.path.join(self.folder, name), encoding="utf-8") as file:
                return json.load(file)
        written = read("run.json")
        page = self.open(path=os.path.join(self.folder, "run.html"))
        page.key("e")
        self.until(page, "document.querySelector('.vp-dialog').open")
        self.press(page, "Save .json", ".vp-dialog")
        self.until(page, "window.taken.length")
        saved = json.loads(page.evaluate("window.taken[0].text()"))
        self.assertGreater(len(calls_of(written)), 500)
        self.assertEqual(calls_of(written), calls_of(saved))
        # And as .pftrace, which the program reads. Its times count from the report's start.
        self.until(page, "![...document.querySelectorAll('.vp-dialog button')].some((one) => one.disabled)")
        self.press(page, "Save .pftrace", ".vp-dialog")
        self.until(page, "window.taken.length === 2")
        with open(os.path.join(self.folder, "saved.pftrace"), "wb") as file:
            file.write(bytes(page.evaluate("window.taken[1].arrayBuffer().then((bytes) => [...new Uint8Array(bytes)])")))
        run("--convert", "saved.pftrace", "-o", "back.json")
        back = read("back.json")
        start_ns = saved["viztracer_metadata"]["baseTimeNanoseconds"] - back["viztracer_metadata"]["baseTimeNanoseconds"]
        self.assertEqual([(pid, tid, ns - saved["viztracer_metadata"]["baseTimeNanoseconds"], *rest) for pid, tid, ns, *rest in calls_of(saved)],
                         [(pid, tid, ns - saved["viztracer_metadata"]["baseTimeNanoseconds"] + start_ns, *rest) for pid, tid, ns, *rest in calls_of(back)])


def calls_of(trace):
    """(pid, tid, nanoseconds of the clock, duration, name, all else) of every call, in order."""
    base_ns = trace["viztracer_metadata"]["baseTimeNanoseconds"]
    return sorted((event["pid"], event["tid"], base_ns + round(event["ts"] * 1000), round(event["dur"] * 1000), event["name"],
                   json.dumps([event.get("args"), event.get("caller_lineno")], sort_keys=True))
                  for event in trace["traceEvents"] if event["ph"] == "X" and event["cat"] == "FEE")


if __name__ == "__main__":
    unittest.main()
