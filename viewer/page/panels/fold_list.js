// SPDX-License-Identifier: Apache-2.0
//
// Folds that were come upon among rows, to be opened afterwards: millions of them, so as numbers in arrays, by column.
import { otherWorkFirst } from './slices.js';

/** @typedef {import('../data/source.js').Source} Source */
/** @typedef {import('../data/source.js').FoldTable} FoldTable */

const FOLDS_AT_ONCE = 2048;
const FOLD_SLICE_MS = 10;

/** The folds of one thread and depth, in the order of time. `owner` is whatever its finder wants to know of each. */
class FoldColumn {
  /** @param {number} thread @param {number} depth */
  constructor(thread, depth) {
    this.thread = thread;
    this.depth = depth;
    this.count = 0;
    this.index = new Uint32Array(64);
    this.owner = new Int32Array(64);
    this.part = new Float64Array(64);     // of it that lies in the range
    this.span_ns = new Float64Array(64);  // of that part
  }

  grow() {
    const size = this.count * 2;
    const {index, owner, part, span_ns} = this;
    (this.index = new Uint32Array(size)).set(index);
    (this.owner = new Int32Array(size)).set(owner);
    (this.part = new Float64Array(size)).set(part);
    (this.span_ns = new Float64Array(size)).set(span_ns);
  }
}

export class FoldList {
  constructor() {
    /** @type {FoldColumn[]} */
    this.columns = [];
    this.count = 0;
    this.thread = -1;
    /** Those of that thread. @type {(FoldColumn | undefined)[]} */
    this.of_depth = [];
  }

  /** Where folds of a thread and depth are to be added. @param {number} thread @param {number} depth */
  columnOf(thread, depth) {
    if (thread !== this.thread) {
      this.thread = thread;
      this.of_depth = [];
    }
    let column = this.of_depth[depth];
    if (column === undefined) {
      column = this.of_depth[depth] = new FoldColumn(thread, depth);
      this.columns.push(column);
    }
    return column;
  }

  /**
   * Of one thread after another, and of each depth in the order of time.
   * @param {number} thread
   * @param {number} depth
   * @param {number} index
   * @param {number} owner
   * @param {number} span_ns
   * @param {number} whole_ns how long it is beyond the range
   */
  add(thread, depth, index, owner, span_ns, whole_ns) {
    const column = this.columnOf(thread, depth);
    if (column.count === column.index.length) {
      column.grow();
    }
    const at = column.count++;
    column.index[at] = index;
    column.owner[at] = owner;
    column.part[at] = whole_ns > 0 ? span_ns / whole_ns : 1;
    column.span_ns[at] = span_ns;
    ++this.count;
  }

  /**
   * Opens all, with pauses. False if `signal` ended it.
   * @param {Source} source
   * @param {AbortSignal} signal
   * @param {(owner: number, part: number, span_ns: number, functions: readonly number[], table: FoldTable, at: number) => void} take
   * `at`: which one of the table it is
   */
  async open(source, signal, take) {
    const {report} = source;
    let until_ms = performance.now() + FOLD_SLICE_MS;
    for (const column of this.columns) {
      const {code} = source.column(column.thread, column.depth) ?? {code: new Uint32Array(0)};
      for (let first = 0; first < column.count; first += FOLDS_AT_ONCE) {
        const end = Math.min(column.count, first + FOLDS_AT_ONCE);
        const table = await source.folds(column.thread, column.depth, column.index.subarray(first, end));
        for (let at = first; at < end; ++at) {
          take(column.owner[at], column.part[at], column.span_ns[at], report.functionsOf(code[column.index[at]]), table, at - first);
        }
        if (performance.now() >= until_ms) {
          await otherWorkFirst();
          until_ms = performance.now() + FOLD_SLICE_MS;
        }
        if (signal.aborted) {
          return false;
        }
      }
    }
    return true;
  }
}
