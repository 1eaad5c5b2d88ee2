import { h, newId } from '../core/dom.js';
import { untracked } from '../core/reactive.js';

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
 * A choice among a few.
 * @param {[string, string][]} options value, label
 * @param {() => string} value @param {(value: string) => void} change @param {Record<string, any>} [props]
 */
export function choice(options, value, change, props = {}) {
  const now = untracked(value); // (a choice is not made anew when it is made: it has the focus)
  return h('select.input', { ...props, value, onchange: (/** @type {any} */ event) => change(event.target.value) },
    ...options.map(([each, label]) => h('option', { value: each, selected: each === now }, label)));
}
