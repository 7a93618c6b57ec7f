// SPDX-License-Identifier: Apache-2.0
//
// Walks the rows of a part of the recording for whoever writes them down in another format: thread by thread, depth by depth, with what
// is known of them, then marks, programs and arrows. It gives way to the page now and then, and can be given up.
import { lowerBound, upperBound } from '../data/columns.js';
import { otherWorkFirst } from './slices.js';

/** @typedef {import('../data/source.js').Source} Source */
/** @typedef {import('../data/source.js').CallValues} CallValues */
/** @typedef {import('../data/source.js').FoldTable} FoldTable */
/** @typedef {import('../data/source.js').Instant} Instant */
/** @typedef {import('../data/report.js').Report} Report */
/** @typedef {import('../data/report.js').Program} Program */
/** @typedef {import('../data/report.js').Arrow} Arrow */
/** @typedef {import('../data/columns.js').Column} Column */
/** @typedef {{from_ns: number, to_ns: number, threads: readonly number[]}} TraceRange */

/** Readers have limits of depth: what is deeper goes to a line of its own, as in the program's own reports. */
export const MOST_TRACE_DEPTH = 512;

/** "f (/home/me/app.py:3)" @param {Report} report @param {number} called */
export function traceName(report, called) {
  const place = report.fullPlace(called);
  return place === '' ? report.functions.name[called] : `${report.functions.name[called]} (${place})`;
}

/** @param {Column} column @param {TraceRange} range */
export function rowsOf(column, range) {
  return {first: upperBound(column.end, column.count, range.from_ns), end: lowerBound(column.start, column.count, range.to_ns)};
}

/** What a deeper line is called. @param {number} depth */
export function deeperName(depth) {
  return ` (deeper than ${String(depth).padStart(5, '0')})`;
}

/** A format is a class of this, with what it does of each. @abstract */
export class TraceWalk {
  /** @param {Source} source @param {TraceRange} range */
  constructor(source, range) {
    this.source = source;
    this.report = source.report;
    this.range = range;
    this.rows = 0;
  }

  /** Before all else. */
  begin() {}

  /** The rows that follow are of this thread, from a depth on that is a multiple of MOST_TRACE_DEPTH; of spans, of this lane. @param {number} thread @param {number} depth */
  line(thread, depth) {
    void [thread, depth];
  }

  /** @param {Column} column @param {number} index @param {CallValues | undefined} values */
  call(column, index, values) {
    void [column, index, values];
  }

  /** Some folds of a column. @param {Column} column @param {readonly number[]} indexes @param {FoldTable} table */
  folds(column, indexes, table) {
    void [column, indexes, table];
  }

  /** @param {number} thread @param {Instant} instant */
  instant(thread, instant) {
    void [thread, instant];
  }

  /** @param {number} thread @param {string} name @param {number} ns @param {number | null} value */
  counter(thread, name, ns, value) {
    void [thread, name, ns, value];
  }

  /** One that was not traced. @param {number} process @param {Program} program */
  program(process, program) {
    void [process, program];
  }

  /** @param {Arrow} arrow @param {number} id */
  arrow(arrow, id) {
    void [arrow, id];
  }

  /** Behind all else. */
  end() {}

  /**
   * All of it. False if `signal` ended it.
   * @param {AbortSignal} signal
   * @param {(part: number) => void} progress
   */
  async write(signal, progress) {
    const threads = this.report.withSpans(this.range.threads);
    let until_ms = performance.now() + 10;
    this.begin();
    for (let done = 0; done < threads.length; ++done) {
      const thread = threads[done];
      const values = await this.valuesOf(thread);
      const depths = this.source.depthCount(thread);
      for (let depth = 0; depth < depths; ++depth) {
        if (depth % MOST_TRACE_DEPTH === 0 || this.report.isOfSpans(thread)) this.line(thread, depth);
        const column = this.source.column(thread, depth);
        if (column === undefined) continue;
        /** @type {number[]} */
        const folds = [];
        for (const part of this.column(column, values[depth], folds)) {
          if (folds.length > 0) this.folds(column, folds, await this.source.folds(thread, depth, Uint32Array.from(folds)));
          folds.length = 0;
          if (performance.now() >= until_ms) {
            progress((done + (depth + part) / depths) / threads.length);
            await otherWorkFirst();
            until_ms = performance.now() + 10;
          }
          if (signal.aborted) return false;
        }
      }
      await this.marks(thread);
    }
    this.tree();
    this.end();
    return true;
  }

  /** What is known of the calls of a thread, by depth and row. @param {number} thread */
  async valuesOf(thread) {
    /** @type {Map<number, CallValues>[]} */
    const depths = [];
    for (const block of this.source.valueBlocks(thread)) {
      for (const values of await this.source.valuesOfBlock(block)) (depths[values.depth] ??= new Map()).set(values.index, values);
    }
    return depths;
  }

  /**
   * Folds are left for who asks for the next part.
   * @param {Column} column @param {Map<number, CallValues> | undefined} values @param {number[]} folds
   * @returns {Generator<number, void, void>}
   */
  *column(column, values, folds) {
    const functions = this.report.functions.count;
    const {first, end} = rowsOf(column, this.range);
    for (let index = first; index < end; ++index) {
      ++this.rows;
      if (column.code[index] >= functions) folds.push(index);
      else this.call(column, index, values?.get(index));
      if (index % 1024 === 1023) yield (index - first) / (end - first);
    }
    yield 1;
  }

  /** @param {number} thread */
  async marks(thread) {
    if (!this.source.threadsWithMarks().includes(thread)) return;
    const {from_ns, to_ns} = this.range;
    const {instants, counters} = await this.source.marks(thread);
    for (const instant of instants) if (instant.ns >= from_ns && instant.ns <= to_ns) this.instant(thread, instant);
    for (const {name, ns, value} of counters) {
      ns.forEach((each, at) => {
        if (each >= from_ns && each <= to_ns) this.counter(thread, name, each, value[at]);
      });
    }
  }

  /** Programs that were not traced, and what started what. */
  tree() {
    const {from_ns, to_ns} = this.range;
    const inside = (/** @type {number} */ ns) => ns >= from_ns && ns <= to_ns;
    this.report.processes.forEach(({programs}, process) => {
      for (const program of programs) if (!program.traced && program.end_ns > from_ns && program.start_ns < to_ns) this.program(process, program);
    });
    this.report.arrows.forEach((arrow, id) => {
      if (inside(arrow.ns) && inside(arrow.to_ns)) this.arrow(arrow, id);
    });
  }
}
