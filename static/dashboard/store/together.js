import { cleanup, computed, effect, signal } from '../core/reactive.js';
import { app } from './apps.js';
import { live } from './live.js';
import { can, me } from './session.js';

/**
 * Who is here, and what they look at or edit. A member's state is `{viewing?: key, editing?: key, field?: name, since?: ms}`.
 * @typedef {{subject: string, name: string, viewing?: string, editing?: string, field?: string, since?: number, claim?: {at: number, field?: string}, connections: number}} Person
 */

/** The topic of an app's dashboard: nobody publishes there, and it keeps the connection up. @param {string} name */
const roomOf = (name) => `${name}/dashboard`;

/** @typedef {ReturnType<typeof openTogether>} Together */
export function openTogether() {
  const people = signal(/** @type {Person[]} */ ([]));
  /** What one does oneself; told to the others. */
  const doing = signal(/** @type {{viewing?: string, editing?: string, field?: string, since?: number}} */ ({}));

  effect(() => {
    const name = app()?.app;
    const client = live()?.client;
    if (!client || !can('presence')) return void people.set([]);
    const room = client.presence(roomOf(name ?? 'welcome'));
    const show = () => people.set(room.members().map(({ subject, state, connections }) => ({ name: state?.name ?? subject, ...state, subject, connections })));
    const end = room.on('change', show);
    show();
    effect(() => {
      const said = { name: me().name, ...doing() };
      room.set(said).catch(() => {}); // (said again with the next connection)
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
