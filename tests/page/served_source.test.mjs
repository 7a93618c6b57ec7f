// SPDX-License-Identifier: Apache-2.0
//
// What a page with a server makes of its answers.

import assert from 'node:assert/strict';
import test from 'node:test';
import { firstEndingAfter } from '../../viewer/page/data/columns.js';
import { ServedSource } from '../../viewer/page/data/served_source.js';
import { pythonBlock, sourceOf, withFile } from './support.mjs';

const OPTIONS = { rows: 3000, threads: 1, depth: 8, seed: 3 };

/** As report/html/window.h has it. */
function answerOf(head, blocks) {
  const json = Buffer.from(JSON.stringify(head));
  const size = Buffer.alloc(4);
  size.writeUInt32LE(json.length);
  return new Uint8Array(Buffer.concat([size, json, blocks])).buffer;
}

/** A row of the page that goes on for a while, is no fold and ended by an exception: its depth and index. */
function raisedRow(source) {
  for (let depth = 1; depth < source.depthCount(0); depth++) {
    const column = source.column(0, depth);
    for (let index = 1; index < column.count; index++) {
      if (column.flags(index) === 1 && !source.report.isFold(column.code[index]) && column.end[index] - column.start[index] > 10) return { depth, index };
    }
  }
  throw new Error('the recording has no such row');
}

test('calls that go on behind a stretch are those of the page, as they ended', () => withFile(OPTIONS, async (file) => {
  const source = await sourceOf(file, (elements) => elements, ServedSource);
  const { depth: deepest, index: raised } = raisedRow(source);
  const to_ns = source.column(0, deepest).start[raised] + 5;
  const own = [[to_ns - 4, to_ns - 3, 1]];
  const { name, file: of_file, line, kind } = source.report.functions;
  const functions = [0, 1].map((one) => [name[one], source.report.files[of_file[one]] || '', line[one], kind[one]]);
  globalThis.fetch = /** @type {any} */ (async () => ({ ok: true, arrayBuffer: async () => answerOf({ from_ns: to_ns - 9, to_ns, functions, values: [] },
    pythonBlock({ thread: 0, columns: { [deepest + 1]: own } })) }));
  const stretch = await source.fetchStretch(0, to_ns - 9, to_ns);
  let around = 0;
  for (let depth = 0; depth < source.depthCount(0); depth++) {
    const page = source.column(0, depth);
    const index = page ? firstEndingAfter(page, to_ns) : 0;
    const expected = depth === deepest + 1 ? own.map((row) => [...row, 0]) : [];
    if (page && index < page.count && page.start[index] < to_ns && page.start[index] >= (expected[0]?.[1] ?? 0) && !source.report.isFold(page.code[index])) {
      expected.push([page.start[index], page.end[index], page.code[index], page.flags(index)]);
      assert.equal(stretch.around[depth], index);
      around++;
    } else {
      assert.equal(stretch.around[depth], -1);
    }
    const column = stretch.columns[depth];
    assert.deepEqual(Array.from({ length: column.count }, (_, i) => [column.start[i], column.end[i], column.code[i], column.flags(i)]), expected, `depth ${depth}`);
  }
  assert.ok(around > deepest);
  assert.equal(stretch.columns[deepest].flags(0), 1);
}));

test('a stretch that cannot be had anew hides nothing', () => withFile(OPTIONS, async (file) => {
  const source = await sourceOf(file, (elements) => elements, ServedSource);
  source.complete = true;
  source.report.meta.fold_below_ns = 1e9;
  const page = source.column(0, 0);
  const stretch = { from_ns: 100, to_ns: 200, columns: [], around: [], values: [] };
  const near = (from_ns, to_ns) => source.want([{ thread: 0, from_ns, to_ns, ns_per_px: 0.1 }]);
  source.replace(0, stretch);
  source.is_stale = true;
  near(120, 180);
  assert.equal(source.column(0, 0), undefined, 'it covers what is seen');
  near(150, 900);
  assert.equal(source.column(0, 0), page);
  source.is_stale = false;
  for (const answer of [{ ok: false, text: async () => 'broken' }, { ok: true, arrayBuffer: async () => answerOf({ too_many: true }, Buffer.alloc(0)) }]) {
    source.replace(0, stretch);
    source.asked.clear();
    globalThis.fetch = /** @type {any} */ (async () => answer);
    near(150, 900);
    for (let i = 0; i < 20 && source.stretches.size; i++) await new Promise((done) => setTimeout(done, 5));
    assert.equal(source.column(0, 0), page);
  }
}));
