// SPDX-License-Identifier: Apache-2.0
//
// The functions of a report in the order of a table's column, and as text.

/** @typedef {import('../data/report.js').Report} Report */

/**
 * Numbers by function: those of the report's tables, or sums of a range. `calls` with the folded ones.
 * @typedef {{calls: ArrayLike<number>, own_ns: ArrayLike<number>, total_ns: ArrayLike<number>, folded_calls: ArrayLike<number>}} FunctionSums
 * @typedef {'name' | 'place' | 'calls' | 'own' | 'total' | 'mean' | 'folded'} FunctionKey
 */

/** @param {readonly string[]} texts the rank of each in their order */
function ranksOf(texts) {
  const order = Uint32Array.from(texts.keys());
  order.sort((a, b) => (texts[a] < texts[b] ? -1 : texts[a] > texts[b] ? 1 : a - b));
  const ranks = new Float64Array(texts.length);
  let rank = 0;
  order.forEach((each, at) => {
    rank = at > 0 && texts[order[at - 1]] === texts[each] ? rank : at;
    ranks[each] = rank;
  });
  return ranks;
}

/**
 * The time of a call: of those whose time is known, which folded ones are in the report's own numbers only.
 * @param {FunctionSums} sums
 * @param {number} each
 * @param {boolean} folds_timed
 */
export function meanOf(sums, each, folds_timed) {
  const calls = folds_timed ? sums.calls[each] : sums.calls[each] - sums.folded_calls[each];
  return calls > 0 ? sums.total_ns[each] / calls : 0;
}

export class FunctionOrder {
  /** @param {Report} report */
  constructor(report) {
    this.report = report;
    /** @type {Map<string, Float64Array>} */
    this.ranks = new Map();
  }

  /** @param {'name' | 'place'} key */
  ranksBy(key) {
    let ranks = this.ranks.get(key);
    if (ranks === undefined) {
      const {functions} = this.report;
      ranks = ranksOf(key === 'name' ? functions.name : functions.name.map((_, each) => {
        // Lines as numbers; what has no place comes last.
        const path = this.report.path(each);
        return path === '' ? '\uffff' : `${path}\u0000${String(functions.line[each]).padStart(9, '0')}`;
      }));
      this.ranks.set(key, ranks);
    }
    return ranks;
  }

  /**
   * The functions that were called (and match), sorted.
   * @param {FunctionSums} sums
   * @param {Uint8Array | null} match
   * @param {FunctionKey} key
   * @param {boolean} descending
   * @param {boolean} folds_timed
   */
  sorted(sums, match, key, descending, folds_timed) {
    const {count} = this.report.functions;
    /** @type {ArrayLike<number>} */
    let values;
    if (key === 'name' || key === 'place') {
      values = this.ranksBy(key);
    } else if (key === 'mean') {
      values = Float64Array.from({length: count}, (_, each) => meanOf(sums, each, folds_timed));
    } else {
      values = {calls: sums.calls, own: sums.own_ns, total: sums.total_ns, folded: sums.folded_calls}[key];
    }
    const order = new Uint32Array(count);
    let used = 0;
    for (let each = 0; each < count; ++each) {
      if (sums.calls[each] > 0 && (match === null || match[each] === 1)) {
        order[used++] = each;
      }
    }
    const direction = descending ? -1 : 1;
    return order.subarray(0, used).sort((a, b) => (values[a] - values[b]) * direction || sums.own_ns[b] - sums.own_ns[a] || a - b);
  }
}

/** A text as a cell: no tab or line end of its own. @param {string} text */
function cellText(text) {
  return text.replace(/[\t\r\n]/g, (each) => ({'\t': '\\t', '\r': '\\r', '\n': '\\n'}[each] ?? ''));
}

/**
 * For spreadsheets: tab-separated, times in ns.
 * @param {Report} report
 * @param {FunctionSums} sums
 * @param {ArrayLike<number>} order
 * @param {boolean} folds_timed
 */
export function functionsAsText(report, sums, order, folds_timed) {
  const lines = ['name\tplace\tcalls\tfolded_calls\town_ns\ttotal_ns\tmean_ns'];
  for (let at = 0; at < order.length; ++at) {
    const each = order[at];
    lines.push([cellText(report.functions.name[each]), cellText(report.fullPlace(each)), sums.calls[each], sums.folded_calls[each],
      Math.round(sums.own_ns[each]), Math.round(sums.total_ns[each]), Math.round(meanOf(sums, each, folds_timed))].join('\t'));
  }
  return lines.join('\n') + '\n';
}
