// SPDX-License-Identifier: Apache-2.0
//
// What the user looks at and has chosen; timeline and panels change it, and follow it. No DOM.

import { rowAt } from './data/columns.js';

/** @typedef {import('./data/source.js').Source} Source */
/** @typedef {import('./data/source.js').Call} Call */
/** @typedef {{from_ns: number, to_ns: number}} View */
/** @typedef {{from_ns: number, to_ns: number, threads: number[] | null}} Range threads null: of all */

/**
 * @typedef {{
 *   view: View,
 *   selectedCall: Call | null,
 *   selectedRange: Range | null,
 *   highlighted: Set<number> | null,
 *   selectedFunction: number | null,
 *   searched: string,
 *   panel: string,
 * }} Values
 */

const SHORTEST_VIEW_NS = 10;

/** Of the whole, less than which is worth to be seen first. */
const MOSTLY_EMPTY = 0.5;

/**
 * What is seen before anybody has chosen: all of it, but where most of that is the start and the end of interpreters, which is
 * so of a short program, that is left to the strip on top. What has no calls counts from its own begin.
 * @param {import('./data/report.js').Report} report
 * @returns {View}
 */
export function firstView({ meta, threads, processes }) {
  const span_ns = Math.max(1, meta.span_ns);
  const with_calls = new Set(threads.map((thread) => thread.process));
  let from_ns = span_ns;
  let to_ns = 0;
  for (const one of [...threads, ...processes.filter((_, process) => !with_calls.has(process))]) {
    from_ns = Math.min(from_ns, one.start_ns);
    to_ns = Math.max(to_ns, one.end_ns);
  }
  const width_ns = to_ns - from_ns;
  const empty = width_ns > 0 && width_ns < MOSTLY_EMPTY * span_ns;
  return empty ? { from_ns: from_ns - width_ns / 20, to_ns: to_ns + width_ns / 20 } : { from_ns: 0, to_ns: span_ns };
}

/**
 * Names of `on` and `set` are those of Values, and beside them: 'show', when a call or range is to be brought into view
 * (the timeline does it; {process}: that process); 'sandwich' and 'source', when a panel is to show that of a function.
 */
export class State {
  /** @param {Source} source */
  constructor(source) {
    this.source = source;
    this.first_view = firstView(source.report);
    /** @type {View} */
    this.view = { ...this.first_view };
    /** @type {Call | null} */
    this.selectedCall = null;
    /** @type {Range | null} */
    this.selectedRange = null;
    /** Functions that stand out, all others are paler; null: none does. @type {Set<number> | null} */
    this.highlighted = null;
    /** What panels tell more of. @type {number | null} */
    this.selectedFunction = null;
    this.searched = '';
    this.panel = '';
    /** @type {Map<string, ((value: any) => void)[]>} */
    this.listeners = new Map();
    /** Of the selected call, to find it again when its row is replaced. */
    this.selected_start_ns = 0;
    let { generation } = source;
    source.onChange(() => {
      if (source.generation === generation) return;
      generation = source.generation;
      this.findSelected();
    });
  }

  /** The selected call among rows that have replaced others: it is one of them, or nothing is selected any more. */
  findSelected() {
    const call = this.selectedCall;
    const column = call && this.source.column(call.thread, call.depth);
    if (!call) return;
    const index = column ? rowAt(column, this.selected_start_ns) : -1;
    const same = column && index >= 0 && column.start[index] === this.selected_start_ns;
    this.set('selectedCall', same ? { thread: call.thread, depth: call.depth, index } : null);
  }

  /** @param {keyof Values | 'show' | 'sandwich' | 'source'} name @param {(value: any) => void} callback */
  on(name, callback) {
    const known = this.listeners.get(name);
    if (known) known.push(callback);
    else this.listeners.set(name, [callback]);
  }

  /**
   * @template {keyof Values} Name
   * @param {Name} name @param {Values[Name]} value
   */
  set(name, value) {
    if (/** @type {any} */ (this)[name] === value) return;
    if (name === 'selectedCall' && value) {
      const { thread, depth, index } = /** @type {Call} */ (value);
      this.selected_start_ns = this.source.column(thread, depth)?.start[index] ?? -1;
    }
    /** @type {any} */ (this)[name] = name === 'view' ? this.limited(/** @type {View} */ (value)) : value;
    this.tell(name, /** @type {any} */ (this)[name]);
  }

  /** @param {string} name @param {any} value */
  tell(name, value) {
    for (const callback of this.listeners.get(name) || []) callback(value);
  }

  /** A view that lies over the recording, at most a twentieth of it beside. @param {View} view @returns {View} */
  limited(view) {
    const span_ns = Math.max(1, this.source.report.meta.span_ns);
    const margin_ns = span_ns / 20;
    const width_ns = Math.min(Math.max(view.to_ns - view.from_ns, Math.min(SHORTEST_VIEW_NS, span_ns)), span_ns + 2 * margin_ns);
    const middle_ns = (view.from_ns + view.to_ns) / 2;
    const from_ns = Math.min(Math.max(middle_ns - width_ns / 2, -margin_ns), span_ns + margin_ns - width_ns);
    return { from_ns, to_ns: from_ns + width_ns };
  }

  /** Selects a call and brings it into view. @param {Call} call */
  showCall(call) {
    const column = this.source.column(call.thread, call.depth);
    if (!column || call.index < 0 || call.index >= column.count) return;
    this.set('selectedCall', call);
    const start_ns = column.start[call.index];
    const end_ns = column.end[call.index];
    const width_ns = this.view.to_ns - this.view.from_ns;
    // It stays where it is while it can be seen well.
    const seen = start_ns >= this.view.from_ns && end_ns <= this.view.to_ns && end_ns - start_ns > width_ns / 200;
    if (!seen) this.showRange(start_ns - (end_ns - start_ns), end_ns + (end_ns - start_ns));
    this.tell('show', call);
  }

  /** @param {number} from_ns @param {number} to_ns */
  showRange(from_ns, to_ns) {
    this.set('view', { from_ns, to_ns });
  }

  /** All of the recording. */
  showAll() {
    this.showRange(0, this.source.report.meta.span_ns);
  }
}
