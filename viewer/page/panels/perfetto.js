// SPDX-License-Identifier: Apache-2.0
//
// Hands a trace to ui.perfetto.dev, which runs in the browser: its window is opened, asked until it answers, and given the data. They
// go from window to window, not over a network.

const PERFETTO_ORIGIN = 'https://ui.perfetto.dev';
const ASK_EVERY_MS = 100;
const WAIT_MS = 60000;

/** To be called at once when a button is pressed: browsers allow it only then. @returns {Window | null} */
export function openPerfetto() {
  return window.open(PERFETTO_ORIGIN);
}

/**
 * Resolves once that window has been given the data; rejects if it does not answer.
 * @param {Window} opened
 * @param {Promise<ArrayBuffer | undefined>} data
 * @param {{title: string, fileName: string}} names
 */
export async function sendToPerfetto(opened, data, names) {
  const buffer = await data;
  if (buffer === undefined) {
    opened.close();
    return;
  }
  await new Promise((resolve, reject) => {
    const from_ms = performance.now();
    const timer = window.setInterval(() => {
      if (opened.closed || performance.now() - from_ms > WAIT_MS) {
        finish();
        reject(new Error(opened.closed ? 'Its window was closed.' : 'ui.perfetto.dev did not answer: is there a network?'));
        return;
      }
      opened.postMessage('PING', PERFETTO_ORIGIN);
    }, ASK_EVERY_MS);
    /** @param {MessageEvent} event */
    const answered = (event) => {
      if (event.source === opened && event.origin === PERFETTO_ORIGIN && event.data === 'PONG') {
        finish();
        opened.postMessage({perfetto: {buffer, ...names}}, PERFETTO_ORIGIN, [buffer]);
        resolve(undefined);
      }
    };
    const finish = () => {
      window.clearInterval(timer);
      window.removeEventListener('message', answered);
    };
    window.addEventListener('message', answered);
  });
}
