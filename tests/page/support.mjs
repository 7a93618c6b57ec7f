// SPDX-License-Identifier: Apache-2.0
//
// What the page's tests share: blocks and files as tests/support/page_file.py writes them, and sources made of them.

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { gunzipSync } from 'node:zlib';
import { ByteReader, readCallBlocks } from '../../viewer/page/data/call_block.js';
import { FileSource, limitsOf } from '../../viewer/page/data/file_source.js';
import { bytesOfBase64 } from '../../viewer/page/data/packed.js';
import { Report } from '../../viewer/page/data/report.js';

export const ROOT = path.dirname(path.dirname(path.dirname(fileURLToPath(import.meta.url))));
const PYTHON = process.env.VTN_TEST_PYTHON || 'python3';

/** What a Python program with page_file prints, given JSON. */
export function python(code, input = null) {
  const program = `import json, sys; sys.path.insert(0, ${JSON.stringify(path.join(ROOT, 'tests', 'support'))}); import page_file; given = json.load(sys.stdin)\n${code}`;
  return execFileSync(PYTHON, ['-c', program], { input: JSON.stringify(input), maxBuffer: 1 << 29 });
}

/** One block: {thread, base_ns, columns: {depth: [[start, end, code]]}, firsts, odd: {depth: {row: flags}}, folds: {depth: {row: [calls, raised, busy, each]}}}. */
export function pythonBlock(given) {
  return python(`
columns = {}
for depth, rows in given["columns"].items():
    column = columns[int(depth)] = page_file.Column()
    odd, folds = (given.get(name, {}).get(depth, {}) for name in ("odd", "folds"))
    for at, row in enumerate(rows):
        column.add(*row, odd.get(str(at), 0), folds.get(str(at)))
firsts = {depth: given.get("firsts", {}).get(str(depth), 0) for depth in columns}
sys.stdout.buffer.write(page_file.call_block(given["thread"], columns, firsts, given.get("base_ns", 0)))
`, given);
}

/** Runs `use` with the path of a synthetic report; options are those of page_file.Synthetic, and `write`, Python that changes its text. */
export async function withFile(options, use, change = '') {
  const folder = mkdtempSync(path.join(tmpdir(), 'page-'));
  const file = path.join(folder, 'report.html');
  try {
    python(`
page_file.Synthetic(**given["options"]).write(given["file"], "<!--vtn:META--><!--vtn:TABLES--><!--vtn:CODE--><script id=code></script><!--vtn:DATA-->")
${change}`, { options, file });
    return await use(file);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** The elements of a file, as data/elements.js takes them from a document. */
export function elementsOf(file) {
  const text = readFileSync(file, 'utf8');
  const found = [...text.matchAll(/<script type="application\/(?:x-vtn|json)" id="vtn-([a-z]+)(?:-(\d+))?"([^>]*)>([^<]*)<\/script>/g)];
  return found.map(([, kind, number, attributes, content]) => {
    const numberOf = (name, otherwise) => Number(new RegExp(`data-${name}="(-?\\d+)"`).exec(attributes)?.[1] ?? otherwise);
    return { kind, number: Number(number || 0), text: content, thread: numberOf('thread', -1), from_ns: numberOf('from-ns', -Infinity), to_ns: numberOf('to-ns', Infinity) };
  });
}

/** A FileSource, or one made of it, that has read a file. `drop` may take elements out, or change them. */
export async function sourceOf(file, drop = (elements) => elements, Kind = FileSource) {
  const elements = elementsOf(file);
  const meta = JSON.parse(elements.find((one) => one.kind === 'meta').text);
  const tables = JSON.parse(gunzipSync(Buffer.from(elements.find((one) => one.kind === 'tables').text, 'base64')).toString());
  const source = new Kind(new Report(meta, tables), '');
  for (const one of elements) if (one.kind === 'overview') await source.addOverview(bytesOfBase64(one.text));
  const given = drop(elements);
  for (const one of given) if (one.kind === 'calls' || one.kind in source.packed) source.add(one);
  source.end(given.some((one) => one.kind === 'end'));
  await source.whenComplete;
  return source;
}

/** Reads a synthetic file by both readers, compares every row, and says how many there were. */
export function blockOf() {
  const folder = mkdtempSync(path.join(tmpdir(), 'page-'));
  const file = path.join(folder, 'report.html');
  try {
    const expected = JSON.parse(python(`
page_file.Synthetic(rows=4000, threads=3, depth=9, seed=5).write(given, "<!--vtn:META--><!--vtn:TABLES--><!--vtn:CODE--><!--vtn:DATA-->")
found = page_file.read_page(given)
print(json.dumps({f"{thread} {depth}": [column.start, column.end, column.code, column.odd, column.folds] for (thread, depth), column in found["columns"].items()}))
`, file).toString());
    const elements = elementsOf(file);
    const tables = JSON.parse(gunzipSync(Buffer.from(elements.find((one) => one.kind === 'tables').text, 'base64')).toString());
    const report = new Report(JSON.parse(elements[0].text), tables);
    const counts = { rows: 0, folds: 0, odd: 0 };
    const seen = new Set();
    for (const element of elements.filter((one) => one.kind === 'calls')) {
      for (const block of readCallBlocks(gunzipSync(Buffer.from(element.text, 'base64')), limitsOf(report))) compareBlock(block, report, expected, counts, seen);
    }
    assert.equal(seen.size, Object.keys(expected).length);
    return counts;
  } finally {
    rmSync(folder, { recursive: true });
  }
}

function compareBlock(block, report, expected, counts, seen) {
  let fold = 0;
  for (const piece of block.pieces) {
    const [start, end, code, odd, folds] = expected[`${block.thread} ${piece.depth}`];
    seen.add(`${block.thread} ${piece.depth}`);
    const range = [piece.at, piece.at + piece.rows];
    assert.deepEqual([[...block.start.slice(...range)], [...block.end.slice(...range)], [...block.code.slice(...range)]], [start, end, code]);
    const in_piece = [...block.odd].map((row, i) => [row - piece.at, block.odd_flags[i]]).filter(([row]) => row >= 0 && row < piece.rows);
    assert.deepEqual(Object.fromEntries(in_piece), odd);
    for (const row of Object.keys(folds)) {
      const from = new ByteReader(block.folds, block.fold_offsets[fold++]);
      const [calls, raised, busy_ns, each] = folds[row];
      assert.deepEqual([from.varint(), from.varint(), from.varint(), report.functionsOf(code[Number(row)]).map(() => from.varint() + 1)], [calls, raised, busy_ns, each]);
      counts.folds++;
    }
    counts.rows += piece.rows;
    counts.odd += in_piece.length;
  }
}
