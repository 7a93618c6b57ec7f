// SPDX-License-Identifier: Apache-2.0
//
// The file as a source: whole, cut, and with damaged parts.

import assert from 'node:assert/strict';
import test from 'node:test';
import { python, sourceOf, withFile } from './support.mjs';

const OPTIONS = { rows: 3000, threads: 3, processes: 2, depth: 8, seed: 3 };

function rowCount(source) {
  let rows = 0;
  source.report.threads.forEach((thread, at) => {
    for (let depth = 0; depth < thread.depth; depth++) rows += source.column(at, depth)?.count || 0;
  });
  return rows;
}

/** What the oracle says of the file. */
function oracle(file) {
  return JSON.parse(python(`
found = page_file.read_page(given)
columns = {f"{thread} {depth}": [column.start, column.end, column.code, column.odd, column.folds] for (thread, depth), column in found["columns"].items()}
print(json.dumps({**{name: found[name] for name in ("values", "marks", "stacks", "sources", "tables")}, "columns": columns}))
`, file).toString());
}

test('rows, values, folds, marks, stacks and sources are those of the file', () => withFile(OPTIONS, async (file) => {
  const source = await sourceOf(file);
  const expected = oracle(file);
  assert.deepEqual(source.problems, []);
  assert.equal(rowCount(source), source.report.meta.rows);
  let folds = 0;
  for (const [key, [start, end, code, odd, folds_of]] of Object.entries(expected.columns)) {
    const [thread, depth] = key.split(' ').map(Number);
    const column = source.column(thread, depth);
    assert.deepEqual([...column.start.subarray(0, column.count)], start);
    assert.deepEqual([...column.end.subarray(0, column.count)], end);
    assert.deepEqual([...column.code.subarray(0, column.count)], code);
    for (const [row, flags] of Object.entries(odd)) assert.equal((await source.details(thread, depth, Number(row))).flags, flags);
    for (const [row, [calls, raised, busy_ns, each]] of Object.entries(folds_of)) {
      const fold = await source.fold(thread, depth, Number(row));
      assert.deepEqual([fold.calls, fold.raised, fold.busy_ns], [calls, raised, busy_ns]);
      assert.deepEqual(new Map(fold.functions), new Map(source.report.functionsOf(code[row]).map((one, i) => [one, each[i]])));
      for (let i = 1; i < fold.functions.length; i++) assert.ok(fold.functions[i - 1][1] >= fold.functions[i][1], 'most calls first');
      folds++;
    }
  }
  assert.ok(folds > 50);
  for (const { thread, calls } of expected.values) {
    for (const [depth, index, line, args, returned] of calls.slice(0, 40)) {
      assert.deepEqual(await source.details(thread, depth, index), { flags: source.column(thread, depth).flags(index), line, args, returned });
    }
  }
  assert.equal((await source.details(0, 1, 1)).args, null);
  assert.deepEqual(source.threadsWithMarks(), [0, 1, 2]);
  const marks = await source.marks(0);
  assert.deepEqual(marks.instants.map((one) => [one.ns, one.name, one.category, one.args]), expected.marks[0].instants);
  assert.deepEqual(marks.counters.map((one) => [one.name, one.ns, one.value]), expected.marks[0].counters);
  assert.deepEqual((await source.stacks()).map((one) => one.caller), expected.stacks.map((one) => one.caller));
  assert.equal(await source.sourceText(1), expected.sources[0][1]);
  assert.equal(await source.sourceText(2), expected.sources[1][2]);
  assert.equal(await source.sourceText(3), null);
}));


test('a damaged element costs its own rows, and no values go to other calls', () => withFile({ ...OPTIONS, rows: 6000, threads: 1 }, async (file) => {
  // Each part of a column in an element of its own, as a writer has them that writes while it reads.
  const parts = JSON.parse(python(`
found = page_file.read_page(given)
out = []
column = found["columns"][(0, 2)]
for begin in range(0, len(column), 10):
    part = page_file.Column()
    for at in range(begin, min(begin + 10, len(column))):
        part.add(column.start[at], column.end[at], column.code[at], 0, column.folds.get(at))
    block = page_file.call_block(0, {2: part}, {2: begin})
    out.append(page_file.PageWriter("").pack(block))
print(json.dumps([out, column.start]))
`, file).toString());
  const [texts, start] = parts;
  assert.ok(texts.length > 4);
  const source = await sourceOf(file, (elements) => [...elements.filter((one) => one.kind !== 'calls'),
    ...texts.map((text, number) => ({ kind: 'calls', number, text: number === 1 ? `${text.slice(0, 40)}AAAA${text.slice(44)}` : number === 3 ? '*' : text, thread: -1 }))]);
  assert.deepEqual(source.problems.filter((one) => one.includes('damaged')).sort(), ['Block 1 of calls is damaged: its calls are not shown.', 'Block 3 of calls is damaged: its calls are not shown.']);
  const column = source.column(0, 2);
  const kept = start.filter((_, i) => i < 10 || (i >= 20 && i < 30) || i >= 40);
  assert.deepEqual([...column.start.subarray(0, column.count)], kept);
  const { calls } = oracle(file).values[0];
  let found = 0;
  for (const [depth, index, line, args] of calls) {
    if (depth !== 2) continue;
    const at = column.indexOfRecorded(index);
    assert.equal(at < 0, (index >= 10 && index < 20) || (index >= 30 && index < 40), String(index));
    if (at < 0) continue;
    assert.equal(column.start[at], start[index]);
    const details = await source.details(0, depth, at);
    assert.deepEqual([details.line, details.args], [line, args]);
    found++;
  }
  assert.ok(found > 5);
  // What was lost leaves folds where they are.
  for (let at = 0; at < column.count; at++) {
    if (!source.report.isFold(column.code[at])) continue;
    const fold = await source.fold(0, 2, at);
    assert.equal(fold.functions.length, source.report.functionsOf(column.code[at]).length);
    assert.equal(fold.calls, fold.functions.reduce((sum, one) => sum + one[1], 0));
  }
}));

test('a file that has been cut says so, and shows what is there', () => withFile({ ...OPTIONS, threads: 6, element_bytes: 5000 }, async (file) => {
  const source = await sourceOf(file, (elements) => {
    const calls = elements.filter((one) => one.kind === 'calls');
    assert.ok(calls.length > 2);
    const last = calls[2];
    return [calls[0], calls[1], { ...last, text: last.text.slice(0, last.text.length >> 1) }];
  });
  assert.equal(source.problems.length, 1, source.problems.join('\n'));
  assert.match(source.problems.join('\n'), /This file has been cut: 2 of \d+ blocks of calls are there/);
  const rows = rowCount(source);
  assert.ok(rows > 0 && rows < source.report.meta.rows);
  assert.equal(source.complete, true);
  assert.equal(await source.sourceText(0), null);
  assert.deepEqual(await source.stacks(), []);
}));

test('damaged values, marks and sources cost themselves only', () => withFile(OPTIONS, async (file) => {
  const broken = new Set(['values', 'marks', 'stacks', 'sources']);
  const source = await sourceOf(file, (elements) => elements.map((one) => (broken.has(one.kind) && one.number === 0 ? { ...one, text: `${one.text.slice(0, 60)}AAAA${one.text.slice(64)}` } : one)));
  const values = oracle(file).values;
  const [depth, index] = values[0].calls[0];
  assert.equal((await source.details(0, depth, index)).args, null);
  const [other_depth, other_index, line] = values[1].calls[0];
  assert.equal((await source.details(1, other_depth, other_index)).line, line);
  assert.deepEqual((await source.marks(0)).instants, []);
  assert.ok((await source.marks(1)).instants.length > 0);
  assert.equal((await source.stacks()).length, 2);
  assert.equal(await source.sourceText(0), null);
  assert.notEqual(await source.sourceText(2), null);
  assert.equal(source.problems.length, 4, source.problems.join('\n'));
}));

test('until all rows are there the overview is shown, and then no longer', () => withFile(OPTIONS, async (file) => {
  let before = null;
  let source = null;
  source = await sourceOf(file, (elements) => elements);
  assert.equal(source.generation, 1);
  assert.notEqual(source.column(0, 0), source.overview.column(0, 0));
  before = await sourceOf(file, (elements) => elements.filter((one) => one.kind !== 'calls'));
  assert.equal(before.column(0, 0), before.overview.column(0, 0), 'of a thread without rows the overview stays');
}));
