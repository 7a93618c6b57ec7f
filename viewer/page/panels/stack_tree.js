// SPDX-License-Identifier: Apache-2.0
//
// Stacks put together to one tree: a node for each different stack, its caller before it.
import { FoldList } from './fold_list.js';
import { isCallOfItsOwn, walkRows } from './rows.js';

/** @typedef {import('../data/source.js').Source} Source */

export const ROOT_NODE = 0;
export const OTHER_FUNCTIONS = -1;   // what the report put together, since there were too many stacks
export const FOLDED_CALLS = -2;      // of a range: calls too short to be kept, all that one caller made

/** Room for one more. @template {Float64Array | Int32Array} A @param {A} values @returns {A} */
function withMoreRoom(values) {
  const grown = /** @type {A} */ (values instanceof Float64Array ? new Float64Array(values.length * 2) : new Int32Array(values.length * 2));
  grown.set(/** @type {any} */ (values));
  return grown;
}

const NODES_A_STEP = 65536;

/** @param {number} caller @param {number} called */
function hashOfStack(caller, called) {
  let hash = Math.imul(caller, 0x9e3779b1) ^ Math.imul(called + 3, 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 15), 0x2c1b3c6d);
  return (hash ^ (hash >>> 13)) >>> 0;
}

export class StackTree {
  constructor() {
    this.count = 1;
    this.caller = new Int32Array(1024);
    this.called = new Int32Array(1024);   // a function, or one of the above
    this.calls = new Float64Array(1024);
    this.own_ns = new Float64Array(1024);
    this.total_ns = new Float64Array(0);  // by finish()
    this.firstCallee = new Int32Array(0);
    this.nextCallee = new Int32Array(0);
    this.caller[ROOT_NODE] = -1;
    this.called[ROOT_NODE] = -3;
    /** Nodes by caller and function: open addressing, 0 where there is none. A Map of millions of keys stops the page for long. */
    this.table = new Int32Array(4096);
  }

  /** The node of that function below a node. @param {number} caller @param {number} called */
  callee(caller, called) {
    const mask = this.table.length - 1;
    let slot = hashOfStack(caller, called) & mask;
    for (let found = this.table[slot]; found !== 0; found = this.table[slot]) {
      if (this.caller[found] === caller && this.called[found] === called) {
        return found;
      }
      slot = (slot + 1) & mask;
    }
    const node = this.count++;
    this.table[slot] = node;
    if (node === this.caller.length) {
      this.caller = withMoreRoom(this.caller);
      this.called = withMoreRoom(this.called);
      this.calls = withMoreRoom(this.calls);
      this.own_ns = withMoreRoom(this.own_ns);
    }
    this.caller[node] = caller;
    this.called[node] = called;
    if (this.count * 2 > this.table.length) {
      this.growTable();
    }
    return node;
  }

  growTable() {
    const table = new Int32Array(this.table.length * 2);
    const mask = table.length - 1;
    for (let node = ROOT_NODE + 1; node < this.count; ++node) {
      let slot = hashOfStack(this.caller[node], this.called[node]) & mask;
      while (table[slot] !== 0) {
        slot = (slot + 1) & mask;
      }
      table[slot] = node;
    }
    this.table = table;
  }

  /**
   * Makes sums and lists of callees, once all is there.
   * @returns {Generator<number, void, void>}
   */
  *finishing() {
    const total_ns = this.own_ns.slice(0, this.count);
    const first = new Int32Array(this.count).fill(-1);
    const next = new Int32Array(this.count).fill(-1);
    for (let node = this.count - 1; node > ROOT_NODE; --node) {
      const caller = this.caller[node];
      total_ns[caller] += total_ns[node];
      next[node] = first[caller];
      first[caller] = node;
      if (node % NODES_A_STEP === 0) {
        yield 1;
      }
    }
    this.total_ns = total_ns;
    this.firstCallee = first;
    this.nextCallee = next;
  }

  /** The same at once. */
  finish() {
    const work = this.finishing();
    while (!work.next().done) {
      // It has no pauses here.
    }
    return this;
  }
}

/**
 * The tree of the report's own stacks, exact, of all threads or one.
 * @param {readonly {thread: number, caller: number[], function: number[], calls: number[], own_ns: number[]}[]} blocks
 * @param {ReadonlySet<number> | null} threads
 * @returns {Generator<number, StackTree, void>}
 */
export function* treeOfStacks(blocks, threads) {
  const tree = new StackTree();
  for (let done = 0; done < blocks.length; ++done) {
    const block = blocks[done];
    if (threads !== null && !threads.has(block.thread)) {
      continue;
    }
    const nodes = new Int32Array(block.caller.length);
    for (let stack = 0; stack < nodes.length; ++stack) {
      const caller = block.caller[stack];
      const node = tree.callee(caller < 0 ? ROOT_NODE : nodes[caller], block.function[stack]);
      nodes[stack] = node;
      tree.calls[node] += block.calls[stack];
      tree.own_ns[node] += block.own_ns[stack];
      if (stack % 4096 === 4095) {
        yield (done + stack / nodes.length) / blocks.length;
      }
    }
  }
  yield* tree.finishing();
  return tree;
}

/**
 * The tree of the rows of a range. `folds`: where folds lie and in which node, for addFoldsToTree().
 * @param {Source} source
 * @param {readonly number[]} threads
 * @param {number} from_ns
 * @param {number} to_ns
 * @returns {Generator<number, {tree: StackTree, folds: FoldList}, void>}
 */
export function* treeOfRange(source, threads, from_ns, to_ns) {
  const functions = source.report.functions.count;
  const tree = new StackTree();
  const folds = new FoldList();
  for (let done = 0; done < threads.length; ++done) {
    const thread = threads[done];
    let node = ROOT_NODE;
    const walk = walkRows(source, thread, from_ns, to_ns, {
      enter(code, depth, index, start_ns, end_ns, column) {
        const span_ns = end_ns - start_ns;
        tree.own_ns[node] -= node === ROOT_NODE ? 0 : span_ns;
        node = tree.callee(node, code >= functions ? FOLDED_CALLS : code);
        tree.own_ns[node] += span_ns;
        if (code >= functions) {
          folds.add(thread, depth, index, node, span_ns, column.end[index] - column.start[index]);
        } else if (isCallOfItsOwn(column, index)) {
          ++tree.calls[node];
        }
      },
      leave() {
        node = tree.caller[node];
      },
    });
    for (const part of walk) {
      yield (done + part) / threads.length;
    }
    yield (done + 1) / threads.length;
  }
  return {tree, folds};
}

/**
 * The time between the calls of a fold is its caller's own. Before finish(). False if `signal` ended it.
 * @param {Source} source
 * @param {StackTree} tree
 * @param {FoldList} folds
 * @param {AbortSignal} signal
 */
export function addFoldsToTree(source, tree, folds, signal) {
  return folds.open(source, signal, (node, part, span_ns, functions, table, at) => {
    const between_ns = span_ns - table.busy_ns[at] * part;
    tree.calls[node] += table.calls[at];
    tree.own_ns[node] -= between_ns;
    if (tree.caller[node] !== ROOT_NODE) {
      tree.own_ns[tree.caller[node]] += between_ns;
    }
  });
}
