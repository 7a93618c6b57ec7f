// SPDX-License-Identifier: Apache-2.0
//
// The table of functions: what each did in the whole report, or in a part of it.
import { countOf, countText, durationText, exactDurationText, percentText } from '../text.js';
import { build, copyText, makeButton, makeName, makeSearchField, setChildren } from './dom.js';
import { FunctionOrder, functionsAsText, meanOf } from './function_order.js';
import { addFolds, sumRange } from './range_sums.js';
import { KIND_SPAN } from '../data/report.js';
import { RowList } from './row_list.js';
import { ScopePicker } from './scope.js';
import { findExtreme, findRow, matchCodes, matchFunctions, parseSearch } from './search.js';
import { LatestWork, runInSlices } from './slices.js';
import { allThreads } from './rows.js';

/** @typedef {import('../data/source.js').Source} Source */
/** @typedef {import('../state.js').State} State */
/** @typedef {import('./function_order.js').FunctionKey} FunctionKey */
/** @typedef {import('./function_order.js').FunctionSums} FunctionSums */

/** @type {readonly (readonly [FunctionKey, string, string])[]} */
const FUNCTION_COLUMNS = [
  ['name', 'Function', 'Name'],
  ['place', 'Place', 'File and line'],
  ['calls', 'Calls', 'How often it was called, folded calls with them'],
  ['folded', 'Folded', 'Of its calls those too short to be kept one by one'],
  ['own', 'Own', 'Time of its calls less that of the calls in them'],
  ['total', 'Total', 'Time of its calls; of a recursion the outermost counts'],
  ['mean', 'Mean', 'Total time divided by calls'],
];

/** By kind: its sign, and what that means. */
const KIND_SIGNS = [['', ''], ['C', 'a function of C'], ['!', 'a hole in the record'], ['span', 'a span that is no part of a stack: its time is nobody\'s own']];

export class FunctionsPanel {
  /** @param {HTMLElement} root @param {Source} source @param {State} state */
  constructor(root, source, state) {
    this.root = root;
    this.source = source;
    this.state = state;
    this.order = new FunctionOrder(source.report);
    /** @type {FunctionSums} */
    this.sums = source.report.functions;
    this.whole = true;  // the numbers of the report itself
    /** @type {FunctionKey} */
    this.key = 'own';
    this.descending = true;
    /** @type {Uint8Array | null} */
    this.match = null;
    this.rows = new Uint32Array(0);
    this.most_own_ns = 0;
    this.most_total_ns = 0;
    this.work = new LatestWork();
    this.visible = false;
    this.stale = true;

    this.picker = new ScopePicker(source, state, () => this.update());
    this.status = build('span', {class: 'vp-status', role: 'status'});
    this.field = makeSearchField('Name, place or /regex/', (text) => this.search(text));
    this.longest = makeButton('Longest call', () => this.showLongest(this.chosen()), {title: 'Show its longest call (Enter)'});
    this.sandwich = makeButton('Sandwich', () => this.tellOf('sandwich'), {title: 'What called it, and what it called'});
    this.text = makeButton('Source', () => this.tellOf('source'), {title: 'Its source text'});
    const copy = makeButton('Copy', () => copyText(copy, functionsAsText(source.report, this.sums, this.rows, this.whole)),
      {title: 'Copy the table as text, for a spreadsheet'});
    this.headers = FUNCTION_COLUMNS.map(([key, label, title]) => build('button', {type: 'button', class: `vp-header vp-${key}`, role: 'columnheader',
      title, text: label, onclick: () => this.sortBy(key)}));
    this.list = new RowList({label: 'Functions', row_px: 24, role: 'grid', fill: (row, index) => this.fill(row, index),
      activate: (index) => this.choose(this.rows[index]), open: (index) => this.showLongest(this.rows[index])});
    this.list.element.addEventListener('keydown', (event) => {
      if (event.key === 'Escape' && state.highlighted !== null) {
        event.stopPropagation();
        state.set('highlighted', null);
        state.set('selectedFunction', null);
      }
    });
    root.classList.add('vtn-panel', 'vp-functions');
    root.append(
      build('div', {class: 'vp-bar'}, this.picker.element, this.field, this.status, build('span', {class: 'vp-gap'}), this.longest, this.sandwich, this.text, copy),
      build('div', {class: 'vp-grid vp-headers', role: 'row'}, ...this.headers), this.list.element);
    state.on('selectedFunction', () => this.chosenChanged());
    source.onChange(() => {
      if (!this.whole) {
        this.update();
      }
    });
    this.chosenChanged();
  }

  show() {
    this.visible = true;
    if (this.stale) {
      this.update();
    }
    this.list.draw();
  }

  hide() {
    this.visible = false;
  }

  chosen() {
    return this.state.selectedFunction ?? -1;
  }

  chosenChanged() {
    const none = this.state.selectedFunction === null;
    this.longest.disabled = this.sandwich.disabled = this.text.disabled = none;
    const index = this.rows.indexOf(this.chosen());
    if (index !== this.list.active) {
      this.list.setActive(index, false);
    }
  }

  /** @param {number} chosen */
  choose(chosen) {
    this.state.set('selectedFunction', chosen);
    this.state.set('highlighted', new Set([chosen]));
  }

  /** @param {'sandwich' | 'source'} what */
  tellOf(what) {
    this.state.set('panel', what === 'source' ? 'source' : 'flame');
    this.state.tell(what, this.chosen());
  }

  /** @param {FunctionKey} key */
  sortBy(key) {
    this.descending = key === this.key ? !this.descending : key !== 'name' && key !== 'place';
    this.key = key;
    this.list.element.scrollTop = 0;
    this.arrange();
  }

  /** @param {string} text */
  search(text) {
    const parsed = parseSearch(text);
    this.field.setAttribute('aria-invalid', String(parsed !== null && 'error' in parsed));
    this.field.title = parsed !== null && 'error' in parsed ? parsed.error : '';
    this.match = parsed === null || 'error' in parsed ? null : matchFunctions(this.source.report, parsed.test);
    this.list.element.scrollTop = 0;
    this.arrange();
  }

  /** Other numbers. */
  async update() {
    this.stale = !this.visible;
    const signal = this.work.begin();
    if (this.stale) {
      return;
    }
    const scope = this.picker.scope();
    if (scope.kind === 'report') {
      this.sums = this.source.report.functions;
      this.whole = true;
      this.arrange();
      return;
    }
    this.status.textContent = 'Counting …';
    const sums = await runInSlices(sumRange(this.source, scope.threads, scope.from_ns, scope.to_ns), signal,
      (part) => { this.status.textContent = `Counting … ${percentText(part, 1)}`; });
    if (sums === undefined) {
      return;
    }
    if (await addFolds(this.source, sums, signal)) {
      this.sums = sums;
      this.whole = false;
      this.arrange(sums);
    }
  }

  /** @param {import('./range_sums.js').RangeSums} [sums] */
  arrange(sums) {
    this.rows = this.order.sorted(this.sums, this.match, this.key, this.descending, this.whole);
    let calls = 0;
    let folded = 0;
    let spans = 0;
    let span_names = 0;
    const {kind} = this.source.report.functions;
    this.most_own_ns = this.most_total_ns = 0;
    for (const each of this.rows) {
      if (kind[each] === KIND_SPAN) {
        ++span_names;
        spans += this.sums.calls[each];
      } else {
        calls += this.sums.calls[each];
      }
      folded += this.sums.folded_calls[each];
      this.most_own_ns = Math.max(this.most_own_ns, this.sums.own_ns[each]);
      this.most_total_ns = Math.max(this.most_total_ns, this.sums.total_ns[each]);
    }
    this.headers.forEach((header, at) => header.setAttribute('aria-sort',
      FUNCTION_COLUMNS[at][0] !== this.key ? 'none' : this.descending ? 'descending' : 'ascending'));
    const range = sums ?? (this.whole ? null : /** @type {import('./range_sums.js').RangeSums} */ (this.sums));
    let folds = folded > 0 ? `, ${countText(folded)} of them folded` : '';
    if (range !== null && range.folded > 0) {
      folds += `: counted, their time (${durationText(range.fold_busy_ns)} together) is in no function`;
    }
    this.status.textContent = `${countOf(this.rows.length - span_names, 'function')} · ${countOf(calls, 'call')}${folds}${spans > 0 ? ` · ${countOf(spans, 'span')}` : ''}`;
    this.status.title = this.status.textContent;
    this.list.reset(this.rows.length, this.rows.indexOf(this.chosen()));
  }

  /** @param {HTMLElement} row @param {number} index */
  fill(row, index) {
    const {report} = this.source;
    const each = this.rows[index];
    const {calls, folded_calls, own_ns, total_ns} = this.sums;
    const kind = report.functions.kind[each];
    /** @param {string} key @param {string} text @param {string | null} [title] */
    const cell = (key, text, title = null) => build('span', {class: `vp-cell vp-number vp-${key}`, role: 'gridcell', title}, text);
    /** @param {string} key @param {number} ns @param {number} most_ns */
    const time = (key, ns, most_ns) => build('span', {class: `vp-cell vp-number vp-bar-cell vp-${key}`, role: 'gridcell', title: exactDurationText(ns),
      style: `--part: ${most_ns > 0 ? Math.max(0, ns / most_ns * 100).toFixed(2) : 0}%`}, durationText(ns));
    row.classList.add('vp-grid');
    setChildren(row,
      build('span', {class: 'vp-cell vp-name-cell', role: 'gridcell'}, kind === 0 ? null : build('span', {class: 'vp-kind', text: KIND_SIGNS[kind][0],
        title: KIND_SIGNS[kind][1]}), makeName(report.functions.name[each])),
      build('span', {class: 'vp-cell vp-place', role: 'gridcell', title: report.fullPlace(each)}, makeName(report.place(each), 80, 'vp-dim')),
      cell('calls', countText(calls[each])),
      cell('folded', folded_calls[each] > 0 ? countText(folded_calls[each]) : '', folded_calls[each] > 0 ? percentText(folded_calls[each], calls[each]) : null),
      kind === KIND_SPAN ? cell('own', '') : time('own', own_ns[each], this.most_own_ns), time('total', total_ns[each], this.most_total_ns),
      cell('mean', durationText(meanOf(this.sums, each, this.whole))));
  }

  /** Its longest call; a fold that holds it where all are folded. @param {number} each */
  async showLongest(each) {
    if (each < 0) {
      return;
    }
    const signal = this.work.begin();
    const wanted = new Uint8Array(this.source.report.functions.count);
    wanted[each] = 1;
    const stop = await runInSlices(findExtreme(this.source, each, true), signal) ?? await runInSlices(findRow(this.source, allThreads(this.source),
      matchCodes(this.source.report, wanted), {start_ns: -Infinity, thread: -1, depth: -1, index: -1}, true), signal);
    if (stop) {
      this.state.showCall({thread: stop.thread, depth: stop.depth, index: stop.index});
    } else if (!signal.aborted) {
      this.status.textContent = this.source.complete ? 'No row of the timeline has a call of it.' : 'Its calls are still being read.';
    }
  }
}
