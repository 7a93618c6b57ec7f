// SPDX-License-Identifier: Apache-2.0
//
// Search: functions by name and place, calls by their values, instants by their texts, and the way from one to the next.
import { countOf, countText, durationText, visibleText } from '../text.js';
import { KIND_SPAN } from '../data/report.js';
import { build, makeButton, makeName, makeSearchField, setChildren } from './dom.js';
import { functionSet } from './labels.js';
import { RowList } from './row_list.js';
import { allThreads } from './rows.js';
import { matchCodes, matchFunctions, parseSearch } from './search.js';
import { findStop, findTexts, MOMENT_DEPTH } from './search_stops.js';
import { LatestWork, runInSlices } from './slices.js';

/** @typedef {import('../data/source.js').Source} Source */
/** @typedef {import('../state.js').State} State */
/** @typedef {import('./search.js').Stop} Stop */
/** @typedef {import('./search_stops.js').FoundStops} FoundStops */
/** @typedef {{kind: 'function' | 'values', called: number, stops: Stop[]} | {kind: 'instant', name: string, stops: Stop[]}} SearchResult */

export class SearchPanel {
  /** @param {HTMLElement} root @param {Source} source @param {State} state */
  constructor(root, source, state) {
    this.source = source;
    this.state = state;
    this.visible = false;
    this.work = new LatestWork();
    this.steps = new LatestWork();
    /** @type {SearchResult[]} */
    this.results = [];
    /** @type {Uint8Array | null} */
    this.functions = null;
    /** Once everything is there. */
    this.search_again = false;
    /** What is found beside names, as far as it is. @type {FoundStops | null} */
    this.found = null;
    /** The last moment that was gone to: no call is selected there. @type {Stop | null} */
    this.moment = null;

    this.field = makeSearchField('Name, place, value or /regex/', (text) => this.search(text));
    this.field.classList.add('vp-wide');
    this.field.addEventListener('keydown', (event) => {
      if (event.key === 'Enter') {
        this.go(!event.shiftKey);
      } else if (event.key === 'ArrowDown') {
        this.list.element.focus();
        this.list.setActive(Math.max(0, this.list.active), true);
      }
    });
    this.status = build('span', {class: 'vp-status', role: 'status'});
    this.previous = makeButton('‹ Previous', () => this.go(false), {title: 'Shift-N'});
    this.next = makeButton('Next ›', () => this.go(true), {title: 'N'});
    this.list = new RowList({label: 'Found', row_px: 24, role: 'grid', fill: (row, index) => this.fill(row, index),
      activate: (index) => this.choose(index), open: () => this.go(true)});
    this.empty = build('div', {class: 'vp-empty'}, build('p', {text: 'Finds functions by name and place, calls by arguments and returned values, instants by their texts. ' +
      'N and Shift-N go from call to call in the order of time, through all that was found or the chosen line.'}));
    root.classList.add('vtn-panel', 'vp-search-panel');
    root.append(build('div', {class: 'vp-bar'}, this.field, this.previous, this.next, this.status),
      build('div', {class: 'vp-grid vp-headers', 'aria-hidden': 'true'}, ...['', 'Found', 'Place', 'Calls', 'Folded', 'Own'].map((text) => build('span', {text}))),
      this.list.element, this.empty);
    source.onChange(() => {
      if (source.complete && this.search_again) {
        this.search_again = false;
        this.search(this.field.value);
      }
    });
    state.on('searched', (text) => {
      if (text !== this.field.value) {
        this.field.value = text;
        this.search(text);
      }
    });
    this.setButtons();
  }

  show() {
    this.visible = true;
    this.list.draw();
  }

  hide() {
    this.visible = false;
  }

  focus() {
    this.field.focus();
    this.field.select();
  }

  setButtons() {
    this.previous.disabled = this.next.disabled = this.results.length === 0;
    this.empty.hidden = this.field.value !== '';
    this.list.element.hidden = !this.empty.hidden;
  }

  /** @param {string} text */
  async search(text) {
    const signal = this.work.begin();
    this.state.set('searched', text);
    const parsed = parseSearch(text);
    const bad = parsed !== null && 'error' in parsed;
    this.field.setAttribute('aria-invalid', String(bad));
    this.results = [];
    this.functions = null;
    this.found = null;
    this.moment = null;
    if (parsed === null || 'error' in parsed) {
      this.status.textContent = bad ? parsed.error : '';
      this.state.set('highlighted', null);
      this.list.reset(0);
      this.setButtons();
      return;
    }
    const {report} = this.source;
    this.functions = matchFunctions(report, parsed.test);
    const matched = [...functionSet(this.functions)].sort((a, b) => report.functions.own_ns[b] - report.functions.own_ns[a]);
    this.state.set('highlighted', new Set(matched));
    const by_name = matched.map((called) => /** @type {SearchResult} */ ({kind: 'function', called, stops: []}));
    this.results = by_name;
    this.list.reset(by_name.length);
    this.setButtons();
    this.tell();
    /** @param {FoundStops} found */
    const take = (found) => {
      this.found = found;
      this.results = [...by_name,
        ...[...found.values].map(([called, stops]) => /** @type {SearchResult} */ ({kind: 'values', called, stops})),
        ...[...found.instants].map(([name, stops]) => /** @type {SearchResult} */ ({kind: 'instant', name, stops}))];
      this.list.reset(this.results.length, this.list.active);
      this.setButtons();
      this.tell();
    };
    // Rows have their numbers when all are there.
    if (!this.source.complete) {
      this.search_again = true;
      return;
    }
    let told_ms = performance.now();
    const found = await findTexts(this.source, parsed.test, signal, (so_far) => {
      if (performance.now() - told_ms > 300) {
        told_ms = performance.now();
        this.found = so_far;
        this.tell();
      }
    });
    if (found !== undefined) {
      take(found);
      const with_values = [...found.values.keys()].filter((each) => each < report.functions.count);
      if (with_values.length > 0) {
        this.state.set('highlighted', new Set([...matched, ...with_values]));
      }
    }
  }

  /** Says how much there is. */
  tell() {
    const {found} = this;
    const {report} = this.source;
    let calls = 0;
    let folded = 0;
    let functions = 0;
    let spans = 0;
    this.functions?.forEach((yes, each) => {
      if (yes === 1 && report.functions.kind[each] === KIND_SPAN) {
        spans += report.functions.calls[each];
      } else if (yes === 1) {
        ++functions;
        calls += report.functions.calls[each];
        folded += report.functions.folded_calls[each];
      }
    });
    const parts = [`${countOf(functions, 'function')} with ${countOf(calls, 'call')}${folded > 0 ? ` (${countText(folded)} folded)` : ''}`];
    if (spans > 0) {
      parts.push(countOf(spans, 'span'));
    }
    const sum = (/** @type {Map<any, Stop[]>} */ map) => [...map.values()].reduce((all, stops) => all + stops.length, 0);
    const more = found?.whole === false ? ' or more' : '';
    if (found !== null && found.values.size > 0) {
      parts.push(`${countOf(sum(found.values), 'call')}${more} with such values`);
    }
    if (found !== null && found.instants.size > 0) {
      parts.push(countOf(sum(found.instants), 'instant') + more);
    }
    this.status.textContent = parts.join(' · ');
  }

  /** @param {number} index */
  choose(index) {
    const result = this.results[index];
    if (result.kind !== 'instant') {
      this.state.set('highlighted', new Set([result.called]));
      this.state.set('selectedFunction', result.called);
    }
  }

  /** To the next or previous call of what was found, or of the chosen line. @param {boolean} forward */
  async go(forward) {
    const chosen = this.results[this.list.active];
    const results = chosen === undefined ? this.results : [chosen];
    if (results.length === 0) {
      return;
    }
    /** @type {Uint8Array | null} */
    let functions = chosen === undefined ? this.functions : null;
    if (chosen?.kind === 'function') {
      functions = new Uint8Array(this.source.report.functions.count);
      functions[chosen.called] = 1;
    }
    const codes = functions === null ? null : matchCodes(this.source.report, functions);
    const lists = results.map((result) => result.stops).filter((stops) => stops.length > 0);
    const stop = await runInSlices(findStop(this.source, allThreads(this.source), codes, lists, this.here(forward), forward), this.steps.begin());
    if (stop === null) {
      this.status.textContent = forward ? 'Nothing after this: N begins from the front.' : 'Nothing before this: Shift-N begins from the end.';
      this.moment = {start_ns: forward ? -Infinity : Infinity, thread: -1, depth: -1, index: -1};
    } else if (stop !== undefined) {
      this.goTo(stop);
    }
  }

  /** Where the way goes on from. @param {boolean} forward @returns {Stop} */
  here(forward) {
    const call = this.state.selectedCall;
    const column = call === null ? undefined : this.source.column(call.thread, call.depth);
    if (this.moment !== null) {
      return this.moment;
    }
    if (call !== null && column !== undefined && call.index < column.count) {
      return {start_ns: column.start[call.index], ...call};
    }
    const {from_ns, to_ns} = this.state.view;
    return {start_ns: forward ? from_ns : to_ns, thread: -1, depth: -1, index: -1};
  }

  /** @param {Stop} stop */
  goTo(stop) {
    this.tell();
    if (stop.depth !== MOMENT_DEPTH) {
      this.moment = null;
      this.state.showCall({thread: stop.thread, depth: stop.depth, index: stop.index});
      return;
    }
    this.moment = stop;
    const {from_ns, to_ns} = this.state.view;
    const half_ns = (to_ns - from_ns) / 2;
    this.state.showRange(stop.start_ns - half_ns, stop.start_ns + half_ns);
    this.state.set('selectedCall', null);
    this.state.tell('show', {thread: stop.thread, depth: 0, index: 0});
  }

  /** @param {HTMLElement} row @param {number} index */
  fill(row, index) {
    const {report} = this.source;
    const result = this.results[index];
    row.classList.add('vp-grid');
    /** @param {string} text */
    const number = (text) => build('span', {class: 'vp-cell vp-number', role: 'gridcell', text});
    const kind = build('span', {class: 'vp-kind', text: {function: 'name', values: 'value', instant: 'instant'}[result.kind]});
    if (result.kind === 'instant') {
      setChildren(row, kind, build('span', {class: 'vp-cell', role: 'gridcell'}, makeName(result.name)), build('span'), number(countText(result.stops.length)), build('span'), build('span'));
      return;
    }
    const {calls, folded_calls, own_ns} = report.functions;
    const {called} = result;
    const by_name = result.kind === 'function';
    setChildren(row, kind, build('span', {class: 'vp-cell', role: 'gridcell'}, makeName(report.functions.name[called])),
      build('span', {class: 'vp-cell', role: 'gridcell', title: visibleText(report.fullPlace(called))}, makeName(report.place(called), 80, 'vp-dim')),
      number(countText(by_name ? calls[called] : result.stops.length)), number(by_name && folded_calls[called] > 0 ? countText(folded_calls[called]) : ''),
      number(by_name && report.functions.kind[called] !== KIND_SPAN ? durationText(own_ns[called]) : ''));
  }
}
