// SPDX-License-Identifier: Apache-2.0
//
// Decoding beside the page: what workers are given and give back, the memory they use again, and what is done without them.

import assert from 'node:assert/strict';
import test from 'node:test';
import { gzipSync } from 'node:zlib';
import { unpacked, Scratch } from '../../viewer/page/data/packed.js';
import { Decoders, runWorker } from '../../viewer/page/data/worker.js';
import { pythonBlock } from './support.mjs';

const LIMITS = { functions: 9, threads: 3, setSizes: Uint32Array.of() };
/** So many that their arrays are lent. */
const MANY = 9000;

function rowsFrom(first_ns, count) {
  return Array.from({ length: count }, (_, i) => [first_ns + 10 * i, first_ns + 10 * i + 1 + (i % 9), i % 7]);
}

function packedBlock(thread, rows, odd = {}) {
  return new Uint8Array(gzipSync(pythonBlock({ thread, columns: { 2: rows }, odd: { 2: odd } })));
}

function rowsOf(block) {
  return Array.from(block.start, (start, i) => [start, block.end[i], block.code[i]]);
}

/** The worker's side, with messages as a browser passes them on. `next()`: its next answer. */
function startWorker() {
  const answers = [];
  let wake = () => {};
  const scope = {
    onmessage: (/** @type {any} */ event) => void event,
    postMessage(message, transfer) {
      answers.push(structuredClone(message, { transfer }));
      wake();
    },
  };
  runWorker(scope);
  const post = (message, transfer = []) => scope.onmessage({ data: structuredClone(message, { transfer }) });
  post({ limits: LIMITS });
  const next = async () => {
    while (!answers.length) await new Promise((resolve) => { wake = () => resolve(undefined); });
    return answers.shift();
  };
  return { post, next };
}

test('blocks that are sent at once do not get into each other', async () => {
  const { post, next } = startWorker();
  const rows = [rowsFrom(0, MANY), rowsFrom(5, 3), rowsFrom(70000, MANY + 100), rowsFrom(2 ** 40, 40)];
  rows.forEach((one, id) => post({ id, packed: packedBlock(id % 3, one, { 1: 2 + id }), free: [] }));
  for (const id of rows.keys()) {
    const answer = await next();
    assert.equal(answer.id, id);
    const [block] = answer.blocks;
    assert.deepEqual(rowsOf(block), rows[id]);
    assert.deepEqual([[...block.odd], [...block.odd_flags]], [[1], [2 + id]]);
  }
});

test('rows come in memory that was given back, if it is large enough', async () => {
  const { post, next } = startWorker();
  const send = async (rows, free) => {
    post({ id: 1, packed: packedBlock(0, rows), free }, free);
    const [block] = (await next()).blocks;
    assert.deepEqual(rowsOf(block), rows);
    return block;
  };
  const few = await send(rowsFrom(3, 20), []);
  assert.equal(few.lent, null);
  const large = await send(rowsFrom(3, MANY + 500), []);
  assert.equal(large.lent.byteLength, (MANY + 500) * 20);
  const again = await send(rowsFrom(900, MANY), [large.lent]);
  assert.equal(again.lent.byteLength, (MANY + 500) * 20);
  const larger = await send(rowsFrom(1, MANY + 600), [again.lent]);
  assert.equal(larger.lent.byteLength, (MANY + 600) * 20);
});

test('memory that nobody will use again is not kept', () => {
  const made = [];
  globalThis.Worker = /** @type {any} */ (class {
    constructor() { made.push(this); }
    postMessage() {}
    terminate() {}
  });
  try {
    const decoders = new Decoders('', 2, LIMITS);
    for (let i = 0; i < 4; i++) decoders.takeBack(new ArrayBuffer(8));
    decoders.decode('AAAA').catch(() => {});
    assert.equal(decoders.free.length, 2, 'a part for each worker');
    made.forEach((worker) => worker.onerror());
    decoders.takeBack(new ArrayBuffer(8));
    assert.equal(decoders.free.length, 0);
  } finally {
    delete globalThis.Worker;
  }
});

test('a damaged block is told of, and the next one is whole', async () => {
  const { post, next } = startWorker();
  const damaged = packedBlock(0, rowsFrom(0, 50));
  damaged[damaged.length - 6] ^= 1;
  post({ id: 1, packed: damaged, free: [] });
  post({ id: 2, packed: packedBlock(0, rowsFrom(0, 50)), free: [] });
  assert.match((await next()).fault, /./);
  assert.deepEqual(rowsOf((await next()).blocks[0]), rowsFrom(0, 50));
});

test('what a worker had that dies is decoded in the page', async () => {
  const workers = [];
  globalThis.Worker = /** @type {any} */ (class {
    constructor() { workers.push(this); }
    postMessage(message, transfer = []) { structuredClone(message, { transfer }); }
    terminate() {}
  });
  try {
    const decoders = new Decoders('', 2, LIMITS);
    const rows = [rowsFrom(0, 10), rowsFrom(100, 10), rowsFrom(200, 10)];
    const blocks = rows.map((one) => decoders.decode(Buffer.from(packedBlock(1, one)).toString('base64')));
    for (const worker of workers) worker.onerror();
    blocks.push(decoders.decode(Buffer.from(packedBlock(1, rows[0])).toString('base64')));
    assert.deepEqual((await Promise.all(blocks)).map(([block]) => rowsOf(block)), [...rows, rows[0]]);
  } finally {
    delete globalThis.Worker;
  }
});

test('the size that a member says of itself is not believed', async () => {
  const packed = new Uint8Array(gzipSync(Buffer.alloc(5000, 'abc')));
  const saying = (size) => {
    const other = packed.slice();
    new DataView(other.buffer).setUint32(other.length - 4, size, true);
    return other;
  };
  const scratch = new Scratch();
  assert.equal((await unpacked(packed, scratch)).length, 5000);
  for (const size of [0, 4999, 5001, 70000, 2 ** 32 - 1]) await assert.rejects(unpacked(saying(size), scratch), String(size));
  await assert.rejects(unpacked(packed.subarray(0, 19), scratch));
  assert.ok(scratch.bytes.length < 100_000, 'memory that no member can fill is not asked for');
  assert.deepEqual(Buffer.from(await unpacked(packed, scratch)), Buffer.alloc(5000, 'abc'));
});
