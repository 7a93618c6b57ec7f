// SPDX-License-Identifier: Apache-2.0
//
// A page with a server behind it: what it says of a newer recording, and when it stops asking.

import assert from 'node:assert/strict';
import test from 'node:test';
import { newsOf, ServedSource } from '../../viewer/page/data/served_source.js';
import { sourceOf, withFile } from './support.mjs';

test('what is newer is said in seconds where the recording has grown', () => {
  assert.equal(newsOf({ changed: false, grown_ms: 0, running: false }), '');
  assert.equal(newsOf({ changed: false, grown_ms: 0, running: true }), 'The run goes on: this is what it has recorded so far.');
  assert.equal(newsOf({ changed: true, grown_ms: 0, running: false }), 'The recording has changed.');
  assert.equal(newsOf({ changed: true, grown_ms: 12, running: true }), 'The recording has grown: 1 s more.');
  assert.equal(newsOf({ changed: true, grown_ms: 3_600_400, running: true }), 'The recording has grown: 3,600 s more.');
});

test('of a page that the server does not keep any more nothing is asked again', () => withFile({ rows: 100 }, async (file) => {
  const { report } = await sourceOf(file);
  Object.assign(report.meta, { served: '0f-1', fold_below_ns: 1000 });
  const source = new ServedSource(report, '');
  source.complete = true;
  const asked = [];
  const news = [];
  source.whenNews = (one) => news.push(one);
  globalThis.fetch = async (address) => {
    asked.push(address);
    return { status: 409, ok: false };
  };
  source.want([{ thread: 0, from_ns: 100, to_ns: 200, ns_per_px: 1 }]);
  await new Promise((done) => setTimeout(done));
  assert.deepEqual(asked, ['rows?of=0f-1&thread=0&from_ns=0&to_ns=300']);
  assert.deepEqual(news, ['The recording has changed.']);
  source.want([{ thread: 0, from_ns: 5000, to_ns: 5200, ns_per_px: 0.1 }]);
  assert.equal(asked.length, 1);
  assert.deepEqual(source.problems, []);
}));
