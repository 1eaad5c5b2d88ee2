import { get } from '../core/api.js';
import { signal, untracked } from '../core/reactive.js';

/** What people are called, by login. */
const names = signal(/** @type {Map<string, string>} */ (new Map()));
let isAsked = false;

/** Reads them anew: somebody has come, or has another name. */
export async function loadNames() {
  isAsked = true;
  try {
    /** @type {{login: string, name: string}[]} */
    const people = await get('/v1/people');
    names.set(new Map(people.map(({ login, name }) => [login, name])));
  } catch {} // (then they are called as they sign in)
}

/** What a subject is called: people by their name, keys and tokens as they are. @param {string} subject */
export function nameOf(subject) {
  if (!isAsked) untracked(() => void loadNames());
  return names().get(subject) ?? subject;
}
