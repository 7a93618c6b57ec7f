// SPDX-License-Identifier: Apache-2.0
//
// What panels ask of a file for many rows at once is what it says of each by itself, also where blocks are missing.

import assert from 'node:assert/strict';
import test from 'node:test';
import { sourceOf, withFile } from './support.mjs';

// Several blocks for each thread, so that columns have pieces, and holes where one is dropped.
const OPTIONS = { rows: 6000, threads: 2, processes: 1, depth: 8, seed: 4, repeat: 3 };

/** The rows of folds of a column. */
function foldRowsOf(source, thread, depth) {
  const column = source.column(thread, depth);
  const rows = [];
  for (let i = 0; i < (column?.count ?? 0); i++) if (source.report.isFold(column.code[i])) rows.push(i);
  return Uint32Array.from(rows);
}

async function compareFolds(source) {
  let compared = 0;
  for (const [thread, { depth: depths }] of source.report.threads.entries()) {
    for (let depth = 0; depth < depths; depth++) {
      const rows = foldRowsOf(source, thread, depth);
      if (rows.length === 0) continue;
      const table = await source.folds(thread, depth, rows);
      for (const [at, row] of rows.entries()) {
        const fold = await source.fold(thread, depth, row);
        const counts = table.counts.subarray(table.offsets[at], table.offsets[at + 1]);
        const functions = source.report.functionsOf(source.column(thread, depth).code[row]);
        assert.deepEqual([table.calls[at], table.raised[at], table.busy_ns[at]], [fold.calls, fold.raised, fold.busy_ns]);
        assert.deepEqual(new Map(functions.map((one, i) => [one, counts[i]])), new Map(fold.functions));
        compared++;
      }
    }
  }
  return compared;
}

async function compareValues(source) {
  let compared = 0;
  for (const thread of source.report.threads.keys()) {
    for (const block of source.valueBlocks(thread)) {
      for (const { depth, index, line, args, returned } of await source.valuesOfBlock(block)) {
        const details = await source.details(thread, depth, index);
        assert.deepEqual([details.line, details.args, details.returned], [line, args, returned]);
        compared++;
      }
    }
  }
  return compared;
}

test('folds and values of a whole file', () => withFile(OPTIONS, async (file) => {
  const source = await sourceOf(file);
  assert.ok(await compareFolds(source) > 60);
  assert.ok(await compareValues(source) > 100);
}));

test('a few folds of many', () => withFile(OPTIONS, async (file) => {
  const source = await sourceOf(file);
  const depth = [...Array(8).keys()].find((one) => foldRowsOf(source, 1, one).length > 10);
  const rows = foldRowsOf(source, 1, depth);
  const some = rows.filter((_, at) => at % 3 === 1);
  const [all, few] = [await source.folds(1, depth, rows), await source.folds(1, depth, some)];
  assert.deepEqual([...few.busy_ns], [...all.busy_ns].filter((_, at) => at % 3 === 1));
}));

test('what is no fold is an error', () => withFile(OPTIONS, async (file) => {
  const source = await sourceOf(file);
  const { code } = source.column(0, 0);
  const call = code.findIndex((one) => !source.report.isFold(one));
  await assert.rejects(source.folds(0, 0, Uint32Array.of(call)));
  await assert.rejects(source.folds(0, 0, Uint32Array.of(source.column(0, 0).count)));
  await assert.rejects(source.folds(0, 99, Uint32Array.of(0)));
}));

test('where a block is missing the values of others stand at their calls', () => withFile({ ...OPTIONS, repeat: 1, element_bytes: 3000 }, async (file) => {
  const whole = await sourceOf(file);
  const source = await sourceOf(file, (elements) => elements.filter((one) => one.kind !== 'calls' || one.number !== 0));
  assert.ok(source.problems.length > 0);
  const starts = new Map();
  for (const thread of whole.report.threads.keys()) {
    for (const block of whole.valueBlocks(thread)) {
      for (const { depth, index, args } of await whole.valuesOfBlock(block)) starts.set(`${thread} ${depth} ${whole.column(thread, depth).start[index]}`, args);
    }
  }
  let compared = 0;
  for (const thread of source.report.threads.keys()) {
    for (const block of source.valueBlocks(thread)) {
      for (const { depth, index, args } of await source.valuesOfBlock(block)) {
        assert.deepEqual(args, starts.get(`${thread} ${depth} ${source.column(thread, depth).start[index]}`));
        compared++;
      }
    }
  }
  assert.ok(compared > 100 && compared < starts.size, `${compared} of ${starts.size}`);
  await compareFolds(source);
}));
