// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { test } from 'node:test';

import { ChromeTraceWriter, estimateTrace, microseconds } from '../../viewer/page/panels/chrome_trace.js';
import { traceName } from '../../viewer/page/panels/trace_walk.js';
import { missingLines, openRows, processRows } from '../../viewer/page/panels/process_rows.js';
import { allThreads } from '../../viewer/page/panels/rows.js';
import { callAsText, rangeAsText } from '../../viewer/page/panels/selection_text.js';
import { FakeSource, finished } from './fake_source.mjs';

const never = new AbortController().signal;

async function written(source, range) {
  const pieces = [];
  assert.ok(await new ChromeTraceWriter(source, range, (text) => pieces.push(text)).write(never, () => {}));
  return {text: pieces.join(''), trace: JSON.parse(pieces.join('')), pieces};
}

test('microseconds have the digits of nanoseconds', () => {
  assert.equal(microseconds(0), '0.000');
  assert.equal(microseconds(1234567), '1234.567');
  assert.equal(microseconds(1000.4), '1.000');
  assert.equal(microseconds(2 ** 52), '4503599627370.496');
});

test('every row is an event with the same times and name', async () => {
  const source = new FakeSource({seed: 11, threads: 2});
  const {trace, text} = await written(source, {from_ns: -Infinity, to_ns: Infinity, threads: allThreads(source)});
  const ns = (us) => Math.round(us * 1000);
  const {report} = source;
  const key = (tid, start, end, name) => `${tid} ${start} ${end} ${name}`;
  const calls = trace.traceEvents.filter((event) => event.cat === 'FEE').map((event) => key(event.tid, ns(event.ts), ns(event.ts) + ns(event.dur), event.name));
  const wanted = source.rows.flatMap((depths, thread) => depths.flat().filter((row) => !row.fold)
    .map((row) => key(report.threads[thread].tid, row.start, row.end, traceName(report, row.code))));
  assert.deepEqual(calls.sort(), wanted.sort());
  const folds = trace.traceEvents.filter((event) => event.cat === 'folded');
  assert.equal(folds.length, source.fold_of.size);
  const folded = new Map();
  folds.forEach((event) => Object.entries(event.args.functions).forEach(([name, count]) => folded.set(name, (folded.get(name) ?? 0) + count)));
  report.functions.folded_calls.forEach((count, each) => assert.equal(folded.get(traceName(report, each)) ?? 0, count));
  assert.equal(folds.reduce((sum, event) => sum + event.args.calls, 0), report.meta.folded_calls);
  assert.match(text, /"ts":\d+\.\d{3},"ph":"X","cat":"FEE","dur":\d+\.\d{3}/);
  assert.equal(trace.viztracer_metadata.folded, true);
  assert.match(text, /"baseTimeNanoseconds":1790000000000000000/);
});

test('values, instants, counters, names and arrows are in it', async () => {
  const source = new FakeSource({seed: 11, threads: 2});
  const {trace} = await written(source, {from_ns: -Infinity, to_ns: Infinity, threads: allThreads(source)});
  const with_values = trace.traceEvents.filter((event) => event.args?.func_args !== undefined);
  assert.equal(with_values.length, source.values.size);
  const [first] = [...source.values.values()];
  assert.ok(with_values.some((event) => event.args.return_value === first.returned && event.caller_lineno === first.line && event.args.func_args.x === first.args.x));
  const phases = new Map();
  trace.traceEvents.forEach(({ph}) => phases.set(ph, (phases.get(ph) ?? 0) + 1));
  assert.equal(phases.get('i'), 4);
  assert.equal(phases.get('C'), 6);
  assert.equal(phases.get('s'), 1);
  assert.equal(phases.get('f'), 1);
  assert.ok(trace.traceEvents.some((event) => event.name === 'thread_name' && event.args.name === 'MainThread'));
});

test('a range has the rows that reach into it, of its threads', async () => {
  const source = new FakeSource({seed: 11, threads: 3});
  const {trace} = await written(source, {from_ns: 30000, to_ns: 40000, threads: [1]});
  const wanted = source.rows[1].flat().filter((row) => row.end > 30000 && row.start < 40000).length;
  assert.equal(trace.traceEvents.filter((event) => event.ph === 'X').length, wanted);
  assert.equal(estimateTrace(source, {from_ns: 30000, to_ns: 40000, threads: [1]}).events, wanted);
});

test('the size is known before', async () => {
  const source = new FakeSource({seed: 11, threads: 2, span_ns: 1000000});
  source.values.clear();
  const range = {from_ns: -Infinity, to_ns: Infinity, threads: allThreads(source)};
  const {text, pieces} = await written(source, range);
  const {bytes, events} = estimateTrace(source, range);
  assert.ok(events > 5000 && pieces.length > 1);
  assert.ok(Math.abs(bytes / text.length - 1) < 0.25, `${bytes} of ${text.length}`);
});

test('what is very deep goes to rows of its own', async () => {
  const source = new FakeSource({seed: 11, threads: 1});
  const [column] = source.columns[0];
  source.columns[0] = Array.from({length: 1100}, () => column);
  const {trace} = await written(source, {from_ns: -Infinity, to_ns: Infinity, threads: [0]});
  const tids = new Set(trace.traceEvents.filter((event) => event.ph === 'X').map((event) => event.tid));
  assert.equal(tids.size, 3);
  assert.ok(trace.traceEvents.some((event) => event.name === 'thread_name' && event.args.name === 'MainThread (deeper than 00512)'));
});

test('a call as text has its values and its stack', async () => {
  const source = new FakeSource({seed: 11, threads: 1});
  const [key, values] = [...source.values].find(([each]) => each.startsWith('0/2/'));
  const text = await callAsText(source, {thread: 0, depth: 2, index: Number(key.split('/')[2])});
  assert.ok(text.includes(`argument  x = ${values.args.x}\n`) && text.includes(`returned  ${values.returned}\n`));
  assert.equal(text.slice(text.indexOf('stack\n')).trim().split('\n').length, 4);
  assert.ok(!/[\u0000\u202e]/.test(text));
});

test('a range as text is a tree of its rows', () => {
  const source = new FakeSource({seed: 11, threads: 2, span_ns: 5000});
  const text = finished(rangeAsText(source, [0, 1], 0, 5000));
  assert.equal(text.trim().split('\n').length, 1 + 2 + 2 + source.rows.flat(2).length);
});

test('processes stand as a tree whose branches close', () => {
  const {report} = new FakeSource({seed: 1, threads: 3});
  const rows = processRows(report);
  assert.deepEqual(rows.map((row) => [row.level, row.children, row.threads]), [[0, 1, 1], [1, 1, 1], [2, 0, 1]]);
  assert.equal(rows.reduce((sum, row) => sum + row.calls, 0), report.threads.reduce((sum, thread) => sum + thread.calls, 0));
  assert.deepEqual(openRows(rows, new Set([1])).map((row) => row.process), [0, 1]);
  assert.deepEqual(openRows(rows, new Set([0])).map((row) => row.process), [0]);
  assert.deepEqual(openRows(rows, new Set()).length, 3);
  assert.equal(missingLines(report).length, 2);
});
