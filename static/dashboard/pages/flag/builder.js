import { each, h } from '../../core/dom.js';
import { computed, signal, untracked } from '../../core/reactive.js';
import { icon } from '../../ui/icon.js';
import { announce } from '../../ui/toast.js';
import { condition } from './condition.js';
import { goToNew, proposals, removing, select, shownIf, thenTo } from './controls.js';
import { build, missing, newCondition, newRule, withRule, withRuleMoved } from './model/rules.js';
import { attributesOf } from './model/uses.js';
import { serve } from './serve.js';
import { firstSplit } from './split.js';

/** @import {FlagPage} from './editor.js' */
/** @import {Read} from '../../core/reactive.js' */
/** @import {Model, Rule} from './model/rules.js' */
/**
 * @typedef {object} Builder What the parts of the builder share.
 * @property {FlagPage} page
 * @property {string} rule the place in the flag
 * @property {Read<Model>} model
 * @property {(change: (model: Model) => Model) => void} edit
 * @property {Read<Record<string, unknown>>} variants
 * @property {Read<boolean>} isLocked
 * @property {string} attributes the id of a list of proposals
 */

/**
 * Rules in words: those that cover most of what people want.
 * @param {FlagPage} page @param {{rule: string, name: string, model: Read<Model | undefined>, variants: Read<Record<string, unknown>>}} options
 */
export function builder(page, { rule, name, model, variants }) {
  const { draft } = page;
  const isRead = computed(() => model() !== undefined);
  return h('div.stack', null, () => {
    if (!isRead()) return h('div.notice', null, icon('edit'), h('div', null, h('strong', null, 'Only as JSON. '), 'This rule uses more of JSONLogic than the builder has words for. It works as it is; edit it as JSON.'));
    return untracked(() => rules({ page, rule, name, variants, model: /** @type {Read<Model>} */ (computed(() => model() ?? { rules: [], otherwise: { kind: 'default', isSaid: false } })) }));
  }, () => draft.texts().get(rule)?.wrong && isRead() && h('div.notice.warn', null, icon('warn'), h('div', null, 'The JSON can’t be read just now, so these are the last rules that could. They can be changed again when it is right.')));
}

/** @param {{page: FlagPage, rule: string, name: string, variants: Read<Record<string, unknown>>, model: Read<Model>}} options */
function rules({ page, rule, name, variants, model }) {
  const { draft } = page;
  const isLocked = computed(() => Boolean(page.locked(rule) || draft.texts().get(rule)?.wrong));
  const [attributes, list] = proposals(() => known(page));
  const edit = (/** @type {(model: Model) => Model} */ change) => {
    draft.type(rule, undefined);
    draft.set(rule, build(change(model())));
    page.missing.set(holes(page, rule, model(), page.missing.peek()));
  };
  const shared = { page, rule, model, edit, variants, isLocked, attributes };
  const isEmpty = computed(() => model().rules.length === 0 && model().otherwise.kind === 'default');
  /** Arrow keys in a choice pass by what would make it go. */
  const isHeld = signal(false);
  const element = h('ol.rule-list', { 'aria-label': `Rules in ${name}` });
  each(element, computed(() => model().rules.map((each, at) => ({ each, at }))), ({ at }) => String(at), (item, key) => ruleRow(shared, computed(() => item().each), Number(key)));
  const add = () => {
    const first = Object.keys(variants())[0] ?? '';
    edit((now) => ({ ...now, rules: [...now.rules, newRule(first)] }));
    goToNew(() => element.lastElementChild?.querySelector('input, select'));
  };
  return h('div.stack', null, list,
    shownIf(isEmpty, () => h('p.muted.small', null, 'No rules: everybody gets the default variant. Add a rule to give some people something else, or divide everybody by percentage.')),
    element,
    h('div.row.wrap', null,
      h('button.button.slim', { type: 'button', disabled: isLocked, onclick: add }, icon('plus'), 'Add a rule'),
      shownIf(isEmpty, () => h('button.button.slim', { type: 'button', disabled: isLocked, onclick: thenTo(() => element.parentElement?.querySelector('.else [role=slider]'), () => edit((now) => ({ ...now, otherwise: firstSplit(variants()) }))) }, 'Divide by percentage'))),
    shownIf(() => !isEmpty() || isHeld(), () => h('div.rule.else', { onfocusin: () => isHeld.set(true), onfocusout: (/** @type {any} */ event) => isHeld.set(event.currentTarget.contains(event.relatedTarget)) },
      h('div.rule-head', null, h('strong', null, () => (model().rules.length ? 'Everybody else' : 'Everybody'))),
      serve(shared, computed(() => model().otherwise), (next) => edit((now) => ({ ...now, otherwise: next })), 'What everybody else gets'))));
}

/** Attributes that this app's rules know. @param {FlagPage} page */
function known(page) {
  const found = new Set(['targetingKey', 'email', 'country', 'plan', 'version']);
  for (const flag of page.flags.all()?.values() ?? []) for (const there of Object.values(flag.environments)) if (there.targeting) attributesOf(there.targeting, found);
  return [...found].slice(0, 200);
}

/** What the server could not know to be wrong: it stays unsaved until it is whole. @param {FlagPage} page @param {string} rule @param {Model} model @param {Map<string, string>} before */
function holes(page, rule, model, before) {
  const next = new Map(before);
  next.delete(rule);
  for (const [at, { conditions }] of model.rules.entries()) {
    const hole = conditions.map((each) => missing(each, page.evaluators())).find(Boolean);
    if (hole) return next.set(rule, `Rule ${at + 1}: ${hole}`);
  }
  return next;
}

/** @param {Builder} shared @param {Read<Rule>} item @param {number} at */
function ruleRow(shared, item, at) {
  const { model, edit, isLocked } = shared;
  const count = computed(() => item().conditions.length);
  const list = h('div.conditions');
  each(list, computed(() => item().conditions.map((each, which) => ({ each, which }))), ({ which }) => String(which), (entry, key) => condition(shared, computed(() => entry().each), at, Number(key), count));
  const move = (/** @type {number} */ to) => {
    edit((now) => withRuleMoved(now, at, to));
    announce(`Now rule ${to + 1}`);
    goToNew(() => list.closest('ol')?.children[to]?.querySelector(to > at ? '[data-down]:enabled, [data-up]' : '[data-up]:enabled, [data-down]'));
  };
  return h('li.rule', { 'aria-label': `Rule ${at + 1}` },
    h('div.rule-head', null, h('strong', null, `${at + 1}`), h('span', null, 'If'),
      shownIf(() => count() > 1, () => h('span.row', null, select(() => [['all', 'all'], ['any', 'any']], () => item().match, (value) => edit((now) => withRule(now, at, { match: /** @type {any} */ (value) })), { class: 'narrow', 'aria-label': 'How many conditions must hold', disabled: isLocked }), h('span.roomy', null, 'of these hold'))),
      h('div.grow'),
      h('button.button.quiet.icon.slim', { type: 'button', 'data-up': '', 'aria-label': `Rule ${at + 1}: earlier`, title: 'Earlier', disabled: () => isLocked() || at === 0, onclick: () => move(at - 1) }, h('span.turn-up', null, icon('down'))),
      h('button.button.quiet.icon.slim', { type: 'button', 'data-down': '', 'aria-label': `Rule ${at + 1}: later`, title: 'Later', disabled: () => isLocked() || at === model().rules.length - 1, onclick: () => move(at + 1) }, icon('down')),
      h('button.button.quiet.icon.slim', { type: 'button', 'aria-label': `Remove rule ${at + 1}`, title: 'Remove', disabled: isLocked, onclick: removing('ol', () => edit((now) => ({ ...now, rules: now.rules.filter((_, each) => each !== at) }))) }, icon('trash'))),
    list,
    h('button.button.quiet.slim.start', { type: 'button', disabled: isLocked, onclick: () => {
      edit((now) => withRule(now, at, { conditions: [...now.rules[at].conditions, newCondition()] }));
      goToNew(() => list.lastElementChild?.querySelector('input, select'));
    } }, icon('plus'), 'Condition'),
    serve(shared, computed(() => item().serve), (next) => edit((now) => withRule(now, at, { serve: next })), `What rule ${at + 1} gives`));
}

