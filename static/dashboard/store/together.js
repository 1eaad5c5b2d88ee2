import { cleanup, computed, effect, signal } from '../core/reactive.js';
import { app } from './apps.js';
import { live } from './live.js';
import { isEditor, nameOf } from './names.js';
import { can, me, session } from './session.js';

/**
 * Who is here, and what they look at or edit. A member's state is `{viewing?: key, editing?: key, field?: name, since?: ms}`.
 * @typedef {{subject: string, name: string, viewing?: string, editing?: string, field?: string, since?: number, claim?: {at: number, field: string}, connections: number}} Person
 */

/** How far ahead somebody else's clock may be. */
const AHEAD_MS = 60_000;
const MOST_TEXT = 300;

/** @param {unknown} value */
const text = (value) => (typeof value === 'string' && value ? value.slice(0, MOST_TEXT) : undefined);

/**
 * Somebody, by what the server says of them (who they are) and by what they say of themselves, which may be anything: any
 * token with the right to presence can say it. Only who may edit is believed to do so.
 * @param {{subject: string, state: any, connections: number}} member @returns {Person}
 */
function person({ subject, state, connections }) {
  const who = { subject, name: nameOf(subject), connections };
  const viewing = text(state?.viewing);
  const editing = text(state?.editing);
  if (!isEditor(subject) && !(session()?.open && subject === 'anonymous')) return { ...who, viewing: viewing ?? editing };
  const field = typeof state?.field === 'string' ? state.field.slice(0, MOST_TEXT) : undefined;
  const { at, field: place } = state?.claim ?? {};
  const isClaim = Number.isFinite(at) && typeof place === 'string';
  return { ...who, viewing, editing, field, since: Number(state?.since) || 0, ...(isClaim && { claim: { at: Math.min(at, Date.now() + AHEAD_MS), field: place } }) };
}

/** The topic of an app's dashboard: nobody publishes there, and it keeps the connection up. @param {string} name */
const roomOf = (name) => `${name}/dashboard`;

/** @typedef {ReturnType<typeof openTogether>} Together */
export function openTogether() {
  const members = signal(/** @type {{subject: string, state: any, connections: number}[]} */ ([]));
  const people = computed(() => members().map(person));
  /** What one does oneself; told to the others. */
  const doing = signal(/** @type {{viewing?: string, editing?: string, field?: string, since?: number}} */ ({}));

  effect(() => {
    const name = app()?.app;
    const client = live()?.client;
    if (!client || !can('presence')) return void members.set([]);
    const room = client.presence(roomOf(name ?? 'welcome'));
    const show = () => members.set(/** @type {any} */ (room.members()));
    const end = room.on('change', show);
    show();
    effect(() => {
      room.set(doing()).catch(() => {}); // (said again with the next connection)
    });
    cleanup(() => {
      end();
      room.close();
    });
  });

  const others = computed(() => people().filter(({ subject }) => subject !== me().login));
  /** Who else is at each flag. */
  const at = computed(() => {
    /** @type {Map<string, Person[]>} */
    const found = new Map();
    for (const person of others()) {
      const key = person.editing ?? person.viewing;
      if (key) found.set(key, [...(found.get(key) ?? []), person]);
    }
    return found;
  });
  return { people, others, at, doing };
}
