// SPDX-License-Identifier: Apache-2.0
//
// The colour of each function: the same name at the same place has the same one in every recording. No DOM.

import { KIND_C, KIND_GAP } from '../data/report.js';

/** @typedef {import('../data/report.js').Report} Report */

/** @param {string} text FNV-1a */
export function hashText(text) {
  let hash = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193);
  hash ^= hash >>> 15;
  hash = Math.imul(hash, 0x2c1b3c6d);
  return (hash ^ (hash >>> 13)) >>> 0;
}

/** @param {number} linear 0 to 1 @returns {number} 0 to 255 */
function channel(linear) {
  const value = linear <= 0.0031308 ? 12.92 * linear : 1.055 * linear ** (1 / 2.4) - 0.055;
  return Math.round(255 * Math.min(1, Math.max(0, value)));
}

/**
 * OKLCH, where equal lightness looks equally light. As red | green << 8 | blue << 16 | 255 << 24.
 * @param {number} lightness @param {number} chroma @param {number} hue in degrees
 */
export function packedColour(lightness, chroma, hue) {
  const angle = (hue * Math.PI) / 180;
  const a = chroma * Math.cos(angle);
  const b = chroma * Math.sin(angle);
  const l = (lightness + 0.3963377774 * a + 0.2158037573 * b) ** 3;
  const m = (lightness - 0.1055613458 * a - 0.0638541728 * b) ** 3;
  const s = (lightness - 0.0894841775 * a - 1.291485548 * b) ** 3;
  const red = channel(4.0767416621 * l - 3.3077115913 * m + 0.2309699292 * s);
  const green = channel(-1.2684380046 * l + 2.6097574011 * m - 0.3413193965 * s);
  const blue = channel(-0.0041960863 * l - 0.7034186147 * m + 1.707614701 * s);
  return (red | (green << 8) | (blue << 16) | (255 << 24)) >>> 0;
}

/** A packed colour for CSS. @param {number} packed */
export function cssColour(packed) {
  return `rgb(${packed & 255} ${(packed >>> 8) & 255} ${(packed >>> 16) & 255} / ${(packed >>> 24) / 255})`;
}

/** @param {number} packed @param {number} other @param {number} share of the other */
export function mixedColour(packed, other, share) {
  let mixed = 0;
  for (let shift = 0; shift < 24; shift += 8) {
    const from = (packed >>> shift) & 255;
    mixed |= Math.round(from + (((other >>> shift) & 255) - from) * share) << shift;
  }
  return (mixed | (255 << 24)) >>> 0;
}

/** What a theme's colours are made of. */
export const THEMES = {
  light: { lightness: 0.82, chroma: 0.105, paper: 0xffffffff, c_chroma: 0.035, gap: 0xffb0a8a8 },
  dark: { lightness: 0.72, chroma: 0.115, paper: 0xff1c1815, c_chroma: 0.035, gap: 0xff6a6260 },
};

/** @typedef {'light' | 'dark'} Theme */

/** Colours by function: full ones, and pale ones for those that do not stand out. */
export class Palette {
  /** @param {Report} report @param {Theme} theme */
  constructor(report, theme) {
    const { functions } = report;
    const tone = THEMES[theme];
    this.functions = functions.count;
    this.full = new Uint32Array(functions.count);
    this.pale = new Uint32Array(functions.count);
    for (let i = 0; i < functions.count; i++) {
      const hash = hashText(`${report.path(i)}\n${functions.name[i]}`);
      const lightness = tone.lightness + (((hash >>> 16) & 15) - 8) * 0.006;
      this.full[i] = functions.kind[i] === KIND_GAP
        ? tone.gap
        : packedColour(lightness, functions.kind[i] === KIND_C ? tone.c_chroma : tone.chroma, (hash & 0xffff) * (360 / 65536));
      this.pale[i] = mixedColour(this.full[i], tone.paper, 0.8);
    }
    this.folds = Uint32Array.from(report.sets, (one) => mixedColour(this.full[one[0]] || tone.gap, tone.paper, 0.38));
    this.pale_folds = Uint32Array.from(this.folds, (one) => mixedColour(one, tone.paper, 0.75));
    this.sets = report.sets;
    /** @type {Set<number> | null} */
    this.highlighted = null;
    /** For each code whether it stands out, where anything does. @type {Uint8Array | null} */
    this.stands_out = null;
  }

  /** @param {Set<number> | null} highlighted */
  highlight(highlighted) {
    this.highlighted = highlighted;
    if (!highlighted) {
      this.stands_out = null;
      return;
    }
    this.stands_out = new Uint8Array(this.functions + this.sets.length);
    for (const one of highlighted) this.stands_out[one] = 1;
    for (let i = 0; i < this.sets.length; i++) {
      if (this.sets[i].some((one) => highlighted.has(one))) this.stands_out[this.functions + i] = 1;
    }
  }

  /** @param {number} code of a row @returns {number} packed */
  colour(code) {
    const pale = this.stands_out !== null && !this.stands_out[code];
    if (code < this.functions) return pale ? this.pale[code] : this.full[code];
    return (pale ? this.pale_folds : this.folds)[code - this.functions];
  }
}
