import { h } from '../core/dom.js';
import { cleanup, computed, effect, signal, untracked } from '../core/reactive.js';
import { go, place, setParameters } from '../core/router.js';
import { app, apps } from '../store/apps.js';
import { openFlags } from '../store/flags.js';
import { can, lacks } from '../store/session.js';
import { icon } from '../ui/icon.js';
import { shortcut } from '../ui/keys.js';
import { code, empty, failure, loading, segments } from '../ui/parts.js';
import { virtual } from '../ui/virtual.js';
import { choice } from '../ui/field.js';
import { createFlag } from './flags/create.js';
import { SHOWN, SORTS, chosenOf, environment, query, shown, sort, tag, type } from './flags/filters.js';
import { flagLink, row } from './flags/row.js';
import { isOn, switchTo } from './flags/switching.js';
import { drawer } from './flag/drawer.js';

/** @import {Together} from '../store/together.js' */

const ROW = 44;

/** All flags of an app, live. @param {{together: Together}} shared */
export function page({ together }) {
  const flags = openFlags();
  const chosen = chosenOf(flags);
  const selected = signal('');
  const open = computed(() => place().path[1]);
  /** The same key in another app is another flag. (Which app it is must be known.) */
  const opened = computed(() => (open() && apps() ? `${app()?.app}\n${open()}` : ''));
  const search = h('input.input.flag-search', { type: 'search', placeholder: 'Search', 'aria-label': 'Search flags', 'aria-keyshortcuts': '/', spellcheck: false, value: untracked(query),
    oninput: (/** @type {any} */ event) => setParameters({ q: event.target.value }),
    onkeydown: (/** @type {KeyboardEvent} */ event) => event.key === 'Escape' && (search.value ? (setParameters({ q: null }), (search.value = '')) : search.blur()) });
  const list = virtual({ items: chosen, height: ROW, keyOf: (flag) => flag.key, render: (flag, key) => row({ flags, together, selected }, flag, key), props: { class: 'flag-list' } });

  effect(() => together.doing.set(open() ? { ...together.doing.peek(), viewing: open() } : {}));
  cleanup(() => together.doing.set({}));
  keys({ flags, chosen, selected, list, search, open });

  const table = h('div.flag-table', { role: 'table', 'aria-label': 'Flags', 'aria-rowcount': () => chosen().length + 1, style: () => ({ '--environments': app()?.environments.length ?? 1 }) },
    h('div', { role: 'rowgroup' }, () => heads()), list.element);
  return h('div.content.full.flags', null,
    h('div.flags-head', null,
      h('div.row.wrap', null,
        h('h1', null, 'Flags ', h('span.muted.num', null, () => (flags.all() ? chosen().length : ''))),
        h('div.grow'),
        h('button.button.primary', { type: 'button', disabled: () => Boolean(lacks('flags:write')) || !app(), title: () => lacks('flags:write') ?? 'n', onclick: () => createFlag(flags) }, icon('plus'), 'New flag')),
      h('div.row.wrap', null, search,
        h('div.slim-choice', null, choice(SHOWN, shown, (value) => setParameters({ show: value }), { 'aria-label': 'Show' })),
        h('div.slim-choice', null, choice([['', 'Any type'], ['boolean', 'Boolean'], ['string', 'String'], ['number', 'Number'], ['object', 'Object']], type, (value) => setParameters({ type: value }), { 'aria-label': 'Type' })),
        h('div.slim-choice', null, choice(SORTS, sort, (value) => setParameters({ sort: value }), { 'aria-label': 'Sorted by' })),
        () => tag() && h('button.badge.accent', { type: 'button', onclick: () => setParameters({ tag: null }), 'aria-label': `Tag ${tag()}: remove` }, tag(), ' ×'),
        h('div.grow'),
        () => (app()?.environments.length ?? 0) > 1 && segments(/** @type {any} */ (app()).environments.map((/** @type {string} */ each) => [each, each]), environment, (value) => setParameters({ env: value }), 'Environment in focus'))),
    h('div.flags-body', null, () => {
      if (flags.problem()) return failure(flags.problem(), () => flags.reload());
      if (apps() && !app()) return noApp();
      if (!flags.all()) return h('div.content', null, loading(10));
      if (isNone()) return flags.all()?.size ? nothingFound() : noFlags();
      return table;
    }),
    () => opened() && untracked(() => drawer({ flags, together, key: /** @type {string} */ (open()), close: () => close() })));

  function isNone() {
    return chosen().length === 0;
  }

  function close() {
    const key = untracked(() => open() ?? '');
    const query = new URLSearchParams(place().query);
    go(`#/flags${query.size ? `?${query}` : ''}`);
    selected.set(key);
    /** @type {HTMLElement | null} */ (list.element.querySelector('.selected a'))?.focus();
  }
}

const heads = () =>
  h('div.flag-row.heads', { role: 'row', 'aria-rowindex': 1 },
    ...['Flag', '', 'Type'].map((text) => h('div', { role: 'columnheader' }, text || h('span.visually-hidden', null, 'Who is here'))),
    ...(app()?.environments ?? []).map((name) => h('div.flag-switch.ellipsis', { role: 'columnheader', title: name, class: () => (name === environment() ? 'focus' : '') }, name)),
    h('div', { role: 'columnheader' }, () => `Serves in ${environment()}`),
    h('div', { role: 'columnheader' }, 'Changed'), h('div', { role: 'columnheader' }, 'Evaluated'));

const noApp = () =>
  empty('No app yet', h('p', null, 'An app is what your flags belong to: a product, a site, a service.'), h('a.button.primary', { href: '#/settings/apps' }, 'Make an app'));

const noFlags = () =>
  lacks('flags:write') ? empty('No flags yet', h('p', null, 'An editor or admin can make the first one. It is here as soon as it is made.'))
    : empty('No flags yet', h('p', null, 'Make the first one here (press ', h('kbd', null, 'n'), '), or take in a file that you have:'), code(() => `tricast flags import flags.json --app ${app()?.app} --environment ${environment()}`));

const nothingFound = () =>
  empty('Nothing matches', h('p', null, 'No flag of this app matches the search and the filters.'), h('button.button', { type: 'button', onclick: () => setParameters({ q: null, show: null, type: null, tag: null }) }, 'Show all'));

/** @param {any} page */
function keys({ flags, chosen, selected, list, search, open }) {
  const group = 'Flags';
  const step = (/** @type {number} */ by) => {
    const all = chosen();
    if (!all.length) return;
    const at = all.findIndex((/** @type {any} */ flag) => flag.key === selected());
    const next = Math.max(0, Math.min(all.length - 1, at + by));
    selected.set(all[next].key);
    list.show(next);
    queueMicrotask(() => list.element.querySelector('.selected a')?.focus({ preventScroll: true }));
  };
  const now = () => flags.all()?.get(open() ?? selected());
  shortcut(group, ['/'], 'Search', () => search.focus());
  shortcut(group, ['j', 'ArrowDown'], 'Next flag', () => step(1));
  shortcut(group, ['k', 'ArrowUp'], 'Flag before', () => step(-1));
  shortcut(group, ['e', 'Enter'], 'Open and edit', () => selected() && go(flagLink(selected())));
  shortcut(group, ['t'], 'Turn on or off in the environment in focus', () => {
    const flag = now();
    if (flag && can('flags:write')) switchTo(flags, flag, environment(), !isOn(flag, environment()));
  });
  shortcut(group, ['[', ']'], 'Other environment in focus', (event) => {
    const all = app()?.environments ?? [];
    const at = all.indexOf(environment()) + (event.key === ']' ? 1 : -1);
    setParameters({ env: all[(at + all.length) % all.length] });
  });
  shortcut(group, ['n'], 'New flag', () => can('flags:write') && createFlag(flags));
}
