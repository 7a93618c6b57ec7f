// SPDX-License-Identifier: Apache-2.0
//
// What lies under a point of the timeline. No DOM.

import { firstStartingFrom, rowAt } from '../data/columns.js';
import { counterAt, firstInstant } from './overlay.js';
import { PROCESS_PX } from './layout.js';

/** @typedef {import('../data/source.js').Source} Source */
/** @typedef {import('../data/source.js').Call} Call */
/** @typedef {import('../data/source.js').Instant} Instant */
/** @typedef {import('../data/source.js').Counter} Counter */
/** @typedef {import('../data/report.js').Program} Program */
/** @typedef {import('./layout.js').Item} Item */
/** @typedef {import('./scale.js').Scale} Scale */
/** @typedef {import('./scene.js').Scene} Scene */

/**
 * @typedef {{item: Item, ns: number, call?: Call, program?: Program, loss?: import('../data/report.js').Loss, instant?: Instant,
 *     counter?: Counter, value?: number | null}} Hit
 */

/** How far beside it a call that is hardly to be seen is found. */
const NEAR_PX = 2;

/**
 * The call at a time, or the nearest to it of those too narrow to point at.
 * @param {Source} source @param {number} thread @param {number} depth @param {number} ns @param {number} ns_per_px
 * @returns {Call | undefined}
 */
export function callAt(source, thread, depth, ns, ns_per_px) {
  const column = source.column(thread, depth);
  if (!column) return undefined;
  let index = rowAt(column, ns);
  if (index < 0) {
    const after = firstStartingFrom(column, ns);
    const to_after_ns = after < column.count ? column.start[after] - ns : Infinity;
    const to_before_ns = after > 0 ? ns - column.end[after - 1] : Infinity;
    if (Math.min(to_after_ns, to_before_ns) > NEAR_PX * ns_per_px) return undefined;
    index = to_after_ns < to_before_ns ? after : after - 1;
  }
  return { thread, depth, index };
}

/**
 * @param {Scene} scene @param {Scale} scale @param {Instant[][]} instants @param {number} x_px
 * @param {number} y_px from the top of the whole timeline, not of the screen
 * @returns {Hit | undefined}
 */
export function hitAt(scene, scale, instants, x_px, y_px) {
  const { layout, source } = scene;
  const item = layout.items[layout.itemAt(y_px)];
  if (!item) return undefined;
  const ns = scale.ns(x_px);
  const inside_px = y_px - item.y_px;
  /** @type {Hit} */
  const hit = { item, ns };
  if (item.kind === 'counter') {
    const counter = scene.counters[item.thread]?.[item.counter];
    return counter ? { ...hit, counter, value: counterAt(counter, ns) } : hit;
  }
  if (item.kind === 'process' && inside_px < PROCESS_PX) {
    const near_ns = NEAR_PX * scale.ns_per_px;
    const over = (/** @type {{start_ns: number, end_ns: number}} */ one) => one.start_ns - near_ns <= ns && ns <= one.end_ns + near_ns;
    hit.program = source.report.processes[item.process].programs.filter(over).pop();
    hit.loss = source.report.losses.find((one) => one.process === item.process && over(one));
    return hit;
  }
  if (inside_px < item.calls_y_px) {
    const of_thread = instants[item.thread] || [];
    const near_ns = 5 * scale.ns_per_px;
    const found = of_thread.slice(firstInstant(of_thread, ns - near_ns), firstInstant(of_thread, ns + near_ns) + 1);
    hit.instant = found.filter((one) => Math.abs(one.ns - ns) <= near_ns).sort((a, b) => Math.abs(a.ns - ns) - Math.abs(b.ns - ns))[0];
    return hit;
  }
  const depth = Math.floor((inside_px - item.calls_y_px) / item.line_px);
  if (depth < item.lines) hit.call = callAt(source, item.thread, depth, ns, scale.ns_per_px);
  return hit;
}
