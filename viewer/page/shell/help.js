// SPDX-License-Identifier: Apache-2.0
//
// Which keys do what.

import { byId, make } from './dom.js';

/** @type {[string[], string][]} */
const HELP_KEYS = [
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
  [['/'], 'search'],
  [['Esc'], 'select nothing'],
  [['?'], 'this help'],
];

export function showHelp() {
  const old = document.querySelector('dialog.help');
  if (old instanceof HTMLDialogElement) {
    old.close();
    old.remove();
    return;
  }
  const rows = HELP_KEYS.map(([keys, what]) => make('tr', '', [
    make('td', '', keys.flatMap((key, i) => (i ? [' ', make('kbd', '', key)] : [make('kbd', '', key)]))), make('td', '', what)]));
  const legend = make('p', 'faint', 'Hatched boxes are short calls put together, or holes in the record; boxes that fade out never ended.');
  const dialog = make('dialog', 'help', [make('table', 'keys', rows), legend]);
  byId('app').append(dialog);
  dialog.addEventListener('close', () => dialog.remove());
  dialog.addEventListener('click', () => dialog.close());
  dialog.showModal();
}
