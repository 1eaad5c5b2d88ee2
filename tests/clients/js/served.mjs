// A real server: $TRICAST_URL is open (`--dev`, quick heartbeats), $TRICAST_GUARDED_URL asks for credentials, of which
// $TRICAST_KEY may mint tokens. $TRICAST_SERVE is the command that starts another one, as JSON.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import process from 'node:process';

import { connect } from '../../../static/client/index.js';
import { newId } from '../../../static/client/wire.js';
import { webSocket } from './node.mjs';

export const url = process.env.TRICAST_URL;
export const guarded = process.env.TRICAST_GUARDED_URL;
export const WebSocket = webSocket();
export const skip = !url;
export const TRANSPORTS = ['websocket', 'sse', 'poll'];

export const name = () => `js-${newId()}`;

/** A client on one transport that is closed when the test ends. */
export function client(context, transport, options) {
  const it = connect({ url, WebSocket, transports: [transport], ...options });
  context.after(() => it.close());
  return it;
}

/** Done when `holds()` does, looked at whenever something happens. */
export function until(it, holds) {
  return new Promise((resolve) => {
    const offs = [];
    const look = () => {
      if (!holds()) return;
      for (const off of offs) off();
      resolve();
    };
    for (const what of ['event', 'status', 'reset', 'error']) offs.push(it.on(what, () => queueMicrotask(look)));
    look();
  });
}

export const isLive = (it) => until(it, () => it.state === 'live');

const JSON_HEADERS = { 'Content-Type': 'application/json' };

/** What the server says to JSON; it must be a success. */
export async function ask(path, body, { at = url, method = 'POST', headers = {} } = {}) {
  const answer = await fetch(at + path, { method, headers: { ...JSON_HEADERS, ...headers }, body: body && JSON.stringify(body) });
  const text = await answer.text();
  assert.ok(answer.ok, `${method} ${path}: ${answer.status} ${text}`);
  return text && answer.headers.get('content-type').includes('json') ? JSON.parse(text) : text;
}

/** `count` events in batches, by nobody in particular. */
export async function publish(topic, count, first = 0) {
  const events = Array.from({ length: count }, (_, index) => ({ topic, data: first + index }));
  while (events.length) await ask('/v1/events', events.splice(0, 500));
}

/** A token for the guarded server. */
export async function mint(subject, app, more = {}) {
  const wanted = { subject, subscribe: [`${app}/**`], publish: [`${app}/**`], ttl_s: 600, ...more };
  const headers = { Authorization: `Bearer ${process.env.TRICAST_KEY}` };
  return (await ask('/v1/tokens', wanted, { at: guarded, headers })).token;
}

/** A server of this test's own, which can be stopped and started again where it was. */
export async function start(context) {
  const folder = await mkdtemp(path.join(tmpdir(), 'tricast-js-'));
  const [program, ...given] = JSON.parse(process.env.TRICAST_SERVE);
  let child;
  const server = {
    url: undefined,
    async start() {
      const port = server.url ? new URL(server.url).port : '0';
      const env = Object.fromEntries(Object.entries(process.env).filter(([key]) => !key.startsWith('TRICAST_')));
      const how = { stdio: ['ignore', 'pipe', 'inherit'], cwd: folder, env };
      child = spawn(program, [...given, '--data', folder, '--port', port], how);
      let said = '';
      await new Promise((resolve, reject) => {
        child.on('exit', (code) => reject(new Error(`the server ended: ${code}`)));
        child.stdout.on('data', (piece) => {
          said += piece;
          server.url = /http:\/\/[\d.]+:\d+/.exec(said)?.[0];
          if (server.url) resolve();
        });
      });
    },
    async stop() {
      child.kill('SIGKILL');
      if (child.exitCode === null && child.signalCode === null) await once(child, 'exit');
    },
  };
  context.after(async () => {
    await server.stop();
    await rm(folder, { recursive: true });
  });
  await server.start();
  return server;
}
