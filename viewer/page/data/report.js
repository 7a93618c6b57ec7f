// SPDX-License-Identifier: Apache-2.0
//
// What a recording says of itself: names, places, processes, threads. All of it is there before any call. No DOM.

export const KIND_PYTHON = 0;
export const KIND_C = 1;
export const KIND_GAP = 2;
/** No function, but a span that is no part of a stack. */
export const KIND_SPAN = 3;

/**
 * @typedef {{format: number, version: string, title: string, command: string, start_unix_ns: string, span_ns: number,
 *     exit: null | {status?: number, signal?: number}, calls: number, kept_calls: number, folded_calls: number, rows: number,
 *     fold_below_ns: number, lost_events: number, complete: boolean, served?: string | false, blocks: Record<string, number>, data_bytes: number}} Meta
 * @typedef {{count: number, name: string[], file: number[], line: number[], kind: number[], calls: number[], own_ns: number[],
 *     total_ns: number[], folded_calls: number[]}} Functions
 * @typedef {{name: string, start_ns: number, end_ns: number, open: boolean, traced: boolean, facts: [string, any][]}} Program
 * @typedef {{pid: number, name: string, parent: number, ledger: string, executable: string, argv: string[], cwd: string,
 *     python: string | null, start_ns: number, end_ns: number, alive: boolean, end: string, lost_events: number, notices: string[],
 *     programs: Program[]}} Process
 * @typedef {{process: number, tid: number, name: string, names: string[], calls: number, depth: number, start_ns: number,
 *     end_ns: number, rows?: number[], spans_of?: number}} Thread `spans_of`: a track of that thread's spans, its depths are lanes
 * @typedef {{process: number, thread: number, ns: number, to_process: number, to_thread: number, to_ns: number, name: string}} Arrow
 * @typedef {{process: number, start_ns: number, end_ns: number, events: number, name: string}} Loss
 */

/** The tables of a recording. Does not change once it is made. */
export class Report {
  /** @param {Meta} meta @param {any} tables */
  constructor(meta, tables) {
    this.meta = meta;
    /** @type {Functions} */
    this.functions = { count: tables.functions.name.length, ...tables.functions };
    /** @type {string[]} */
    this.files = tables.files;
    /** @type {number[]} */
    this.source_block = tables.source_block;
    /** @type {Process[]} */
    this.processes = tables.processes;
    /** @type {Thread[]} */
    this.threads = tables.threads;
    /** @type {Arrow[]} */
    this.arrows = tables.arrows;
    /** @type {Loss[]} */
    this.losses = tables.losses;
    /** @type {number[][]} */
    this.sets = tables.sets;
    /** @type {string[]} */
    this.left_out = tables.left_out;
    /** Tracks of spans, by thread. @type {Map<number, number>} */
    this.spans_of = new Map();
    this.threads.forEach(({spans_of}, track) => {
      if (spans_of !== undefined) this.spans_of.set(spans_of, track);
    });
  }

  /** How many threads there are, which tracks of spans are not. */
  get thread_count() {
    return this.threads.length - this.spans_of.size;
  }

  /** Whether the rows of a track are spans. What lies in a lane below is not called by what is above. @param {number} track */
  isOfSpans(track) {
    return this.threads[track]?.spans_of !== undefined;
  }

  /** Whose track it is. @param {number} track */
  threadOf(track) {
    return this.threads[track]?.spans_of ?? track;
  }

  /** Threads, each with the track of its spans behind it. @param {readonly number[]} threads @returns {number[]} */
  withSpans(threads) {
    return threads.flatMap((thread) => {
      const spans = this.spans_of.get(thread);
      return spans === undefined ? [thread] : [thread, spans];
    });
  }

  /** Whether a row's code is that of calls put together. @param {number} code */
  isFold(code) {
    return code >= this.functions.count;
  }

  /** The functions of a row: one of a call, those of a fold. @param {number} code @returns {number[]} */
  functionsOf(code) {
    return code < this.functions.count ? [code] : this.sets[code - this.functions.count] || [];
  }

  /** Where a function stands, for people: app.py:3; empty if it has no file. @param {number} function_id */
  place(function_id) {
    const path = this.path(function_id);
    return path && `${path.slice(path.lastIndexOf('/') + 1)}:${this.functions.line[function_id]}`;
  }

  /** The file of a function, or ''. @param {number} function_id @returns {string} */
  path(function_id) {
    return this.files[this.functions.file[function_id]] || '';
  }

  /** The same with all folders. @param {number} function_id */
  fullPlace(function_id) {
    const path = this.path(function_id);
    return path && `${path}:${this.functions.line[function_id]}`;
  }
}
