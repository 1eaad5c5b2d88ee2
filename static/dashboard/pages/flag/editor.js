import { h, listen } from '../../core/dom.js';
import { cleanup, computed, effect, signal, untracked } from '../../core/reactive.js';
import { link, parameter, place, setParameters } from '../../core/router.js';
import { app, isProduction } from '../../store/apps.js';
import { lacks, me } from '../../store/session.js';
import { shortcut } from '../../ui/keys.js';
import { empty, failure, loading, tabs } from '../../ui/parts.js';
import { toast } from '../../ui/toast.js';
import { environment } from '../flags/filters.js';
import { openClaims } from './claims.js';
import { draftName, openDraft } from './draft.js';
import { openEvaluators } from './evaluators.js';
import { header, news } from './header.js';
import { environmentOf, reaches } from './model/places.js';
import { openSaving, savingBar } from './saving.js';
import { askLeave } from './leaving.js';
import { targeting } from './targeting.js';

/** @import {Flag, Flags} from '../../store/flags.js' */
/** @import {Together} from '../../store/together.js' */
/** @typedef {ReturnType<typeof openPage>} FlagPage */

/** @typedef {(page: FlagPage) => any} Part */
/** Parts are fetched when somebody is about to look at them. @type {[string, string, () => Promise<Part>][]} */
const TABS = [
  ['', 'Targeting', async () => targeting],
  ['details', 'Details', async () => (await import('./details.js')).details],
  ['variants', 'Variants', async () => (await import('./variants.js')).variants],
  ['try', 'Try it', async () => (await import('./try.js')).tryIt],
  ['history', 'History', async () => (await import('./history.js')).history],
  ['usage', 'Usage', async () => (await import('./usage.js')).usage],
  ['snippets', 'Code', async () => (await import('./snippets.js')).snippets],
];
/** Those that are here. @type {Map<string, Part>} */
const parts = new Map([['', targeting]]);

/** @param {{flags: Flags, together: Together, key: string, close: () => void, onLeave: (leave: () => void) => void}} options */
export function editor(options) {
  const { flags, key, close } = options;
  const has = computed(() => flags.all()?.has(key));
  const begun = signal(false);
  effect(() => void (has() && begun.set(true)));
  return h('div.drawer-frame', null, () => {
    if (begun()) return untracked(() => frame(openPage(options)));
    if (!flags.all()) return h('div.drawer-body', null, loading(8));
    return h('div.drawer-body', null, empty('There is no such flag', h('p', { dir: 'auto' }, () => `${app()?.app ?? 'This app'} has no flag ${key}. It may have been deleted, or be in another app.`),
      h('button.button', { type: 'button', onclick: close }, 'To the list')));
  });
}

/** What all parts of the drawer share. @param {{flags: Flags, together: Together, key: string, close: () => void, onLeave: (leave: () => void) => void}} options */
function openPage({ flags, together, key, close, onLeave }) {
  const name = /** @type {any} */ (untracked(app)).app;
  const saved = computed(() => flags.all()?.get(key));
  const first = /** @type {Flag} */ (flags.all.peek()?.get(key));
  /** Why there is a version, as far as one has seen it come. @type {Map<number, {by: string, reason: string | null}>} */
  const seen = new Map();
  effect(() => {
    const last = flags.changed();
    if (last?.key === key) seen.set(last.version, last);
  });
  const draft = openDraft({ name: draftName(untracked(me).login, name, key), saved, first, storage: sessionStorage, me: () => me().login, tellOf: (version) => seen.get(version) });
  const claims = openClaims({ together, key, isDirty: draft.isDirty });
  const problem = signal(/** @type {any} */ (undefined));
  const isGone = computed(() => Boolean(flags.all()) && !saved());
  const environments = computed(() => app()?.environments ?? []);
  const page = {
    flags, key, app: name, saved, draft, claims, problem, environments, environment, isGone,
    evaluators: openEvaluators(name, environment),
    /** What people call somebody who is known by a login. @param {string} subject */
    nameOf: (subject) => together.people().find((each) => each.subject === subject)?.name ?? subject,
    /** Shows the flag as one has just made it. @param {Flag} now as the server answered */
    put(now) {
      draft.did(now);
      flags.put(now, key);
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

/** @param {string} path @param {string | undefined} field */
export const covers = (path, field) => Boolean(field && path && (field === path || field.startsWith(`${path}/`)));

const tab = parameter('tab');

/** Where a place is edited. @param {string} path @returns {string} */
function tabOf(path) {
  if (path.startsWith('/variants') || /^\/environments\/[^/]+\/variants/.test(path)) return 'variants';
  return path.startsWith('/environments') ? '' : 'details';
}

/** Shows a place of the form, and goes there. @param {string} path */
export async function goTo(path) {
  setParameters({ tab: tabOf(path), ...(environmentOf(path) && { env: environmentOf(path) }) });
  await fetched(/** @type {any} */ (TABS.find(([name]) => name === tabOf(path)))).catch(() => {}); // (said in its place)
  setTimeout(() => {
    const found = [...document.querySelectorAll('.flag-drawer [data-place]')].filter((each) => covers(/** @type {any} */ (each).dataset.place, path)).at(-1);
    found?.scrollIntoView({ block: 'center' });
    /** @type {HTMLElement | null} */ (found?.querySelector('[data-choose], input, select, textarea, button'))?.focus({ preventScroll: true });
  });
}

/** @param {(typeof TABS)[number]} tab @returns {Promise<Part>} */
async function fetched([name, , load]) {
  const made = parts.get(name) ?? (await load());
  parts.set(name, made);
  return made;
}

/** The part that is looked at. @param {FlagPage} page @param {() => string} name */
function part(page, name) {
  const here = signal(/** @type {{name: string, part?: Part, error?: unknown}} */ ({ name: '' }));
  const look = (/** @type {string} */ wanted) => {
    const known = parts.get(wanted);
    if (known) return here.set({ name: wanted, part: known });
    here.set({ name: wanted });
    fetched(/** @type {any} */ (TABS.find(([each]) => each === wanted))).then((made) => here.peek().name === wanted && here.set({ name: wanted, part: made }), (error) => here.peek().name === wanted && here.set({ name: wanted, error }));
  };
  effect(() => look(name()));
  return () => {
    const { part: show, error, name: wanted } = here();
    return error ? failure(error, () => look(wanted)) : show ? untracked(() => show(page)) : loading(6);
  };
}

/** @param {FlagPage} page */
function frame(page) {
  const { draft, claims } = page;
  shortcut('Flag', ['Ctrl ↵'], 'Save', () => {}); // (heard below: only to be listed)
  const now = computed(() => (TABS.some(([name]) => name === tab()) ? tab() : ''));
  const marks = computed(() => new Set([...draft.changes().keys(), ...draft.wrongs().map(([path]) => path)].map(tabOf)));
  const clashes = computed(() => new Set([...draft.collisions().keys()].map(tabOf)));
  const labels = /** @type {[string, any][]} */ (TABS.map(([name, label]) => [name, [label, () =>
    (clashes().has(name) ? h('span.dot.warn', { role: 'img', 'aria-label': 'has two values' }) : marks().has(name) && h('span.dot', { role: 'img', 'aria-label': 'has unsaved changes' }))]]));
  const body = h('div.drawer-body', { role: 'tabpanel', 'aria-label': () => TABS.find(([name]) => name === now())?.[1] }, part(page, now));
  const bar = tabs(labels, now, (name) => setParameters({ tab: name }), 'Parts of the flag');
  for (const name of ['pointerover', 'focusin']) bar.addEventListener(name, () => TABS.forEach(fetched), { once: true });
  const element = h('div.drawer-content', null,
    header(page), news(page),
    bar, body, savingBar(page));
  listen(window, 'keydown', (event) => {
    if (event.key !== 'Enter' || !(event.ctrlKey || event.metaKey) || document.querySelector('dialog:modal')) return;
    event.preventDefault();
    page.save();
  });
  listen(element, 'focusin', ({ target }) => {
    const path = target.closest('[data-place]')?.dataset.place;
    claims.at(path && target.matches('input, textarea, select, [role=slider], [role=switch], button') && !page.locked(path) ? path : undefined);
  });
  listen(element, 'focusout', ({ relatedTarget }) => {
    if (!element.contains(relatedTarget)) claims.at(undefined);
  });
  return element;
}

/** The address of this flag, to be given away. @param {FlagPage} page */
export const address = (page) => new URL(link(['flags', page.key], { app: page.app, env: place().query.get('env'), tab: place().query.get('tab') }), location.href.split('#')[0]).href;
