// SPDX-License-Identifier: Apache-2.0
//
// What is written and drawn over the boxes: names, marks of a point in time, arrows, what is selected.

import { visibleShort, formatCount } from '../shell/text.js';
import { INSTANTS_PX, PROCESS_PX } from './layout.js';
import { lowerBound } from '../data/columns.js';
import { counterRange } from './scene.js';

/** @typedef {import('../data/source.js').Source} Source */
/** @typedef {import('../data/source.js').Instant} Instant */
/** @typedef {import('../state.js').State} State */
/** @typedef {import('./scene.js').Scene} Scene */
/** @typedef {import('./scene.js').Label} Label */
/** @typedef {import('./layout.js').Item} Item */
/** @typedef {import('./scale.js').Scale} Scale */
/** @typedef {{ink: string, text: string, faint: string, accent: string, arrow: string, instant: string, shade: string, paper: string}} Inks */

const FONT = '11px system-ui, -apple-system, "Segoe UI", Roboto, sans-serif';
const MOST_ARROWS = 400;
const MOST_CACHED = 50000;

/** Cuts texts to the room there is, and remembers how wide they are. */
class FittingText {
  /** @param {CanvasRenderingContext2D} context */
  constructor(context) {
    this.context = context;
    /** @type {Map<string, number>} */
    this.widths = new Map();
  }

  /** @param {string} text */
  width(text) {
    let width = this.widths.get(text);
    if (width === undefined) {
      width = this.context.measureText(text).width;
      if (this.widths.size > MOST_CACHED) this.widths.clear();
      this.widths.set(text, width);
    }
    return width;
  }

  /** @param {string} text @param {number} room_px @returns {string} '' where not even two letters fit */
  fitted(text, room_px) {
    const width = this.width(text);
    if (width <= room_px) return text;
    const letters = Math.floor((text.length * (room_px - 8)) / width);
    return letters < 2 ? '' : `${text.slice(0, letters)}…`;
  }
}

export class Overlay {
  /** @param {HTMLCanvasElement} canvas @param {Source} source @param {State} state */
  constructor(canvas, source, state) {
    this.canvas = canvas;
    this.source = source;
    this.state = state;
    this.context = /** @type {CanvasRenderingContext2D} */ (canvas.getContext('2d'));
    this.texts = new FittingText(this.context);
    const { functions } = source.report;
    /** Names made visible, when first needed. @type {(string | undefined)[]} */
    this.names = new Array(functions.count);
    /** What is written into folds, by row; undefined while it is asked for. @type {Map<string, string | undefined>} */
    this.fold_texts = new Map();
    /** @type {Instant[][]} */
    this.instants = [];
    this.onText = () => {};
    /** The call that the mouse points at. @type {import('../data/source.js').Call | null} */
    this.hovered = null;
  }

  /** @param {number} function_id @returns {string} */
  nameOf(function_id) {
    return (this.names[function_id] ??= visibleShort(this.source.report.functions.name[function_id]));
  }

  /** @param {Label} label @returns {string} */
  textOf(label) {
    if (label.code < 0) return visibleShort(label.text);
    const { report } = this.source;
    if (!report.isFold(label.code)) return this.nameOf(label.code);
    const key = `${this.source.generation} ${label.thread} ${label.depth} ${label.index}`;
    const known = this.fold_texts.get(key);
    if (known !== undefined) return known;
    if (!this.fold_texts.has(key)) {
      if (this.fold_texts.size > MOST_CACHED) this.fold_texts.clear();
      this.fold_texts.set(key, undefined);
      this.source.fold(label.thread, label.depth, label.index).then((fold) => {
        const main = fold.functions.length ? this.nameOf(fold.functions[0][0]) : '';
        this.fold_texts.set(key, `${formatCount(fold.calls)} calls · ${main}`);
        this.onText();
      }, () => {});
    }
    return '…';
  }

  /**
   * @param {Scene} scene @param {Scale} scale @param {number} top_px @param {number} height_px @param {number} ratio @param {Inks} inks
   */
  draw(scene, scale, top_px, height_px, ratio, inks) {
    const { context } = this;
    context.setTransform(ratio, 0, 0, ratio, 0, 0);
    context.clearRect(0, 0, scale.width_px, height_px);
    context.font = FONT;
    context.textBaseline = 'middle';
    this.drawRange(scale, height_px, inks);
    context.fillStyle = inks.ink;
    for (const label of scene.labels) {
      const from_px = Math.max(label.from_px, 0) + 4;
      const text = this.texts.fitted(this.textOf(label), label.to_px - from_px - 3);
      if (text) context.fillText(text, from_px, label.y_px + 9);
    }
    for (const item of scene.visible) {
      if (item.kind === 'thread' && item.calls_y_px) this.drawInstants(item, scale, item.y_px - top_px, inks);
      if (item.kind === 'counter') this.drawCounterRange(scene, item, item.y_px - top_px, inks);
    }
    this.drawArrows(scene, scale, top_px, height_px, inks);
    this.drawSelected(scene, scale, top_px, inks);
  }

  /** @param {Item} item @param {Scale} scale @param {number} y_px @param {Inks} inks */
  drawInstants(item, scale, y_px, inks) {
    const instants = this.instants[item.thread];
    if (!instants) return;
    const { context } = this;
    context.fillStyle = inks.instant;
    let last_px = -Infinity;
    for (let i = firstInstant(instants, scale.from_ns); i < instants.length && instants[i].ns <= scale.to_ns; i++) {
      const x_px = scale.px(instants[i].ns);
      if (x_px - last_px < 2) {
        i = Math.max(i, firstInstant(instants, scale.ns(last_px + 2)) - 1);
        continue;
      }
      last_px = x_px;
      context.beginPath();
      context.moveTo(x_px, y_px + INSTANTS_PX - 1);
      context.lineTo(x_px - 4, y_px + 4);
      context.lineTo(x_px + 4, y_px + 4);
      context.fill();
    }
  }

  /** @param {Scene} scene @param {Item} item @param {number} y_px @param {Inks} inks */
  drawCounterRange(scene, item, y_px, inks) {
    const counter = scene.counters[item.thread]?.[item.counter];
    if (!counter) return;
    this.context.fillStyle = inks.faint;
    this.context.fillText(String(counterRange(counter).most), 4, y_px + 8);
  }

  /** @param {Scale} scale @param {number} height_px @param {Inks} inks */
  drawRange(scale, height_px, inks) {
    const range = this.state.selectedRange;
    if (!range) return;
    const from_px = scale.px(range.from_ns);
    const to_px = scale.px(range.to_ns);
    this.context.fillStyle = inks.shade;
    this.context.fillRect(from_px, 0, to_px - from_px, height_px);
    this.context.fillStyle = inks.accent;
    this.context.fillRect(from_px, 0, 1, height_px);
    this.context.fillRect(to_px, 0, 1, height_px);
  }

  /** @param {Scene} scene @param {Scale} scale @param {number} top_px @param {number} height_px @param {Inks} inks */
  drawArrows(scene, scale, top_px, height_px, inks) {
    const { context } = this;
    const { processes, threads } = scene.layout.index;
    const place = (/** @type {number} */ process, /** @type {number} */ thread) => {
      const item = threads.get(thread) || processes.get(process);
      // Below the bar of a process: its program's name stands in it.
      return item ? item.y_px - top_px + (item.kind === 'process' ? PROCESS_PX - 2 : item.calls_y_px + 9) : 0;
    };
    context.strokeStyle = context.fillStyle = inks.arrow;
    context.globalAlpha = 0.55;
    context.lineWidth = 1.2;
    let drawn = 0;
    for (const arrow of this.source.report.arrows) {
      if (arrow.to_ns < scale.from_ns || arrow.ns > scale.to_ns) continue;
      const from_y_px = place(arrow.process, arrow.thread);
      const to_y_px = place(arrow.to_process, arrow.to_thread);
      // One that only passes by says nothing.
      const seen = (/** @type {number} */ y_px) => y_px >= 0 && y_px <= height_px;
      if (!seen(from_y_px) && !seen(to_y_px)) continue;
      if (++drawn > MOST_ARROWS) break;
      const from_px = Math.max(-1e4, scale.px(arrow.ns));
      const to_px = Math.min(1e5, scale.px(arrow.to_ns));
      drawArrow(context, from_px, from_y_px, to_px, to_y_px);
    }
    context.globalAlpha = 1;
  }

  /** @param {Scene} scene @param {Scale} scale @param {number} top_px @param {Inks} inks */
  drawSelected(scene, scale, top_px, inks) {
    this.drawFrame(this.hovered, 1, scene, scale, top_px, inks.text);
    this.drawFrame(this.state.selectedCall, 2, scene, scale, top_px, inks.accent);
  }

  /**
   * @param {import('../data/source.js').Call | null} call @param {number} line_px @param {Scene} scene @param {Scale} scale
   * @param {number} top_px @param {string} colour
   */
  drawFrame(call, line_px, scene, scale, top_px, colour) {
    const column = call && this.source.column(call.thread, call.depth);
    if (!call || !column || call.index >= column.count) return;
    const item = scene.visible.find((one) => one.kind === 'thread' && one.thread === call.thread);
    if (!item || call.depth >= item.lines) return;
    const from_px = Math.max(-4, scale.px(column.start[call.index]));
    const to_px = Math.min(scale.width_px + 4, scale.px(column.end[call.index]));
    if (to_px < 0 || from_px > scale.width_px) return;
    const y_px = item.y_px - top_px + item.calls_y_px + call.depth * item.line_px;
    this.context.strokeStyle = colour;
    this.context.lineWidth = line_px;
    this.context.strokeRect(from_px, y_px - 0.5, Math.max(2, to_px - from_px), Math.max(3, item.line_px));
  }
}

/**
 * Down first, then along the line it leads to: so one that takes long crosses no other line. Without room for that, straight down.
 * @param {CanvasRenderingContext2D} context @param {number} from_px @param {number} from_y_px @param {number} to_px @param {number} to_y_px
 */
function drawArrow(context, from_px, from_y_px, to_px, to_y_px) {
  const room_px = to_px - from_px;
  context.beginPath();
  context.moveTo(from_px, from_y_px);
  if (room_px < 16) {
    const down = to_y_px >= from_y_px ? 1 : -1;
    context.lineTo(to_px, to_y_px - 5 * down);
    context.stroke();
    context.beginPath();
    context.moveTo(to_px, to_y_px);
    context.lineTo(to_px - 3.5, to_y_px - 6 * down);
    context.lineTo(to_px + 3.5, to_y_px - 6 * down);
    context.fill();
    return;
  }
  const bend_px = Math.min(60, room_px / 2);
  context.bezierCurveTo(from_px, to_y_px, from_px, to_y_px, from_px + bend_px, to_y_px);
  context.lineTo(to_px - 4, to_y_px);
  context.stroke();
  context.beginPath();
  context.moveTo(to_px, to_y_px);
  context.lineTo(to_px - 6, to_y_px - 3.5);
  context.lineTo(to_px - 6, to_y_px + 3.5);
  context.fill();
}

/** @param {Instant[]} instants @param {number} ns */
export function firstInstant(instants, ns) {
  let low = 0;
  let high = instants.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (instants[middle].ns < ns) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** The counter's value at a time. @param {import('../data/source.js').Counter} counter @param {number} ns */
export function counterAt(counter, ns) {
  let index = lowerBound(counter.ns, counter.ns.length, ns);
  if (counter.ns[index] !== ns) index--;
  return index >= 0 ? counter.value[index] : null;
}
