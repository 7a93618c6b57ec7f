// SPDX-License-Identifier: Apache-2.0
//
// Call blocks (docs/PAGE_FORMAT.md), from bytes to columns. No DOM: it runs in workers and in tests.

const MOST_ROWS = 1 << 20;
const WIDE = 0xffff;
const HUGE = 0xffffffff;
const NO_INTEGERS = new Uint32Array(0);
const NO_BYTES = new Uint8Array(0);
/** Rows of small blocks share arrays of this size: buffers are what a browser's memory is slow with. */
const SHARED_ROWS = 1 << 14;
/** Of a row as columns have it: start, end, code. */
const ROW_BYTES = 20;

/**
 * What a block may refer to.
 * @typedef {{functions: number, threads: number, setSizes: Uint32Array}} Limits
 *
 * The rows of one depth in a block.
 * @typedef {{depth: number, first: number, rows: number, at: number, folds_before: number}} Piece
 *
 * The arrays hold the rows of all pieces, one piece after another from `at` on. fold_offsets[n] is where
 * in `folds` the n-th fold of the block lies. `odd`: in order, which rows did not simply return. `lent`: the buffer of these arrays, if no other block has rows in it;
 * who has copied them gives it back for the next block, and nobody else keeps them.
 * @typedef {{thread: number, pieces: Piece[], start: Float64Array, end: Float64Array, code: Uint32Array,
 *     odd: Uint32Array, odd_flags: Uint8Array, folds: Uint8Array, fold_offsets: Uint32Array, lent: ArrayBuffer | null}} CallBlock
 */

/** Reads numbers one after another; what lies beyond the end is a damaged block. */
export class ByteReader {
  /** @param {Uint8Array} bytes @param {number} [at] */
  constructor(bytes, at = 0) {
    this.bytes = bytes;
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.at = at;
  }

  u32() {
    this.at += 4;
    return this.view.getUint32(this.at - 4, true);
  }

  f64() {
    this.at += 8;
    return this.view.getFloat64(this.at - 8, true);
  }

  u8() {
    if (this.at >= this.bytes.length) throw new RangeError('a block ends too early');
    return this.bytes[this.at++];
  }

  /** @param {number} size */
  take(size) {
    if (size > this.bytes.length - this.at) throw new RangeError('a block ends too early');
    this.at += size;
    return this.bytes.subarray(this.at - size, this.at);
  }

  /** Seven bits a byte, the lowest first; exact up to 2^53. */
  varint() {
    let value = 0;
    for (let scale = 1; ; scale *= 128) {
      const byte = this.u8();
      value += (byte & 127) * scale;
      if (byte < 128) return value;
      if (scale > 2 ** 56) throw new RangeError('a number in a block has no end');
    }
  }
}

/**
 * @param {ByteReader} from
 * @param {number} count
 * @param {number} rows
 */
function readPieces(from, count, rows) {
  /** @type {Piece[]} */
  const pieces = [];
  let at = 0;
  for (let i = 0; i < count; i++) {
    const depth = from.u32();
    const piece_rows = from.u32();
    const first = from.u32();
    pieces.push({ depth, first, rows: piece_rows, at, folds_before: 0 });
    at += piece_rows;
  }
  if (at !== rows) throw new RangeError('the columns of a block are not its rows');
  return pieces;
}

/** The numbers that a plane of 16 bits had no room for, in their order. @param {ByteReader} from */
function readLongNumbers(from) {
  const wide = from.u32();
  const huge = from.u32();
  const low = from.take(wide);
  const middle = from.take(wide);
  const high = from.take(wide);
  const top = from.take(wide);
  if (huge > wide) throw new RangeError('more huge numbers than wide ones');
  const numbers = new Float64Array(wide);
  let left = huge;
  for (let i = 0; i < wide; i++) {
    numbers[i] = (low[i] | (middle[i] << 8) | (high[i] << 16) | (top[i] << 24)) >>> 0;
    if (numbers[i] !== HUGE) continue;
    if (left-- === 0) throw new RangeError('a block lacks a huge number');
    numbers[i] = from.f64();
    if (!(numbers[i] >= 0)) throw new RangeError('a block has a number that cannot be');
  }
  if (left !== 0) throw new RangeError('huge numbers that nothing refers to');
  return numbers;
}

/**
 * @param {ByteReader} from
 * @param {number} rows
 */
function readOddRows(from, rows) {
  const count = from.u32();
  if (count > rows) throw new RangeError('more odd rows than rows');
  if (count === 0) return { odd: NO_INTEGERS, odd_flags: NO_BYTES };
  const odd = new Uint32Array(count);
  const odd_flags = new Uint8Array(count);
  let row = 0;
  for (let i = 0; i < count; i++) {
    row += from.varint();
    if (row >= rows) throw new RangeError('an odd row lies beyond its block');
    odd[i] = row;
    odd_flags[i] = from.u8();
  }
  return { odd, odd_flags };
}

/**
 * Where each fold lies, and that each is whole.
 * @param {Piece[]} pieces
 * @param {Uint32Array} code
 * @param {Uint8Array} folds
 * @param {Limits} limits
 */
function foldOffsets(pieces, code, folds, limits) {
  const { functions, setSizes } = limits;
  let count = 0;
  for (let i = 0; i < code.length; i++) count += code[i] < functions ? 0 : 1;
  if (count === 0) return NO_INTEGERS;
  const offsets = new Uint32Array(count);
  let fold = 0;
  let at = 0;
  for (const piece of pieces) {
    piece.folds_before = fold;
    for (let i = piece.at; i < piece.at + piece.rows; i++) {
      if (code[i] < functions) continue;
      const set = code[i] - functions;
      if (set >= setSizes.length) throw new RangeError('a row has a function that is not there');
      offsets[fold++] = at;
      let left = 3 + setSizes[set];
      while (left > 0) {
        if (at >= folds.length) throw new RangeError('a fold ends too early');
        // The last byte of a number is below 128. As a sum: which one is the last is nothing that a processor could guess.
        left -= 1 - (folds[at++] >> 7);
      }
    }
  }
  return offsets;
}

/**
 * The blocks of one element, one after another. Throws a RangeError on anything that no writer writes.
 * @param {Uint8Array} bytes
 * @param {Limits} limits
 * @param {ArrayBuffer[]} [free] buffers that were lent and given back
 * @returns {CallBlock[]}
 */
export function readCallBlocks(bytes, limits, free = []) {
  const from = new ByteReader(bytes);
  const blocks = [];
  const room = new RowRoom(free);
  do blocks.push(readCallBlock(from, limits, room));
  while (from.at < bytes.length);
  return blocks;
}

/** @param {ArrayBuffer} buffer @param {number} size rows that it has room for @param {number} from @param {number} rows */
function rowsIn(buffer, size, from, rows) {
  return { start: new Float64Array(buffer, from * 8, rows), end: new Float64Array(buffer, (size + from) * 8, rows),
    code: new Uint32Array(buffer, size * 16 + from * 4, rows) };
}

/** Arrays for the rows of one block after another. */
class RowRoom {
  /** @param {ArrayBuffer[]} free taken from: memory that has been used is several times as fast as new one */
  constructor(free) {
    this.free = free;
    this.shared = new ArrayBuffer(0);
    this.used = SHARED_ROWS;
  }

  /** @param {number} rows */
  take(rows) {
    // Many rows are alone, so that nothing of their buffer is left over.
    if (rows > SHARED_ROWS / 2) {
      let lent = this.free.pop();
      if (!lent || lent.byteLength < rows * ROW_BYTES) lent = new ArrayBuffer(rows * ROW_BYTES);
      return { ...rowsIn(lent, rows, 0, rows), lent };
    }
    if (rows > SHARED_ROWS - this.used) {
      this.shared = new ArrayBuffer(SHARED_ROWS * ROW_BYTES);
      this.used = 0;
    }
    this.used += rows;
    return { ...rowsIn(this.shared, SHARED_ROWS, this.used - rows, rows), lent: null };
  }
}

/**
 * @param {ByteReader} from
 * @param {Limits} limits
 * @param {RowRoom} room
 * @returns {CallBlock}
 */
function readCallBlock(from, limits, room) {
  const thread = from.u32();
  const columns = from.u32();
  const rows = from.u32();
  const flags = from.u32();
  const base_ns = from.f64();
  if (thread >= limits.threads) throw new RangeError('a block has a thread that is not there');
  if (rows > MOST_ROWS || columns > rows) throw new RangeError('a block has too many rows');
  const pieces = readPieces(from, columns, rows);
  const gap_low = from.take(rows);
  const gap_high = from.take(rows);
  const duration_low = from.take(rows);
  const duration_high = from.take(rows);
  const code_low = from.take(rows);
  const code_middle = from.take(rows);
  const code_high = flags & 1 ? from.take(rows) : null;
  const long = readLongNumbers(from);

  const { start, end, code, lent } = room.take(rows);
  // Gaps of all rows come first among the long numbers, durations behind them.
  let next_gap = 0;
  let next_duration = 0;
  for (let i = 0; i < rows; i++) if ((gap_low[i] & gap_high[i]) === 0xff) next_duration++;
  for (const piece of pieces) {
    let at_ns = base_ns;
    for (let i = piece.at; i < piece.at + piece.rows; i++) {
      const gap = gap_low[i] | (gap_high[i] << 8);
      at_ns += gap === WIDE ? long[next_gap++] : gap;
      start[i] = at_ns;
      const duration = duration_low[i] | (duration_high[i] << 8);
      at_ns += duration === WIDE ? long[next_duration++] : duration;
      end[i] = at_ns;
      code[i] = code_low[i] | (code_middle[i] << 8);
    }
    // A long number that is not there is none at all, and so is all behind it.
    if (!(at_ns >= base_ns && at_ns < 2 ** 53)) throw new RangeError('a block has times that cannot be');
  }
  if (code_high) for (let i = 0; i < rows; i++) code[i] |= code_high[i] << 16;
  const { odd, odd_flags } = readOddRows(from, rows);
  const fold_bytes = from.u32();
  const folds = fold_bytes ? from.take(fold_bytes).slice() : NO_BYTES;
  return { thread, pieces, start, end, code, odd, odd_flags, folds, fold_offsets: foldOffsets(pieces, code, folds, limits), lent };
}
