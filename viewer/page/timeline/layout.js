// SPDX-License-Identifier: Apache-2.0
//
// Which line of the timeline lies where: a group for each process in the order of the tree, in it a track for each thread,
// each of its counters, and its spans. Only what is on the screen is ever looked at. No DOM.

import { lowerBound } from '../data/columns.js';

/** @typedef {import('../data/report.js').Report} Report */
/** @typedef {import('../data/source.js').Counter} Counter */

export const LINE_PX = 18;
export const PROCESS_PX = 26;
export const STRIP_LINE_PX = 3;
export const INSTANTS_PX = 12;
export const COUNTER_PX = 38;
export const GAP_PX = 5;

const SUMMARY_LINES = 4;
const STRIP_LINES = 8;
/** Stacks are shown whole up to the first, and of deeper ones the second: a recursion must not hide the other threads. */
const MOST_LINES = 40;
const FEW_LINES = 24;
const MANY_PROCESSES = 12;
const MANY_THREADS = 16;

/**
 * One stretch of the picture from top to bottom.
 *   process: its own line, with the programs it ran; strip lines of its first thread if it is closed
 *   thread: `lines` lines of calls, of `line_px` each, below a line of instants if it has some; or the lanes of its spans
 *   counter: one counter of a thread
 * @typedef {{kind: 'process' | 'thread' | 'counter', process: number, thread: number, counter: number, y_px: number, height_px: number,
 *     calls_y_px: number, line_px: number, lines: number, hidden_lines: number}} Item
 */

export class Layout {
  /** @param {Report} report */
  constructor(report) {
    this.report = report;
    /** @type {number[][]} */
    this.threads_of = report.processes.map(() => []);
    report.threads.forEach((thread, i) => {
      if (!report.isOfSpans(i)) this.threads_of[thread.process]?.push(i);
    });
    // Of a program that was met late (a notebook's, one that was attached to) others are told of before the main one.
    const is_main = (/** @type {number} */ one) => Number(report.threads[one].tid === report.processes[report.threads[one].process].pid);
    for (const threads of this.threads_of) threads.sort((one, other) => is_main(other) - is_main(one));
    /** How deep in the tree. */
    this.level = report.processes.map(() => 0);
    report.processes.forEach((process, i) => {
      this.level[i] = process.parent >= 0 ? this.level[process.parent] + 1 : 0;
    });
    this.calls_of = this.threads_of.map((threads) => threads.reduce((sum, one) => sum + report.threads[one].calls, 0));
    this.open_processes = topOf(this.calls_of, MANY_PROCESSES, 0);
    /** @type {Set<number>} */
    this.open_threads = new Set();
    for (const threads of this.threads_of) {
      const calls = threads.map((one) => report.threads[one].calls);
      for (const at of topOf(calls, MANY_THREADS, 0)) {
        for (const track of report.withSpans([threads[at]])) this.open_threads.add(track);
      }
    }
    /** Threads that show all of their lines, however many. @type {Set<number>} */
    this.whole_threads = new Set();
    /** @type {Map<number, {instants: boolean, counters: number}>} */
    this.marks = new Map();
    /** @type {Item[]} */
    this.items = [];
    /** Of each item, for searching. @type {number[]} */
    this.tops = [];
    this.height_px = 0;
    /** By process and thread, for many look-ups in one picture. @type {{processes: Map<number, Item>, threads: Map<number, Item>}} */
    this.index = { processes: new Map(), threads: new Map() };
    this.arrange();
  }

  arrange() {
    const items = this.items = /** @type {Item[]} */ ([]);
    let y_px = 0;
    const add = (/** @type {Omit<Item, 'y_px'>} */ item) => {
      items.push({ ...item, y_px });
      y_px += item.height_px;
    };
    for (let process = 0; process < this.report.processes.length; process++) {
      const threads = this.threads_of[process];
      const open = this.open_processes.has(process);
      const lines = open || !threads.length ? 0 : Math.min(SUMMARY_LINES, this.report.threads[threads[0]].depth);
      add({ kind: 'process', process, thread: threads.length ? threads[0] : -1, counter: -1, height_px: PROCESS_PX + lines * STRIP_LINE_PX + (lines ? 3 : 0),
        calls_y_px: PROCESS_PX - 1, line_px: STRIP_LINE_PX, lines, hidden_lines: 0 });
      if (!open) continue;
      for (const track of this.report.withSpans(threads)) this.addThread(process, track, add);
    }
    this.height_px = y_px;
    this.index = { processes: new Map(), threads: new Map() };
    for (const item of items) {
      if (item.kind === 'process') this.index.processes.set(item.process, item);
      else if (item.kind === 'thread') this.index.threads.set(item.thread, item);
    }
    this.tops = items.map((one) => one.y_px);
  }

  /** @param {number} process @param {number} thread @param {(item: Omit<Item, 'y_px'>) => void} add */
  addThread(process, thread, add) {
    const depth = Math.max(1, this.report.threads[thread].depth);
    const marks = this.marks.get(thread);
    const instants_px = marks?.instants ? INSTANTS_PX : 0;
    const open = this.open_threads.has(thread);
    const most = !open ? STRIP_LINES : this.whole_threads.has(thread) || depth <= MOST_LINES ? depth : FEW_LINES;
    const lines = Math.min(depth, most);
    const line_px = open ? LINE_PX : STRIP_LINE_PX;
    add({ kind: 'thread', process, thread, counter: -1, height_px: Math.max(LINE_PX + 2, instants_px + lines * line_px) + GAP_PX, calls_y_px: instants_px, line_px, lines,
      hidden_lines: depth - lines });
    if (!open) return;
    for (let counter = 0; counter < (marks?.counters || 0); counter++) {
      add({ kind: 'counter', process, thread, counter, height_px: COUNTER_PX + GAP_PX, calls_y_px: 0, line_px: 0, lines: 0, hidden_lines: 0 });
    }
  }

  /** The item at a height, or -1. @param {number} y_px */
  itemAt(y_px) {
    if (y_px < 0 || y_px >= this.height_px) return -1;
    const { tops } = this;
    const index = lowerBound(tops, tops.length, y_px);
    return index < tops.length && tops[index] === y_px ? index : index - 1;
  }

  /** @param {number} process */
  toggleProcess(process) {
    toggle(this.open_processes, process);
    this.arrange();
  }

  /** Opens or closes all processes. @param {boolean} open */
  openAll(open) {
    this.open_processes = new Set(open ? this.report.processes.keys() : []);
    this.arrange();
  }

  /** @param {number} thread */
  toggleThread(thread) {
    toggle(this.open_threads, thread);
    this.arrange();
  }

  /** @param {number} thread */
  toggleWhole(thread) {
    toggle(this.whole_threads, thread);
    this.arrange();
  }

  /** Opens whatever hides a line of a thread. @param {number} thread @param {number} depth */
  reveal(thread, depth) {
    this.open_processes.add(this.report.threads[thread].process);
    this.open_threads.add(thread);
    if (depth >= FEW_LINES && this.report.threads[thread].depth > MOST_LINES) this.whole_threads.add(thread);
    this.arrange();
  }

  /** @param {number} thread @param {boolean} instants @param {number} counters */
  setMarks(thread, instants, counters) {
    this.marks.set(thread, { instants, counters });
  }
}

/** @param {Set<number>} set @param {number} value */
function toggle(set, value) {
  if (!set.delete(value)) set.add(value);
}

/**
 * The indices of the `most` greatest values; `always` is among them.
 * @param {number[]} values @param {number} most @param {number} always
 */
function topOf(values, most, always) {
  if (values.length <= most) return new Set(values.keys());
  const chosen = new Set([always]);
  for (const one of [...values.keys()].sort((a, b) => values[b] - values[a])) if (chosen.size < most) chosen.add(one);
  return chosen;
}
