// SPDX-License-Identifier: Apache-2.0
//
// The source text of a function, with what its functions did beside their lines.
import { countText, durationText, exactDurationText, fileName, visibleText } from '../text.js';
import { build, copyText, makeButton, makeName, setChildren } from './dom.js';
import { PythonColors } from './python_colors.js';
import { RowList } from './row_list.js';
import { rowAround } from './rows.js';

/** @typedef {import('../data/source.js').Source} Source */
/** @typedef {import('../state.js').State} State */

export class SourcePanel {
  /** @param {HTMLElement} root @param {Source} source @param {State} state */
  constructor(root, source, state) {
    this.source = source;
    this.state = state;
    this.visible = false;
    this.file = -1;
    /** A function's line and the line that it was called from, both marked; `at` is brought into view. */
    this.wanted = {called: -1, line: 0, caller_line: 0, at: 0};
    /** What is on the way, so that only the last one wanted is shown. */
    this.request = 0;
    this.stale = true;
    /** @type {PythonColors | null} */
    this.colors = null;
    /** Functions by line. @type {Map<number, number[]>} */
    this.functions = new Map();
    this.most_own_ns = 0;

    this.title = build('span', {class: 'vp-status', role: 'status'});
    this.marks = build('div', {class: 'vp-buttons'});
    this.copy = makeButton('Copy path', () => copyText(this.copy, this.source.report.files[this.file] ?? ''));
    this.select = build('select', {class: 'vp-select', 'aria-label': 'File', onchange: () => this.open(Number(this.select.value), {called: -1, line: 0, caller_line: 0, at: 1}),
      onkeydown: (/** @type {Event} */ event) => event.stopPropagation()});
    this.message = build('div', {class: 'vp-empty'});
    this.list = new RowList({label: 'Source text', row_px: 19, role: 'grid', fill: (row, index) => this.fill(row, index),
      open: (index) => this.highlightLine(index + 1)});
    root.classList.add('vtn-panel', 'vp-source');
    root.append(build('div', {class: 'vp-bar'}, this.select, this.title, build('span', {class: 'vp-gap'}), this.marks, this.copy),
      build('div', {class: 'vp-grid vp-headers', 'aria-hidden': 'true'}, build('span', {text: 'Calls'}), build('span', {text: 'Own'}), build('span', {text: 'Total'}), build('span'), build('span')),
      this.list.element, this.message);
    state.on('source', (what) => {
      const {called, line} = typeof what === 'number' ? {called: what, line: 0} : what;
      this.openFunction(called, line);
    });
    state.on('selectedCall', () => this.follow());
    state.on('selectedFunction', (called) => {
      if (called !== null) {
        this.openFunction(called, 0);
      }
    });
    this.listFiles();
  }

  listFiles() {
    const {files, source_block} = this.source.report;
    // Those with text, by their paths.
    const known = files.map((_, file) => file).filter((file) => source_block[file] >= 0).sort((a, b) => (files[a] < files[b] ? -1 : 1));
    this.select.append(build('option', {value: '-1', text: known.length === 0 ? 'No source inside' : 'File …', disabled: true, selected: true}),
      ...known.map((file) => build('option', {value: String(file), text: `${visibleText(fileName(files[file]), 60)} — ${visibleText(files[file], 120)}`})));
  }

  show() {
    this.visible = true;
    if (this.file < 0 && this.wanted.called < 0) {
      this.follow();
    }
    if (this.stale) {
      this.load();
    } else {
      this.list.draw();
    }
  }

  hide() {
    this.visible = false;
  }

  /** The selected call's function, and the line that it was called from. */
  async follow() {
    const call = this.state.selectedCall;
    const column = call === null ? undefined : this.source.column(call.thread, call.depth);
    if (call === null || column === undefined) {
      this.openFunction(this.state.selectedFunction ?? -1, 0);
      return;
    }
    const code = column.code[call.index];
    if (this.source.report.isFold(code)) {
      return;
    }
    this.openFunction(code, 0);
    const {wanted} = this;
    const details = await this.source.details(call.thread, call.depth, call.index);
    if (details.line > 0 && wanted === this.wanted) {
      const caller = rowAround(this.source, call.thread, call.depth - 1, column.start[call.index], column.end[call.index]);
      const caller_code = caller === null ? -1 : this.source.column(caller.thread, caller.depth)?.code[caller.index] ?? -1;
      if (caller_code >= 0 && this.source.report.functions.file[caller_code] === this.source.report.functions.file[code]) {
        wanted.caller_line = details.line;
        this.showMarks();
        this.list.refresh();
      }
    }
  }

  /** @param {number} called @param {number} line of it to mark, 0: none but its first */
  openFunction(called, line) {
    const {functions} = this.source.report;
    const first = called < 0 ? 0 : functions.line[called];
    this.open(called < 0 ? -1 : functions.file[called], {called, line: first, caller_line: line, at: line > 0 ? line : first});
  }

  /** @param {number} file @param {{called: number, line: number, caller_line: number, at: number}} wanted */
  open(file, wanted) {
    ++this.request;
    this.wanted = wanted;
    this.stale = this.stale || file !== this.file;
    this.file = file;
    if (!this.visible) {
      this.stale = true;
      return;
    }
    if (this.stale) {
      this.load();
    } else {
      this.reveal();
    }
  }

  async load() {
    this.stale = false;
    const {report} = this.source;
    const {file} = this;
    const request = this.request;
    this.select.value = String(file);
    if (this.select.selectedIndex < 0) {
      this.select.value = '-1';
    }
    this.copy.hidden = file < 0;
    setChildren(this.title, file < 0 ? null : makeName(report.files[file], 160));
    if (file < 0) {
      this.tell(this.wanted.called >= 0 ? `${visibleText(report.functions.name[this.wanted.called], 200)} has no source: it is no Python function.`
        : 'Select a call or a function: its source is shown here.');
      return;
    }
    this.tell('Reading …');
    const text = await this.source.sourceText(file);
    if (request !== this.request || file !== this.file) {
      return;
    }
    if (text === null) {
      this.tell('The text of this file is not inside the report: it was left out (--no_source), too large, or could not be read when the report was written.');
      return;
    }
    this.colors = new PythonColors(text);
    this.functions = new Map();
    this.most_own_ns = 0;
    for (let each = 0; each < report.functions.count; ++each) {
      if (report.functions.file[each] === file) {
        const line = report.functions.line[each];
        const others = this.functions.get(line);
        if (others === undefined) {
          this.functions.set(line, [each]);
        } else {
          others.push(each);
        }
        this.most_own_ns = Math.max(this.most_own_ns, report.functions.own_ns[each]);
      }
    }
    this.message.hidden = true;
    this.list.element.hidden = false;
    this.list.element.style.setProperty('--letters', String(Math.min(2000, this.colors.lines.reduce((most, line) => Math.max(most, line.length), 0))));
    this.list.reset(this.colors.lines.length);
    this.reveal();
  }

  reveal() {
    const {at} = this.wanted;
    this.showMarks();
    this.list.refresh();
    if (at > 0) {
      this.list.active = at - 1;
      this.list.reveal(at - 1, true);
      this.list.refresh();
    }
  }

  /** The way to what is marked. */
  showMarks() {
    const {line, caller_line} = this.wanted;
    setChildren(this.marks,
      line > 0 ? makeButton(`Function: line ${line}`, () => this.list.reveal(line - 1, true)) : null,
      caller_line > 0 ? makeButton(`Called from: line ${caller_line}`, () => this.list.reveal(caller_line - 1, true)) : null);
  }

  /** @param {string} message */
  tell(message) {
    this.colors = null;
    setChildren(this.marks);
    this.message.hidden = false;
    this.list.element.hidden = true;
    setChildren(this.message, build('p', {text: message}));
  }

  /** @param {number} line */
  highlightLine(line) {
    const functions = this.functions.get(line);
    if (functions !== undefined) {
      this.state.set('selectedFunction', functions[0]);
      this.state.set('highlighted', new Set(functions));
    }
  }

  /** @param {HTMLElement} row @param {number} index */
  fill(row, index) {
    const {report} = this.source;
    const line = index + 1;
    const functions = this.functions.get(line) ?? [];
    let calls = 0;
    let own_ns = 0;
    let total_ns = 0;
    for (const each of functions) {
      calls += report.functions.calls[each];
      own_ns += report.functions.own_ns[each];
      total_ns += report.functions.total_ns[each];
    }
    const called = calls > 0;
    row.classList.add('vp-grid', 'vp-source-line');
    row.classList.toggle('vp-line-function', line === this.wanted.line);
    row.classList.toggle('vp-line-caller', line === this.wanted.caller_line);
    row.setAttribute('aria-current', String(line === this.wanted.line || line === this.wanted.caller_line));
    const code = build('span', {class: 'vp-code', role: 'gridcell', dir: 'ltr'});
    for (const [kind, text] of this.colors?.tokens(index) ?? []) {
      const shown = visibleText(text.replaceAll('\t', '    '), 4000);
      code.append(kind === 'plain' ? shown : build('span', {class: `vp-t-${kind}`, text: shown}));
    }
    setChildren(row,
      build('span', {class: 'vp-number vp-cell', role: 'gridcell', text: called ? countText(calls) : ''}),
      build('span', {class: `vp-number vp-cell${called ? ' vp-bar-cell' : ''}`, role: 'gridcell', text: called ? durationText(own_ns) : '', title: called ? exactDurationText(own_ns) : null,
        style: called ? `--part: ${this.most_own_ns > 0 ? (own_ns / this.most_own_ns * 100).toFixed(1) : 0}%` : null}),
      build('span', {class: 'vp-number vp-cell', role: 'gridcell', text: called ? durationText(total_ns) : ''}),
      build('span', {class: 'vp-line-number', role: 'rowheader', text: String(line)}), code);
  }
}
