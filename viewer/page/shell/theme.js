// SPDX-License-Identifier: Apache-2.0
//
// Dark or light: as the system has it, until the user says otherwise.

/** @typedef {import('../timeline/colours.js').Theme} Theme */

const THEME_KEY = 'viztracer-native theme';

/** @returns {string | null} */
function rememberedTheme() {
  try {
    return localStorage.getItem(THEME_KEY);
  } catch (fault) {
    return null;
  }
}

/** @returns {Theme} */
export function currentTheme() {
  const chosen = document.documentElement.dataset.theme || rememberedTheme();
  if (chosen === 'dark' || chosen === 'light') return chosen;
  return matchMedia('(prefers-color-scheme: dark)').matches ? 'dark' : 'light';
}

/** @param {Theme} theme */
export function applyTheme(theme) {
  document.documentElement.dataset.theme = theme;
}

/** @param {(theme: Theme) => void} changed */
export function toggleTheme(changed) {
  const theme = currentTheme() === 'dark' ? 'light' : 'dark';
  applyTheme(theme);
  try {
    localStorage.setItem(THEME_KEY, theme);
  } catch (fault) {
    // It holds for this page then.
  }
  changed(theme);
}

/** @param {(theme: Theme) => void} changed */
export function followSystemTheme(changed) {
  matchMedia('(prefers-color-scheme: dark)').addEventListener('change', (event) => {
    if (rememberedTheme()) return;
    const theme = event.matches ? 'dark' : 'light';
    applyTheme(theme);
    changed(theme);
  });
}
