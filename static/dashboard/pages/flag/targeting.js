import { h } from '../../core/dom.js';
import { computed, untracked } from '../../core/reactive.js';
import { setParameters } from '../../core/router.js';
import { changesOf } from '../../store/flags.js';
import { isProduction } from '../../store/apps.js';
import { confirm } from '../../ui/dialog.js';
import { icon } from '../../ui/icon.js';
import { openMenu } from '../../ui/menu.js';
import { empty, toggle } from '../../ui/parts.js';
import { failed, toast } from '../../ui/toast.js';
import { brief } from '../flags/serves.js';
import { select, shownIf, thenTo } from './controls.js';
import { copyTo } from './copying.js';
import { logic } from './logic.js';
import { pointer, written } from './model/json.js';
import { environmentOf } from './model/places.js';
import { parse } from './model/parsing.js';
import { refsOf } from './model/uses.js';
import { place } from './place.js';
import { builder } from './builder.js';

/** @import {FlagPage} from './editor.js' */

/** What each environment does with a flag. @param {FlagPage} page */
export function targeting(page) {
  const where = computed(() => page.environment());
  return h('div.stack.targeting', null, environments(page), () => {
    const name = where();
    const is = computed(() => isThere(page, name));
    return untracked(() => h('div.stack', null, () => (is() ? untracked(() => inEnvironment(page, name)) : untracked(() => notThere(page, name)))));
  });
}

/** @param {FlagPage} page @param {string} name */
const isThere = ({ draft }, name) => draft.value(pointer('environments', name, 'state')) !== undefined || [...draft.collisions().keys()].some((path) => environmentOf(path) === name);

/** @param {FlagPage} page */
function environments(page) {
  const { draft } = page;
  const state = (/** @type {string} */ name) => draft.value(pointer('environments', name, 'state'));
  const isChanged = (/** @type {string} */ name) => [...draft.changes().keys(), ...draft.wrongs().map(([path]) => path)].some((path) => environmentOf(path) === name);
  return h('div.environments', { role: 'group', 'aria-label': 'Environment' }, () => page.environments().map((name) =>
    h('button', { type: 'button', 'aria-pressed': () => String(page.environment() === name), onclick: () => setParameters({ env: name }) },
      h('span.state', { class: () => (state(name) === undefined ? 'absent' : state(name) === 'ENABLED' ? 'on' : 'off') }),
      h('span', null, name), h('span.small.muted', null, () => (state(name) === undefined ? 'not there' : state(name) === 'ENABLED' ? 'on' : 'off')),
      () => isChanged(name) && h('span.dot', { role: 'img', 'aria-label': 'has unsaved changes' }))));
}

/** @param {FlagPage} page @param {string} name */
const notThere = (page, name) => empty(`Not in ${name}`, h('p', null, 'Code that asks for this flag there is told that there is none, and uses its own default.'),
  h('div.row', null,
    h('button.button.primary', { type: 'button', disabled: () => Boolean(page.locked()), title: () => page.locked(), onclick: thenTo(() => document.querySelector('.flag-drawer .env-top [role=switch]'), () => add(page, name)) }, `Add it to ${name}, off`),
    Object.keys(page.draft.base().environments).length > 0 && h('button.button', { type: 'button', disabled: () => Boolean(page.locked()), onclick: () => copyTo(page, { to: name }) }, 'Copy from another environment…')));

/** @param {FlagPage} page @param {string} name */
function add({ draft }, name) {
  const first = Object.keys(draft.flag().variants)[0];
  draft.setAll([[pointer('environments', name, 'state'), 'DISABLED'], [pointer('environments', name, 'defaultVariant'), first]]);
}

/** The variants that an environment knows, by name. @param {FlagPage} page @param {string} name */
const variantsOf = (page, name) => page.draft.flag().environments[name]?.variants ?? page.draft.flag().variants;

/** @param {FlagPage} page @param {string} name */
function inEnvironment(page, name) {
  const { draft } = page;
  const at = (/** @type {string} */ member) => pointer('environments', name, member);
  const isOn = () => draft.value(at('state')) === 'ENABLED';
  const variants = computed(() => variantsOf(page, name));
  const rule = at('targeting');
  const model = computed(() => parse(draft.value(rule)));
  const refs = computed(() => [...refsOf(draft.value(rule))].join('\n'));
  const defaultValue = () => draft.value(at('defaultVariant')) ?? null;
  return h('div.stack', null,
    h('div.env-top', null,
      place(page, at('state'), null, h('div.row', null,
        toggle({ on: isOn, label: `${page.key} in ${name}`, disabled: () => Boolean(page.locked(at('state'))), change: (on) => draft.set(at('state'), on ? 'ENABLED' : 'DISABLED') }),
        h('div', null, h('strong', null, () => (isOn() ? `On in ${name}` : `Off in ${name}`)),
          h('div.small.muted', null, () => (draft.base().archived ? 'Archived: nobody gets it until it is restored.' : isOn() ? (draft.value(rule) ? 'Rules decide who gets what.' : 'Everybody gets the default variant.') : 'Everybody gets the code’s own default; rules wait.'))))),
      place(page, at('defaultVariant'), 'Default variant', select(
        () => [...Object.entries(variants()).map(([each, value]) => /** @type {[string, string]} */ ([`=${each}`, label(each, value)])), ['', 'None: the code’s own default']],
        () => (defaultValue() === null ? '' : `=${defaultValue()}`),
        (value) => draft.set(at('defaultVariant'), value ? value.slice(1) : null), { disabled: () => Boolean(page.locked(at('defaultVariant'))), title: () => page.locked(at('defaultVariant')) }),
      { hint: 'Where no rule says otherwise.' }),
      h('button.button.quiet.icon', { type: 'button', 'aria-haspopup': 'menu', 'aria-label': `What can be done in ${name}`, disabled: () => Boolean(page.locked()), onclick: (/** @type {any} */ event) => openMenu(event.currentTarget, [
        page.environments().length > 1 ? { label: 'Copy to another environment…', run: () => void copyTo(page, { from: name }) } : null,
        { label: `Take it out of ${name}…`, danger: true, run: () => void takeOut(page, name) }]) }, icon('more'))),
    place(page, rule, 'Rules', h('div.rules-and-logic', null,
      h('div.rules', null, builder(page, { rule, name, model, variants })),
      h('div.logic', null, logic(page, { rule, name, model }))),
    { side: shownIf(() => draft.isChanged(rule) && !page.locked(rule), () => h('button.button.quiet.slim', { type: 'button', onclick: thenTo(() => document.querySelector('.flag-drawer .rules :is(input, select, button):enabled'), () => draft.reset(rule)) }, icon('undo'), 'As saved')) }),
    () => shared(page, refs()));
}

/** @param {string} name @param {unknown} value */
const label = (name, value) => (String(value) === name ? name : `${name}: ${brief(value)}`);

/** What the shared rules are that this one refers to. @param {FlagPage} page @param {string} refs */
function shared(page, refs) {
  const names = refs.split('\n').filter(Boolean);
  return names.length > 0 && h('section.shared', { 'aria-label': 'Shared rules' }, h('div.label', null, 'Shared rules'),
    h('p.small.muted', null, () => `$ref names a rule that all flags of ${page.environment()} share. They come with a flagd file ($evaluators) and change for all flags at once.`),
    names.map((name) => h('details', null, h('summary', null, h('code', null, name)), () => (Object.hasOwn(page.evaluators(), name) ? h('pre.code-block', { tabindex: 0 }, written(page.evaluators()[name])) : h('div.wrong', null, `There is none of this name in ${page.environment()}.`)))));
}

/** @param {FlagPage} page @param {string} name */
async function takeOut(page, name) {
  const { key, app, draft } = page;
  const answer = await confirm(`Take ${key} out of ${name}?`, { text: 'Its rules there go. Code that asks for it is told that there is no such flag.', confirm: 'Take it out', danger: true, reason: isProduction(name) ? 'needed' : 'asked' });
  if (!answer) return;
  try {
    const { changed: _, merged: __, ...now } = await changesOf(app).patch(key, draft.base.peek().version, { environments: { [name]: null }, ...(answer.reason && { reason: answer.reason }) });
    for (const path of [...draft.changes.peek().keys()]) if (environmentOf(path) === name) draft.reset(path);
    page.put(now);
    toast(`${key} is out of ${name}`, { kind: 'ok' });
  } catch (error) {
    failed(error, `${key} was not taken out`);
  }
}

