import { each, h, newId } from '../../core/dom.js';
import { computed, effect } from '../../core/reactive.js';
import { icon } from '../../ui/icon.js';
import { avatar } from '../../ui/parts.js';
import { controlIn, goToNew, shownIf, thenTo } from './controls.js';
import { written } from './model/json.js';
import { apart, folded, lines } from './model/differences.js';
import { placeName } from './model/places.js';

/** @import {FlagPage} from './editor.js' */

/**
 * One place of a flag in the form: its control, and all that is said of it: who else is there, what is wrong, what others
 * have made of it meanwhile.
 * @param {FlagPage} page @param {string} path @param {any} label @param {any} control an input, or anything else
 * @param {{hint?: any, wrong?: () => string | undefined, side?: any, isWide?: boolean}} [options]
 */
export function place(page, path, label, control, { hint, wrong, side, isWide = true } = {}) {
  const { draft } = page;
  const isInput = control instanceof HTMLElement && control.matches('input, select, textarea');
  const id = isInput ? control.id || newId('field') : newId('group');
  const said = newId('said');
  control.id = id;
  if (isInput) control.setAttribute('aria-describedby', said);
  const fault = computed(() => draft.texts().get(path)?.wrong ?? wrong?.() ?? page.wrongAt(path));
  if (isInput) effect(() => control.setAttribute('aria-invalid', String(Boolean(fault()))));
  const name = newId('label');
  const clash = shownIf(() => draft.collisions().has(path), () => collision(page, path));
  const element = h('div.place', { 'data-place': path, class: () => `${draft.isChanged(path) ? 'changed' : ''} ${draft.collisions().has(path) ? 'colliding' : ''} ${isWide ? 'wide' : ''}`,
    ...(!isInput && { role: 'group', ...(label ? { 'aria-labelledby': name } : { 'aria-label': placeName(path) }), 'aria-describedby': said }) },
    label && h('div.place-head', null,
      isInput ? h('label', { for: id, id: name }, label) : h('div.label', { id: name }, label),
      () => draft.isChanged(path) && !draft.collisions().has(path) && h('span.unsaved', { title: 'Not saved yet' }, 'unsaved'),
      presence(page, path), h('div.grow'), side),
    !isInput && clash,
    control,
    h('div', { id: said }, hint && h('div.hint', null, hint), () => fault() && h('div.wrong', null, fault())),
    shownIf(() => page.claims.holder(path) && page.claims.holder('') === undefined && page.canWrite(), () => held(page, path)),
    isInput && clash,
    shownIf(() => draft.aside().has(path) && !draft.collisions().has(path), () => h('div.row.small.muted', null, 'Your own value was put aside.',
      h('button.button.slim', { type: 'button', onclick: thenTo(() => controlAt(path), () => draft.retrieve(path)) }, icon('undo'), 'Have it back'))));
  effect(() => {
    const { paths, at } = draft.flashed();
    if (!paths.has(path) || Date.now() - at > 1500) return;
    element.classList.remove('flash');
    void element.offsetWidth; // (so that it begins anew)
    element.classList.add('flash');
  });
  return element;
}

/** What one edits a place with. @param {string} path */
const controlAt = (path) => controlIn([...document.querySelectorAll('.flag-drawer [data-place]')].find((each) => /** @type {HTMLElement} */ (each).dataset.place === path));

/** Others whose cursor is in this field. @param {FlagPage} page @param {string} path */
export const presence = (page, path) => each(h('span.field-people'), () => page.claims.editorsAt(path), ({ subject }) => subject, (person) =>
  h('span.field-person', { title: () => `${person().name} is editing this field` }, avatar(person.peek().name, { slim: true, editing: true }), h('span', null, () => person().name),
    shownIf(() => !page.claims.holder(path) && page.canWrite() && !page.claims.claims(path), () => h('button.button.quiet.slim', { type: 'button', onclick: thenTo(() => controlAt(path), () => page.claims.takeOver(path)), title: () => `${person().name} can’t change this field then, until they take it back` }, 'Take over'))));

/** @param {FlagPage} page @param {string} path */
const held = (page, path) => h('div.notice.warn.slim-notice', { role: 'status' }, icon('warn'),
  h('div.grow', null, () => `${page.claims.holder(path)?.name} has taken over this field. What you typed is kept.`),
  h('button.button.slim', { type: 'button', onclick: thenTo(() => controlAt(path), () => page.claims.takeOver(path)) }, 'Take it back'));

/** Both values, and the choice. @param {FlagPage} page @param {string} path */
function collision(page, path) {
  const { draft } = page;
  const found = () => draft.collisions().get(path);
  const who = () => page.nameOf(draft.notes().findLast((note) => note.paths.includes(path))?.by ?? draft.base().updated_by);
  const mine = () => draft.texts().get(path)?.text ?? shown(draft.value(path));
  const theirs = () => shown(found()?.theirs);
  const settle = (/** @type {'mine' | 'theirs'} */ whose) => {
    const held = /** @type {Element | null} */ (document.activeElement)?.closest('.place');
    draft.choose(path, whose);
    goToNew(() => controlIn(held));
  };
  return h('div.collision', { role: 'group', 'aria-label': `${placeName(path)}: two values` },
    h('div.row', null, icon('warn'), h('strong', null, () => `You and ${who()} both changed this.`)),
    h('div.sides', null,
      side('Yours', mine, theirs, () => settle('mine'), 'Keep mine', 'mine'),
      side(who, theirs, mine, () => settle('theirs'), 'Take theirs', 'theirs')));
}

/** @param {any} label @param {() => string} text @param {() => string} other @param {() => void} choose @param {string} action @param {'mine' | 'theirs'} whose */
const side = (label, text, other, choose, action, whose) => h('div.side', null,
  h('div.small.muted.ellipsis', null, label),
  () => differing(text(), other()),
  h('button.button.slim', { type: 'button', 'data-choose': whose, onclick: choose }, action));

/** What this side has and the other hasn't is marked. @param {string} text @param {string} other */
const differing = (text, other) => h('pre.value', { tabindex: 0, dir: 'auto' }, text.includes('\n')
  ? folded(lines(other, text).filter(({ sign }) => sign !== '-')).map((each) => ('skipped' in each ? h('div.muted', null, '…') : h('div', { class: each.sign === '+' ? 'added' : '' }, each.text || ' ')))
  : apart(text, other).map((part, at) => (at === 1 ? part && h('mark', null, part) : part)));

/** @param {any} value */
export const shown = (value) => (value === undefined ? '(nothing)' : value === null ? '(none)' : value === '' ? '(empty)' : typeof value === 'string' ? value : written(value));

/** A text that has a place in the draft, as long as it is typed. @param {FlagPage} page @param {string} path @param {(text: string) => any} [read] @param {(value: any) => string} [write] */
export function bound(page, path, read = (text) => text, write = (value) => value ?? '') {
  return { value: () => write(page.draft.value(path)), change: (/** @type {string} */ text) => page.draft.set(path, read(text)), readonly: () => Boolean(page.locked(path)), title: () => page.locked(path) };
}
