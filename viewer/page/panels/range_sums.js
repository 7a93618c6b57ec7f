// SPDX-License-Identifier: Apache-2.0
//
// What each function did in a range of time. Kept calls are exact: a call counts where it lies in the range at least in
// part, its time as far as it lies there; a generator that went on is no call. The time
// of a hole in the record is nobody's. A fold says how often each of its functions was called, and how long they took
// together, not how long each; a fold that lies in the range in part counts with all its calls.
import { lowerBound, upperBound } from '../data/columns.js';
import { KIND_GAP } from '../data/report.js';
import { FoldList } from './fold_list.js';
import { isCallOfItsOwn, walkRows } from './rows.js';

/** @typedef {import('../data/source.js').Source} Source */

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
    /** Those to be added by addFolds(). Their owner is the caller, -1: none. */
    this.folds = new FoldList();
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
  const {count: functions, kind} = source.report.functions;
  const sums = new RangeSums(functions);
  const active = new Uint32Array(functions);
  for (let done = 0; done < threads.length; ++done) {
    const thread = threads[done];
    const inner_ns = new Float64Array(source.depthCount(thread) + 1);  // of the rows in the open one of each depth
    const codes = new Uint32Array(inner_ns.length);
    const walk = walkRows(source, thread, from_ns, to_ns, {
      enter(code, depth, index, start_ns, end_ns, column) {
        inner_ns[depth + 1] = 0;
        codes[depth] = code;
        if (code >= functions) {
          sums.folds.add(thread, depth, index, depth > 0 ? codes[depth - 1] : -1, end_ns - start_ns, column.end[index] - column.start[index]);
          return;
        }
        if (kind[code] === KIND_GAP) {
          return;
        }
        ++active[code];
        if (isCallOfItsOwn(column, index)) {
          ++sums.calls[code];
          ++sums.kept;
        }
      },
      leave(code, depth, duration_ns) {
        inner_ns[depth] += duration_ns;
        if (depth === 0) {
          sums.busy_ns += duration_ns;
        }
        if (code < functions && kind[code] !== KIND_GAP) {
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
    yield* addSpans(source, thread, from_ns, to_ns, sums);
    yield (done + 1) / threads.length;
  }
  return sums;
}

/**
 * Spans of a thread that are no part of its stack: how many, and how long they took, which is nobody's own time.
 * @param {Source} source
 * @param {number} thread
 * @param {number} from_ns
 * @param {number} to_ns
 * @param {RangeSums} sums
 * @returns {Generator<number, void, void>}
 */
function* addSpans(source, thread, from_ns, to_ns, sums) {
  const track = source.report.spans_of.get(thread);
  for (let lane = 0; track !== undefined && lane < source.depthCount(track); ++lane) {
    const column = source.column(track, lane);
    if (column === undefined) {
      continue;
    }
    const end = lowerBound(column.start, column.count, to_ns);
    for (let index = upperBound(column.end, column.count, from_ns); index < end; ++index) {
      ++sums.calls[column.code[index]];
      sums.total_ns[column.code[index]] += Math.min(column.end[index], to_ns) - Math.max(column.start[index], from_ns);
      if (index % 65536 === 65535) {
        yield 0;
      }
    }
  }
}

/**
 * Adds what the folds hold. The time between a fold's calls is its caller's own. False if `signal` ended it.
 * @param {Source} source
 * @param {RangeSums} sums
 * @param {AbortSignal} signal
 */
export function addFolds(source, sums, signal) {
  return sums.folds.open(source, signal, (caller, part, span_ns, functions, table, at) => {
    const first = table.offsets[at];
    for (let each = 0; each < functions.length; ++each) {
      const calls = table.counts[first + each];
      sums.calls[functions[each]] += calls;
      sums.folded_calls[functions[each]] += calls;
    }
    const busy_ns = table.busy_ns[at] * part;
    sums.folded += table.calls[at];
    sums.fold_busy_ns += busy_ns;
    if (caller >= 0 && caller < sums.own_ns.length) {
      sums.own_ns[caller] += span_ns - busy_ns;
    }
  });
}
