// SPDX-License-Identifier: Apache-2.0
//
// Rows as Perfetto's track events (protos/perfetto/trace/*.proto), what the program writes as .pftrace: smaller than Chrome's JSON.
// One sequence of packets; names are given numbers by the packet that has one first. Stamps are nanoseconds since the report's start.
import { FLAG_OPEN } from '../data/columns.js';
import { KIND_SPAN } from '../data/report.js';
import { ProtoBytes } from './proto_bytes.js';
import { deeperName, MOST_TRACE_DEPTH, traceName, TraceWalk } from './trace_walk.js';

/** @typedef {import('../data/source.js').Source} Source */
/** @typedef {import('../data/source.js').CallValues} CallValues */
/** @typedef {import('../data/source.js').FoldTable} FoldTable */
/** @typedef {import('../data/source.js').Instant} Instant */
/** @typedef {import('../data/report.js').Program} Program */
/** @typedef {import('../data/report.js').Arrow} Arrow */
/** @typedef {import('../data/columns.js').Column} Column */
/** @typedef {import('./trace_walk.js').TraceRange} TraceRange */

const PIECE_BYTES = 1 << 20;
const MOST_NAMED = 4;  // functions of a fold

const TRACE = {packet: 1};
const PACKET = {timestamp: 8, sequence: 10, event: 11, interned: 12, flags: 13, track: 60};
const INTERNED = {category: 1, name: 2, id: 1, text: 2};
const TRACK = {uuid: 1, name: 2, process: 3, thread: 4, parent: 5, counter: 8, merge: 15};
const PROCESS = {pid: 1, name: 6};
const THREAD = {pid: 1, tid: 2, name: 5};
const EVENT = {category: 3, annotation: 4, type: 9, name: 10, track: 11, own_name: 23, real: 44, flow: 47, flow_end: 48};
const NOTE = {bool: 2, number: 3, text: 6, name: 10, member: 11};
const BEGIN = 1;
const END = 2;
const INSTANT = 3;
const COUNTER = 4;
const STATE_CLEARED = 1;
const NEEDS_STATE = 2;
const MERGE_NEVER = 2;
const SEQUENCE = 1;

/** Kinds of functions, by number, and what has no function. */
const CATEGORIES = ['python', 'c', 'lost', 'span', 'folded', 'process'];
const FOLDED = 5;
const PROCESS_CATEGORY = 6;

export class PerfettoTraceWriter extends TraceWalk {
  /**
   * @param {Source} source
   * @param {TraceRange} range
   * @param {(bytes: Uint8Array<ArrayBuffer>) => void} take a piece of the file
   */
  constructor(source, range, take) {
    super(source, range);
    this.take = take;
    this.out = new ProtoBytes();
    this.packet = new ProtoBytes();
    this.body = new ProtoBytes();
    this.inner = new ProtoBytes();
    this.note = new ProtoBytes();
    this.part = new ProtoBytes();
    /** Functions that have a number. @type {Set<number>} */
    this.known = new Set();
    /** The line at hand. */
    this.track = 0;
    this.next_track = 1;
    /** @type {number[]} */
    this.process_tracks = [];
    /** Of programs and arrows without a thread, by process. @type {Map<number, number>} */
    this.program_tracks = new Map();
    /** By thread. @type {Map<number, number>} */
    this.thread_tracks = new Map();
    /** By process and name. @type {Map<string, number>} */
    this.counter_tracks = new Map();
  }

  /** The packet at hand is over. @param {number} flags */
  put(flags) {
    this.packet.number(PACKET.sequence, SEQUENCE).number(PACKET.flags, flags);
    this.out.message(TRACE.packet, this.packet);
    if (this.out.length > PIECE_BYTES) this.flush();
  }

  flush() {
    this.take(this.out.view().slice());
    this.out.clear();
  }

  /** Fills `body`. @param {number} uuid @param {number} parent 0: none @param {string} name */
  describe(uuid, parent, name) {
    this.body.clear().number(TRACK.uuid, uuid);
    if (parent !== 0) this.body.number(TRACK.parent, parent);
    if (name !== '') this.body.text(TRACK.name, name);
    return this.body;
  }

  putTrack() {
    this.packet.clear().message(PACKET.track, this.body);
    this.put(NEEDS_STATE);
  }

  /** @override */
  begin() {
    this.inner.clear();
    CATEGORIES.forEach((name, at) => this.inner.message(INTERNED.category, this.part.clear().number(INTERNED.id, at + 1).text(INTERNED.text, name)));
    this.packet.clear().message(PACKET.interned, this.inner);
    this.put(STATE_CLEARED);
    this.report.processes.forEach(({pid, name}, process) => {
      this.process_tracks[process] = this.next_track++;
      this.describe(this.process_tracks[process], 0, '').message(TRACK.process, this.part.clear().number(PROCESS.pid, pid).text(PROCESS.name, name));
      this.putTrack();
    });
  }

  /** The first line of a thread. @param {number} thread @returns {number} */
  trackOfThread(thread) {
    const known = this.thread_tracks.get(thread);
    if (known !== undefined) return known;
    const {process, tid, name} = this.report.threads[thread];
    const uuid = this.next_track++;
    this.thread_tracks.set(thread, uuid);
    this.describe(uuid, 0, '')
      .message(TRACK.thread, this.part.clear().number(THREAD.pid, this.report.processes[process].pid).number(THREAD.tid, tid).text(THREAD.name, name));
    this.putTrack();
    return uuid;
  }

  /** @override @param {number} thread @param {number} depth */
  line(thread, depth) {
    const first = this.trackOfThread(this.report.threadOf(thread));
    this.track = first;
    if (this.report.isOfSpans(thread)) {
      this.track = this.next_track++;
      this.describe(this.track, first, this.report.threads[thread].name).number(TRACK.merge, MERGE_NEVER);
      this.putTrack();
    } else if (depth >= MOST_TRACE_DEPTH) {
      this.track = this.next_track++;
      this.describe(this.track, first, this.report.threads[thread].name + deeperName(depth)).number(TRACK.merge, MERGE_NEVER);
      this.putTrack();
    }
  }

  /** @param {number} process @returns {number} */
  trackOfPrograms(process) {
    const known = this.program_tracks.get(process);
    if (known !== undefined) return known;
    const uuid = this.next_track++;
    this.program_tracks.set(process, uuid);
    this.describe(uuid, this.process_tracks[process], 'process');
    this.putTrack();
    return uuid;
  }

  /** Begins `body` as an event. @param {number} type @param {number} track */
  event(type, track) {
    return this.body.clear().number(EVENT.type, type).number(EVENT.track, track);
  }

  /** @param {number} ns */
  putEvent(ns) {
    this.packet.clear().number(PACKET.timestamp, Math.max(0, Math.round(ns))).message(PACKET.event, this.body);
    this.put(NEEDS_STATE);
  }

  /** @param {string} name @param {string} value */
  annotate(name, value) {
    this.body.message(EVENT.annotation, this.note.clear().text(NOTE.name, name).text(NOTE.text, value));
  }

  /** @param {string} name @param {number} value */
  annotateNumber(name, value) {
    this.body.message(EVENT.annotation, this.note.clear().text(NOTE.name, name).number(NOTE.number, value));
  }

  /** @override @param {Column} column @param {number} index @param {CallValues | undefined} values */
  call(column, index, values) {
    const called = column.code[index];
    this.event(BEGIN, this.track).number(EVENT.name, called + 1).number(EVENT.category, this.report.functions.kind[called] + 1);
    if (values !== undefined) this.annotateValues(values, this.report.functions.kind[called] === KIND_SPAN);
    if ((column.flags(index) & FLAG_OPEN) !== 0) this.body.message(EVENT.annotation, this.note.clear().text(NOTE.name, 'unfinished').number(NOTE.bool, 1));
    this.packet.clear().number(PACKET.timestamp, column.start[index]).message(PACKET.event, this.body);
    if (!this.known.has(called)) {
      this.known.add(called);
      this.part.clear().number(INTERNED.id, called + 1).text(INTERNED.text, traceName(this.report, called));
      this.packet.message(PACKET.interned, this.inner.clear().message(INTERNED.name, this.part));
    }
    this.put(NEEDS_STATE);
    this.event(END, this.track);
    if (values !== undefined && values.returned !== null) this.annotate('return_value', values.returned);
    this.putEvent(column.end[index]);
  }

  /** What is known as it begins. @param {CallValues} values @param {boolean} is_span */
  annotateValues({line, args}, is_span) {
    if (is_span) {
      for (const [name, value] of Object.entries(args ?? {})) this.annotate(name, value);
      return;
    }
    if (line > 0) this.annotateNumber('caller_lineno', line);
    if (args !== null) {
      this.note.clear().text(NOTE.name, 'func_args');
      for (const [name, value] of Object.entries(args)) this.note.message(NOTE.member, this.part.clear().text(NOTE.name, name).text(NOTE.text, value));
      this.body.message(EVENT.annotation, this.note);
    }
  }

  /** @override @param {Column} column @param {readonly number[]} indexes @param {FoldTable} table */
  folds(column, indexes, {calls, raised, busy_ns, counts, offsets}) {
    indexes.forEach((index, at) => {
      const functions = this.report.functionsOf(column.code[index]).map((called, each) => ({called, count: counts[offsets[at] + each]}));
      functions.sort((a, b) => b.count - a.count);
      const named = functions.slice(0, MOST_NAMED).map(({called, count}) => `${count} x ${traceName(this.report, called)}`).join(', ');
      this.event(BEGIN, this.track).text(EVENT.own_name, calls[at] === 1 ? '1 call folded' : `${calls[at]} calls folded`).number(EVENT.category, FOLDED);
      this.annotateNumber('calls', calls[at]);
      if (raised[at] > 0) this.annotateNumber('raised', raised[at]);
      this.annotateNumber('busy_ns', busy_ns[at]);
      this.annotate('functions', functions.length > MOST_NAMED ? `${named}, and ${functions.length - MOST_NAMED} more functions` : named);
      this.putEvent(column.start[index]);
      this.event(END, this.track);
      this.putEvent(column.end[index]);
    });
  }

  /** @override @param {number} thread @param {Instant} instant */
  instant(thread, {ns, name, args}) {
    this.event(INSTANT, this.trackOfThread(thread)).text(EVENT.own_name, name);
    for (const [key, value] of args) this.annotate(key, value);
    this.putEvent(ns);
  }

  /** @override @param {number} thread @param {string} name @param {number} ns @param {number | null} value */
  counter(thread, name, ns, value) {
    if (value === null) return;
    const {process} = this.report.threads[thread];
    const key = `${process} ${name}`;
    let track = this.counter_tracks.get(key);
    if (track === undefined) {
      track = this.next_track++;
      this.counter_tracks.set(key, track);
      this.describe(track, this.process_tracks[process], name).message(TRACK.counter, this.part.clear());
      this.putTrack();
    }
    this.event(COUNTER, track).real(EVENT.real, value);
    this.putEvent(ns);
  }

  /** @override @param {number} process @param {Program} program */
  program(process, {name, start_ns, end_ns, facts}) {
    const track = this.trackOfPrograms(process);
    this.event(BEGIN, track).text(EVENT.own_name, name).number(EVENT.category, PROCESS_CATEGORY);
    for (const [key, value] of facts) this.annotate(key, typeof value === 'string' ? value : JSON.stringify(value));
    this.putEvent(start_ns);
    this.event(END, track);
    this.putEvent(Math.max(start_ns, end_ns - 1));
  }

  /** @override @param {Arrow} arrow @param {number} id */
  arrow(arrow, id) {
    const shown = (/** @type {number} */ thread) => this.range.threads.includes(thread);
    const from = shown(arrow.thread) ? this.trackOfThread(arrow.thread) : this.trackOfPrograms(arrow.process);
    const to = shown(arrow.to_thread) ? this.trackOfThread(arrow.to_thread) : this.trackOfPrograms(arrow.to_process);
    this.event(INSTANT, from).text(EVENT.own_name, arrow.name).number(EVENT.category, PROCESS_CATEGORY).fixed64(EVENT.flow, id + 1);
    this.putEvent(arrow.ns);
    this.event(INSTANT, to).text(EVENT.own_name, 'started').number(EVENT.category, PROCESS_CATEGORY).fixed64(EVENT.flow_end, id + 1);
    this.putEvent(arrow.to_ns);
  }

  /** @override */
  end() {
    this.flush();
  }
}
