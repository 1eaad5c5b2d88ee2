import { get } from '../core/api.js';
import { computed, signal } from '../core/reactive.js';
import { onceShown } from '../core/shown.js';

/** @typedef {{login: string, name: string, role: string}} Named */

/** Who there is, by login. */
const people = signal(/** @type {Map<string, Named>} */ (new Map()));
/** Names that several of them have. */
const common = computed(() => {
  const names = [...people().values()].map(({ name }) => name);
  return new Set(names.filter((name, at) => names.indexOf(name) !== at));
});
/** Subjects that were not known: asked for once, since keys and tokens are subjects too. @type {Set<string>} */
const missed = new Set();
/** @type {Promise<void> | undefined} */
let loading;
let readAt = 0;
const OLD_MS = 30_000;

/** Reads them anew: somebody has come, or has another name or role. */
export function loadNames() {
  loading ??= (async () => {
    try {
      /** @type {Named[]} */
      const found = await get('/v1/people');
      readAt = performance.now();
      people.set(new Map(found.map((each) => [each.login, each])));
    } catch {} // (then they are called as they sign in)
    loading = undefined;
  })();
  return loading;
}

// Others may have another name by now: who comes back to the page sees it.
addEventListener('focus', () => {
  if (people.peek().size && performance.now() - readAt > OLD_MS) loadNames();
});

/** @param {string} subject */
function known(subject) {
  const found = people().get(subject);
  if (!found && !missed.has(subject)) {
    missed.add(subject);
    onceShown(loadNames);
  }
  return found;
}

/** What a subject is called: people by their name (and login, where others have it too), keys and tokens as they are. @param {string} subject */
export function nameOf(subject) {
  const { name = subject } = known(subject) ?? {};
  return common().has(name) || (name !== subject && /\)$/.test(name)) ? `${name} (${subject})` : name;
}

/** Whether a subject is somebody who may change flags, as far as is known. @param {string} subject */
export const isEditor = (subject) => ['editor', 'admin'].includes(known(subject)?.role ?? '');
