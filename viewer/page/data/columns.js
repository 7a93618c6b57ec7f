// SPDX-License-Identifier: Apache-2.0
//
// The rows of one thread and depth: sorted arrays that are searched, never objects. No DOM.

/** @typedef {import('./call_block.js').CallBlock} CallBlock */
/** @typedef {import('./call_block.js').Piece} Piece */

const NO_FLOATS = new Float64Array(0);
const NO_CODES = new Uint32Array(0);

export const FLAG_RAISED = 1;
export const FLAG_OPEN = 2;
export const FLAG_RESUMED = 4;
export const FLAG_CUT = 8;

/** Rows in the order of time, none over another. The arrays have room for more: `count` of them are rows. */
export class Column {
  /** @param {number} [expected] how many rows there will be, if that is known */
  constructor(expected = 0) {
    this.expected = expected;
    /** @type {Float64Array} */
    this.start = NO_FLOATS;
    /** @type {Float64Array} */
    this.end = NO_FLOATS;
    /** @type {Uint32Array} */
    this.code = NO_CODES;
    this.count = 0;
    /** Some of them may not have simply returned. */
    this.has_odd = false;
    /** Which rows came with which block, for what is read of a block later. @type {{at: number, piece: Piece, block: CallBlock, fold_rows: Uint32Array | null}[]} */
    this.pieces = [];
    /** From which row on how many rows of the recording are not here. @type {{at: number, missing: number}[]} */
    this.holes = [];
  }

  /** @param {CallBlock} block @param {Piece} piece */
  append(block, piece) {
    const count = this.count + piece.rows;
    const start = block.start.subarray(piece.at, piece.at + piece.rows);
    const end = block.end.subarray(piece.at, piece.at + piece.rows);
    const code = block.code.subarray(piece.at, piece.at + piece.rows);
    if (!block.lent && this.count === 0 && (this.expected === 0 || piece.rows >= this.expected)) {
      // Most columns of a recording of many threads never have more.
      this.start = start;
      this.end = end;
      this.code = code;
    } else {
      if (count > this.start.length) this.grow(count <= this.expected ? this.expected : Math.ceil(count * 1.4));
      this.start.set(start, this.count);
      this.end.set(end, this.count);
      this.code.set(code, this.count);
    }
    this.has_odd ||= block.odd.length > 0;
    const missing = piece.first - this.count;
    const known = this.holes.length ? this.holes[this.holes.length - 1].missing : 0;
    if (missing !== known) this.holes.push({ at: this.count, missing });
    this.pieces.push({ at: this.count, piece, block, fold_rows: null });
    this.count = count;
  }

  /** @param {number} size */
  grow(size) {
    const start = new Float64Array(size);
    const end = new Float64Array(size);
    const code = new Uint32Array(size);
    start.set(this.start.subarray(0, this.count));
    end.set(this.end.subarray(0, this.count));
    code.set(this.code.subarray(0, this.count));
    this.start = start;
    this.end = end;
    this.code = code;
  }

  /** What the row did, beside to return. @param {number} index */
  flags(index) {
    const { at, piece, block } = this.pieceOf(index);
    const row = piece.at + index - at;
    const found = lowerBound(block.odd, block.odd.length, row);
    return block.odd[found] === row ? block.odd_flags[found] : 0;
  }

  /** What the row came with. @param {number} index */
  pieceOf(index) {
    let low = 0;
    let high = this.pieces.length;
    while (high - low > 1) {
      const middle = (low + high) >>> 1;
      if (this.pieces[middle].at <= index) low = middle;
      else high = middle;
    }
    return this.pieces[low];
  }

  /** Which row of the recording's column this is. @param {number} index */
  recordedIndex(index) {
    let missing = 0;
    for (const hole of this.holes) {
      if (hole.at > index) break;
      missing = hole.missing;
    }
    return index + missing;
  }

  /** The row that the recording has as number `recorded`, or -1. @param {number} recorded */
  indexOfRecorded(recorded) {
    for (let at = this.holes.length - 1; at >= -1; at--) {
      const index = recorded - (at < 0 ? 0 : this.holes[at].missing);
      const begin = at < 0 ? 0 : this.holes[at].at;
      const end = at + 1 < this.holes.length ? this.holes[at + 1].at : this.count;
      if (index >= begin && index < end) return index;
    }
    return -1;
  }
}

/**
 * The first index whose value is not below `value`.
 * @param {ArrayLike<number>} sorted @param {number} count @param {number} value @param {number} [from]
 */
export function lowerBound(sorted, count, value, from = 0) {
  let low = from;
  let high = count;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (sorted[middle] < value) low = middle + 1;
    else high = middle;
  }
  return low;
}

/**
 * The first index whose value is above `value`.
 * @param {ArrayLike<number>} sorted @param {number} count @param {number} value
 */
export function upperBound(sorted, count, value) {
  let low = 0;
  let high = count;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (sorted[middle] <= value) low = middle + 1;
    else high = middle;
  }
  return low;
}

/**
 * The first row that ends after a time; `column.count` if none does.
 * @param {Column} column @param {number} ns
 */
export function firstEndingAfter(column, ns) {
  return upperBound(column.end, column.count, ns);
}

/**
 * The first row that starts at a time or later.
 * @param {Column} column @param {number} ns
 */
export function firstStartingFrom(column, ns) {
  return lowerBound(column.start, column.count, ns);
}

/**
 * The row over a time, or -1. A row without duration is found at its start.
 * @param {Column} column @param {number} ns
 */
export function rowAt(column, ns) {
  const index = upperBound(column.start, column.count, ns) - 1;
  return index >= 0 && (column.end[index] > ns || column.start[index] === ns) ? index : -1;
}

/**
 * lowerBound over starts, fast where the answer is near `from`.
 * @param {Float64Array} start @param {number} count @param {number} value @param {number} from
 */
function gallop(start, count, value, from) {
  let step = 1;
  let low = from;
  while (low + step < count && start[low + step] < value) {
    low += step;
    step *= 2;
  }
  return lowerBound(start, Math.min(low + step, count), value, low + 1);
}

/**
 * What there is to draw between two times: runs of rows, each from runs[2n] up to, and not with, runs[2n + 1].
 * A run has one row, or those shorter than a pixel that begin in the same one: at most one run a pixel and
 * one for each longer row, whatever the number of rows. Pixels are counted from time 0, so that runs stay
 * the same when the picture moves.
 * @param {Column} column
 * @param {number} from_ns @param {number} to_ns @param {number} ns_per_px
 * @param {number[]} runs emptied and filled
 * @returns {number} of runs
 */
export function visibleRuns(column, from_ns, to_ns, ns_per_px, runs) {
  const { start, end, count } = column;
  let used = 0;
  let i = firstEndingAfter(column, from_ns);
  // Of rows without duration those at the edge end there, and are not after it.
  while (i > 0 && start[i - 1] >= from_ns) i--;
  while (i < count && start[i] < to_ns) {
    let next = i + 1;
    if (end[i] - start[i] < ns_per_px) {
      const pixel_end_ns = (Math.floor(start[i] / ns_per_px) + 1) * ns_per_px;
      next = gallop(start, count, pixel_end_ns, i);
      if (next > i + 1 && end[next - 1] - start[next - 1] >= ns_per_px) next--;
    }
    runs[used++] = i;
    runs[used++] = next;
    i = next;
  }
  runs.length = used;
  return used / 2;
}

/**
 * The longest row of a run, or of sixteen of them where there are more.
 * @param {Column} column @param {number} from @param {number} to
 */
export function longestOfRun(column, from, to) {
  const step = Math.max(1, (to - from) >> 4);
  let best = from;
  let best_ns = -1;
  for (let i = from; i < to; i += step) {
    const duration_ns = column.end[i] - column.start[i];
    if (duration_ns > best_ns) {
      best_ns = duration_ns;
      best = i;
    }
  }
  return best;
}

/**
 * A row of a run whose code stands out, or -1. Of very many rows only some thousands are looked at.
 * @param {Column} column @param {number} from @param {number} to @param {Uint8Array} stands_out by code
 */
export function outstandingOfRun(column, from, to, stands_out) {
  // Odd, so that rows which take turns are all met.
  const step = ((to - from) >> 12) | 1;
  for (let i = from; i < to; i += step) if (stands_out[column.code[i]]) return i;
  return -1;
}
