// SPDX-License-Identifier: Apache-2.0
//
// What functions, rows, threads and processes are called in the panels. Still texts of a recording: visibleText() shows them.
import { countOf } from '../text.js';
import { FOLDED_CALLS, OTHER_FUNCTIONS } from './stack_tree.js';

/** @typedef {import('../data/report.js').Report} Report */

/** @param {Report} report @param {number} called a function, or a number of stack_tree.js */
export function functionLabel(report, called) {
  if (called >= 0) {
    return report.functions.name[called] ?? '(unknown)';
  }
  return called === FOLDED_CALLS ? '(folded calls)' : called === OTHER_FUNCTIONS ? '(other functions)' : 'all';
}

/** @param {Report} report @param {number} code of a row */
export function codeLabel(report, code) {
  if (!report.isFold(code)) {
    return functionLabel(report, code);
  }
  const functions = report.functionsOf(code);
  return functions.length === 1 ? `folded: ${functionLabel(report, functions[0])}` : `folded: ${countOf(functions.length, 'function')}`;
}

/** @param {Report} report @param {number} thread */
export function threadLabel(report, thread) {
  const {name, tid, process} = report.threads[report.threadOf(thread)];
  const {name: program, pid} = report.processes[process] ?? {name: '', pid: 0};
  return `${name || `thread ${tid}`} · ${program} (${pid})`;
}

/** Functions whose bytes are 1. @param {Uint8Array} match */
export function functionSet(match) {
  /** @type {Set<number>} */
  const found = new Set();
  match.forEach((yes, each) => {
    if (yes === 1) {
      found.add(each);
    }
  });
  return found;
}
