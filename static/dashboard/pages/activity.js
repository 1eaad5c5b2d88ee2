import { each, h } from '../core/dom.js';
import { computed, signal, untracked } from '../core/reactive.js';
import { link, parameter, setParameters } from '../core/router.js';
import { dayOf, when } from '../core/time.js';
import { app, apps } from '../store/apps.js';
import { nameOf } from '../store/names.js';
import { can } from '../store/session.js';
import { openTrail } from '../store/trail.js';
import { grouped, titleOf } from '../store/wording.js';
import { diff } from '../ui/diff.js';
import { endless } from '../ui/endless.js';
import { choice } from '../ui/field.js';
import { icon } from '../ui/icon.js';
import { avatar, empty, failure, loading } from '../ui/parts.js';

/** @import {Entry} from '../store/wording.js' */
/** @import {Read} from '../core/reactive.js' */
/** @typedef {{id: string, phrase: string, entries: Entry[]}} Group */

const KINDS = /** @type {[string, string][]} */ ([['', 'Everything here'], ['flag.*', 'Flags'], ['app.*', 'Apps']]);
/** What belongs to no app, for those who may see it. */
const WIDE = /** @type {[string, string][]} */ ([['key.*', 'API keys'], ['person.*', 'People'], ['invite.*', 'Invitations'], ['*', 'The whole server']]);
const MOST_NAMED = 6;

/** What has happened, in words: newest first, live. */
export function page() {
  const who = parameter('who');
  const what = parameter('what');
  const where = parameter('env');
  const isWide = () => can('admin') && WIDE.some(([kind]) => kind === what());
  const trail = openTrail(computed(() => ({ app: isWide() ? undefined : app()?.app, actor: who() || undefined, action: what() && what() !== '*' ? what() : undefined, environment: where() || undefined })));
  const groups = computed(() => grouped(trail.entries() ?? []));
  const rows = computed(() => byDay(groups()));
  /** Whoever was seen: they stay to be chosen while only one of them is shown. */
  const seen = new Set(untracked(who) ? [untracked(who)] : []);
  const people = computed(() => {
    for (const { actor } of trail.entries() ?? []) seen.add(actor.subject);
    return [...seen].sort().join('\n');
  });
  const isFiltered = () => Boolean(who() || what() || where());
  const list = each(h('ol.feed', { 'aria-label': 'Activity' }), rows, ({ key }) => key, (row) => (row.peek().day ? day(row.peek().day) : item(computed(() => /** @type {Group} */ (row().group)))));
  const state = computed(() => (trail.problem() && !trail.entries() ? 'failed' : !trail.entries() ? (apps() && !app() && !isWide() ? 'none' : 'loading') : groups().length || trail.next() ? 'list' : 'none'));
  return h('div.content.narrow', null,
    h('div.page-head', null, h('h1', null, 'Activity'),
      h('div.row.wrap.slim-choices', null,
        h('div.slim-choice', null, choice(() => [['', 'Everybody'], ...people().split('\n').filter(Boolean).map((each) => /** @type {[string, string]} */ ([each, nameOf(each)]))], who, (value) => setParameters({ who: value }), { 'aria-label': 'Who' })),
        h('div.slim-choice', null, choice(() => (can('admin') ? [...KINDS, ...WIDE] : KINDS), what, (value) => setParameters({ what: value }), { 'aria-label': 'What' })),
        h('div.slim-choice', null, choice(() => [['', 'All environments'], ...(app()?.environments ?? []).map((each) => /** @type {[string, string]} */ ([each, each]))], where, (value) => setParameters({ env: value }), { 'aria-label': 'Environment' })))),
    () => {
      if (state() === 'failed') return failure(trail.problem(), () => trail.reload());
      if (state() === 'loading') return loading(8);
      if (state() === 'none') return isFiltered()
        ? empty('Nothing like that', h('p', null, 'No change matches these filters.'), h('button.button', { type: 'button', onclick: () => setParameters({ who: null, what: null, env: null }) }, 'Show everything'))
        : empty('Nothing has happened yet', h('p', null, 'Every change of a flag is told here the moment it is made, by whom and why.'), h('a.button', { href: link(['flags']) }, 'To the flags'));
      return [list, endless(trail, 'This is where it begins.')];
    });
}

/** Groups with a line above the first of each day. @param {Group[]} groups */
function byDay(groups) {
  /** @type {{key: string, day?: string, group?: Group}[]} */
  const rows = [];
  let last = '';
  for (const group of groups) {
    const now = dayOf(group.entries[0].time);
    if (now !== last) rows.push({ key: `day ${now}`, day: now });
    last = now;
    rows.push({ key: group.id, group });
  }
  return rows;
}

/** @param {string | undefined} text */
const day = (text) => h('li.feed-day', null, text);

/** @param {Read<Group>} group */
function item(group) {
  const isOpen = signal(false);
  const head = computed(() => group().entries[0]);
  const subject = computed(() => head().actor.subject);
  return h('li.feed-item', null,
    () => avatar(nameOf(subject()), { title: subject() }),
    h('div.grow.stack.tight', null,
      h('div.row.feed-line', null,
        h('div.grow', null, h('bdi', null, h('strong', { title: () => subject() }, () => nameOf(subject()))), ' ', () => sentence(group())),
        h('span.small.muted', null, when(() => head().time)),
        h('button.button.quiet.icon.slim', { type: 'button', 'aria-expanded': () => String(isOpen()), 'aria-label': () => `Details of what ${nameOf(subject())} did`, title: 'Details', onclick: () => isOpen.set(!isOpen()) }, h('span.row', { class: () => (isOpen() ? 'turned' : '') }, icon('down')))),
      () => head().reason && h('div.feed-reason', null, '“', h('bdi', null, head().reason), '”'),
      () => isOpen() && group().entries.map((entry) => h('div.feed-change', null,
        group().entries.length > 1 && h('div', null, thing(entry)), diff(entry.changes),
        h('div.small.muted', null, [entry.actor.credential, entry.actor.address].filter(Boolean).join(' · '), ' ', h('a', { href: link(['audit'], { app: entry.app, all: entry.app ? null : '1', at: entry.id }) }, 'in the audit trail'))))));
}

/** @param {Group} group */
function sentence({ phrase: words, entries }) {
  const [before, after] = words.split('…');
  if (after === undefined) return before;
  const named = entries.slice(0, MOST_NAMED).map((entry, at) => [at > 0 && (at === entries.length - 1 ? ' and ' : ', '), thing(entry)]);
  const more = entries.length - MOST_NAMED;
  return [before, named, more > 0 && ` and ${more} more`, after];
}

/** What an entry is about, as a link where there is something to see. @param {Entry} entry */
export function thing(entry) {
  const { kind, key, app: name, action, environments } = entry;
  if (kind === 'flag' && action !== 'flag.deleted') return h('bdi', null, h('a.mono', { href: link(['flags', key], { app: name, env: environments[0] }) }, key));
  if (kind === 'person') return h('bdi', { title: key }, () => nameOf(key));
  return h('bdi.mono', { title: key }, titleOf(entry));
}
