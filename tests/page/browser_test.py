# SPDX-License-Identifier: Apache-2.0
"""report.html in a headless Chromium, opened from file:// as a user would."""

import os
import re
import shutil
import sys
import tempfile
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(os.path.dirname(HERE), "support"))

import chromium  # noqa: E402
import page_file  # noqa: E402

ROWS = "(() => { let rows = 0; vtn.source.report.threads.forEach((thread, at) => { for (let depth = 0; depth < thread.depth; depth++) rows += vtn.source.column(at, depth)?.count || 0; }); return rows; })()"
# Where on the screen the middle of a call is.
PLACE = """((thread, depth, index) => {
  const { timeline, source } = vtn;
  const item = timeline.layout.index.threads.get(thread);
  const column = source.column(thread, depth);
  const corner = timeline.surface.getBoundingClientRect();
  const x = timeline.scale.px((column.start[index] + column.end[index]) / 2);
  return [corner.left + x, corner.top + item.y_px + item.calls_y_px + (depth + 0.5) * item.line_px - timeline.scroller.scrollTop];
})"""
NEXT_FRAME = "new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(() => done())))"


@unittest.skipIf(chromium.why_not(), chromium.why_not())
class Browser(unittest.TestCase):
    per_interpreter = False

    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.mkdtemp(prefix="page-")
        cls.page_text = page_file.built_page()
        cls.browser = chromium.Chromium().__enter__()

    @classmethod
    def tearDownClass(cls):
        cls.browser.__exit__()
        chromium.keep_pictures(cls.folder)
        shutil.rmtree(cls.folder)

    def write(self, name, change=None, **options):
        path = os.path.join(self.folder, name + ".html")
        page_file.Synthetic(**{"rows": 6000, "threads": 4, "processes": 3, "seed": 11, **options}).write(path, self.page_text)
        if change:
            with open(path, encoding="utf-8") as file:
                text = file.read()
            with open(path, "w", encoding="utf-8") as file:
                file.write(change(text))
        return path

    def open(self, path, hash_="", picture=None):
        page = self.browser.open(f"file://{path}{hash_}")
        page.wait_until_read()
        page.evaluate("vtn.ready")
        page.evaluate(NEXT_FRAME)
        if picture:
            page.screenshot(os.path.join(self.folder, picture + ".png"))
        return page

    def test_a_report_opens_with_every_row_and_without_a_word(self):
        for mark in ("#webgl", "#2d"):
            with self.subTest(mark):
                page = self.open(self.write("whole"), mark, "whole" + mark.strip("#"))
                self.assertEqual([], page.messages)
                self.assertEqual([], page.evaluate("vtn.source.problems"))
                self.assertEqual(6000, page.evaluate(ROWS))
                self.assertEqual("Canvas 2D" if mark == "#2d" else "WebGL2", page.evaluate("vtn.timeline.painter.name"))
                self.assertEqual("app.py --all", page.evaluate("document.title"))
                self.assertEqual(0, page.evaluate("document.querySelectorAll('script[id^=vtn-calls], script[id^=vtn-tables]').length"))
                self.assertGreater(page.evaluate("vtn.timeline.scene.boxes.count"), 300)

    def test_a_processor_that_stands_in_for_a_card_does_not_draw_by_webgl(self):
        page = self.open(self.write("card"))
        self.assertEqual("Canvas 2D", page.evaluate("vtn.timeline.painter.name"), "SwiftShader is all that this Chromium may use")

    def test_both_painters_draw_the_same_boxes(self):
        """The colour at the middle of wide calls is the same by either, and that of the palette."""
        colours = []
        for mark in ("#webgl", "#2d"):
            page = self.open(self.write("painters"), mark)
            colours.append(page.evaluate("""(() => {
              const { timeline } = vtn;
              timeline.draw();
              const copy = document.createElement('canvas');
              copy.width = timeline.box_canvas.width;
              copy.height = timeline.box_canvas.height;
              const context = copy.getContext('2d');
              context.drawImage(timeline.box_canvas, 0, 0);
              return timeline.scene.labels.filter((one) => one.code >= 0 && !vtn.source.report.isFold(one.code)).slice(0, 60).map((one) => {
                const [red, green, blue] = context.getImageData(Math.floor((Math.max(0, one.from_px) + one.to_px) / 2), Math.floor(one.y_px + 3), 1, 1).data;
                return [red, green, blue, timeline.palette.colour(one.code)];
              });
            })()"""))
        self.assertGreater(len(colours[0]), 20)
        self.assertEqual(colours[0], colours[1])
        right = [one for one in colours[0] if one[0] | one[1] << 8 | one[2] << 16 == one[3] & 0xFFFFFF]
        # A box that never ended fades, so a few may differ.
        self.assertGreaterEqual(len(right), len(colours[0]) * 9 // 10, colours[0])

    def test_a_picture_comes_back_when_the_gpu_does(self):
        page = self.open(self.write("lost"), "#webgl")
        taken = """(() => {
          const copy = document.createElement('canvas');
          copy.width = vtn.timeline.box_canvas.width;
          copy.height = vtn.timeline.box_canvas.height;
          const context = copy.getContext('2d');
          context.drawImage(vtn.timeline.box_canvas, 0, 0);
          return copy.toDataURL();
        })()"""
        # A canvas has what was drawn in the same frame only.
        before = page.evaluate("vtn.timeline.draw(), " + taken)
        after = page.evaluate("""new Promise((done) => {
          const { gl, canvas } = vtn.timeline.painter;
          const extension = gl.getExtension('WEBGL_lose_context');
          canvas.addEventListener('webglcontextlost', () => setTimeout(() => extension.restoreContext()));
          canvas.addEventListener('webglcontextrestored', () => requestAnimationFrame(() => done(TAKEN)));
          extension.loseContext();
        })""".replace("TAKEN", taken))
        self.assertTrue(before == after, "it is drawn once more")

    def test_a_click_selects_a_call_and_keys_go_on_from_it(self):
        page = self.open(self.write("click"))
        thread, depth, index = page.evaluate(
            "(() => { const label = vtn.timeline.scene.labels.find((one) => one.depth === 2 && one.to_px - one.from_px > 40); return [label.thread, label.depth, label.index]; })()")
        page.click(*page.evaluate(f"{PLACE}({thread}, {depth}, {index})"))
        self.assertEqual({"thread": thread, "depth": depth, "index": index}, page.evaluate("vtn.state.selectedCall"))
        name = page.evaluate(f"vtn.source.report.functions.name[vtn.source.column({thread}, {depth}).code[{index}]]")
        self.assertIn(name, page.evaluate("document.querySelector('.tooltip').textContent"))
        page.key("ArrowUp")
        self.assertEqual(depth - 1, page.evaluate("vtn.state.selectedCall.depth"))
        page.key("ArrowDown")
        self.assertEqual(depth, page.evaluate("vtn.state.selectedCall.depth"))
        before = page.evaluate("vtn.state.view.to_ns - vtn.state.view.from_ns")
        page.key("f")
        after = page.evaluate("vtn.state.view.to_ns - vtn.state.view.from_ns")
        self.assertLess(after, before)
        page.key("w")
        self.assertLess(page.evaluate("vtn.state.view.to_ns - vtn.state.view.from_ns"), after)
        page.screenshot(os.path.join(self.folder, "selected.png"))
        page.key("Escape")
        self.assertIsNone(page.evaluate("vtn.state.selectedCall"))
        self.assertEqual([], page.messages)

    def test_drag_wheel_and_range(self):
        page = self.open(self.write("drag"))
        page.evaluate("vtn.state.showRange(100000, 300000)")
        page.evaluate(NEXT_FRAME)
        page.mouse("mousePressed", 800, 300, button="left", clickCount=1)
        page.mouse("mouseMoved", 700, 300, button="left", buttons=1)
        page.mouse("mouseReleased", 700, 300, button="left", clickCount=1)
        moved = page.evaluate("vtn.state.view")
        self.assertGreater(moved["from_ns"], 100000)
        self.assertAlmostEqual(200000, moved["to_ns"] - moved["from_ns"], delta=1)
        page.mouse("mousePressed", 500, 300, button="left", clickCount=1, modifiers=8)
        page.mouse("mouseMoved", 900, 300, button="left", buttons=1, modifiers=8)
        page.mouse("mouseReleased", 900, 300, button="left", clickCount=1, modifiers=8)
        chosen = page.evaluate("vtn.state.selectedRange")
        self.assertGreater(chosen["to_ns"], chosen["from_ns"])
        self.assertTrue(chosen["threads"])
        self.assertEqual(moved, page.evaluate("vtn.state.view"))
        page.call("Input.dispatchMouseEvent", type="mouseWheel", x=700, y=300, deltaX=0, deltaY=-200, modifiers=2)
        page.evaluate(NEXT_FRAME)
        zoomed = page.evaluate("vtn.state.view")
        self.assertLess(zoomed["to_ns"] - zoomed["from_ns"], 190000)

    def test_names_get_as_much_room_as_is_dragged(self):
        page = self.open(self.write("heads"))
        before, edge = page.evaluate("[vtn.timeline.width_px, vtn.timeline.surface.getBoundingClientRect().left]")
        page.mouse("mousePressed", edge - 1, 300, button="left", clickCount=1)
        page.mouse("mouseMoved", edge + 99, 300, button="left", buttons=1)
        page.mouse("mouseReleased", edge + 99, 300, button="left", clickCount=1)
        self.assertAlmostEqual(before - 100, page.evaluate("vtn.timeline.width_px"), delta=2)
        self.assertEqual(page.evaluate("vtn.timeline.width_px"), page.evaluate("vtn.timeline.box_canvas.clientWidth"))

    def test_a_link_shows_what_its_sender_saw(self):
        path = self.write("link")
        page = self.open(path, "#view=200000_400000&call=1_2_3&range=250000_260000")
        self.assertEqual({"thread": 1, "depth": 2, "index": 3}, page.evaluate("vtn.state.selectedCall"))
        self.assertEqual([200000, 400000], page.evaluate("[vtn.state.view.from_ns, vtn.state.view.to_ns].map(Math.round)"))
        self.assertEqual(250000, page.evaluate("vtn.state.selectedRange.from_ns"))
        page.evaluate("vtn.state.showRange(1000, 9000)")
        page.evaluate("new Promise((done) => { const look = () => location.hash.includes('view=1000_9000') ? done() : setTimeout(look, 20); look(); })")

    def test_a_link_opens_its_panel(self):
        page = self.open(self.write("panel"), "#panel=processes")
        self.assertEqual("panel-processes", page.evaluate("document.querySelector('[role=tabpanel]:not([hidden])').classList[1]"))

    def test_a_cut_file_is_one_line_and_what_is_there_is_shown(self):
        path = self.write("cut", lambda text: text[:text.index('id="vtn-calls-2"') + 200], element_bytes=4000, threads=8)
        page = self.open(path, picture="cut")
        self.assertRegex(page.evaluate("document.getElementById('problems').textContent"), r"^This file has been cut: 2 of \d+ blocks of calls are there, and what follows them is missing\.$")
        rows = page.evaluate(ROWS)
        self.assertGreater(rows, 100)
        self.assertEqual([], [one for one in page.messages if one[0] == "exception"])

    def test_damage_costs_itself_only(self):
        def damage(text):
            at = text.index(">", text.index('id="vtn-calls-1"')) + 100
            return text[:at] + "AAAAAAAA" + text[at + 8:]
        page = self.open(self.write("damaged", damage, element_bytes=4000, threads=8))
        self.assertEqual("Block 1 of calls is damaged: its calls are not shown.", page.evaluate("document.getElementById('problems').textContent"))
        self.assertGreater(page.evaluate(ROWS), 3000)

    def test_what_cannot_be_shown_at_all_says_why(self):
        for what, change, said in (
                ("tables", lambda text: text.replace('id="vtn-tables">', 'id="vtn-tables">AAAA'), "names of this recording are damaged"),
                ("format", lambda text: text.replace('"format": 2', '"format": 3'), "has format 3; this page knows 2"),
                ("no data", lambda text: re.sub(r'<script type="application/json".*?</script>', "", text), "holds no recording")):
            with self.subTest(what):
                page = self.open(self.write("bad", change))
                self.assertIn(said, page.evaluate("document.getElementById('problems').textContent"))

    def test_a_browser_without_decompression_is_told_so(self):
        page = self.browser.open(f"file://{self.write('old')}", before="delete globalThis.DecompressionStream;")
        page.wait_until_read()
        page.evaluate("vtn.ready")
        self.assertIn("DecompressionStream", page.evaluate("document.getElementById('problems').textContent"))

    def test_without_workers_and_base64_the_page_does_it_itself(self):
        page = self.browser.open(f"file://{self.write('alone')}", before="delete globalThis.Worker; delete Uint8Array.fromBase64;")
        page.wait_until_read()
        page.evaluate("vtn.ready")
        self.assertEqual(6000, page.evaluate(ROWS))
        self.assertEqual([], page.messages)

    def test_spans_lie_below_their_thread(self):
        page = self.open(self.write("spans", spans=80), picture="spans")
        self.assertEqual([], page.messages)
        track = page.evaluate("vtn.source.report.spans_of.get(0)")
        item = page.evaluate(f"vtn.timeline.layout.index.threads.get({track})")
        self.assertGreater(item["lines"], 1)
        self.assertIn("spans", page.evaluate("[...document.querySelectorAll('.track-head')].map((one) => one.textContent).join(' ')"))
        page.evaluate(f"vtn.timeline.scroller.scrollTop = {item['y_px'] - 50}")
        page.evaluate(NEXT_FRAME)
        page.click(*page.evaluate(f"{PLACE}({track}, 0, 3)"))
        self.assertEqual({"thread": track, "depth": 0, "index": 3}, page.evaluate("vtn.state.selectedCall"))
        page.evaluate("vtn.state.set('panel', 'call')")
        told = page.evaluate("""new Promise((done) => {
          const look = () => {
            const text = document.querySelector('.vp-call').textContent + document.querySelector('.tooltip').textContent;
            if (text.includes('/orders/<b>') && text.includes('path: /orders/<b>')) done(text); else setTimeout(look, 20);
          };
          look();
        })""")
        self.assertRegex(told, "request.*a span, no part of the stack.*MainThread.*number.*All spans of this name.*40 spans")
        self.assertNotIn("Called by", page.evaluate("document.querySelector('.vp-call').innerText"))
        page.screenshot(os.path.join(self.folder, "spans-selected.png"))
        # The last one never ended.
        last = page.evaluate(f"""(() => {{
          for (let lane = 0; lane < vtn.source.depthCount({track}); lane++) {{
            const column = vtn.source.column({track}, lane);
            for (let index = 0; index < column.count; index++) if (column.flags(index) === 2) return {{ thread: {track}, depth: lane, index }};
          }}
        }})()""")
        page.evaluate(f"vtn.state.showCall({last!r})")
        page.evaluate("""new Promise((done) => {
          const look = () => document.querySelector('.vp-call').textContent.includes("never: drawn to the end of its thread's record") ? done() : setTimeout(look, 20);
          look();
        })""")
        page.screenshot(os.path.join(self.folder, "spans-open.png"))

    def test_names_are_text(self):
        page = self.open(self.write("names"))
        self.assertEqual(0, page.evaluate("document.querySelectorAll('#app b b, #app script').length"))
        self.assertIn("app.py --all", page.evaluate("document.getElementById('title').textContent"))
        self.assertIn("back\\u202edrow", page.evaluate("[...Array(vtn.source.report.functions.count).keys()].map((one) => vtn.timeline.overlay.nameOf(one)).join('\\n')"))

    def test_a_recording_without_calls_opens(self):
        writer = page_file.PageWriter(self.page_text)
        empty = {"name": [], "file": [], "line": [], "kind": [], "calls": [], "own_ns": [], "total_ns": [], "folded_calls": []}
        writer.tables = {"functions": empty, "files": [], "source_block": [], "processes": [], "threads": [], "arrows": [], "losses": [], "sets": [], "left_out": []}
        writer.meta = {"format": 2, "version": "0", "title": "", "command": "", "start_unix_ns": "0", "span_ns": 0, "exit": {"signal": 9}, "calls": 0, "kept_calls": 0,
                       "folded_calls": 0, "rows": 0, "fold_below_ns": 0, "lost_events": 0, "complete": False}
        path = os.path.join(self.folder, "empty.html")
        writer.write(path)
        page = self.open(path)
        self.assertEqual([], page.messages)
        self.assertIn("killed by signal 9", page.evaluate("document.getElementById('facts').textContent"))

    def test_a_name_of_a_megabyte_is_cut_where_it_is_shown(self):
        path = os.path.join(self.folder, "long_name.html")
        recording = page_file.Synthetic(2000, 2, 1, seed=2)
        recording.name[0] = "x" * (1 << 20)
        recording.write(path, self.page_text)
        page = self.open(path, "#panel=functions")
        self.assertEqual([], page.messages)
        self.assertLess(page.evaluate("document.getElementById('app').textContent.length"), 100000)

    def test_a_thousand_threads_and_many_processes(self):
        page = self.open(self.write("many", rows=30000, threads=1000, processes=700), picture="many")
        self.assertEqual([], page.messages)
        self.assertEqual(700, page.evaluate("vtn.timeline.layout.items.filter((one) => one.kind === 'process').length"))
        page.evaluate("vtn.state.tell('show', {process: 500})")
        page.evaluate(NEXT_FRAME)
        self.assertIn(500, page.evaluate("vtn.timeline.scene.visible.filter((one) => one.kind === 'thread').map((one) => one.process)"))
        page.evaluate("vtn.timeline.openAll(true); vtn.timeline.scroller.scrollTop = 1e9")
        page.evaluate(NEXT_FRAME)
        self.assertEqual(1000, page.evaluate("vtn.timeline.layout.items.filter((one) => one.kind === 'thread').length"))
        self.assertLess(page.evaluate("vtn.timeline.headers.pool.length"), 200)
        shown = page.evaluate("vtn.timeline.scene.visible.map((one) => one.process)")
        self.assertIn(699, shown)


if __name__ == "__main__":
    unittest.main()
