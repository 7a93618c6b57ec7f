// SPDX-License-Identifier: Apache-2.0
//
// Elements made by hand: what comes from a recording is only ever text in them.
import { visibleText } from '../text.js';

/** @typedef {Node | string | null | false | undefined} Child */

/**
 * An element. `on…` are listeners, `text` its text as it is, `class`, and attributes; false and null leave one out.
 * @template {keyof HTMLElementTagNameMap} Tag
 * @param {Tag} tag
 * @param {Record<string, any>} [properties]
 * @param {...Child} children
 * @returns {HTMLElementTagNameMap[Tag]}
 */
export function build(tag, properties = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (value === null || value === undefined || value === false) {
      continue;
    }
    if (name.startsWith('on')) {
      element.addEventListener(name.slice(2), value);
    } else if (name === 'text') {
      element.textContent = value;
    } else {
      element.setAttribute(name, value === true ? '' : String(value));
    }
  }
  element.append(...children.filter((child) => child !== null && child !== undefined && child !== false));
  return element;
}

/** @param {string} label @param {() => void} action @param {Record<string, any>} [properties] */
export function makeButton(label, action, properties = {}) {
  return build('button', {type: 'button', class: 'vp-button', text: label, onclick: action, ...properties});
}

/** Exactly these children. @param {Element} parent @param {...Child} children */
export function setChildren(parent, ...children) {
  parent.replaceChildren(...children.filter((child) => child !== null && child !== undefined && child !== false));
}

/**
 * A text of the recording, its whole as a title where it has been cut.
 * @param {string} text
 * @param {number} [most]
 * @param {string} [name] of a class
 */
export function makeName(text, most = 200, name = 'vp-name') {
  const shown = visibleText(text, most);
  return build('span', {class: name, dir: 'ltr', text: shown, title: text.length > most ? visibleText(text, 2000) : null});
}

/**
 * Calls `action` once things stand still for a while.
 * @param {() => void} action
 * @param {number} delay_ms
 */
export function whenStill(action, delay_ms) {
  let timer = 0;
  return () => {
    clearTimeout(timer);
    timer = window.setTimeout(action, delay_ms);
  };
}

/**
 * A field to search by; `changed` is called when typing pauses, and at once by Enter.
 * @param {string} label
 * @param {(text: string) => void} changed
 */
export function makeSearchField(label, changed) {
  const field = build('input', {type: 'search', class: 'vp-search', placeholder: label, 'aria-label': label, spellcheck: 'false',
    autocomplete: 'off'});
  let last = '';
  const tell = () => {
    if (field.value !== last) {
      last = field.value;
      changed(last);
    }
  };
  field.addEventListener('input', whenStill(tell, 120));
  field.addEventListener('keydown', (event) => {
    // Letters typed here are no keys of the page.
    event.stopPropagation();
    if (event.key === 'Enter') {
      tell();
    } else if (event.key === 'Escape') {
      if (field.value === '') {
        field.blur();
      }
      field.value = '';
      tell();
    }
  });
  return field;
}

/**
 * A group of buttons of which one is chosen.
 * @param {string} label
 * @param {readonly (readonly [string, string])[]} choices value and text
 * @param {string} chosen
 * @param {(value: string) => void} changed
 */
export function makeChoice(label, choices, chosen, changed) {
  const group = build('div', {class: 'vp-choice', role: 'radiogroup', 'aria-label': label});
  /** @param {string} value */
  const choose = (value) => {
    for (const button of buttons) {
      const on = button.dataset.value === value;
      button.setAttribute('aria-checked', String(on));
      button.tabIndex = on ? 0 : -1;
    }
  };
  const buttons = choices.map(([value, text]) => build('button', {type: 'button', role: 'radio', text, 'data-value': value, onclick: () => {
    choose(value);
    changed(value);
  }}));
  group.append(...buttons);
  group.addEventListener('keydown', (event) => {
    const step = event.key === 'ArrowRight' || event.key === 'ArrowDown' ? 1 : event.key === 'ArrowLeft' || event.key === 'ArrowUp' ? -1 : 0;
    if (step !== 0) {
      event.preventDefault();
      event.stopPropagation();
      const next = buttons[(buttons.indexOf(/** @type {HTMLButtonElement} */ (document.activeElement)) + step + buttons.length) % buttons.length];
      next.focus();
      next.click();
    }
  });
  choose(chosen);
  return {group, choose};
}

/** Copies, and says so on the button for a moment. @param {HTMLButtonElement} button @param {string} text */
export async function copyText(button, text) {
  const label = button.textContent ?? '';
  let done = false;
  try {
    await navigator.clipboard.writeText(text);
    done = true;
  } catch {
    // Without leave to use the clipboard, as in a page from a file in some browsers: the old way.
    const area = build('textarea', {class: 'vp-unseen'});
    area.value = text;
    button.after(area);
    area.select();
    done = document.execCommand('copy');
    area.remove();
    button.focus();
  }
  button.textContent = done ? 'Copied' : 'The browser does not let it';
  window.setTimeout(() => { button.textContent = label; }, 1200);
}

/** What a style sheet's variables come to here, as colours that a canvas takes. @param {Element} near @param {readonly string[]} names */
export function styleColors(near, names) {
  const probe = build('span', {class: 'vp-unseen'});
  near.append(probe);
  /** @type {Record<string, string>} */
  const colors = {};
  for (const name of names) {
    probe.style.color = `var(--${name})`;
    colors[name] = getComputedStyle(probe).color;
  }
  probe.remove();
  return colors;
}

/**
 * A context that draws in pixels of the page, on a canvas of that size.
 * @param {HTMLCanvasElement} canvas
 * @param {number} width_px
 * @param {number} height_px
 */
export function sizedContext(canvas, width_px, height_px) {
  const scale = window.devicePixelRatio || 1;
  const width = Math.max(1, Math.round(width_px * scale));
  const height = Math.max(1, Math.round(height_px * scale));
  if (canvas.width !== width || canvas.height !== height) {
    canvas.width = width;
    canvas.height = height;
    canvas.style.width = `${width_px}px`;
    canvas.style.height = `${height_px}px`;
  }
  const context = /** @type {CanvasRenderingContext2D} */ (canvas.getContext('2d'));
  context.setTransform(scale, 0, 0, scale, 0, 0);
  return context;
}
