import { h } from '../../core/dom.js';
import { fullTime } from '../../core/time.js';
import { icon } from '../../ui/icon.js';
import { area, line, proposals } from './controls.js';
import { bound, place } from './place.js';

/** @import {FlagPage} from './editor.js' */

/** What people should know about a flag. @param {FlagPage} page */
export function details(page) {
  const name = bound(page, '/name');
  const description = bound(page, '/description');
  const owner = bound(page, '/owner', (text) => text || null);
  const [people, owners] = proposals(() => [...new Set([...(page.flags.all()?.values() ?? [])].map((flag) => flag.owner).filter((each) => each !== null))].slice(0, 50));
  return h('div.stack', null, owners,
    place(page, '/name', 'Name', line(name.value, name.change, { maxlength: 200, readonly: name.readonly, title: name.title, spellcheck: true }), { hint: 'For people; code asks for the key.' }),
    place(page, '/description', 'Description', area({ least: 4, maxlength: 2000, readonly: description.readonly, title: description.title, spellcheck: true, dir: 'auto', oninput: (/** @type {any} */ event) => description.change(event.target.value) }, description.value), { hint: 'What it is for, and when it can go.' }),
    place(page, '/owner', 'Owner', line(owner.value, owner.change, { maxlength: 200, list: people, readonly: owner.readonly, title: owner.title })),
    place(page, '/tags', 'Tags', tags(page), { hint: 'Enter or comma adds one.' }),
    h('p.muted.small', null, () => `Made ${fullTime(page.draft.base().created_at)}. Key and type can’t be changed: make another flag instead.`));
}

const MOST_TAGS = 32;

/** @param {FlagPage} page */
function tags(page) {
  const { draft } = page;
  const all = () => /** @type {string[]} */ (draft.value('/tags') ?? []);
  const add = (/** @type {string} */ text) => {
    const more = text.split(/[,\n]/).map((each) => each.trim().slice(0, 64)).filter((each) => each && !all().includes(each));
    if (more.length) draft.set('/tags', [...all(), ...new Set(more)].slice(0, MOST_TAGS));
  };
  const [known, list] = proposals(() => [...new Set([...(page.flags.all()?.values() ?? [])].flatMap((flag) => flag.tags))].filter((each) => !all().includes(each)).sort().slice(0, 100));
  const input = h('input.bare', { 'aria-label': 'Add a tag', list: known, maxlength: 64, autocomplete: 'off', placeholder: () => (all().length ? '' : 'checkout, temporary'), readonly: () => Boolean(page.locked('/tags')),
    onkeydown: (/** @type {KeyboardEvent} */ event) => {
      if ((event.key === 'Enter' && !event.ctrlKey && !event.metaKey) || event.key === ',') {
        event.preventDefault();
        take();
      } else if (event.key === 'Backspace' && !input.value && all().length && !page.locked('/tags')) draft.set('/tags', all().slice(0, -1));
    },
    onchange: () => take() });
  function take() {
    add(input.value);
    input.value = '';
  }
  return h('div.input.tokens', { onclick: (/** @type {Event} */ event) => event.target === event.currentTarget && input.focus() }, list,
    () => all().map((tag) => h('span.token', { dir: 'auto' }, tag, h('button', { type: 'button', 'aria-label': `Remove ${tag}`, disabled: Boolean(page.locked('/tags')), onclick: () => (draft.set('/tags', all().filter((each) => each !== tag)), input.focus()) }, icon('close')))),
    input);
}
