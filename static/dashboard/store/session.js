import { ask, get, onSignedOut } from '../core/api.js';
import { computed, signal } from '../core/reactive.js';

/**
 * @typedef {object} Session
 * @property {boolean} signed_in
 * @property {boolean} open `--dev`: nobody needs to sign in
 * @property {boolean} setup nobody can sign in yet
 * @property {{login: string, name: string, role: string} | null} person
 * @property {{id: string, created_at: string, expires_at: string} | null} session
 * @property {string[]} scopes
 * @property {string} version
 */

/** Who this page is used by; undefined until the server has said. */
export const session = signal(/** @type {Session | undefined} */ (undefined));

/** Why one is at the door again, in words; '' where one has gone out oneself. */
export const farewell = signal('');

/** The page may be used: somebody is signed in, or nobody needs to be. */
export const isIn = computed(() => Boolean(session()?.signed_in || session()?.open));

/** Who one is, to others. */
export const me = computed(() => session()?.person ?? { login: 'anonymous', name: 'anonymous', role: 'admin' });

/** @param {'flags:read' | 'flags:write' | 'presence' | 'admin'} scope */
export const can = (scope) => Boolean(session()?.scopes.includes(scope));

/** What somebody lacks, in words; undefined: they may. @param {'flags:write' | 'admin'} scope */
export const lacks = (scope) =>
  can(scope) ? undefined : `Your role is ${me().role}: ${scope === 'admin' ? 'only an admin can do this' : 'an editor or admin can do this'}.`;

/** One goes oneself: the connection ends before the answer is there. */
let isLeaving = false;

export async function loadSession() {
  const said = await get('/v1/session');
  const before = session.peek();
  if (before?.signed_in && !said.signed_in && !said.open && !isLeaving) farewell.set(`You were signed out: the session of ${before.person?.login} was ended from elsewhere, or is too old. Sign in to go on.`);
  if (JSON.stringify(said) !== JSON.stringify(before)) session.set(said); // (nothing is drawn anew for nothing)
}

/** @param {string} login @param {string} password */
export async function signIn(login, password) {
  enter(await ask('POST', '/v1/session', { body: { login, password } }));
}

/** Goes in, with what the server said when it opened. @param {Session} said */
export function enter(said) {
  farewell.set('');
  session.set(said);
}

export async function signOut() {
  isLeaving = true;
  try {
    await ask('DELETE', '/v1/session');
    session.set(await get('/v1/session'));
  } finally {
    isLeaving = false;
  }
}

onSignedOut(() => {
  if (session.peek()?.signed_in) loadSession().catch(() => {}); // (said by the state of the connection)
});
