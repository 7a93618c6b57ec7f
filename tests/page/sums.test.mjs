// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { test } from 'node:test';

import { addFolds, sumRange } from '../../viewer/page/panels/range_sums.js';
import { allThreads, rowAround, rowsWithin, walkRows } from '../../viewer/page/panels/rows.js';
import { FakeSource, finished } from './fake_source.mjs';

async function sumsOf(source, threads, from_ns, to_ns) {
  const sums = finished(sumRange(source, threads, from_ns, to_ns));
  assert.ok(await addFolds(source, sums, new AbortController().signal));
  return sums;
}

/** The same by recursion over the calls themselves. */
function counted(source, threads, from_ns, to_ns) {
  const functions = source.report.functions.count;
  const calls = new Array(functions).fill(0);
  const own_ns = new Array(functions).fill(0);
  const total_ns = new Array(functions).fill(0);
  const clip = (row) => Math.min(row.end, to_ns) - Math.max(row.start, from_ns);
  const visit = (row, above) => {
    if (row.end <= from_ns || row.start >= to_ns) {
      return 0;
    }
    if (row.fold) {
      row.fold.functions.forEach(([each, count]) => calls[each] += count);
      return row.end > row.start ? row.fold.busy_ns * clip(row) / (row.end - row.start) : row.fold.busy_ns;
    }
    ++calls[row.code];
    const inner_ns = row.inner.reduce((sum, inner) => sum + visit(inner, [...above, row.code]), 0);
    own_ns[row.code] += clip(row) - inner_ns;
    total_ns[row.code] += above.includes(row.code) ? 0 : clip(row);
    return clip(row);
  };
  threads.forEach((thread) => source.calls[thread].forEach((row) => visit(row, [])));
  return {calls, own_ns, total_ns};
}

function assertNear(found, wanted) {
  assert.equal(found.length, wanted.length);
  found.forEach((each, at) => assert.ok(Math.abs(each - wanted[at]) < 1e-6, `${at}: ${each}, not ${wanted[at]}`));
}

test('sums of everything are the numbers of the report', async () => {
  const source = new FakeSource({seed: 3});
  const sums = await sumsOf(source, allThreads(source), -Infinity, Infinity);
  assert.ok(source.report.meta.folded_calls > 100 && source.report.meta.kept_calls > 1000);
  assert.deepEqual([...sums.calls], source.report.functions.calls);
  assert.deepEqual([...sums.folded_calls], source.report.functions.folded_calls);
  assert.deepEqual([...sums.total_ns], source.report.functions.total_ns);
  assertNear(sums.own_ns, source.report.functions.own_ns);
  assert.equal(sums.kept, source.report.meta.kept_calls);
  assert.equal(sums.folded, source.report.meta.folded_calls);
});

test('sums of a range clip what reaches beyond it', async () => {
  for (let seed = 1; seed <= 8; ++seed) {
    const source = new FakeSource({seed, threads: 3});
    for (const [from_ns, to_ns, threads] of [[10000, 42000, [0, 1, 2]], [33333, 33334, [0]], [50000, 90000, [2]], [0, 0, [1]]]) {
      const sums = await sumsOf(source, threads, from_ns, to_ns);
      const wanted = counted(source, threads, from_ns, to_ns);
      assert.deepEqual([...sums.calls], wanted.calls);
      assertNear(sums.own_ns, wanted.own_ns);
      assertNear(sums.total_ns, wanted.total_ns);
    }
  }
});

test('rows are visited in the order of their calls, all of them', () => {
  const source = new FakeSource({seed: 5, threads: 1});
  const seen = [];
  finished(walkRows(source, 0, -Infinity, Infinity, {enter: (code, depth, index) => seen.push([code, depth, index]), leave: () => {}}));
  const wanted = [];
  const visit = (row, depth) => {
    wanted.push([row.code, depth, row.index]);
    row.inner.forEach((inner) => visit(inner, depth + 1));
  };
  source.calls[0].forEach((row) => visit(row, 0));
  assert.deepEqual(seen, wanted);
});

test('the caller of a row and the rows in it', () => {
  const source = new FakeSource({seed: 9, threads: 1});
  let inner_rows = 0;
  const visit = (row, depth) => {
    const {first, end} = rowsWithin(source, {thread: 0, depth, index: row.index});
    const inner = row.inner.map((each) => each.index);
    // One without a length at the edge can be seen from both sides.
    assert.ok(inner.every((index) => index >= first && index < end) && end - first <= inner.length + 2);
    for (const each of row.inner) {
      if (each.end > each.start) {
        assert.equal(rowAround(source, 0, depth, each.start, each.end).index, row.index);
      }
      ++inner_rows;
      visit(each, depth + 1);
    }
  };
  source.calls[0].forEach((row) => visit(row, 0));
  assert.ok(inner_rows > 500);
  assert.equal(rowAround(source, 0, -1, 0, 1), null);
});

test('a row whose own has been lost is nobody\'s', () => {
  const source = new FakeSource({seed: 5, threads: 1});
  const column = source.column(0, 1);
  column.start[0] = 0;
  column.end[0] = 0.5;
  source.column(0, 0).start[0] = 1;
  const seen = [];
  finished(walkRows(source, 0, -Infinity, Infinity, {enter: (code, depth, index) => seen.push([depth, index]), leave: () => {}}));
  assert.ok(!seen.some(([depth, index]) => depth === 1 && index === 0));
  assert.ok(seen.some(([depth, index]) => depth === 1 && index === 1));
});

test('a hole in the record is no call, and its time nobody\'s', () => {
  const source = new FakeSource({seed: 5, threads: 1});
  const before = finished(sumRange(source, [0], -Infinity, Infinity));
  const called = before.calls.findIndex((calls) => calls > 0);
  source.report.functions.kind[called] = 2;
  const sums = finished(sumRange(source, [0], -Infinity, Infinity));
  assert.deepEqual([sums.calls[called], sums.own_ns[called], sums.total_ns[called]], [0, 0, 0]);
  assert.equal(sums.kept, before.kept - before.calls[called]);
  assert.deepEqual(sums.own_ns.filter((_, each) => each !== called), before.own_ns.filter((_, each) => each !== called));
});

test('a generator that goes on is no call of its own, but takes time', () => {
  const source = new FakeSource({seed: 5, threads: 1});
  const {code, start, end} = source.column(0, 0);
  assert.ok(!source.report.isFold(code[0]));
  const before = finished(sumRange(source, [0], -Infinity, Infinity));
  source.column(0, 0).setFlags(0, 4);
  const sums = finished(sumRange(source, [0], -Infinity, Infinity));
  assert.equal(sums.calls[code[0]], before.calls[code[0]] - 1);
  assert.equal(sums.total_ns[code[0]], before.total_ns[code[0]]);
  assert.ok(end[0] > start[0]);
});
