import { computed, effect, signal, untracked } from '../../core/reactive.js';
import { same } from './model/json.js';
import { rebase } from './model/merging.js';
import { placesOf, withChanges } from './model/places.js';

/** @import {Flag} from '../../store/flags.js' */
/** @import {Read} from '../../core/reactive.js' */
/** @import {Places} from './model/places.js' */
/** @import {Collision} from './model/merging.js' */

/** @typedef {{text: string, wrong?: string}} Typed What somebody typed that is no value yet, or not tidied up. */
/** @typedef {{by: string, reason: string | null, at: number, version: number, paths: string[], isOlder: boolean}} Note What others changed under an open draft. `isOlder`: a backup was restored. */
/** @typedef {ReturnType<typeof openDraft>} Draft */

const MOST_NOTES = 5;

/**
 * What one changes of a flag, beside the flag as it is saved. It outlives the drawer, a reload, and a restart of the
 * server: it is kept by `storage` until it is saved or discarded.
 *
 * What is saved may have an older version than the draft began from: a list that was on its way, which is nothing; but
 * where all was loaded anew (`resets` counts that), a backup was restored, and the older one is true.
 * @param {{name: string, saved: Read<Flag | undefined>, storage: Pick<Storage, 'getItem' | 'setItem' | 'removeItem'>, first: Flag, me?: () => string, tellOf?: (version: number) => {by: string, reason: string | null} | undefined, resets?: () => number}} options
 */
export function openDraft({ name, saved, storage, first, me = () => '', tellOf = () => undefined, resets = () => 0 }) {
  const kept = restored(storage, name);
  const base = signal(kept?.base ?? first);
  const changes = signal(/** @type {Places} */ (kept?.changes ?? new Map()));
  const collisions = signal(/** @type {Map<string, Collision>} */ (kept?.collisions ?? new Map()));
  const texts = signal(/** @type {Map<string, Typed>} */ (kept?.texts ?? new Map()));
  const reason = signal(kept?.reason ?? '');
  /** What was given up for the others' values, to be had again. */
  const aside = signal(/** @type {Map<string, {value?: any, typed?: Typed}>} */ (new Map()));
  const notes = signal(/** @type {Note[]} */ ([]));
  /** Places that others have changed just now. */
  const flashed = signal(/** @type {{paths: Set<string>, at: number}} */ ({ paths: new Set(), at: 0 }));
  const sending = signal(/** @type {Places | undefined} */ (undefined));
  /** Versions that one has made oneself, otherwise than by saving the draft. @type {Set<number>} */
  const own = new Set();
  /** What was last seen to be saved, and after how many resets. @type {{flag?: Flag, resets?: number}} */
  let seen = kept ? {} : { flag: first, resets: untracked(resets) };
  /** Whether it was begun before the drawer was opened, and when. */
  const from = signal(kept ? kept.at : undefined);

  const basePlaces = computed(() => placesOf(base()));
  const flag = computed(() => withChanges(base(), changes()));
  const wrongs = computed(() => [...texts()].filter(([, { wrong }]) => wrong));
  const isDirty = computed(() => changes().size > 0 || wrongs().length > 0);

  /** Takes what is saved now below the draft. @param {Flag} now @param {Places} [sent] what of it is one's own @param {{by: string, reason: string | null}} [told] */
  function take(now, sent, told) {
    const before = sent ? placesOf(withChanges(base.peek(), sent)) : placesOf(base.peek());
    const mine = new Map(changes.peek());
    // What is typed but no value yet is a change too: of what it began from.
    for (const [path, { wrong }] of texts.peek()) if (wrong && !mine.has(path)) mine.set(path, before.get(path));
    const isOlder = now.version < base.peek().version && now.created_at === base.peek().created_at;
    const made = rebase(before, mine, placesOf(now), collisions.peek());
    base.set(now);
    changes.set(made.changes);
    collisions.set(made.collisions);
    const theirs = [...made.merged, ...made.collisions.keys()].filter((path) => !sent?.has(path) || made.collisions.has(path));
    if (!theirs.length) return;
    flashed.set({ paths: new Set(theirs), at: Date.now() });
    if (own.has(now.version)) return;
    const { by, reason: why } = told ?? tellOf(now.version) ?? { by: now.updated_by, reason: null };
    if (by === me() && !isOlder && !untracked(isDirty)) return; // (one knows)
    const note = { by, reason: why, at: Date.parse(now.updated_at) || Date.now(), version: now.version, paths: theirs, isOlder };
    const last = notes.peek().at(-1);
    const isSame = last?.version === now.version; // (one change comes in as many events as it has environments)
    notes.set(isSame ? [...notes.peek().slice(0, -1), { ...note, paths: [...new Set([...last.paths, ...theirs])] }] : [...notes.peek(), note].slice(-MOST_NOTES));
  }

  effect(() => {
    const now = saved();
    const count = resets();
    if (!now || sending() || now === seen.flag) return;
    const isAnew = count !== seen.resets;
    seen = { flag: now, resets: count };
    if (isAnew) own.clear(); // (a version's number may come twice)
    untracked(() => {
      const { version, created_at: made } = base.peek();
      if (now !== base.peek() && (isAnew || now.version >= version || now.created_at !== made)) take(now);
    });
  });
  const store = () => {
    if (isDirty()) keep(storage, name, { base: base(), changes: changes(), collisions: collisions(), texts: texts(), reason: reason(), at: Date.now() });
    else storage.removeItem(name);
  };
  effect(store);

  const api = {
    base, changes, collisions, texts, reason, aside, notes, flashed, flag, isDirty, wrongs, from, sending,
    /** What a place holds in the draft. @param {string} path */
    value: (path) => (changes().has(path) ? changes().get(path) : basePlaces().get(path)),
    /** What it holds in what is saved. @param {string} path */
    savedValue: (path) => basePlaces().get(path),
    /** @param {string} path */
    isChanged: (path) => changes().has(path) || Boolean(texts().get(path)?.wrong),
    /** @param {string} path @param {any} value undefined: nothing */
    set(path, value) {
      api.setAll([[path, value]]);
    },
    /** Several at once. @param {[string, any][]} values */
    setAll(values) {
      const next = new Map(changes.peek());
      for (const [path, value] of values) {
        // (what is on its way to be saved is as good as saved)
        const under = sending.peek()?.has(path) ? sending.peek() : untracked(basePlaces);
        if (same(value, under?.get(path)) && !collisions.peek().has(path)) next.delete(path);
        else next.set(path, value);
      }
      changes.set(next);
    },
    /** Keeps what was typed as it is; `wrong`: it is no value. @param {string} path @param {Typed | undefined} typed */
    type(path, typed) {
      const next = new Map(texts.peek());
      typed ? next.set(path, typed) : next.delete(path);
      texts.set(next);
    },
    /** Ends a collision. @param {string} path @param {'mine' | 'theirs'} whose */
    choose(path, whose) {
      const found = collisions.peek().get(path);
      if (!found) return;
      const next = new Map(collisions.peek());
      next.delete(path);
      collisions.set(next);
      if (whose === 'mine') return changes.peek().has(path) ? api.set(path, changes.peek().get(path)) : undefined;
      const typed = texts.peek().get(path);
      aside.set(new Map(aside.peek()).set(path, typed?.wrong ? { typed } : { value: changes.peek().get(path) }));
      api.reset(path);
    },
    /** Has again what was given up. @param {string} path */
    retrieve(path) {
      const { value, typed } = aside.peek().get(path) ?? {};
      const next = new Map(aside.peek());
      next.delete(path);
      aside.set(next);
      typed ? api.type(path, typed) : api.set(path, value);
    },
    /** Back to what is saved. @param {string} path */
    reset(path) {
      if (collisions.peek().has(path)) return api.choose(path, 'theirs');
      const next = new Map(changes.peek());
      next.delete(path);
      changes.set(next);
      api.type(path, undefined);
    },
    discard() {
      changes.set(new Map());
      collisions.set(new Map());
      texts.set(new Map());
      aside.set(new Map());
      reason.set('');
      from.set(undefined);
    },
    /**
     * Sends the changes; what is typed meanwhile stays. @param {(sent: Places, version: number) => Promise<any>} send gives the flag as it is then
     */
    async save(send) {
      const sent = new Map(changes.peek());
      sending.set(sent);
      try {
        const { merged, changed: _, ...now } = await send(sent, base.peek().version);
        const last = merged?.since.at(-1);
        take(now, sent, last && { by: last.actor, reason: last.reason });
        from.set(undefined);
        if (!changes.peek().size) reason.set('');
        aside.set(new Map([...aside.peek()].filter(([path]) => !sent.has(path))));
        return now;
      } finally {
        sending.set(undefined);
        api.setAll([...changes.peek()]); // (what was typed back meanwhile is no change, if it was not saved)
      }
    },
    take,
    /** Keeps it as it is, also when nobody looks at it any more. */
    keep: () => untracked(store),
    /** What was done to the flag as a whole by oneself is no news. @param {Flag} now */
    did(now) {
      own.add(now.version);
      notes.set(notes.peek().filter(({ version }) => version !== now.version));
    },
  };
  return api;
}

/** @param {Pick<Storage, 'setItem'>} storage @param {string} name @param {{base: Flag, changes: Places, collisions: Map<string, Collision>, texts: Map<string, Typed>, reason: string, at: number}} draft */
function keep(storage, name, { base, changes, collisions, texts, reason, at }) {
  const wrong = [...texts].filter(([, typed]) => typed.wrong);
  try {
    // (a pair without its second is a removal: JSON has no undefined)
    storage.setItem(name, JSON.stringify({ base, changes: [...changes].map(([path, value]) => (value === undefined ? [path] : [path, value])), collisions: [...collisions], texts: wrong, reason, at }));
  } catch {
    // (no room: it is kept as long as the page is open)
  }
}

/** What was kept of a draft. @param {Pick<Storage, 'getItem'>} storage @param {string} name */
export function restored(storage, name) {
  try {
    const found = JSON.parse(storage.getItem(name) ?? 'null');
    return found && /** @type {{base: Flag, changes: Places, collisions: Map<string, Collision>, texts: Map<string, Typed>, reason: string, at: number}} */ ({
      ...found, changes: new Map(found.changes), collisions: new Map(found.collisions), texts: new Map(found.texts) });
  } catch {
    return undefined; // (of an earlier version of this page)
  }
}

/** Under which a draft is kept: another person who signs in here has drafts of their own. @param {string} login @param {string} app @param {string} key */
export const draftName = (login, app, key) => `tricast:draft:${JSON.stringify([login, app, key])}`;
