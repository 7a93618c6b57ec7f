// SPDX-License-Identifier: Apache-2.0
//
// The codec against files that tests/support/page_file.py wrote, which knows docs/PAGE_FORMAT.md alone.

import assert from 'node:assert/strict';
import test from 'node:test';
import { ByteReader, readCallBlocks } from '../../viewer/page/data/call_block.js';
import { Column } from '../../viewer/page/data/columns.js';
import { bytesOfBase64, unpacked, unpackedJson } from '../../viewer/page/data/packed.js';
import { blockOf, pythonBlock } from './support.mjs';

const LIMITS = { functions: 100000, threads: 3, setSizes: Uint32Array.of(2, 3) };

function rowsOf(block, piece) {
  const rows = [];
  for (let i = piece.at; i < piece.at + piece.rows; i++) rows.push([block.start[i], block.end[i], block.code[i]]);
  return rows;
}

test('rows of several depths, with wide and huge numbers and three planes of codes', () => {
  const columns = {
    0: [[5, 5, 0], [70540, 70540 + 65535, 99999], [200000, 200000 + 65534, 65536]],
    3: [[1000, 1000 + 2 ** 32 - 1, 7], [2 ** 33, 2 ** 52, 8], [2 ** 52 + 1, 2 ** 52 + 2, 9]],
  };
  const bytes = pythonBlock({ thread: 2, base_ns: 3, columns, firsts: { 0: 11, 3: 0 } });
  const [block] = readCallBlocks(bytes, LIMITS);
  assert.equal(block.thread, 2);
  assert.deepEqual(block.pieces.map((one) => [one.depth, one.first, one.rows]), [[0, 11, 3], [3, 0, 3]]);
  assert.deepEqual(rowsOf(block, block.pieces[0]), columns[0]);
  assert.deepEqual(rowsOf(block, block.pieces[1]), columns[3]);
});

test('odd rows are those of all columns', () => {
  const bytes = pythonBlock({ thread: 0, columns: { 0: [[0, 1, 0], [2, 3, 0]], 1: [[0, 1, 0], [2, 3, 0], [4, 5, 1]] },
    odd: { 0: { 1: 2 }, 1: { 0: 1, 2: 9 } } });
  const [block] = readCallBlocks(bytes, LIMITS);
  assert.deepEqual([[...block.odd], [...block.odd_flags]], [[1, 2, 4], [2, 1, 9]]);
  const columns = block.pieces.map((piece) => {
    const column = new Column();
    column.append(block, piece);
    return Array.from({ length: column.count }, (_, index) => column.flags(index));
  });
  assert.deepEqual(columns, [[0, 2], [1, 0, 9]]);
});

test('folds lie where their offsets say', () => {
  const bytes = pythonBlock({ thread: 0, functions: 100000, columns: { 0: [[0, 900, 100001], [901, 902, 4]], 1: [[0, 3, 100000], [5, 600, 100001]] },
    folds: { 0: { 0: [300, 1, 2 ** 40, [1, 128, 171]] }, 1: { 0: [3, 0, 2, [1, 2]], 1: [70000, 69999, 500, [1, 2, 69997]] } } });
  const [block] = readCallBlocks(bytes, LIMITS);
  const read = (/** @type {number} */ offset, /** @type {number} */ size) => {
    const from = new ByteReader(block.folds, offset);
    return Array.from({ length: 3 + size }, () => from.varint());
  };
  assert.deepEqual(block.pieces.map((one) => one.folds_before), [0, 1]);
  assert.deepEqual([...block.fold_offsets].map((offset, i) => read(offset, [3, 2, 3][i])),
    [[300, 1, 2 ** 40, 0, 127, 170], [3, 0, 2, 0, 1], [70000, 69999, 500, 0, 1, 69996]]);
});

test('several blocks in one element', () => {
  const first = pythonBlock({ thread: 1, columns: { 0: [[0, 10, 1]] } });
  const second = pythonBlock({ thread: 2, columns: { 4: [[7, 9, 2]] } });
  const blocks = readCallBlocks(Buffer.concat([first, second]), LIMITS);
  assert.deepEqual(blocks.map((one) => [one.thread, one.pieces[0].depth, one.start[0], one.end[0], one.code[0]]), [[1, 0, 0, 10, 1], [2, 4, 7, 9, 2]]);
});

test('a block cut anywhere is an error, never wrong rows', () => {
  const bytes = pythonBlock({ thread: 0, functions: 100000, columns: { 0: [[0, 900, 100001], [100000, 2 ** 40, 4]] }, odd: { 0: { 1: 2 } },
    folds: { 0: { 0: [300, 1, 5, [1, 128, 171]] } } });
  assert.equal(readCallBlocks(bytes, LIMITS).length, 1);
  for (let size = 0; size < bytes.length; size++) {
    assert.throws(() => readCallBlocks(bytes.subarray(0, size), LIMITS), RangeError, `${size} bytes of ${bytes.length}`);
  }
});

test('what a block says of itself is not believed', () => {
  const bytes = pythonBlock({ thread: 0, columns: { 0: [[0, 9, 1], [10, 11, 1]] } });
  for (const [at, value, what] of [[0, 3, 'thread'], [4, 9, 'columns'], [8, 1 << 21, 'rows'], [8, 3, 'rows'], [28, 1, 'rows of a column']]) {
    const damaged = Buffer.from(bytes);
    damaged.writeUInt32LE(Number(value), Number(at));
    assert.throws(() => readCallBlocks(damaged, LIMITS), RangeError, String(what));
  }
  const far = Buffer.from(bytes);
  far.writeDoubleLE(2 ** 60, 16);
  assert.throws(() => readCallBlocks(far, LIMITS), RangeError);
  const unknown = pythonBlock({ thread: 0, functions: 100000, columns: { 0: [[0, 9, 100002]] }, folds: {} });
  assert.throws(() => readCallBlocks(unknown, LIMITS), RangeError);
});

test('damage of any byte is an error or rows, and asks for no more memory than there are bytes', () => {
  const bytes = pythonBlock({ thread: 0, functions: 100000, columns: { 0: [[0, 900, 100001], [100000, 2 ** 40, 4]], 1: [[3, 9, 100000]] }, odd: { 0: { 1: 2 } },
    folds: { 0: { 0: [300, 1, 5, [1, 128, 171]] }, 1: { 0: [9, 0, 5, [4, 5]] } } });
  let wrong = 0;
  for (let at = 0; at < bytes.length; at++) {
    for (const value of [0, 1, 127, 128, 255, bytes[at] ^ 1, bytes[at] ^ 64]) {
      const damaged = Buffer.from(bytes);
      damaged[at] = value;
      try {
        for (const block of readCallBlocks(damaged, LIMITS)) {
          assert.ok(block.end.every((end, i) => end >= block.start[i]), 'rows end after they begin');
          assert.ok(block.start.length * 6 <= bytes.length);
        }
      } catch (fault) {
        assert.ok(fault instanceof RangeError, String(fault));
        assert.doesNotMatch(fault.message, /allocation|Invalid typed array/);
        wrong++;
      }
    }
  }
  assert.ok(wrong > 100, String(wrong));
});

test('varints', () => {
  const read = (/** @type {number[]} */ ...bytes) => new ByteReader(Uint8Array.from(bytes)).varint();
  assert.equal(read(0), 0);
  assert.equal(read(127), 127);
  assert.equal(read(128, 1), 128);
  assert.equal(read(255, 255, 255, 255, 255, 255, 255, 15), 2 ** 53 - 1);
  assert.throws(() => read(128), RangeError);
  assert.throws(() => read(128, 128, 128, 128, 128, 128, 128, 128, 128, 128, 1), RangeError);
});

test('elements are base64 of one gzip member', async () => {
  const { gzipSync } = await import('node:zlib');
  const packed = gzipSync(Buffer.from('{"a": "<é>"}'));
  assert.deepEqual(await unpackedJson(bytesOfBase64(packed.toString('base64'))), { a: '<é>' });
  await assert.rejects(unpacked(packed.subarray(0, packed.length - 9)));
  const damaged = Buffer.from(packed);
  damaged[packed.length - 6] ^= 1;
  await assert.rejects(unpacked(damaged), 'its check sum does not hold');
});

test('a whole synthetic recording is the same for both readers', () => {
  const found = blockOf();
  assert.ok(found.rows > 3000 && found.folds > 50 && found.odd > 5, JSON.stringify(found));
});
