// SPDX-License-Identifier: Apache-2.0
//
// The timeline: one picture a frame of what the state says, and what hands and keys do to the state.

import { firstEndingAfter, firstStartingFrom, rowAt } from '../data/columns.js';
import { button, make } from '../shell/dom.js';
import { CanvasPainter } from './canvas_painter.js';
import { Gestures } from './gestures.js';
import { GlPainter } from './gl_painter.js';
import { Headers } from './headers.js';
import { Layout } from './layout.js';
import { Minimap } from './minimap.js';
import { Overlay } from './overlay.js';
import { Palette, THEMES } from './colours.js';
import { Scale } from './scale.js';
import { Scene } from './scene.js';
import { Tooltip } from './tooltip.js';
import { drawAxis } from './axis.js';
import { hitAt } from './hit.js';

/** @typedef {import('../data/source.js').Source} Source */
/** @typedef {import('../data/source.js').Call} Call */
/** @typedef {import('../state.js').State} State */
/** @typedef {import('./colours.js').Theme} Theme */
/** @typedef {import('./overlay.js').Inks} Inks */
/** @typedef {import('./scene.js').Tones} Tones */

const MAP_HEIGHT_PX = 44;
const AXIS_HEIGHT_PX = 24;
const LEAST_HEADS_PX = 80;

/** @type {Record<Theme, Inks>} */
const INKS = {
  light: { ink: '#14181f', text: '#3c4450', faint: '#8a93a0', accent: '#1664d8', arrow: '#7a4fd0', instant: '#c2410c', shade: 'rgb(22 100 216 / 0.10)', paper: '#ffffff' },
  dark: { ink: '#0e1116', text: '#b9c2ce', faint: '#77818e', accent: '#6cb0ff', arrow: '#c3a6ff', instant: '#ffa657', shade: 'rgb(108 176 255 / 0.13)', paper: '#15181c' },
};
/** @type {Record<Theme, Tones>} */
const TONES = {
  light: { paper: 0xffffffff, line: 0x12000000, process: 0xfff7f3f0, process_line: 0xffe2dad4, program: 0xffdbb58f, traced: 0xffb0d49a, loss: 0xff8080e8, counter: 0xffc87a3a,
    lifetime: 0x18a06030, text: 0xff000000 },
  dark: { paper: 0xff1c1815, line: 0x14ffffff, process: 0xff2b2521, process_line: 0xff40372f, program: 0xffc89a6c, traced: 0xff8cc07c, loss: 0xff6a6af0, counter: 0xffe8a868,
    lifetime: 0x26e0a878, text: 0xffffffff },
};

export class Timeline {
  /**
   * @param {HTMLElement} root @param {Source} source @param {State} state
   * @param {Theme} theme
   */
  constructor(root, source, state, theme) {
    this.source = source;
    this.state = state;
    this.theme = theme;
    this.layout = new Layout(source.report);
    this.scene = new Scene(source, this.layout);
    this.palette = new Palette(source.report, this.theme);
    this.map_canvas = make('canvas', 'minimap');
    this.axis_canvas = make('canvas', 'axis');
    this.axis_context = /** @type {CanvasRenderingContext2D} */ (this.axis_canvas.getContext('2d'));
    this.box_canvas = make('canvas', 'boxes');
    this.text_canvas = make('canvas', 'texts');
    this.surface = make('div', 'surface');
    this.heads = make('div', 'heads');
    const edge = make('div', 'head-edge');
    edge.title = 'Drag: room for names';
    edge.addEventListener('pointerdown', (event) => edge.setPointerCapture(event.pointerId));
    edge.addEventListener('pointermove', (event) => {
      if (edge.hasPointerCapture(event.pointerId)) this.setHeadWidth(event.clientX - this.stage.getBoundingClientRect().left);
    });
    this.stage = make('div', 'stage', [this.heads, this.box_canvas, this.text_canvas, this.surface, edge]);
    this.filler = make('div', 'filler');
    this.scroller = make('div', 'scroller', [this.stage, this.filler]);
    this.scroller.tabIndex = 0;
    this.scroller.setAttribute('aria-label', 'Timeline');
    this.tip = make('div', 'tooltip');
    this.tip.hidden = true;
    const corner = make('div', 'corner');
    if (source.report.processes.length > 1) {
      corner.append(button('▾ all', 'Open all processes', () => this.openAll(true)), button('▸ all', 'Close all processes', () => this.openAll(false)));
    }
    root.append(make('div', 'map-row', [make('div', 'corner'), this.map_canvas]), make('div', 'axis-row', [corner, this.axis_canvas]), this.scroller);
    root.append(this.tip);
    /** @type {CanvasPainter | GlPainter} */
    this.painter = new CanvasPainter(this.box_canvas);
    this.overlay = new Overlay(this.text_canvas, source, state);
    this.overlay.onText = () => this.redraw();
    this.headers = new Headers(this.heads, this.layout, () => this.layoutChanged());
    this.minimap = new Minimap(this.map_canvas, source, state);
    this.tooltip = new Tooltip(this.tip, source);
    /** The part of the width left to the tracks. */
    this.width_px = 1;
    this.height_px = 1;
    this.ratio = 1;
    this.version = 0;
    this.marks_begun = false;
    this.frame = 0;
    /** How long the last frames took, for measurements. @type {number[]} */
    this.frame_ms = [];
    this.gestures = new Gestures(this.surface, this.scroller, state, {
      scale: () => this.scale,
      select: (x_px, y_px) => this.selectAt(x_px, y_px),
      zoomToCall: (x_px, y_px) => this.zoomTo(x_px, y_px),
      hover: (x_px, y_px, left) => this.hover(x_px, y_px, left),
      chooseRange: (from_ns, to_ns, from_y_px, to_y_px) => this.chooseRange(from_ns, to_ns, from_y_px, to_y_px),
      step: (direction) => this.step(direction),
      fit: () => this.fit(),
      escape: () => this.escape(),
    });
    this.followAxis();
    this.follow();
    this.layoutChanged();
    this.resize();
  }

  /**
   * Goes on with WebGL, where a graphics card does it: what stands in for one takes up to six times as long as Canvas 2D. Its
   * start can take half a second, so the first picture does not wait for it.
   * @param {boolean} even_without_card
   */
  useGl(even_without_card) {
    const canvas = make('canvas', 'boxes');
    try {
      this.painter = new GlPainter(canvas, even_without_card, () => this.redraw());
    } catch (fault) {
      return;
    }
    this.box_canvas.replaceWith(canvas);
    this.box_canvas = canvas;
    this.resize();
  }

  get scale() {
    return new Scale(this.state.view, this.width_px);
  }

  follow() {
    const { state } = this;
    state.on('view', () => {
      // What the mouse pointed at has moved away.
      this.overlay.hovered = null;
      this.tooltip.hide();
      this.redraw();
    });
    state.on('selectedCall', () => this.redraw());
    state.on('selectedRange', () => this.redraw());
    state.on('highlighted', (highlighted) => {
      this.palette.highlight(highlighted);
      this.version++;
      this.redraw();
    });
    state.on('show', (what) => ('process' in what ? this.revealProcess(what.process) : this.reveal(what)));
    this.source.onChange(() => {
      this.version++;
      this.loadMarks();
      this.redraw();
    });
    this.scroller.addEventListener('scroll', () => this.redraw());
    new ResizeObserver(() => this.resize()).observe(this.scroller);
  }

  /** Instants and counters come when all else is there: they change the layout. */
  async loadMarks() {
    if (!this.source.complete || this.marks_begun) return;
    this.marks_begun = true;
    let changed = false;
    for (const thread of this.source.threadsWithMarks()) {
      const marks = await this.source.marks(thread);
      this.overlay.instants[thread] = marks.instants;
      this.scene.counters[thread] = this.headers.counters[thread] = marks.counters;
      this.layout.setMarks(thread, marks.instants.length > 0, marks.counters.length);
      changed ||= marks.instants.length + marks.counters.length > 0;
    }
    if (changed) {
      this.layout.arrange();
      this.layoutChanged();
    }
  }

  /** @param {Theme} theme */
  setTheme(theme) {
    this.theme = theme;
    this.palette = new Palette(this.source.report, theme);
    this.palette.highlight(this.state.highlighted);
    this.version++;
    this.redraw();
  }

  layoutChanged() {
    this.filler.style.height = `${Math.max(0, this.layout.height_px + 40 - this.height_px)}px`;
    this.redraw();
  }

  resize() {
    const ratio = devicePixelRatio || 1;
    const width_px = this.scroller.clientWidth;
    const height_px = this.scroller.clientHeight;
    const heads_px = this.heads.offsetWidth;
    this.width_px = Math.max(1, width_px - heads_px);
    this.height_px = Math.max(1, height_px);
    this.ratio = ratio;
    this.stage.style.height = `${height_px}px`;
    for (const [canvas, canvas_height_px] of /** @type {[HTMLCanvasElement, number][]} */ ([
      [this.box_canvas, this.height_px], [this.text_canvas, this.height_px], [this.map_canvas, MAP_HEIGHT_PX], [this.axis_canvas, AXIS_HEIGHT_PX]])) {
      canvas.width = Math.round(this.width_px * ratio);
      canvas.height = Math.round(canvas_height_px * ratio);
      canvas.style.width = `${this.width_px}px`;
      canvas.style.height = `${canvas_height_px}px`;
    }
    this.layoutChanged();
    cancelAnimationFrame(this.frame);
    this.draw();
  }

  /** How much of the width names have. @param {number} px */
  setHeadWidth(px) {
    document.documentElement.style.setProperty('--heads', `${Math.round(Math.min(Math.max(LEAST_HEADS_PX, px), innerWidth / 2))}px`);
    this.resize();
  }

  redraw() {
    if (this.frame) return;
    this.frame = requestAnimationFrame(() => this.draw());
  }

  draw() {
    this.frame = 0;
    if ((devicePixelRatio || 1) !== this.ratio) {
      // The window went to another screen; this comes back here.
      this.resize();
      return;
    }
    const began_ms = performance.now();
    const { scale, scene, state, ratio } = this;
    const tones = TONES[this.theme];
    const inks = INKS[this.theme];
    const top_px = this.scroller.scrollTop;
    scene.build(scale, top_px, this.height_px, this.palette, tones);
    this.painter.draw(scene.boxes, this.width_px, this.height_px, ratio, THEMES[this.theme].paper);
    this.overlay.draw(scene, scale, top_px, this.height_px, ratio, inks);
    this.headers.draw(scene.visible, top_px);
    drawAxis(this.axis_context, scale, ratio, inks, state.selectedRange);
    this.minimap.draw(this.palette, tones.paper, ratio, inks, `${this.version}`);
    this.source.want(this.wanted(scale));
    this.frame_ms.push(performance.now() - began_ms);
    if (this.frame_ms.length > 200) this.frame_ms.shift();
  }

  /** @param {Scale} scale */
  wanted(scale) {
    return this.scene.visible.filter((one) => one.thread >= 0 && one.lines > 0)
      .map((one) => ({ thread: one.thread, from_ns: scale.from_ns, to_ns: scale.to_ns, ns_per_px: scale.ns_per_px }));
  }

  /** @param {number} x_px @param {number} y_px on the screen */
  hit(x_px, y_px) {
    return hitAt(this.scene, this.scale, this.overlay.instants, x_px, y_px + this.scroller.scrollTop);
  }

  /** @param {number} x_px @param {number} y_px @param {boolean} left */
  hover(x_px, y_px, left) {
    const hit = left ? undefined : this.hit(x_px, y_px);
    this.surface.style.cursor = hit?.call || hit?.program ? 'pointer' : '';
    const call = hit?.call || null;
    const { hovered } = this.overlay;
    if (call?.thread !== hovered?.thread || call?.depth !== hovered?.depth || call?.index !== hovered?.index) {
      this.overlay.hovered = call;
      this.redraw();
    }
    if (!hit) {
      this.tooltip.hide();
      return;
    }
    const corner = this.surface.getBoundingClientRect();
    this.tooltip.show(hit, corner.left + x_px, corner.top + y_px);
  }

  /** @param {number} x_px @param {number} y_px */
  selectAt(x_px, y_px) {
    this.scroller.focus({ preventScroll: true });
    const call = this.hit(x_px, y_px)?.call || null;
    if (!call) this.state.set('selectedRange', null);
    this.state.set('selectedCall', call);
  }

  /** @param {number} x_px @param {number} y_px */
  zoomTo(x_px, y_px) {
    const call = this.hit(x_px, y_px)?.call;
    if (!call) return;
    this.state.set('selectedCall', call);
    this.fit();
  }

  /** @param {number} from_ns @param {number} to_ns @param {number} from_y_px @param {number} to_y_px */
  chooseRange(from_ns, to_ns, from_y_px, to_y_px) {
    const top_px = this.scroller.scrollTop;
    const threads = new Set(this.scene.visible
      .filter((one) => one.kind === 'thread' && one.y_px - top_px < to_y_px && one.y_px + one.height_px - top_px > from_y_px)
      .map((one) => this.source.report.threadOf(one.thread)));
    this.state.set('selectedRange', { from_ns, to_ns, threads: threads.size ? [...threads] : null });
  }

  /** Dragging over the axis chooses a range over all threads. */
  followAxis() {
    const axis = this.axis_canvas;
    let from_ns = NaN;
    axis.addEventListener('pointerdown', (event) => {
      axis.setPointerCapture(event.pointerId);
      from_ns = this.scale.ns(event.offsetX);
      this.state.set('selectedRange', null);
    });
    axis.addEventListener('pointermove', (event) => {
      if (Number.isNaN(from_ns)) return;
      const to_ns = this.scale.ns(event.offsetX);
      if (Math.abs(to_ns - from_ns) < 3 * this.scale.ns_per_px) return;
      this.state.set('selectedRange', { from_ns: Math.min(from_ns, to_ns), to_ns: Math.max(from_ns, to_ns), threads: null });
    });
    axis.addEventListener('pointerup', () => {
      from_ns = NaN;
    });
  }

  /** The selected call, or range, over most of the width; all, if it has that already or there is none. */
  fit() {
    const { state, source } = this;
    const call = state.selectedCall;
    const column = call && source.column(call.thread, call.depth);
    let from_ns = 0;
    let to_ns = source.report.meta.span_ns;
    if (call && column) {
      const margin_ns = Math.max(5, (column.end[call.index] - column.start[call.index]) / 20);
      from_ns = column.start[call.index] - margin_ns;
      to_ns = column.end[call.index] + margin_ns;
    } else if (state.selectedRange) {
      ({ from_ns, to_ns } = state.selectedRange);
    }
    const wanted = state.limited({ from_ns, to_ns });
    const there = Math.abs(wanted.from_ns - state.view.from_ns) + Math.abs(wanted.to_ns - state.view.to_ns) < this.scale.ns_per_px;
    if (there) state.showAll();
    else state.showRange(from_ns, to_ns);
  }

  escape() {
    this.tooltip.hide();
    this.state.set('selectedRange', null);
    this.state.set('selectedCall', null);
  }

  /** @param {'caller' | 'callee' | 'previous' | 'next'} direction */
  step(direction) {
    const call = this.state.selectedCall;
    if (!call) {
      this.selectFirst();
      return;
    }
    const next = neighbour(this.source, call, direction);
    if (next) this.state.showCall(next);
  }

  /** Some call on the screen, so that there is one to go on from. */
  selectFirst() {
    for (const item of this.scene.visible) {
      const column = item.kind === 'thread' ? this.source.column(item.thread, 0) : undefined;
      const index = column ? firstEndingAfter(column, this.state.view.from_ns) : 0;
      if (!column || index >= column.count) continue;
      this.state.set('selectedCall', { thread: item.thread, depth: 0, index });
      return;
    }
  }

  /** Scrolls to a process. @param {number} process */
  revealProcess(process) {
    if (!this.layout.open_processes.has(process)) {
      this.layout.toggleProcess(process);
      this.layoutChanged();
    }
    const item = this.layout.index.processes.get(process);
    if (!item) return;
    this.scroller.scrollTop = item.y_px - 4;
    this.redraw();
  }

  /** @param {boolean} open */
  openAll(open) {
    this.layout.openAll(open);
    this.layoutChanged();
  }

  /** Scrolls to the line of a call. @param {Call} call */
  reveal(call) {
    const item = this.layout.index.threads.get(call.thread);
    if (!item || call.depth >= item.lines) {
      this.layout.reveal(call.thread, call.depth);
      this.layoutChanged();
    }
    const shown = this.layout.index.threads.get(call.thread);
    if (!shown) return;
    const y_px = shown.y_px + shown.calls_y_px + call.depth * shown.line_px;
    const top_px = this.scroller.scrollTop;
    if (y_px < top_px + 20 || y_px > top_px + this.height_px - 40) this.scroller.scrollTop = y_px - this.height_px / 2;
    this.redraw();
  }
}

/** The call next to one. @param {Source} source @param {Call} call @param {'caller' | 'callee' | 'previous' | 'next'} direction @returns {Call | null} */
export function neighbour(source, call, direction) {
  const { thread, depth, index } = call;
  const column = source.column(thread, depth);
  if (!column) return null;
  if (direction === 'previous') return index > 0 ? { thread, depth, index: index - 1 } : null;
  if (direction === 'next') return index + 1 < column.count ? { thread, depth, index: index + 1 } : null;
  if (direction === 'caller') {
    const above = depth > 0 ? source.column(thread, depth - 1) : undefined;
    const found = above ? rowAt(above, column.start[index]) : -1;
    return found >= 0 ? { thread, depth: depth - 1, index: found } : null;
  }
  const below = source.column(thread, depth + 1);
  const found = below ? firstStartingFrom(below, column.start[index]) : 0;
  return below && found < below.count && below.start[found] < column.end[index] ? { thread, depth: depth + 1, index: found } : null;
}
