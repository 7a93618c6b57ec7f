// SPDX-License-Identifier: Apache-2.0
//
// What part of a recording a panel tells of: all of it, what the timeline shows, the selected range, or one thread.
import { durationText, visibleText } from '../text.js';
import { build, whenStill } from './dom.js';
import { threadLabel } from './labels.js';
import { stackThreads } from './rows.js';

/** @typedef {import('../data/source.js').Source} Source */
/** @typedef {import('../state.js').State} State */
/** @typedef {{kind: 'report' | 'view' | 'range' | 'thread', from_ns: number, to_ns: number, threads: number[]}} Scope */

const MOST_LISTED_THREADS = 400;

export class ScopePicker {
  /**
   * @param {Source} source
   * @param {State} state
   * @param {() => void} changed
   */
  constructor(source, state, changed) {
    this.source = source;
    this.state = state;
    const select = this.element = build('select', {class: 'vp-select', 'aria-label': 'Of what', onchange: changed,
      onkeydown: (/** @type {Event} */ event) => event.stopPropagation()});
    select.append(build('option', {value: 'report', text: 'Whole report'}), build('option', {value: 'view', text: 'What the timeline shows'}));
    this.range = build('option', {value: 'range', text: 'Selected range', disabled: true});
    select.append(this.range);
    const {threads} = source.report;
    const listed = stackThreads(source).filter((thread) => threads[thread].calls > 0);
    if (listed.length > MOST_LISTED_THREADS) {
      listed.sort((a, b) => threads[b].calls - threads[a].calls).length = MOST_LISTED_THREADS;
      listed.sort((a, b) => a - b);
    }
    const group = build('optgroup', {label: listed.length < source.report.thread_count ? `Threads (${listed.length} of ${source.report.thread_count})` : 'Threads'});
    for (const thread of listed) {
      group.append(build('option', {value: String(thread), text: visibleText(threadLabel(source.report, thread), 80)}));
    }
    select.append(group);
    state.on('selectedRange', (range) => {
      this.nameRange();
      if (range !== null) {
        select.value = 'range';
      } else if (select.value === 'range') {
        select.value = 'report';
      } else {
        return;
      }
      changed();
    });
    const view_changed = whenStill(() => {
      if (select.value === 'view') {
        changed();
      }
    }, 150);
    state.on('view', view_changed);
    this.nameRange();
    if (state.selectedRange !== null) {
      select.value = 'range';
    }
  }

  nameRange() {
    const range = this.state.selectedRange;
    this.range.disabled = range === null;
    this.range.textContent = range === null ? 'Selected range' : `Selected range (${durationText(range.to_ns - range.from_ns)})`;
  }

  /** @returns {Scope} */
  scope() {
    const {view, selectedRange} = this.state;
    const threads = stackThreads(this.source);
    const {value} = this.element;
    if (value === 'view') {
      return {kind: 'view', ...view, threads};
    }
    if (value === 'range' && selectedRange !== null) {
      return {kind: 'range', from_ns: selectedRange.from_ns, to_ns: selectedRange.to_ns, threads: selectedRange.threads ?? threads};
    }
    const thread = Number(value);
    if (Number.isInteger(thread)) {
      return {kind: 'thread', from_ns: -Infinity, to_ns: Infinity, threads: [thread]};
    }
    return {kind: 'report', from_ns: -Infinity, to_ns: Infinity, threads};
  }
}
