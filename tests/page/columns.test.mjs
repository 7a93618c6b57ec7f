// SPDX-License-Identifier: Apache-2.0
//
// Columns and what is asked of them, against plain loops over their rows.

import assert from 'node:assert/strict';
import test from 'node:test';
import { Column, firstEndingAfter, firstStartingFrom, longestOfRun, outstandingOfRun, rowAt, visibleRuns } from '../../viewer/page/data/columns.js';

/** A column of [start, end] rows. */
function columnOf(rows, first = 0) {
  const column = new Column();
  appendTo(column, rows, first);
  return column;
}

function appendTo(column, rows, first, odd = {}) {
  const block = { start: Float64Array.from(rows, (one) => one[0]), end: Float64Array.from(rows, (one) => one[1]), code: Uint32Array.from(rows, (_, i) => i % 7),
    odd: Uint32Array.from(Object.keys(odd), Number), odd_flags: Uint8Array.from(Object.values(odd)) };
  const piece = { depth: 0, first, rows: rows.length, at: 0, folds_before: 0 };
  column.append(block, piece);
}

/** Numbers that are the same in every run. */
function random(seed) {
  let state = seed;
  return (below) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
}

function randomRows(count, next) {
  const rows = [];
  let at = 0;
  for (let i = 0; i < count; i++) {
    at += next(8) === 0 ? next(500) : next(4) === 0 ? 0 : next(6);
    const start = at;
    at += next(30) === 0 ? next(2000) : next(5);
    rows.push([start, at]);
  }
  return rows;
}

test('searching by time is what a loop finds', () => {
  const next = random(1);
  for (let turn = 0; turn < 60; turn++) {
    const rows = randomRows(next(40), next);
    const column = columnOf(rows);
    for (let ns = -2; ns < (rows.at(-1)?.[1] ?? 0) + 3; ns += 1 + next(9)) {
      const ending = rows.findIndex((one) => one[1] > ns);
      const starting = rows.findIndex((one) => one[0] >= ns);
      assert.equal(firstEndingAfter(column, ns), ending < 0 ? rows.length : ending);
      assert.equal(firstStartingFrom(column, ns), starting < 0 ? rows.length : starting);
      const at = rowAt(column, ns);
      const over = rows.some((one) => one[0] <= ns && (one[1] > ns || one[0] === ns));
      assert.equal(at >= 0, over, `${ns} in ${JSON.stringify(rows)}`);
      if (at >= 0) assert.ok(rows[at][0] <= ns && (rows[at][1] > ns || rows[at][0] === ns));
    }
  }
});

test('every visible row is in one run, and runs are few', () => {
  const next = random(2);
  const runs = [];
  for (let turn = 0; turn < 200; turn++) {
    const rows = randomRows(1 + next(400), next);
    const column = columnOf(rows);
    const span = rows.at(-1)[1] + 1;
    const from = next(span);
    const to = from + 1 + next(span);
    const ns_per_px = [0.1, 1, 7, 33.3, 1000][next(5)];
    const count = visibleRuns(column, from, to, ns_per_px, runs);
    assert.equal(runs.length, 2 * count);
    let before = -1;
    for (let i = 0; i < runs.length; i += 2) {
      assert.ok(runs[i] < runs[i + 1]);
      if (before >= 0) assert.equal(runs[i], before, 'runs follow one another');
      before = runs[i + 1];
      if (runs[i + 1] - runs[i] > 1) {
        for (let row = runs[i]; row < runs[i + 1]; row++) assert.ok(rows[row][1] - rows[row][0] < ns_per_px, 'only rows below a pixel are put together');
        assert.ok(rows[runs[i + 1] - 1][0] - rows[runs[i]][0] < ns_per_px * 1.0001, 'and only those of one pixel');
      }
    }
    const visible = rows.map((one, i) => i).filter((i) => rows[i][1] > from && rows[i][0] < to);
    for (const row of visible) assert.ok(runs.length && row >= runs[0] && row < runs.at(-1), `row ${row} is drawn`);
    const long = visible.filter((i) => rows[i][1] - rows[i][0] >= ns_per_px).length;
    assert.ok(count <= (to - from) / ns_per_px + 2 + 2 * long, `${count} runs`);
  }
});

test('a million rows in a window of a thousand pixels are a thousand runs', () => {
  const rows = Array.from({ length: 1e6 }, (_, i) => [i * 10, i * 10 + 8]);
  const runs = [];
  const count = visibleRuns(columnOf(rows), 0, 1e7, 1e4, runs);
  assert.ok(count >= 1000 && count <= 1002, String(count));
  assert.deepEqual([runs[0], runs.at(-1)], [0, 1e6]);
});

test('runs stay the same when the picture moves', () => {
  const next = random(3);
  const column = columnOf(randomRows(500, next));
  const one = [];
  const other = [];
  visibleRuns(column, 100, 1000, 13, one);
  visibleRuns(column, 105.5, 1000, 13, other);
  assert.deepEqual(other.slice(-20), one.slice(-20));
});

test('the longest of a run', () => {
  const column = columnOf([[0, 1], [2, 9], [10, 12]]);
  assert.equal(longestOfRun(column, 0, 3), 1);
  assert.equal(longestOfRun(column, 2, 3), 2);
});

test('of a run the row that stands out is shown, however short', () => {
  const column = columnOf(Array.from({ length: 100000 }, (_, i) => [i * 2, i * 2 + 1]));
  const stands_out = new Uint8Array(8);
  assert.equal(outstandingOfRun(column, 10, 20, stands_out), -1);
  stands_out[3] = 1;
  assert.equal(column.code[outstandingOfRun(column, 11, 18, stands_out)], 3);
  assert.equal(outstandingOfRun(column, 11, 17, stands_out), -1, 'only within the run');
  assert.equal(column.code[outstandingOfRun(column, 0, 100000, stands_out)], 3);
});

test('rows of several blocks, some of them missing, keep their numbers', () => {
  const column = new Column();
  appendTo(column, [[0, 1], [2, 3]], 0, { 1: 4 });
  appendTo(column, [[10, 11]], 2);
  appendTo(column, [[20, 21], [22, 23]], 10, { 0: 1 });
  appendTo(column, [[30, 31]], 12);
  appendTo(column, [[40, 41]], 14);
  assert.equal(column.count, 7);
  assert.deepEqual([...column.start.subarray(0, 7)], [0, 2, 10, 20, 22, 30, 40]);
  const recorded = [0, 1, 2, 10, 11, 12, 14];
  recorded.forEach((number, index) => {
    assert.equal(column.recordedIndex(index), number);
    assert.equal(column.indexOfRecorded(number), index);
  });
  for (const missing of [3, 9, 13, 15]) assert.equal(column.indexOfRecorded(missing), -1, String(missing));
  assert.deepEqual([0, 1, 2, 3, 4, 5, 6].map((index) => column.flags(index)), [0, 4, 0, 1, 0, 0, 0]);
});

test('a column that was told its size makes its arrays once', () => {
  const column = new Column(4);
  appendTo(column, [[0, 1], [2, 3]], 0);
  const { start } = column;
  appendTo(column, [[4, 5], [6, 7]], 2);
  assert.equal(column.start, start);
  assert.equal(start.length, 4);
  appendTo(column, [[8, 9]], 4);
  assert.deepEqual([...column.start.subarray(0, column.count)], [0, 2, 4, 6, 8]);
});
