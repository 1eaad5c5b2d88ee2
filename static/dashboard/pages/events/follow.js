import { connect } from '../../../client/index.js';
import { cleanup, signal } from '../../core/reactive.js';

/** @import {Envelope} from '../../../client/types/shapes.js' */

/** Older ones go: the log has them all. */
export const MOST = 500;

/**
 * What comes on some topics, on a connection of its own, so that one can see how each transport behaves.
 * @typedef {ReturnType<typeof follow>} Following
 */

/** @param {{topics: string[], from: string, via: string}} what */
export function follow({ topics, from, via }) {
  const events = signal(/** @type {(Envelope & {at: number})[]} */ ([]));
  const state = signal('connecting');
  const transport = signal('');
  const cursor = signal('');
  const count = signal(0);
  const problem = signal(/** @type {Error | undefined} */ (undefined));
  const resets = signal(/** @type {any[]} */ ([]));
  const isPaused = signal(false);
  /** @type {(Envelope & {at: number})[]} */
  let kept = events.peek();
  let total = 0;
  let isDue = false;

  const client = connect({ url: document.baseURI.split('#')[0], share: false, topics, cursor: from, ...(via && { transports: [/** @type {any} */ (via)] }) });
  const show = () => {
    isDue = false;
    count.set(total);
    cursor.set(client.cursor ?? '');
    if (!isPaused.peek()) events.set(kept);
  };
  const soon = () => {
    if (!isDue) requestAnimationFrame(show); // (one drawing for all that came since)
    isDue = true;
  };
  client.on('event', (event) => {
    kept = [{ ...event, at: ++total }, ...kept].slice(0, MOST);
    soon();
  });
  client.on('reset', (reset) => resets.set([...resets.peek(), reset].slice(-20)));
  client.on('error', (error) => problem.set(error));
  client.on('status', () => {
    state.set(client.state);
    transport.set(client.transport ?? '');
    problem.set(client.state === 'live' ? undefined : client.error);
    soon();
  });
  cleanup(() => client.close());
  return {
    events, state, transport, cursor, count, problem, resets, isPaused,
    pause(/** @type {boolean} */ on) {
      isPaused.set(on);
      show();
    },
    clear() {
      kept = [];
      show();
    },
  };
}
