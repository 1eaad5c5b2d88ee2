import { address } from '../core/api.js';
import { each, h } from '../core/dom.js';
import { cleanup, computed, effect, signal, untracked } from '../core/reactive.js';
import { parameter, place, setParameters } from '../core/router.js';
import { app, apps } from '../store/apps.js';
import { can } from '../store/session.js';
import { openTrail } from '../store/trail.js';
import { endless } from '../ui/endless.js';
import { choice } from '../ui/field.js';
import { icon } from '../ui/icon.js';
import { empty, failure, loading } from '../ui/parts.js';
import { table } from '../ui/table.js';
import { announce } from '../ui/toast.js';
import { COLUMNS, inner, row } from './audit/row.js';

/** @import {Entry} from '../store/wording.js' */
/** @import {Read} from '../core/reactive.js' */

const SINCE = /** @type {[string, string][]} */ ([['', 'Any time'], ['1h', 'Last hour'], ['24h', 'Last day'], ['7d', 'Last week'], ['30d', 'Last 30 days']]);
const ACTIONS = /** @type {[string, string][]} */ ([
  ['', 'Any action'], ['flag.*', 'Flags: all'], ['flag.created', 'Flags: made'], ['flag.updated', 'Flags: changed'], ['flag.archived', 'Flags: archived'], ['flag.deleted', 'Flags: deleted'],
  ['flag-environment.*', 'Environments'], ['app.*', 'Apps'], ['schema.*', 'Event schemas'],
]);
const WIDE = /** @type {[string, string][]} */ ([['key.*', 'API keys'], ['person.*', 'People'], ['session.*', 'Sessions'], ['invite.*', 'Invitations'], ['connection.*', 'Connections'], ['backup.*', 'Backups']]);
const NAMES = ['who', 'what', 'flag', 'env', 'since'];
/** From here on down the page, what is new waits, so that what is being read stays where it is. */
const READING_PX = 80;
const TYPED_MS = 250;

/** Who changed what, when, why and from where: to be searched, exported and pointed at. */
export function page() {
  const [who, what, flag, where, since] = NAMES.map(parameter);
  const at = parameter('at');
  const all = parameter('all');
  const everywhere = () => can('admin') && (Boolean(all()) || WIDE.some(([action]) => action === what()));
  const filters = computed(() => ({
    app: everywhere() ? undefined : app()?.app,
    actor: who() || undefined, action: what() || undefined, flag: flag() || undefined, environment: where() || undefined, since: since() || undefined,
  }));
  const trail = openTrail(computed(() => ({ ...filters(), cursor: including(at()) })));
  const opened = signal(/** @type {Set<string>} */ (new Set(untracked(at) ? [untracked(at)] : [])));
  const shown = waiting(trail.entries, opened);
  const state = computed(() => (!trail.entries() ? (trail.problem() ? 'failed' : apps() && !app() && !everywhere() ? 'none' : 'loading') : trail.entries()?.length || trail.next() ? 'list' : 'none'));
  const rows = computed(() => (shown.entries() ?? []).flatMap((entry) => [{ entry, key: entry.id, isInner: false }, ...(opened().has(entry.id) ? [{ entry, key: `${entry.id} inner`, isInner: true }] : [])]));
  const body = each(h('tbody'), rows, ({ key }) => key, (item) => (item.peek().isInner ? inner(item.peek().entry) : row(computed(() => item().entry), opened, at)));

  return h('div.content', null,
    h('div.page-head', null, h('h1', null, 'Audit'),
      ...['csv', 'ndjson'].map((format) => h('a.button', { href: () => address('/v1/audit', { ...filters(), format }), download: '', title: 'All entries that match the filters' }, icon('download'), format === 'csv' ? 'CSV' : 'JSON lines'))),
    h('div.filters', { role: 'search', 'aria-label': 'Filters' },
      typed('Who', who, 'who', 'ann, or key:…'),
      typed('Flag', flag, 'flag', 'new-checkout'),
      () => choice(can('admin') ? [...ACTIONS, ...WIDE] : ACTIONS, what, (value) => setParameters({ what: value, at: null }), { 'aria-label': 'Action' }),
      () => choice([['', 'All environments'], ...(app()?.environments ?? []).map((each) => /** @type {[string, string]} */ ([each, each]))], where, (value) => setParameters({ env: value, at: null }), { 'aria-label': 'Environment' }),
      choice(SINCE, since, (value) => setParameters({ since: value, at: null }), { 'aria-label': 'Since' }),
      () => can('admin') && h('label.row.small.check', null, h('input', { type: 'checkbox', checked: everywhere, onchange: (/** @type {any} */ event) => setParameters({ all: event.target.checked ? '1' : null }) }), 'All apps, and what belongs to none')),
    () => at() && h('div.notice', null, h('span.grow', null, 'From the entry of the link on, backwards.'), h('button.button.slim', { type: 'button', onclick: () => setParameters({ at: null }) }, 'Show the newest')),
    () => {
      if (state() === 'failed') return failure(trail.problem(), () => trail.reload());
      if (state() === 'loading') return loading(10);
      if (state() === 'none') return NAMES.some((name) => untracked(place).query.get(name))
        ? empty('No entry matches', h('p', null, 'Nothing in the trail is like that.'), h('button.button', { type: 'button', onclick: () => setParameters(Object.fromEntries([...NAMES, 'at'].map((name) => [name, null]))) }, 'Show all'))
        : empty('No entries yet', h('p', null, 'Each change is written down here in the same moment as it is made: who, what, when, why, and from where.'));
      return h('div.trail.stack', null,
        () => shown.count() > 0 && h('button.button.primary.slim.trail-new', { type: 'button', onclick: () => shown.show() }, `${shown.count()} new`),
        h('div.card', null, table('Entries', COLUMNS, body)),
        endless(trail, 'This is where the trail begins.'));
    });
}

/** The cursor that an entry comes just before, going back. @param {string} id */
const including = (id) => id && id.replace(/\d+$/, (offset) => String(Number(offset) + 1));

/** A filter that one types; it follows the address, but not while one types. @param {string} label @param {Read<string>} value @param {string} name @param {string} placeholder */
function typed(label, value, name, placeholder) {
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let timer;
  const input = h('input.input', { type: 'search', 'aria-label': label, placeholder: `${label}: ${placeholder}`, spellcheck: false, autocapitalize: 'none', oninput: () => {
    clearTimeout(timer);
    timer = setTimeout(() => setParameters({ [name]: input.value.trim(), at: null }), TYPED_MS);
  } });
  effect(() => {
    const text = value();
    if (input.value.trim() !== text) input.value = text;
  });
  cleanup(() => clearTimeout(timer));
  return input;
}

/**
 * What is new is held back while one reads: further down, or with something open or in focus.
 * @param {Read<Entry[] | undefined>} all @param {import('../core/reactive.js').Signal<Set<string>>} opened
 */
function waiting(all, opened) {
  const entries = signal(untracked(all));
  const count = signal(0);
  const show = () => {
    count.set(0);
    entries.set(untracked(all));
  };
  effect(() => {
    const list = all();
    const before = untracked(entries);
    const scroller = document.getElementById('page');
    const head = before?.[0]?.id;
    const added = head && list ? list.findIndex(({ id }) => id === head) : 0;
    const isReading = scroller && (scroller.scrollTop >= READING_PX || opened.peek().size > 0 || scroller.querySelector('.trail tbody')?.contains(document.activeElement));
    if (added <= 0 || !isReading) return untracked(show);
    if (!count.peek()) announce('New entries wait above.');
    count.set(added);
    entries.set(list?.slice(added));
  });
  return { entries, count, show: () => {
    show();
    document.getElementById('page')?.scrollTo({ top: 0 });
  } };
}
