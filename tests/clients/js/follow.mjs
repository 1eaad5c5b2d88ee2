// A client that a test drives by JSON lines.
//
//     node follow.mjs '{"url": "http://127.0.0.1:8080", "topics": ["demo/**"], "transports": ["sse"]}'
//
// Options are those of `connect`, and `"askToken": true`: then each token is asked for by a line
// {"tell": "token-wanted"} and comes by {"do": "token", "token": "…"}. $TRICAST_NPM names the packages.
//
// Commands (`id` comes back in the reply {"id", "result"} or {"id", "error": {"code", "status", "detail", "field"}}):
//
//     {"id", "do": "subscribe", "topics": […]}            replied to when it is in force
//     {"id", "do": "unsubscribe", "topics": […]}
//     {"id", "do": "publish", "topic", "data", "options"}
//     {"id", "do": "status"}                              state, transport, cursor, latency, counts, error
//     {"id", "do": "auth", "token"?}  {"id", "do": "token", "token"}
//     {"id", "do": "presence", "topic", "state"?}  {"id", "do": "members", "topic"}  {"id", "do": "leave", "topic"}
//     {"id", "do": "flags", "app", "environment", "context"?}  {"id", "do": "flag", "key", "default"}
//     {"id", "do": "close"}                               and the end of stdin, end the program
//
// What it tells by itself: {"tell": "event", "topic", "data", "cursor", "type"}, {"tell": "state", "state",
// "transport", "error"}, {"tell": "reset", …}, {"tell": "error", …}, {"tell": "members", "topic", "members"},
// {"tell": "flag", "key", "old", "new"}, {"tell": "stale", "stale"}.

import process from 'node:process';
import { createInterface } from 'node:readline';

import { connect } from '../../../static/client/index.js';
import { webSocket } from './node.mjs';

// (what is not there yet is told as null)
const say = (message) =>
  process.stdout.write(`${JSON.stringify(message, (_, value) => (value === undefined ? null : value))}\n`);
const shown = (error) =>
  error && { code: error.code ?? error.name, status: error.status, detail: error.message, field: error.field };

const { askToken, ...options } = JSON.parse(process.argv[2]);
const wanted = [];
const token = () =>
  new Promise((resolve) => {
    wanted.push(resolve);
    say({ tell: 'token-wanted' });
  });

const client = connect({ WebSocket: webSocket(), ...(askToken && { token }), ...options });
client.on('event', ({ topic, data, cursor, type }) => say({ tell: 'event', topic, data, cursor, type }));
client.on('state', (state) => say({ tell: 'state', state, transport: client.transport, error: shown(client.error) }));
client.on('reset', (reset) => say({ tell: 'reset', ...reset }));
client.on('error', (error) => say({ tell: 'error', ...shown(error) }));

const subscriptions = new Map();
const rooms = new Map();
let flags;

function room(topic) {
  if (!rooms.has(topic)) {
    rooms.set(topic, client.presence(topic));
    rooms.get(topic).on('change', (members) => say({ tell: 'members', topic, members }));
  }
  return rooms.get(topic);
}

const commands = {
  async subscribe({ topics }) {
    const subscription = client.subscribe(topics);
    subscriptions.set(String(topics), subscription);
    await subscription.ready;
  },
  unsubscribe: ({ topics }) => subscriptions.get(String(topics)).unsubscribe(),
  publish: ({ topic, data, options }) => client.publish(topic, data, options),
  status() {
    const { state, transport, cursor, latency, counts, error } = client;
    return { state, transport, cursor, latency, counts, error: shown(error) };
  },
  auth: ({ token }) => client.auth(token),
  token: ({ token }) => wanted.splice(0).forEach((resolve) => resolve(token)),
  presence: ({ topic, state }) => room(topic).set(state),
  members: ({ topic }) => room(topic).members(),
  leave: ({ topic }) => room(topic).leave(),
  async flags({ app, environment, context }) {
    flags = client.flags(app, environment, context);
    flags.on('change', (change) => say({ tell: 'flag', ...change }));
    flags.on('stale', (stale) => say({ tell: 'stale', stale }));
    await flags.ready;
    return { all: flags.all(), stale: flags.stale };
  },
  flag: ({ key, default: fallback }) => ({ value: flags.get(key, fallback), stale: flags.stale }),
  close() {
    flags?.close();
    client.close();
    input.close();
  },
};

async function obey(line) {
  const { id, do: name, ...how } = JSON.parse(line);
  try {
    say({ id, result: (await commands[name](how)) ?? null });
  } catch (error) {
    say({ id, error: shown(error) });
  }
}

const input = createInterface({ input: process.stdin });
input.on('line', obey).on('close', () => {
  client.close();
  // (a WebSocket of Node's own whose other end is dead would keep the program for ever)
  setTimeout(() => process.exit(0), 500).unref();
});
