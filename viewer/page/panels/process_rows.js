// SPDX-License-Identifier: Apache-2.0
//
// The tree of processes as lines, of which whole branches can be closed.

/** @typedef {import('../data/report.js').Report} Report */
/** @typedef {{process: number, level: number, children: number, calls: number, threads: number}} ProcessRow */

/**
 * All processes in the order of the tree, with sums over their threads.
 * @param {Report} report
 */
export function processRows(report) {
  const {processes, threads} = report;
  /** @type {ProcessRow[]} */
  const rows = processes.map((_, process) => ({process, level: 0, children: 0, calls: 0, threads: 0}));
  processes.forEach(({parent}, process) => {
    // A parent stands before its children.
    if (parent >= 0 && parent < process) {
      rows[process].level = rows[parent].level + 1;
      ++rows[parent].children;
    }
  });
  for (const thread of threads) {
    const row = rows[thread.process];
    if (row !== undefined && thread.spans_of === undefined) {
      row.calls += thread.calls;
      ++row.threads;
    }
  }
  return rows;
}

/** Those that no closed one hides. @param {readonly ProcessRow[]} rows @param {ReadonlySet<number>} closed */
export function openRows(rows, closed) {
  const shown = [];
  let hidden_below = Infinity;
  for (const row of rows) {
    if (row.level > hidden_below) {
      continue;
    }
    hidden_below = closed.has(row.process) ? row.level : Infinity;
    shown.push(row);
  }
  return shown;
}

/** What the report does not show, a line each. @param {Report} report @returns {string[]} */
export function missingLines(report) {
  const lines = [...report.left_out];
  for (const loss of report.losses) {
    const {name, pid} = report.processes[loss.process] ?? {name: '', pid: 0};
    lines.push(`${loss.name} in ${name} (${pid})`);
  }
  return lines;
}
