// SPDX-License-Identifier: Apache-2.0
//
// Elements by function call. Text is always text, never markup.

/**
 * @template {keyof HTMLElementTagNameMap} Tag
 * @param {Tag} tag @param {string} [class_name] @param {string | Node | (string | Node)[]} [content]
 * @returns {HTMLElementTagNameMap[Tag]}
 */
export function make(tag, class_name = '', content = []) {
  const element = document.createElement(tag);
  if (class_name) element.className = class_name;
  element.append(...(Array.isArray(content) ? content : [content]));
  return element;
}

/** @param {string} id @returns {HTMLElement} an element of index.html */
export function byId(id) {
  const element = document.getElementById(id);
  if (!element) throw new Error(`the page has no #${id}`);
  return element;
}

/**
 * @param {string} text @param {string} title @param {() => void} action
 */
export function button(text, title, action) {
  const made = make('button', '', text);
  made.type = 'button';
  made.title = title;
  made.addEventListener('click', action);
  return made;
}
