import { h, newId } from '../core/dom.js';
import { effect } from '../core/reactive.js';

/**
 * A labelled input, with what helps and what is wrong with it.
 * @param {any} label @param {HTMLElement} input @param {{hint?: any, wrong?: () => string | undefined}} [options]
 */
export function field(label, input, { hint, wrong } = {}) {
  const id = input.id || newId('field');
  input.id = id;
  const said = newId('said');
  if (hint || wrong) input.setAttribute('aria-describedby', said);
  return h('div.field', null,
    h('label', { for: id }, label),
    input,
    (hint || wrong) && h('div', { id: said },
      hint && h('div.hint', null, hint),
      wrong && (() => {
        const text = wrong();
        input.setAttribute('aria-invalid', String(Boolean(text)));
        return text && h('div.wrong', null, text);
      })));
}

/**
 * A choice among a few. When the options change it stays the same element, with the focus.
 * @param {[string, string][] | (() => [string, string][])} options value, label
 * @param {() => string} value @param {(value: string) => void} change @param {Record<string, any>} [props]
 */
export function choice(options, value, change, props = {}) {
  const select = h('select.input', { ...props, onchange: (/** @type {any} */ event) => change(event.target.value) });
  let shown = '';
  effect(() => {
    const list = typeof options === 'function' ? options() : options;
    const now = value();
    if (shown !== (shown = JSON.stringify(list))) select.replaceChildren(...list.map(([each, label]) => h('option', { value: each }, label)));
    if (select.value !== now) select.value = now;
  });
  return select;
}
