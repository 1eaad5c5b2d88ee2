import { h, listen, newId, replace } from '../../core/dom.js';
import { computed, effect, flush, untracked } from '../../core/reactive.js';
import { isNowhere } from '../../ui/focus.js';

/** @import {Read} from '../../core/reactive.js' */

/** Goes to what a change has just made. @param {() => Element | null | undefined} find */
export function goToNew(find) {
  flush();
  /** @type {HTMLElement | null | undefined} */ (find())?.focus();
}

/** Pressed to remove one of several: the focus stays among those that are left. @param {string} among @param {() => void} run */
export const removing = (among, run) => (/** @type {Event} */ event) => {
  const holder = /** @type {Element} */ (event.currentTarget).closest(among);
  run();
  flush();
  if (!isNowhere()) return;
  const next = holder?.lastElementChild?.querySelector('input, select, textarea') ?? holder?.parentElement?.querySelector('button:enabled');
  /** @type {HTMLElement | null | undefined} */ (next)?.focus();
};

/** Pressed, it may be gone: the focus goes on to what it was about. @param {() => Element | null | undefined} find @param {() => void} run */
export const thenTo = (find, run) => () => {
  run();
  flush();
  if (isNowhere()) /** @type {HTMLElement | null | undefined} */ (find())?.focus();
};

/** What a part of the form is edited with, before what can be pressed in it. @param {Element | null | undefined} part @returns {HTMLElement | null | undefined} */
export const controlIn = (part) => part?.querySelector('input, select, textarea') ?? part?.querySelector('[role="switch"], button:enabled');

/** The tab of the part of the flag that is looked at. */
export const tabNow = () => document.querySelector('.flag-drawer [role="tab"][aria-selected="true"]');

/** A part of the page that is there as long as something holds; made once, not at each change. @param {Read<any>} read @param {() => any} build */
export function shownIf(read, build) {
  const is = computed(() => Boolean(read()));
  return () => is() && untracked(build);
}

/**
 * A choice among what changes; a value that is none of them is shown as such.
 * @param {Read<[string, string][]>} options value, label @param {Read<string>} value @param {(value: string) => void} change @param {Record<string, any>} [props]
 */
export function select(options, value, change, props = {}) {
  const element = h('select.input', { ...props, onchange: (/** @type {any} */ event) => change(event.target.value) });
  let was = '';
  effect(() => {
    const now = value();
    const list = options().some(([each]) => each === now) ? options() : [...options(), /** @type {[string, string]} */ ([now, now ? `${now.replace(/^=/, '')} (not there)` : 'Choose…'])];
    const text = JSON.stringify(list);
    if (text !== was) untracked(() => replace(element, list.map(([each, label]) => h('option', { value: each }, label))));
    was = text;
    element.value = now;
  });
  return element;
}

/** A line of text that follows a value, and tells what is typed. @param {Read<string>} value @param {(text: string) => void} change @param {Record<string, any>} [props] */
export const line = (value, change, props = {}) =>
  h('input.input', { type: 'text', autocomplete: 'off', spellcheck: false, dir: 'auto', ...props, value, oninput: (/** @type {any} */ event) => change(event.target.value) });

/**
 * A list of proposals for a line of text, looked up when somebody comes to one that uses it.
 * @param {() => string[]} find @returns {[string, HTMLElement]}
 */
export function proposals(find) {
  const id = newId('list');
  const element = h('datalist', { id });
  listen(document, 'focusin', ({ target }) => target.getAttribute('list') === id && replace(element, untracked(find).map((each) => h('option', { value: each }))));
  return [id, element];
}

/** A text area as high as its text. @param {Record<string, any>} props @param {Read<string>} text */
export function area(props, text) {
  return h('textarea.input', { spellcheck: false, ...props, value: text, rows: () => Math.min(24, Math.max(props.least ?? 2, text().split('\n').length)) });
}
