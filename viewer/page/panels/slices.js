// SPDX-License-Identifier: Apache-2.0
//
// Long work in short slices, so that the page answers while it goes on.

const SLICE_MS = 10;

/** Lets the page handle what came meanwhile; unlike setTimeout not held up by 4 ms. */
export function otherWorkFirst() {
  return new Promise((resolve) => {
    const channel = new MessageChannel();
    channel.port1.onmessage = () => {
      channel.port1.close();
      resolve(undefined);
    };
    channel.port2.postMessage(0);
  });
}

/**
 * Runs a generator to its end, with pauses. It yields often (every ms or so of its work) how far it is, from 0 to 1.
 * Undefined if `signal` ended it.
 * @template T
 * @param {Generator<number, T, void>} work
 * @param {AbortSignal} signal
 * @param {(part: number) => void} [progress]
 * @returns {Promise<T | undefined>}
 */
export async function runInSlices(work, signal, progress) {
  for (;;) {
    const until_ms = performance.now() + SLICE_MS;
    do {
      if (signal.aborted) {
        return undefined;
      }
      const step = work.next();
      if (step.done) {
        return step.value;
      }
      if (performance.now() >= until_ms) {
        progress?.(step.value);
        break;
      }
    } while (true);
    await otherWorkFirst();
  }
}

/** One piece of work at a time: a new one ends the one before. */
export class LatestWork {
  constructor() {
    this.controller = new AbortController();
  }

  /** The signal of the new work. */
  begin() {
    this.controller.abort();
    this.controller = new AbortController();
    return this.controller.signal;
  }

  end() {
    this.controller.abort();
  }
}
