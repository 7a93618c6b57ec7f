// SPDX-License-Identifier: Apache-2.0
//
// Boxes of a flame graph on a canvas: drawing, zoom, tooltip, keys. In a sandwich the callers stand above the function, upwards.
import { visibleText } from '../text.js';
import { cssColour, Palette } from '../timeline/colours.js';
import { build, makeName, setChildren, sizedContext, styleColors } from './dom.js';
import { layoutFlame } from './flame_nodes.js';
import { functionLabel } from './labels.js';

/** @typedef {import('../data/source.js').Source} Source */
/** @typedef {import('./flame_nodes.js').FlameNode} FlameNode */
/** @typedef {import('./flame_nodes.js').FlameBox} FlameBox */
/** @typedef {{node: FlameNode, x: number, width: number, y: number}} PlacedBox */

/**
 * @typedef {object} FlameEvents
 * @property {(node: FlameNode | null) => void} chosen
 * @property {(node: FlameNode) => void} open
 * @property {(node: FlameNode, all_ns: number) => {name: string, place: string, lines: string[][]}} tooltip
 */

const FLAME_ROW_PX = 19;
const LEAST_BOX_PX = 0.8;
const LEAST_TEXT_PX = 26;
const LETTER_PX = 6.65;  // of the font below
const BOX_TEXT = '#14171b';
const ROOT_CALLED = -3;
const FLAME_FONT = '11px ui-monospace, "SF Mono", Menlo, Consolas, "DejaVu Sans Mono", monospace';

/** The text, or the last part of a dotted name, or its begin: what fits. @param {string} text @param {number} width_px */
export function fittingText(text, width_px) {
  const letters = Math.floor(width_px / LETTER_PX);
  if (text.length <= letters) {
    return text;
  }
  const last = text.slice(text.lastIndexOf('.') + 1);
  const part = last.length >= 3 && last.length <= letters ? last : text;
  return part.length <= letters ? part : letters < 3 ? '' : part.slice(0, letters - 1) + '…';
}

export class FlameCanvas {
  /** @param {Source} source @param {FlameEvents} events */
  constructor(source, events) {
    this.source = source;
    this.events = events;
    this.visible = false;
    /** @type {FlameNode | null} */
    this.root = null;
    /** @type {FlameNode | null} */
    this.upper = null;
    /** @type {FlameNode | null} */
    this.zoomed = null;
    /** @type {FlameNode | null} */
    this.upper_zoomed = null;
    /** @type {FlameNode | null} */
    this.chosen = null;
    /** @type {FlameNode | null} */
    this.hovered = null;
    /** @type {ReadonlySet<number> | null} */
    this.marked = null;
    this.all_ns = 0;
    this.message = '';
    /** @type {PlacedBox[]} */
    this.boxes = [];
    this.layout_width = 0;
    this.pending = 0;
    this.palette = new Palette(source.report, 'light');
    this.dark = false;
    this.reveal_root = false;
    /** @type {Record<string, string>} */
    this.colors = {};
    this.color_scheme = '';

    this.canvas = build('canvas', {class: 'vp-flame-canvas'});
    this.space = build('div', {class: 'vp-flame-space'});
    this.tooltip = build('div', {class: 'vp-tooltip', role: 'tooltip', hidden: true});
    this.element = build('div', {class: 'vp-flame-area', tabindex: '0', role: 'application', 'aria-label':
      'Flame graph. Arrows go from box to box, Enter zooms, Escape zooms out, s makes a sandwich.'}, this.canvas, this.space, this.tooltip);
    this.element.addEventListener('scroll', () => this.later());
    this.element.addEventListener('mousemove', (event) => this.hover(event));
    this.element.addEventListener('mouseleave', () => this.leave());
    this.element.addEventListener('click', (event) => this.click(event));
    this.element.addEventListener('keydown', (event) => this.key(event));
    new ResizeObserver(() => this.later()).observe(this.element);
  }

  /** @param {FlameNode} root @param {FlameNode | null} upper */
  setRoots(root, upper) {
    this.root = this.zoomed = root;
    this.upper = this.upper_zoomed = upper;
    this.all_ns = root.weight_ns;
    this.chosen = this.hovered = null;
    this.message = root.weight_ns > 0 ? '' : 'No time was spent here.';
    this.layout_width = 0;
    this.element.scrollTop = 0;
    this.reveal_root = upper !== null;
    this.later();
  }

  /** A message in place of the graph, until there is another one. @param {string} message */
  tell(message) {
    this.message = message;
    this.root = this.upper = null;
    this.boxes = [];
    this.layout_width = 0;
    this.later();
  }

  /** @param {ReadonlySet<number> | null} functions */
  setMarked(functions) {
    this.marked = functions;
    this.later();
  }

  chosenFunction() {
    return this.chosen !== null && this.chosen.called >= 0 ? this.chosen.called : null;
  }

  later() {
    if (this.pending === 0 && this.visible) {
      this.pending = requestAnimationFrame(() => {
        this.pending = 0;
        this.draw();
      });
    }
  }

  /** @param {number} width_px */
  layOut(width_px) {
    this.layout_width = width_px;
    this.boxes = [];
    if (this.root === null || this.zoomed === null) {
      return;
    }
    const callers = this.upper === null || this.upper_zoomed === null ? [] : layoutFlame(this.upper_zoomed, width_px, LEAST_BOX_PX);
    const rows_above = callers.reduce((most, box) => Math.max(most, box.row), 0);
    for (const {node, x, width, row} of callers) {
      if (row > 0) {
        this.boxes.push({node, x, width, y: (rows_above - row) * FLAME_ROW_PX});
      }
    }
    let rows = 0;
    for (const {node, x, width, row} of layoutFlame(this.zoomed, width_px, LEAST_BOX_PX)) {
      this.boxes.push({node, x, width, y: (rows_above + row) * FLAME_ROW_PX});
      rows = Math.max(rows, rows_above + row + 1);
    }
    this.space.style.height = `${rows * FLAME_ROW_PX + 4}px`;
    if (this.reveal_root) {
      this.reveal_root = false;
      this.element.scrollTop = rows_above * FLAME_ROW_PX - this.element.clientHeight / 2;
    }
  }

  draw() {
    const width = this.element.clientWidth;
    const height = this.element.clientHeight;
    if (width === 0 || height === 0) {
      return;
    }
    const scheme = getComputedStyle(this.element).getPropertyValue('color');
    if (scheme !== this.color_scheme) {
      this.color_scheme = scheme;
      this.colors = styleColors(this.element, ['vp-text', 'vp-dim', 'vp-back', 'vp-flame-plain']);
      this.dark = isDark(this.colors['vp-back']);
      this.palette = new Palette(this.source.report, this.dark ? 'dark' : 'light');
    }
    if (this.layout_width !== width) {
      this.layOut(width);
    }
    const context = sizedContext(this.canvas, width, height);
    context.fillStyle = this.colors['vp-back'];
    context.fillRect(0, 0, width, height);
    if (this.message !== '') {
      context.font = '13px system-ui, sans-serif';
      context.fillStyle = this.colors['vp-dim'];
      context.textAlign = 'center';
      context.fillText(this.message, width / 2, Math.min(height / 2, 60));
      context.textAlign = 'left';
      return;
    }
    const top = this.element.scrollTop;
    context.font = FLAME_FONT;
    context.textBaseline = 'middle';
    const same = this.hovered === null || this.hovered.called < 0 ? -9 : this.hovered.called;
    for (const box of this.boxes) {
      const y = box.y - top;
      if (y > -FLAME_ROW_PX && y < height) {
        this.drawBox(context, box, y, box.node.called === same);
      }
    }
  }

  /** @param {CanvasRenderingContext2D} context @param {PlacedBox} box @param {number} y @param {boolean} same as what the pointer is at */
  drawBox(context, box, y, same) {
    const {node, x, width} = box;
    const pale = this.marked !== null && node.called > ROOT_CALLED && !this.marked.has(node.called);
    const shown_width = Math.max(0.6, width - (width > 3 ? 1 : width > 1.5 ? 0.4 : 0));
    context.fillStyle = this.fillOf(node.called, pale);
    context.fillRect(x, y, shown_width, FLAME_ROW_PX - 1);
    if (same || node === this.hovered) {
      context.fillStyle = this.dark ? 'rgba(255,255,255,0.22)' : 'rgba(0,0,0,0.16)';
      context.fillRect(x, y, shown_width, FLAME_ROW_PX - 1);
    }
    if (width >= LEAST_TEXT_PX) {
      const text = fittingText(visibleText(functionLabel(this.source.report, node.called), 200), width - 8);
      context.fillStyle = pale ? this.colors['vp-dim'] : node.called < 0 ? this.colors['vp-text'] : BOX_TEXT;
      context.fillText(text, x + 4, y + FLAME_ROW_PX / 2);
    }
    if (node === this.chosen) {
      context.strokeStyle = this.colors['vp-text'];
      context.lineWidth = 2;
      context.strokeRect(x + 1, y + 1, Math.max(1, shown_width - 2), FLAME_ROW_PX - 3);
    }
  }

  /** The colour that it has in the timeline. @param {number} called @param {boolean} pale */
  fillOf(called, pale) {
    return called < 0 ? this.colors['vp-flame-plain'] : cssColour((pale ? this.palette.pale : this.palette.full)[called]);
  }

  /** @param {MouseEvent} event */
  boxAt(event) {
    const area = this.element.getBoundingClientRect();
    const x = event.clientX - area.left;
    const y = event.clientY - area.top + this.element.scrollTop;
    return this.boxes.find((box) => y >= box.y && y < box.y + FLAME_ROW_PX && x >= box.x && x < box.x + Math.max(1, box.width));
  }

  /** @param {MouseEvent} event */
  hover(event) {
    const box = this.boxAt(event);
    const node = box?.node ?? null;
    if (node !== this.hovered) {
      this.hovered = node;
      this.later();
    }
    this.tooltip.hidden = node === null;
    if (node === null) {
      return;
    }
    const {name, place, lines} = this.events.tooltip(node, this.all_ns);
    setChildren(this.tooltip, build('div', {class: 'vp-strong'}, makeName(name)), place === '' ? null : build('div', {class: 'vp-dim'}, makeName(place)),
      ...lines.map(([number, unit]) => build('div', {class: 'vp-tooltip-line'}, build('b', {text: number}), ` ${unit}`)));
    const area = this.element.getBoundingClientRect();
    const {offsetWidth, offsetHeight} = this.tooltip;
    const x = Math.min(event.clientX - area.left + 14, area.width - offsetWidth - 4);
    const below = event.clientY - area.top + 18;
    const y = below + offsetHeight > area.height ? Math.max(0, event.clientY - area.top - offsetHeight - 8) : below;
    this.tooltip.style.transform = `translate(${Math.max(0, x)}px, ${y + this.element.scrollTop}px)`;
  }

  leave() {
    this.tooltip.hidden = true;
    this.hovered = null;
    this.later();
  }

  /** @param {MouseEvent} event */
  click(event) {
    const box = this.boxAt(event);
    if (box !== undefined) {
      this.choose(box.node);
      this.zoom(box.node);
    }
  }

  /** @param {FlameNode | null} node */
  choose(node) {
    this.chosen = node;
    this.events.chosen(node);
    this.later();
  }

  /** @param {FlameNode} node */
  zoom(node) {
    if (this.isUpper(node)) {
      this.upper_zoomed = node;
    } else {
      this.zoomed = node;
    }
    this.layout_width = 0;
    this.later();
  }

  /** @param {FlameNode} node */
  isUpper(node) {
    let at = node;
    while (at.parent !== null) {
      at = at.parent;
    }
    return at === this.upper;
  }

  /** @param {boolean} whole */
  zoomOut(whole) {
    if (whole || this.zoomed?.parent === null) {
      this.upper_zoomed = this.upper;
    }
    this.zoomed = whole ? this.root : this.zoomed?.parent ?? this.root;
    this.layout_width = 0;
    this.choose(whole ? null : this.zoomed);
  }

  /** @param {KeyboardEvent} event */
  key(event) {
    if (this.root === null || event.ctrlKey || event.metaKey || event.altKey) {
      return;
    }
    const at = this.chosen ?? this.zoomed ?? this.root;
    const siblings = at.parent === null ? [at] : at.parent.nodes();
    const place = siblings.indexOf(at);
    const up = this.isUpper(at);
    /** @type {Record<string, () => FlameNode | null | undefined>} */
    const moves = {
      ArrowLeft: () => siblings[place - 1],
      ArrowRight: () => siblings[place + 1],
      ArrowUp: () => (up ? at.nodes()[0] : at.parent ?? this.upper?.nodes()[0]),
      ArrowDown: () => (up ? (at.parent === this.upper ? this.root : at.parent) : at.nodes()[0]),
      Home: () => this.root,
    };
    if (event.key in moves) {
      const next = moves[event.key]();
      if (next) {
        this.chosen = next;
        this.reveal(next);
        this.choose(next);
      }
    } else if (event.key === 'Enter') {
      this.zoom(at);
    } else if (event.key === 'Escape' || event.key === 'Backspace') {
      if (this.zoomed === this.root && this.upper_zoomed === this.upper) {
        return;
      }
      this.zoomOut(false);
    } else if (event.key === 's' && at.called >= 0) {
      this.events.open(at);
    } else {
      return;
    }
    event.preventDefault();
    event.stopPropagation();
  }

  /** What is chosen by keys can be too narrow to be drawn: then its parent is zoomed to. @param {FlameNode} node */
  reveal(node) {
    let box = this.boxes.find((each) => each.node === node);
    if ((box === undefined || box.width < 3) && node.parent !== null) {
      this.zoom(node.parent);
      this.layOut(this.element.clientWidth);
      box = this.boxes.find((each) => each.node === node);
      if (box === undefined || box.width < 3) {
        this.zoom(node);
        this.layOut(this.element.clientWidth);
        box = this.boxes.find((each) => each.node === node);
      }
    }
    if (box !== undefined) {
      const {scrollTop, clientHeight} = this.element;
      if (box.y < scrollTop || box.y + FLAME_ROW_PX > scrollTop + clientHeight) {
        this.element.scrollTop = box.y - clientHeight / 2;
      }
    }
  }
}

/** @param {string} color as computed: rgb(…) */
export function isDark(color) {
  const [red, green, blue] = (color.match(/[\d.]+/g) ?? []).map(Number);
  return red * 0.3 + green * 0.6 + blue * 0.1 < 128;
}
