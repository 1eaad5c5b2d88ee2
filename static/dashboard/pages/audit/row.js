import { h } from '../../core/dom.js';
import { untracked } from '../../core/reactive.js';
import { link } from '../../core/router.js';
import { fullTime, when } from '../../core/time.js';
import { nameOf } from '../../store/names.js';
import { listed, phrase } from '../../store/wording.js';
import { diff } from '../../ui/diff.js';
import { icon } from '../../ui/icon.js';
import { copy, copyButton } from '../../ui/parts.js';
import { cells } from '../../ui/table.js';
import { thing } from '../activity.js';

/** @import {Entry} from '../../store/wording.js' */
/** @import {Column} from '../../ui/table.js' */
/** @import {Read, Signal} from '../../core/reactive.js' */

/** @type {Column[]} */
export const COLUMNS = [['When', 'small fit'], ['Who'], ['What', 'wide'], ['Where', 'small'], ['Why', 'small wide'], ['More', 'unnamed fit']];

/** @param {Read<Entry>} entry @param {Signal<Set<string>>} opened @param {Read<string>} at */
export function row(entry, opened, at) {
  const { id, actor } = untracked(entry);
  const isOpen = () => opened().has(id);
  const turn = () => {
    const next = new Set(untracked(opened));
    next.has(id) ? next.delete(id) : next.add(id);
    opened.set(next);
  };
  return cells(COLUMNS, [
    when(() => entry().time),
    [h('bdi', { title: actor.subject }, () => nameOf(actor.subject)), actor.role && h('span.muted.small', null, ` ${actor.role}`)],
    () => {
      const [before, after] = phrase(entry()).split('…');
      return after === undefined ? before : [before, thing(entry()), after];
    },
    () => [entry().app, listed(entry().environments)].filter(Boolean).join(' · ') || '–',
    () => (entry().reason ? h('bdi', null, entry().reason) : h('span.muted', null, '–')),
    h('button.button.quiet.icon.slim', { type: 'button', 'aria-expanded': () => String(isOpen()), 'aria-label': () => `Details: ${nameOf(actor.subject)}, ${fullTime(entry().time)}`, onclick: turn }, h('span.row', { class: () => (isOpen() ? 'turned' : '') }, icon('down'))),
  ], { class: () => `${isOpen() ? 'opened' : ''} ${at() === id ? 'asked-for' : ''}` });
}

/** What an entry says in full. @param {Entry} entry */
export function inner(entry) {
  const { actor } = entry;
  const path = link(['audit'], { app: entry.app, all: entry.app ? null : '1', at: entry.id });
  const facts = /** @type {[string, string | null][]} */ ([['Time', fullTime(entry.time)], ['Action', entry.action], ['Who', actor.subject], ['Version', entry.version === null ? null : `${entry.previous_version ?? 'none'} → ${entry.version}`], ['By', actor.credential], ['From', actor.address], ['Request', entry.request_id], ['Entry', entry.id]]);
  return h('tr.inner', { role: 'row' }, h('td', { colspan: COLUMNS.length, role: 'cell' }, h('div.stack', null, diff(entry.changes),
    h('div.row.wrap.small.muted', null, ...facts.filter(([, value]) => value).map(([name, value]) => h('span', null, `${name} `, h('code', null, value))),
      h('a.button.slim', { href: path, onclick: (/** @type {Event} */ event) => (event.preventDefault(), copy(new URL(path, location.href).href)) }, icon('link'), 'Copy link'),
      copyButton(JSON.stringify(entry, null, 2), 'Copy as JSON')))));
}
