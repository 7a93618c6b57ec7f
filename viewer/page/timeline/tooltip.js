// SPDX-License-Identifier: Apache-2.0
//
// What the mouse points at, beside it.

import { make } from '../shell/dom.js';
import { counted, formatCount, formatNs, visibleShort } from '../shell/text.js';
import { FLAG_CUT, FLAG_OPEN, FLAG_RAISED, FLAG_RESUMED, firstEndingAfter } from '../data/columns.js';

/** @typedef {import('../data/source.js').Source} Source */
/** @typedef {import('../data/source.js').Call} Call */
/** @typedef {import('./hit.js').Hit} Hit */

const MOST_FUNCTIONS = 8;
const MOST_VALUES = 12;
const MOST_CHILDREN = 5e6;

/** The time of a row that lies in none of the rows below it. @param {Source} source @param {Call} call */
export function selfNs(source, call) {
  const column = source.column(call.thread, call.depth);
  if (!column) return 0;
  const start_ns = column.start[call.index];
  const end_ns = column.end[call.index];
  let own_ns = end_ns - start_ns;
  const below = source.report.isOfSpans(call.thread) ? undefined : source.column(call.thread, call.depth + 1);
  if (!below) return own_ns;
  for (let i = firstEndingAfter(below, start_ns), left = MOST_CHILDREN; i < below.count && below.start[i] < end_ns && left > 0; i++, left--) {
    own_ns -= Math.min(below.end[i], end_ns) - Math.max(below.start[i], start_ns);
  }
  return own_ns;
}

/** In words what a row did beside to return. @param {number} flags @returns {string[]} */
export function flagWords(flags) {
  const words = [];
  if (flags & FLAG_RAISED) words.push('ended by an exception');
  if (flags & FLAG_OPEN) words.push('never ended');
  if (flags & FLAG_RESUMED) words.push('a generator that went on');
  if (flags & FLAG_CUT) words.push('its end was lost');
  return words;
}

export class Tooltip {
  /** @param {HTMLElement} root @param {Source} source */
  constructor(root, source) {
    this.root = root;
    this.source = source;
    this.shown = 0;
    this.key = '';
  }

  hide() {
    this.root.hidden = true;
    this.key = '';
    this.shown++;
  }

  /** @param {Hit} hit @param {number} x_px @param {number} y_px in the page */
  show(hit, x_px, y_px) {
    const { call } = hit;
    const key = call ? `${this.source.generation} ${call.thread} ${call.depth} ${call.index}` : '';
    if (!key || key !== this.key) {
      const content = this.contentOf(hit);
      if (!content) {
        this.hide();
        return;
      }
      this.key = key;
      this.root.replaceChildren(...content);
      this.root.hidden = false;
      if (call) {
        this.addFold(call);
        this.addValues(call);
      }
    }
    const width_px = this.root.offsetWidth;
    const height_px = this.root.offsetHeight;
    const left_px = x_px + 14 + width_px > innerWidth ? x_px - width_px - 10 : x_px + 14;
    const top_px = y_px + 16 + height_px > innerHeight ? y_px - height_px - 10 : y_px + 16;
    this.root.style.transform = `translate(${Math.max(0, left_px)}px, ${Math.max(0, top_px)}px)`;
  }

  /** @param {Hit} hit @returns {Node[] | null} */
  contentOf(hit) {
    if (hit.call) return this.callContent(hit.call);
    if (hit.program) {
      const { program } = hit;
      return [make('b', '', visibleShort(program.name)), make('div', '', `${formatNs(program.end_ns - program.start_ns)}${program.open ? ', never ended' : ''}`),
        make('div', 'faint', program.traced ? 'a traced program' : 'a program without Python')];
    }
    if (hit.loss) return [make('b', '', visibleShort(hit.loss.name)), make('div', '', formatNs(hit.loss.end_ns - hit.loss.start_ns))];
    if (hit.instant) {
      const { instant } = hit;
      return [make('b', '', visibleShort(instant.name)), make('div', 'faint', `${visibleShort(instant.category)} at ${formatNs(instant.ns)}`),
        ...instant.args.slice(0, MOST_VALUES).map(([name, value]) => make('div', '', `${visibleShort(name)}: ${visibleShort(String(value))}`))];
    }
    if (hit.counter && hit.value !== undefined) return [make('b', '', visibleShort(hit.counter.name)), make('div', '', hit.value === null ? 'no value' : String(hit.value))];
    return null;
  }

  /** @param {Call} call @returns {Node[] | null} */
  callContent(call) {
    const column = this.source.column(call.thread, call.depth);
    if (!column) return null;
    const { report } = this.source;
    const code = column.code[call.index];
    const took_ns = column.end[call.index] - column.start[call.index];
    const own_ns = selfNs(this.source, call);
    const lines = [];
    if (report.isFold(code)) {
      lines.push(make('b', '', 'Short calls, put together'), make('div', '', formatNs(took_ns)), make('div', 'fold-list faint', '…'));
      return lines;
    }
    lines.push(make('b', '', visibleShort(report.functions.name[code])));
    const place = report.place(code);
    if (place) lines.push(make('div', 'faint', visibleShort(place)));
    lines.push(make('div', '', own_ns < took_ns ? `${formatNs(took_ns)} · self ${formatNs(own_ns)}` : formatNs(took_ns)));
    for (const word of flagWords(column.flags(call.index))) lines.push(make('div', 'warn', word));
    return lines;
  }

  /** Of a span, what it is told apart by. @param {Call} call */
  addValues(call) {
    if (!this.source.report.isOfSpans(call.thread)) return;
    const shown = ++this.shown;
    this.source.details(call.thread, call.depth, call.index).then(({ args }) => {
      if (shown !== this.shown) return;
      this.root.append(...Object.entries(args || {}).slice(0, MOST_VALUES).map(([name, value]) => make('div', '', `${visibleShort(name)}: ${visibleShort(value)}`)));
    }, () => {});
  }

  /** @param {Call} call */
  addFold(call) {
    const list = this.root.querySelector('.fold-list');
    if (!list) return;
    const shown = ++this.shown;
    this.source.fold(call.thread, call.depth, call.index).then((fold) => {
      if (shown !== this.shown || !list.isConnected) return;
      const { name } = this.source.report.functions;
      const lines = fold.functions.slice(0, MOST_FUNCTIONS).map(([one, calls]) => make('div', '', `${formatCount(calls)} × ${visibleShort(name[one], 80)}`));
      if (fold.functions.length > MOST_FUNCTIONS) lines.push(make('div', '', `and ${counted(fold.functions.length - MOST_FUNCTIONS, 'other function')}`));
      const head = `${counted(fold.calls, 'call')}, busy ${formatNs(fold.busy_ns)}${fold.raised ? `, ${formatCount(fold.raised)} ended by an exception` : ''}`;
      list.replaceChildren(make('div', '', head), ...lines);
    }, () => {});
  }
}
