import { area, line, select } from './controls.js';
import { hasNewNull } from './model/places.js';
import { isExact, read, written } from './model/json.js';

/** @import {FlagPage} from './editor.js' */
/** @import {Read} from '../../core/reactive.js' */

/** The value of a variant, by the flag's type. What is no value yet stays as it is typed. @param {FlagPage} page @param {string} path @param {Read<string>} name */
export function variantValue(page, path, name) {
  const { draft } = page;
  const { type } = draft.base.peek();
  const isLocked = () => Boolean(page.locked(path));
  const props = { 'aria-label': () => `Value of ${name()}`, readonly: isLocked, title: () => page.locked(path), 'aria-invalid': () => String(Boolean(draft.texts().get(path)?.wrong ?? page.wrongAt(path))) };
  const typed = () => draft.texts().get(path)?.text;
  const value = () => draft.value(path);
  const tidy = () => !draft.texts.peek().get(path)?.wrong && draft.type(path, undefined);
  if (type === 'boolean') return select(() => [['true', 'true'], ['false', 'false']], () => String(value()), (text) => draft.set(path, text === 'true'), { 'aria-label': props['aria-label'], title: props.title, disabled: isLocked });
  if (type === 'number') return line(() => typed() ?? String(value() ?? ''), (text) => take(text, number), { ...props, class: 'num', inputmode: 'decimal', dir: 'ltr', onblur: tidy });
  if (type === 'object') return area({ ...props, least: 3, class: 'mono', dir: 'ltr', onblur: tidy, oninput: (/** @type {any} */ event) => take(event.target.value, object) }, () => typed() ?? written(value()));
  return area({ ...props, least: 1, dir: 'auto', class: 'one-line', oninput: (/** @type {any} */ event) => draft.set(path, event.target.value) }, () => String(value() ?? ''));

  /** @param {string} text @param {(text: string) => {value?: any, wrong?: string}} reads */
  function take(text, reads) {
    const found = reads(text);
    draft.type(path, { text, wrong: found.wrong });
    if (!found.wrong) draft.set(path, found.value);
  }

  /** @param {string} text @returns {{value?: any, wrong?: string}} */
  function object(text) {
    const found = read(text);
    if (found.wrong) return found;
    if (typeof found.value !== 'object' || found.value === null) return { wrong: 'An object or an array is needed, such as {"size": 3}.' };
    return hasNewNull(draft.savedValue(path), found.value) ? { wrong: 'null inside an object can’t be kept by an edit: leave the member out.' } : found;
  }
}

/** @param {string} text @returns {{value?: any, wrong?: string}} */
function number(text) {
  const tidy = text.trim().replace(',', '.');
  return tidy !== '' && /^-?(\d+\.?\d*|\.\d+)(e[-+]?\d+)?$/i.test(tidy) && Number.isFinite(Number(tidy)) ? (isExact(Number(tidy)) ? { value: Number(tidy) } : { wrong: 'This has more digits than can be kept here.' }) : { wrong: tidy ? 'This is not a number.' : 'Give a number.' };
}
