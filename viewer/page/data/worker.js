// SPDX-License-Identifier: Apache-2.0
//
// What the page's script does in a worker: unpack call blocks and make columns of them.

import { readCallBlocks } from './call_block.js';
import { Scratch, bytesOfBase64, unpacked } from './packed.js';

/** @typedef {import('./call_block.js').Limits} Limits */
/** @typedef {import('./call_block.js').CallBlock} CallBlock */

/**
 * @param {Uint8Array} packed
 * @param {Limits} limits
 */
export async function decodedCalls(packed, limits) {
  return readCallBlocks(await unpacked(packed), limits);
}

/** @param {any} scope the worker's global object */
export function runWorker(scope) {
  /** @type {Limits} */
  let limits = { functions: 0, threads: 0, setSizes: new Uint32Array(0) };
  const scratch = new Scratch();
  /** @type {ArrayBuffer[]} */
  const free = [];
  const decode = async (/** @type {number} */ id, /** @type {Uint8Array} */ packed) => {
    try {
      const blocks = readCallBlocks(await unpacked(packed, scratch), limits, free);
      // Once each, and not the arrays that stand for nothing.
      const buffers = blocks.flatMap((block) => [block.start.buffer, block.odd.buffer, block.odd_flags.buffer, block.folds.buffer, block.fold_offsets.buffer]);
      scope.postMessage({ id, blocks }, [...new Set(buffers)].filter((one) => one.byteLength > 0));
    } catch (fault) {
      scope.postMessage({ id, fault: String(fault) });
    }
  };
  let last = Promise.resolve();
  scope.onmessage = (/** @type {MessageEvent} */ event) => {
    const { id, packed } = event.data;
    if (event.data.limits) {
      limits = event.data.limits;
      return;
    }
    free.push(...event.data.free);
    // One after another: they are unpacked into the same memory.
    last = last.then(() => decode(id, packed));
  };
}

/** Decodes blocks beside the page, or in it where a browser gives it no workers. */
export class Decoders {
  /** @param {string} code the page's script @param {number} count @param {Limits} limits */
  constructor(code, count, limits) {
    this.limits = limits;
    /** @type {Worker[]} */
    this.workers = [];
    /** @type {Map<number, {resolve: (blocks: CallBlock[]) => void, reject: (fault: Error) => void, text: string, worker: number}>} */
    this.waiting = new Map();
    this.next_id = 0;
    /** @type {number[]} */
    this.load = [];
    /** For the next blocks. @type {ArrayBuffer[]} */
    this.free = [];
    try {
      const address = URL.createObjectURL(new Blob([code], { type: 'text/javascript' }));
      for (let i = 0; i < count; i++) this.addWorker(address, i);
    } catch (fault) {
      this.close();
      this.workers = [];
      this.load = [];
    }
  }

  /** @param {string} address @param {number} number */
  addWorker(address, number) {
    const worker = new Worker(address);
    worker.onmessage = (event) => this.finish(event.data.id, event.data.blocks, event.data.fault);
    worker.onerror = worker.onmessageerror = () => this.lose(number);
    worker.postMessage({ limits: this.limits });
    this.workers.push(worker);
    this.load.push(0);
  }

  /** What an element holds. Rejects what is damaged. @param {string} text @returns {Promise<CallBlock[]>} */
  async decode(text) {
    const packed = bytesOfBase64(text);
    const alive = this.workers.map((_, i) => i).filter((i) => this.load[i] >= 0);
    if (!alive.length) return decodedCalls(packed, this.limits);
    const worker = alive.reduce((least, i) => (this.load[i] < this.load[least] ? i : least));
    const id = this.next_id++;
    this.load[worker]++;
    return new Promise((resolve, reject) => {
      // The text is kept: a worker that fails gives nothing back.
      this.waiting.set(id, { resolve, reject, text, worker });
      // Each worker its part: one that is slow would get all there is, and never use it.
      const free = this.free.splice(0, Math.ceil(this.free.length / alive.length));
      this.workers[worker].postMessage({ id, packed, free }, [packed.buffer, ...free]);
    });
  }

  /** A block whose rows have been copied. @param {ArrayBuffer} lent */
  takeBack(lent) {
    if (this.load.some((load) => load >= 0)) this.free.push(lent);
  }

  /** @param {number} id @param {CallBlock[] | undefined} blocks @param {string} fault */
  finish(id, blocks, fault) {
    const waiting = this.waiting.get(id);
    if (!waiting) return;
    this.waiting.delete(id);
    if (this.load[waiting.worker] > 0) this.load[waiting.worker]--;
    if (blocks) waiting.resolve(blocks);
    else waiting.reject(new Error(fault));
  }

  /** A worker that could not begin, or died: what it had is done here. @param {number} number */
  lose(number) {
    this.load[number] = -1;
    this.workers[number].terminate();
    if (this.load.every((load) => load < 0)) this.free = [];
    for (const [id, { resolve, reject, text, worker }] of [...this.waiting]) {
      if (worker !== number) continue;
      this.waiting.delete(id);
      decodedCalls(bytesOfBase64(text), this.limits).then(resolve, reject);
    }
  }

  close() {
    for (const worker of this.workers) worker.terminate();
    this.free = [];
  }
}
