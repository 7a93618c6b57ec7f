// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { test } from 'node:test';

import { compareStops, matchCodes } from '../../viewer/page/panels/search.js';
import { findStop, findTexts, MOMENT_DEPTH, neighbourStop } from '../../viewer/page/panels/search_stops.js';
import { allThreads } from '../../viewer/page/panels/rows.js';
import { FakeSource, finished } from './fake_source.mjs';

const never = new AbortController().signal;

test('calls are found by arguments and returned values, instants by texts', async () => {
  const source = new FakeSource({seed: 3, threads: 2});
  const test_text = (text) => text.includes('None') || text === '17';
  const found = await findTexts(source, test_text, never, () => {});
  const wanted = [...source.values].filter(([, {args, returned}]) => returned === 'None' || args.x === '17').length;
  assert.ok(wanted > 50);
  assert.equal([...found.values.values()].flat().length, wanted);
  for (const [called, stops] of found.values) {
    stops.forEach(({thread, depth, index, start_ns}) => assert.deepEqual([source.rows[thread][depth][index].code, source.rows[thread][depth][index].start], [called, start_ns]));
    assert.deepEqual(stops, [...stops].sort(compareStops));
  }
  const instants = (await findTexts(source, (text) => text.includes('request'), never, () => {})).instants;
  assert.deepEqual([...instants.keys()], ['request done']);
  assert.deepEqual(instants.get('request done').map((stop) => [stop.start_ns, stop.thread, stop.depth]), [[70000, 0, MOMENT_DEPTH], [70000, 1, MOMENT_DEPTH]]);
});

test('a search that is given up says nothing', async () => {
  const given_up = new AbortController();
  given_up.abort();
  assert.equal(await findTexts(new FakeSource({seed: 3}), () => true, given_up.signal, () => {}), undefined);
});

test('the neighbour of a stop that may lie in the list or not', () => {
  const stops = [10, 20, 20, 30].map((start_ns, index) => ({start_ns, thread: 0, depth: 0, index}));
  assert.equal(neighbourStop(stops, stops[1], true), stops[2]);
  assert.equal(neighbourStop(stops, stops[1], false), stops[0]);
  assert.equal(neighbourStop(stops, {start_ns: 25, thread: 0, depth: 0, index: 0}, true), stops[3]);
  assert.equal(neighbourStop(stops, stops[3], true), null);
  assert.equal(neighbourStop(stops, stops[0], false), null);
});

test('rows, values and moments are gone through together', async () => {
  const source = new FakeSource({seed: 3, threads: 2, span_ns: 20000});
  const functions = new Uint8Array(source.report.functions.count);
  functions[3] = 1;
  const codes = matchCodes(source.report, functions);
  const found = await findTexts(source, (text) => text === 'None' || text.includes('checkpoint'), never, () => {});
  const lists = [...found.values.values(), ...found.instants.values()];
  const rows = source.rows.flatMap((depths, thread) => depths.flatMap((list, depth) => list.flatMap((row) =>
    codes[row.code] ? [{start_ns: row.start, thread, depth, index: row.index}] : [])));
  const wanted = [...new Map([...rows, ...lists.flat()].map((stop) => [JSON.stringify(stop), stop])).values()].sort(compareStops);
  const seen = [];
  for (let at = {start_ns: -1, thread: -1, depth: -1, index: -1}; ;) {
    at = finished(findStop(source, allThreads(source), codes, lists, at, true));
    if (at === null) {
      break;
    }
    seen.push(at);
  }
  assert.deepEqual(seen, wanted);
  assert.ok(seen.some((stop) => stop.depth === MOMENT_DEPTH));
});
