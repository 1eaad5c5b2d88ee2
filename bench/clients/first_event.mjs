// node first_event.mjs URL TOPIC ROUNDS: how long `connect()` takes to the first event, and what the same request
// takes without a client. One JSON object: by transport and by `client` and `floor`, milliseconds in order.

import { setTimeout as pause } from 'node:timers/promises';
import { connect } from '../../static/client/index.js';

const [url, topic, rounds] = process.argv.slice(2);
const events = (transport) => `${url}/v1/events?topic=${topic}&cursor=earliest&transport=${transport}`;

const client = (transport) =>
  new Promise((resolve, reject) => {
    const began = performance.now();
    const tricast = connect({ url, topics: topic, cursor: 'earliest', transports: [transport] });
    tricast.on('event', () => {
      resolve(performance.now() - began);
      tricast.close();
    });
    tricast.on('state', (state) => tricast.error && state !== 'closed' && reject(tricast.error));
  });

const floor = {
  websocket: () =>
    new Promise((resolve, reject) => {
      const began = performance.now();
      const socket = new WebSocket(events('websocket').replace('http', 'ws'), ['tricast.v1']);
      socket.onerror = reject;
      socket.onmessage = ({ data }) => {
        if (JSON.parse(data).topic === undefined) return;
        resolve(performance.now() - began);
        socket.onmessage = null;
        socket.close();
      };
    }),

  async sse() {
    const began = performance.now();
    const abort = new AbortController();
    const { body } = await fetch(events('sse'), { cache: 'no-store', signal: abort.signal });
    const reader = body.pipeThrough(new TextDecoderStream()).getReader();
    let text = '';
    let event;
    while (!(event = /^data: (.*"topic".*)\n\n/m.exec(text))) text += (await reader.read()).value;
    JSON.parse(event[1]);
    const took = performance.now() - began;
    reader.cancel().catch(() => {});
    abort.abort();
    return took;
  },

  async poll() {
    const began = performance.now();
    const answer = await fetch(events('poll'), { cache: 'no-store' });
    if (!(await answer.json()).events.length) throw new Error('no event');
    return performance.now() - began;
  },
};

const took = {};
for (const transport of ['websocket', 'sse', 'poll']) {
  const times = (took[transport] = { client: [], floor: [] });
  for (let round = -5; round < rounds; round++) {
    for (const [name, measure] of [['floor', floor[transport]], ['client', () => client(transport)]]) {
      const ms = await measure();
      if (round >= 0) times[name].push(ms); // (before that everything is compiled)
      await pause(5); // What was closed is gone.
    }
  }
}
console.log(JSON.stringify(took));
process.exit();
