// SPDX-License-Identifier: Apache-2.0
//
// A recording that never was: random programs, as calls in calls (for tests to count by themselves) and as the columns
// that the page has of them.

import { Report } from '../../viewer/page/data/report.js';

/** The same numbers for the same seed. */
export function randomNumbers(seed) {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296;
  };
}

export class FakeColumn {
  constructor(rows) {
    this.count = rows.length;
    // Longer than what is valid, as the page's are.
    this.start = new Float64Array(rows.length + 3);
    this.end = new Float64Array(rows.length + 3);
    this.code = new Uint32Array(rows.length + 3);
    rows.forEach((row, at) => {
      this.start[at] = row.start;
      this.end[at] = row.end;
      this.code[at] = row.code;
    });
    this.flags_of = new Map();
    this.has_odd = false;
  }

  flags(index) { return this.flags_of.get(index) ?? 0; }

  setFlags(index, flags) {
    this.flags_of.set(index, flags);
    this.has_odd = true;
  }
}

/** Calls and folds {code, start, end, inner: [...], fold?: {calls, raised, busy_ns, functions}} of a stretch of time. */
function randomCalls(random, functions, sets, depth, start, end) {
  const rows = [];
  let now = start + Math.floor(random() * 20);
  while (now < end - 10 && rows.length < 400) {
    const length = Math.min(end - now, 1 + Math.floor(random() * random() * (end - start) / 3));
    const stop = now + length;
    if (length < 60 && random() < 0.5) {
      const set = Math.floor(random() * sets.length);
      const counts = sets[set].map((each) => [each, 1 + Math.floor(random() * 5)]);
      const calls = counts.reduce((sum, [, count]) => sum + count, 0);
      rows.push({code: functions + set, start: now, end: stop, inner: [],
        fold: {calls, raised: 0, busy_ns: Math.max(1, Math.floor(length * 0.7)), functions: counts}});
    } else {
      // Few functions at each depth, and recursion now and then.
      const code = (depth * 7 + Math.floor(random() * random() * 12)) % functions;
      rows.push({code, start: now, end: stop,
        inner: depth < 12 && random() < 0.85 ? randomCalls(random, functions, sets, depth + 1, now, stop) : []});
    }
    now = stop + Math.floor(random() * 30) * (random() < 0.8 ? 1 : 0);
  }
  return rows;
}

export class FakeSource {
  constructor({threads = 2, functions = 40, sets = 6, span_ns = 100000, seed = 1} = {}) {
    const random = randomNumbers(seed);
    const all_sets = Array.from({length: sets}, (_, set) => [set % functions, (set * 5 + 3) % functions, (set * 11 + 9) % functions]
      .filter((each, at, list) => list.indexOf(each) === at).sort((a, b) => a - b));
    /** The outermost calls of each thread. */
    this.calls = Array.from({length: threads}, () => randomCalls(random, functions, all_sets, 0, 0, span_ns));
    this.fold_of = new Map();
    this.values = new Map();
    this.rows = this.calls.map((outermost, thread) => this.layOut(thread, outermost, random));
    this.columns = this.rows.map((depths) => depths.map((rows) => new FakeColumn(rows)));
    this.report = makeReport(functions, all_sets, this, span_ns);
    this.complete = true;
    this.blocks = makeStacks(this.calls, functions);
    this.changed = [];
  }

  layOut(thread, outermost, random) {
    const depths = [];
    const place = (rows, depth) => {
      for (const row of rows) {
        const list = depths[depth] ??= [];
        const key = `${thread}/${depth}/${list.length}`;
        row.index = list.length;
        list.push(row);
        if (row.fold) {
          this.fold_of.set(key, row.fold);
        } else if (random() < 0.2) {
          this.values.set(key, {flags: random() < 0.1 ? 1 : 0, line: 3 + Math.floor(random() * 30),
            args: {x: String(Math.floor(random() * 1000)), name: `'value ${list.length}'`}, returned: random() < 0.5 ? 'None' : `[${list.length}]`});
        }
        place(row.inner, depth + 1);
      }
    };
    place(outermost, 0);
    return depths;
  }

  depthCount(thread) { return this.columns[thread].length; }
  column(thread, depth) { return this.columns[thread]?.[depth]; }
  onChange(callback) { this.changed.push(callback); }
  want() {}
  async fold(thread, depth, index) { return this.fold_of.get(`${thread}/${depth}/${index}`); }
  async folds(thread, depth, indexes) {
    const found = await Promise.all([...indexes].map((index) => this.fold(thread, depth, index)));
    const offsets = new Uint32Array(found.length + 1);
    found.forEach(({functions}, at) => { offsets[at + 1] = offsets[at] + functions.length; });
    return {calls: Float64Array.from(found, (fold) => fold.calls), raised: Float64Array.from(found, (fold) => fold.raised),
      busy_ns: Float64Array.from(found, (fold) => fold.busy_ns), counts: Uint32Array.from(found.flatMap((fold) => fold.functions.map(([, calls]) => calls))), offsets};
  }
  async details(thread, depth, index) {
    return this.values.get(`${thread}/${depth}/${index}`) ?? {flags: 0, line: 0, args: null, returned: null};
  }
  threadsWithMarks() { return this.columns.map((_, thread) => thread); }
  async marks(thread) {
    return {instants: [{ns: 500 + thread, name: 'checkpoint = 7', category: 'app.py', args: [['value', '7']]},
      {ns: 70000, name: 'request done', category: 'log', args: []}],
    counters: [{name: 'queue', ns: [0, 1000, 50000], value: [1, 2.5, null]}]};
  }
  valueBlocks(thread) { return [thread]; }
  async valuesOfBlock(thread) {
    return [...this.values].flatMap(([key, {line, args, returned}]) => {
      const [of, depth, index] = key.split('/').map(Number);
      return of === thread ? [{thread, depth, index, line, args, returned}] : [];
    });
  }
  async stacks() { return this.blocks; }
  async sourceText(file) {
    return file !== 0 ? null : Array.from({length: 400}, (_, line) =>
      line % 10 === 2 ? `def function_${(line - 2) / 10}(self, x: int = ${line}) -> "str":` :
      line % 10 === 3 ? '    """What it does, in a text\n'.trimEnd() + ` of line ${line}"""` :
      line % 10 === 4 ? `    for each in range(0x${line.toString(16)}):  # a comment` :
      line % 10 === 5 ? "        yield f'{each!r:>10}' if self.value is not None else await other(each, *args)" : '').join('\n');
  }
}

function makeReport(functions, sets, source, span_ns) {
  const table = {count: functions, name: [], file: [], line: [], kind: [], calls: new Array(functions).fill(0), own_ns: new Array(functions).fill(0),
    total_ns: new Array(functions).fill(0), folded_calls: new Array(functions).fill(0)};
  for (let each = 0; each < functions; ++each) {
    const of_c = each % 5 === 4;
    table.name.push(of_c ? `builtins.function_${each}` : each === 7 ? '</script><b>evil\u202etxt.exe\u0000\n' : `Class${each % 3}.function_${each}`);
    table.file.push(of_c ? -1 : each % 2);
    table.line.push(of_c ? 0 : 3 + each * 10 % 380);
    table.kind.push(of_c ? 1 : 0);
  }
  const active = new Array(functions).fill(0);
  const visit = (row) => {
    if (row.fold) {
      for (const [each, calls] of row.fold.functions) {
        table.calls[each] += calls;
        table.folded_calls[each] += calls;
      }
      return row.fold.busy_ns;
    }
    const length = row.end - row.start;
    ++table.calls[row.code];
    ++active[row.code];
    let own_ns = length;
    for (const inner of row.inner) {
      own_ns -= visit(inner);
    }
    table.own_ns[row.code] += own_ns;
    if (--active[row.code] === 0) {
      table.total_ns[row.code] += length;
    }
    return length;
  };
  source.calls.forEach((outermost) => outermost.forEach(visit));
  const threads = source.calls.map((_, thread) => ({process: thread === 0 ? 0 : 1 + (thread - 1) % 2, tid: 100 + thread, name: thread === 0 ? 'MainThread' : `worker-${thread}`, names: [],
    calls: source.rows[thread].flat().length, depth: source.rows[thread].length, start_ns: 0, end_ns: span_ns}));
  const process = (number, parent, name) => ({pid: 4000 + number, name, parent, ledger: number === 2 ? 'seen' : 'traced', executable: '/usr/bin/python3', argv: ['python3', name], cwd: '/home/me',
    python: number === 2 ? null : '3.12.1', start_ns: number * 1000, end_ns: span_ns - number * 10, alive: number === 1, end: number === 2 ? 'killed by signal 9' : '', lost_events: number === 1 ? 12 : 0,
    notices: number === 1 ? ['12 events were lost', 'its own profiler had a thread'] : [], programs: []});
  const tables = {
    meta: {format: 2, version: '0.1.0', title: 'app.py', command: 'viztracer-native app.py', start_unix_ns: '1790000000000000000', span_ns, exit: {status: 0},
      calls: table.calls.reduce((a, b) => a + b, 0), kept_calls: table.calls.reduce((a, b) => a + b, 0) - table.folded_calls.reduce((a, b) => a + b, 0),
      folded_calls: table.folded_calls.reduce((a, b) => a + b, 0), rows: source.rows.flat(2).length, fold_below_ns: 60, lost_events: 12, complete: true, blocks: {}, data_bytes: 1},
    functions: table, files: ['/home/me/app.py', '/usr/lib/python3.12/json/decoder.py'],
    processes: [process(0, -1, 'app.py'), process(1, 0, 'worker.py'), process(2, 1, 'git log')],
    threads, arrows: [{process: 0, thread: 0, ns: 900, to_process: 1, to_thread: threads.length > 1 ? 1 : -1, to_ns: 1000, name: 'start worker.py'}],
    losses: [{process: 1, start_ns: 5000, end_ns: 6000, events: 12, name: '12 events lost'}], sets, left_out: ['calls of functions that --exclude_files names: 120'],
    source_block: [0, -1],
  };
  return new Report(tables.meta, tables);
}

/** What the report's own stacks say of the kept calls: a fold's time goes to its first function. */
function makeStacks(calls) {
  return calls.map((outermost, thread) => {
    const block = {thread, caller: [], function: [], calls: [], own_ns: []};
    const nodes = new Map();
    const node = (caller, called) => {
      const key = `${caller} ${called}`;
      if (!nodes.has(key)) {
        nodes.set(key, block.caller.length);
        block.caller.push(caller);
        block.function.push(called);
        block.calls.push(0);
        block.own_ns.push(0);
      }
      return nodes.get(key);
    };
    const visit = (row, caller) => {
      const at = node(caller, row.fold ? row.fold.functions[0][0] : row.code);
      const busy = row.fold ? row.fold.busy_ns : row.end - row.start;
      block.calls[at] += row.fold ? row.fold.calls : 1;
      block.own_ns[at] += busy;
      for (const inner of row.inner) {
        block.own_ns[at] -= visit(inner, at);
      }
      return busy;
    };
    outermost.forEach((row) => visit(row, -1));
    return block;
  });
}

/** Runs a generator to its end. */
export function finished(work) {
  for (;;) {
    const step = work.next();
    if (step.done) {
      return step.value;
    }
  }
}
