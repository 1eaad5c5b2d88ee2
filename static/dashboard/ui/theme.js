import { signal } from '../core/reactive.js';

/** @typedef {'' | 'light' | 'dark'} Theme '': as the system has it */
const KEPT = 'tricast:theme';
export const theme = signal(/** @type {Theme} */ (localStorage.getItem(KEPT) ?? ''));

/** @param {Theme} name */
export function setTheme(name) {
  theme.set(name);
  if (name) localStorage.setItem(KEPT, name);
  else localStorage.removeItem(KEPT);
  showTheme();
}

export function showTheme() {
  if (theme.peek()) document.documentElement.dataset.theme = theme.peek();
  else delete document.documentElement.dataset.theme;
}
