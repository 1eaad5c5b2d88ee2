import { each, h } from '../../core/dom.js';
import { computed, signal, untracked } from '../../core/reactive.js';
import { icon } from '../../ui/icon.js';
import { segments } from '../../ui/parts.js';
import { goToNew, removing } from './controls.js';
import { goTo } from './going.js';
import { pointer, segments as namesOf } from './model/json.js';
import { renamed, usesOf } from './model/uses.js';
import { place } from './place.js';
import { variantValue } from './variant.js';

/** @import {FlagPage} from './editor.js' */

const MOST = 64;
/** A value to begin with. @type {Record<string, any>} */
const FIRST = { boolean: false, string: '', number: 0, object: {} };

/** The values that a flag can have, by name: for all environments, or where one has its own. @param {FlagPage} page */
export function variants(page) {
  const { draft } = page;
  const own = computed(() => Object.keys(draft.flag().environments).filter((name) => draft.flag().environments[name].variants));
  const asked = signal('');
  const where = computed(() => (own().includes(asked()) ? asked() : ''));
  return h('div.stack', null,
    () => own().length > 0 && h('div.stack.tight', null,
      segments([['', 'The flag’s'], ...own().map((name) => /** @type {[string, string]} */ ([name, `${name}’s own`]))], where, asked.set, 'Whose variants'),
      h('p.small.muted', null, () => (where() ? `${where()} has variants of its own (they came so with a file).` : `${own().join(', ')} ${own().length > 1 ? 'have' : 'has'} variants of its own, and doesn’t see these.`))),
    () => {
      const environment = where();
      return untracked(() => list(page, environment));
    });
}

/** @param {FlagPage} page @param {string} environment '': the flag's own */
function list(page, environment) {
  const { draft } = page;
  const prefix = environment ? pointer('environments', environment, 'variants') : '/variants';
  const pathOf = (/** @type {string} */ name) => prefix + pointer(name);
  const there = () => (environment ? draft.flag().environments[environment]?.variants ?? {} : draft.flag().variants);
  /** A variant that is renamed stays in its row. @type {string[]} */
  const order = [];
  const names = computed(() => {
    const colliding = [...draft.collisions().keys()].filter((path) => path.startsWith(`${prefix}/`)).map((path) => /** @type {string} */ (namesOf(path).at(-1)));
    const all = [...new Set([...Object.keys(there()), ...colliding])];
    for (const name of all) if (!order.includes(name)) order.push(name);
    return all.sort((one, other) => order.indexOf(one) - order.indexOf(other)).map((name) => ({ name, row: order.indexOf(name) }));
  });
  const mayNot = () => page.locked(prefix);

  /** @param {string} from @param {string} to */
  function rename(from, to) {
    order[order.indexOf(from)] = to;
    const { type } = draft.base.peek();
    /** @type {[string, any][]} */
    const changes = [[pathOf(from), undefined], [pathOf(to), draft.value(pathOf(from)) ?? FIRST[type]]];
    for (const { path } of usesOf(draft.flag(), from, environment || undefined)) changes.push([path, path.endsWith('/targeting') ? renamed(draft.value(path), from, to) : to]);
    draft.setAll(changes);
    draft.type(pathOf(to), draft.texts.peek().get(pathOf(from)));
    draft.type(pathOf(from), undefined);
  }

  function add() {
    let count = names().length + 1;
    while (Object.hasOwn(there(), `variant-${count}`)) count++;
    draft.set(pathOf(`variant-${count}`), FIRST[draft.base.peek().type]);
    goToNew(() => rows.lastElementChild?.querySelector('.variant-name input'));
    /** @type {HTMLInputElement | null | undefined} */ (rows.lastElementChild?.querySelector('.variant-name input'))?.select();
  }

  const rows = h('div.variant-list');
  each(rows, names, ({ row }) => String(row), (item) => {
    const name = computed(() => item().name);
    const wrong = signal('');
    const input = h('input.input.mono', { 'aria-label': () => `Name of the variant ${name()}`, value: name, maxlength: 200, dir: 'auto', spellcheck: false, autocapitalize: 'none', readonly: () => Boolean(mayNot()), title: mayNot, 'aria-invalid': () => String(Boolean(wrong())),
      oninput: () => wrong.set(check(input.value)),
      onkeydown: (/** @type {KeyboardEvent} */ event) => event.key === 'Enter' && !event.ctrlKey && !event.metaKey && take(),
      onchange: () => take() });
    const check = (/** @type {string} */ text) => (text === name() ? '' : !text ? 'A variant needs a name.' : Object.hasOwn(there(), text) ? `There is a variant ${text} already.` : '');
    function take() {
      if (wrong() || input.value === name()) return;
      rename(name(), input.value);
      setTimeout(() => document.activeElement === document.body && /** @type {any} */ (rows.children[names().findIndex((each) => each.name === name())])?.querySelector('.variant-value :is(input, select, textarea)')?.focus());
    }
    const uses = computed(() => usesOf(draft.flag(), name(), environment || undefined));
    const stays = () => mayNot() ?? (uses().length ? `It is ${uses().map(({ text }) => text).join(', ')}: change that first.` : Object.keys(there()).length < 2 ? 'A flag has at least one variant.' : undefined);
    return h('div.variant', null,
      h('div.variant-name', null, input, () => wrong() && h('div.wrong', null, wrong())),
      h('div.variant-value', null, () => {
        const path = pathOf(name());
        const isGone = computed(() => draft.value(path) === undefined && !draft.texts().has(path));
        return untracked(() => place(page, path, null, h('div', null, () => (isGone() ? h('span.muted', null, 'removed') : untracked(() => variantValue(page, path, name))))));
      }),
      h('button.button.quiet.icon', { type: 'button', 'aria-label': () => `Remove the variant ${name()}`, title: () => stays() ?? 'Remove', disabled: () => Boolean(stays()), onclick: removing('.variant-list', () => (draft.type(pathOf(name()), undefined), draft.set(pathOf(name()), undefined))) }, icon('trash')),
      h('div.variant-uses.small.muted', null, () => (uses().length ? ['Used as ', uses().map(({ path, text }, at) => [at ? ', ' : '', h('button.link-like', { type: 'button', onclick: () => goTo(path) }, text)])] : 'Not used')));
  });
  return h('div.stack', null,
    h('div.variant.heads', { 'aria-hidden': 'true' }, h('span', null, 'Name'), h('span', null, () => `Value (${draft.base().type})`)),
    rows,
    h('div.row', null, h('button.button.slim', { type: 'button', disabled: () => Boolean(mayNot()) || names().length >= MOST, title: mayNot, onclick: add }, icon('plus'), 'Add a variant')));
}
