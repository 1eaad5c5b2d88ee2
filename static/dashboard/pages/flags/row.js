import { h } from '../../core/dom.js';
import { computed, effect } from '../../core/reactive.js';
import { link, place } from '../../core/router.js';
import { when } from '../../core/time.js';
import { app } from '../../store/apps.js';
import { lacks } from '../../store/session.js';
import { avatar, toggle } from '../../ui/parts.js';
import { environment } from './filters.js';
import { serves } from './serves.js';
import { isOn, isPending, switchTo } from './switching.js';

/** @import {Read, Signal} from '../../core/reactive.js' */
/** @import {Flag, Flags} from '../../store/flags.js' */
/** @import {Together} from '../../store/together.js' */

const FLASH_MS = 1500;

/** The link that opens a flag, with the filters as they are. @param {string} key */
export const flagLink = (key) => {
  const query = new URLSearchParams(place().query);
  const at = app();
  if (at) query.set('app', at.app);
  return link(['flags', key], query);
};

/**
 * One flag in the list.
 * @param {{flags: Flags, together: Together, selected: Read<string>}} page @param {Signal<Flag>} flag @param {string} key
 */
export function row({ flags, together, selected }, flag, key) {
  const usage = () => flags.usage()[key];
  const people = () => together.at().get(key) ?? [];
  const element = h('div.flag-row', { role: 'row', class: () => `${selected() === key ? 'selected' : ''} ${flag().archived ? 'archived' : ''}`, 'aria-selected': () => String(selected() === key) },
    h('div.flag-name', { role: 'rowheader' },
      h('a.ellipsis', { href: () => flagLink(key), dir: 'auto', title: key }, key),
      h('div.row.small.muted', null,
        () => flag().name && h('span.ellipsis', { dir: 'auto' }, flag().name),
        () => flag().tags.slice(0, 3).map((each) => h('span.badge', null, each)))),
    h('div.flag-people', { role: 'cell' }, () => people().length > 0 && h('span.avatars', null, ...people().slice(0, 4).map((person) =>
      avatar(person.name, { slim: true, editing: Boolean(person.editing), title: person.editing ? `${person.name} is editing this flag` : `${person.name} is looking at this flag` })))),
    h('div.flag-type.small.muted', { role: 'cell' }, () => flag().type),
    ...(app()?.environments ?? []).map((name) => cell(name)),
    h('div.flag-serves.ellipsis', { role: 'cell' }, () => {
      const { kind, text, value } = serves(flag(), environment());
      return [h('span', { class: kind === 'value' ? '' : 'muted', dir: 'auto' }, text), value && h('code.muted', null, ` ${value}`)];
    }),
    h('div.flag-time.small.muted', { role: 'cell', title: () => `by ${flag().updated_by}` }, when(() => flag().updated_at)),
    h('div.flag-time.small.muted', { role: 'cell' }, () => (usage()?.stale ? h('span.badge.warn', { title: String(usage()?.stale?.why) }, 'stale') : usage()?.last_evaluated_at ? when(() => usage()?.last_evaluated_at, { toMinute: true }) : 'never')));
  function cell(/** @type {string} */ name) {
    const isThere = computed(() => Object.hasOwn(flag().environments, name)); // (so that the switch stays, and keeps the focus)
    return h('div.flag-switch', { role: 'cell', class: () => (name === environment() ? 'focus' : '') }, () => isThere()
      ? toggle({ on: () => isOn(flag(), name), busy: () => isPending(flag(), name), label: () => `${key} in ${name}`, disabled: () => flag().archived || Boolean(lacks('flags:write')), change: (on) => switchTo(flags, flag(), name, on) })
      : h('span.muted', { title: `not in ${name}` }, '–'));
  }
  effect(() => {
    const last = flags.changed();
    if (last?.key !== key || Date.now() - last.at > FLASH_MS) return;
    element.classList.remove('flash');
    void element.offsetWidth; // (so that it begins anew)
    element.classList.add('flash');
  });
  return element;
}
