// SPDX-License-Identifier: Apache-2.0
//
// The bar on top, the line of problems, the tabs: all that is not the timeline.

import { button, byId, make } from './dom.js';
import { applyTheme, currentTheme, followSystemTheme, toggleTheme } from './theme.js';
import { factLines, factsOf, titleOf } from './facts.js';
import { showHelp } from './help.js';
import { Tabs } from './tabs.js';
import { visibleShort } from './text.js';
import { isTyping } from '../timeline/gestures.js';

/** @typedef {import('../data/report.js').Meta} Meta */
/** @typedef {import('../data/source.js').Source} Source */
/** @typedef {import('../state.js').State} State */
/** @typedef {import('../timeline/timeline.js').Timeline} Timeline */

const MOST_PROBLEMS = 12;
const PROGRESS_MS = 150;

/** Before anything is unpacked. @param {Meta} meta */
export function showMeta(meta) {
  document.title = titleOf(meta);
  byId('title').textContent = titleOf(meta);
  byId('facts').textContent = factsOf(meta, null);
}

/** One line each, for what is wrong with the file. @param {string[]} problems */
export function showProblems(problems) {
  const root = byId('problems');
  root.hidden = !problems.length;
  const lines = problems.slice(0, MOST_PROBLEMS).map((one) => make('div', '', visibleShort(one, 1000)));
  if (problems.length > MOST_PROBLEMS) lines.push(make('div', '', `and ${problems.length - MOST_PROBLEMS} more of this kind`));
  root.replaceChildren(...lines);
}

/** A recording that is newer, or will be. The button stays what it is while the text counts on. @param {Source} source */
function startNews(source) {
  const text = make('span');
  // The address keeps what is seen: of a view of all, again all.
  byId('news').append(text, button('Show', 'Load the page again', () => location.reload()));
  source.whenNews = (news) => {
    byId('news').hidden = !news;
    text.textContent = news;
  };
}

/**
 * @param {Source} source @param {State} state @param {Timeline} timeline
 * @returns {Tabs}
 */
export function startShell(source, state, timeline) {
  const { meta } = source.report;
  byId('facts').textContent = factsOf(meta, source.report);
  byId('top').title = factLines(meta, source.report);
  const recolour = (/** @type {import('../timeline/colours.js').Theme} */ theme) => timeline.setTheme(theme);
  byId('tools').append(
    button('Fit', 'Show all of it, or what is selected (F)', () => timeline.fit()),
    button('◐', 'Dark or light', () => toggleTheme(recolour)),
    button('?', 'Keys (?)', showHelp));
  followSystemTheme(recolour);
  document.addEventListener('keydown', (event) => {
    if (isTyping(event.target) || event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.key === '?') showHelp();
    if (event.key !== '/') return;
    event.preventDefault();
    state.set('panel', 'search');
    const field = document.querySelector('.panel-search input');
    if (field instanceof HTMLInputElement) field.select();
  });
  const progress = () => {
    byId('progress').textContent = source.complete ? '' : `reading ${Math.floor(source.progress * 100)} %`;
    if (!source.complete) setTimeout(progress, PROGRESS_MS);
  };
  progress();
  const changed = () => {
    if (source.complete) byId('progress').textContent = '';
    showProblems(source.problems);
  };
  source.onChange(changed);
  startNews(source);
  changed();
  return new Tabs({ tabs: byId('tabs'), area: byId('panel-area'), panels: byId('panels'), splitter: byId('splitter') }, state);
}

/** The theme, before the first picture. */
export function startTheme() {
  applyTheme(currentTheme());
  return currentTheme();
}
