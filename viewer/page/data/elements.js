// SPDX-License-Identifier: Apache-2.0
//
// The elements of a page that hold data, one after another while the browser still reads the file. What was handed on
// is taken out of the document, which would keep its text.

/**
 * One element: what kind of block it holds, which one, its packed text and its attributes.
 * @typedef {{kind: string, number: number, text: string, thread: number, from_ns: number, to_ns: number}} Element_
 */

const ID = /^vtn-([a-z]+)-(\d+)$/;

/** @param {HTMLElement} element @param {string} name @param {number} otherwise */
function numberOf(element, name, otherwise) {
  const text = element.dataset[name];
  return text === undefined ? otherwise : Number(text);
}

/**
 * Takes an element out of the document.
 * @param {HTMLElement} element @param {string} kind @param {number} number @returns {Element_}
 */
function takeElement(element, kind, number) {
  const text = element.textContent || '';
  element.remove();
  return { kind, number, text, thread: numberOf(element, 'thread', -1), from_ns: numberOf(element, 'fromNs', -Infinity),
    to_ns: numberOf(element, 'toNs', Infinity) };
}

/** @param {Document} page @param {string} id @returns {string | null} */
export function takeText(page, id) {
  const element = page.getElementById(id);
  if (!element) return null;
  const text = element.textContent;
  element.remove();
  return text;
}

/**
 * Hands each block on as soon as it is whole, those that are there already first.
 * @param {Document} page
 * @param {(element: Element_) => void} take
 * @param {(whole: boolean) => void} end called when the file has been read; whether it has its end
 */
export function readElements(page, take, end) {
  const sweep = () => {
    const parsed = page.readyState !== 'loading';
    // The last one may still be growing. What others put into the document is no sign that it is not.
    const ours = [...page.body.children].filter((element) => element.id.startsWith('vtn-'));
    if (!parsed) ours.pop();
    for (const element of ours) {
      const found = element.localName === 'script' ? ID.exec(element.id) : null;
      if (found) take(takeElement(/** @type {HTMLElement} */ (element), found[1], Number(found[2])));
    }
    return parsed;
  };
  const finish = () => {
    sweep();
    end(page.getElementById('vtn-end') !== null);
  };
  if (sweep()) {
    finish();
    return;
  }
  const observer = new MutationObserver(() => void sweep());
  observer.observe(page.body, { childList: true });
  page.addEventListener('DOMContentLoaded', () => {
    observer.disconnect();
    finish();
  });
}
