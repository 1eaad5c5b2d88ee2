import { h } from '../../core/dom.js';
import { computed, signal } from '../../core/reactive.js';
import { setParameters } from '../../core/router.js';
import { session } from '../../store/session.js';
import { choice } from '../../ui/field.js';
import { code, segments } from '../../ui/parts.js';
import { own } from './model/json.js';
import { curl, fallbackOf, javascript, openFeatureJs, openFeaturePython, pythonClient } from './model/snippets.js';
import { attributesOf, refsOf } from './model/uses.js';

/** @import {FlagPage} from './editor.js' */

/** @type {[string, string, (place: import('./model/snippets.js').Place) => string, string][]} */
const KINDS = [
  ['curl', 'curl', curl, 'One evaluation, over OFREP.'],
  ['js', 'JavaScript', javascript, 'Keeps a connection: changes arrive by themselves. In a page, token is a function that gets one from your own server: never a key.'],
  ['python', 'Python', pythonClient, 'Keeps a connection, and evaluates on the spot.'],
  ['of-js', 'OpenFeature JS', openFeatureJs, 'npm install @openfeature/server-sdk @openfeature/ofrep-provider'],
  ['of-python', 'OpenFeature Python', openFeaturePython, 'pip install openfeature-sdk openfeature-provider-ofrep'],
];
const KEPT = 'tricast:snippet';

/** Code that asks for this flag. @param {FlagPage} page */
export function snippets(page) {
  const kind = signal(localStorage.getItem(KEPT) ?? 'curl');
  const entry = computed(() => KINDS.find(([name]) => name === kind()) ?? KINDS[0]);
  const given = computed(() => {
    const environment = page.environment();
    const { type, variants, environments } = page.draft.base();
    const there = environments[environment];
    return { url: new URL('.', document.baseURI).href.replace(/\/$/, ''), app: page.app, environment, key: page.key, type,
      fallback: fallbackOf(type, there?.variants ?? variants, there?.defaultVariant), context: sample(page), isOpen: Boolean(session()?.open) };
  });
  return h('div.stack', null,
    h('div.row.wrap', null,
      segments(KINDS.map(([name, label]) => [name, label]), kind, (name) => (kind.set(name), localStorage.setItem(KEPT, name)), 'Language'),
      h('div.grow'), h('div.slim-choice', null, () => choice(page.environments().map((each) => [each, each]), () => page.environment(), (env) => setParameters({ env }), { 'aria-label': 'Environment' }))),
    h('p.small.muted', null, () => entry()[3]),
    code(() => entry()[2](given())),
    () => !given().isOpen && h('p.small.muted', null, 'TRICAST_KEY is an API key with the scope flags:read. ', h('a', { href: '#/settings/keys' }, 'Make one'), ' for this app and environment.'),
    () => !Object.hasOwn(page.draft.base().environments, page.environment()) && h('div.notice.warn', null, `The flag is not in ${page.environment()} yet: this code gets its own default.`));
}

/** A context with what the rules read. @param {FlagPage} page */
function sample(page) {
  const context = { targetingKey: 'ann' };
  const { targeting } = page.draft.base().environments[page.environment()] ?? {};
  const names = attributesOf(targeting);
  for (const name of refsOf(targeting)) attributesOf(page.evaluators()[name], names);
  for (const name of [...names].filter((each) => each !== 'targetingKey' && !each.includes('.')).slice(0, 6)) own(context, name, EXAMPLES[name] ?? 'example');
  return context;
}

/** @type {Record<string, any>} */
const EXAMPLES = { email: 'ann@example.com', country: 'SE', plan: 'pro', version: '1.4.2', age: 30, locale: 'en' };
