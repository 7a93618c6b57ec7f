// SPDX-License-Identifier: Apache-2.0
//
// The names left of the tracks: one element for each item on the screen, taken from a pool.

import { make } from '../shell/dom.js';
import { counted, formatCount, visibleShort } from '../shell/text.js';

/** @typedef {import('../data/report.js').Report} Report */
/** @typedef {import('../data/source.js').Counter} Counter */
/** @typedef {import('./layout.js').Item} Item */
/** @typedef {import('./layout.js').Layout} Layout */

const INDENT_PX = 12;
const DEEPEST_INDENT = 6;

/**
 * @typedef {{root: HTMLElement, twist: HTMLElement, name: HTMLElement, number: HTMLElement, note: HTMLElement, more: HTMLElement, key: string, item: Item | null}} Header
 */

export class Headers {
  /** @param {HTMLElement} root @param {Layout} layout @param {() => void} changed the layout is another one */
  constructor(root, layout, changed) {
    this.root = root;
    this.layout = layout;
    this.changed = changed;
    /** @type {Header[]} */
    this.pool = [];
    /** @type {Counter[][]} */
    this.counters = [];
  }

  /** @returns {Header} */
  makeHeader() {
    const root = make('div', 'track-head');
    const twist = make('button', 'twist');
    const name = make('span', 'track-name');
    const number = make('span', 'track-number');
    const note = make('span', 'track-note');
    const more = make('button', 'more');
    const first = make('div', 'track-line', [twist, name, number, note]);
    root.append(first, more);
    /** @type {Header} */
    const header = { root, twist, name, number, note, more, key: '', item: null };
    const toggle = () => {
      const { item } = header;
      if (!item || item.kind === 'counter') return;
      if (item.kind === 'process') this.layout.toggleProcess(item.process);
      else this.layout.toggleThread(item.thread);
      this.changed();
    };
    first.addEventListener('click', toggle);
    more.addEventListener('click', () => {
      if (!header.item) return;
      this.layout.toggleWhole(header.item.thread);
      this.changed();
    });
    this.root.append(root);
    return header;
  }

  /** @param {Item[]} visible @param {number} top_px how far the picture is scrolled */
  draw(visible, top_px) {
    while (this.pool.length < visible.length) this.pool.push(this.makeHeader());
    this.pool.forEach((header, i) => {
      const item = visible[i];
      header.root.hidden = !item;
      if (!item) return;
      this.fill(header, item);
      // A name stays in sight while its track is.
      const y_px = item.y_px - top_px;
      const slide_px = Math.min(Math.max(0, -y_px), item.height_px - 24);
      header.root.style.transform = `translateY(${y_px}px)`;
      header.root.style.height = `${item.height_px}px`;
      /** @type {HTMLElement} */ (header.root.firstElementChild).style.transform = slide_px > 0 ? `translateY(${slide_px}px)` : '';
    });
  }

  /** @param {Header} header @param {Item} item */
  fill(header, item) {
    header.item = item;
    const { report, open_processes, open_threads, whole_threads } = this.layout;
    const open = item.kind === 'process' ? open_processes.has(item.process) : open_threads.has(item.thread);
    const key = `${item.kind} ${item.process} ${item.thread} ${item.counter} ${open} ${item.hidden_lines} ${whole_threads.has(item.thread)}`;
    if (key === header.key) return;
    header.key = key;
    header.root.className = `track-head ${item.kind}`;
    const can_open = item.kind === 'thread' || (item.kind === 'process' && item.thread >= 0);
    header.twist.textContent = !can_open ? '' : open ? '▾' : '▸';
    const level = Math.min(DEEPEST_INDENT, this.layout.level[item.process]);
    header.root.style.paddingLeft = `${6 + level * INDENT_PX + (item.kind === 'process' ? 0 : item.kind === 'thread' && !report.isOfSpans(item.thread) ? 12 : 26)}px`;
    const { name, number, note, bad, title } = item.kind === 'process' ? processText(report, item.process) : item.kind === 'thread'
      ? threadText(report, item.thread) : { name: visibleShort(this.counters[item.thread]?.[item.counter]?.name || ''), number: '', note: '', bad: false, title: '' };
    header.name.textContent = name;
    header.number.textContent = number;
    header.note.textContent = note;
    header.note.classList.toggle('warn', bad);
    header.root.title = title || name;
    const whole = item.kind === 'thread' && open && (item.hidden_lines > 0 || whole_threads.has(item.thread));
    header.more.hidden = !whole;
    const more = report.isOfSpans(item.thread) ? 'more lanes' : 'deeper lines';
    header.more.textContent = item.hidden_lines > 0 ? `${formatCount(item.hidden_lines)} ${more}` : 'fewer lines';
  }
}

/** @param {Report} report @param {number} index */
function processText(report, index) {
  const process = report.processes[index];
  const notes = [];
  if (process.ledger !== 'traced') notes.push(process.ledger);
  if (process.alive) notes.push('alive');
  if (process.end) notes.push(process.end);
  if (process.lost_events) notes.push(`${formatCount(process.lost_events)} lost`);
  const title = [`${process.name} (${process.pid})`, process.argv.join(' '), process.python ? `Python ${process.python}` : '', notes.join(', ')];
  const bad = process.lost_events > 0 || (process.end !== '' && process.end !== 'exit status 0');
  return { name: visibleShort(process.name), number: String(process.pid), bad, note: notes.map((one) => visibleShort(one)).join(' · '),
    title: title.filter(Boolean).map((one) => visibleShort(one, 2000)).join('\n') };
}

/** @param {Report} report @param {number} index */
function threadText(report, index) {
  const thread = report.threads[index];
  if (report.isOfSpans(index)) {
    const spans = (thread.rows || []).reduce((sum, rows) => sum + rows, 0);
    return { name: thread.name, number: '', note: '', bad: false,
      title: `${counted(spans, 'span')} of ${visibleShort(report.threads[report.threadOf(index)].name)}, up to ${thread.depth} at once` };
  }
  const title = [`${thread.name} (${thread.tid})`, ...thread.names, counted(thread.calls, 'call'), `${thread.depth} deep`];
  return { name: visibleShort(thread.name), number: String(thread.tid), note: '', bad: false, title: title.map((one) => visibleShort(one)).join('\n') };
}
