import { h } from '../../core/dom.js';
import { computed } from '../../core/reactive.js';
import { icon } from '../../ui/icon.js';
import { area, thenTo } from './controls.js';
import { isObject, read, written } from './model/json.js';

/** @import {FlagPage} from './editor.js' */
/** @import {Read} from '../../core/reactive.js' */
/** @import {Model} from './model/rules.js' */

/**
 * The rule as JSONLogic. What is typed stays as it is typed: if it can be read it is the rule, if not it is marked, and
 * the rule is what it was.
 * @param {FlagPage} page @param {{rule: string, name: string, model: Read<Model | undefined>}} options
 */
export function logic(page, { rule, name, model }) {
  const { draft } = page;
  const value = computed(() => draft.value(rule));
  const typed = computed(() => draft.texts().get(rule));
  const text = () => typed()?.text ?? (value() === undefined ? '' : written(value()));
  const element = area({ least: 6, class: 'mono', 'aria-label': `Rules in ${name} as JSONLogic`, 'aria-describedby': 'logic-hint', dir: 'ltr', readonly: () => Boolean(page.locked(rule)), title: () => page.locked(rule), placeholder: '{"if": [{"==": [{"var": "plan"}, "pro"]}, "on", "off"]}',
    'aria-invalid': () => String(Boolean(typed()?.wrong)),
    oninput: () => take(element.value),
    onblur: () => !typed()?.wrong && draft.type(rule, undefined),
    onkeydown: (/** @type {KeyboardEvent} */ event) => event.key === 'Enter' && !event.ctrlKey && !event.metaKey && indent(event, element) }, text);

  /** @param {string} given */
  function take(given) {
    const found = given.trim() ? read(given) : { value: undefined };
    const wrong = found.wrong ?? (found.value !== undefined && !isObject(found.value) ? 'A rule is an object, such as {"if": […]}.' : undefined);
    draft.type(rule, { text: given, wrong });
    if (!wrong) draft.set(rule, found.value !== undefined && !Object.keys(found.value).length ? undefined : found.value);
  }

  return h('div.stack.tight', null,
    h('div.row', null, h('span.small.muted', null, 'JSONLogic'), h('div.grow'),
      () => typed()?.wrong && h('button.button.quiet.slim', { type: 'button', onclick: thenTo(() => element, () => draft.type(rule, undefined)), title: 'Drops what you typed here' }, icon('undo'), 'Last valid rule')),
    element,
    h('div.hint', { id: 'logic-hint' }, () => (typed()?.wrong ? 'The rule is still what it was before.' : !model() ? 'This rule says more than the builder can: it is edited here.' : 'Edit either side; the other follows.')));
}

/** A new line begins where the one before began. @param {KeyboardEvent} event @param {HTMLTextAreaElement} element */
function indent(event, element) {
  const before = element.value.slice(0, element.selectionStart);
  const [space] = /[ \t]*$/.exec(/(^|\n)([ \t]*)[^\n]*$/.exec(before)?.[2] ?? '') ?? [''];
  const more = /[[{]\s*$/.test(before) ? '  ' : '';
  if (!space && !more) return;
  event.preventDefault();
  element.setRangeText(`\n${space}${more}`, element.selectionStart, element.selectionEnd, 'end');
  element.dispatchEvent(new Event('input', { bubbles: true }));
}
