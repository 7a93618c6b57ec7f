// SPDX-License-Identifier: Apache-2.0
//
// The timeline's logic: what is where, what is under a point, what an axis says.

import assert from 'node:assert/strict';
import test from 'node:test';
import { Report } from '../../viewer/page/data/report.js';
import { State, firstView } from '../../viewer/page/state.js';
import { readPermalink, writePermalink } from '../../viewer/page/shell/permalink.js';
import { formatCount, formatNs, formatTime, visible, visibleShort } from '../../viewer/page/shell/text.js';
import { axisTexts } from '../../viewer/page/timeline/axis.js';
import { Palette, THEMES, packedColour } from '../../viewer/page/timeline/colours.js';
import { hitAt } from '../../viewer/page/timeline/hit.js';
import { Layout, LINE_PX, PROCESS_PX } from '../../viewer/page/timeline/layout.js';
import { mapLines } from '../../viewer/page/timeline/minimap.js';
import { Scale, roundStep } from '../../viewer/page/timeline/scale.js';
import { Scene } from '../../viewer/page/timeline/scene.js';
import { neighbour } from '../../viewer/page/timeline/timeline.js';
import { selfNs } from '../../viewer/page/timeline/tooltip.js';
import { sourceOf, withFile } from './support.mjs';

const TONES = { paper: 0, line: 0, process: 0, process_line: 0, program: 0, traced: 0, loss: 0, counter: 0, lifetime: 0, text: 0 };
const OPTIONS = { rows: 4000, threads: 4, processes: 3, depth: 9, seed: 7 };

test('texts', () => {
  assert.equal(visible('a\u202eb\n\ud83d\ude00\ud800'), 'a\\u202eb\\n\ud83d\ude00\\ud800');
  assert.ok(visibleShort('x'.repeat(1e6)).length < 400);
  assert.deepEqual([0, 999, 1000, 1234567].map(formatCount), ['0', '999', '1,000', '1,234,567']);
  assert.deepEqual([0, 7, 999, 1000, 1234, 999999, 2e6, 1.5e9, 90e9, 3600e9].map(formatNs),
    ['0 ns', '7 ns', '999 ns', '1 µs', '1.234 µs', '1 ms', '2 ms', '1.5 s', '1.5 min', '60 min']);
  assert.deepEqual([[0, 1], [1500, 500], [2e6, 1e6], [2.5e6, 5e5], [1.5e9 + 20, 10]].map(([ns, step]) => formatTime(ns, step)),
    ['0', '1.5 µs', '2 ms', '2.5 ms', '1.50000002 s']);
});

test('ticks are round, and an axis zoomed in far counts from its left edge', () => {
  assert.deepEqual([0.2, 1, 1.1, 2, 3, 5, 7, 10, 45, 100, 2e9].map(roundStep), [1, 1, 2, 2, 5, 5, 10, 10, 50, 100, 2e9]);
  const texts = axisTexts(new Scale({ from_ns: 0, to_ns: 1e9 }, 1000)).map((one) => one.text);
  assert.deepEqual(texts.slice(0, 3), ['0', '100 ms', '200 ms']);
  const close = axisTexts(new Scale({ from_ns: 5e9, to_ns: 5e9 + 1000 }, 1000)).map((one) => one.text);
  assert.deepEqual(close.slice(0, 3), ['5.0000000 s', '+100 ns', '+200 ns']);
});

test('colours are those of a name and its place, and boxes can be read on', () => {
  const report = (/** @type {string[]} */ names) => ({ functions: { count: names.length, name: names, kind: names.map(() => 0) }, path: () => '/a.py', sets: [[0], [1, 0]] });
  const one = new Palette(/** @type {any} */ (report(['f', 'g'])), 'light');
  const other = new Palette(/** @type {any} */ (report(['g', 'h', 'f'])), 'light');
  assert.equal(one.full[0], other.full[2]);
  assert.notEqual(one.full[0], one.full[1]);
  assert.equal(packedColour(1, 0, 0), 0xffffffff);
  one.highlight(new Set([1]));
  assert.equal(one.colour(1), one.full[1]);
  assert.equal(one.colour(0), one.pale[0]);
  assert.equal(one.colour(2), one.pale_folds[0]);
  assert.equal(one.colour(3), one.folds[1], 'a fold with one of them stands out');
  for (const theme of /** @type {const} */ (['light', 'dark'])) {
    const darkest = packedColour(THEMES[theme].lightness - 0.05, THEMES[theme].chroma, 264);
    assert.ok(((darkest >>> 8) & 255) > 90, 'dark text has to be read on it');
  }
});

test('the main thread of a process is its first, whichever was told of first', () => {
  const thread = (/** @type {number} */ process, /** @type {number} */ tid) => ({ process, tid, calls: 1, depth: 1 });
  const report = { processes: [{ pid: 10, parent: -1 }, { pid: 20, parent: 0 }],
    threads: [thread(0, 12), thread(1, 20), thread(0, 11), thread(0, 10), thread(1, 21)], counters: [],
    isOfSpans: () => false, withSpans: (/** @type {number[]} */ threads) => threads };
  assert.deepEqual(new Layout(/** @type {any} */ (report)).threads_of, [[3, 0, 2], [1, 4]]);
});

test('every line of an open layout is found where it lies, and hidden ones are counted', () => withFile(OPTIONS, async (file) => {
  const source = await sourceOf(file);
  const layout = new Layout(source.report);
  assert.equal(layout.items.filter((one) => one.kind === 'process').length, 3);
  assert.equal(layout.items.filter((one) => one.kind === 'thread').length, 4);
  let y_px = 0;
  layout.items.forEach((item, i) => {
    assert.equal(item.y_px, y_px);
    assert.equal(layout.itemAt(y_px), i);
    assert.equal(layout.itemAt(y_px + item.height_px - 0.5), i);
    y_px += item.height_px;
  });
  assert.equal(layout.height_px, y_px);
  assert.equal(layout.itemAt(y_px), -1);
  layout.toggleProcess(1);
  assert.equal(layout.items.filter((one) => one.kind === 'thread').length, 4 - layout.threads_of[1].length);
  layout.reveal(layout.threads_of[1][0], 3);
  assert.equal(layout.items.filter((one) => one.kind === 'thread').length, 4);
}));

test('a thousand processes and threads open the busiest few, a stack of thousands its first lines', () => {
  const count = 1000;
  const report = new Report(/** @type {any} */ ({}), { functions: { name: [] }, processes: Array.from({ length: count }, (_, i) => ({ parent: i ? Math.floor((i - 1) / 2) : -1, programs: [] })),
    threads: Array.from({ length: 3 * count }, (_, i) => ({ process: i < 2 * count ? 0 : i - 2 * count, depth: i === 0 ? 5000 : 10, calls: i })) });
  const layout = new Layout(report);
  const kinds = (/** @type {string} */ kind) => layout.items.filter((one) => one.kind === kind);
  assert.equal(kinds('process').length, count);
  assert.equal(layout.open_processes.size, 12);
  assert.ok(layout.open_processes.has(0) && layout.open_processes.has(count - 1));
  const [first] = kinds('thread');
  assert.equal(first.lines + first.hidden_lines, 5000);
  assert.ok(first.lines < 100);
  layout.reveal(0, 4000);
  assert.equal(kinds('thread')[0].lines, 5000);
  assert.ok(kinds('thread').filter((one) => one.line_px < LINE_PX).length > 1900, 'most threads of one process are strips');
});

test('a scene has every visible row in a box, and a point in a box finds its call', () => withFile(OPTIONS, async (file) => {
  const source = await sourceOf(file);
  const scene = new Scene(source, new Layout(source.report));
  const palette = new Palette(source.report, 'light');
  const scale = new Scale({ from_ns: 0, to_ns: source.report.meta.span_ns }, 1500);
  scene.build(scale, 0, 4000, palette, /** @type {any} */ (TONES));
  assert.ok(scene.boxes.count > 500 && scene.boxes.count < 15000, String(scene.boxes.count));
  let named = 0;
  for (const label of scene.labels) {
    if (label.code < 0) continue;
    const hit = hitAt(scene, scale, [], (Math.max(0, label.from_px) + label.to_px) / 2, label.y_px + 3);
    assert.deepEqual(hit?.call, { thread: label.thread, depth: label.depth, index: label.index });
    named++;
  }
  assert.ok(named > 50, String(named));
  const program = hitAt(scene, scale, [], scale.px(source.report.processes[0].programs[0].start_ns) + 1, PROCESS_PX / 2);
  assert.equal(program?.program?.name, 'git rev-parse HEAD');
  // Scrolled, the same boxes lie higher.
  const before = scene.labels.length;
  scene.build(scale, 60, 4000, palette, /** @type {any} */ (TONES));
  assert.ok(scene.labels.length <= before);
  assert.ok(scene.visible[0].y_px < 60);
  assert.ok(mapLines(source, 10).length > 3);
}));

test('callers, callees and own time', () => withFile(OPTIONS, async (file) => {
  const source = await sourceOf(file);
  const column = source.column(0, 3);
  let seen = 0;
  for (let index = 0; index < column.count; index++) {
    const caller = neighbour(source, { thread: 0, depth: 3, index }, 'caller');
    const above = source.column(0, 2);
    assert.ok(caller && above.start[caller.index] <= column.start[index] && above.end[caller.index] >= column.end[index]);
    const callee = neighbour(source, { thread: 0, depth: 3, index }, 'callee');
    const below = source.column(0, 4);
    let own = column.end[index] - column.start[index];
    let first = -1;
    for (let i = 0; i < below.count; i++) {
      if (below.start[i] < column.start[index] || below.end[i] > column.end[index]) continue;
      own -= below.end[i] - below.start[i];
      if (first < 0) first = i;
    }
    assert.equal(callee ? callee.index : -1, first);
    assert.equal(selfNs(source, { thread: 0, depth: 3, index }), own);
    seen++;
  }
  assert.ok(seen > 10, String(seen));
  assert.equal(neighbour(source, { thread: 0, depth: 0, index: 0 }, 'caller'), null);
  assert.equal(neighbour(source, { thread: 0, depth: 0, index: 0 }, 'previous'), null);
  assert.deepEqual(neighbour(source, { thread: 0, depth: 0, index: 0 }, 'next'), { thread: 0, depth: 0, index: 1 });
}));

test('a view stays over the recording, and a link says what it shows', () => withFile(OPTIONS, async (file) => {
  const source = await sourceOf(file);
  const state = new State(source);
  const span_ns = source.report.meta.span_ns;
  assert.equal(writePermalink(state, ''), '');
  const heard = [];
  state.on('view', (view) => heard.push(view));
  state.showRange(-9e15, 9e15);
  assert.deepEqual([state.view.from_ns, state.view.to_ns].map(Math.round), [-span_ns / 20, span_ns + span_ns / 20].map(Math.round));
  state.showRange(span_ns, span_ns);
  assert.equal(state.view.to_ns - state.view.from_ns, 10);
  assert.equal(heard.length, 2);
  state.showRange(1000, 5000);
  state.showCall({ thread: 1, depth: 0, index: 2 });
  state.set('selectedRange', { from_ns: 3, to_ns: 9, threads: null });
  state.set('panel', 'functions');
  const link = readPermalink(writePermalink(state, '2d'));
  assert.deepEqual(link, { view: { from_ns: Math.round(state.view.from_ns), to_ns: Math.round(state.view.to_ns) }, call: { thread: 1, depth: 0, index: 2 },
    range: { from_ns: 3, to_ns: 9, threads: null }, panel: 'functions', painter: '2d' });
  assert.deepEqual(readPermalink('#view=9_3&call=1_2&range=x_y'), { view: null, call: null, range: null, panel: '', painter: '' });
  state.showCall({ thread: 1, depth: 0, index: 99999999 });
  assert.deepEqual(state.selectedCall, { thread: 1, depth: 0, index: 2 }, 'a call that is not there is not shown');
}));

test('a recording that is mostly the start of an interpreter is shown where calls are', () => {
  const of = (threads, processes) => ({ meta: { span_ns: 1000 }, threads, processes });
  const viewed = (threads, processes) => Object.values(firstView(of(threads, processes))).map(Math.round);
  const traced = { start_ns: 0, end_ns: 1000 };
  assert.deepEqual(viewed([{ process: 0, start_ns: 900, end_ns: 1000 }], [traced]), [895, 1005]);
  assert.deepEqual(viewed([{ process: 0, start_ns: 400, end_ns: 1000 }], [traced]), [0, 1000], 'most of it has calls');
  assert.deepEqual(viewed([{ process: 0, start_ns: 900, end_ns: 1000 }], [traced, { start_ns: 100, end_ns: 800 }]), [0, 1000], 'a program without calls');
  assert.deepEqual(viewed([], [traced]), [0, 1000]);
  assert.deepEqual(viewed([{ process: 0, start_ns: 900, end_ns: 900 }], [traced]), [0, 1000], 'no time at all');
  const state = new State({ report: of([{ process: 0, start_ns: 900, end_ns: 1000 }], [traced]), generation: 0, onChange() {} });
  assert.equal(writePermalink(state, ''), '', 'the address says only what was chosen');
  state.set('view', { from_ns: 0, to_ns: 1000 });
  assert.equal(writePermalink(state, ''), '#view=0_1000');
});

test('a selected call is the same one when finer rows replace those of the overview', () => withFile({ ...OPTIONS, rows: 20000, threads: 2 }, async (file) => {
  const source = await sourceOf(file);
  source.complete = false;
  const state = new State(source);
  const column = source.column(0, 1);
  assert.equal(column, source.overview.column(0, 1));
  state.set('selectedCall', { thread: 0, depth: 1, index: 1 });
  const start_ns = column.start[1];
  source.complete = true;
  source.generation++;
  source.changed();
  const finer = source.column(0, 1);
  assert.equal(finer.start[state.selectedCall.index], start_ns);
  assert.notEqual(state.selectedCall.index, 1);
  // One that is none of them is none.
  state.selected_start_ns = finer.end[0];
  source.generation++;
  source.changed();
  assert.equal(state.selectedCall, null);
}));

test('a counter and instants of a million points are a box and a mark a pixel', () => withFile(OPTIONS, async (file) => {
  const source = await sourceOf(file);
  const layout = new Layout(source.report);
  const scene = new Scene(source, layout);
  const span_ns = source.report.meta.span_ns;
  const ns = Array.from({ length: 1e6 }, (_, i) => (i * span_ns) / 1e6);
  scene.counters[0] = [{ name: 'many', ns, value: ns.map((_, i) => (i % 1000 < 500 ? i % 7 : null)) }];
  layout.setMarks(0, false, 1);
  layout.arrange();
  const item = layout.items.find((one) => one.kind === 'counter');
  scene.boxes.clear();
  scene.addCounter(item, new Scale({ from_ns: 0, to_ns: span_ns }, 1000), 0, /** @type {any} */ (TONES));
  assert.ok(scene.boxes.count > 200 && scene.boxes.count <= 2100, String(scene.boxes.count));
  // A few points are all there, each up to the next one; nothing stands where there is no value.
  scene.counters[0] = [{ name: 'few', ns: [0, span_ns / 4, span_ns / 2], value: [3, null, 6] }];
  scene.boxes.clear();
  scene.addCounter(item, new Scale({ from_ns: 0, to_ns: span_ns }, 1000), 0, /** @type {any} */ (TONES));
  const boxes = Array.from({ length: scene.boxes.count }, (_, i) => [...scene.boxes.floats.slice(i * 6, i * 6 + 2)].map(Math.round));
  assert.deepEqual(boxes, [[0, 250], [0, 250], [500, 1000], [500, 1000]]);
}));
