// SPDX-License-Identifier: Apache-2.0
//
// What timeline and panels ask for the data, wherever it comes from. No DOM.

/** @typedef {import('./report.js').Report} Report */
/** @typedef {import('./columns.js').Column} Column */

/**
 * What the screen shows of a thread: a source that holds everything needs no word of it.
 * @typedef {{thread: number, from_ns: number, to_ns: number, ns_per_px: number}} Window
 *
 * `functions`: [function, calls] of each, most calls first.
 * @typedef {{calls: number, raised: number, busy_ns: number, functions: [number, number][]}} Fold
 *
 * The same of many folds: `counts` has the calls of each function, from `offsets` of the fold on, in the order of its set.
 * @typedef {{calls: Float64Array, raised: Float64Array, busy_ns: Float64Array, counts: Uint32Array, offsets: Uint32Array}} FoldTable
 *
 * `flags`: FLAG_... of columns.js. `line`: from where it was called, 0: not known.
 * @typedef {{flags: number, line: number, args: Record<string, string> | null, returned: string | null}} Details
 *
 * @typedef {{depth: number, index: number, line: number, args: Record<string, string> | null, returned: string | null}} CallValues
 *
 * @typedef {{ns: number, name: string, category: string, args: [string, string][]}} Instant
 * @typedef {{name: string, ns: number[], value: (number | null)[]}} Counter
 * @typedef {{instants: Instant[], counters: Counter[]}} Marks
 * @typedef {{thread: number, caller: number[], function: number[], calls: number[], own_ns: number[]}} Stacks
 */

/**
 * One row of the timeline. Stays right as long as its column is not replaced (Source.generation).
 * @typedef {{thread: number, depth: number, index: number}} Call
 */

/** @abstract */
export class Source {
  /** @param {Report} report */
  constructor(report) {
    this.report = report;
    /** Everything is there that will come. */
    this.complete = false;
    /** How much of it is there, from 0 to 1. */
    this.progress = 0;
    /** Counts up when rows are replaced by others, as finer ones. What refers to rows by index asks again. */
    this.generation = 0;
    /** What is wrong with the data, a line each. @type {string[]} */
    this.problems = [];
    /** Called when there is a newer recording, or will be, which loading the page again shows; empty: there is none. @type {(news: string) => void} */
    this.whenNews = () => {};
    /** @type {(() => void)[]} */
    this.callbacks = [];
  }

  /** @param {() => void} callback called when more data came, or a problem */
  onChange(callback) {
    this.callbacks.push(callback);
  }

  changed() {
    for (const callback of this.callbacks) callback();
  }

  /** The best rows there are now. @param {number} thread @param {number} depth @returns {Column | undefined} */
  column(thread, depth) {
    throw new Error(`no column ${thread} ${depth}`);
  }

  /** @param {number} thread @returns {number} */
  depthCount(thread) {
    return this.report.threads[thread].depth;
  }

  /** @param {Window[]} windows */
  want(windows) {
    void windows;
  }

  /** What calls a fold stands for. @param {number} thread @param {number} depth @param {number} index @returns {Promise<Fold>} */
  async fold(thread, depth, index) {
    throw new Error(`no fold ${thread} ${depth} ${index}`);
  }

  /**
   * Many folds of one column at once, their rows in order.
   * @param {number} thread @param {number} depth @param {Uint32Array} indexes
   * @returns {Promise<FoldTable>}
   */
  async folds(thread, depth, indexes) {
    throw new Error(`no folds ${thread} ${depth} ${indexes.length}`);
  }

  /** @param {number} thread @param {number} depth @param {number} index @returns {Promise<Details>} */
  async details(thread, depth, index) {
    throw new Error(`no details ${thread} ${depth} ${index}`);
  }

  /** Blocks of values that a thread has: numbers for valuesOfBlock(). @param {number} thread @returns {number[]} */
  valueBlocks(thread) {
    void thread;
    return [];
  }

  /** All values of a block, of rows that are here. @param {number} block @returns {Promise<CallValues[]>} */
  async valuesOfBlock(block) {
    throw new Error(`no values ${block}`);
  }

  /** Threads that have marks. @returns {number[]} */
  threadsWithMarks() {
    return [];
  }

  /** @param {number} thread @returns {Promise<Marks>} */
  async marks(thread) {
    throw new Error(`no marks ${thread}`);
  }

  /** @returns {Promise<Stacks[]>} */
  async stacks() {
    return [];
  }

  /** @param {number} file @returns {Promise<string | null>} */
  async sourceText(file) {
    void file;
    return null;
  }
}
