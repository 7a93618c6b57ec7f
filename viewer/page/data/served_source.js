// SPDX-License-Identifier: Apache-2.0
//
// A page with a server behind it (viewer/server/): where somebody has come so near that folds are wide on the screen, every
// call of that stretch of time comes from the recording itself, and stands in place of the page's rows of that thread until
// the view leaves it. Answers: report/html/window.h.

import { readCallBlocks } from './call_block.js';
import { Column, firstEndingAfter } from './columns.js';
import { FileSource } from './file_source.js';

/** @typedef {import('./report.js').Report} Report */
/** @typedef {import('./source.js').Window} Window */
/** @typedef {import('./source.js').Details} Details */
/** @typedef {import('./file_source.js').ValuesOfDepth} ValuesOfDepth */

/**
 * Every call of a thread in a stretch of time. `around`: by depth, which of the page's rows is the last one here; -1: none.
 * @typedef {{from_ns: number, to_ns: number, columns: Column[], around: number[], values: ValuesOfDepth[]}} Stretch
 */

/** A fold is looked into when it may be wider than this. */
const WIDE_FOLD_PX = 4;
const STATE_EVERY_MS = 2000;
/** Status of an answer: the server has another page by now. */
const CONFLICT = 409;

/** What two numberings of functions have in common. @param {string} name @param {string} file @param {number} line @param {number} kind */
function functionKey(name, file, line, kind) {
  return `${kind}\n${line}\n${file}\n${name}`;
}

/** @param {Stretch} stretch @param {Window} window */
function covers(stretch, window) {
  return stretch.from_ns <= window.from_ns && stretch.to_ns >= window.to_ns;
}

/**
 * The answer's JSON, and the blocks behind it.
 * @param {ArrayBuffer} buffer
 */
export function readStretch(buffer) {
  const size = new DataView(buffer).getUint32(0, true);
  if (size > buffer.byteLength - 4) throw new RangeError('an answer ends too early');
  return { head: JSON.parse(new TextDecoder().decode(new Uint8Array(buffer, 4, size))), blocks: new Uint8Array(buffer, 4 + size) };
}

/** Of rows in blocks the columns, their functions numbered by the page. @param {Uint8Array} bytes @param {number} threads @param {number[]} functions */
export function columnsOfStretch(bytes, threads, functions) {
  /** @type {Column[]} */
  const columns = [];
  const limits = { functions: functions.length, threads, setSizes: new Uint32Array(0) };
  for (const block of bytes.length ? readCallBlocks(bytes, limits) : []) {
    for (let i = 0; i < block.code.length; i++) block.code[i] = functions[block.code[i]];
    for (const piece of block.pieces) (columns[piece.depth] ||= new Column()).append(block, piece);
  }
  return columns;
}

/** What is to be said of a server's word on a file. @param {{changed: boolean, grown_ms: number, running: boolean}} state */
export function newsOf(state) {
  if (!state.changed) return state.running ? 'The run goes on: this is what it has recorded so far.' : '';
  if (!state.grown_ms) return 'The recording has changed.';
  return `The recording has grown: ${Math.max(1, Math.round(state.grown_ms / 1000)).toLocaleString('en')} s more.`;
}

export class ServedSource extends FileSource {
  /** @param {Report} report @param {string} code */
  constructor(report, code) {
    super(report, code);
    /** By thread. @type {Map<number, Stretch>} */
    this.stretches = new Map();
    /** What is under way, or was refused since there is too much of it. @type {Map<number, Window>} */
    this.asked = new Map();
    /** @type {Map<string, number> | null} */
    this.function_numbers = null;
    /** What the server calls this page. */
    this.name = report.meta.served || '';
    /** The server has nothing more of it. */
    this.is_stale = false;
    if (typeof location !== 'undefined') this.watch();
  }

  /** Says that the file has grown since, or is another one by now; or once that the server is gone. */
  watch() {
    let timer = 0;
    const look = async () => {
      try {
        this.whenNews(newsOf(await (await fetch(`state?of=${this.name}`)).json()));
      } catch (fault) {
        clearInterval(timer);
        this.is_stale = true;
        this.tell('Nothing answers any more: calls that are folded stay so.');
      }
    };
    timer = window.setInterval(look, STATE_EVERY_MS);
    look();
  }

  /** @override @param {Window[]} windows */
  want(windows) {
    const fold_below_ns = this.report.meta.fold_below_ns;
    if (!this.complete || !fold_below_ns) return;
    const near = windows.filter((one) => one.ns_per_px * WIDE_FOLD_PX < fold_below_ns && !this.report.isOfSpans(one.thread));
    const shown = new Set(near.map((one) => one.thread));
    for (const thread of [...this.stretches.keys()]) {
      if (!shown.has(thread)) this.replace(thread, null);
    }
    for (const thread of [...this.asked.keys()]) {
      if (!shown.has(thread)) this.asked.delete(thread);
    }
    for (const one of near) {
      if (this.is_stale) this.dropUnlessCovers(one);
      else this.ask(one);
    }
  }

  /** @param {Window} window */
  ask(window) {
    const { thread, from_ns, to_ns } = window;
    const known = this.stretches.get(thread);
    if (known && covers(known, window)) return;
    const asked = this.asked.get(thread);
    // What was refused is asked for again when it is half as much.
    if (asked && (asked.ns_per_px > 0 ? asked.ns_per_px <= 2 * window.ns_per_px : true)) return;
    const span_ns = to_ns - from_ns;
    const from = Math.max(0, Math.floor(from_ns - span_ns));
    const to = Math.ceil(to_ns + span_ns);
    this.asked.set(thread, { ...window, ns_per_px: 0 });
    this.fetchStretch(thread, from, to).then((stretch) => {
      if (!this.asked.has(thread)) return;  // nobody looks there any more
      if (stretch) {
        this.asked.delete(thread);
        this.replace(thread, stretch);
      } else {
        this.asked.set(thread, window);
        this.dropUnlessCovers(window);
      }
    }, (fault) => {
      this.asked.set(thread, window);
      this.dropUnlessCovers(window);
      this.tell(`Calls of thread ${this.report.threads[thread].tid} cannot be had: ${fault.message}`);
    });
  }

  /** A stretch that cannot be had anew must not hide what the page has elsewhere. @param {Window} window */
  dropUnlessCovers(window) {
    const known = this.stretches.get(window.thread);
    if (known && !covers(known, window)) this.replace(window.thread, null);
  }

  /**
   * Null: there are too many.
   * @param {number} thread @param {number} from_ns @param {number} to_ns
   * @returns {Promise<Stretch | null>}
   */
  async fetchStretch(thread, from_ns, to_ns) {
    const answer = await fetch(`rows?of=${this.name}&thread=${thread}&from_ns=${from_ns}&to_ns=${to_ns}`);
    if (answer.status === CONFLICT) {
      this.is_stale = true;
      this.whenNews(newsOf({ changed: true, grown_ms: 0, running: false }));
      return null;
    }
    if (!answer.ok) throw new Error((await answer.text()).trim());
    const { head, blocks } = readStretch(await answer.arrayBuffer());
    if (head.too_many) return null;
    const columns = columnsOfStretch(blocks, this.report.threads.length, head.functions.map(
      (/** @type {[string, string, number, number]} */ [name, file, line, kind]) => this.numberOf(name, file, line, kind)));
    /** @type {ValuesOfDepth[]} */
    const values = [];
    for (const [depth, row, line, args, returned] of head.values) (values[depth] ||= new Map()).set(row, [line, args, returned]);
    const stretch = { from_ns: Math.min(from_ns, head.from_ns), to_ns: Math.max(to_ns, head.to_ns), columns, around: [], values };
    this.addAround(thread, head.to_ns, stretch);
    return stretch;
  }

  /** Calls that go on behind the stretch: those that are kept are on the page. @param {number} thread @param {number} to_ns @param {Stretch} stretch */
  addAround(thread, to_ns, stretch) {
    for (let depth = 0; depth < this.depthCount(thread); depth++) {
      const page = super.column(thread, depth);
      const index = page ? firstEndingAfter(page, to_ns) : 0;
      const column = (stretch.columns[depth] ||= new Column());
      const last_ns = column.count ? column.end[column.count - 1] : 0;
      stretch.around[depth] = -1;
      if (!page || index >= page.count || page.start[index] >= to_ns || page.start[index] < last_ns || this.report.isFold(page.code[index])) continue;
      stretch.around[depth] = index;
      column.append({ thread, pieces: [], start: page.start.slice(index, index + 1), end: page.end.slice(index, index + 1), code: page.code.slice(index, index + 1),
        odd: Uint32Array.of(0), odd_flags: Uint8Array.of(page.flags(index)), folds: new Uint8Array(0), fold_offsets: new Uint32Array(0), lent: null },
        { depth, first: column.recordedIndex(column.count), rows: 1, at: 0, folds_before: 0 });
    }
  }

  /** @param {string} name @param {string} file @param {number} line @param {number} kind */
  numberOf(name, file, line, kind) {
    const { functions, files } = this.report;
    if (!this.function_numbers) {
      this.function_numbers = new Map();
      for (let i = 0; i < functions.count; i++) {
        this.function_numbers.set(functionKey(functions.name[i], files[functions.file[i]] || '', functions.line[i], functions.kind[i]), i);
      }
    }
    // The last function stands for what is not recorded.
    return this.function_numbers.get(functionKey(name, file, line, kind)) ?? functions.count - 1;
  }

  /** @param {number} thread @param {Stretch | null} stretch */
  replace(thread, stretch) {
    if (stretch) this.stretches.set(thread, stretch);
    else this.stretches.delete(thread);
    this.generation++;
    this.changed();
  }

  /** @override @param {number} thread @param {number} depth */
  column(thread, depth) {
    const stretch = this.stretches.get(thread);
    return stretch ? stretch.columns[depth] : super.column(thread, depth);
  }

  /** @override @param {number} thread @param {number} depth @param {number} index @returns {Promise<Details>} */
  async details(thread, depth, index) {
    const stretch = this.stretches.get(thread);
    if (!stretch) return super.details(thread, depth, index);
    const column = stretch.columns[depth];
    if (!column || index >= column.count) throw new Error('there is no such call');
    const told = stretch.values[depth]?.get(index);
    return { flags: column.flags(index), line: told ? told[0] : 0, args: told ? told[1] : null, returned: told ? told[2] : null };
  }
}
