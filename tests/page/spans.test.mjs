// SPDX-License-Identifier: Apache-2.0
//
// Tracks of spans: their depths are lanes, and no stack.

import assert from 'node:assert/strict';
import test from 'node:test';
import { FLAG_OPEN } from '../../viewer/page/data/columns.js';
import { KIND_SPAN } from '../../viewer/page/data/report.js';
import { factsOf } from '../../viewer/page/shell/facts.js';
import { ChromeTraceWriter, estimateTrace } from '../../viewer/page/panels/chrome_trace.js';
import { PerfettoTraceWriter } from '../../viewer/page/panels/perfetto_trace.js';
import { processRows } from '../../viewer/page/panels/process_rows.js';
import { sumRange } from '../../viewer/page/panels/range_sums.js';
import { allThreads, rowAround, rowsWithin, stackThreads } from '../../viewer/page/panels/rows.js';
import { findRow, matchCodes, matchFunctions } from '../../viewer/page/panels/search.js';
import { findTexts } from '../../viewer/page/panels/search_stops.js';
import { callAsText } from '../../viewer/page/panels/selection_text.js';
import { treeOfRange } from '../../viewer/page/panels/stack_tree.js';
import { Palette } from '../../viewer/page/timeline/colours.js';
import { hitAt } from '../../viewer/page/timeline/hit.js';
import { Layout, LINE_PX } from '../../viewer/page/timeline/layout.js';
import { mapLines } from '../../viewer/page/timeline/minimap.js';
import { Scale } from '../../viewer/page/timeline/scale.js';
import { Scene } from '../../viewer/page/timeline/scene.js';
import { selfNs } from '../../viewer/page/timeline/tooltip.js';
import { finished } from './fake_source.mjs';
import { sourceOf, withFile } from './support.mjs';

const OPTIONS = { rows: 2000, threads: 3, processes: 2, depth: 7, seed: 7, spans: 60 };
const TONES = { paper: 0, line: 0, process: 0, process_line: 0, program: 0, traced: 0, loss: 0, counter: 0, lifetime: 0, text: 0 };
const TRACK = 3;
const never = new AbortController().signal;
const code_of = (/** @type {any} */ report, /** @type {string} */ name) => report.functions.name.indexOf(name);

/** All spans, with their lane. */
function spansOf(source) {
  const found = [];
  for (let lane = 0; lane < source.depthCount(TRACK); lane++) {
    const column = source.column(TRACK, lane);
    for (let index = 0; index < column.count; index++) {
      found.push({ lane, index, start: column.start[index], end: column.end[index], code: column.code[index], flags: column.flags(index) });
    }
  }
  return found;
}

test('a track of spans lies below its thread, and a point in a lane finds its span', () => withFile(OPTIONS, async (file) => {
  const source = await sourceOf(file);
  const { report } = source;
  const layout = new Layout(report);
  const at = layout.items.findIndex((one) => one.thread === TRACK);
  assert.equal(layout.items[at].lines, source.depthCount(TRACK));
  assert.equal(layout.items[at].line_px, LINE_PX);
  assert.deepEqual(layout.items.slice(0, at).filter((one) => one.kind === 'thread').map((one) => one.thread), [0]);
  const scene = new Scene(source, layout);
  const scale = new Scale({ from_ns: 0, to_ns: report.meta.span_ns }, 1500);
  scene.build(scale, 0, 4000, new Palette(report, 'light'), /** @type {any} */ (TONES));
  const named = scene.labels.filter((one) => one.thread === TRACK);
  assert.ok(named.length > 5);
  for (const label of named) {
    assert.deepEqual(hitAt(scene, scale, [], (Math.max(0, label.from_px) + label.to_px) / 2, label.y_px + 3)?.call,
      { thread: TRACK, depth: label.depth, index: label.index });
  }
}));

test('it is no thread, and no stack', () => withFile(OPTIONS, async (file) => {
  const source = await sourceOf(file);
  const { report } = source;
  assert.deepEqual([report.threads.length, report.thread_count], [4, 3]);
  assert.match(factsOf(report.meta, report), /· 3 threads/);
  assert.equal(processRows(report).reduce((sum, row) => sum + row.threads, 0), 3);
  assert.deepEqual([allThreads(source), stackThreads(source)], [[0, 1, 2, 3], [0, 1, 2]]);
  assert.ok(mapLines(source, 12).every(([thread]) => thread !== TRACK));
  assert.deepEqual([report.threadOf(TRACK), report.threadOf(1)], [0, 1]);
  const inner = spansOf(source).find((one) => one.lane === 1);
  const call = { thread: TRACK, depth: 1, index: inner.index };
  assert.equal(rowAround(source, TRACK, 0, inner.start, inner.start), null);
  assert.deepEqual(rowsWithin(source, { ...call, depth: 0 }), { first: 0, end: 0 });
  assert.equal(selfNs(source, { ...call, depth: 0, index: 0 }), source.column(TRACK, 0).end[0] - source.column(TRACK, 0).start[0]);
  const text = await callAsText(source, call);
  assert.match(text, /^query\n.*\nvalue {5}number = '?\d/s);
  assert.ok(!text.includes('stack'));
}));

test('names and values are found', () => withFile(OPTIONS, async (file) => {
  const source = await sourceOf(file);
  const { report } = source;
  const functions = matchFunctions(report, (name) => /request|never seen/.test(name));
  assert.equal(functions[code_of(report, 'never seen')], 0, 'what has no row is not found');
  assert.equal(functions[code_of(report, 'request')], 1);
  const codes = matchCodes(report, Uint8Array.from(functions, (yes, each) => (each === code_of(report, 'request') ? yes : 0)));
  const stop = finished(findRow(source, allThreads(source), codes, { start_ns: -Infinity, thread: -1, depth: -1, index: -1 }, true));
  assert.deepEqual([stop.thread, stop.start_ns], [TRACK, 0]);
  const found = await findTexts(source, (value) => value === '/orders/<b>', never, () => {});
  assert.equal(found.values.get(code_of(report, 'query')).length, 30);
}));

test('they count in sums, and their time is nobody\'s own', () => withFile(OPTIONS, async (file) => {
  const source = await sourceOf(file);
  const { report } = source;
  const code = code_of(report, 'query');
  assert.equal(report.functions.kind[code], KIND_SPAN);
  const all = finished(sumRange(source, stackThreads(source), -Infinity, Infinity));
  assert.deepEqual([all.calls[code], all.own_ns[code], all.total_ns[code]], [30, 0, report.functions.total_ns[code]]);
  assert.equal(finished(sumRange(source, [1, 2], -Infinity, Infinity)).calls[code], 0, 'those of other threads');
  const [from_ns, to_ns] = [Math.floor(report.meta.span_ns / 3), Math.floor(report.meta.span_ns / 2)];
  const wanted = spansOf(source).filter((one) => one.code === code && one.end > from_ns && one.start < to_ns);
  const part = finished(sumRange(source, stackThreads(source), from_ns, to_ns));
  assert.equal(part.calls[code], wanted.length);
  assert.equal(part.total_ns[code], wanted.reduce((sum, one) => sum + Math.min(one.end, to_ns) - Math.max(one.start, from_ns), 0));
  assert.ok(!finished(treeOfRange(source, stackThreads(source), -Infinity, Infinity)).tree.called.includes(code));
}));

test('they leave the page as asynchronous events, and one that never ended has no end', () => withFile(OPTIONS, async (file) => {
  const source = await sourceOf(file);
  const { report } = source;
  const range = { from_ns: -Infinity, to_ns: Infinity, threads: stackThreads(source) };
  /** @type {string[]} */
  const pieces = [];
  await new ChromeTraceWriter(source, range, (text) => pieces.push(text)).write(never, () => {});
  const events = JSON.parse(pieces.join('')).traceEvents;
  const spans = spansOf(source);
  const begins = events.filter((event) => event.ph === 'b');
  const ends = new Map(events.filter((event) => event.ph === 'e').map((event) => [event.id, event]));
  assert.equal(begins.length, spans.length);
  assert.equal(ends.size, spans.length - 1);
  assert.equal(spans.filter((one) => one.flags === FLAG_OPEN).length, 1);
  const ns = (/** @type {number} */ us) => Math.round(us * 1000);
  const times = begins.map((one) => [one.name, ns(one.ts), ends.has(one.id) ? ns(ends.get(one.id).ts) : null, one.tid, one.pid, one.args.path].join(' '));
  const { tid, process } = report.threads[0];
  assert.deepEqual(times.sort(), spans.map((one) => [report.functions.name[one.code], one.start, one.flags === FLAG_OPEN ? null : one.end, tid,
    report.processes[process].pid, '/orders/<b>'].join(' ')).sort());
  assert.ok(!events.some((event) => event.ph === 'M' && event.args.name === 'spans'));
  assert.ok(estimateTrace(source, range).events >= spans.length);
  let bytes = '';
  await new PerfettoTraceWriter(source, range, (piece) => { bytes += Buffer.from(piece).toString('latin1'); }).write(never, () => {});
  assert.ok(bytes.includes('request') && bytes.includes('/orders/<b>'));
}));
