import { h, listen } from '../../core/dom.js';
import { cleanup, computed, effect, flush, signal, untracked } from '../../core/reactive.js';
import { parameter, setParameters } from '../../core/router.js';
import { app, isProduction } from '../../store/apps.js';
import { live } from '../../store/live.js';
import { nameOf } from '../../store/names.js';
import { lacks, me } from '../../store/session.js';
import { shortcut } from '../../ui/keys.js';
import { empty, loading, tabs } from '../../ui/parts.js';
import { toast } from '../../ui/toast.js';
import { environment } from '../flags/filters.js';
import { openClaims } from './claims.js';
import { draftName, openDraft, restored } from './draft.js';
import { details } from './details.js';
import { openEvaluators } from './evaluators.js';
import { covers, partOf, settle } from './going.js';
import { header, news } from './header.js';
import { history } from './history.js';
import { reaches } from './model/places.js';
import { openSaving, savingBar } from './saving.js';
import { askLeave } from './leaving.js';
import { snippets } from './snippets.js';
import { targeting } from './targeting.js';
import { tryIt } from './try.js';
import { usage } from './usage.js';
import { variants } from './variants.js';

/** @import {Flag, Flags} from '../../store/flags.js' */
/** @import {Together} from '../../store/together.js' */
/** @typedef {ReturnType<typeof openPage>} FlagPage */

/** @type {[string, string, (page: FlagPage) => any][]} */
const PARTS = [
  ['', 'Targeting', targeting],
  ['details', 'Details', details],
  ['variants', 'Variants', variants],
  ['try', 'Try it', tryIt],
  ['history', 'History', history],
  ['usage', 'Usage', usage],
  ['snippets', 'Code', snippets],
];

/** @param {{flags: Flags, together: Together, key: string, close: () => void, onLeave: (leave: () => void) => void}} options */
export function editor(options) {
  const { flags, key, close } = options;
  /** What it is edited as: deleted and made anew as something else, it is another form. '': there was none so far. */
  const type = signal('');
  effect(() => {
    const all = flags.all();
    const now = all?.get(key) ?? (all && untracked(() => keptOf(key)));
    if (now) type.set(now.type);
  });
  return h('div.drawer-frame', null, () => {
    if (type()) return untracked(() => frame(openPage(options)));
    if (!flags.all()) return h('div.drawer-body', null, loading(8));
    return h('div.drawer-body', null, empty('There is no such flag', h('p', { dir: 'auto' }, () => `${app()?.app ?? 'This app'} has no flag ${key}. It may have been deleted, or be in another app.`),
      h('button.button', { type: 'button', onclick: close }, 'To the list')));
  });
}

/** @param {string} key */
const nameOfDraft = (key) => untracked(() => draftName(me().login, app()?.app ?? '', key));

/** The flag as it was when a draft of it was begun that is still there: the flag may be gone. @param {string} key */
const keptOf = (key) => restored(sessionStorage, nameOfDraft(key))?.base;

/** What all parts of the drawer share. @param {{flags: Flags, together: Together, key: string, close: () => void, onLeave: (leave: () => void) => void}} options */
function openPage({ flags, together, key, close, onLeave }) {
  const name = /** @type {any} */ (untracked(app)).app;
  const saved = computed(() => flags.all()?.get(key));
  const first = /** @type {Flag} */ (flags.all.peek()?.get(key) ?? keptOf(key));
  /** Why there is a version, as far as one has seen it come. @type {Map<number, {by: string, reason: string | null}>} */
  const seen = new Map();
  effect(() => {
    live()?.resets();
    seen.clear(); // (a version's number may come twice, after a backup was restored)
  });
  effect(() => {
    const last = flags.changed();
    if (last?.key === key) seen.set(last.version, last);
  });
  const draft = openDraft({ name: nameOfDraft(key), saved, first, storage: sessionStorage, me: () => me().login, tellOf: (version) => seen.get(version), resets: () => live()?.resets() ?? 0 });
  const claims = openClaims({ together, key, isDirty: draft.isDirty });
  const problem = signal(/** @type {any} */ (undefined));
  const isGone = computed(() => Boolean(flags.all()) && !saved());
  const environments = computed(() => app()?.environments ?? []);
  const page = {
    flags, key, app: name, saved, draft, claims, problem, environments, environment, isGone,
    evaluators: openEvaluators(name, environment),
    nameOf,
    /** Shows the flag as one has just made it. @param {Flag} now as the server answered */
    put(now) {
      draft.did(now);
      flags.put(now, key, name);
    },
    canWrite: () => !lacks('flags:write'),
    /** Why a place can't be changed just now; undefined: it can. @param {string} [path] */
    locked(path = '') {
      if (lacks('flags:write')) return lacks('flags:write');
      if (draft.base().archived) return 'The flag is archived. Restore it to change it.';
      if (isGone()) return 'The flag was deleted.';
      const holder = claims.holder(path) ?? claims.holder('');
      return holder && `${holder.name} has taken over`;
    },
    /** What the server said is wrong with a place. @param {string} path */
    wrongAt: (path) => (covers(path, problem()?.body?.field) ? problem().message.replace(`${problem().body.field}: `, '') : undefined),
    /** Environments, in production, that the changes reach. */
    production: () => environments().filter((each) => isProduction(each) && [...draft.changes().keys()].some((path) => reaches(path, each, draft.flag()))),
    close,
  };
  const whole = Object.assign(page, openSaving(page));
  const leave = () => askLeave(whole);
  onLeave(leave);
  cleanup(() => {
    onLeave(close);
    if (untracked(draft.isDirty)) toast(`Your unsaved changes of ${key} are kept: open it again to go on.`);
  });
  return Object.assign(whole, { leave });
}

const tab = parameter('tab');

/** @param {FlagPage} page */
function frame(page) {
  const { draft, claims } = page;
  shortcut('Flag', ['Ctrl ↵'], 'Save', () => {}); // (heard below: only to be listed)
  const now = computed(() => (PARTS.some(([name]) => name === tab()) ? tab() : ''));
  const marks = computed(() => new Set([...draft.changes().keys(), ...draft.wrongs().map(([path]) => path)].map(partOf)));
  const clashes = computed(() => new Set([...draft.collisions().keys()].map(partOf)));
  const labels = /** @type {[string, any][]} */ (PARTS.map(([name, label]) => [name, [label, () =>
    (clashes().has(name) ? h('span.dot.warn', { role: 'img', 'aria-label': 'has two values' }) : marks().has(name) && h('span.dot', { role: 'img', 'aria-label': 'has unsaved changes' }))]]));
  const body = h('div.drawer-body', { role: 'tabpanel', 'aria-label': () => PARTS.find(([name]) => name === now())?.[1] }, () => {
    const [, , show] = /** @type {any} */ (PARTS.find(([name]) => name === now()));
    return untracked(() => show(page));
  });
  const bar = tabs(labels, now, (name) => setParameters({ tab: name }), 'Parts of the flag');
  const element = h('div.drawer-content', null,
    header(page), news(page),
    bar, body, savingBar(page));
  listen(window, 'keydown', (event) => {
    if (event.key !== 'Enter' || !(event.ctrlKey || event.metaKey) || document.querySelector('dialog:modal')) return;
    event.preventDefault();
    page.save();
  });
  listen(window, 'pagehide', () => (settle(), flush())); // (what is only typed is kept too)
  listen(element, 'focusin', ({ target }) => {
    const path = target.closest('[data-place]')?.dataset.place;
    claims.at(path && target.matches('input, textarea, select, [role=slider], [role=switch], button') && !page.locked(path) ? path : undefined);
  });
  listen(element, 'focusout', ({ relatedTarget }) => {
    if (!element.contains(relatedTarget)) claims.at(undefined);
  });
  return element;
}
