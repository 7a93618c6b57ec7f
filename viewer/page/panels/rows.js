// SPDX-License-Identifier: Apache-2.0
//
// The rows of a thread as the tree that they are: a row lies in the row of one depth less that contains it.

import { Column, FLAG_RESUMED, lowerBound, upperBound } from '../data/columns.js';

/** @typedef {import('../data/source.js').Source} Source */
/** @typedef {{thread: number, depth: number, index: number}} RowRef */

/**
 * What walkRows() calls. Times are clipped to the range walked.
 * @typedef {object} RowVisitor
 * @property {(code: number, depth: number, index: number, start_ns: number, end_ns: number, column: Column) => void} enter
 * @property {(code: number, depth: number, duration_ns: number) => void} leave
 */

const ROWS_A_STEP = 8192;

/**
 * Visits the rows of a thread that lie in a range, each before those in it. Yields how far it is.
 * @param {Source} source
 * @param {number} thread
 * @param {number} from_ns
 * @param {number} to_ns
 * @param {RowVisitor} visitor
 * @returns {Generator<number, void, void>}
 */
export function* walkRows(source, thread, from_ns, to_ns, visitor) {
  const depths = source.depthCount(thread);
  /** @type {Column[]} */
  const columns = [];
  const next = new Uint32Array(depths + 1);
  const no_rows = new Column();
  let rows = 0;
  for (let depth = 0; depth < depths; ++depth) {
    const column = source.column(thread, depth) ?? no_rows;
    columns.push(column);
    next[depth] = upperBound(column.end, column.count, from_ns);
    rows += lowerBound(column.start, column.count, to_ns) - next[depth];
  }
  columns.push(no_rows);
  const open_code = new Uint32Array(depths);
  const open_start_ns = new Float64Array(depths);  // as they are, not clipped
  const open_end_ns = new Float64Array(depths);
  let depth = 0;
  let done = 0;
  for (;;) {
    const column = columns[depth];
    let index = next[depth];
    let inside = false;
    if (depth === 0) {
      inside = index < column.count && column.start[index] < to_ns;
    } else {
      // What lies in no row (its own was lost) is nobody's.
      while (index < column.count && column.start[index] < open_start_ns[depth - 1]) {
        ++index;
      }
      next[depth] = index;
      inside = index < column.count && column.end[index] <= open_end_ns[depth - 1] && column.start[index] < to_ns;
    }
    if (inside) {
      const start_ns = column.start[index];
      const end_ns = column.end[index];
      const code = column.code[index];
      ++next[depth];
      open_code[depth] = code;
      open_start_ns[depth] = start_ns;
      open_end_ns[depth] = end_ns;
      visitor.enter(code, depth, index, start_ns < from_ns ? from_ns : start_ns, end_ns > to_ns ? to_ns : end_ns, column);
      ++depth;
      if (++done % ROWS_A_STEP === 0) {
        yield done / rows;
      }
    } else if (depth > 0) {
      --depth;
      const start_ns = open_start_ns[depth];
      const end_ns = open_end_ns[depth];
      visitor.leave(open_code[depth], depth, (end_ns > to_ns ? to_ns : end_ns) - (start_ns < from_ns ? from_ns : start_ns));
    } else {
      return;
    }
  }
}

/**
 * The row of that depth that contains both moments.
 * @param {Source} source
 * @param {number} thread
 * @param {number} depth
 * @param {number} start_ns
 * @param {number} end_ns
 * @returns {RowRef | null}
 */
export function rowAround(source, thread, depth, start_ns, end_ns) {
  const column = depth < 0 || source.report.isOfSpans(thread) ? undefined : source.column(thread, depth);
  if (column === undefined) {
    return null;
  }
  const last = upperBound(column.start, column.count, start_ns) - 1;
  // Of rows without a length that lie at one moment the first that reaches far enough is as good as any.
  for (let index = last; index >= 0 && index > last - 3; --index) {
    if (column.end[index] >= end_ns) {
      return {thread, depth, index};
    }
  }
  return null;
}

/**
 * The rows directly in a row: indexes from `first` up to `end` of the next depth.
 * @param {Source} source
 * @param {RowRef} row
 */
export function rowsWithin(source, row) {
  const inner = source.column(row.thread, row.depth + 1);
  const outer = source.column(row.thread, row.depth);
  if (inner === undefined || outer === undefined || source.report.isOfSpans(row.thread)) {
    return {first: 0, end: 0};
  }
  const first = lowerBound(inner.start, inner.count, outer.start[row.index]);
  const end = upperBound(inner.end, inner.count, outer.end[row.index]);
  return {first, end: Math.max(first, end)};
}

/** Whether a row is a call, and not a generator that went on. @param {Column} column @param {number} index */
export function isCallOfItsOwn(column, index) {
  return !column.has_odd || (column.flags(index) & FLAG_RESUMED) === 0;
}

/** All threads of a source, without tracks of spans. @param {Source} source */
export function stackThreads(source) {
  return allThreads(source).filter((thread) => !source.report.isOfSpans(thread));
}

/** All threads of a source, and tracks of spans. @param {Source} source */
export function allThreads(source) {
  return source.report.threads.map((_, thread) => thread);
}
