// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { test } from 'node:test';

import { binStart, CallDurations, durationBin, durationsOfCalls } from '../../viewer/page/panels/call_durations.js';
import { FunctionOrder, functionsAsText, meanOf } from '../../viewer/page/panels/function_order.js';
import { pythonTokens, PythonColors } from '../../viewer/page/panels/python_colors.js';
import { FakeSource, finished } from './fake_source.mjs';

test('functions in the order of each column', () => {
  const {report} = new FakeSource({seed: 2});
  const {functions} = report;
  const order = new FunctionOrder(report);
  const called = functions.calls.filter((calls) => calls > 0).length;
  const by = {calls: functions.calls, own: functions.own_ns, total: functions.total_ns, folded: functions.folded_calls,
    mean: functions.calls.map((_, each) => meanOf(functions, each, true))};
  for (const [key, values] of Object.entries(by)) {
    const down = order.sorted(functions, null, key, true, true);
    assert.equal(down.length, called);
    for (let at = 1; at < down.length; ++at) {
      assert.ok(values[down[at - 1]] >= values[down[at]], key);
    }
  }
  const names = [...order.sorted(functions, null, 'name', false, true)].map((each) => functions.name[each]);
  assert.deepEqual(names, [...names].sort());
  const lines = [...order.sorted(functions, null, 'place', false, true)].filter((each) => functions.file[each] === 0).map((each) => functions.line[each]);
  assert.deepEqual(lines, [...lines].sort((a, b) => a - b));
  const last = order.sorted(functions, null, 'place', false, true).at(-1);
  assert.equal(functions.file[last], -1);
  const match = new Uint8Array(functions.count);
  match[3] = 1;
  assert.deepEqual([...order.sorted(functions, match, 'own', true, true)], [3]);
});

test('fifty thousand functions are sorted before anybody notices', () => {
  const {report} = new FakeSource({seed: 2, functions: 50000, span_ns: 1000});
  report.functions.calls = report.functions.calls.map((_, each) => 1 + each % 1000);
  const order = new FunctionOrder(report);
  const from_ms = performance.now();
  assert.equal(order.sorted(report.functions, null, 'name', false, true).length, 50000);
  assert.equal(order.sorted(report.functions, null, 'calls', true, true).length, 50000);
  assert.ok(performance.now() - from_ms < 2000);
});

test('a mean is that of calls whose time is known', () => {
  const sums = {calls: [10], folded_calls: [6], total_ns: [80], own_ns: [80]};
  assert.equal(meanOf(sums, 0, true), 8);
  assert.equal(meanOf(sums, 0, false), 20);
  assert.equal(meanOf({...sums, folded_calls: [10]}, 0, false), 0);
});

test('a table as text has a line for each function, whatever its name', () => {
  const {report} = new FakeSource({seed: 2});
  const {functions} = report;
  functions.name[7] = 'a\tb\nc';
  const lines = functionsAsText(report, functions, [7, 3], true).split('\n');
  assert.equal(lines.length, 4);
  assert.deepEqual(lines[1].split('\t').slice(0, 4), ['a\\tb\\nc', report.fullPlace(7), String(functions.calls[7]), String(functions.folded_calls[7])]);
  assert.ok(lines.every((line) => line === '' || line.split('\t').length === 7));
});

test('durations are counted by bins that hold them', () => {
  for (const duration_ns of [0, 1, 2, 3, 7, 8, 1000, 1024, 123456789, 2 ** 52]) {
    const bin = durationBin(duration_ns);
    assert.ok(binStart(bin) <= duration_ns + 1e-6 && duration_ns < binStart(bin + 1), String(duration_ns));
  }
});

test('bars hold all calls of the function', () => {
  const source = new FakeSource({seed: 3, threads: 3});
  const code = source.rows[0][1].find((row) => !row.fold).code;
  const folds = new Uint8Array(source.report.functions.count + source.report.sets.length);
  source.report.sets.forEach((set, at) => { folds[source.report.functions.count + at] = set.includes(code) ? 1 : 0; });
  const rows = source.rows.flat(2);
  const lengths = rows.filter((row) => row.code === code).map((row) => row.end - row.start);
  const durations = finished(durationsOfCalls(source, code, folds));
  assert.equal(durations.calls, lengths.length);
  assert.equal(durations.shortest_ns, Math.min(...lengths));
  assert.equal(durations.longest_ns, Math.max(...lengths));
  assert.equal(durations.folds, rows.filter((row) => row.fold && source.report.sets[row.code - source.report.functions.count].includes(code)).length);
  const bars = durations.bars(20);
  assert.ok(bars.length <= 20);
  assert.equal(bars.reduce((sum, bar) => sum + bar.calls, 0), lengths.length);
  bars.forEach((bar) => assert.equal(bar.calls, lengths.filter((each) => each >= bar.from_ns - 1e-6 && each < bar.to_ns - 1e-6).length));
  assert.equal(new CallDurations().bars(10).length, 0);
});

const kinds = (line, open = '') => pythonTokens(line, open).tokens.filter(([kind]) => kind !== 'plain').map(([kind, text]) => `${kind}:${text}`);

test('tokens of Python', () => {
  assert.deepEqual(kinds('def fib(n: int) -> "str":  # why'), ['keyword:def', 'name:fib', 'builtin:int', 'string:"str"', 'comment:# why']);
  assert.deepEqual(kinds("x = rb'a\\'b' + f\"{y}\" if self.print else None"), ["string:rb'a\\'b'", 'string:f"{y}"', 'keyword:if', 'self:self', 'keyword:else', 'keyword:None']);
  assert.deepEqual(kinds('  @app.route("/")'), ['decorator:@app.route', 'string:"/"']);
  assert.deepEqual(kinds('a @ b, 0x1F, 1_000, 1.5e-3j, .5, v2'), ['number:0x1F', 'number:1_000', 'number:1.5e-3j', 'number:.5']);
  assert.deepEqual(kinds('match = match.group(1)'), ['number:1']);
  assert.deepEqual(kinds('match command:'), ['keyword:match']);
  assert.deepEqual(kinds('class Ünicode(Exception): pass'), ['keyword:class', 'name:Ünicode', 'builtin:Exception', 'keyword:pass']);
});

test('no character of a line is lost', () => {
  for (const line of ['a = "open', "'''", '\t$ § "x"#"', 'f(x)[1:-2]**=~3', '\ud800', '"\\', "'a' 'b'\\"]) {
    assert.equal(pythonTokens(line, '').tokens.map(([, text]) => text).join(''), line);
    assert.equal(pythonTokens(line, '"""').tokens.map(([, text]) => text).join(''), line);
  }
});

test('strings over several lines, asked for in any order', () => {
  const colors = new PythonColors('a = """one\ndef no():\n"""; def yes\nb = \'x\\\ny\'; c\r\nlast\n');
  assert.deepEqual(colors.lines.length, 6);
  assert.deepEqual(colors.tokens(5), [['plain', 'last']]);
  assert.deepEqual(colors.tokens(1), [['string', 'def no():']]);
  assert.deepEqual(colors.tokens(2).map(([kind]) => kind), ['string', 'plain', 'plain', 'keyword', 'plain', 'name']);
  assert.deepEqual(colors.tokens(4)[0], ['string', "y'"]);
  assert.deepEqual(pythonTokens("x = 'never closed", ''), {tokens: [['plain', 'x'], ['plain', ' '], ['plain', '='], ['plain', ' '], ['string', "'never closed"]], open: ''});
});
