// SPDX-License-Identifier: Apache-2.0
//
// Boxes by Canvas 2D: while the file is read, and where a browser has no WebGL2.

import { cssColour, mixedColour } from './colours.js';
import { PATTERN_FLAT, PATTERN_FOLD, PATTERN_GAP, PATTERN_OPEN, WORDS_OF_RECTANGLE } from './rectangles.js';

/** @typedef {import('./rectangles.js').Rectangles} Rectangles */

/** In memory: where there is no graphics card, what stands in for one takes many times as long for boxes as a plain loop. */
const IN_MEMORY = { willReadFrequently: true };

export class CanvasPainter {
  /** @param {HTMLCanvasElement} canvas */
  constructor(canvas) {
    this.canvas = canvas;
    this.context = /** @type {CanvasRenderingContext2D} */ (canvas.getContext('2d', IN_MEMORY));
    this.name = 'Canvas 2D';
    /** @type {Map<number, string>} */
    this.css = new Map();
    /** Stripes by direction and paper. @type {Map<string, CanvasPattern | null>} */
    this.stripes = new Map();
  }

  /** @param {number} packed */
  cssOf(packed) {
    let css = this.css.get(packed);
    if (!css) {
      css = cssColour(packed);
      this.css.set(packed, css);
    }
    return css;
  }

  /** @param {boolean} rising @param {number} paper @param {number} ratio */
  stripe(rising, paper, ratio) {
    const key = `${rising} ${paper} ${ratio}`;
    const known = this.stripes.get(key);
    if (known !== undefined) return known;
    const size = Math.round(8 * ratio);
    const tile = document.createElement('canvas');
    tile.width = tile.height = size;
    const context = /** @type {CanvasRenderingContext2D} */ (tile.getContext('2d', IN_MEMORY));
    context.globalAlpha = rising ? 0.32 : 0.55;
    context.fillStyle = this.cssOf(paper);
    for (let x = 0; x < size; x++) {
      for (let y = 0; y < size; y++) {
        if ((((rising ? x + y : x - y) % size) + size) % size < 3 * ratio) context.fillRect(x, y, 1, 1);
      }
    }
    const made = this.context.createPattern(tile, 'repeat');
    this.stripes.set(key, made);
    return made;
  }

  /**
   * @param {Rectangles} boxes @param {number} width_px @param {number} height_px @param {number} ratio @param {number} paper
   */
  draw(boxes, width_px, height_px, ratio, paper) {
    const { context, canvas } = this;
    void width_px;
    void height_px;
    context.setTransform(1, 0, 0, 1, 0, 0);
    context.clearRect(0, 0, canvas.width, canvas.height);
    let last = -1;
    for (let i = 0; i < boxes.count; i++) {
      const at = i * WORDS_OF_RECTANGLE;
      const { floats, integers } = boxes;
      const left = Math.max(-2, Math.floor(floats[at] * ratio + 0.5));
      const right = Math.min(canvas.width + 2, Math.max(Math.floor(floats[at + 1] * ratio + 0.5), left + 1));
      const top = Math.floor(floats[at + 2] * ratio + 0.5);
      const height = Math.floor((floats[at + 2] + floats[at + 3]) * ratio + 0.5) - top;
      const pattern = integers[at + 5];
      if (pattern === PATTERN_OPEN) {
        const fade = context.createLinearGradient(left, 0, right, 0);
        fade.addColorStop(0, this.cssOf(integers[at + 4]));
        fade.addColorStop(1, this.cssOf(mixedColour(integers[at + 4], paper, 0.75)));
        context.fillStyle = fade;
        last = -1;
      } else if (integers[at + 4] !== last) {
        last = integers[at + 4];
        context.fillStyle = this.cssOf(last);
      }
      context.fillRect(left, top, pattern < PATTERN_FLAT && right - left > 3 * ratio ? right - left - ratio : right - left, height);
      if (pattern === PATTERN_FOLD || pattern === PATTERN_GAP) {
        const stripe = this.stripe(pattern === PATTERN_FOLD, paper, ratio);
        if (stripe && right - left > 2) {
          context.fillStyle = stripe;
          context.fillRect(left, top, right - left, height);
          last = -1;
        }
      }
    }
  }
}
