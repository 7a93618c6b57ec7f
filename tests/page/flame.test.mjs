// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { test } from 'node:test';

import { bottomUp, layoutFlame, pathOf, sandwich, timeOfMatches, topDown } from '../../viewer/page/panels/flame_nodes.js';
import { allThreads } from '../../viewer/page/panels/rows.js';
import { addFoldsToTree, FOLDED_CALLS, ROOT_NODE, StackTree, treeOfRange, treeOfStacks } from '../../viewer/page/panels/stack_tree.js';
import { FakeSource, finished } from './fake_source.mjs';

/** Stacks as text: "a;b;c own calls". */
function treeOf(lines) {
  const tree = new StackTree();
  for (const line of lines) {
    const [stack, own, calls] = line.split(' ');
    let node = ROOT_NODE;
    for (const name of stack.split(';')) {
      node = tree.callee(node, name.charCodeAt(0) - 97);
    }
    tree.own_ns[node] += Number(own);
    tree.calls[node] += Number(calls ?? 1);
  }
  return tree.finish();
}

function shown(node) {
  return node.nodes().map((each) => {
    const inner = shown(each);
    return `${String.fromCharCode(97 + each.called)}:${each.weight_ns}${inner === '' ? '' : `(${inner})`}`;
  }).join(' ');
}

const TREE = ['a 1', 'a;b 2', 'a;b;c 3', 'a;c 10', 'd;b;c 4', 'a;b;c;b 5'];

test('from the top down, the heaviest first', () => {
  assert.equal(shown(topDown(treeOf(TREE))), 'a:21(b:10(c:8(b:5)) c:10) d:4(b:4(c:4))');
});

test('bottom-up: own time with the callers that it was spent for', () => {
  assert.equal(shown(bottomUp(treeOf(TREE))), 'c:17(a:10 b:7(d:4 a:3)) b:7(c:5(b:5(a:5)) a:2 d:0) a:1');
});

test('a sandwich counts of a recursion the outermost call', () => {
  const {callees, callers} = sandwich(treeOf(TREE), 1);
  assert.equal(callees.weight_ns, 14);
  assert.equal(callers.weight_ns, 14);
  assert.equal(callees.own_ns, 7);
  assert.equal(shown(callees), 'c:12(b:5)');
  assert.equal(shown(callers), 'a:10 d:4');
});

test('stacks of threads are put together, or taken from one', () => {
  const source = new FakeSource({seed: 4, threads: 3});
  const all = topDown(finished(treeOfStacks(source.blocks, null)));
  const each = source.blocks.map((_, thread) => topDown(finished(treeOfStacks(source.blocks, new Set([thread])))));
  const own_ns = source.blocks.flatMap((block) => block.own_ns).reduce((a, b) => a + b, 0);
  assert.equal(all.weight_ns, own_ns);
  assert.equal(each.reduce((sum, root) => sum + root.weight_ns, 0), own_ns);
  assert.ok(all.nodes().length >= each[0].nodes().length);
});

test('a range of rows makes the same tree as the calls themselves', async () => {
  const source = new FakeSource({seed: 6, threads: 2});
  const {tree, folds} = finished(treeOfRange(source, allThreads(source), -Infinity, Infinity));
  assert.ok(await addFoldsToTree(source, tree, folds, new AbortController().signal));
  tree.finish();
  const own_ns = new Map();
  const visit = (row, path) => {
    const here = `${path};${row.fold ? FOLDED_CALLS : row.code}`;
    const busy_ns = row.fold ? row.fold.busy_ns : row.end - row.start;
    own_ns.set(here, (own_ns.get(here) ?? 0) + busy_ns - row.inner.reduce((sum, inner) => sum + visit(inner, here), 0));
    return busy_ns;
  };
  source.calls.flat().forEach((row) => visit(row, ''));
  const found = new Map();
  const collect = (node) => node.nodes().forEach((each) => {
    found.set(`;${pathOf(each).join(';')}`, each.own_ns);
    collect(each);
  });
  collect(topDown(tree));
  assert.equal(found.size, own_ns.size);
  for (const [path, own] of own_ns) {
    assert.ok(Math.abs(found.get(path) - own) < 1e-6, path);
  }
  assert.ok([...found.keys()].some((path) => path.endsWith(`;${FOLDED_CALLS}`)));
});

test('boxes lie within their parents; what is too narrow is not looked at', () => {
  const source = new FakeSource({seed: 8, threads: 2});
  const root = topDown(finished(treeOfStacks(source.blocks, null)));
  const boxes = layoutFlame(root, 500, 2);
  const of_node = new Map(boxes.map((box) => [box.node, box]));
  assert.ok(boxes.length > 30);
  for (const box of boxes) {
    assert.ok(box.width >= 2);
    const parent = of_node.get(box.node.parent);
    if (box.node !== root) {
      assert.ok(box.x >= parent.x - 1e-9 && box.x + box.width <= parent.x + parent.width + 1e-6);
    }
  }
  const zoomed = root.nodes()[0].nodes()[0];
  const inside = layoutFlame(zoomed, 500, 2);
  assert.deepEqual(inside.slice(0, 3).map((box) => [box.node, box.width, box.row]), [[root, 500, 0], [zoomed.parent, 500, 1], [zoomed, 500, 2]]);
});

test('nothing to draw is no error', () => {
  assert.equal(layoutFlame(topDown(new StackTree().finish()), 500, 1).length, 0);
  assert.equal(sandwich(treeOf(TREE), 9).callees.weight_ns, 0);
});

test('the time of what matches counts nothing twice', () => {
  const match = new Uint8Array(26);
  match[1] = 1;
  assert.equal(timeOfMatches(treeOf(TREE), match), 14);
  match[2] = 1;
  assert.equal(timeOfMatches(treeOf(TREE), match), 24);
  match[0] = 1;
  assert.equal(timeOfMatches(treeOf(TREE), match), 25);
});

test('many stacks are told apart', () => {
  const tree = new StackTree();
  const nodes = new Map();
  for (let each = 0; each < 60000; ++each) {
    const caller = each === 0 ? ROOT_NODE : (each * 7919) % each;
    const called = (each * 31) % 700 - 2;
    const key = `${caller} ${called}`;
    const node = tree.callee(caller, called);
    assert.equal(nodes.get(key) ?? node, node);
    nodes.set(key, node);
  }
  assert.equal(tree.count, nodes.size + 1);
  assert.equal(new Set(nodes.values()).size, nodes.size);
});
