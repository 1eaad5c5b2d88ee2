import { each, h, listen } from '../../core/dom.js';
import { ask, get } from '../../core/api.js';
import { cleanup, effect, signal, untracked } from '../../core/reactive.js';
import { when } from '../../core/time.js';
import { isProduction } from '../../store/apps.js';
import { live } from '../../store/live.js';
import { lacks } from '../../store/session.js';
import { confirm } from '../../ui/dialog.js';
import { icon } from '../../ui/icon.js';
import { avatar, empty, failure, loading } from '../../ui/parts.js';
import { failed, toast } from '../../ui/toast.js';
import { changeView } from './changes.js';
import { placeName, reaches } from './model/places.js';
import { summary, told } from './model/differences.js';

/** @import {FlagPage} from './editor.js' */
/** @typedef {{id: string, time: string, action: string, environments: string[], version: number, changes: any[], actor: {subject: string, role: string | null}, reason: string | null}} Entry */

const AT_ONCE = 30;

/** Everything that happened to a flag, newest first, to the beginning; each change can be taken back. @param {FlagPage} page */
export function history(page) {
  const { app, key } = page;
  const entries = signal(/** @type {Entry[] | undefined} */ (undefined));
  const next = signal(/** @type {string | null} */ (null));
  const problem = signal(/** @type {any} */ (undefined));
  const isBusy = signal(false);
  let isOver = false;
  cleanup(() => (isOver = true));

  /** @param {string | null} [cursor] */
  const read = (cursor) => get('/v1/audit', { app, flag: key, limit: AT_ONCE, cursor });

  /** @param {boolean} [isAnew] what there was may not have been */
  async function begin(isAnew = false) {
    try {
      const found = await read();
      if (isOver) return;
      const known = entries.peek() ?? [];
      const ids = new Set(found.entries.map((/** @type {Entry} */ each) => each.id));
      const joins = !isAnew && known.some(({ id }) => ids.has(id));
      if (joins) entries.set([...found.entries, ...known.filter(({ id }) => !ids.has(id))]); // (what is new comes above; the rest stays)
      else {
        entries.set(found.entries);
        next.set(found.next);
      }
      problem.set(undefined);
    } catch (error) {
      if (!isOver) problem.set(error);
    }
  }

  async function more() {
    const cursor = next.peek();
    if (isBusy.peek() || cursor === null) return;
    isBusy.set(true);
    try {
      const found = await read(cursor);
      if (isOver) return;
      entries.set([...(entries.peek() ?? []), ...found.entries]);
      next.set(found.next);
    } catch (error) {
      failed(error, 'Older changes could not be read');
    } finally {
      isBusy.set(false);
    }
  }

  let resets = live.peek()?.resets.peek();
  effect(() => {
    page.saved()?.version;
    const isAnew = resets !== (resets = live()?.resets());
    untracked(() => begin(isAnew));
  });
  const end = h('div.history-end');
  const seen = new IntersectionObserver((found) => found.some((each) => each.isIntersecting) && more());
  seen.observe(end);
  cleanup(() => seen.disconnect());
  effect(() => {
    // (a short page may leave the end in sight: looked at anew)
    next();
    seen.unobserve(end);
    seen.observe(end);
  });
  return h('div.stack', null,
    () => problem() && failure(problem(), () => begin()),
    () => !entries() && !problem() && loading(5),
    () => entries()?.length === 0 && empty('Nothing is known of it', h('p', null, 'Changes are kept for a time; what was done before is gone.')),
    each(h('ol.history', { 'aria-label': 'Changes, newest first' }), () => entries() ?? [], ({ id }) => id, (entry) => row(page, entry.peek(), entries.peek()?.[0] === entry.peek())),
    end, () => (next() ? h('button.button.slim.start', { type: 'button', disabled: () => isBusy(), onclick: more }, 'Older changes') : entries()?.length && h('p.small.muted', null, 'That is all.')));
}

/** @param {FlagPage} page @param {Entry} entry @param {boolean} isOpen */
function row(page, entry, isOpen) {
  const { actor, time, reason, version, changes } = entry;
  const details = h('details', { open: isOpen && changes.length < 12 }, h('summary', null, `${told(changes).length} place${told(changes).length === 1 ? '' : 's'}`));
  const show = () => details.open && details.children.length === 1 && details.append(h('div.change-list', null, ...told(changes).map((each) => changeView(each))));
  listen(details, 'toggle', show);
  show();
  return h('li.entry', null, avatar(page.nameOf(actor.subject)),
    h('div.stack.tight.grow', null,
      h('div', null, h('strong', null, () => page.nameOf(actor.subject)), ' ', summary(entry), h('span.muted.small.nowrap', null, ' · ', when(() => time), h('span.num', null, ` · version ${version}`))),
      reason && h('q.reason-said', { dir: 'auto' }, reason),
      details),
    changes.length > 0 && h('button.button.slim', { type: 'button', disabled: () => Boolean(page.locked()), title: () => lacks('flags:write') ?? page.locked() ?? 'Makes a new change that undoes this one', onclick: () => revert(page, entry) }, icon('undo'), 'Revert'));
}

/** @param {FlagPage} page @param {Entry} entry @param {boolean} [force] */
async function revert(page, entry, force = false, given = '') {
  const { key, app } = page;
  const isFelt = entry.changes.some(({ path }) => entry.environments.some((each) => isProduction(each) && (path === '' || reaches(path, each, page.draft.base.peek()))));
  const isMaking = entry.action === 'flag.created';
  let reason = given;
  if (!force) {
    const answer = await confirm(isMaking ? `Take back that ${key} was made?` : 'Take this change back?', {
      text: h('div.stack', null, isMaking ? h('p', null, 'The flag is deleted.') : h('p', null, `${page.nameOf(entry.actor.subject)} ${summary(entry)}. What it was before comes back, by a new change.`), h('div.change-list', null, ...told(entry.changes.map(({ path, before, after }) => ({ path, before: after, after: before }))).map((each) => changeView(each)))),
      confirm: 'Revert', danger: isMaking, reason: isFelt ? 'needed' : 'asked' });
    if (!answer) return;
    reason = answer.reason;
  }
  try {
    const made = await ask('POST', `/v1/audit/${entry.id}/revert`, { query: { app }, body: { force, ...(reason && { reason }) } });
    if (made?.key) {
      const { changed: _, ...now } = made;
      page.put(now);
    }
    toast(made?.changed?.length === 0 ? 'There was nothing to take back: it is as it was before that change' : 'The change is taken back', { kind: 'ok' });
  } catch (error) {
    const { status, body } = /** @type {any} */ (error);
    if (status !== 409 || !body?.collisions?.length || force) return failed(error, 'The change was not taken back');
    const places = body.collisions.map((/** @type {string} */ path) => placeName(path).toLowerCase());
    const answer = await confirm('Changed again since', {
      text: h('div.stack', null, h('p', null, 'These places are no longer as this change left them:'), h('ul.dotted', null, ...places.map((/** @type {string} */ each) => h('li', null, each))), h('p', null, 'Reverting puts back what was there before, over what came after it.')),
      confirm: 'Revert anyway', danger: true });
    if (answer) await revert(page, entry, true, reason);
  }
}
