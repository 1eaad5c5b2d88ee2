import { each, h } from '../../core/dom.js';
import { computed, signal } from '../../core/reactive.js';
import { icon } from '../../ui/icon.js';
import { goToNew, line, proposals, removing, select } from './controls.js';
import { own, read } from './model/json.js';
import { attributesOf, refsOf } from './model/uses.js';

/** @import {FlagPage} from './editor.js' */
/** @import {Signal} from '../../core/reactive.js' */
/** @typedef {{name: string, type: string, text: string}} Row */

const TYPES = /** @type {[string, string][]} */ ([['text', 'text'], ['number', 'number'], ['boolean', 'true/false'], ['json', 'JSON']]);

/** @param {any} value @returns {Omit<Row, 'name'>} */
function rowOf(value) {
  if (typeof value === 'string') return { type: 'text', text: value };
  if (typeof value === 'number' || typeof value === 'boolean') return { type: typeof value, text: String(value) };
  return { type: 'json', text: JSON.stringify(value) };
}

/** @param {Row} row @returns {{value?: any, wrong?: string}} */
function valueOf({ type, text }) {
  if (type === 'text') return { value: text };
  if (type === 'boolean') return { value: text === 'true' };
  if (type === 'number') return text.trim() !== '' && Number.isFinite(Number(text)) ? { value: Number(text) } : { wrong: 'Give a number.' };
  return read(text);
}

/** A context as rows of names and values. @param {FlagPage} page @param {Signal<Record<string, any>>} context */
export function contextRows(page, context) {
  const rows = signal(/** @type {Row[]} */ (Object.entries(context.peek()).map(([name, value]) => ({ name, ...rowOf(value) }))));
  const put = (/** @type {Row[]} */ next) => {
    rows.set(next);
    const made = {};
    for (const row of next) {
      const { value, wrong } = valueOf(row);
      if (row.name && !wrong) own(made, row.name, value);
    }
    context.set(made);
  };
  const change = (/** @type {number} */ at, /** @type {Partial<Row>} */ to) => put(rows().map((row, each) => (each === at ? { ...row, ...to } : row)));
  /** What the rules read, so that it needn't be looked for. */
  const wanted = computed(() => {
    const { targeting } = page.draft.base().environments[page.environment()] ?? {};
    const found = attributesOf(targeting);
    for (const name of refsOf(targeting)) attributesOf(page.evaluators()[name], found);
    found.add('targetingKey');
    return [...found].filter((name) => !rows().some((row) => row.name === name)).slice(0, 12);
  });
  const [names, list] = proposals(wanted);
  const add = (/** @type {string} */ name) => {
    put([...rows(), { name, type: 'text', text: '' }]);
    goToNew(() => element.lastElementChild?.querySelector(name ? '.value' : 'input'));
  };
  const element = h('div.context-rows');
  each(element, computed(() => rows().map((row, at) => ({ row, at }))), ({ at }) => String(at), (item, key) => {
    const at = Number(key);
    const row = () => item().row;
    const wrong = () => (rows().findIndex(({ name }) => name === row().name) < at && row().name ? 'This name is there twice; the last one counts.' : valueOf(row()).wrong);
    return h('div.context-row', null,
      line(() => row().name, (name) => change(at, { name }), { class: 'mono', list: names, placeholder: 'name', dir: 'ltr', autocapitalize: 'none', 'aria-label': `Name ${at + 1}` }),
      () => (row().type === 'boolean'
        ? select(() => [['true', 'true'], ['false', 'false']], () => (row().text === 'true' ? 'true' : 'false'), (text) => change(at, { text }), { class: 'value', 'aria-label': () => `Value of ${row().name}` })
        : null),
      h('span.context-text', { hidden: () => row().type === 'boolean' }, line(() => row().text, (text) => change(at, { text }), { class: 'value', 'aria-label': () => `Value of ${row().name}`, 'aria-invalid': () => String(Boolean(wrong())) })),
      select(() => TYPES, () => row().type, (type) => change(at, { type, ...(type === 'json' && { text: JSON.stringify(valueOf(row()).value ?? row().text) }) }), { class: 'type', 'aria-label': () => `Type of ${row().name}` }),
      h('button.button.quiet.icon.slim', { type: 'button', 'aria-label': () => `Remove ${row().name || 'this row'}`, title: 'Remove', onclick: removing('.context-rows', () => put(rows().filter((_, each) => each !== at))) }, icon('close')),
      () => wrong() && h('div.wrong', null, wrong()));
  });
  return h('div.stack.tight', null, list, element,
    h('div.row.wrap', null, h('button.button.slim', { type: 'button', onclick: () => add('') }, icon('plus'), 'Add'),
      () => wanted().map((name) => h('button.badge.pressable', { type: 'button', onclick: () => add(name), title: 'A rule reads this' }, '+ ', name))));
}

