// SPDX-License-Identifier: Apache-2.0
//
// What the page saves as .pftrace, read again field by field.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { PerfettoTraceWriter } from '../../viewer/page/panels/perfetto_trace.js';
import { ProtoBytes } from '../../viewer/page/panels/proto_bytes.js';
import { allThreads } from '../../viewer/page/panels/rows.js';
import { traceName } from '../../viewer/page/panels/trace_walk.js';
import { FakeSource } from './fake_source.mjs';

/** [field, value] of each: numbers, and bytes where it has a length. */
function fieldsOf(bytes) {
  const fields = [];
  let at = 0;
  const varint = () => {
    let value = 0;
    for (let scale = 1; ; scale *= 128) {
      const byte = bytes[at++];
      value += (byte % 128) * scale;
      if (byte < 128) return value;
    }
  };
  while (at < bytes.length) {
    const tag = varint();
    if (tag % 8 === 0) {
      fields.push([Math.floor(tag / 8), varint()]);
    } else {
      const size = tag % 8 === 1 ? 8 : varint();
      fields.push([Math.floor(tag / 8), bytes.subarray(at, at += size)]);
    }
  }
  assert.equal(at, bytes.length);
  return fields;
}

const textOf = (bytes) => new TextDecoder().decode(bytes);
const one = (fields, number) => fields.find(([field]) => field === number)?.[1];
const all = (fields, number) => fields.filter(([field]) => field === number).map(([, value]) => fieldsOf(value));

/** Slices as Perfetto makes them of packets in the order of time, by track. */
async function read(source, range) {
  const pieces = [];
  assert.ok(await new PerfettoTraceWriter(source, range, (bytes) => pieces.push(bytes)).write(new AbortController().signal, () => {}));
  const packets = fieldsOf(Buffer.concat(pieces)).map(([field, bytes]) => {
    assert.equal(field, 1);
    return fieldsOf(bytes);
  });
  const names = new Map();
  const tracks = new Map();
  const events = [];
  packets.forEach((packet, order) => {
    assert.equal(one(packet, 13), order === 0 ? 1 : 2, 'the state is cleared once');
    for (const interned of all(packet, 12)) for (const name of all(interned, 2)) names.set(one(name, 1), textOf(one(name, 2)));
    for (const track of all(packet, 60)) tracks.set(one(track, 1), track);
    for (const event of all(packet, 11)) {
      assert.ok(tracks.has(one(event, 11)), 'a track is described before it is used');
      if (one(event, 10) !== undefined) assert.ok(names.has(one(event, 10)), 'a name is told before it is used');
      events.push({ns: one(packet, 8), order, event});
    }
  });
  return {names, tracks, events};
}

function slicesOf({names, events}) {
  const open = new Map();
  const slices = [];
  for (const {ns, event} of [...events].sort((a, b) => a.ns - b.ns || a.order - b.order)) {
    const track = one(event, 11);
    const stack = open.get(track) ?? [];
    open.set(track, stack);
    if (one(event, 9) === 1) {
      stack.push({track, start: ns, name: one(event, 23) ? textOf(one(event, 23)) : names.get(one(event, 10)), event});
    } else if (one(event, 9) === 2) {
      slices.push({...stack.pop(), end: ns});
    }
  }
  assert.ok([...open.values()].every((stack) => stack.length === 0));
  return slices;
}

/** Stamps of a thread that all differ, as the program's do. */
function spread(source) {
  source.rows.forEach((depths, thread) => {
    const place = (rows, from, width) => rows.forEach((row, at) => {
      const step = width / (2 * rows.length + 1);
      row.start = Math.round(from + step * (2 * at + 1));
      row.end = Math.round(from + step * (2 * at + 2));
      place(row.inner, row.start, row.end - row.start);
    });
    place(depths[0] ?? [], 0, 2 ** 50);
    depths.forEach((rows, depth) => rows.forEach((row, at) => {
      source.columns[thread][depth].start[at] = row.start;
      source.columns[thread][depth].end[at] = row.end;
    }));
  });
  return source;
}

test('every row is a slice with the same times, name and depth', async () => {
  const source = spread(new FakeSource({seed: 11, threads: 2}));
  const {report} = source;
  const trace = await read(source, {from_ns: -Infinity, to_ns: Infinity, threads: allThreads(source)});
  const tid_of = new Map([...trace.tracks].filter(([, track]) => one(track, 4)).map(([uuid, track]) => [uuid, one(fieldsOf(one(track, 4)), 2)]));
  const slices = slicesOf(trace).filter(({track}) => tid_of.has(track));
  const key = (tid, start, end, name) => `${tid} ${start} ${end} ${name}`;
  const wanted = source.rows.flatMap((depths, thread) => depths.flat()
    .map((row) => key(report.threads[thread].tid, row.start, row.end, row.fold ? `${row.fold.calls} calls folded`.replace(/^1 calls/, '1 call') : traceName(report, row.code))));
  assert.deepEqual(slices.map(({track, start, end, name}) => key(tid_of.get(track), start, end, name)).sort(), wanted.sort());
  const names = [...trace.tracks.values()].filter((track) => one(track, 4)).map((track) => textOf(one(fieldsOf(one(track, 4)), 5)));
  assert.deepEqual(names.sort(), report.threads.map(({name}) => name).sort());
  const annotations = slices.flatMap(({event}) => all(event, 4)).map((note) => [textOf(one(note, 10)), one(note, 3)]);
  const folded = annotations.filter(([name]) => name === 'calls').reduce((sum, [, calls]) => sum + calls, 0);
  assert.equal(folded, report.meta.folded_calls);
});

test('values, instants, counters, programs and arrows are in it', async () => {
  const source = new FakeSource({seed: 11, threads: 2});
  const {events, tracks} = await read(source, {from_ns: -Infinity, to_ns: Infinity, threads: allThreads(source)});
  const notes = events.flatMap(({event}) => all(event, 4));
  const named = (name) => notes.filter((note) => textOf(one(note, 10)) === name);
  assert.equal(named('func_args').length, source.values.size);
  const [first] = [...source.values.values()];
  assert.ok(named('func_args').some((note) => all(note, 11).some((member) => textOf(one(member, 10)) === 'x' && textOf(one(member, 6)) === first.args.x)));
  assert.ok(named('return_value').some((note) => textOf(one(note, 6)) === first.returned));
  assert.ok(named('caller_lineno').some((note) => one(note, 3) === first.line));
  const of = (type) => events.filter(({event}) => one(event, 9) === type);
  assert.equal(of(3).length, 4 + 2, 'instants, and the ends of an arrow');
  assert.equal(of(4).length, 4, 'what is no number is left out');
  assert.deepEqual(of(4).slice(0, 2).map(({event}) => Buffer.from(one(event, 44)).readDoubleLE()), [1, 2.5]);
  assert.equal(events.filter(({event}) => one(event, 47)).length, 1);
  assert.equal(events.filter(({event}) => one(event, 48)).length, 1);
  assert.ok([...tracks.values()].some((track) => one(track, 2) && textOf(one(track, 2)) === 'queue'));
});

test('what is very deep goes to lines of its own', async () => {
  const source = new FakeSource({seed: 11, threads: 1});
  const [column] = source.columns[0];
  source.columns[0] = Array.from({length: 1100}, () => column);
  const {tracks} = await read(source, {from_ns: -Infinity, to_ns: Infinity, threads: [0]});
  const deeper = [...tracks.values()].filter((track) => one(track, 2) && textOf(one(track, 2)).startsWith('MainThread (deeper than '));
  assert.deepEqual(deeper.map((track) => textOf(one(track, 2))), ['MainThread (deeper than 00512)', 'MainThread (deeper than 01024)']);
});

test('numbers are as they are, whatever their size', () => {
  for (const value of [0, 1, 127, 128, 2 ** 32, 2 ** 53 - 1]) assert.deepEqual(fieldsOf(new ProtoBytes().number(60, value).view()), [[60, value]]);
  const [[, eight]] = fieldsOf(new ProtoBytes().fixed64(47, 2 ** 40 + 7).view());
  assert.equal(Buffer.from(eight).readBigUInt64LE(), 2n ** 40n + 7n);
  const long = 'x'.repeat(100000);
  assert.equal(textOf(fieldsOf(new ProtoBytes().text(23, long).view())[0][1]), long);
});
