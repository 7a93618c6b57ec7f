// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { test } from 'node:test';

import { compareStops, findExtreme, findRow, matchCodes, matchFunctions, parseSearch } from '../../viewer/page/panels/search.js';
import { allThreads } from '../../viewer/page/panels/rows.js';
import { FakeSource, finished } from './fake_source.mjs';

test('a text is found whatever its case, an expression as it is', () => {
  assert.equal(parseSearch(''), null);
  assert.ok(parseSearch('READ(').test('file.read(x)'));
  assert.ok(parseSearch('/^a.c$/').test('abc'));
  assert.ok(!parseSearch('/^a.c$/').test('ABC'));
  assert.ok(parseSearch('/^a.c$/i').test('ABC'));
  assert.ok(parseSearch('/usr/lib').test('/usr/lib/x.py'));
  assert.match(parseSearch('/(/').error, /./);
});

test('names and whole paths match, and folds of what matches', () => {
  const {report} = new FakeSource({seed: 2});
  const by_name = matchFunctions(report, parseSearch('function_13').test);
  assert.deepEqual([...by_name].flatMap((each, at) => each ? [at] : []), [13]);
  const by_place = matchFunctions(report, parseSearch('json/decoder.py').test);
  assert.ok(by_place[1] === 1 && by_place[0] === 0);
  const codes = matchCodes(report, matchFunctions(report, parseSearch('/function_3$/').test));
  report.sets.forEach((set, at) => assert.equal(codes[report.functions.count + at], set.includes(3) ? 1 : 0));
});

test('next and previous go through all that matches, in the order of time', () => {
  const source = new FakeSource({seed: 7, threads: 3, span_ns: 30000});
  const codes = matchCodes(source.report, matchFunctions(source.report, parseSearch('/function_3$/').test));
  const wanted = source.rows.flatMap((depths, thread) => depths.flatMap((rows, depth) => rows.flatMap((row) =>
    codes[row.code] ? [{start_ns: row.start, thread, depth, index: row.index}] : []))).sort(compareStops);
  assert.ok(wanted.length > 20);
  const walk = (from, forward) => {
    const found = [];
    for (let at = from; ;) {
      at = finished(findRow(source, allThreads(source), codes, at, forward));
      if (at === null) {
        return found;
      }
      found.push(at);
    }
  };
  assert.deepEqual(walk({start_ns: -Infinity, thread: -1, depth: -1, index: -1}, true), wanted);
  assert.deepEqual(walk({start_ns: Infinity, thread: Infinity, depth: 0, index: 0}, false), [...wanted].reverse());
});

test('next can ask for more than a name', () => {
  const source = new FakeSource({seed: 7, threads: 1});
  const codes = new Uint8Array(source.report.functions.count + source.report.sets.length).fill(1);
  const long = finished(findRow(source, [0], codes, {start_ns: 0, thread: -1, depth: -1, index: -1}, true,
    (column, index) => column.end[index] - column.start[index] < 5));
  const wanted = source.rows[0].flatMap((rows, depth) => rows.flatMap((row) => row.end - row.start < 5 ? [{start_ns: row.start, thread: 0, depth, index: row.index}] : [])).sort(compareStops)[0];
  assert.deepEqual(long, wanted);
});

test('the longest and the shortest call', () => {
  const source = new FakeSource({seed: 7, threads: 2});
  const code = source.rows[0][2].find((row) => !row.fold).code;
  const lengths = source.rows.flat(2).filter((row) => row.code === code).map((row) => row.end - row.start);
  const length = (stop) => source.column(stop.thread, stop.depth).end[stop.index] - stop.start_ns;
  assert.equal(length(finished(findExtreme(source, code, true))), Math.max(...lengths));
  assert.equal(length(finished(findExtreme(source, code, false))), Math.min(...lengths));
  assert.equal(finished(findExtreme(source, 1e6, true)), null);
});
