import { h } from '../../core/dom.js';
import { computed, signal, untracked } from '../../core/reactive.js';
import { icon } from '../../ui/icon.js';
import { line, removing, select } from './controls.js';
import { OPERATORS, isShared, missing, typeOf, withCondition, withRule } from './model/rules.js';
import { values } from './values.js';

/** @import {Builder} from './builder.js' */
/** @import {Condition} from './model/rules.js' */
/** @import {Read} from '../../core/reactive.js' */

const RARE = ['===', '!=='];

/** One thing that must hold: attribute, operator, value. @param {Builder} shared @param {Read<Condition>} item @param {number} at @param {number} which @param {Read<number>} count */
export function condition({ page, edit, isLocked, attributes }, item, at, which, count) {
  const change = (/** @type {Partial<Condition>} */ to) => edit((now) => withCondition(now, at, which, to));
  const name = `Rule ${at + 1}, condition ${which + 1}`;
  const wants = computed(() => OPERATORS[item().operator].value);
  const sharesRule = computed(() => isShared(item().operator));
  const hole = computed(() => missing(item(), page.evaluators()));
  const operators = computed(() => Object.entries(OPERATORS)
    .filter(([each]) => each === item().operator || (!RARE.includes(each) && (!isShared(each) || Object.keys(page.evaluators()).length > 0)))
    .map(([each, { label }]) => /** @type {[string, string]} */ ([each, label])));
  /** A number that isn't one yet stays one to be. */
  const chosen = signal(/** @type {string} */ ('text'));
  return h('div.condition', null,
    h('div.condition-line', null,
      () => (sharesRule()
        ? untracked(() => select(() => Object.keys(page.evaluators()).map((each) => [each, each]), () => item().attribute, (value) => change({ attribute: value }), { class: 'attribute', 'aria-label': `${name}: shared rule`, disabled: isLocked }))
        : untracked(() => line(() => item().attribute, (value) => change({ attribute: value }), { class: 'attribute mono', list: attributes, placeholder: 'attribute', dir: 'ltr', 'aria-label': `${name}: attribute`, autocapitalize: 'none', readonly: isLocked }))),
      select(operators, () => item().operator, (value) => change({ operator: value, ...(isShared(value) !== isShared(item().operator) && { attribute: isShared(value) ? Object.keys(page.evaluators())[0] ?? '' : '' }) }), { class: 'operator', 'aria-label': `${name}: operator`, disabled: isLocked }),
      () => {
        const kind = wants();
        return kind !== 'none' && untracked(() => value(kind, name));
      },
      h('button.button.quiet.icon.slim', { type: 'button', 'aria-label': `Remove ${name.toLowerCase()}`, title: 'Remove', disabled: () => isLocked() || count() === 1, onclick: removing('.conditions', () => edit((now) => withRule(now, at, { conditions: now.rules[at].conditions.filter((_, each) => each !== which) }))) }, icon('close'))),
    () => hole() && page.missing().size > 0 && h('div.wrong', null, hole()));

  /** 1.0 is a number, but one goes on typing it. */
  function tidy() {
    const { value: now } = item();
    if ((wants() === 'number' || wants() === 'one') && typeof now === 'string' && now.trim() !== '' && Number.isFinite(Number(now)) && (wants() === 'number' || chosen() === 'number')) change({ value: Number(now) });
  }

  /** @param {string} kind @param {string} name */
  function value(kind, name) {
    const props = { 'aria-label': `${name}: value`, readonly: isLocked };
    if (kind === 'many') return values(item, change, { label: `${name}: values`, isLocked });
    if (kind === 'number') return line(() => String(item().value ?? ''), (text) => change({ value: numbered(text) }), { ...props, class: 'value num', inputmode: 'decimal', onblur: tidy, 'aria-invalid': () => String(typeof item().value !== 'number') });
    if (kind !== 'one') return line(() => String(item().value ?? ''), (text) => change({ value: text }), { ...props, class: 'value', placeholder: kind === 'version' ? '1.4.2' : '' });
    chosen.set(typeOf(item().value));
    const type = computed(() => (typeOf(item().value) === 'text' && chosen() === 'number' ? 'number' : typeOf(item().value)));
    return h('span.value.typed', null,
      () => (type() === 'boolean'
        ? untracked(() => select(() => [['true', 'true'], ['false', 'false']], () => String(item().value), (text) => change({ value: text === 'true' }), { 'aria-label': `${name}: value`, disabled: isLocked }))
        : type() === 'none' ? h('code', null, 'null')
          : untracked(() => line(() => String(item().value), (text) => change({ value: type() === 'number' ? numbered(text) : text }), { ...props, onblur: tidy, 'aria-invalid': () => String(type() === 'number' && typeof item().value !== 'number') }))),
      select(() => [['text', 'text'], ['number', 'number'], ['boolean', 'true/false'], ...(type() === 'none' ? [/** @type {[string, string]} */ (['none', 'null'])] : [])], type, (to) => (chosen.set(/** @type {any} */ (to)), change({ value: converted(item().value, to) })), { class: 'type', 'aria-label': `${name}: type of the value`, disabled: isLocked }));
  }
}

/** A number, or the text as long as it is none. @param {string} text */
export const numbered = (text) => (text.trim() !== '' && /^-?(\d+\.?\d*|\.\d+)$/.test(text.trim()) && String(Number(text)) === text.trim() ? Number(text) : text);

/** @param {any} value @param {string} type */
function converted(value, type) {
  if (type === 'boolean') return value === 'true' || value === true;
  if (type === 'number') return Number.isFinite(Number(value)) && value !== '' && value !== null ? Number(value) : 0;
  return value === null ? '' : String(value);
}
