import { each, h } from '../../core/dom.js';
import { link, place } from '../../core/router.js';
import { when } from '../../core/time.js';
import { changesOf } from '../../store/flags.js';
import { lacks } from '../../store/session.js';
import { isProduction } from '../../store/apps.js';
import { confirm } from '../../ui/dialog.js';
import { icon } from '../../ui/icon.js';
import { openMenu } from '../../ui/menu.js';
import { avatar, copy, copyButton } from '../../ui/parts.js';
import { failed, toast } from '../../ui/toast.js';
import { shownIf, tabNow, thenTo } from './controls.js';
import { copyTo } from './copying.js';
import { placeName } from './model/places.js';

/** @import {FlagPage} from './editor.js' */

/** What flag this is, who is here, and what can be done with all of it. @param {FlagPage} page */
export function header(page) {
  const { draft, claims, key } = page;
  return h('header.drawer-head', null,
    h('div.row', null,
      h('h2.flag-title.ellipsis', { dir: 'auto', title: key }, key), copyButton(key, 'Copy the key'),
      h('span.badge', null, () => draft.base().type),
      () => draft.base().archived && h('span.badge.warn', null, 'archived'),
      h('div.grow'),
      h('span.avatars', { role: 'group', 'aria-label': 'Others at this flag' }, () => claims.here().slice(0, 5).map((person) => avatar(person.name, { editing: person.editing === key, title: `${person.name} ${person.editing === key ? 'is editing' : 'is looking at'} this flag` }))),
      h('button.button.quiet.icon', { type: 'button', 'aria-haspopup': 'menu', 'aria-label': 'What can be done with this flag', onclick: (/** @type {any} */ event) => menu(page, event.currentTarget) }, icon('more')),
      h('button.button.quiet.icon', { type: 'button', 'aria-label': 'Close', title: 'Close (Esc)', onclick: () => page.leave() }, icon('close'))),
    h('div.row.small.muted', null,
      () => draft.base().name && [h('span.ellipsis', { dir: 'auto' }, draft.base().name), h('span', { 'aria-hidden': 'true' }, '·')],
      h('span.num.nowrap', null, () => `version ${draft.base().version}, changed `, when(() => draft.base().updated_at), () => ` by ${page.nameOf(draft.base().updated_by)}`)));
}

/** What has happened to this flag while one was at it. @param {FlagPage} page */
export function news(page) {
  const { draft, claims } = page;
  const editors = each(h('div.news-list'), () => (claims.holder('') ? [] : claims.editors()), ({ subject }) => subject, (person) => notice('people',
    [h('strong', null, () => person().name), () => ` is editing this flag${person().field ? `: ${placeName(person().field ?? '').toLowerCase()}` : ''}`, () => claims.claims('') && ' (you have taken over)'],
    shownIf(() => page.canWrite() && !claims.claims(''), () => h('button.button.slim', { type: 'button', onclick: thenTo(tabNow, () => claims.takeOver()), title: `${person().name} can’t change it then, until they take it back` }, 'Take over')),
    avatar(person.peek().name, { slim: true, editing: true })));
  const notes = each(h('div.news-list', { role: 'status' }), draft.notes, ({ version }) => String(version), (note) => notice('note',
    () => (note().isOlder ? `The server has an older version again, as after the restore of a backup: ${listed(note().paths)} ${note().paths.length > 1 ? 'are' : 'is'} as in version ${note().version}.`
      : [h('strong', null, () => page.nameOf(note().by)), () => ` changed ${listed(note().paths)}`, () => (note().reason ? ` (“${note().reason}”) ` : ' '), h('span.muted', null, when(() => note().at))]),
    dismiss(() => draft.notes.set(draft.notes.peek().filter((each) => each.version !== note().version)))));
  return h('div.news', null, h('div.news-list', { role: 'status' },
    shownIf(page.isGone, () => notice('bad', 'This flag was deleted. What you typed is kept as long as this tab is open.')),
    shownIf(() => !page.isGone() && draft.base().archived, () => notice('warn', 'This flag is archived: nobody gets it.', h('button.button.slim', { type: 'button', disabled: Boolean(lacks('flags:write')), title: lacks('flags:write'), onclick: () => move(page, 'restore') }, 'Restore'))),
    shownIf(() => claims.holder('') && page.canWrite(), () => notice('warn', () => `${claims.holder('')?.name} has taken over: this form is read-only. What you typed is kept.`, h('button.button.slim', { type: 'button', onclick: thenTo(tabNow, () => claims.takeOver()) }, 'Take it back')))),
    editors,
    shownIf(() => draft.from() !== undefined && draft.isDirty(), () => notice('note', ['Your unsaved changes of ', when(draft.from), ' are here again.'], [
      h('button.button.slim', { type: 'button', onclick: thenTo(tabNow, () => draft.discard()) }, 'Discard them'), dismiss(() => draft.from.set(undefined))])),
    notes);
}

/** @param {() => void} run */
const dismiss = (run) => h('button.button.quiet.icon.slim', { type: 'button', 'aria-label': 'Dismiss', onclick: thenTo(() => document.querySelector('.news [aria-label="Dismiss"]') ?? tabNow(), run) }, icon('close'));

/** @param {string[]} paths */
const listed = (paths) => (paths.length > 3 ? `${paths.length} places` : new Intl.ListFormat('en').format(paths.map((path) => placeName(path).toLowerCase())));

/** @param {string} kind @param {any} text @param {any} [action] @param {any} [before] */
const notice = (kind, text, action, before) => h(`div.notice.${kind}`, null, before ?? icon(kind === 'note' ? 'activity' : 'warn'), h('div.grow', null, text), action);

/** @param {FlagPage} page @param {Element} at */
function menu(page, at) {
  const { archived } = page.draft.base.peek();
  const mayNot = lacks('flags:write');
  openMenu(at, [
    { label: 'Copy the link', run: () => void copy(address(page)) },
    { label: 'Copy the key', run: () => void copy(page.key) },
    ...(mayNot ? [] : [
      archived || page.environments().length < 2 ? null : { label: 'Copy to another environment…', run: () => void copyTo(page) },
      archived ? { label: 'Restore', run: () => void move(page, 'restore') } : { label: 'Archive…', run: () => void move(page, 'archive') },
      { label: 'Delete…', danger: true, run: () => void remove(page) },
    ]),
  ]);
}

/** Whether production would feel it. @param {FlagPage} page */
const isFelt = (page) => Object.entries(page.draft.base.peek().environments).some(([name, { state }]) => isProduction(name) && state === 'ENABLED');

/** @param {FlagPage} page @param {'archive' | 'restore'} what */
async function move(page, what) {
  const { key, app, draft } = page;
  const answer = what === 'restore' ? await confirm(`Restore ${key}?`, { text: 'It is as it was, in every environment that it was in.', confirm: 'Restore', reason: isFelt(page) ? 'needed' : 'asked' })
    : await confirm(`Archive ${key}?`, { text: 'Nobody gets it any more: code that asks for it uses its own default. It can be restored.', confirm: 'Archive', danger: true, reason: isFelt(page) ? 'needed' : 'asked' });
  if (!answer) return;
  try {
    const { changed: _, ...now } = await changesOf(app).move(key, draft.base.peek().version, what, answer.reason);
    page.put(now);
    toast(`${key} is ${what === 'archive' ? 'archived' : 'restored'}`, { kind: 'ok', ...(what === 'archive' && { action: /** @type {[string, () => void]} */ (['Restore', () => void move(page, 'restore')]) }) });
  } catch (error) {
    failed(error, `${key} was not ${what === 'archive' ? 'archived' : 'restored'}`);
  }
}

/** @param {FlagPage} page */
async function remove(page) {
  const { key, app, draft, flags } = page;
  const answer = await confirm(`Delete ${key} for good?`, { text: 'Its definition goes; what happened to it stays in the audit trail. Archive it instead if you may want it back.', confirm: 'Delete', danger: true, reason: 'needed' });
  if (!answer) return;
  try {
    await changesOf(app).remove(key, draft.base.peek().version, answer.reason);
    draft.discard();
    page.close();
    flags.put(undefined, key, app);
    toast(`${key} is deleted`, { kind: 'ok' });
  } catch (error) {
    failed(error, `${key} was not deleted`);
  }
}

/** The address of this flag, to be given away. @param {FlagPage} page */
const address = (page) => new URL(link(['flags', page.key], { app: page.app, env: place().query.get('env'), tab: place().query.get('tab') }), location.href.split('#')[0]).href;
