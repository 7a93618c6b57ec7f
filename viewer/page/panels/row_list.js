// SPDX-License-Identifier: Apache-2.0
//
// A list of any length of which only the rows in sight are elements. One row is active: arrows move it, Enter and clicks use it.
import { build } from './dom.js';

const SPARE_ROWS = 8;

/**
 * @typedef {object} RowListOptions
 * @property {string} label for those who do not see it
 * @property {number} row_px
 * @property {(row: HTMLElement, index: number) => void} fill sets the content of a row element, which may have had another
 * @property {(index: number) => void} [activate] a click, or arrows
 * @property {(index: number) => void} [open] Enter, or a double click
 * @property {'grid' | 'listbox' | 'treegrid'} [role]
 */

let row_list_numbers = 0;

export class RowList {
  /** @param {RowListOptions} options */
  constructor(options) {
    this.options = options;
    this.count = 0;
    this.active = -1;
    this.prefix = `vp-list-${++row_list_numbers}`;
    this.space = build('div', {class: 'vp-rows-space', role: 'presentation'});
    this.element = build('div', {class: 'vp-rows', role: options.role ?? 'grid', tabindex: '0', 'aria-label': options.label}, this.space);
    /** @type {Map<number, HTMLElement>} */
    this.shown = new Map();
    /** @type {HTMLElement[]} */
    this.unused = [];
    this.pending = 0;
    this.element.addEventListener('scroll', () => this.later());
    this.element.addEventListener('keydown', (event) => this.key(event));
    this.space.addEventListener('click', (event) => {
      const index = this.indexOf(event.target);
      if (index >= 0) {
        this.setActive(index, true);
      }
    });
    this.space.addEventListener('dblclick', (event) => {
      const index = this.indexOf(event.target);
      if (index >= 0) {
        options.open?.(index);
      }
    });
    new ResizeObserver(() => this.later()).observe(this.element);
  }

  /** Other rows. @param {number} count @param {number} [active] */
  reset(count, active = -1) {
    this.count = count;
    this.active = Math.min(active, count - 1);
    this.space.style.height = `${count * this.options.row_px}px`;
    this.element.setAttribute('aria-rowcount', String(count));
    this.refresh();
  }

  /** The same rows with other content. */
  refresh() {
    for (const [index, row] of this.shown) {
      if (index < this.count) {
        this.fill(row, index);
      }
    }
    this.draw();
  }

  later() {
    if (this.pending === 0) {
      this.pending = requestAnimationFrame(() => {
        this.pending = 0;
        this.draw();
      });
    }
  }

  draw() {
    const {row_px} = this.options;
    const first = Math.max(0, Math.floor(this.element.scrollTop / row_px) - SPARE_ROWS);
    const end = Math.min(this.count, Math.ceil((this.element.scrollTop + this.element.clientHeight) / row_px) + SPARE_ROWS);
    for (const [index, row] of this.shown) {
      if (index < first || index >= end) {
        this.shown.delete(index);
        this.unused.push(row);
      }
    }
    for (let index = first; index < end; ++index) {
      if (!this.shown.has(index)) {
        const row = this.unused.pop() ?? build('div', {class: 'vp-row', role: this.options.role === 'listbox' ? 'option' : 'row'});
        this.fill(row, index);
        this.shown.set(index, row);
        if (row.parentNode === null) {
          this.space.append(row);
        }
      }
    }
    for (const row of this.unused) {
      row.remove();
    }
    this.unused.length = 0;
  }

  /** @param {HTMLElement} row @param {number} index */
  fill(row, index) {
    row.style.top = `${index * this.options.row_px}px`;
    row.dataset.index = String(index);
    row.id = `${this.prefix}-${index}`;
    row.setAttribute('aria-rowindex', String(index + 1));
    row.setAttribute('aria-selected', String(index === this.active));
    this.options.fill(row, index);
  }

  /** @param {EventTarget | null} target */
  indexOf(target) {
    const row = target instanceof Element ? target.closest('.vp-row') : null;
    return row instanceof HTMLElement ? Number(row.dataset.index) : -1;
  }

  /** @param {number} index @param {boolean} tell */
  setActive(index, tell) {
    const before = this.shown.get(this.active);
    before?.setAttribute('aria-selected', 'false');
    this.active = index;
    if (index < 0) {
      this.element.removeAttribute('aria-activedescendant');
      return;
    }
    this.reveal(index);
    this.shown.get(index)?.setAttribute('aria-selected', 'true');
    this.element.setAttribute('aria-activedescendant', `${this.prefix}-${index}`);
    if (tell) {
      this.options.activate?.(index);
    }
  }

  /** Scrolls as little as needed, or so that the row lies in the middle. @param {number} index @param {boolean} [middle] */
  reveal(index, middle = false) {
    const {row_px} = this.options;
    const height = this.element.clientHeight;
    const top = index * row_px;
    if (middle) {
      this.element.scrollTop = top - (height - row_px) / 2;
    } else if (top < this.element.scrollTop) {
      this.element.scrollTop = top;
    } else if (top + row_px > this.element.scrollTop + height) {
      this.element.scrollTop = top + row_px - height;
    }
    this.draw();
  }

  /** @param {KeyboardEvent} event */
  key(event) {
    const page = Math.max(1, Math.floor(this.element.clientHeight / this.options.row_px) - 1);
    /** @type {Record<string, number>} */
    const targets = {ArrowDown: this.active + 1, ArrowUp: this.active - 1, PageDown: this.active + page, PageUp: this.active - page,
      Home: 0, End: this.count - 1};
    if (event.ctrlKey || event.metaKey || event.altKey || this.count === 0) {
      return;
    }
    if (event.key in targets) {
      event.preventDefault();
      event.stopPropagation();
      this.setActive(Math.min(this.count - 1, Math.max(0, targets[event.key])), true);
    } else if (event.key === 'Enter' && this.active >= 0 && event.target === this.element) {
      event.preventDefault();
      event.stopPropagation();
      this.options.open?.(this.active);
    }
  }
}
