import { connect } from '../../client/index.js';
import { signal } from './reactive.js';

/**
 * The page's one connection, shared by its tabs, as signals.
 * @typedef {ReturnType<typeof openLive>} Live
 */

/** @param {{share: string, transports?: any[]}} options */
export function openLive({ share, transports }) {
  const client = connect({ url: new URL('.', document.baseURI).href, share, ...(transports && { transports }) });
  const state = signal(client.state);
  const transport = signal(/** @type {string | undefined} */ (undefined));
  const latency = signal(/** @type {number | undefined} */ (undefined));
  const error = signal(/** @type {Error | undefined} */ (undefined));
  /** When it was last known that what is shown is true (ms since 1970). */
  const asOf = signal(Date.now());
  /** Counts the times that something may have been missed, so that what is shown must be loaded anew. */
  const resets = signal(0);

  const look = () => {
    if (state.peek() === 'live' && client.state !== 'live') asOf.set(Date.now());
    state.set(client.state);
    transport.set(client.transport);
    latency.set(client.latency === undefined ? undefined : Math.round(client.latency));
    error.set(client.error);
  };
  client.on('status', look);
  client.on('reset', () => resets.set(resets.peek() + 1));
  return { client, state, transport, latency, error, asOf, resets, close: () => client.close() };
}
