// SPDX-License-Identifier: Apache-2.0
//
// The program that makes one page of all modules: what it joins, and what it refuses.

import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import test from 'node:test';
import { ROOT } from './support.mjs';

const PYTHON = process.env.VTN_TEST_PYTHON || 'python3';
const BUNDLE = path.join(ROOT, 'viewer', 'page', 'bundle.py');
const HTML = '<!doctype html>\n<!-- a comment -->\n<!--vtn:STYLE-->\n<!--vtn:META-->\n<b>middle</b>\n<!--vtn:TABLES-->\n<!--vtn:CODE-->\n<!--vtn:DATA-->\n</html>\n';

/** Bundles files of a folder of their own: {name: text}; the page, or what it said against it. */
function bundled(files, kind = '--html') {
  const folder = mkdtempSync(path.join(tmpdir(), 'bundle-'));
  try {
    const all = { 'index.html': HTML, ...files };
    for (const [name, text] of Object.entries(all)) {
      mkdirSync(path.dirname(path.join(folder, name)), { recursive: true });
      writeFileSync(path.join(folder, name), text);
    }
    const done = spawnSync(PYTHON, [BUNDLE, kind, path.join(folder, 'out'), ...Object.keys(all).map((name) => path.join(folder, name))], { encoding: 'utf8' });
    return done.status === 0 ? { page: readFileSync(path.join(folder, 'out'), 'utf8'), error: done.stderr } : { page: '', error: done.stderr };
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** What the joined script leaves in `result`. */
function run(page) {
  const code = /<script id="vtn-code">([^]*?)<\/script>/.exec(page)[1];
  return new Function('result', `${code}\nreturn result;`)([]);
}

test('modules are joined, imported ones first, and run', () => {
  const { page, error } = bundled({
    'main.js': "// first\nimport { twice } from './a/twice.js';\nimport { SEVEN } from './seven.js';\nresult.push(twice(SEVEN));\n",
    'a/twice.js': "import { SEVEN } from '../seven.js';\n/** Documentation\n * of it. */\nexport function twice(x) {\n  return x * 2 + SEVEN - 7;\n}\n",
    'seven.js': 'export const SEVEN = 7;\n',
    'style.css': '/* no */\nb { color: red; }\n',
  });
  assert.equal(error, '');
  assert.deepEqual(run(page), [14]);
  assert.ok(!page.includes('Documentation') && !page.includes('a comment') && !page.includes('/* no */'));
  assert.ok(page.includes('<style>\nb { color: red; }\n</style>'));
});

test('text of a script cannot end its element', () => {
  const { page } = bundled({ 'main.js': "result.push('</script><!-- </SCRIPT>');\n" });
  assert.equal(page.match(/<\/script/gi).length, 1);
  assert.ok(!page.slice(page.indexOf('<script id')).replace(/<!--vtn:DATA-->/, '').includes('<!--'));
  assert.deepEqual(run(page), ['</script><!-- </SCRIPT>']);
});

for (const [what, files, said] of [
  ['a default export', { 'main.js': "import { a } from './a.js';\n", 'a.js': 'export default 1;\n' }, /a\.js:1: an export is/],
  ['a list of exports', { 'main.js': "import { a } from './a.js';\n", 'a.js': 'const a = 1;\nexport { a };\n' }, /a\.js:2: an export is/],
  ['another name for an import', { 'main.js': "import { a as b } from './a.js';\n", 'a.js': 'export const a = 1;\n' }, /main\.js:1: an import is/],
  ['a whole module', { 'main.js': "import * as a from './a.js';\n", 'a.js': 'export const a = 1;\n' }, /main\.js:1: an import is/],
  ['an import when running', { 'main.js': "const a = () => import('./a.js');\n" }, /main\.js:1: import\(\)/],
  ['a name twice', { 'main.js': "import { a } from './a.js';\nimport { b } from './b.js';\n", 'a.js': 'export const a = 1;\nconst c = 1;\n', 'b.js': 'export const b = 1;\nfunction c() {}\n' }, /b\.js:2: c stands in a\.js:2/],
  ['a circle', { 'main.js': "import { a } from './a.js';\n", 'a.js': "import { b } from './b.js';\nexport const a = 1;\n", 'b.js': "import { a } from './a.js';\nexport const b = 1;\n" }, /circle: a\.js -> b\.js -> a\.js/],
  ['a module that does something', { 'main.js': "import { a } from './a.js';\n", 'a.js': 'export const a = [];\na.push(1);\n' }, /a\.js:2: at the left edge/],
  ['an import of what is not exported', { 'main.js': "import { b } from './a.js';\n", 'a.js': 'export const a = 1;\nconst b = 1;\n' }, /main\.js:1: a\.js does not export b/],
  ['a module that is not listed', { 'main.js': "import { a } from './lost.js';\n" }, /main\.js:1: lost\.js is not among the files/],
  ['a module that nobody imports', { 'main.js': '\n', 'a.js': 'export const a = 1;\n' }, /main\.js does not reach a\.js/],
  ['a style that loads something', { 'main.js': '\n', 'style.css': 'b { background: url(https://example.org/x.png); }\n' }, /refers to something outside/],
  ['a page without a place for data', { 'main.js': '\n', 'index.html': HTML.replace('<!--vtn:DATA-->', '') }, /vtn:DATA/],
]) {
  test(`refused: ${what}`, () => assert.match(bundled(files).error, said));
}

test('as C++ it is the same page', () => {
  const files = { 'main.js': "result.push('é \\u2028 \"');\n" };
  const numbers = bundled(files, '--cc').page;
  const bytes = [...numbers.matchAll(/_bytes\[\] = \{\n([^}]*)0\};/g)].map((one) => Buffer.from(one[1].split(',').filter((text) => text.trim()).map(Number)).toString());
  assert.equal(bytes.length, 4);
  const [head, middle, code, tail] = bytes;
  assert.ok(head.startsWith('<!doctype html>\n') && middle.includes('<b>middle</b>') && code.includes("'é") && tail === '</html>\n');
  assert.ok(!bytes.join('').includes('<!--'));
});

test('the page of the tree is made without a word, and its script parses', () => {
  const page = execFileSync(PYTHON, ['-c', `import sys; sys.path.insert(0, ${JSON.stringify(path.join(ROOT, 'tests', 'support'))}); import page_file; print(page_file.built_page())`], { encoding: 'utf8' });
  const code = /<script id="vtn-code">([^]*?)<\/script>/.exec(page)[1];
  new Function(code);
  assert.doesNotMatch(code, /innerHTML|insertAdjacentHTML|document\.write|eval\(/);
  // But to what a button opens.
  assert.doesNotMatch(page.replace(/http:\/\/www\.w3\.org[^"']*|'https:\/\/ui\.perfetto\.dev'/g, ''), /https?:\/\//, 'it refers to nothing outside');
});
