// SPDX-License-Identifier: Apache-2.0
//
// The panels as tabs, and the keys that work wherever one is.
import { CallPanel } from './call_panel.js';
import { makeButton } from './dom.js';
import { ExportDialog } from './export_dialog.js';
import { FlamePanel } from './flame_panel.js';
import { FunctionsPanel } from './functions_panel.js';
import { ProcessesPanel } from './processes_panel.js';
import { SearchPanel } from './search_panel.js';
import { SourcePanel } from './source_panel.js';
import { byId } from '../shell/dom.js';

/** @typedef {import('../data/source.js').Source} Source */
/** @typedef {import('../shell/tabs.js').Tabs} Tabs */
/** @typedef {import('../state.js').State} State */

const PANEL_NAMES = ['call', 'functions', 'flame', 'source', 'search', 'processes'];

/** @param {EventTarget | null} target letters go into it */
function takesLetters(target) {
  return target instanceof HTMLElement && (target.isContentEditable || target.closest('input, select, textarea, dialog') !== null);
}

/** @param {Tabs} tabs @param {Source} source @param {State} state */
export function addPanels(tabs, source, state) {
  /** @type {SearchPanel | null} */
  let search = null;
  /** @type {CallPanel | null} */
  let call = null;
  /** @type {ExportDialog | null} */
  let dialog = null;
  tabs.add('call', 'Call', (root) => (call = new CallPanel(root, source, state)));
  tabs.add('functions', 'Functions', (root) => new FunctionsPanel(root, source, state));
  tabs.add('flame', 'Flame graph', (root) => new FlamePanel(root, source, state));
  tabs.add('source', 'Source', (root) => new SourcePanel(root, source, state));
  tabs.add('search', 'Search', (root) => (search = new SearchPanel(root, source, state)));
  tabs.add('processes', 'Processes', (root) => new ProcessesPanel(root, source, state));
  followTimeline(state);
  // What a link asks for stands in the state already.
  if (PANEL_NAMES.includes(state.panel)) {
    tabs.show(state.panel);
  } else {
    state.set('panel', 'functions');
  }

  /** Keys that walk need their panel, not to be looked at. @param {string} name */
  const made = (name) => {
    const shown = state.panel;
    state.set('panel', name);
    state.set('panel', shown);
  };
  /** @type {Record<string, (event: KeyboardEvent) => void>} */
  const keys = {
    n: (event) => {
      if (search === null) {
        made('search');
      }
      search?.go(event.key === 'n' && !event.shiftKey);
    },
    '[': () => goInCall(false),
    ']': () => goInCall(true),
    e: () => openDialog(),
  };
  /** @param {boolean} forward */
  const goInCall = (forward) => {
    if (call === null) {
      made('call');
    }
    call?.go(forward);
  };
  const openDialog = () => {
    dialog ??= new ExportDialog(source, state);
    dialog.open();
  };
  document.addEventListener('keydown', (event) => {
    if (takesLetters(event.target) || event.ctrlKey || event.metaKey || event.altKey) {
      return;
    }
    const panel = PANEL_NAMES[Number(event.key) - 1];
    if (panel !== undefined) {
      event.preventDefault();
      state.set('panel', panel);
      return;
    }
    const does = keys[event.key.toLowerCase()];
    if (does !== undefined) {
      event.preventDefault();
      does(event);
    }
  });
  byId('tools').prepend(makeButton('Save …', openDialog, {class: '', title: 'Save as .json, open in Perfetto, copy as text (E)'}));
}

/** A call that is selected in the timeline is told of at once, unless its source is being read. @param {State} state */
function followTimeline(state) {
  let in_timeline = false;
  const follow = (/** @type {Event} */ event) => {
    in_timeline = event.target instanceof Element && event.target.closest('#timeline') !== null;
  };
  document.addEventListener('pointerdown', follow, true);
  state.on('selectedCall', (call) => {
    if (call !== null && in_timeline && state.panel !== 'source') {
      state.set('panel', 'call');
    }
  });
}
