import { get } from '../../core/api.js';
import { each, h } from '../../core/dom.js';
import { computed, signal } from '../../core/reactive.js';
import { empty } from '../../ui/parts.js';
import { cells, table } from '../../ui/table.js';
import { backup } from './backup.js';
import { loaded } from './loaded.js';

/** @typedef {{name: string, value: unknown, default: unknown, source: string, origin: string, variable: string, allowed: string, description: string}} Setting */

/** What is asked for most comes first. @type {[string, RegExp][]} */
const GROUPS = [
  ['Retention', /retention|^recent/],
  ['Limits', /^max_|_rate$|_burst$|^connections_|_linger|^heartbeat|^drain/],
  ['Origins and proxies', /origins|public_url|forwarded/],
  ['Everything else', /./],
];
/** @type {import('../../ui/table.js').Column[]} */
const COLUMNS = [['Setting', 'wide'], ['Value', 'wide'], ['From', 'small'], ['What it does', 'small wide']];

/** Limits, retention, origins: what the server was told, and how to tell it otherwise; and a backup. */
export const server = () => h('div.stack', null, backup(), loaded(() => get('/v1/settings'), (all) => {
  const words = signal('');
  const isChanged = signal(false);
  const shown = computed(() => /** @type {Setting[]} */ (all().settings).filter((one) => (!isChanged() || one.source !== 'default') && `${one.name} ${one.variable} ${one.description}`.toLowerCase().includes(words().toLowerCase())));
  const inGroup = (/** @type {string} */ title) => shown().filter(({ name }) => GROUPS.find(([, pattern]) => pattern.test(name))?.[0] === title);
  return h('div.stack', null,
    h('section.card', { 'aria-label': 'Settings of the server' },
      h('header.wrap', null, h('h2.grow', null, 'Settings of the server'),
        h('label.row.small', null, h('input', { type: 'checkbox', onchange: (/** @type {any} */ event) => isChanged.set(event.target.checked) }), 'Only what was set'),
        h('input.input.short', { type: 'search', placeholder: 'Search', 'aria-label': 'Search settings', oninput: (/** @type {any} */ event) => words.set(event.target.value) })),
      h('div.body', null, h('p.muted', null, () => marked(all().how)))),
    ...GROUPS.map(([title]) => {
      const list = computed(() => inGroup(title));
      const body = each(h('tbody'), list, ({ name }) => name, (one) => row(one()));
      return () => list().length > 0 && h('section.card', { 'aria-label': title }, h('header', null, h('h3', null, title)), table(title, COLUMNS, body));
    }),
    () => !shown().length && empty('No setting is like that', h('p', null, 'Search for a part of its name, or of what it does.')));
}));

/** @param {Setting} one */
const row = (one) => cells(COLUMNS, [
  [h('code', null, one.name), h('div', null, h('code.muted', null, one.variable))],
  [h('code', { dir: 'auto' }, text(one.value)), text(one.value) !== text(one.default) && h('div.small.muted', null, 'default ', h('code', null, text(one.default)))],
  one.source === 'default' ? h('span.muted', null, 'default') : h('span.badge.accent', { title: one.origin }, one.source),
  [h('div', null, marked(one.description)), h('div.muted', null, marked(one.allowed))],
]);

/** Text in which `this` is code. @param {string} text */
const marked = (text) => text.split('`').map((part, at) => (at % 2 ? h('code', null, part) : part));

/** @param {unknown} value */
const text = (value) => (value === null || value === undefined || value === '' || (Array.isArray(value) && !value.length) ? 'none' : Array.isArray(value) ? value.join(', ') : String(value));
