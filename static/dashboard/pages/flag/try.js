import { h } from '../../core/dom.js';
import { ask } from '../../core/api.js';
import { cleanup, effect, signal, untracked } from '../../core/reactive.js';
import { setParameters } from '../../core/router.js';
import { icon } from '../../ui/icon.js';
import { segments } from '../../ui/parts.js';
import { choice } from '../../ui/field.js';
import { area } from './controls.js';
import { contextRows } from './context.js';
import { isObject, read, written } from './model/json.js';
import { parse } from './model/parsing.js';
import { fromCondition, sentence } from './model/rules.js';
import { holds, walk } from './model/walk.js';
import { refsOf } from './model/uses.js';

/** @import {FlagPage} from './editor.js' */
/** @typedef {{key: string, value?: any, variant?: string, reason?: string, metadata?: Record<string, any>, errorCode?: string, errorDetails?: string}} Answer */

const SOON_MS = 120;
/** @param {string} app */
const kept = (app) => `tricast:try:${app}`;

/** @param {string} app @returns {Record<string, any>} */
function remembered(app) {
  try {
    const found = JSON.parse(localStorage.getItem(kept(app)) ?? 'null');
    return isObject(found) ? found : { targetingKey: 'ann' };
  } catch {
    return { targetingKey: 'ann' };
  }
}

/**
 * What is asked for; `half` is JSON that is typed and none yet.
 * @typedef {{context: import('../../core/reactive.js').Signal<Record<string, any>>, mode: import('../../core/reactive.js').Signal<string>, half?: string}} Asked
 */

/** It stays as long as the drawer is open. @type {WeakMap<object, Asked>} */
const asked = new WeakMap();

/** @param {FlagPage} page @returns {Asked} */
function askedOf(page) {
  const made = asked.get(page) ?? { context: signal(remembered(page.app)), mode: signal('rows') };
  asked.set(page, made);
  return made;
}

/** What somebody would get: asked of the server, with the flag as it is saved. @param {FlagPage} page */
export function tryIt(page) {
  const { app, key, draft } = page;
  const about = askedOf(page);
  const { context, mode } = about;
  const answer = signal(/** @type {(Answer & {for: any}) | undefined} */ (undefined));
  const failure = signal(/** @type {Error | undefined} */ (undefined));
  effect(() => localStorage.setItem(kept(app), JSON.stringify(context())));
  effect(() => {
    const [given, where] = [context(), page.environment()];
    draft.base(); // (saved anew: asked anew)
    page.evaluators();
    let isOver = false;
    const timer = setTimeout(async () => {
      const found = await evaluated(app, where, key, given).catch((error) => error);
      if (isOver) return;
      failure.set(found instanceof Error ? found : undefined);
      if (!(found instanceof Error)) answer.set({ ...found, for: given });
    }, untracked(answer) ? SOON_MS : 0);
    cleanup(() => {
      isOver = true;
      clearTimeout(timer);
    });
  });
  return h('div.try', null,
    h('div.stack', null,
      h('div.row.wrap', null, h('div.label', null, 'Context'), h('div.grow'), segments([['rows', 'Rows'], ['json', 'JSON']], mode, mode.set, 'How the context is given')),
      () => (mode() === 'rows' ? untracked(() => contextRows(page, context)) : untracked(() => asJson(about))),
      h('div.hint', null, 'It stays in this browser. It is sent for each evaluation, and counts as one in Usage.')),
    h('div.stack', null,
      h('div.row.wrap', null, h('div.label', null, 'Answer in'),
        h('div.slim-choice', null, () => choice(page.environments().map((each) => [each, each]), () => page.environment(), (env) => setParameters({ env }), { 'aria-label': 'Environment' }))),
      () => draft.isDirty() && h('div.notice.warn', null, icon('warn'), h('div', null, 'What is saved is evaluated, without your unsaved changes.')),
      h('div.answer', { 'aria-live': 'polite' }, () => (failure() ? h('div.notice.bad', null, failure()?.message) : answer() ? shownAnswer(page, /** @type {any} */ (answer())) : h('div.skeleton')))));
}

/** @param {string} app @param {string} environment @param {string} key @param {any} context @returns {Promise<Answer>} */
async function evaluated(app, environment, key, context) {
  try {
    return await ask('POST', `/v1/apps/${app}/${environment}/ofrep/v1/evaluate/flags/${key}`, { body: { context } });
  } catch (error) {
    const { body } = /** @type {any} */ (error);
    if (body?.errorCode) return body; // (an answer too: it says why there is no value)
    throw error;
  }
}

/** @param {Asked} about */
function asJson(about) {
  const { context } = about;
  const typed = signal(about.half ?? written(context.peek()));
  const check = (/** @type {string} */ text) => {
    const found = text.trim() ? read(text) : { value: {} };
    return { ...found, wrong: found.wrong ?? (isObject(found.value) ? '' : 'A context is an object, such as {"plan": "pro"}.') };
  };
  const wrong = signal(check(typed.peek()).wrong);
  return h('div.stack.tight', null, area({ least: 6, class: 'mono', dir: 'ltr', 'aria-label': 'Context as JSON', 'aria-invalid': () => String(Boolean(wrong())), oninput: (/** @type {any} */ event) => {
    typed.set(event.target.value);
    const found = check(event.target.value);
    wrong.set(found.wrong);
    about.half = found.wrong ? event.target.value : undefined;
    if (!found.wrong) context.set(found.value);
  } }, typed), () => wrong() && h('div.wrong', null, wrong()));
}

const REASONS = /** @type {Record<string, string>} */ ({ STATIC: 'there is no rule: everybody gets the default variant', DEFAULT: 'no rule chose a variant', TARGETING_MATCH: 'the rules chose it', SPLIT: 'a rule divides people, and this is where this one falls', DISABLED: 'the flag is off: the code’s own default is used' });

/** @param {FlagPage} page @param {Answer & {for: any}} answer */
function shownAnswer(page, answer) {
  if (answer.errorCode) return h('div.answer-card.bad', null, h('div.row', null, icon('warn'), h('strong', null, answer.errorCode === 'FLAG_NOT_FOUND' ? 'There is no such flag here' : answer.errorCode)), h('p', null, answer.errorDetails));
  const hasValue = 'value' in answer;
  return h('div.stack', null,
    h('div.answer-card', null,
      h('div.row.wrap', null, hasValue ? h('span.variant-chip', { dir: 'auto' }, answer.variant) : h('span.muted', null, 'No value: the code’s own default'), h('span.badge', null, answer.reason)),
      hasValue && h('pre.answer-value', { tabindex: 0, dir: 'auto' }, written(answer.value)),
      h('p.small.muted', null, `${answer.reason === 'DEFAULT' && !hasValue ? 'No rule chose a variant, and there is no default variant' : sentenceOf(answer.reason)}.`)),
    why(page, answer));
}

/** @param {string | undefined} reason */
const sentenceOf = (reason = '') => {
  const text = REASONS[reason] ?? reason;
  return text.charAt(0).toUpperCase() + text.slice(1);
};

/** Which rule it was, walked here with the same context; nothing is said that doesn't agree with the server's answer. @param {FlagPage} page @param {Answer & {for: any}} answer */
function why(page, answer) {
  const there = untracked(() => page.draft.base().environments[page.environment()]);
  const { targeting } = there ?? {};
  const evaluators = untracked(page.evaluators);
  if (!targeting || answer.reason === 'DISABLED' || [...refsOf(targeting)].some((name) => !Object.hasOwn(evaluators, name))) return null;
  const context = { ...answer.for, $flagd: { flagKey: page.key, timestamp: Math.floor(Date.now() / 1000) } };
  const found = walk(targeting, evaluators, context);
  if (!found || !agrees(found.result, answer)) return h('p.small.muted', null, 'Which part of the rule it was can’t be told from here.');
  const model = parse(targeting);
  if (!model) return h('div.stack.tight', null, h('div.label', null, 'From this part of the rule'), h('code.small', null, found.path || '/'), h('pre.code-block', { tabindex: 0 }, written(found.result)));
  return h('ol.walk', { 'aria-label': 'Rules, in order' },
    model.rules.map((rule, at) => h('li', { class: at === found.branch ? 'matched' : at < found.tested.length ? 'passed' : 'unasked' },
      h('div.row', null, h('strong', null, `Rule ${at + 1}`), h('span.badge', { class: at === found.branch ? 'ok' : '' }, at === found.branch ? 'matched' : at < found.tested.length ? 'doesn’t match' : 'not asked'), rule.conditions.length > 1 && h('span.small.muted', null, rule.match === 'all' ? 'all of' : 'any of')),
      rule.conditions.map((each) => {
        const is = at < found.tested.length ? holds(fromCondition(each), evaluators, context) : undefined;
        return h('div.row.small', null, h('span.tick', { class: is ? 'yes' : 'no', role: 'img', 'aria-label': is === undefined ? '' : is ? 'holds' : 'doesn’t hold' }, is === undefined ? '·' : is ? '✓' : '✗'), h('span', { dir: 'auto' }, sentence(each)));
      }))),
    h('li', { class: found.branch === -1 ? 'matched' : 'unasked' }, h('div.row', null, h('strong', null, model.rules.length ? 'Everybody else' : 'Everybody'), found.branch === -1 && h('span.badge.ok', null, 'matched'))));
}

/** @param {any} result @param {Answer} answer */
function agrees(result, answer) {
  if (result === null || result === undefined) return answer.reason === 'DEFAULT';
  if (isObject(result)) return 'fractional' in result ? answer.reason === 'SPLIT' || answer.reason === 'DEFAULT' : true;
  return answer.reason === 'TARGETING_MATCH' && String(result) === answer.variant;
}

