// SPDX-License-Identifier: Apache-2.0
//
// Texts as people read them. Programs may call functions and files anything: whatever of a recording is
// shown goes through visibleText(), which makes visible what would hide, turn round or break a line.

const HIDDEN_CHARACTERS =
  // Control characters, soft hyphens, fillers, marks and overrides of direction, spaces without a width, line separators,
  // interlinear marks, tags, halves of characters; joiners and selectors that are no part of a picture.
  /[\u0000-\u001f\u007f-\u009f\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180e\u200b\u200c\u200e\u200f\u2028-\u202e\u2060-\u206f\u3164\ufeff\uffa0\ufff0-\ufffb\ud800-\udfff\u{e0000}-\u{e007f}]|(?<![\p{Extended_Pictographic}\ufe0f\u{1f3fb}-\u{1f3ff}])[\u200d\ufe00-\ufe0f]/gu;
const SHORT_ESCAPES = new Map([['\n', '\\n'], ['\r', '\\r'], ['\t', '\\t']]);

/** @param {string} hidden */
function escapeOf(hidden) {
  const short = SHORT_ESCAPES.get(hidden);
  if (short !== undefined) {
    return short;
  }
  let escaped = '';
  for (let at = 0; at < hidden.length; ++at) {
    escaped += '\\u' + hidden.charCodeAt(at).toString(16).padStart(4, '0');
  }
  return escaped;
}

/**
 * One line that shows every character of the text; beyond `most` characters the middle is left out.
 * @param {string} text
 * @param {number} [most]
 */
export function visibleText(text, most = 500) {
  if (text.length <= most) {
    return text.replace(HIDDEN_CHARACTERS, escapeOf);
  }
  const kept = Math.max(8, most);
  const head = text.slice(0, Math.ceil(kept * 2 / 3));
  const tail = text.slice(text.length - Math.floor(kept / 3));
  const left_out = text.length - head.length - tail.length;
  return head.replace(HIDDEN_CHARACTERS, escapeOf) + `… (${countText(left_out)} characters) …` +
    tail.replace(HIDDEN_CHARACTERS, escapeOf);
}

/** "1,234,567" @param {number} count */
export function countText(count) {
  const text = String(Math.round(Math.abs(count)));
  let grouped = text;
  if (text.length > 3 && !text.includes('e')) {
    grouped = text.replace(/\B(?=(\d{3})+$)/g, ',');
  }
  return count < 0 ? '-' + grouped : grouped;
}

const DURATION_UNITS = /** @type {const} */ ([[1e9, 's'], [1e6, 'ms'], [1e3, 'µs']]);

/** "12.34 ms": four digits. @param {number} ns */
export function durationText(ns) {
  const size_ns = Math.abs(ns);
  for (const [unit_ns, unit] of DURATION_UNITS) {
    // What would be rounded up to a thousand of the lesser unit is one of this.
    if (size_ns >= unit_ns * 0.99995) {
      const amount = ns / unit_ns;
      const whole_digits = Math.max(1, Math.floor(Math.log10(Math.abs(amount)) + 1e-5) + 1);
      return `${whole_digits > 4 ? countText(amount) : amount.toFixed(Math.max(0, 4 - whole_digits))} ${unit}`;
    }
  }
  return `${Number.isInteger(ns) ? ns : ns.toFixed(1)} ns`;
}

/** "1,234,567 ns" @param {number} ns */
export function exactDurationText(ns) {
  return `${countText(ns)} ns`;
}

/** A moment of the report, all its digits: "1.234 567 890 s". @param {number} ns */
export function momentText(ns) {
  const whole_ns = Math.round(Math.abs(ns));
  const seconds = Math.floor(whole_ns / 1e9);
  const rest = String(whole_ns - seconds * 1e9).padStart(9, '0');
  return `${ns < 0 ? '-' : ''}${countText(seconds)}.${rest.slice(0, 3)} ${rest.slice(3, 6)} ${rest.slice(6)} s`;
}

/** "12.3 %" of the whole; "" of nothing. @param {number} part @param {number} whole */
export function percentText(part, whole) {
  if (!(whole > 0)) {
    return '';
  }
  const percent = part / whole * 100;
  return percent > 0 && percent < 0.05 ? '< 0.1 %' : `${percent.toFixed(1)} %`;
}

/** "34.5 MB" @param {number} bytes */
export function bytesText(bytes) {
  if (bytes < 1000) {
    return `${Math.round(bytes)} B`;
  }
  const units = ['kB', 'MB', 'GB'];
  let amount = bytes / 1000;
  let unit = 0;
  while (amount >= 999.5 && unit < 2) {
    amount /= 1000;
    ++unit;
  }
  return `${amount < 10 ? amount.toFixed(1) : Math.round(amount)} ${units[unit]}`;
}

/** "1 call", "2,000 calls" @param {number} count @param {string} one @param {string} [many] */
export function countOf(count, one, many) {
  return `${countText(count)} ${count === 1 ? one : many ?? one + 's'}`;
}

/** The last part of a path. @param {string} path */
export function fileName(path) {
  return path.slice(path.lastIndexOf('/') + 1) || path;
}
