// SPDX-License-Identifier: Apache-2.0
//
// A tree of stacks as flame graphs show it: from the top down, from where the time went up (bottom-up), and both around one
// function (sandwich). Nodes find their own when they are looked at, so that a big tree costs what is drawn of it.
import { ROOT_NODE } from './stack_tree.js';

/** @typedef {import('./stack_tree.js').StackTree} StackTree */

export class FlameNode {
  /**
   * @param {FlameNode | null} parent
   * @param {number} called
   * @param {(node: FlameNode) => FlameNode[]} expand
   * @param {number} depth
   */
  constructor(parent, called, expand, depth) {
    this.parent = parent;
    this.called = called;
    this.expand = expand;
    this.depth = depth;
    this.calls = 0;
    this.own_ns = 0;     // of the calls that the node stands for
    this.weight_ns = 0;  // its width
    /** @type {number[]} */
    this.stacks = [];    // nodes of the tree that it is made of
    /** @type {number[]} */
    this.origins = [];   // upwards: where each of them came from
    /** @type {FlameNode[] | null} */
    this.known = null;
  }

  /** The heaviest first. */
  nodes() {
    if (this.known === null) {
      this.known = this.expand(this).sort((a, b) => b.weight_ns - a.weight_ns || a.called - b.called);
    }
    return this.known;
  }
}

/** @param {FlameNode} parent @param {Map<number, FlameNode>} found @param {number} called */
function flameNodeOf(parent, found, called) {
  let node = found.get(called);
  if (node === undefined) {
    node = new FlameNode(parent, called, parent.expand, parent.depth + 1);
    found.set(called, node);
  }
  return node;
}

/** @param {StackTree} tree @param {FlameNode} node @param {number} stack */
function addStack(tree, node, stack) {
  node.stacks.push(stack);
  node.calls += tree.calls[stack];
  node.own_ns += tree.own_ns[stack];
  node.weight_ns += tree.total_ns[stack];
}

/** @param {StackTree} tree @returns {(node: FlameNode) => FlameNode[]} */
function calleesOf(tree) {
  return (node) => {
    /** @type {Map<number, FlameNode>} */
    const found = new Map();
    for (const caller of node.stacks) {
      for (let stack = tree.firstCallee[caller]; stack >= 0; stack = tree.nextCallee[stack]) {
        addStack(tree, flameNodeOf(node, found, tree.called[stack]), stack);
      }
    }
    return [...found.values()];
  };
}

/**
 * @param {StackTree} tree
 * @param {Float64Array} weight_ns of each origin
 * @returns {(node: FlameNode) => FlameNode[]}
 */
function callersOf(tree, weight_ns) {
  return (node) => {
    /** @type {Map<number, FlameNode>} */
    const found = new Map();
    for (let at = 0; at < node.stacks.length; ++at) {
      const caller = tree.caller[node.stacks[at]];
      if (caller > ROOT_NODE) {
        addOrigin(tree, weight_ns, flameNodeOf(node, found, tree.called[caller]), caller, node.origins[at]);
      }
    }
    return [...found.values()];
  };
}

/** @param {StackTree} tree @param {Float64Array} weight_ns @param {FlameNode} node @param {number} stack @param {number} origin */
function addOrigin(tree, weight_ns, node, stack, origin) {
  node.stacks.push(stack);
  node.origins.push(origin);
  node.calls += tree.calls[origin];
  node.own_ns += tree.own_ns[origin];
  node.weight_ns += weight_ns[origin];
}

/** From the top down: a box is as wide as its time and that of what it called. @param {StackTree} tree */
export function topDown(tree) {
  const root = new FlameNode(null, tree.called[ROOT_NODE], calleesOf(tree), 0);
  addStack(tree, root, ROOT_NODE);
  return root;
}

/** Own time by function, its callers below it. @param {StackTree} tree */
export function bottomUp(tree) {
  const expand = callersOf(tree, tree.own_ns);
  const root = new FlameNode(null, tree.called[ROOT_NODE], (node) => {
    /** @type {Map<number, FlameNode>} */
    const found = new Map();
    for (let stack = ROOT_NODE + 1; stack < tree.count; ++stack) {
      const of_function = flameNodeOf(node, found, tree.called[stack]);
      of_function.expand = expand;
      addOrigin(tree, tree.own_ns, of_function, stack, stack);
    }
    return [...found.values()].filter((each) => each.weight_ns > 0);
  }, 0);
  root.weight_ns = tree.total_ns[ROOT_NODE];
  return root;
}

/**
 * One function with all that it called, and with all that led to it. In a recursion its outermost call counts, so both
 * are as wide as its total time.
 * @param {StackTree} tree
 * @param {number} called
 */
export function sandwich(tree, called) {
  const inside = new Uint8Array(tree.count);
  const callees = new FlameNode(null, called, calleesOf(tree), 0);
  const callers = new FlameNode(null, called, callersOf(tree, tree.total_ns), 0);
  let calls = 0;
  let own_ns = 0;
  for (let stack = ROOT_NODE + 1; stack < tree.count; ++stack) {
    const outer = inside[tree.caller[stack]];
    const is_function = tree.called[stack] === called;
    inside[stack] = outer || is_function ? 1 : 0;
    if (!is_function) {
      continue;
    }
    calls += tree.calls[stack];
    own_ns += tree.own_ns[stack];
    if (!outer) {
      addStack(tree, callees, stack);
      addOrigin(tree, tree.total_ns, callers, stack, stack);
    }
  }
  callees.calls = callers.calls = calls;
  callees.own_ns = callers.own_ns = own_ns;
  return {callees, callers};
}

/** @typedef {{node: FlameNode, x: number, width: number, row: number}} FlameBox */

/**
 * The boxes that are at least `least_px` wide. `zoomed` fills the whole width, with its parents above it.
 * @param {FlameNode} zoomed
 * @param {number} width_px
 * @param {number} least_px
 * @param {number} [most_rows]
 */
export function layoutFlame(zoomed, width_px, least_px, most_rows = 1024) {
  /** @type {FlameBox[]} */
  const boxes = [];
  for (let node = zoomed.parent; node !== null; node = node.parent) {
    boxes.push({node, x: 0, width: width_px, row: node.depth});
  }
  boxes.reverse();
  if (!(zoomed.weight_ns > 0)) {
    return boxes;
  }
  const px_per_ns = width_px / zoomed.weight_ns;
  /** @type {FlameBox[]} */
  const open = [{node: zoomed, x: 0, width: width_px, row: zoomed.depth}];
  while (open.length > 0) {
    const box = /** @type {FlameBox} */ (open.pop());
    boxes.push(box);
    if (box.row >= zoomed.depth + most_rows) {
      continue;
    }
    let x = box.x;
    for (const node of box.node.nodes()) {
      const width = node.weight_ns * px_per_ns;
      if (width < least_px) {
        break;  // the heaviest come first
      }
      open.push({node, x, width, row: node.depth});
      x += width;
    }
  }
  return boxes;
}

/** Its functions, the outermost first. @param {FlameNode} node */
export function pathOf(node) {
  const path = [];
  for (let at = /** @type {FlameNode | null} */ (node); at !== null && at.depth > 0; at = at.parent) {
    path.push(at.called);
  }
  return path.reverse();
}

/**
 * The time in which one of the functions was running: of those in one another the outermost.
 * @param {StackTree} tree
 * @param {Uint8Array} functions
 */
export function timeOfMatches(tree, functions) {
  const inside = new Uint8Array(tree.count);
  let time_ns = 0;
  for (let stack = ROOT_NODE + 1; stack < tree.count; ++stack) {
    const outer = inside[tree.caller[stack]] === 1;
    const matches = functions[tree.called[stack]] === 1;
    inside[stack] = outer || matches ? 1 : 0;
    time_ns += matches && !outer ? tree.total_ns[stack] : 0;
  }
  return time_ns;
}
