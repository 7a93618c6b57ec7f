// SPDX-License-Identifier: Apache-2.0
//
// Finding functions and calls. What matches is a byte for each code of a row (a function, or the set of a fold), so that going
// through all rows of a report costs a look-up each.
import { lowerBound, upperBound } from '../data/columns.js';
import { KIND_SPAN } from '../data/report.js';

/** @typedef {import('../data/source.js').Source} Source */
/** @typedef {import('../data/report.js').Report} Report */
/** @typedef {{start_ns: number, thread: number, depth: number, index: number}} Stop */

const ROWS_A_LOOK = 65536;

/**
 * "text" is found anywhere, whatever its case; "/regex/" and "/regex/i" as JavaScript's. Empty: nothing.
 * @param {string} text
 * @returns {{test: (text: string) => boolean} | {error: string} | null}
 */
export function parseSearch(text) {
  if (text === '') {
    return null;
  }
  const expression = /^\/(.+)\/([imsu]*)$/.exec(text);
  if (expression !== null) {
    try {
      const regex = new RegExp(expression[1], expression[2]);
      return {test: (each) => regex.test(each)};
    } catch (error) {
      return {error: error instanceof Error ? error.message : String(error)};
    }
  }
  const wanted = text.toLowerCase();
  return {test: (each) => each.toLowerCase().includes(wanted)};
}

/**
 * A byte for each function: its name or place matches.
 * @param {Report} report
 * @param {(text: string) => boolean} test
 */
export function matchFunctions(report, test) {
  const match = new Uint8Array(report.functions.count);
  const {name, kind, calls} = report.functions;
  for (let each = 0; each < match.length; ++each) {
    // A span that only ever was part of a stack is a function there, and has no row here.
    const is_there = kind[each] !== KIND_SPAN || calls[each] > 0;
    match[each] = is_there && (test(name[each]) || test(report.fullPlace(each))) ? 1 : 0;
  }
  return match;
}

/**
 * A byte for each code: the function, or one of the fold's functions.
 * @param {Report} report
 * @param {Uint8Array} functions
 */
export function matchCodes(report, functions) {
  const match = new Uint8Array(functions.length + report.sets.length);
  match.set(functions);
  for (let set = 0; set < report.sets.length; ++set) {
    match[functions.length + set] = report.sets[set].some((each) => functions[each] === 1) ? 1 : 0;
  }
  return match;
}

/** In the order of time; of one moment the outermost first. @param {Stop} a @param {Stop} b */
export function compareStops(a, b) {
  return a.start_ns - b.start_ns || a.thread - b.thread || a.depth - b.depth || a.index - b.index;
}

/**
 * The first row after (or, backwards, the last before) a stop whose code matches. `wanted` can ask for more of it.
 * @param {Source} source
 * @param {readonly number[]} threads
 * @param {Uint8Array} codes
 * @param {Stop} from
 * @param {boolean} forward
 * @param {(column: import('../data/columns.js').Column, index: number) => boolean} [wanted]
 * @returns {Generator<number, Stop | null, void>}
 */
export function* findRow(source, threads, codes, from, forward, wanted) {
  /** @type {Stop | null} */
  let best = null;
  const step = forward ? 1 : -1;
  let looks = 0;
  for (const thread of threads) {
    const depths = source.depthCount(thread);
    for (let depth = 0; depth < depths; ++depth) {
      const column = source.column(thread, depth);
      if (column === undefined) {
        continue;
      }
      let index = forward ? lowerBound(column.start, column.count, from.start_ns)
                          : upperBound(column.start, column.count, from.start_ns) - 1;
      for (; index >= 0 && index < column.count; index += step) {
        if (++looks % ROWS_A_LOOK === 0) {
          yield 0;
        }
        const start_ns = column.start[index];
        if (best !== null && (forward ? start_ns > best.start_ns : start_ns < best.start_ns)) {
          break;
        }
        if (codes[column.code[index]] !== 1 || (wanted !== undefined && !wanted(column, index))) {
          continue;
        }
        const stop = {start_ns, thread, depth, index};
        if (compareStops(stop, from) * step <= 0) {
          continue;
        }
        if (best === null || compareStops(stop, best) * step < 0) {
          best = stop;
        }
        break;
      }
    }
  }
  return best;
}

/**
 * The longest (or shortest) row whose code is that.
 * @param {Source} source
 * @param {number} code
 * @param {boolean} longest
 * @returns {Generator<number, Stop | null, void>}
 */
export function* findExtreme(source, code, longest) {
  /** @type {Stop | null} */
  let best = null;
  let best_ns = longest ? -1 : Infinity;
  for (let thread = 0; thread < source.report.threads.length; ++thread) {
    for (let depth = 0; depth < source.depthCount(thread); ++depth) {
      const column = source.column(thread, depth);
      for (let index = 0; column !== undefined && index < column.count; ++index) {
        if (index % ROWS_A_LOOK === ROWS_A_LOOK - 1) {
          yield 0;
        }
        if (column.code[index] === code) {
          const duration_ns = column.end[index] - column.start[index];
          if (longest ? duration_ns > best_ns : duration_ns < best_ns) {
            best_ns = duration_ns;
            best = {start_ns: column.start[index], thread, depth, index};
          }
        }
      }
    }
  }
  return best;
}
