// SPDX-License-Identifier: Apache-2.0
//
// View and selection in the address, so that a link shows what its sender saw.

/** @typedef {import('../state.js').State} State */

const QUIET_MS = 250;
/** What draws the boxes, for those who know better than the page. */
const PAINTERS = ['2d', 'webgl'];

/** What an address asks for. @param {string} hash */
export function readPermalink(hash) {
  const fields = new URLSearchParams(hash.replace(/^#/, ''));
  const numbers = (/** @type {string} */ name, /** @type {number} */ count) => {
    const found = (fields.get(name) || '').split('_').map(Number);
    return found.length === count && found.every(Number.isFinite) && fields.get(name) ? found : null;
  };
  const view = numbers('view', 2);
  const call = numbers('call', 3);
  const range = numbers('range', 2);
  return {
    view: view && view[1] > view[0] ? { from_ns: view[0], to_ns: view[1] } : null,
    call: call && { thread: call[0], depth: call[1], index: call[2] },
    range: range && range[1] > range[0] ? { from_ns: range[0], to_ns: range[1], threads: null } : null,
    panel: fields.get('panel') || '',
    painter: PAINTERS.find((name) => fields.has(name)) || '',
  };
}

/** @param {State} state @param {string} painter */
export function writePermalink(state, painter) {
  const fields = [];
  const { view, selectedCall: call, selectedRange: range } = state;
  const { first_view } = state;
  if (view.from_ns !== first_view.from_ns || view.to_ns !== first_view.to_ns) fields.push(`view=${Math.round(view.from_ns)}_${Math.round(view.to_ns)}`);
  if (call) fields.push(`call=${call.thread}_${call.depth}_${call.index}`);
  if (range) fields.push(`range=${Math.round(range.from_ns)}_${Math.round(range.to_ns)}`);
  if (state.panel) fields.push(`panel=${state.panel}`);
  if (painter) fields.push(painter);
  return fields.length ? `#${fields.join('&')}` : '';
}

/** Applies the address to the state, now and when somebody changes it, and the state to the address. @param {State} state */
export function followPermalink(state) {
  let written = location.hash;
  let timer = 0;
  const { painter } = readPermalink(location.hash);
  const write = () => {
    written = writePermalink(state, painter);
    try {
      history.replaceState(null, '', written || location.pathname + location.search);
    } catch (fault) {
      // Some browsers let a file's address be.
    }
  };
  const apply = () => {
    const wanted = readPermalink(location.hash);
    if (wanted.panel) state.set('panel', wanted.panel);
    if (wanted.range) state.set('selectedRange', wanted.range);
    const column = wanted.call && state.source.column(wanted.call.thread, wanted.call.depth);
    if (wanted.call && column && wanted.call.index < column.count && state.source.complete) {
      if (wanted.view) state.set('view', wanted.view);
      state.showCall(wanted.call);
    }
    if (wanted.view) state.set('view', wanted.view);
  };
  apply();
  // Calls have their numbers when all of them are there.
  if (!state.source.complete && readPermalink(location.hash).call) {
    const { call } = readPermalink(location.hash);
    let waiting = true;
    state.source.onChange(() => {
      if (!waiting || !state.source.complete) return;
      waiting = false;
      const column = call && !state.selectedCall ? state.source.column(call.thread, call.depth) : undefined;
      if (!call || !column || call.index >= column.count) return;
      const { view } = state;
      state.showCall(call);
      state.set('view', view);
    });
  }
  window.addEventListener('hashchange', () => {
    if (location.hash !== written) apply();
  });
  for (const name of /** @type {('view' | 'selectedCall' | 'selectedRange' | 'panel')[]} */ (['view', 'selectedCall', 'selectedRange', 'panel'])) {
    state.on(name, () => {
      clearTimeout(timer);
      timer = setTimeout(write, QUIET_MS);
    });
  }
}
