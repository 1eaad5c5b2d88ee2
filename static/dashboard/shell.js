import { h } from './core/dom.js';
import { cleanup, computed, effect, signal, untracked } from './core/reactive.js';
import { go, link, place } from './core/router.js';
import { ago, seconds } from './core/time.js';
import { page as flags } from './pages/flags.js';
import { app, apps, rememberApp } from './store/apps.js';
import { live } from './store/live.js';
import { loadSession, me, session, signOut } from './store/session.js';
import { openTogether } from './store/together.js';
import { icon } from './ui/icon.js';
import { shortcut, showShortcuts } from './ui/keys.js';
import { mark } from './ui/mark.js';
import { openMenu } from './ui/menu.js';
import { avatar, failure, loading } from './ui/parts.js';
import { setTheme, theme } from './ui/theme.js';
import { announce, failed, toast } from './ui/toast.js';

/** @import {Child} from './core/dom.js' */

/**
 * All but the list of flags are loaded when they are first looked at.
 * @type {[string, string, string, () => Promise<{page: (shared: {together: Together}) => Node}>, scope?: 'admin'][]}
 */
const PAGES = [
  ['flags', 'Flags', 'flag', async () => ({ page: flags })],
  ['activity', 'Activity', 'activity', () => import('./pages/activity.js')],
  ['audit', 'Audit', 'audit', () => import('./pages/audit.js')],
  ['events', 'Events', 'events', () => import('./pages/events.js')],
  ['connections', 'Connections', 'connections', () => import('./pages/connections.js'), 'admin'],
  ['settings', 'Settings', 'settings', () => import('./pages/settings.js')],
];

/** @import {Together} from './store/together.js' */

/** What is shown to who is in. */
export function shell() {
  const together = openTogether();
  staysTrue();
  const name = computed(() => place().path[0] || 'flags');
  const role = computed(() => session()?.scopes.join());
  const shown = signal(/** @type {(() => Child) | undefined} */ (undefined));
  const tries = signal(0);
  effect(() => {
    const entry = PAGES.find(([each]) => each === name());
    tries();
    if (name() !== 'flags') role(); // (the list of flags goes on, with whatever is being typed in it)
    document.title = `${entry?.[1] ?? 'Not found'} · tricast`;
    if (!entry) return void shown.set(() => missing(name()));
    let isGone = false;
    const waiting = setTimeout(() => shown.set(() => h('div.content', null, loading())), 150);
    cleanup(() => {
      isGone = true;
      clearTimeout(waiting);
    });
    entry[3]().then(({ page }) => isGone || shown.set(() => page({ together })), (error) => isGone || shown.set(() => unloaded(error, () => tries.set(tries.peek() + 1))))
      .finally(() => clearTimeout(waiting));
  });
  effect(() => {
    if (app()) rememberApp(/** @type {any} */ (app()).app);
  });
  for (const [at, [key, label]] of PAGES.entries()) shortcut('Go to', [String(at + 1)], label, () => go(link([key], { app: place().query.get('app') })));
  shortcut('Everywhere', ['?'], 'This list', () => showShortcuts());
  return h('div.shell', null,
    h('header.topbar', null,
      h('a.skip', { href: '#page', onclick: (/** @type {Event} */ event) => (event.preventDefault(), document.getElementById('page')?.focus()) }, 'Skip to the page'),
      h('a.brand', { href: '#/flags', 'aria-label': 'tricast: flags' }, mark(), h('span', null, 'tricast')),
      appChoice(),
      h('div.grow'),
      who(together),
      linkState(),
      account()),
    h('nav.nav', { 'aria-label': 'Pages' }, () => PAGES.filter(([, , , , scope]) => !scope || role()?.split(',').includes(scope)).map(([key, label, drawing]) =>
      h('a', { href: () => link([key], { app: place().query.get('app') }), 'aria-current': () => name() === key && 'page' }, icon(drawing), label))),
    h('main.page', { id: 'page', tabindex: -1 }, banner(), () => {
      const build = shown();
      return untracked(() => build?.()); // (what a page reads while it is built doesn’t build it anew)
    }));
}

/** Who one is may change while one looks: asked again when the connection is refused, and when it is back. */
function staysTrue() {
  const state = computed(() => live()?.state());
  let was = untracked(state);
  effect(() => {
    const now = state();
    const isBack = now === 'live' && was === 'reconnecting';
    if (now === 'failed' || isBack) untracked(async () => {
      const before = session()?.person?.role;
      await loadSession().catch(() => {}); // (asked again when there is an answer)
      const { role } = me();
      if (session()?.signed_in && role !== before) toast(`Your role is ${role} now.`);
    });
    if (now === 'failed') announce('The connection was refused.');
    if (now === 'offline' || (now === 'reconnecting' && was === 'live')) announce('The connection was lost. What is shown may be old.');
    if (isBack || (now === 'live' && was === 'offline')) announce('Connected again.');
    if (now !== 'replaying') was = now; // (on the way to live)
  });
}

/** @param {string} name */
function missing(name) {
  if (name !== 'join' && name !== 'setup') return h('div.content', null, lost('There is no such page', h('p', { dir: 'auto' }, `Nothing here is called ${name}.`), h('a.button', { href: '#/flags' }, 'To the flags')));
  return h('div.content', null, lost('You are signed in already', h('p', null, `This link is for somebody new, and you are here as ${me().name}. Send it to whom it is for; or sign out to use it yourself.`),
    session()?.signed_in && h('button.button', { type: 'button', onclick: () => void signOut().catch(failed) }, 'Sign out and use it'), h('a.button.quiet', { href: '#/flags' }, 'To the flags')));
}

/** @param {string} title @param {...any} rest */
const lost = (title, ...rest) => h('div.empty', null, h('h1', null, title), ...rest);

/** @param {Error} error @param {() => void} again */
const unloaded = (error, again) =>
  h('div.content', null, failure(error instanceof TypeError ? new Error('This page could not be loaded: the server can’t be reached.') : error, again));

function appChoice() {
  const label = () => app()?.name || app()?.app || (place().query.get('app') ? `${place().query.get('app')} (not there)` : 'No app');
  return h('button.button.quiet', { type: 'button', 'aria-haspopup': 'menu', 'aria-label': () => `App: ${label()}`, onclick: (/** @type {any} */ event) => openMenu(event.currentTarget, [
    ...(apps() ?? []).map((each) => ({ label: each.name || each.app, checked: each === app(), run: () => go(link([place().path[0] || 'flags'], { app: each.app })) })),
    { label: 'Manage apps…', run: () => go(link(['settings', 'apps'])) },
  ]) }, h('span.ellipsis', { style: { 'max-width': '16ch' } }, label), icon('down'));
}

const MOST_SEEN = 5;

/** Who is here now. @param {Together} together */
const who = ({ others }) => h('span.avatars', { role: 'group', 'aria-label': 'Who is here' }, () => [
  ...others().slice(0, MOST_SEEN).map((person) => avatar(person.name, { editing: Boolean(person.editing), title: person.editing ? `${person.name} is editing ${person.editing}` : person.viewing ? `${person.name} is looking at ${person.viewing}` : `${person.name} is here` })),
  others().length > MOST_SEEN && h('span.avatar', { title: others().slice(MOST_SEEN).map(({ name }) => name).join(', ') }, `+${others().length - MOST_SEEN}`),
]);

/** The connection's own state: always in sight, in words. */
function linkState() {
  const isDown = computed(() => !['live', 'replaying'].includes(live()?.state() ?? ''));
  const now = seconds(() => isDown());
  const words = () => {
    const at = live();
    if (!at) return 'not connected';
    const state = at.state();
    if (state === 'live') return `${NAMES[at.transport() ?? ''] ?? ''}${at.latency() === undefined ? '' : ` · ${at.latency()} ms`}` || 'live';
    if (state === 'replaying') return 'catching up';
    if (state === 'reconnecting') {
      const left = Math.ceil(((/** @type {any} */ (at.client).retryAt ?? 0) - now()) / 1000);
      return left > 0 ? `reconnecting in ${left} s` : 'reconnecting…';
    }
    return state;
  };
  const look = () => (live()?.state() === 'live' ? 'live' : ['failed', 'offline', undefined].includes(live()?.state()) ? 'lost' : 'busy');
  return h('button.link-state.num', { type: 'button', class: look, title: 'The connection to the server; press to try again now', 'aria-label': () => `Connection: ${words()}`,
    onclick: () => live()?.state() !== 'live' && live()?.client.auth() }, words);
}

const NAMES = /** @type {Record<string, string>} */ ({ websocket: 'live', sse: 'live · SSE', poll: 'live · long-poll', tab: 'live · shared' });

/** What is shown may be old: said so, above everything. (Those who don't see it are told once, not each second.) */
function banner() {
  const state = computed(() => live()?.state());
  const isOld = computed(() => ['offline', 'reconnecting', 'failed'].includes(state() ?? ''));
  const now = seconds(() => isOld());
  const text = () => ({ offline: 'You are offline', failed: `The connection was refused: ${live()?.error()?.message ?? ''}` }[/** @type {string} */ (state())] ?? 'The connection was lost');
  return h('div', null, () => isOld() && h('div.banner', { class: () => (state() === 'failed' ? 'bad' : '') }, icon('warn'),
    h('span.grow', null, text, ': showing what was true ', h('span.num', null, () => ago(live()?.asOf() ?? now(), now())), '.'),
    h('button.button.slim', { type: 'button', onclick: () => live()?.client.auth() }, 'Try now')));
}

function account() {
  const labels = /** @type {[import('./ui/theme.js').Theme, string][]} */ ([['', 'Theme: as the system'], ['light', 'Theme: light'], ['dark', 'Theme: dark']]);
  return h('button.button.quiet.icon', { type: 'button', 'aria-haspopup': 'menu', onclick: (/** @type {any} */ event) => openMenu(event.currentTarget, [
    session()?.signed_in ? { label: `${me().name} · ${me().role}`, run: () => go(link(['settings', 'account'])) } : null,
    ...labels.map(([name, label]) => ({ label, checked: theme() === name, run: () => setTheme(name) })),
    { label: 'Keyboard', run: () => void showShortcuts() },
    session()?.signed_in ? { label: 'Sign out', run: () => void signOut().catch(failed) } : null,
  ]) }, h('span.row', { 'aria-hidden': 'true' }, () => avatar(me().name || me().login)), h('span.visually-hidden', null, () => `${me().name} (${me().role}): account, theme, keyboard`));
}
