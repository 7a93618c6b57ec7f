// SPDX-License-Identifier: Apache-2.0
//
// What a search finds beside names: calls by their values, moments by their texts. And the way from one find to the next.
import { compareStops, findRow } from './search.js';
import { otherWorkFirst } from './slices.js';

/** @typedef {import('../data/source.js').Source} Source */
/** @typedef {import('./search.js').Stop} Stop */

// The depth of a stop that is a moment, not a row: it comes after the rows that begin with it.
export const MOMENT_DEPTH = 1e9;
export const MOST_EXTRA_STOPS = 100000;

/**
 * Stops by what they are: calls of a function whose values match, or instants of one name.
 * @typedef {object} FoundStops
 * @property {Map<number, Stop[]>} values by function
 * @property {Map<string, Stop[]>} instants by name
 * @property {boolean} whole false: there are more than are kept
 */

/**
 * Looks through values and instants, a block at a time. `progress` is told what is found so far. Undefined if `signal` ended it.
 * @param {Source} source
 * @param {(text: string) => boolean} test
 * @param {AbortSignal} signal
 * @param {(found: FoundStops) => void} progress
 */
export async function findTexts(source, test, signal, progress) {
  /** @type {FoundStops} */
  const found = {values: new Map(), instants: new Map(), whole: true};
  let stops = 0;
  /** @template Key @param {Map<Key, Stop[]>} map @param {Key} key @param {Stop} stop */
  const add = (map, key, stop) => {
    if (++stops > MOST_EXTRA_STOPS) {
      found.whole = false;
      return;
    }
    const known = map.get(key);
    if (known === undefined) {
      map.set(key, [stop]);
    } else {
      known.push(stop);
    }
  };
  let until_ms = performance.now() + 10;
  const pause = async () => {
    if (performance.now() >= until_ms) {
      await otherWorkFirst();
      until_ms = performance.now() + 10;
    }
    return signal.aborted;
  };
  for (const thread of source.threadsWithMarks()) {
    const {instants} = await source.marks(thread);
    for (let at = 0; at < instants.length; ++at) {
      const {ns, name, category, args} = instants[at];
      if (test(name) || test(category) || args.some(([key, value]) => test(value) || test(key))) {
        add(found.instants, name, {start_ns: ns, thread, depth: MOMENT_DEPTH, index: at});
      }
      if (at % 1024 === 1023 && await pause()) {
        return undefined;
      }
    }
  }
  for (let thread = 0; thread < source.report.threads.length; ++thread) {
    for (const block of source.valueBlocks(thread)) {
      const calls = await source.valuesOfBlock(block);
      for (let at = 0; at < calls.length; ++at) {
        const {depth, index, args, returned} = calls[at];
        const column = source.column(thread, depth);
        if (column !== undefined && valuesMatch(args, returned, test)) {
          add(found.values, column.code[index], {start_ns: column.start[index], thread, depth, index});
        }
        if (at % 1024 === 1023 && await pause()) {
          return undefined;
        }
      }
      progress(found);
    }
  }
  for (const list of [...found.values.values(), ...found.instants.values()]) {
    list.sort(compareStops);
    await pause();
  }
  return signal.aborted ? undefined : found;
}

/** @param {Record<string, string> | null} args @param {string | null} returned @param {(text: string) => boolean} test */
function valuesMatch(args, returned, test) {
  if (returned !== null && test(returned)) {
    return true;
  }
  for (const name in args) {
    if (test(args[name])) {
      return true;
    }
  }
  return false;
}

/**
 * The next of a sorted list after a stop, or the one before it.
 * @param {readonly Stop[]} stops
 * @param {Stop} from
 * @param {boolean} forward
 * @returns {Stop | null}
 */
export function neighbourStop(stops, from, forward) {
  let low = 0;
  let high = stops.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    const order = compareStops(stops[middle], from);
    if (forward ? order <= 0 : order < 0) {
      low = middle + 1;
    } else {
      high = middle;
    }
  }
  return stops[forward ? low : low - 1] ?? null;
}

/**
 * The nearest stop after (or before) one: a row whose code matches, or one of the lists.
 * @param {Source} source
 * @param {readonly number[]} threads
 * @param {Uint8Array | null} codes
 * @param {readonly (readonly Stop[])[]} lists
 * @param {Stop} from
 * @param {boolean} forward
 * @returns {Generator<number, Stop | null, void>}
 */
export function* findStop(source, threads, codes, lists, from, forward) {
  const sign = forward ? 1 : -1;
  let best = codes === null ? null : yield* findRow(source, threads, codes, from, forward);
  for (const list of lists) {
    const stop = neighbourStop(list, from, forward);
    if (stop !== null && (best === null || compareStops(stop, best) * sign < 0)) {
      best = stop;
    }
  }
  return best;
}
