// SPDX-License-Identifier: Apache-2.0
//
// Mouse, wheel and keys over the timeline, as in Perfetto: W, S zoom, A, D pan, the wheel scrolls and zooms with Ctrl, a drag
// moves the picture, with Shift it chooses a range.

import { Scale } from './scale.js';

/** @typedef {import('../state.js').State} State */

/**
 * @typedef {{
 *   scale: () => Scale,
 *   select: (x_px: number, y_px: number) => void,
 *   zoomToCall: (x_px: number, y_px: number) => void,
 *   hover: (x_px: number, y_px: number, left: boolean) => void,
 *   chooseRange: (from_ns: number, to_ns: number, from_y_px: number, to_y_px: number) => void,
 *   step: (direction: 'caller' | 'callee' | 'previous' | 'next') => void,
 *   fit: () => void,
 *   escape: () => void,
 * }} Actions
 */

const CLICK_PX = 3;
const PANS_PER_S = 1.1;
const ZOOMS_PER_S = 5;
const WHEEL_ZOOM = 0.0025;

/** A view zoomed about a time. @param {import('../state.js').View} view @param {number} at_ns @param {number} factor below 1: in */
export function zoomedView(view, at_ns, factor) {
  return { from_ns: at_ns - (at_ns - view.from_ns) * factor, to_ns: at_ns + (view.to_ns - at_ns) * factor };
}

/** Whether somebody writes into a field, and keys are letters. @param {EventTarget | null} target */
export function isTyping(target) {
  return target instanceof HTMLElement && (target.isContentEditable || ['INPUT', 'TEXTAREA', 'SELECT'].includes(target.tagName));
}

export class Gestures {
  /** @param {HTMLElement} surface over the boxes @param {HTMLElement} scroller @param {State} state @param {Actions} actions */
  constructor(surface, scroller, state, actions) {
    this.surface = surface;
    this.scroller = scroller;
    this.state = state;
    this.actions = actions;
    /** Where the mouse was last, for zooming about it. */
    this.mouse_px = -1;
    /** @type {Set<string>} */
    this.held = new Set();
    this.last_ms = 0;
    /** @type {{x_px: number, y_px: number, view: import('../state.js').View, scroll_px: number, range: boolean, moved: boolean} | null} */
    this.drag = null;
    surface.addEventListener('pointerdown', (event) => this.begin(event));
    surface.addEventListener('pointermove', (event) => this.move(event));
    surface.addEventListener('pointerup', (event) => this.end(event));
    surface.addEventListener('pointercancel', () => {
      this.drag = null;
    });
    surface.addEventListener('pointerleave', () => {
      this.mouse_px = -1;
      this.actions.hover(0, 0, true);
    });
    surface.addEventListener('dblclick', (event) => actions.zoomToCall(event.offsetX, event.offsetY));
    scroller.addEventListener('wheel', (event) => this.wheel(event), { passive: false });
    document.addEventListener('keydown', (event) => this.key(event));
    document.addEventListener('keyup', (event) => this.held.delete(event.key.toLowerCase()));
    window.addEventListener('blur', () => this.held.clear());
  }

  /** @param {PointerEvent} event */
  begin(event) {
    if (event.button !== 0) return;
    this.surface.setPointerCapture(event.pointerId);
    this.drag = { x_px: event.offsetX, y_px: event.offsetY, view: this.state.view, scroll_px: this.scroller.scrollTop, range: event.shiftKey, moved: false };
  }

  /** @param {PointerEvent} event */
  move(event) {
    this.mouse_px = event.offsetX;
    const { drag } = this;
    if (!drag) {
      this.actions.hover(event.offsetX, event.offsetY, false);
      return;
    }
    const dx_px = event.offsetX - drag.x_px;
    const dy_px = event.offsetY - drag.y_px;
    if (!drag.moved && Math.hypot(dx_px, dy_px) < CLICK_PX) return;
    drag.moved = true;
    this.actions.hover(0, 0, true);
    if (drag.range) {
      const scale = this.actions.scale();
      const ends_ns = [scale.ns(drag.x_px), scale.ns(event.offsetX)].sort((a, b) => a - b);
      const ends_px = [drag.y_px, event.offsetY].sort((a, b) => a - b);
      this.actions.chooseRange(ends_ns[0], ends_ns[1], ends_px[0], ends_px[1]);
      return;
    }
    this.surface.style.cursor = 'grabbing';
    const by_ns = (-dx_px * (drag.view.to_ns - drag.view.from_ns)) / this.surface.clientWidth;
    this.state.showRange(drag.view.from_ns + by_ns, drag.view.to_ns + by_ns);
    this.scroller.scrollTop = drag.scroll_px - dy_px;
  }

  /** @param {PointerEvent} event */
  end(event) {
    this.surface.style.cursor = '';
    if (this.drag && !this.drag.moved) this.actions.select(event.offsetX, event.offsetY);
    this.drag = null;
  }

  /** @param {WheelEvent} event */
  wheel(event) {
    const unit_px = event.deltaMode === 1 ? 16 : event.deltaMode === 2 ? 400 : 1;
    const { view } = this.state;
    if (event.ctrlKey || event.metaKey) {
      event.preventDefault();
      const x_px = event.clientX - this.surface.getBoundingClientRect().left;
      this.state.set('view', zoomedView(view, this.actions.scale().ns(Math.max(0, x_px)), Math.exp(event.deltaY * unit_px * WHEEL_ZOOM)));
      return;
    }
    const across_px = event.shiftKey ? event.deltaY || event.deltaX : event.deltaX;
    if (!across_px) return;
    event.preventDefault();
    const by_ns = (across_px * unit_px * (view.to_ns - view.from_ns)) / this.surface.clientWidth;
    this.state.showRange(view.from_ns + by_ns, view.to_ns + by_ns);
  }

  /** @param {KeyboardEvent} event */
  key(event) {
    if (isTyping(event.target) || event.ctrlKey || event.metaKey || event.altKey) return;
    const key = event.key.toLowerCase();
    if ('wasd'.includes(key) && key.length === 1) {
      if (!this.held.size) {
        this.last_ms = performance.now();
        requestAnimationFrame((now_ms) => this.glide(now_ms));
      }
      this.held.add(key);
      this.nudge(key, 1 / 60);
      return;
    }
    const in_panel = event.target instanceof HTMLElement && event.target.closest('#panels') !== null;
    if (in_panel && key !== 'escape') return;
    /** @type {Record<string, () => void>} */
    const does = {
      f: () => this.actions.fit(),
      escape: () => this.actions.escape(),
      arrowup: () => this.actions.step('caller'),
      arrowdown: () => this.actions.step('callee'),
      arrowleft: () => this.actions.step('previous'),
      arrowright: () => this.actions.step('next'),
    };
    if (!does[key]) return;
    event.preventDefault();
    does[key]();
  }

  /** While keys are held. @param {number} now_ms */
  glide(now_ms) {
    if (!this.held.size) return;
    const seconds = Math.min(0.1, Math.max(0, now_ms - this.last_ms) / 1000);
    this.last_ms = now_ms;
    for (const key of this.held) this.nudge(key, seconds);
    requestAnimationFrame((next_ms) => this.glide(next_ms));
  }

  /** @param {string} key @param {number} seconds */
  nudge(key, seconds) {
    const { view } = this.state;
    const width_ns = view.to_ns - view.from_ns;
    if (key === 'a' || key === 'd') {
      const by_ns = width_ns * PANS_PER_S * seconds * (key === 'a' ? -1 : 1);
      this.state.showRange(view.from_ns + by_ns, view.to_ns + by_ns);
      return;
    }
    const scale = this.actions.scale();
    const at_ns = scale.ns(this.mouse_px >= 0 ? this.mouse_px : scale.width_px / 2);
    this.state.set('view', zoomedView(view, at_ns, Math.exp(ZOOMS_PER_S * seconds * (key === 'w' ? -1 : 1))));
  }
}
