// SPDX-License-Identifier: Apache-2.0
//
// Every process of the run as a table: what became of it, and what is known of it. And what the report does not show.
import { countOf, countText, durationText, exactDurationText, momentText, visibleText } from '../text.js';
import { build, makeButton, makeName, setChildren } from './dom.js';
import { missingLines, openRows, processRows } from './process_rows.js';
import { RowList } from './row_list.js';

/** @typedef {import('../data/source.js').Source} Source */
/** @typedef {import('../data/report.js').Process} Process */
/** @typedef {import('../state.js').State} State */

const PROCESS_COLUMNS = ['Process', 'Pid', 'Record', 'Start', 'Duration', 'End', 'Python', 'Threads', 'Calls', 'Notices'];
const MOST_MISSING_LINES = 200;

/** @param {Process} process */
function endText(process) {
  return process.alive ? 'still running' : process.end || 'exit status 0';
}

export class ProcessesPanel {
  /** @param {HTMLElement} root @param {Source} source @param {State} state */
  constructor(root, source, state) {
    this.source = source;
    this.state = state;
    this.all = processRows(source.report);
    /** @type {Set<number>} */
    this.closed = new Set();
    this.rows = this.all;
    const {report} = source;
    this.details = build('section', {class: 'vp-process-facts', 'aria-live': 'polite'});
    this.list = new RowList({label: 'Processes', row_px: 24, role: 'treegrid', fill: (row, index) => this.fill(row, index),
      activate: (index) => this.describe(index), open: (index) => this.go(index)});
    this.list.element.addEventListener('keydown', (event) => this.key(event));
    this.list.space.addEventListener('click', (event) => {
      if (event.target instanceof Element && event.target.classList.contains('vp-twist')) {
        this.toggle(this.list.indexOf(event.target));
      }
    });
    const missing = missingLines(report);
    const problems = build('div');
    const tell = () => setChildren(problems, ...source.problems.map((line) => build('p', {class: 'vp-warning', text: visibleText(line)})));
    root.classList.add('vtn-panel', 'vp-processes');
    root.append(
      build('div', {class: 'vp-bar'}, build('span', {class: 'vp-status', text: [countOf(report.processes.length, 'process', 'processes'), countOf(report.thread_count, 'thread'),
        `${countOf(report.meta.calls, 'call')}${report.meta.folded_calls > 0 ? `, ${countText(report.meta.folded_calls)} of them folded (shorter than ${durationText(report.meta.fold_below_ns)})` : ''}`,
        report.meta.lost_events > 0 ? `${countOf(report.meta.lost_events, 'event')} lost` : ''].filter((text) => text !== '').join(' · ')})),
      build('div', {class: 'vp-grid vp-headers', role: 'row'}, ...PROCESS_COLUMNS.map((text) => build('span', {text, role: 'columnheader'}))),
      this.list.element, this.details,
      build('section', {class: 'vp-missing', 'aria-label': 'Recorded with, left out, lost'}, build('h3', {text: 'Recorded with, left out, lost'}),
        missing.length === 0 ? build('p', {class: 'vp-dim', text: 'Nothing is known to be missing.'}) :
          build('ul', {}, ...missing.slice(0, MOST_MISSING_LINES).map((line) => build('li', {text: visibleText(line)})),
            missing.length > MOST_MISSING_LINES ? build('li', {text: `and ${countOf(missing.length - MOST_MISSING_LINES, 'line')} more`}) : null), problems));
    source.onChange(tell);
    tell();
    this.list.reset(this.rows.length);
  }

  show() {
    this.list.draw();
  }

  hide() {}

  /** @param {number} index */
  toggle(index) {
    const row = this.rows[index];
    if (row === undefined || row.children === 0) {
      return;
    }
    if (!this.closed.delete(row.process)) {
      this.closed.add(row.process);
    }
    this.rows = openRows(this.all, this.closed);
    this.list.reset(this.rows.length, index);
  }

  /** @param {KeyboardEvent} event */
  key(event) {
    const row = this.rows[this.list.active];
    const wanted = event.key === 'ArrowRight' ? false : event.key === 'ArrowLeft' ? true : null;
    if (row === undefined || wanted === null) {
      return;
    }
    event.preventDefault();
    event.stopPropagation();
    if (row.children > 0 && this.closed.has(row.process) !== wanted) {
      this.toggle(this.list.active);
    } else if (wanted) {
      const parent = this.rows.findIndex((each) => each.process === this.source.report.processes[row.process].parent);
      if (parent >= 0) {
        this.list.setActive(parent, true);
      }
    }
  }

  /** Where it ran is brought into view. @param {number} index */
  go(index) {
    const {start_ns, end_ns} = this.source.report.processes[this.rows[index].process];
    const margin_ns = Math.max(5, (end_ns - start_ns) * 0.03);
    this.state.showRange(start_ns - margin_ns, end_ns + margin_ns);
    this.state.tell('show', {process: this.rows[index].process});
  }

  /** @param {number} index */
  describe(index) {
    const process = this.source.report.processes[this.rows[index].process];
    /** @type {[string, string][]} */
    const facts = [['Command', process.argv.map((word) => (/^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`)).join(' ')],
      ['Executable', process.executable], ['Folder', process.cwd], ['Start', momentText(process.start_ns)]];
    setChildren(this.details, build('header', {}, build('h3', {}, makeName(`${process.name} (${process.pid})`)),
      makeButton('Show in timeline', () => this.go(index), {title: 'Enter'})),
    build('dl', {class: 'vp-facts'}, ...facts.filter(([, value]) => value !== '').flatMap(([term, value]) => [build('dt', {text: term}), build('dd', {}, build('code', {text: visibleText(value, 2000)}))])),
    process.notices.length === 0 ? null : build('ul', {class: 'vp-notices'}, ...process.notices.map((notice) => build('li', {text: visibleText(notice)}))));
    this.go(index);
  }

  /** @param {HTMLElement} row @param {number} index */
  fill(row, index) {
    const {process: number, level, children, calls, threads} = this.rows[index];
    const process = this.source.report.processes[number];
    row.classList.add('vp-grid');
    row.setAttribute('aria-level', String(level + 1));
    if (children > 0) {
      row.setAttribute('aria-expanded', String(!this.closed.has(number)));
    } else {
      row.removeAttribute('aria-expanded');
    }
    /** @param {string} text @param {string} [title] @param {string} [name] */
    const cell = (text, title, name = 'vp-cell') => build('span', {class: name, role: 'gridcell', text, title});
    const bad = process.end !== '' && process.end !== 'exit status 0';
    setChildren(row,
      build('span', {class: 'vp-cell vp-tree', role: 'gridcell', style: `--level: ${level}`},
        build('span', {class: children > 0 ? 'vp-twist' : 'vp-no-twist', 'aria-hidden': 'true', text: children === 0 ? '' : this.closed.has(number) ? '▸' : '▾'}), makeName(process.name, 120)),
      cell(String(process.pid), undefined, 'vp-cell vp-number'),
      cell(visibleText(process.ledger), undefined, process.ledger === 'traced' ? 'vp-cell vp-good' : 'vp-cell vp-dim'),
      cell(durationText(process.start_ns), momentText(process.start_ns), 'vp-cell vp-number'),
      cell(durationText(process.end_ns - process.start_ns), exactDurationText(process.end_ns - process.start_ns), 'vp-cell vp-number'),
      cell(visibleText(endText(process)), undefined, bad ? 'vp-cell vp-warning' : 'vp-cell vp-dim'),
      cell(process.python ?? ''), cell(countText(threads), undefined, 'vp-cell vp-number'),
      cell(countText(calls), undefined, 'vp-cell vp-number'),
      cell(process.notices.length === 0 ? '' : visibleText(process.notices.join('; '), 200), process.notices.map((each) => visibleText(each)).join('\n'),
        'vp-cell vp-warning'));
  }
}
