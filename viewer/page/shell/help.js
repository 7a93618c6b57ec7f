// SPDX-License-Identifier: Apache-2.0
//
// Which keys do what.

import { button, byId, make } from './dom.js';

/** @type {[string, [string[], string][]][]} */
const HELP_KEYS = [
  ['Timeline', [
    [['W', 'S'], 'zoom in, zoom out, about the mouse'],
    [['A', 'D'], 'pan left, pan right'],
    [['Ctrl + wheel'], 'zoom about the mouse'],
    [['wheel', 'Shift + wheel'], 'scroll down and up, scroll in time'],
    [['drag'], 'move the picture'],
    [['Shift + drag', 'drag on the axis'], 'choose a range of time'],
    [['click', 'double click'], 'select a call, zoom to it'],
    [['F'], 'zoom to what is selected; again: to all'],
    [['↑', '↓'], 'caller, first callee'],
    [['←', '→'], 'the call before, the call after'],
    [['Esc'], 'select nothing'],
  ]],
  ['Search', [
    [['/'], 'search: text, or /regex/'],
    [['N', 'Shift + N'], 'next, previous call of what was found'],
    [['[', ']'], 'previous, next call of the selected function'],
  ]],
  ['Panels', [
    [['1', '…', '6'], 'call, functions, flame graph, source, search, processes'],
    [['E'], 'save as .json, open in Perfetto, copy as text'],
    [['?'], 'this help'],
  ]],
  ['In a list', [
    [['↑', '↓', 'PgUp', 'PgDn', 'Home', 'End'], 'from line to line'],
    [['Enter'], 'functions: the longest call; source: mark the function; search: the next call'],
    [['←', '→'], 'processes: close, open a branch'],
  ]],
  ['In the flame graph', [
    [['←', '→'], 'the box beside'],
    [['↑', '↓'], 'one level up, down'],
    [['Enter', 'click'], 'zoom to the box'],
    [['Esc'], 'one level out'],
    [['S'], 'sandwich: callers and callees of the function'],
  ]],
];

export function showHelp() {
  const old = document.querySelector('dialog.help');
  if (old instanceof HTMLDialogElement) {
    old.close();
    old.remove();
    return;
  }
  const sections = HELP_KEYS.map(([title, keys]) => make('section', '', [make('h3', '', title),
    make('table', 'keys', keys.map(([names, what]) => make('tr', '', [
      make('td', '', names.flatMap((key, i) => (i ? [' ', make('kbd', '', key)] : [make('kbd', '', key)]))), make('td', '', what)])))]));
  const legend = make('p', 'faint', 'Hatched boxes are short calls put together, or holes in the record; boxes that fade out never ended.');
  const dialog = make('dialog', 'help', [make('div', 'help-head', [make('h2', '', 'Keys'), button('Close', 'Esc', () => dialog.close())]),
    make('div', 'help-keys', sections), legend]);
  dialog.setAttribute('aria-label', 'Keys');
  byId('app').append(dialog);
  dialog.addEventListener('close', () => dialog.remove());
  dialog.addEventListener('click', (event) => {
    if (event.target === dialog) dialog.close();
  });
  dialog.showModal();
}
