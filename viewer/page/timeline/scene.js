// SPDX-License-Identifier: Apache-2.0
//
// The picture of what is on the screen: its boxes, and the texts that have room in them. No DOM.

import { FLAG_CUT, FLAG_OPEN, longestOfRun, lowerBound, outstandingOfRun, visibleRuns } from '../data/columns.js';
import { KIND_GAP } from '../data/report.js';
import { PROCESS_PX } from './layout.js';
import { PATTERN_FLAT, PATTERN_FOLD, PATTERN_GAP, PATTERN_OPEN, PATTERN_PLAIN, Rectangles } from './rectangles.js';
import { ticksOf } from './scale.js';

/** @typedef {import('../data/columns.js').Column} Column */
/** @typedef {import('../data/source.js').Source} Source */
/** @typedef {import('./colours.js').Palette} Palette */
/** @typedef {import('./layout.js').Item} Item */
/** @typedef {import('./layout.js').Layout} Layout */
/** @typedef {import('./scale.js').Scale} Scale */

/**
 * A text to be put into a box. Of a call, its row; of a program, its name.
 * @typedef {{from_px: number, to_px: number, y_px: number, code: number, thread: number, depth: number, index: number, text: string}} Label
 *
 * @typedef {{paper: number, line: number, process: number, process_line: number, program: number, traced: number, loss: number, counter: number,
 *     lifetime: number, text: number}} Tones packed colours of all but the calls
 */

const LEAST_LABEL_PX = 28;
/** How much further than the screen boxes are drawn: floats of a GPU are no good for much more. */
const BEYOND_PX = 64;

export class Scene {
  /** @param {Source} source @param {Layout} layout */
  constructor(source, layout) {
    this.source = source;
    this.layout = layout;
    this.boxes = new Rectangles();
    /** @type {Label[]} */
    this.labels = [];
    /** Items on the screen, the first one's index. @type {Item[]} */
    this.visible = [];
    /** @type {number[]} */
    this.runs = [];
    /** @type {import('../data/source.js').Counter[][]} */
    this.counters = [];
  }

  /**
   * @param {Scale} scale @param {number} top_px how far the picture is scrolled @param {number} height_px
   * @param {Palette} palette @param {Tones} tones
   */
  build(scale, top_px, height_px, palette, tones) {
    this.boxes.clear();
    this.labels.length = 0;
    this.visible.length = 0;
    const { items } = this.layout;
    for (let i = Math.max(0, this.layout.itemAt(top_px)); i < items.length && items[i].y_px < top_px + height_px; i++) this.visible.push(items[i]);
    for (const tick of ticksOf(scale, 100).ticks) {
      const x_px = scale.px(tick);
      this.boxes.add(x_px, x_px + 1, 0, height_px, tones.line, PATTERN_FLAT);
    }
    for (const item of this.visible) {
      const y_px = item.y_px - top_px;
      if (item.kind === 'process') this.addProcess(item, scale, y_px, tones);
      if (item.kind === 'counter') this.addCounter(item, scale, y_px, tones);
      for (let depth = firstLine(item, y_px); depth < item.lines; depth++) {
        const line_y_px = y_px + item.calls_y_px + depth * item.line_px;
        if (line_y_px > height_px) break;
        this.addLine(item, depth, scale, line_y_px, palette);
      }
    }
  }

  /**
   * @param {Item} item @param {number} depth @param {Scale} scale @param {number} y_px @param {Palette} palette
   */
  addLine(item, depth, scale, y_px, palette) {
    const column = this.source.column(item.thread, depth);
    if (!column || !column.count) return;
    const named = item.line_px > 10;
    const height_px = named ? item.line_px - 1 : item.line_px;
    const { start, end, code } = column;
    const { boxes, runs } = this;
    const { functions } = this.source.report;
    const left_px = -BEYOND_PX;
    const right_px = scale.width_px + BEYOND_PX;
    // Equal neighbours without room between them are one box.
    let last_to_px = -Infinity;
    let last_colour = -1;
    visibleRuns(column, scale.from_ns, scale.to_ns, scale.ns_per_px, runs);
    for (let at = 0; at < runs.length; at += 2) {
      const first = runs[at];
      const behind = runs[at + 1];
      const single = behind === first + 1;
      const outstanding = single || !palette.stands_out ? -1 : outstandingOfRun(column, first, behind, palette.stands_out);
      const row = single ? first : outstanding >= 0 ? outstanding : longestOfRun(column, first, behind);
      const from_px = scale.px(start[first]);
      const to_px = scale.px(end[behind - 1]);
      const colour = palette.colour(code[row]);
      if (!single || to_px - from_px < 1.5) {
        if (colour === last_colour && from_px - last_to_px < 0.5) {
          boxes.floats[(boxes.count - 1) * 6 + 1] = last_to_px = Math.max(to_px, from_px + 1);
          continue;
        }
        boxes.add(from_px, to_px, y_px, height_px, colour, PATTERN_PLAIN);
        last_to_px = Math.max(to_px, from_px + 1);
        last_colour = colour;
        continue;
      }
      last_colour = -1;
      let pattern = PATTERN_PLAIN;
      if (code[row] >= functions.count) pattern = PATTERN_FOLD;
      else if (functions.kind[code[row]] === KIND_GAP) pattern = PATTERN_GAP;
      else if (column.has_odd && column.flags(row) & (FLAG_OPEN | FLAG_CUT)) pattern = PATTERN_OPEN;
      const seen_from_px = Math.max(from_px, left_px);
      const seen_to_px = Math.min(to_px, right_px);
      boxes.add(seen_from_px, seen_to_px, y_px, height_px, colour, pattern);
      if (named && seen_to_px - Math.max(0, seen_from_px) > LEAST_LABEL_PX) {
        this.labels.push({ from_px: seen_from_px, to_px: seen_to_px, y_px, code: code[row], thread: item.thread, depth, index: row, text: '' });
      }
    }
  }

  /** @param {Item} item @param {Scale} scale @param {number} y_px @param {Tones} tones */
  addProcess(item, scale, y_px, tones) {
    const process = this.source.report.processes[item.process];
    const { boxes } = this;
    boxes.add(-1, scale.width_px + 1, y_px, item.height_px, tones.process, PATTERN_FLAT);
    boxes.add(-1, scale.width_px + 1, y_px, 1, tones.process_line, PATTERN_FLAT);
    const clip = (/** @type {number} */ px) => Math.min(Math.max(px, -BEYOND_PX), scale.width_px + BEYOND_PX);
    boxes.add(clip(scale.px(process.start_ns)), clip(scale.px(process.end_ns)), y_px + 4, PROCESS_PX - 8, tones.lifetime, PATTERN_FLAT);
    for (const program of process.programs) {
      const from_px = clip(scale.px(program.start_ns));
      const to_px = clip(scale.px(program.end_ns));
      if (to_px < 0 || from_px > scale.width_px) continue;
      boxes.add(from_px, to_px, y_px + 4, PROCESS_PX - 8, program.traced ? tones.traced : tones.program, program.open ? PATTERN_OPEN : PATTERN_PLAIN);
      if (to_px - Math.max(0, from_px) > LEAST_LABEL_PX) {
        this.labels.push({ from_px, to_px, y_px: y_px + 4, code: -1, thread: -1, depth: 0, index: 0, text: program.name });
      }
    }
    for (const loss of this.source.report.losses) {
      if (loss.process === item.process) boxes.add(clip(scale.px(loss.start_ns)), clip(scale.px(loss.end_ns)), y_px + 4, PROCESS_PX - 8, tones.loss, PATTERN_GAP);
    }
  }

  /** Steps: a value holds until the next one; none is a hole. @param {Item} item @param {Scale} scale @param {number} y_px @param {Tones} tones */
  addCounter(item, scale, y_px, tones) {
    const counter = this.counters[item.thread]?.[item.counter];
    if (!counter) return;
    const { most, least } = counterRange(counter);
    const height_px = item.height_px - 8;
    const count = counter.ns.length;
    let last_px = -Infinity;
    for (let i = Math.max(0, lowerBound(counter.ns, count, scale.from_ns) - 1); i < count && counter.ns[i] <= scale.to_ns; i++) {
      // Of many in a pixel the last one stands for all.
      if (scale.px(counter.ns[i]) < last_px) i = Math.max(i, lowerBound(counter.ns, count, scale.ns(last_px), i) - 1);
      const value = counter.value[i];
      const from_px = Math.max(scale.px(counter.ns[i]), -2);
      const to_px = Math.min(i + 1 < count ? scale.px(counter.ns[i + 1]) : scale.width_px, scale.width_px + 2);
      if (value === null) continue;
      last_px = from_px + 1;
      const part = most > least ? (value - least) / (most - least) : 0.5;
      const top_px = y_px + 2 + (1 - part) * (height_px - 2);
      this.boxes.add(from_px, to_px, top_px, y_px + 2 + height_px - top_px, (tones.counter & 0xffffff) | (0x50 << 24), PATTERN_FLAT);
      this.boxes.add(from_px, to_px, top_px, 1.5, tones.counter, PATTERN_FLAT);
    }
  }
}

/** @type {WeakMap<import('../data/source.js').Counter, {most: number, least: number}>} */
const COUNTER_RANGES = new WeakMap();

/** The values that a counter's track reaches from and to: from 0, unless all are below. @param {import('../data/source.js').Counter} counter */
export function counterRange(counter) {
  const known = COUNTER_RANGES.get(counter);
  if (known) return known;
  let most = -Infinity;
  let least = 0;
  for (const value of counter.value) {
    if (value === null) continue;
    if (value > most) most = value;
    if (value < least) least = value;
  }
  const range = { most: Math.max(most, least), least };
  COUNTER_RANGES.set(counter, range);
  return range;
}

/** @param {Item} item @param {number} y_px where it begins on the screen */
function firstLine(item, y_px) {
  return item.line_px ? Math.max(0, Math.floor((-y_px - item.calls_y_px) / item.line_px)) : 0;
}
