// The client-side provider, told what to do by JSON lines on stdin, and telling what happens on stdout.
//
//     node client.mjs <folder with node_modules> [hurry]
//
// A command is {"id", "do", …} and is answered by {"id", "result"} or {"id", "error": {name, message}};
// an event of the provider is {"event", "flagsChanged", "message"}; a request of its that was answered is
// {"request": {method, path, query, ifNoneMatch, lastEventId, status, etag}}. `hurry` divides the waits of
// one to five seconds (before a retry or a reconnect), so that tests needn't wait for them.
//
//     {"do": "init", "baseUrl", "headers"?, "context"?, "options"?}   make the provider, wait until it is ready
//     {"do": "evaluate", "type": "boolean", "key", "default"}         the details of an evaluation
//     {"do": "keep"}                                                  have a localStorage from now on
//     {"do": "setContext", "context"}                                 and wait for what comes of it
//     {"do": "setHeaders", "headers"}                                 what requests carry from now on
//     {"do": "flip", "url", "method"?, "body"?, "headers"?, "key", "times"}
//         make that request so often; milliseconds from each until the provider tells that `key` has changed

import { createRequire } from 'node:module';
import { createInterface } from 'node:readline';
import { performance } from 'node:perf_hooks';
import path from 'node:path';
import process from 'node:process';

const [folder, hurry = '1'] = process.argv.slice(2);
const require = createRequire(path.join(folder, 'package.json'));
const listeners = new Set();
const say = (message) => process.stdout.write(`${JSON.stringify(message)}\n`);

const realTimeout = globalThis.setTimeout;
globalThis.setTimeout = (callback, ms, ...rest) =>
  realTimeout(callback, ms >= 1000 && ms <= 5000 ? ms / Number(hurry) : ms, ...rest);

const realFetch = globalThis.fetch;
globalThis.fetch = async (input, init) => {
  const request = new Request(input, init);
  const { pathname, searchParams } = new URL(request.url);
  const response = await realFetch(request, { signal: init?.signal });
  const made = {
    method: request.method,
    path: pathname,
    query: Object.fromEntries(searchParams),
    ifNoneMatch: request.headers.get('if-none-match'),
    lastEventId: request.headers.get('last-event-id'),
    status: response.status,
    etag: response.headers.get('etag'),
  };
  say({ request: made });
  return response;
};

globalThis.EventSource = require('eventsource').EventSource;
const { OpenFeature, ProviderEvents } = require('@openfeature/web-sdk');
const { OFREPWebProvider } = require('@openfeature/ofrep-web-provider');

let headers = {};
const client = OpenFeature.getClient();
for (const name of Object.values(ProviderEvents)) {
  OpenFeature.addHandler(name, (details) => {
    say({ event: name, flagsChanged: details?.flagsChanged ?? null, message: details?.message ?? null });
    for (const listener of listeners) listener(name, details?.flagsChanged ?? []);
  });
}

/** Milliseconds from a request of ours to the provider's word that the flag has changed. */
async function flip({ url, method = 'POST', body, headers: given = {}, key }) {
  const told = new Promise((resolve) => {
    const listener = (name, changed) => {
      if (name === ProviderEvents.ConfigurationChanged && changed.includes(key)) {
        listeners.delete(listener);
        resolve(performance.now());
      }
    };
    listeners.add(listener);
  });
  const started = performance.now();
  const answer = await realFetch(url, {
    method,
    headers: { 'content-type': 'application/json', ...given },
    body: body === undefined ? undefined : JSON.stringify(body),
  });
  if (!answer.ok) throw new Error(`${method} ${url}: ${answer.status} ${await answer.text()}`);
  await answer.arrayBuffer();
  return (await told) - started;
}

const commands = {
  async init({ baseUrl, headers: given = {}, context = {}, options = {} }) {
    headers = given;
    await OpenFeature.setContext(context);
    const headersFactory = () => Object.entries(headers);
    await OpenFeature.setProviderAndWait(new OFREPWebProvider({ baseUrl, headersFactory, ...options }));
    return client.providerStatus;
  },
  keep() {
    const kept = new Map();
    globalThis.localStorage = {
      getItem: (name) => kept.get(name) ?? null,
      setItem: (name, value) => void kept.set(name, value),
      removeItem: (name) => void kept.delete(name),
    };
  },
  evaluate({ type, key, default: fallback }) {
    return client[`get${type[0].toUpperCase()}${type.slice(1)}Details`](key, fallback);
  },
  async setContext({ context }) {
    await OpenFeature.setContext(context);
  },
  setHeaders({ headers: given }) {
    headers = given;
  },
  async flip({ times = 1, ...how }) {
    const measured = [];
    for (let count = 0; count < times; count++) measured.push(await flip(how));
    return measured;
  },
};

async function obey(line) {
  const { id, do: name, ...how } = JSON.parse(line);
  try {
    say({ id, result: (await commands[name](how)) ?? null });
  } catch (error) {
    say({ id, error: { name: error?.name ?? 'Error', message: String(error?.message ?? error) } });
  }
}

createInterface({ input: process.stdin }).on('line', obey).on('close', () => process.exit(0));
