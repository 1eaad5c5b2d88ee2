import { get } from '../core/api.js';
import { cleanup, computed, effect, signal, untracked } from '../core/reactive.js';
import { app } from './apps.js';
import { live } from './live.js';
import { loadNames } from './names.js';
import { can } from './session.js';

/** @import {Entry} from './wording.js' */
/** @import {Read} from '../core/reactive.js' */

const PAGE = 60;
const SOON_MS = 30;
/** How long one waits between two readings, however much happens. */
const REST_MS = 250;
/** As many stay by themselves; who asks for what is older gets more. */
const MOST = 300;

/**
 * The audit trail, newest first: as far back as was asked for, and what comes.
 * @typedef {ReturnType<typeof openTrail>} Trail
 */

/** @param {Read<Record<string, string | undefined>>} filters as `GET /v1/audit` takes them */
export function openTrail(filters) {
  const entries = signal(/** @type {Entry[] | undefined} */ (undefined));
  const problem = signal(/** @type {Error | undefined} */ (undefined));
  const isLoading = signal(false);
  /** Where what is older begins; null: there is no more. */
  const next = signal(/** @type {string | null} */ (null));
  let turn = 0;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let timer;

  /** @param {string} [cursor] none: where the filters say */
  const read = (cursor) => get('/v1/audit', { ...untracked(filters), limit: PAGE, ...(cursor && { cursor }) });

  async function load() {
    const mine = ++turn;
    try {
      const answer = await read();
      if (mine !== turn) return;
      problem.set(undefined);
      next.set(answer.next);
      entries.set(answer.entries);
    } catch (error) {
      if (mine === turn) problem.set(/** @type {Error} */ (error));
    }
  }

  async function older() {
    const from = next.peek();
    if (!from || isLoading.peek()) return;
    isLoading.set(true);
    const mine = turn;
    try {
      const answer = await read(from);
      if (mine === turn) {
        next.set(answer.next);
        entries.set([...(entries.peek() ?? []), ...answer.entries]);
      }
    } catch (error) {
      if (mine === turn) problem.set(/** @type {Error} */ (error));
    }
    isLoading.set(false);
  }

  /** What is new, put before what is there. */
  async function newer() {
    const mine = turn;
    const known = new Set((entries.peek() ?? []).map(({ id }) => id));
    try {
      /** @type {Entry[]} */
      const found = [];
      let cursor;
      do {
        const answer = await read(cursor);
        cursor = answer.next;
        found.push(...answer.entries);
      } while (cursor && found.length < 500 && !found.some(({ id }) => known.has(id)) && known.size);
      if (mine !== turn) return;
      problem.set(undefined);
      const fresh = found.filter(({ id }) => !known.has(id));
      if (fresh.some(({ kind }) => kind === 'person')) loadNames();
      if (fresh.length === found.length) next.set(cursor ?? null); // (nothing of what is there: that would leave a hole)
      if (!fresh.length) return;
      const before = entries.peek() ?? [];
      const all = fresh.length === found.length ? fresh : [...fresh, ...before];
      const kept = all.slice(0, Math.max(MOST, before.length));
      if (kept.length < all.length) next.set(kept[kept.length - 1].id); // (an entry's id is the cursor of what is older)
      entries.set(kept);
    } catch (error) {
      if (mine === turn) problem.set(/** @type {Error} */ (error));
    }
  }

  const asked = computed(() => JSON.stringify(filters()));
  effect(() => {
    asked();
    entries.set(undefined);
    next.set(null);
    load();
  });
  let resets = live.peek()?.resets.peek();
  effect(() => {
    const client = live()?.client;
    if (!client) return;
    const isAnew = resets !== (resets = live()?.resets()); // (what there was may not have been)
    const { app: name, environments = [] } = app() ?? {};
    // An admin hears of every entry; others of what happens to flags.
    const topics = can('admin') ? ['tricast/audit', 'tricast/audit/*'] : environments.map((each) => `${name}/flags/${each}`);
    if (!topics.length) return;
    let isOver = false;
    let isDue = false;
    const soon = (/** @type {unknown} */ _, wait = SOON_MS) => {
      isDue = true;
      timer ??= setTimeout(async () => {
        isDue = false;
        await newer();
        if (isOver) return;
        timer = undefined;
        if (isDue) soon(_, REST_MS); // (one after another: of two at once each would bring the same)
      }, wait);
    };
    const { ready, unsubscribe } = client.subscribe(topics, soon);
    ready.then(() => (isAnew ? load() : soon(undefined)), () => {}); // (what came before that would be missed)
    cleanup(() => {
      isOver = true;
      clearTimeout(timer);
      timer = undefined;
      unsubscribe();
    });
  });
  return { entries, problem, isLoading, next, older, reload: load };
}
