// SPDX-License-Identifier: Apache-2.0
//
// Rows as Chrome's trace events in the layout of VizTracer's JSON, for Perfetto and for scripts. A fold is an event of the category
// "folded", with the counts of its calls in args. Made in pieces: the text of twenty million rows is larger than a string can be.
import { FLAG_OPEN } from '../data/columns.js';
import { KIND_SPAN } from '../data/report.js';
import { deeperName, rowsOf, traceName, TraceWalk } from './trace_walk.js';

/** @typedef {import('../data/source.js').Source} Source */
/** @typedef {import('../data/source.js').CallValues} CallValues */
/** @typedef {import('../data/source.js').FoldTable} FoldTable */
/** @typedef {import('../data/source.js').Instant} Instant */
/** @typedef {import('../data/report.js').Program} Program */
/** @typedef {import('../data/report.js').Arrow} Arrow */
/** @typedef {import('../data/columns.js').Column} Column */
/** @typedef {import('./trace_walk.js').TraceRange} TraceRange */

const FIRST_MADE_UP_TID = 0x50000000;
const PIECE_LETTERS = 1 << 18;
const FIXED_LETTERS = 62;  // of an event, beside its numbers and its name
const SAMPLED_ROWS = 4000;

/** Microseconds with three digits behind the point, as VizTracer's. @param {number} ns */
export function microseconds(ns) {
  const whole = Math.floor(ns / 1000);
  return `${whole}.${String(Math.round(ns - whole * 1000)).padStart(3, '0')}`;
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
  for (const thread of report.withSpans(range.threads)) {
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

/** @param {CallValues} values the end of an event's members */
function valueMembers({line, args, returned}) {
  const members = [line > 0 ? `"caller_lineno":${line}` : '', args !== null ? `"func_args":${JSON.stringify(args)}` : '',
    returned !== null ? `"return_value":${JSON.stringify(returned)}` : ''].filter((member) => member !== '').join(',');
  return `${line > 0 ? `,"caller_lineno":${line}` : ''},"args":{${members}}`;
}

export class ChromeTraceWriter extends TraceWalk {
  /**
   * @param {Source} source
   * @param {TraceRange} range
   * @param {(text: string) => void} take a piece of the file
   */
  constructor(source, range, take) {
    super(source, range);
    this.take = take;
    this.text = '';
    this.first = true;
    /** Names as JSON, by function. @type {string[]} */
    this.names = [];
    this.made_up = FIRST_MADE_UP_TID;
    this.spans = 0;
    /** Of an event of the line at hand. */
    this.head = '';
  }

  /** @param {string} event */
  add(event) {
    this.text += this.first ? event : `,\n${event}`;
    this.first = false;
    if (this.text.length > PIECE_LETTERS) this.flush();
  }

  flush() {
    this.take(this.text);
    this.text = '';
  }

  /** @param {number} called @returns {string} */
  quotedName(called) {
    return this.names[called] ??= JSON.stringify(traceName(this.report, called));
  }

  /** @override */
  begin() {
    this.text = '{"traceEvents":[\n';
    this.report.processes.forEach(({pid, name}, process) => {
      this.add(`{"ph":"M","pid":${pid},"tid":${pid},"name":"process_name","args":{"name":${JSON.stringify(name)}}}`);
      this.add(`{"ph":"M","pid":${pid},"tid":${pid},"name":"process_sort_index","args":{"sort_index":${process}}}`);
    });
  }

  /** @override @param {number} thread @param {number} depth */
  line(thread, depth) {
    const {process, name, tid: own_tid} = this.report.threads[thread];
    const {pid} = this.report.processes[process];
    if (this.report.isOfSpans(thread)) {
      this.head = `{"pid":${pid},"tid":${own_tid},"ts":`;
      return;
    }
    const tid = depth === 0 ? own_tid : this.made_up++;
    const shown = depth === 0 ? name : name + deeperName(depth);
    this.add(`{"ph":"M","pid":${pid},"tid":${tid},"name":"thread_name","args":{"name":${JSON.stringify(shown)}}}`);
    this.head = `{"pid":${pid},"tid":${tid},"ts":`;
  }

  /** @override @param {Column} column @param {number} index @param {CallValues | undefined} values */
  call(column, index, values) {
    if (this.report.functions.kind[column.code[index]] === KIND_SPAN) {
      this.span(column, index, values);
      return;
    }
    const open = (column.flags(index) & FLAG_OPEN) !== 0 ? ',"args":{"unfinished":true}' : '';
    this.add(`${this.head}${microseconds(column.start[index])},"ph":"X","cat":"FEE","dur":${microseconds(column.end[index] - column.start[index])}${
      values ? valueMembers(values) : open},"name":${this.quotedName(column.code[index])}}`);
  }

  /** One that never ended has no end here, either. @param {Column} column @param {number} index @param {CallValues | undefined} values */
  span(column, index, values) {
    const name = `"cat":"span","id":"0x${(++this.spans).toString(16)}","name":${this.quotedName(column.code[index])}}`;
    this.add(`${this.head}${microseconds(column.start[index])},"ph":"b","args":${JSON.stringify(values?.args ?? {})},${name}`);
    if ((column.flags(index) & FLAG_OPEN) === 0) this.add(`${this.head}${microseconds(column.end[index])},"ph":"e",${name}`);
  }

  /** @override @param {Column} column @param {readonly number[]} indexes @param {FoldTable} table */
  folds(column, indexes, {calls, raised, busy_ns, counts, offsets}) {
    indexes.forEach((index, at) => {
      const start_ns = column.start[index];
      const functions = this.report.functionsOf(column.code[index]).map((called, each) => `${this.quotedName(called)}:${counts[offsets[at] + each]}`).join(',');
      this.add(`${this.head}${microseconds(start_ns)},"ph":"X","cat":"folded","dur":${microseconds(column.end[index] - start_ns)},` +
        `"args":{"calls":${calls[at]},"raised":${raised[at]},"busy_us":${microseconds(busy_ns[at])},"functions":{${functions}}},"name":"${
          calls[at] === 1 ? '1 call' : `${calls[at]} calls`} folded"}`);
    });
  }

  /** Of an event that is the thread's, whatever its depth. @param {number} thread @param {number} ns */
  threadHead(thread, ns) {
    const {process, tid} = this.report.threads[thread];
    return `{"pid":${this.report.processes[process].pid},"tid":${tid},"ts":${microseconds(ns)}`;
  }

  /** @override @param {number} thread @param {Instant} instant */
  instant(thread, {ns, name, category, args}) {
    this.add(`${this.threadHead(thread, ns)},"ph":"i","s":"t","cat":${JSON.stringify(category || 'instant')},"args":${
      JSON.stringify(Object.fromEntries(args))},"name":${JSON.stringify(name)}}`);
  }

  /** @override @param {number} thread @param {string} name @param {number} ns @param {number | null} value */
  counter(thread, name, ns, value) {
    this.add(`${this.threadHead(thread, ns)},"ph":"C","cat":"counter","args":{"value":${JSON.stringify(value)}},"name":${JSON.stringify(name)}}`);
  }

  /** @override @param {number} process @param {Program} program */
  program(process, {name, start_ns, end_ns, facts}) {
    const {pid} = this.report.processes[process];
    this.add(`{"pid":${pid},"tid":${pid},"ts":${microseconds(start_ns)},"ph":"X","cat":"process","dur":${microseconds(Math.max(0, end_ns - start_ns - 1))},"args":${
      JSON.stringify(Object.fromEntries(facts))},"name":${JSON.stringify(name)}}`);
  }

  /** @override @param {Arrow} arrow @param {number} id */
  arrow(arrow, id) {
    const from = this.report.processes[arrow.process].pid;
    const to = this.report.processes[arrow.to_process].pid;
    const from_tid = this.report.threads[arrow.thread]?.tid ?? from;
    const to_tid = this.report.threads[arrow.to_thread]?.tid ?? to;
    this.add(`{"pid":${from},"tid":${from_tid},"ts":${microseconds(arrow.ns)},"ph":"s","cat":"process","id":"0x${(id + 1).toString(16)}","name":"start"}`);
    this.add(`{"pid":${to},"tid":${to_tid},"ts":${microseconds(arrow.to_ns)},"ph":"f","bp":"e","cat":"process","id":"0x${(id + 1).toString(16)}","name":"start"}`);
  }

  /** @override */
  end() {
    const {meta} = this.report;
    const start_ns = BigInt(meta.start_unix_ns);
    this.text += `\n],\n"viztracer_metadata":{"version":${JSON.stringify(meta.version)},"overflow":${meta.lost_events > 0},"baseTimeNanoseconds":${start_ns},` +
      `"folded":${meta.folded_calls > 0}},\n"viztracer_native":${JSON.stringify({command: meta.command, calls: meta.calls, kept_calls: meta.kept_calls,
        folded_calls: meta.folded_calls, fold_below_ns: meta.fold_below_ns, lost_events: meta.lost_events, left_out: this.report.left_out,
        rows: this.rows})},\n"displayTimeUnit":"ns"}\n`;
    this.flush();
  }
}
