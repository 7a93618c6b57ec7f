// SPDX-License-Identifier: Apache-2.0
//
// What the recording is, in one line.

import { counted, formatCount, formatNs, visibleShort } from './text.js';

/** @typedef {import('../data/report.js').Meta} Meta */
/** @typedef {import('../data/report.js').Report} Report */

/** @param {Meta} meta */
export function titleOf(meta) {
  return visibleShort(meta.title);
}

/** @param {Meta} meta @returns {string} empty where it ended well */
export function exitText(meta) {
  if (!meta.exit) return '';
  if (meta.exit.signal) return `killed by signal ${meta.exit.signal}`;
  return meta.exit.status ? `exit status ${meta.exit.status}` : '';
}

/** @param {Meta} meta @param {Report | null} report */
export function factsOf(meta, report) {
  const facts = [formatNs(meta.span_ns), counted(meta.calls, 'call')];
  if (meta.folded_calls) facts.push(`${formatCount(meta.folded_calls)} of them, below ${formatNs(meta.fold_below_ns)}, folded`);
  if (report) facts.push(counted(report.processes.length, 'process', 'processes'), counted(report.thread_count, 'thread'));
  if (meta.lost_events) facts.push(`${counted(meta.lost_events, 'event')} lost`);
  if (exitText(meta)) facts.push(exitText(meta));
  if (!meta.complete) facts.push(meta.served ? 'the recording has no end yet, or was cut short' : 'the recording was cut short');
  return facts.join(' · ');
}

/** Everything that is known of it, a line each, for a tooltip. @param {Meta} meta @param {Report} report */
export function factLines(meta, report) {
  const began = new Date(Number(BigInt(meta.start_unix_ns) / 1000000n));
  return [visibleShort(meta.command, 4000), Number.isNaN(began.getTime()) ? '' : `began ${began.toISOString()}`, `viztracer-native ${meta.version}`,
    `${formatCount(meta.rows)} rows, ${formatCount(meta.kept_calls)} calls of their own`,
    ...report.left_out.map((one) => `left out: ${visibleShort(one)}`)].filter(Boolean).join('\n');
}
