import { h } from '../../core/dom.js';
import { cleanup, effect, signal, untracked } from '../../core/reactive.js';
import { changesOf } from '../../store/flags.js';
import { modal } from '../../ui/dialog.js';
import { field } from '../../ui/field.js';
import { icon } from '../../ui/icon.js';
import { announce, failed, toast } from '../../ui/toast.js';
import { changeView } from './changes.js';
import { tabNow, thenTo } from './controls.js';
import { goTo, settle } from './going.js';
import { tellChange } from './model/differences.js';
import { patchOf, placeName, placesOf } from './model/places.js';

/** @import {FlagPage} from './editor.js' */
/** @import {Places} from './model/places.js' */

/** What is to be saved, as changes. @param {any} page */
const pending = ({ draft }) => [...draft.changes()].map(([path, value]) => ({ path, before: draft.savedValue(path), after: value }));

/** @param {any} page */
export function openSaving(page) {
  const { draft, problem, app, key } = page;
  const isBusy = signal(false);
  /** Takes back what was said of a save that failed. */
  let unsay = () => {};
  const missing = signal(/** @type {Map<string, string>} */ (new Map()));

  /** Why nothing can be saved, and where; undefined: it can. */
  function blocked() {
    if (page.locked()) return { text: page.locked(), path: '' };
    const [collision] = draft.collisions().keys();
    if (collision) return { text: `Choose between both values of ${placeName(collision).toLowerCase()} first.`, path: collision };
    const [wrong] = draft.wrongs();
    if (wrong) return { text: `${placeName(wrong[0])}: ${wrong[1].wrong}`, path: wrong[0] };
    const [hole] = [...missing()].filter(([path]) => draft.changes().has(path));
    if (hole) return { text: `${placeName(hole[0])}: ${hole[1]}`, path: hole[0] };
    return undefined;
  }

  /** Whether nothing can be saved; then it says why. */
  function isHindered() {
    const hindered = untracked(blocked);
    if (!hindered) return false;
    announce(hindered.text);
    if (hindered.path) goTo(hindered.path);
    return true;
  }

  /** @returns {Promise<boolean>} whether it was saved */
  async function save() {
    settle();
    if (untracked(isBusy) || !untracked(draft.isDirty) || isHindered()) return false;
    const places = untracked(page.production);
    if (!places.length) return send();
    if (!(await agreed(places))) return false;
    if (!isHindered()) return send();
    // (others have been here while one was asked)
    unsay();
    unsay = toast(`${key} was not saved: it was changed meanwhile. ${untracked(blocked)?.text}`, { kind: 'bad' });
    return false;
  }

  async function send() {
    isBusy.set(true);
    problem.set(undefined);
    unsay();
    const reason = draft.reason.peek().trim();
    try {
      const now = await draft.save((/** @type {Places} */ sent, /** @type {number} */ version) =>
        changesOf(app).patch(key, version, { ...patchOf(placesOf(draft.base.peek()), sent), ...(reason && { reason }) }));
      page.flags.put(now, key, app);
      page.claims.release();
      toast(`${key} is saved`, { kind: 'ok' });
      return true;
    } catch (error) {
      refused(error);
      return false;
    } finally {
      isBusy.set(false);
    }
  }

  /** @param {any} error */
  function refused(error) {
    const { status, body } = error;
    const at = body?.field;
    if (status === 409 && body?.flag) {
      const last = body.since?.at(-1);
      if (body.flag.version >= draft.base.peek().version) draft.take(body.flag, undefined, last && { by: last.actor, reason: last.reason }); // (else what came since is newer)
      page.flags.put(body.flag, key, app);
      const count = draft.collisions.peek().size;
      unsay = toast(count ? `Not saved: ${last ? page.nameOf(last.actor) : 'somebody'} was faster. Choose where you both changed the same.` : 'Somebody was faster; your changes are on top of theirs now. Save again.', { kind: 'bad' });
      if (count) goTo([...draft.collisions.peek().keys()][0]);
      return;
    }
    problem.set(error);
    if (!at?.startsWith('/')) return void (unsay = failed(error, `${key} was not saved`) ?? unsay);
    unsay = toast(`${key} was not saved: ${placeName(at.split('/').slice(0, at.startsWith('/environments') ? 4 : 3).join('/')).toLowerCase()} is wrong.`, { kind: 'bad' });
    goTo(at);
  }

  /** Production asks. @param {string[]} places */
  async function agreed(places) {
    const answer = await modal(`Save to ${places.join(' and ')}?`, (close) => {
      const why = h('input.input', { type: 'text', maxlength: 500, required: true, autofocus: true, value: draft.reason.peek(), placeholder: 'Such as a ticket, or what it is for' });
      return [h('form.stack', { onsubmit: (/** @type {Event} */ event) => (event.preventDefault(), why.value.trim() && close(why.value.trim())) },
        h('p', null, 'What runs there sees it within moments:'),
        h('div.change-list', null, ...pending(page).map((change) => changeView(tellChange(change)))),
        field('Reason', why),
        h('div.actions', null, h('button.button', { type: 'button', onclick: () => close() }, 'Cancel'), h('button.button.primary', { type: 'submit' }, 'Save')))];
    }, { wide: true });
    if (answer === undefined) return false;
    draft.reason.set(answer);
    return true;
  }

  effect(() => {
    draft.changes();
    problem.set(undefined); // (what was wrong may be right now)
  });
  return { save, blocked, isBusy, missing };
}

/** What isn't saved, and what to do with it: there as long as something is. @param {FlagPage} page */
export function savingBar(page) {
  const { draft, problem } = page;
  const isShown = signal(false);
  let isOpen = true;
  cleanup(() => (isOpen = false));
  return h('div.saving', { role: 'region', 'aria-label': 'Unsaved changes' }, () => {
    if (!draft.isDirty()) return null;
    return h('div.saving-inside', null,
      () => isShown() && h('div.change-list', null, () => pending(page).map((change) => changeView(tellChange(change), { go: () => goTo(change.path), undo: () => draft.reset(change.path) }))),
      () => problem() && !problem().body?.field?.startsWith('/') && h('div.notice.bad', { role: 'alert' }, icon('warn'), h('div.grow', null, problem().message)),
      () => page.blocked() && h('div.row.small.blocked', { role: 'status' }, icon('warn'), h('span.grow', null, () => page.blocked()?.text), () => page.blocked()?.path && h('button.button.slim', { type: 'button', onclick: () => goTo(page.blocked()?.path ?? '') }, 'Show')),
      h('div.saving-row', null,
        h('button.button.quiet.num', { type: 'button', 'aria-expanded': () => String(isShown()), onclick: () => isShown.set(!isShown()) }, icon('down'), () => {
          const count = new Set([...draft.changes().keys(), ...draft.wrongs().map(([path]) => path)]).size;
          return `${count} unsaved change${count === 1 ? '' : 's'}`;
        }),
        h('input.input.reason', { 'aria-label': 'Reason', maxlength: 500, placeholder: () => (page.production().length ? 'Reason (needed: this is production)' : 'Reason (optional)'), value: draft.reason, oninput: (/** @type {any} */ event) => draft.reason.set(event.target.value) }),
        h('button.button', { type: 'button', onclick: thenTo(tabNow, discard) }, 'Discard'),
        h('button.button.primary', { type: 'button', title: () => page.blocked()?.text ?? 'Ctrl + Enter', 'aria-disabled': () => String(Boolean(page.blocked()) || page.isBusy()), onclick: async () => (await page.save(), thenTo(tabNow, () => {})()) },
          () => (page.isBusy() ? 'Saving…' : page.production().length ? h('span', null, 'Save', h('span.roomy', null, ` to ${page.production()[0]}`), '…') : 'Save'))));
  });

  function discard() {
    const before = { base: draft.base.peek(), changes: draft.changes.peek(), texts: draft.texts.peek(), collisions: draft.collisions.peek(), reason: draft.reason.peek() };
    draft.discard();
    problem.set(undefined);
    toast('The changes are discarded', { action: ['Undo', () => {
      const now = draft.base.peek();
      draft.base.set(before.base);
      draft.changes.set(before.changes);
      draft.texts.set(before.texts);
      draft.collisions.set(before.collisions);
      draft.reason.set(before.reason);
      if (!isOpen) return draft.keep(); // (it is taken up where the flag is opened again)
      draft.take(now);
    }] });
  }
}

