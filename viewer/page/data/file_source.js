// SPDX-License-Identifier: Apache-2.0
//
// The page's own elements as a source of data: call blocks are decoded as the browser reads them, the rest is kept packed
// until somebody asks.

import { ByteReader } from './call_block.js';
import { Column, lowerBound } from './columns.js';
import { bytesOfBase64, unpackedJson } from './packed.js';
import { Source } from './source.js';
import { Decoders, decodedCalls } from './worker.js';

/** @typedef {import('./call_block.js').CallBlock} CallBlock */
/** @typedef {import('./call_block.js').Limits} Limits */
/** @typedef {import('./elements.js').Element_} Element_ */
/** @typedef {import('./report.js').Report} Report */
/** @typedef {import('./source.js').Fold} Fold */
/** @typedef {import('./source.js').Details} Details */
/** @typedef {import('./source.js').Marks} Marks */
/** @typedef {import('./source.js').Stacks} Stacks */
/** @typedef {{thread: number, from_ns: number, to_ns: number, packed: Uint8Array}} Packed */
/** @typedef {Map<number, [number, Record<string, string> | null, string | null]>} ValuesOfDepth */

const WORKERS = 2;
const NO_ROWS = new Float64Array(0);
const NO_ROW_CODES = new Uint32Array(0);
const KEPT_VALUE_BLOCKS = 8;

/** @param {Report} report @returns {Limits} */
export function limitsOf(report) {
  return { functions: report.functions.count, threads: report.threads.length,
    setSizes: Uint32Array.from(report.sets, (one) => one.length) };
}

/** The columns of all threads, made of blocks. */
class Columns {
  /** @param {Report | null} report whose threads say how many rows there will be */
  constructor(report) {
    this.report = report;
    /** @type {(Column | undefined)[][]} */
    this.threads = [];
  }

  /** @param {number} thread @param {number} depth */
  column(thread, depth) {
    return this.threads[thread]?.[depth];
  }

  /** Adds a block, and lets go of its rows: the columns have them. @param {CallBlock} block */
  append(block) {
    const columns = (this.threads[block.thread] ||= []);
    const expected = this.report?.threads[block.thread].rows;
    for (const piece of block.pieces) (columns[piece.depth] ||= new Column(expected?.[piece.depth])).append(block, piece);
    block.start = block.end = NO_ROWS;
    block.code = NO_ROW_CODES;
    block.lent = null;
  }
}

export class FileSource extends Source {
  /** @param {Report} report @param {string} code the page's script, for workers */
  constructor(report, code) {
    super(report);
    this.complete = false;
    this.limits = limitsOf(report);
    this.decoders = new Decoders(code, WORKERS, this.limits);
    this.calls = new Columns(report);
    /** @type {Columns | null} */
    this.overview = null;
    /** Call blocks that wait for a decoder. @type {Element_[]} */
    this.queue = [];
    /** Decoded, and waiting for those before them; none: damaged. @type {Map<number, CallBlock[]>} */
    this.decoded = new Map();
    this.next_block = 0;
    this.blocks_seen = 0;
    this.blocks_begun = 0;
    this.blocks_done = 0;
    this.file_read = false;
    /** Its end is missing, and, where that is within a block, so is that. */
    this.cut = false;
    this.last_block = -1;
    this.blocks_whole = 0;
    /** @type {Record<string, Packed[]>} */
    this.packed = { values: [], marks: [], stacks: [], sources: [] };
    /** @type {Map<number, Promise<ValuesOfDepth[]>>} */
    this.values = new Map();
    /** @type {Map<number, Promise<Marks>>} */
    this.marks_of = new Map();
    /** @type {Map<number, Promise<Record<string, string>>>} */
    this.texts = new Map();
    this.resolveComplete = () => {};
    /** Fulfilled when all is there that will come. */
    this.whenComplete = new Promise((resolve) => {
      this.resolveComplete = () => resolve(undefined);
    });
  }

  /** Reads an overview block, before any other. @param {Uint8Array} packed */
  async addOverview(packed) {
    this.overview ||= new Columns(null);
    for (const block of await decodedCalls(packed, this.limits)) this.overview.append(block);
  }

  /** @param {Element_} element */
  add(element) {
    if (element.kind === 'calls') {
      this.blocks_seen++;
      this.last_block = element.number;
      this.queue.push(element);
      this.pump();
    } else if (this.packed[element.kind]) {
      try {
        const { thread, from_ns, to_ns } = element;
        this.packed[element.kind][element.number] = { thread, from_ns, to_ns, packed: bytesOfBase64(element.text) };
      } catch (fault) {
        this.tell(`Block ${element.number} of ${element.kind} is damaged: it is not shown.`);
      }
    }
  }

  /** The file has been read. @param {boolean} whole */
  end(whole) {
    this.file_read = true;
    // That a file is cut is told when it is known whether its last block is whole.
    this.cut = !whole;
    if (whole && this.blocks_seen < this.report.meta.blocks.calls) {
      this.tell(`${this.report.meta.blocks.calls - this.blocks_seen} blocks of calls are missing in this file.`);
    }
    this.finishIfDone();
  }

  /** @param {string} problem */
  tell(problem) {
    this.problems.push(problem);
    this.changed();
  }

  pump() {
    // No more than keep the workers busy: what waits does so in one copy.
    while (this.queue.length && this.blocks_begun - this.blocks_done < 2 * WORKERS) {
      this.blocks_begun++;
      const { number, text } = /** @type {Element_} */ (this.queue.shift());
      this.decoders.decode(text).then((blocks) => {
        this.blocks_whole++;
        this.took(number, blocks);
      }, () => {
        if (!this.cut || number !== this.last_block) this.tell(`Block ${number} of calls is damaged: its calls are not shown.`);
        this.took(number, []);
      });
    }
  }

  /** @param {number} number of the element @param {CallBlock[]} blocks */
  took(number, blocks) {
    this.blocks_done++;
    this.progress = this.blocks_done / Math.max(1, this.report.meta.blocks.calls);
    this.decoded.set(number, blocks);
    this.appendInOrder();
    this.pump();
    this.finishIfDone();
  }

  appendInOrder() {
    const before = this.next_block;
    for (let blocks = this.decoded.get(this.next_block); blocks; blocks = this.decoded.get(this.next_block)) {
      this.decoded.delete(this.next_block++);
      for (const block of blocks) {
        const { lent } = block;
        this.calls.append(block);
        if (lent) this.decoders.takeBack(lent);
      }
    }
    if (this.next_block !== before && !this.overview) this.changed();
  }

  finishIfDone() {
    if (this.complete || !this.file_read || this.blocks_done < this.blocks_seen) return;
    // A block that the file lacks is waited for by those behind it.
    for (const number of [...this.decoded.keys()].sort((a, b) => a - b)) {
      this.next_block = number;
      this.appendInOrder();
    }
    this.decoders.close();
    this.complete = true;
    if (this.cut) {
      this.problems.push(`This file has been cut: ${this.blocks_whole} of ${this.report.meta.blocks.calls} blocks of calls are there, and what follows them is missing.`);
    }
    if (this.overview) this.generation++;
    this.changed();
    this.resolveComplete();
  }

  /** @override @param {number} thread @param {number} depth */
  column(thread, depth) {
    const loaded = this.calls.threads[thread];
    if (this.overview && (!this.complete || !loaded)) return this.overview.column(thread, depth);
    return loaded?.[depth];
  }

  /** @override @param {number} thread */
  depthCount(thread) {
    return this.report.threads[thread].depth;
  }

  /** @override @param {number} thread @param {number} depth @param {number} index @returns {Promise<Fold>} */
  async fold(thread, depth, index) {
    const column = this.column(thread, depth);
    if (!column || index >= column.count || !this.report.isFold(column.code[index])) throw new Error('there is no fold');
    const piece = column.pieceOf(index);
    piece.fold_rows ||= foldRows(column, piece.at, piece.piece.rows, this.report.functions.count);
    const number = piece.piece.folds_before + lowerBound(piece.fold_rows, piece.fold_rows.length, index);
    const from = new ByteReader(piece.block.folds, piece.block.fold_offsets[number]);
    const calls = from.varint();
    const raised = from.varint();
    const busy_ns = from.varint();
    const functions = this.report.functionsOf(column.code[index])
      .map((one) => /** @type {[number, number]} */ ([one, from.varint() + 1]))
      .sort((a, b) => b[1] - a[1]);
    return { calls, raised, busy_ns, functions };
  }

  /** @override @param {number} thread @param {number} depth @param {Uint32Array} indexes */
  async folds(thread, depth, indexes) {
    const column = this.column(thread, depth);
    if (!column) throw new Error('there is no fold');
    const sizes = this.limits.setSizes;
    const functions = this.report.functions.count;
    const offsets = new Uint32Array(indexes.length + 1);
    indexes.forEach((index, at) => {
      offsets[at + 1] = offsets[at] + (index < column.count ? sizes[column.code[index] - functions] || 0 : 0);
    });
    const table = { calls: new Float64Array(indexes.length), raised: new Float64Array(indexes.length), busy_ns: new Float64Array(indexes.length),
      counts: new Uint32Array(offsets[indexes.length]), offsets };
    let piece = column.pieces[0];
    let row = 0;
    for (let at = 0; at < indexes.length; at++) {
      const index = indexes[at];
      if (offsets[at + 1] === offsets[at]) throw new Error('there is no fold');
      if (at === 0 || index >= piece.at + piece.piece.rows || index < piece.at) {
        piece = column.pieceOf(index);
        piece.fold_rows ||= foldRows(column, piece.at, piece.piece.rows, functions);
        row = 0;
      }
      row = lowerBound(/** @type {Uint32Array} */ (piece.fold_rows), piece.fold_rows?.length || 0, index, row);
      const from = new ByteReader(piece.block.folds, piece.block.fold_offsets[piece.piece.folds_before + row]);
      table.calls[at] = from.varint();
      table.raised[at] = from.varint();
      table.busy_ns[at] = from.varint();
      for (let count = offsets[at]; count < offsets[at + 1]; count++) table.counts[count] = from.varint() + 1;
    }
    return table;
  }

  /** @override @param {number} thread @param {number} depth @param {number} index @returns {Promise<Details>} */
  async details(thread, depth, index) {
    const column = this.column(thread, depth);
    if (!column || index >= column.count) throw new Error('there is no such call');
    const none = { flags: column.flags(index), line: 0, args: null, returned: null };
    if (this.overview && column === this.overview.column(thread, depth)) return none;
    const recorded = column.recordedIndex(index);
    for (const [number, block] of this.packed.values.entries()) {
      if (!block || block.thread !== thread || block.from_ns > column.start[index] || block.to_ns < column.end[index]) continue;
      const found = (await this.valuesOf(number))[depth]?.get(recorded);
      if (found) return { flags: none.flags, line: found[0], args: found[1], returned: found[2] };
    }
    return none;
  }

  /** @override @param {number} thread @returns {number[]} */
  valueBlocks(thread) {
    return [...this.packed.values.keys()].filter((number) => this.packed.values[number]?.thread === thread);
  }

  /** @override @param {number} block */
  async valuesOfBlock(block) {
    /** @type {import('./source.js').CallValues[]} */
    const found = [];
    const { thread } = this.packed.values[block];
    (await this.valuesOf(block)).forEach((rows, depth) => {
      const column = this.calls.column(thread, depth);
      for (const [recorded, [line, args, returned]] of rows) {
        const index = column ? column.indexOfRecorded(recorded) : -1;
        if (index >= 0) found.push({ depth, index, line, args, returned });
      }
    });
    return found;
  }

  /** The values of one block, by depth and number of the row. @param {number} number */
  valuesOf(number) {
    const known = this.values.get(number);
    if (known) {
      this.values.delete(number);
      this.values.set(number, known);
      return known;
    }
    const found = unpackedJson(this.packed.values[number].packed).then((block) => {
      /** @type {ValuesOfDepth[]} */
      const depths = [];
      for (const [depth, index, line, args, returned] of block.calls) {
        (depths[depth] ||= new Map()).set(index, [line, args, returned]);
      }
      return depths;
    }).catch(() => {
      this.tell(`Block ${number} of values is damaged: it is not shown.`);
      return /** @type {ValuesOfDepth[]} */ ([]);
    });
    this.values.set(number, found);
    if (this.values.size > KEPT_VALUE_BLOCKS) this.values.delete(this.values.keys().next().value ?? -1);
    return found;
  }

  /**
   * The content of blocks, one after another; a damaged one is told of and left out.
   * @param {string} kind @param {(block: Packed) => boolean} wanted @returns {Promise<any[]>}
   */
  async contents(kind, wanted) {
    const found = [];
    for (const [number, block] of this.packed[kind].entries()) {
      if (!block || !wanted(block)) continue;
      try {
        found.push(await unpackedJson(block.packed));
      } catch (fault) {
        this.tell(`Block ${number} of ${kind} is damaged: it is not shown.`);
      }
    }
    return found;
  }

  /** @override */
  threadsWithMarks() {
    return [...new Set(this.packed.marks.filter(Boolean).map((one) => one.thread))].sort((a, b) => a - b);
  }

  /** @override @param {number} thread @returns {Promise<Marks>} */
  marks(thread) {
    let found = this.marks_of.get(thread);
    if (!found) {
      found = this.contents('marks', (block) => block.thread === thread).then(joinedMarks);
      this.marks_of.set(thread, found);
    }
    return found;
  }

  /** @override @returns {Promise<Stacks[]>} */
  async stacks() {
    await this.whenComplete;
    return this.contents('stacks', () => true);
  }

  /** @override @param {number} file @returns {Promise<string | null>} */
  async sourceText(file) {
    await this.whenComplete;
    const number = this.report.source_block[file];
    const block = number >= 0 ? this.packed.sources[number] : undefined;
    if (!block) return null;
    let texts = this.texts.get(number);
    if (!texts) {
      texts = unpackedJson(block.packed).catch(() => {
        this.tell(`Block ${number} of sources is damaged: it is not shown.`);
        return {};
      });
      this.texts.set(number, texts);
    }
    return (await texts)[file] ?? null;
  }
}

/** @param {Column} column @param {number} from @param {number} rows @param {number} functions */
function foldRows(column, from, rows, functions) {
  const found = [];
  for (let i = from; i < from + rows; i++) if (column.code[i] >= functions) found.push(i);
  return Uint32Array.from(found);
}

/** @param {any[]} blocks */
function joinedMarks(blocks) {
  /** @type {Marks} */
  const marks = { instants: [], counters: [] };
  /** @type {Map<string, import('./source.js').Counter>} */
  const counters = new Map();
  for (const block of blocks) {
    for (const [ns, name, category, args] of block.instants) marks.instants.push({ ns, name, category, args });
    for (const [name, ns, value] of block.counters) {
      /** @type {import('./source.js').Counter} */
      const counter = counters.get(name) || { name, ns: [], value: [] };
      if (!counters.has(name)) marks.counters.push(counter);
      counters.set(name, counter);
      for (let i = 0; i < ns.length; i++) {
        counter.ns.push(ns[i]);
        counter.value.push(value[i]);
      }
    }
  }
  marks.instants.sort((a, b) => a.ns - b.ns);
  return marks;
}
