// SPDX-License-Identifier: Apache-2.0
//
// The panels below the timeline, of which one is shown. A panel is made when it is first looked at.

import { make } from './dom.js';

/** @typedef {import('../state.js').State} State */
/** @typedef {{show: () => void, hide: () => void}} Panel */

const LEAST_PANEL_PX = 60;

export class Tabs {
  /** @param {{tabs: HTMLElement, area: HTMLElement, panels: HTMLElement, splitter: HTMLElement}} elements @param {State} state */
  constructor(elements, state) {
    this.elements = elements;
    this.state = state;
    /** @type {Map<string, {tab: HTMLButtonElement, make: (root: HTMLElement) => Panel, root: HTMLElement | null, panel: Panel | null}>} */
    this.known = new Map();
    this.shown = '';
    state.on('panel', (name) => this.show(name));
    this.followSplitter();
  }

  /** @param {string} name @param {string} title @param {(root: HTMLElement) => Panel} make_panel */
  add(name, title, make_panel) {
    const tab = make('button', '', title);
    tab.type = 'button';
    tab.setAttribute('role', 'tab');
    tab.setAttribute('aria-selected', 'false');
    tab.addEventListener('click', () => this.state.set('panel', name));
    this.elements.tabs.append(tab);
    this.known.set(name, { tab, make: make_panel, root: null, panel: null });
    this.elements.panels.hidden = this.elements.splitter.hidden = false;
    // The address may have asked for it before.
    if (this.state.panel === name) this.show(name);
  }

  /** @param {string} name */
  show(name) {
    const next = this.known.get(name);
    if (!next || name === this.shown) return;
    const last = this.known.get(this.shown);
    if (last?.root) {
      last.panel?.hide();
      last.root.hidden = true;
      last.tab.setAttribute('aria-selected', 'false');
    }
    this.shown = name;
    next.tab.setAttribute('aria-selected', 'true');
    if (!next.root) {
      next.root = make('div', `panel panel-${name}`);
      next.root.setAttribute('role', 'tabpanel');
      this.elements.area.append(next.root);
      next.panel = next.make(next.root);
    }
    next.root.hidden = false;
    next.panel?.show();
  }

  followSplitter() {
    const { splitter, panels } = this.elements;
    const setHeight = (/** @type {number} */ px) => {
      panels.style.height = `${Math.min(Math.max(LEAST_PANEL_PX, px), innerHeight - 220)}px`;
    };
    splitter.addEventListener('pointerdown', (event) => splitter.setPointerCapture(event.pointerId));
    splitter.addEventListener('pointermove', (event) => {
      if (splitter.hasPointerCapture(event.pointerId)) setHeight(innerHeight - event.clientY);
    });
    splitter.addEventListener('keydown', (event) => {
      const by_px = event.key === 'ArrowUp' ? 24 : event.key === 'ArrowDown' ? -24 : 0;
      if (!by_px) return;
      event.preventDefault();
      event.stopPropagation();
      setHeight(panels.offsetHeight + by_px);
    });
  }
}
