import { cleanup, computed, effect, signal, untracked } from '../../core/reactive.js';

/** @import {Together, Person} from '../../store/together.js' */
/** @import {Read} from '../../core/reactive.js' */

/** @typedef {{at: number, field: string}} Claim *I have taken over* a field ('': the whole flag). The latest one holds. */
/** @typedef {Person & {claim?: Claim}} Editor */
/** @typedef {ReturnType<typeof openClaims>} Claims */

/** A member's state has room for 1 KiB: where a key is very long, the field is left out. */
const MOST_CHARS = 800;

/** @param {{editing: string, field: string, since: number, claim?: Claim}} state */
const fitting = (state) => (new Blob([JSON.stringify(state)]).size > MOST_CHARS ? { ...state, field: '' } : state);

/**
 * Who edits what of a flag: one's own is told to the others, theirs is told here, and whoever takes over makes the others'
 * forms wait.
 * @param {{together: Together, key: string, isDirty: Read<boolean>}} options
 */
export function openClaims({ together, key, isDirty }) {
  const field = signal(/** @type {string | undefined} */ (undefined));
  const claim = signal(/** @type {Claim | undefined} */ (undefined));
  const isEditing = computed(() => isDirty() || field() !== undefined || claim() !== undefined);
  let since = 0;
  effect(() => {
    if (!isEditing()) since = 0;
    else since ||= Date.now();
    const state = isEditing() ? fitting({ editing: key, field: field() ?? '', since, ...(claim() && { claim: claim() }) }) : { viewing: key };
    untracked(() => together.doing.set(state));
  });
  cleanup(() => {
    const { viewing } = together.doing.peek();
    together.doing.set(viewing && viewing !== key ? { viewing } : {}); // (another one may be open already)
  });

  /** Others at this flag, those who edit first. */
  const here = computed(() => /** @type {Editor[]} */ (together.others()).filter((each) => (each.editing ?? each.viewing) === key).sort((one, other) => Number(other.editing === key) - Number(one.editing === key)));
  const editors = computed(() => here().filter((each) => each.editing === key));

  /** Who has taken a place over, if not I. @param {string} path '': the whole flag */
  function holder(path) {
    const covers = (/** @type {Claim | undefined} */ each) => Boolean(each && (each.field === '' || each.field === path));
    const own = covers(claim()) ? claim()?.at ?? 0 : 0;
    const [latest] = editors().filter((each) => covers(each.claim)).sort((one, other) => (other.claim?.at ?? 0) - (one.claim?.at ?? 0));
    return latest && (latest.claim?.at ?? 0) > own ? latest : undefined;
  }

  return {
    here,
    editors,
    holder,
    field,
    claim,
    /** Who edits a place just now. @param {string} path */
    editorsAt: (path) => editors().filter((each) => each.field === path),
    /** Whether one has taken a place over oneself. @param {string} path */
    claims: (path) => Boolean(claim() && (claim()?.field === '' || claim()?.field === path)),
    /** The others' forms become read-only, until they take it back or this one is done. @param {string} [path] */
    takeOver(path = '') {
      const latest = Math.max(0, ...editors().map((each) => each.claim?.at ?? 0));
      claim.set({ at: Math.max(Date.now(), latest + 1), field: path });
    },
    release: () => claim.set(undefined),
    /** Where the focus is. @param {string | undefined} path */
    at: (path) => field.set(path),
  };
}
