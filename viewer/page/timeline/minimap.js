// SPDX-License-Identifier: Apache-2.0
//
// The whole recording in a strip, and which part of it the timeline shows: drag that part, its edges, or a new one.

import { longestOfRun, visibleRuns } from '../data/columns.js';
import { CanvasPainter } from './canvas_painter.js';
import { PATTERN_FLAT, Rectangles } from './rectangles.js';
import { Scale } from './scale.js';

/** @typedef {import('../data/source.js').Source} Source */
/** @typedef {import('../state.js').State} State */
/** @typedef {import('./colours.js').Palette} Palette */
/** @typedef {import('./overlay.js').Inks} Inks */

const MAP_PX = 44;
const MAP_LINE_PX = 3;
const EDGE_PX = 5;

/**
 * Which lines stand for the whole: the first depths of the threads with most calls.
 * @param {Source} source @param {number} lines
 * @returns {[number, number][]} thread and depth
 */
export function mapLines(source, lines) {
  const { threads } = source.report;
  const chosen = [...threads.keys()].filter((one) => !source.report.isOfSpans(one)).sort((a, b) => threads[b].calls - threads[a].calls).slice(0, lines);
  const depths = Math.max(1, Math.floor(lines / Math.max(1, chosen.length)));
  /** @type {[number, number][]} */
  const found = [];
  for (const thread of chosen.sort((a, b) => a - b)) {
    for (let depth = 0; depth < Math.min(depths, source.depthCount(thread)); depth++) found.push([thread, depth]);
  }
  return found;
}

export class Minimap {
  /** @param {HTMLCanvasElement} canvas @param {Source} source @param {State} state */
  constructor(canvas, source, state) {
    this.canvas = canvas;
    this.source = source;
    this.state = state;
    this.context = /** @type {CanvasRenderingContext2D} */ (canvas.getContext('2d'));
    this.picture = document.createElement('canvas');
    this.painter = new CanvasPainter(this.picture);
    this.boxes = new Rectangles();
    this.drawn = '';
    /** @type {{kind: 'move' | 'from' | 'to' | 'new', ns: number} | null} */
    this.drag = null;
    canvas.addEventListener('pointerdown', (event) => this.begin(event));
    canvas.addEventListener('pointermove', (event) => this.move(event));
    canvas.addEventListener('pointerup', () => {
      this.drag = null;
    });
  }

  get scale() {
    return new Scale({ from_ns: 0, to_ns: Math.max(1, this.source.report.meta.span_ns) }, this.canvas.clientWidth);
  }

  /** @param {Palette} palette @param {number} paper @param {number} ratio @param {Inks} inks @param {string} version changes with the rows */
  draw(palette, paper, ratio, inks, version) {
    const width_px = this.canvas.clientWidth;
    const key = `${width_px} ${ratio} ${paper} ${version}`;
    if (key !== this.drawn) {
      this.drawn = key;
      this.drawPicture(palette, paper, ratio);
    }
    const { context } = this;
    const { scale } = this;
    const { view } = this.state;
    context.setTransform(1, 0, 0, 1, 0, 0);
    context.clearRect(0, 0, this.canvas.width, this.canvas.height);
    if (this.picture.width && this.picture.height) context.drawImage(this.picture, 0, 0);
    context.setTransform(ratio, 0, 0, ratio, 0, 0);
    const from_px = Math.max(0, scale.px(view.from_ns));
    const to_px = Math.min(width_px, Math.max(scale.px(view.to_ns), from_px + 2));
    context.globalAlpha = 0.5;
    context.fillStyle = inks.paper;
    context.fillRect(0, 0, from_px, MAP_PX);
    context.fillRect(to_px, 0, width_px - to_px, MAP_PX);
    context.globalAlpha = 1;
    context.strokeStyle = context.fillStyle = inks.accent;
    context.lineWidth = 1;
    context.strokeRect(from_px + 0.5, 0.5, Math.max(1, to_px - from_px - 1), MAP_PX - 1);
    if (to_px - from_px > 12) {
      context.fillRect(from_px, MAP_PX / 2 - 8, 3, 16);
      context.fillRect(to_px - 3, MAP_PX / 2 - 8, 3, 16);
    }
  }

  /** @param {Palette} palette @param {number} paper @param {number} ratio */
  drawPicture(palette, paper, ratio) {
    this.picture.width = this.canvas.width;
    this.picture.height = this.canvas.height;
    const { scale, boxes } = this;
    boxes.clear();
    const lines = mapLines(this.source, Math.floor((MAP_PX - 6) / MAP_LINE_PX));
    const line_px = Math.min(6, (MAP_PX - 6) / Math.max(1, lines.length));
    /** @type {number[]} */
    const runs = [];
    lines.forEach(([thread, depth], line) => {
      const column = this.source.column(thread, depth);
      if (!column) return;
      visibleRuns(column, scale.from_ns, scale.to_ns, scale.ns_per_px, runs);
      for (let at = 0; at < runs.length; at += 2) {
        const row = longestOfRun(column, runs[at], runs[at + 1]);
        boxes.add(scale.px(column.start[runs[at]]), scale.px(column.end[runs[at + 1] - 1]), 3 + line * line_px, line_px, palette.colour(column.code[row]), PATTERN_FLAT);
      }
    });
    this.painter.draw(boxes, scale.width_px, MAP_PX, ratio, paper);
  }

  /** @param {PointerEvent} event */
  begin(event) {
    const { scale } = this;
    const { view } = this.state;
    const ns = scale.ns(event.offsetX);
    this.canvas.setPointerCapture(event.pointerId);
    const from_px = scale.px(view.from_ns);
    const to_px = scale.px(view.to_ns);
    /** @type {'move' | 'from' | 'to' | 'new'} */
    let kind = 'new';
    const whole = view.from_ns <= 0 && view.to_ns >= scale.to_ns;
    if (Math.abs(event.offsetX - from_px) < EDGE_PX) kind = 'from';
    else if (Math.abs(event.offsetX - to_px) < EDGE_PX) kind = 'to';
    else if (!whole && event.offsetX > from_px && event.offsetX < to_px) kind = 'move';
    this.drag = { kind, ns: kind === 'move' ? ns - view.from_ns : ns };
    if (kind === 'new' && !whole) {
      // A click moves the part shown to where it was.
      const half_ns = (view.to_ns - view.from_ns) / 2;
      this.state.showRange(ns - half_ns, ns + half_ns);
    }
  }

  /** @param {PointerEvent} event */
  move(event) {
    const { scale, drag } = this;
    const { view } = this.state;
    const ns = Math.min(Math.max(scale.ns(event.offsetX), 0), scale.to_ns);
    if (!drag) {
      const near = (/** @type {number} */ at_ns) => Math.abs(event.offsetX - scale.px(at_ns)) < EDGE_PX;
      const inside = ns > view.from_ns && ns < view.to_ns && view.to_ns - view.from_ns < scale.to_ns;
      this.canvas.style.cursor = near(view.from_ns) || near(view.to_ns) ? 'ew-resize' : inside ? 'grab' : 'crosshair';
      return;
    }
    if (drag.kind === 'move') {
      this.state.showRange(ns - drag.ns, ns - drag.ns + view.to_ns - view.from_ns);
    } else if (drag.kind === 'from') {
      this.state.showRange(Math.min(ns, view.to_ns - 1), view.to_ns);
    } else if (drag.kind === 'to') {
      this.state.showRange(view.from_ns, Math.max(ns, view.from_ns + 1));
    } else if (Math.abs(scale.px(drag.ns) - event.offsetX) > 3) {
      this.state.showRange(Math.min(drag.ns, ns), Math.max(drag.ns, ns));
    }
  }
}
