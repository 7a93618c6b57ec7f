// SPDX-License-Identifier: Apache-2.0
//
// The axis above the tracks: times since the report's start. Zoomed in far, times from the one at its left edge.

import { formatNs, formatTime } from '../shell/text.js';
import { ticksOf } from './scale.js';

/** @typedef {import('./scale.js').Scale} Scale */
/** @typedef {import('./overlay.js').Inks} Inks */

const TICK_PX = 100;
const AXIS_PX = 24;

/**
 * What stands at each tick: whole times, or, where they would not differ in what there is room for, times from the first.
 * @param {Scale} scale @returns {{at_ns: number, text: string}[]}
 */
export function axisTexts(scale) {
  const { step_ns, ticks } = ticksOf(scale, TICK_PX);
  const from_anchor = ticks.length > 1 && Math.abs(ticks[0]) > step_ns * 2000;
  return ticks.map((at_ns, i) => {
    if (!from_anchor) return { at_ns, text: formatTime(at_ns, step_ns) };
    return { at_ns, text: i === 0 ? formatTime(at_ns, step_ns) : `+${formatTime(at_ns - ticks[0], step_ns)}` };
  });
}

/**
 * @param {CanvasRenderingContext2D} context @param {Scale} scale @param {number} ratio @param {Inks} inks
 * @param {{from_ns: number, to_ns: number} | null} range
 */
export function drawAxis(context, scale, ratio, inks, range) {
  context.setTransform(ratio, 0, 0, ratio, 0, 0);
  context.clearRect(0, 0, scale.width_px, AXIS_PX);
  context.font = '11px system-ui, -apple-system, "Segoe UI", Roboto, sans-serif';
  context.textBaseline = 'middle';
  context.textAlign = 'left';
  let behind_px = -Infinity;
  for (const { at_ns, text } of axisTexts(scale)) {
    const x_px = Math.round(scale.px(at_ns));
    context.fillStyle = inks.faint;
    context.fillRect(x_px, AXIS_PX - 7, 1, 7);
    if (x_px + 4 < behind_px) continue;
    context.fillStyle = inks.text;
    context.fillText(text, x_px + 4, AXIS_PX / 2);
    behind_px = x_px + 12 + context.measureText(text).width;
  }
  if (!range) return;
  const from_px = scale.px(range.from_ns);
  const to_px = scale.px(range.to_ns);
  context.fillStyle = inks.shade;
  context.fillRect(from_px, 0, to_px - from_px, AXIS_PX);
  context.fillStyle = inks.accent;
  context.fillRect(from_px, 0, 1, AXIS_PX);
  context.fillRect(to_px, 0, 1, AXIS_PX);
  const text = formatNs(range.to_ns - range.from_ns);
  const width = context.measureText(text).width;
  if (to_px - from_px < width + 12) return;
  const middle_px = (Math.max(0, from_px) + Math.min(scale.width_px, to_px)) / 2;
  context.fillStyle = inks.paper;
  context.fillRect(middle_px - width / 2 - 5, 2, width + 10, AXIS_PX - 4);
  context.fillStyle = inks.accent;
  context.textAlign = 'center';
  context.fillText(text, middle_px, AXIS_PX / 2);
}
