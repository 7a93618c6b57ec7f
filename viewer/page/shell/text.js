// SPDX-License-Identifier: Apache-2.0
//
// Text for people: names may hold anything, numbers want units. No DOM.

import { countText, visibleText } from '../text.js';

const LONGEST_NAME = 300;

/** The text with what cannot be seen as visible escapes: \u202e. @param {string} text */
export function visible(text) {
  return visibleText(text, Infinity);
}

/** The same, cut where it is longer than anybody reads. @param {string} text @param {number} [longest] */
export function visibleShort(text, longest = LONGEST_NAME) {
  return text.length <= longest ? visible(text) : `${visible(text.slice(0, longest))}…`;
}

/** @param {number} count 12,345 */
export function formatCount(count) {
  return countText(count);
}

const UNITS = [
  { from_ns: 60e9, ns: 60e9, name: 'min' },
  { from_ns: 1e9, ns: 1e9, name: 's' },
  { from_ns: 1e6, ns: 1e6, name: 'ms' },
  { from_ns: 1e3, ns: 1e3, name: 'µs' },
];

/** A duration with its unit, to four digits. @param {number} ns */
export function formatNs(ns) {
  // What four digits round up to a unit is one: 1 ms, not 1000 µs.
  const size_ns = Number(Math.abs(ns).toPrecision(4));
  for (const unit of UNITS) {
    if (size_ns < unit.from_ns) continue;
    const value = ns / unit.ns;
    const digits = Math.max(0, 3 - Math.floor(Math.log10(Math.abs(value))));
    // 2 ms, but 2.01 ms: zeros at the end say nothing.
    return `${Number(value.toFixed(Math.min(3, digits)))} ${unit.name}`;
  }
  return `${Math.round(ns)} ns`;
}

/**
 * A point in time to a step: as many digits as tell it from the next one.
 * @param {number} ns @param {number} step_ns
 */
export function formatTime(ns, step_ns) {
  const size_ns = Math.abs(ns);
  if (size_ns < 0.5) return '0';
  const unit = UNITS.find((one) => one.name !== 'min' && (size_ns >= one.from_ns || one.ns === 1e3));
  if (!unit || (size_ns < 1e3 && step_ns < 1e3)) return `${Math.round(ns)} ns`;
  const digits = Math.max(0, Math.ceil(-Math.log10(step_ns / unit.ns) - 1e-9));
  return `${(ns / unit.ns).toFixed(Math.min(digits, 9))} ${unit.name}`;
}

/** @param {number} bytes */
export function formatBytes(bytes) {
  if (bytes < 1000) return `${bytes} B`;
  if (bytes < 1e6) return `${(bytes / 1e3).toFixed(1)} kB`;
  return bytes < 1e9 ? `${(bytes / 1e6).toFixed(1)} MB` : `${(bytes / 1e9).toFixed(2)} GB`;
}

/** @param {number} count @param {string} one @param {string} [many] "1 call", "2 calls" */
export function counted(count, one, many = `${one}s`) {
  return `${formatCount(count)} ${count === 1 ? one : many}`;
}
