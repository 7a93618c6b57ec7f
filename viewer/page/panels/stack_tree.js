// SPDX-License-Identifier: Apache-2.0
//
// Stacks put together to one tree: a node for each different stack, its caller before it.
import { FLAG_RESUMED } from '../data/columns.js';
import { walkRows } from './rows.js';

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

export class StackTree {
  /** @param {number} functions how many there are */
  constructor(functions) {
    this.functions = functions;
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
    /** @type {Map<number, number>} */
    this.nodes = new Map();
  }

  /** The node of that function below a node. @param {number} caller @param {number} called */
  callee(caller, called) {
    const key = caller * (this.functions + 2) + called + 2;
    const found = this.nodes.get(key);
    if (found !== undefined) {
      return found;
    }
    const node = this.count++;
    if (node === this.caller.length) {
      this.caller = withMoreRoom(this.caller);
      this.called = withMoreRoom(this.called);
      this.calls = withMoreRoom(this.calls);
      this.own_ns = withMoreRoom(this.own_ns);
    }
    this.caller[node] = caller;
    this.called[node] = called;
    this.nodes.set(key, node);
    return node;
  }

  /** Makes sums and lists of callees, once all is there. */
  finish() {
    const total_ns = this.own_ns.slice(0, this.count);
    const first = new Int32Array(this.count).fill(-1);
    const next = new Int32Array(this.count).fill(-1);
    for (let node = this.count - 1; node > ROOT_NODE; --node) {
      const caller = this.caller[node];
      total_ns[caller] += total_ns[node];
      next[node] = first[caller];
      first[caller] = node;
    }
    this.total_ns = total_ns;
    this.firstCallee = first;
    this.nextCallee = next;
    this.nodes = new Map();
    return this;
  }
}

/**
 * The tree of the report's own stacks, exact, of all threads or one.
 * @param {number} functions
 * @param {readonly {thread: number, caller: number[], function: number[], calls: number[], own_ns: number[]}[]} blocks
 * @param {ReadonlySet<number> | null} threads
 * @returns {Generator<number, StackTree, void>}
 */
export function* treeOfStacks(functions, blocks, threads) {
  const tree = new StackTree(functions);
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
  return tree.finish();
}

/**
 * The tree of the rows of a range. `folds`: where folds lie and in which node, for addFoldToTree().
 * @param {Source} source
 * @param {readonly number[]} threads
 * @param {number} from_ns
 * @param {number} to_ns
 * @returns {Generator<number, {tree: StackTree, folds: {thread: number, depth: number, index: number, node: number,
 *   part: number, span_ns: number}[]}, void>}
 */
export function* treeOfRange(source, threads, from_ns, to_ns) {
  const functions = source.report.functions.count;
  const tree = new StackTree(functions);
  /** @type {{thread: number, depth: number, index: number, node: number, part: number, span_ns: number}[]} */
  const folds = [];
  for (let done = 0; done < threads.length; ++done) {
    const thread = threads[done];
    let node = ROOT_NODE;
    const walk = walkRows(source, thread, from_ns, to_ns, {
      enter(code, depth, index, start_ns, end_ns) {
        const fold = code >= functions;
        const span_ns = end_ns - start_ns;
        tree.own_ns[node] -= node === ROOT_NODE ? 0 : span_ns;
        node = tree.callee(node, fold ? FOLDED_CALLS : code);
        tree.own_ns[node] += span_ns;
        const column = source.column(thread, depth);
        if (fold) {
          const whole_ns = column === undefined ? 0 : column.end[index] - column.start[index];
          folds.push({thread, depth, index, node, part: whole_ns > 0 ? span_ns / whole_ns : 1, span_ns});
        } else if (column === undefined || (column.flags(index) & FLAG_RESUMED) === 0) {
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
 * The time between the calls of a fold is its caller's own. Before finish().
 * @param {StackTree} tree
 * @param {{node: number, part: number, span_ns: number}} ref
 * @param {{calls: number, busy_ns: number}} fold
 */
export function addFoldToTree(tree, ref, fold) {
  const between_ns = ref.span_ns - fold.busy_ns * ref.part;
  tree.calls[ref.node] += fold.calls;
  tree.own_ns[ref.node] -= between_ns;
  if (tree.caller[ref.node] !== ROOT_NODE) {
    tree.own_ns[tree.caller[ref.node]] += between_ns;
  }
}
