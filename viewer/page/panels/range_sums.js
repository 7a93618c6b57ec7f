// SPDX-License-Identifier: Apache-2.0
//
// What each function did in a range of time. Kept calls are exact: a call counts where it lies in the range at least in
// part, its time as far as it lies there; a generator that went on is no call. A fold says how often each of its functions was called, and how long they took
// together, not how long each; a fold that lies in the range in part counts with all its calls.
import { FLAG_RESUMED } from '../data/columns.js';
import { walkRows } from './rows.js';

/** @typedef {import('../data/source.js').Source} Source */
/** @typedef {{thread: number, depth: number, index: number, part: number, span_ns: number, caller: number}} FoldRef */

export class RangeSums {
  /** @param {number} functions */
  constructor(functions) {
    this.calls = new Float64Array(functions);  // kept and folded
    this.own_ns = new Float64Array(functions);
    this.total_ns = new Float64Array(functions);
    this.folded_calls = new Float64Array(functions);
    this.kept = 0;
    this.folded = 0;
    this.fold_busy_ns = 0;
    this.busy_ns = 0;  // of outermost rows
    /** @type {FoldRef[]} */
    this.folds = [];
  }
}

/**
 * The sums of the rows; of folds only where they are. Of a recursion the outermost call is the total.
 * @param {Source} source
 * @param {readonly number[]} threads
 * @param {number} from_ns
 * @param {number} to_ns
 * @returns {Generator<number, RangeSums, void>}
 */
export function* sumRange(source, threads, from_ns, to_ns) {
  const functions = source.report.functions.count;
  const sums = new RangeSums(functions);
  const active = new Uint32Array(functions);
  for (let done = 0; done < threads.length; ++done) {
    const thread = threads[done];
    const inner_ns = new Float64Array(source.depthCount(thread) + 1);  // of the rows in the open one of each depth
    const codes = new Uint32Array(inner_ns.length);
    const walk = walkRows(source, thread, from_ns, to_ns, {
      enter(code, depth, index, start_ns, end_ns) {
        inner_ns[depth + 1] = 0;
        codes[depth] = code;
        const column = source.column(thread, depth);
        if (code < functions) {
          ++active[code];
          if (column === undefined || (column.flags(index) & FLAG_RESUMED) === 0) {
            ++sums.calls[code];
            ++sums.kept;
          }
          return;
        }
        const whole_ns = column === undefined ? 0 : column.end[index] - column.start[index];
        const span_ns = end_ns - start_ns;
        const part = whole_ns > 0 ? span_ns / whole_ns : 1;
        sums.folds.push({thread, depth, index, part, span_ns, caller: depth > 0 ? codes[depth - 1] : -1});
      },
      leave(code, depth, duration_ns) {
        inner_ns[depth] += duration_ns;
        if (depth === 0) {
          sums.busy_ns += duration_ns;
        }
        if (code < functions) {
          sums.own_ns[code] += duration_ns - inner_ns[depth + 1];
          if (--active[code] === 0) {
            sums.total_ns[code] += duration_ns;
          }
        }
      },
    });
    for (const part of walk) {
      yield (done + part) / threads.length;
    }
    yield (done + 1) / threads.length;
  }
  return sums;
}

/**
 * Adds what a fold holds. The time between its calls is its caller's own.
 * @param {RangeSums} sums
 * @param {FoldRef} ref
 * @param {{calls: number, busy_ns: number, functions: [number, number][]}} fold
 */
export function addFold(sums, ref, fold) {
  for (const [called, calls] of fold.functions) {
    sums.calls[called] += calls;
    sums.folded_calls[called] += calls;
  }
  const busy_ns = fold.busy_ns * ref.part;
  sums.folded += fold.calls;
  sums.fold_busy_ns += busy_ns;
  if (ref.caller >= 0 && ref.caller < sums.own_ns.length) {
    sums.own_ns[ref.caller] += ref.span_ns - busy_ns;
  }
}
