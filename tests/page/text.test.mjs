// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { test } from 'node:test';

import * as text from '../../viewer/page/text.js';

test('what hides or turns text round is shown as an escape', () => {
  assert.equal(text.visibleText('a\u202eb'), 'a\\u202eb');
  assert.equal(text.visibleText('x\u0000\u007f\u0085\u2028'), 'x\\u0000\\u007f\\u0085\\u2028');
  assert.equal(text.visibleText('two\nlines\tand\r'), 'two\\nlines\\tand\\r');
  assert.equal(text.visibleText('half \ud83d'), 'half \\ud83d');
  assert.equal(text.visibleText('half \udc00 '), 'half \\udc00 ');
  assert.equal(text.visibleText('\u{e0041}'), '\\udb40\\udc41');
  assert.equal(text.visibleText('a\u200db\ufe0f'), 'a\\u200db\\ufe0f');
});

test('what can be seen stays as it is', () => {
  for (const plain of ['</script><b>', 'naïve 名前 🐍', 'a\\b "c"', '👨‍👩‍👧', '❤️']) {
    assert.equal(text.visibleText(plain), plain);
  }
});

test('a name of a megabyte keeps its ends', () => {
  const shown = text.visibleText('a' + 'x'.repeat(1 << 20) + 'z', 60);
  assert.ok(shown.length < 100);
  assert.match(shown, /^ax{39}… \(1,048,518 characters\) …x{19}z$/);
});

test('durations have four digits and the unit that fits', () => {
  for (const [ns, shown] of [[0, '0 ns'], [999, '999 ns'], [1000, '1.000 µs'], [12345, '12.35 µs'], [999999, '1.000 ms'],
    [1234567, '1.235 ms'], [1e9, '1.000 s'], [123456789012, '123.5 s'], [12345678901234, '12,346 s'], [0.5, '0.5 ns'],
    [9999.9, '10.00 µs'], [99999, '100.0 µs']]) {
    assert.equal(text.durationText(/** @type {number} */ (ns)), shown);
  }
});

test('counts, moments, parts and sizes', () => {
  assert.equal(text.countText(1234567), '1,234,567');
  assert.equal(text.countText(999), '999');
  assert.equal(text.countText(-1000), '-1,000');
  assert.equal(text.momentText(1234567890), '1.234 567 890 s');
  assert.equal(text.percentText(1, 3), '33.3 %');
  assert.equal(text.percentText(1, 1e6), '< 0.1 %');
  assert.equal(text.percentText(1, 0), '');
  assert.equal(text.bytesText(999), '999 B');
  assert.equal(text.bytesText(34.4e6), '34 MB');
  assert.equal(text.bytesText(999.9e3), '1.0 MB');
  assert.equal(text.countOf(1, 'call'), '1 call');
  assert.equal(text.countOf(2000, 'process', 'processes'), '2,000 processes');
  assert.equal(text.fileName('/a/b.py'), 'b.py');
});
