// SPDX-License-Identifier: Apache-2.0
//
// Rows as Chrome's trace events in the layout of VizTracer's JSON, for Perfetto and for scripts. A fold is an event of the category
// "folded", with the counts of its calls in args. Made in pieces: the text of twenty million rows is larger than a string can be.
import { FLAG_OPEN, lowerBound, upperBound } from '../data/columns.js';
import { otherWorkFirst } from './slices.js';

/** @typedef {import('../data/source.js').Source} Source */
/** @typedef {import('../data/report.js').Report} Report */
/** @typedef {import('../data/columns.js').Column} Column */
/** @typedef {{from_ns: number, to_ns: number, threads: readonly number[]}} TraceRange */

// Readers have limits of depth: what is deeper goes to a row of its own, as in the program's own .json.
const MOST_TRACE_DEPTH = 512;
const FIRST_MADE_UP_TID = 0x50000000;
const PIECE_LETTERS = 1 << 18;
const FIXED_LETTERS = 62;  // of an event, beside its numbers and its name
const SAMPLED_ROWS = 4000;

/** Microseconds with three digits behind the point, as VizTracer's. @param {number} ns */
export function microseconds(ns) {
  const whole = Math.floor(ns / 1000);
  return `${whole}.${String(Math.round(ns - whole * 1000)).padStart(3, '0')}`;
}

/** "f (/home/me/app.py:3)" @param {Report} report @param {number} called */
export function traceName(report, called) {
  const place = report.fullPlace(called);
  return place === '' ? report.functions.name[called] : `${report.functions.name[called]} (${place})`;
}

/** @param {Column} column @param {TraceRange} range */
function rowsOf(column, range) {
  return {first: upperBound(column.end, column.count, range.from_ns), end: lowerBound(column.start, column.count, range.to_ns)};
}

/**
 * How many events and bytes it will be, about: of a sample of rows, without their values.
 * @param {Source} source
 * @param {TraceRange} range
 */
export function estimateTrace(source, range) {
  const {report} = source;
  let rows = 0;
  let sampled = 0;
  let letters = 0;
  /** @type {number[]} */
  const names = [];
  for (const thread of range.threads) {
    for (let depth = 0; depth < source.depthCount(thread); ++depth) {
      const column = source.column(thread, depth);
      if (column === undefined) {
        continue;
      }
      const {first, end} = rowsOf(column, range);
      const count = Math.max(0, end - first);
      rows += count;
      const step = Math.max(1, Math.floor(count * range.threads.length / SAMPLED_ROWS));
      for (let index = first; index < end; index += step) {
        const code = column.code[index];
        const functions = report.functionsOf(code);
        letters += FIXED_LETTERS + microseconds(column.start[index]).length + microseconds(column.end[index] - column.start[index]).length;
        for (const called of functions) {
          letters += (names[called] ??= traceName(report, called).length) + (report.isFold(code) ? 10 : 0);
        }
        ++sampled;
      }
    }
  }
  return {events: rows, bytes: Math.round(1000 + (sampled > 0 ? rows * letters / sampled : 0))};
}

export class TraceWriter {
  /**
   * @param {Source} source
   * @param {TraceRange} range
   * @param {(text: string) => void} take a piece of the file
   */
  constructor(source, range, take) {
    this.source = source;
    this.report = source.report;
    this.range = range;
    this.take = take;
    this.text = '';
    this.first = true;
    this.rows = 0;
    /** Names as JSON, by function. @type {string[]} */
    this.names = [];
    this.made_up = FIRST_MADE_UP_TID;
    /** Rows that wait for writeFolds(). @type {number[]} */
    this.folds = [];
  }

  /** @param {string} event */
  add(event) {
    this.text += this.first ? event : `,\n${event}`;
    this.first = false;
    if (this.text.length > PIECE_LETTERS) {
      this.flush();
    }
  }

  flush() {
    this.take(this.text);
    this.text = '';
  }

  /**
   * All of it. False if `signal` ended it.
   * @param {AbortSignal} signal
   * @param {(part: number) => void} progress
   */
  async write(signal, progress) {
    const {threads} = this.range;
    let until_ms = performance.now() + 10;
    this.text = '{"traceEvents":[\n';
    this.writeNames();
    for (let done = 0; done < threads.length; ++done) {
      const thread = threads[done];
      const values = await this.valuesOf(thread);
      const depths = this.source.depthCount(thread);
      let {tid} = this.report.threads[thread];
      for (let depth = 0; depth < depths; ++depth) {
        if (depth > 0 && depth % MOST_TRACE_DEPTH === 0) {
          tid = this.made_up++;
          this.writeThreadName(thread, tid, ` (deeper than ${String(depth).padStart(5, '0')})`);
        }
        for (const part of this.writeColumn(thread, depth, tid, values)) {
          if (this.folds.length > 0) {
            await this.writeFolds(thread, depth, tid);
          }
          if (performance.now() >= until_ms) {
            progress((done + (depth + part) / depths) / threads.length);
            await otherWorkFirst();
            until_ms = performance.now() + 10;
          }
          if (signal.aborted) {
            return false;
          }
        }
      }
      await this.writeMarks(thread);
    }
    this.writeTree();
    const {meta} = this.report;
    const start_ns = BigInt(meta.start_unix_ns);
    this.text += `\n],\n"viztracer_metadata":{"version":${JSON.stringify(meta.version)},"overflow":${meta.lost_events > 0},"baseTimeNanoseconds":${start_ns},` +
      `"folded":${meta.folded_calls > 0}},\n"viztracer_native":${JSON.stringify({command: meta.command, calls: meta.calls, kept_calls: meta.kept_calls,
        folded_calls: meta.folded_calls, fold_below_ns: meta.fold_below_ns, lost_events: meta.lost_events, left_out: this.report.left_out,
        rows: this.rows})},\n"displayTimeUnit":"ns"}\n`;
    this.flush();
    return true;
  }

  writeNames() {
    this.report.processes.forEach(({pid, name}, process) => {
      this.add(`{"ph":"M","pid":${pid},"tid":${pid},"name":"process_name","args":{"name":${JSON.stringify(name)}}}`);
      this.add(`{"ph":"M","pid":${pid},"tid":${pid},"name":"process_sort_index","args":{"sort_index":${process}}}`);
    });
    for (const thread of this.range.threads) {
      this.writeThreadName(thread, this.report.threads[thread].tid, '');
    }
  }

  /** @param {number} thread @param {number} tid @param {string} after */
  writeThreadName(thread, tid, after) {
    const {process, name} = this.report.threads[thread];
    this.add(`{"ph":"M","pid":${this.report.processes[process].pid},"tid":${tid},"name":"thread_name","args":{"name":${JSON.stringify(name + after)}}}`);
  }

  /** @param {number} called @returns {string} */
  quotedName(called) {
    return this.names[called] ??= JSON.stringify(traceName(this.report, called));
  }

  /** What is known of the calls of a thread, by depth and row. @param {number} thread */
  async valuesOf(thread) {
    /** @type {Map<number, string>[]} */
    const depths = [];
    for (const block of this.source.valueBlocks(thread)) {
      for (const {depth, index, line, args, returned} of await this.source.valuesOfBlock(block)) {
        const members = [line > 0 ? `"caller_lineno":${line}` : '', args !== null ? `"func_args":${JSON.stringify(args)}` : '',
          returned !== null ? `"return_value":${JSON.stringify(returned)}` : ''].filter((member) => member !== '').join(',');
        (depths[depth] ??= new Map()).set(index, `${line > 0 ? `,"caller_lineno":${line}` : ''},"args":{${members}}`);
      }
    }
    return depths;
  }

  /**
   * @param {number} thread
   * @param {number} depth
   * @param {number} tid
   * @param {Map<number, string>[]} values
   * @returns {Generator<number, void, void>}
   */
  *writeColumn(thread, depth, tid, values) {
    const column = this.source.column(thread, depth);
    if (column === undefined) {
      return;
    }
    const {pid} = this.report.processes[this.report.threads[thread].process];
    const functions = this.report.functions.count;
    const head = `{"pid":${pid},"tid":${tid},"ts":`;
    const {first, end} = rowsOf(column, this.range);
    for (let index = first; index < end; ++index) {
      const code = column.code[index];
      ++this.rows;
      if (code >= functions) {
        this.folds.push(index);
      } else {
        const open = (column.flags(index) & FLAG_OPEN) !== 0 && !values[depth]?.has(index) ? ',"args":{"unfinished":true}' : '';
        this.add(`${head}${microseconds(column.start[index])},"ph":"X","cat":"FEE","dur":${microseconds(column.end[index] - column.start[index])}${
          values[depth]?.get(index) ?? open},"name":${this.quotedName(code)}}`);
      }
      if (index % 1024 === 1023) {
        yield (index - first) / (end - first);
      }
    }
    yield 1;
  }

  /** Those that writeColumn() came upon. @param {number} thread @param {number} depth @param {number} tid */
  async writeFolds(thread, depth, tid) {
    const column = this.source.column(thread, depth);
    const {pid} = this.report.processes[this.report.threads[thread].process];
    const indexes = this.folds;
    this.folds = [];
    if (column === undefined) {
      return;
    }
    const {calls, raised, busy_ns, counts, offsets} = await this.source.folds(thread, depth, Uint32Array.from(indexes));
    indexes.forEach((index, at) => {
      const start_ns = column.start[index];
      const functions = this.report.functionsOf(column.code[index]).map((called, each) => `${this.quotedName(called)}:${counts[offsets[at] + each]}`).join(',');
      this.add(`{"pid":${pid},"tid":${tid},"ts":${microseconds(start_ns)},"ph":"X","cat":"folded","dur":${microseconds(column.end[index] - start_ns)},` +
        `"args":{"calls":${calls[at]},"raised":${raised[at]},"busy_us":${microseconds(busy_ns[at])},"functions":{${functions}}},"name":"${
          calls[at] === 1 ? '1 call' : `${calls[at]} calls`} folded"}`);
    });
  }

  /** @param {number} thread */
  async writeMarks(thread) {
    if (!this.source.threadsWithMarks().includes(thread)) {
      return;
    }
    const {pid} = this.report.processes[this.report.threads[thread].process];
    const {tid} = this.report.threads[thread];
    const {from_ns, to_ns} = this.range;
    const {instants, counters} = await this.source.marks(thread);
    for (const {ns, name, category, args} of instants) {
      if (ns >= from_ns && ns <= to_ns) {
        this.add(`{"pid":${pid},"tid":${tid},"ts":${microseconds(ns)},"ph":"i","s":"t","cat":${JSON.stringify(category || 'instant')},"args":${
          JSON.stringify(Object.fromEntries(args))},"name":${JSON.stringify(name)}}`);
      }
    }
    for (const {name, ns, value} of counters) {
      ns.forEach((each, at) => {
        if (each >= from_ns && each <= to_ns) {
          this.add(`{"pid":${pid},"tid":${tid},"ts":${microseconds(each)},"ph":"C","cat":"counter","args":{"value":${JSON.stringify(value[at])}},"name":${JSON.stringify(name)}}`);
        }
      });
    }
  }

  /** Programs that were not traced, and what started what. */
  writeTree() {
    const {from_ns, to_ns} = this.range;
    const inside = (/** @type {number} */ ns) => ns >= from_ns && ns <= to_ns;
    for (const {pid, programs} of this.report.processes) {
      for (const {name, start_ns, end_ns, traced, facts} of programs) {
        if (!traced && end_ns > from_ns && start_ns < to_ns) {
          this.add(`{"pid":${pid},"tid":${pid},"ts":${microseconds(start_ns)},"ph":"X","cat":"process","dur":${microseconds(Math.max(0, end_ns - start_ns - 1))},"args":${
            JSON.stringify(Object.fromEntries(facts))},"name":${JSON.stringify(name)}}`);
        }
      }
    }
    this.report.arrows.forEach((arrow, id) => {
      if (!inside(arrow.ns) || !inside(arrow.to_ns)) {
        return;
      }
      const from = this.report.processes[arrow.process].pid;
      const to = this.report.processes[arrow.to_process].pid;
      const from_tid = this.report.threads[arrow.thread]?.tid ?? from;
      const to_tid = this.report.threads[arrow.to_thread]?.tid ?? to;
      this.add(`{"pid":${from},"tid":${from_tid},"ts":${microseconds(arrow.ns)},"ph":"s","cat":"process","id":"0x${(id + 1).toString(16)}","name":"start"}`);
      this.add(`{"pid":${to},"tid":${to_tid},"ts":${microseconds(arrow.to_ns)},"ph":"f","bp":"e","cat":"process","id":"0x${(id + 1).toString(16)}","name":"start"}`);
    });
  }
}
