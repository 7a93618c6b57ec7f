// SPDX-License-Identifier: Apache-2.0
//
// What is selected as text, to be pasted elsewhere: a call with all that is known of it, or the calls of a range as a tree.
import { countOf, countText, durationText, momentText, visibleText } from '../text.js';
import { codeLabel, threadLabel } from './labels.js';
import { rowAround, walkRows } from './rows.js';

/** @typedef {import('../data/source.js').Source} Source */
/** @typedef {import('../data/source.js').Call} Call */

export const MOST_TEXT_LINES = 20000;

/** @param {Source} source @param {number} code */
function lineOfCode(source, code) {
  const {report} = source;
  const place = report.isFold(code) ? '' : report.fullPlace(code);
  return visibleText(codeLabel(report, code), 300) + (place === '' ? '' : ` (${visibleText(place, 300)})`);
}

/** @param {Source} source @param {Call} call */
export async function callAsText(source, call) {
  const {report} = source;
  const column = source.column(call.thread, call.depth);
  if (column === undefined || call.index >= column.count) {
    return '';
  }
  const code = column.code[call.index];
  const start_ns = column.start[call.index];
  const end_ns = column.end[call.index];
  const details = await source.details(call.thread, call.depth, call.index);
  const lines = [lineOfCode(source, code), `start     ${momentText(start_ns)}`,
    `duration  ${durationText(end_ns - start_ns)} (${countText(end_ns - start_ns)} ns)`, `thread    ${visibleText(threadLabel(report, call.thread))}`];
  for (const [name, value] of Object.entries(details.args ?? {})) {
    lines.push(`${report.isOfSpans(call.thread) ? 'value   ' : 'argument'}  ${visibleText(name)} = ${visibleText(value, 4000)}`);
  }
  if (details.returned !== null) {
    lines.push(`returned  ${visibleText(details.returned, 4000)}`);
  }
  if (report.isFold(code)) {
    const fold = await source.fold(call.thread, call.depth, call.index);
    lines.push(`calls     ${countText(fold.calls)}, ${countText(fold.raised)} ended by an exception, busy ${durationText(fold.busy_ns)}`);
    for (const [called, calls] of fold.functions) {
      lines.push(`  ${countText(calls)} × ${lineOfCode(source, called)}`);
    }
  }
  if (report.isOfSpans(call.thread)) {
    return lines.join('\n') + '\n';
  }
  lines.push('stack');
  let at = /** @type {Call | null} */ (call);
  while (at !== null) {
    const of_row = source.column(at.thread, at.depth);
    const line = at === call && details.line > 0 ? `, called from line ${details.line}` : '';
    lines.push(`  ${of_row === undefined ? '' : lineOfCode(source, of_row.code[at.index])}${line}`);
    at = rowAround(source, at.thread, at.depth - 1, start_ns, end_ns);
  }
  return lines.join('\n') + '\n';
}

/**
 * The calls of a range as an indented tree with times.
 * @param {Source} source
 * @param {readonly number[]} threads
 * @param {number} from_ns
 * @param {number} to_ns
 * @returns {Generator<number, string, void>}
 */
export function* rangeAsText(source, threads, from_ns, to_ns) {
  const lines = [`${momentText(from_ns)} to ${momentText(to_ns)} (${durationText(to_ns - from_ns)})`];
  let left_out = 0;
  for (const thread of threads) {
    const before = lines.length;
    const walk = walkRows(source, thread, from_ns, to_ns, {
      enter(code, depth, index, start_ns, end_ns) {
        if (lines.length >= MOST_TEXT_LINES) {
          ++left_out;
          return;
        }
        if (lines.length === before) {
          lines.push('', visibleText(threadLabel(source.report, thread)));
        }
        lines.push(`${durationText(end_ns - start_ns).padStart(10)}  ${'  '.repeat(depth)}${lineOfCode(source, code)}`);
      },
      leave() {},
    });
    yield* walk;
  }
  if (left_out > 0) {
    lines.push('', `${countOf(left_out, 'row')} more`);
  }
  return lines.join('\n') + '\n';
}
