// SPDX-License-Identifier: Apache-2.0
//
// From times to pixels and back; where the ticks of an axis lie. No DOM.

/** @typedef {import('../state.js').View} View */

export class Scale {
  /** @param {View} view @param {number} width_px */
  constructor(view, width_px) {
    this.from_ns = view.from_ns;
    this.to_ns = view.to_ns;
    this.width_px = Math.max(1, width_px);
    this.ns_per_px = (view.to_ns - view.from_ns) / this.width_px;
  }

  /** @param {number} ns */
  px(ns) {
    return (ns - this.from_ns) / this.ns_per_px;
  }

  /** @param {number} px */
  ns(px) {
    return this.from_ns + px * this.ns_per_px;
  }
}

/** The least of 1, 2, 5, 10, 20, ... that is not below a value, at least 1. @param {number} least */
export function roundStep(least) {
  if (least <= 1) return 1;
  const power = 10 ** Math.floor(Math.log10(least) + 1e-9);
  for (const factor of [1, 2, 5]) if (factor * power >= least * (1 - 1e-9)) return factor * power;
  return 10 * power;
}

/**
 * Ticks at least `least_px` apart.
 * @param {Scale} scale @param {number} least_px
 */
export function ticksOf(scale, least_px) {
  const step_ns = roundStep(least_px * scale.ns_per_px);
  const ticks = [];
  for (let number = Math.ceil(scale.from_ns / step_ns); number * step_ns <= scale.to_ns; number++) ticks.push(number * step_ns);
  return { step_ns, ticks };
}
