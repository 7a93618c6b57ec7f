// SPDX-License-Identifier: Apache-2.0
//
// The page's beginning, and, in a worker, the worker's.

import { openFile, openMeta, readOn } from './data/open_page.js';
import { runWorker } from './data/worker.js';
import { addPanels } from './panels/panels.js';
import { followPermalink, readPermalink } from './shell/permalink.js';
import { showMeta, showProblems, startShell, startTheme } from './shell/shell.js';
import { byId } from './shell/dom.js';
import { State } from './state.js';
import { Timeline } from './timeline/timeline.js';

/** Opens what the page holds. `window.vtn` is for tests: ready is fulfilled when everything is there. */
async function startPage() {
  const code = document.getElementById('vtn-code')?.textContent || '';
  document.documentElement.classList.add('scripted');
  const theme = startTheme();
  const vtn = /** @type {any} */ (window).vtn = { ready: /** @type {Promise<void>} */ (Promise.resolve()), source: /** @type {any} */ (null),
    state: /** @type {any} */ (null), timeline: /** @type {any} */ (null), first_picture_ms: 0, complete_ms: 0 };
  let resolve = () => {};
  vtn.ready = new Promise((done) => {
    resolve = () => done(undefined);
  });
  try {
    const meta = openMeta(document);
    showMeta(meta);
    const source = await openFile(document, meta, code);
    const state = new State(source);
    const timeline = new Timeline(byId('timeline'), source, state, theme);
    const tabs = startShell(source, state, timeline);
    Object.assign(vtn, { source, state, timeline, first_picture_ms: performance.now() });
    followPermalink(state);
    addPanels(tabs, source, state);
    readOn(document, source);
    await source.whenComplete;
    vtn.complete_ms = performance.now();
    const { painter } = readPermalink(location.hash);
    if (painter !== '2d') timeline.useGl(painter === 'webgl');
  } catch (fault) {
    showProblems([fault instanceof Error ? fault.message : String(fault)]);
  }
  resolve();
}

if (typeof document === 'undefined') runWorker(globalThis);
else startPage();
