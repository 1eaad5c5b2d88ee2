// A client whose surroundings are fakes.

import { connect } from '../../../static/client/index.js';
import { Clock, fetches, settled, sockets } from './fakes.mjs';

export function given(options = {}) {
  const clock = options.clock ?? new Clock();
  const web = sockets();
  const net = fetches();
  const client = connect({
    url: 'https://hub.example',
    topics: 'demo/**',
    WebSocket: web.WebSocket,
    fetch: net.fetch,
    setTimeout: clock.setTimeout,
    clearTimeout: clock.clearTimeout,
    now: clock.now,
    random: () => 1,
    storage: null,
    locks: null,
    BroadcastChannel: null,
    events: null,
    ...options,
  });
  const told = { events: [], states: [], resets: [], errors: [] };
  client.on('event', (event) => told.events.push(event.data));
  client.on('state', (state) => told.states.push(state));
  client.on('reset', (reset) => told.resets.push(reset));
  client.on('error', (error) => told.errors.push(error));
  return { client, clock, web, net, told };
}

/** The same, live on a WebSocket at offset 10. */
export async function live(options) {
  const all = given(options);
  await settled();
  all.web.last.hello({ cursor: 'e-10' });
  all.web.last.live('e-10');
  await settled();
  return all;
}
