// SPDX-License-Identifier: Apache-2.0
//
// How long the calls of one function took: counts by duration, on a logarithmic scale.

/** @typedef {import('../data/source.js').Source} Source */
/** @typedef {{from_ns: number, to_ns: number, calls: number}} DurationBar */

const BINS_AN_OCTAVE = 8;
const BINS = 54 * BINS_AN_OCTAVE;
const ROWS_A_LOOK_AT_DURATIONS = 65536;

/** Bin 0: below 2 ns. @param {number} duration_ns */
export function durationBin(duration_ns) {
  return duration_ns < 1 ? 0 : Math.min(BINS - 1, Math.floor(Math.log2(duration_ns) * BINS_AN_OCTAVE + 1e-9));
}

/** The shortest duration of a bin. @param {number} bin */
export function binStart(bin) {
  return bin <= 0 ? 0 : 2 ** (bin / BINS_AN_OCTAVE);
}

export class CallDurations {
  constructor() {
    this.calls = 0;
    this.folds = 0;  // rows that hold more of them
    this.sum_ns = 0;
    this.shortest_ns = Infinity;
    this.longest_ns = 0;
    this.bins = new Float64Array(BINS);
  }

  /** Of its calls, how many took less. @param {number} duration_ns */
  callsBelow(duration_ns) {
    const end = durationBin(duration_ns);
    let calls = 0;
    for (let bin = 0; bin < end; ++bin) {
      calls += this.bins[bin];
    }
    return calls;
  }

  /** At most so many bars of equal width on the scale, from the shortest call to the longest. @param {number} most */
  bars(most) {
    /** @type {DurationBar[]} */
    const bars = [];
    if (this.calls === 0) {
      return bars;
    }
    const first = durationBin(this.shortest_ns);
    const last = durationBin(this.longest_ns);
    const step = Math.max(1, Math.ceil((last - first + 1) / most));
    for (let bin = first; bin <= last; bin += step) {
      let calls = 0;
      for (let each = bin; each < bin + step && each < BINS; ++each) {
        calls += this.bins[each];
      }
      bars.push({from_ns: binStart(bin), to_ns: binStart(bin + step), calls});
    }
    return bars;
  }
}

/**
 * Of all kept calls whose code is that. `fold_codes`: codes of folds that hold more of them, 1 each.
 * @param {Source} source
 * @param {number} code
 * @param {Uint8Array} fold_codes
 * @returns {Generator<number, CallDurations, void>}
 */
export function* durationsOfCalls(source, code, fold_codes) {
  const durations = new CallDurations();
  const threads = source.report.threads.length;
  for (let thread = 0; thread < threads; ++thread) {
    for (let depth = 0; depth < source.depthCount(thread); ++depth) {
      const column = source.column(thread, depth);
      for (let index = 0; column !== undefined && index < column.count; ++index) {
        if (index % ROWS_A_LOOK_AT_DURATIONS === ROWS_A_LOOK_AT_DURATIONS - 1) {
          yield thread / threads;
        }
        const of_row = column.code[index];
        if (of_row === code) {
          const duration_ns = column.end[index] - column.start[index];
          ++durations.calls;
          durations.sum_ns += duration_ns;
          ++durations.bins[durationBin(duration_ns)];
          durations.shortest_ns = Math.min(durations.shortest_ns, duration_ns);
          durations.longest_ns = Math.max(durations.longest_ns, duration_ns);
        } else if (fold_codes[of_row] === 1) {
          ++durations.folds;
        }
      }
    }
  }
  return durations;
}
