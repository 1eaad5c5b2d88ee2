import { setParameters } from '../../core/router.js';
import { controlIn } from './controls.js';
import { environmentOf } from './model/places.js';

/** @param {string} path @param {string | undefined} field */
export const covers = (path, field) => Boolean(field && path && (field === path || field.startsWith(`${path}/`)));

/** Where a place is edited. @param {string} path @returns {string} */
export function partOf(path) {
  if (path.startsWith('/variants') || /^\/environments\/[^/]+\/variants/.test(path)) return 'variants';
  return path.startsWith('/environments') ? '' : 'details';
}

/** Shows a place of the form, and goes there. @param {string} path */
export function goTo(path) {
  setParameters({ tab: partOf(path), ...(environmentOf(path) && { env: environmentOf(path) }) });
  setTimeout(() => {
    const found = [...document.querySelectorAll('.flag-drawer [data-place]')].filter((each) => covers(/** @type {any} */ (each).dataset.place, path)).at(-1);
    found?.scrollIntoView({ block: 'center' });
    /** @type {HTMLElement | null | undefined} */ (found?.querySelector('[data-choose]') ?? controlIn(found))?.focus({ preventScroll: true });
  });
}

/** Takes what is typed in a line of the drawer as if one had left it, for it counts only then. */
export function settle() {
  const at = document.activeElement;
  if (at instanceof HTMLInputElement && at.closest('.flag-drawer')) at.dispatchEvent(new Event('change', { bubbles: true }));
}
