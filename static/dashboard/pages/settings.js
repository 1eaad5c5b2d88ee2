import { h } from '../core/dom.js';
import { computed } from '../core/reactive.js';
import { link, place } from '../core/router.js';
import { can, session } from '../store/session.js';
import { account } from './settings/account.js';
import { appsSection } from './settings/apps.js';
import { keys } from './settings/keys.js';
import { people } from './settings/people.js';
import { schemas } from './settings/schemas.js';
import { server } from './settings/server.js';

/** @type {[string, string, () => Node, 'admin'?][]} */
const SECTIONS = [
  ['apps', 'Apps', appsSection],
  ['keys', 'API keys', keys, 'admin'],
  ['people', 'People', people],
  ['schemas', 'Event schemas', schemas],
  ['server', 'Server', server, 'admin'],
  ['account', 'Your account', account],
];

/** What the server and its people are told once. */
export function page() {
  const there = SECTIONS.filter(([key, , , scope]) => (!scope || can(scope)) && (key !== 'account' || session()?.signed_in) && (key !== 'people' || session()?.signed_in || can('admin')));
  const name = computed(() => place().path[1] ?? 'apps');
  const section = computed(() => there.find(([key]) => key === name()));
  return h('div.content', null,
    h('div.page-head', null, h('h1', null, 'Settings')),
    h('nav.tabs', { 'aria-label': 'Settings' }, ...there.map(([key, label]) => h('a', { href: link(['settings', key], { app: place().query.get('app') }), 'aria-current': () => name() === key && 'page' }, label))),
    h('div.stack.loose', null, () => section()?.[2]() ?? h('p.muted', null, `There is nothing called ${name()} here, or your role can’t see it.`)));
}
