// Programs end when their client is closed, also where the other end answers nothing any more.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:http';
import process from 'node:process';
import { test } from 'node:test';

import { block, control } from './fakes.mjs';

const HELLO = control('hello', { cursor: 'e-1', heartbeat_s: 60, expires_in_s: null, connection: 'c1' });
const LIVE = control('live', { cursor: 'e-1' });

/** A server that says hello, and then nothing any more: not to a Close, not to a request. */
async function mute() {
  const sockets = new Set();
  const server = createServer({ keepAlive: false }, (request, response) => {
    const { searchParams } = new URL(request.url, 'http://x');
    if (searchParams.get('transport') === 'sse') {
      response.writeHead(200, { 'content-type': 'text/event-stream' });
      response.write(block(HELLO) + block(LIVE));
    } else if (searchParams.get('timeout') === '0') {
      response.writeHead(200, { 'content-type': 'application/json' });
      response.end('{"cursor": "e-1", "events": [], "reset": null}');
    }
  });
  server.on('upgrade', (request, socket) => {
    const key = `${request.headers['sec-websocket-key']}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`;
    const accept = createHash('sha1').update(key).digest('base64');
    const head = `Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Protocol: tricast.v1\r\nSec-WebSocket-Accept: ${accept}`;
    socket.write(`HTTP/1.1 101 Switching Protocols\r\n${head}\r\n\r\n`);
    for (const message of [HELLO, LIVE]) {
      const text = Buffer.from(JSON.stringify(message));
      socket.write(Buffer.concat([Buffer.from([0x81, 126, text.length >> 8, text.length & 255]), text]));
    }
    socket.on('error', () => {});
  });
  server.on('connection', (socket) => sockets.add(socket));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const close = () => {
    for (const socket of sockets) socket.destroy();
    server.close();
  };
  return { url: `http://127.0.0.1:${server.address().port}`, close };
}

const PROGRAM = `
import { connect } from '${new URL('../../../static/client/index.js', import.meta.url)}';
import { webSocket } from '${new URL('node.mjs', import.meta.url)}';
const [url, transport, what] = process.argv.slice(1);
const client = connect({ url, transports: [transport], WebSocket: webSocket(), topics: 'demo/a' });
const end = () => {
  client.close();
  console.log('closed');
};
client.on('state', async (state) => {
  if (state !== 'live') return;
  if (what === 'publish') client.publish('demo/b', 'x'.repeat(100_000)).catch(() => {});
  if (what === 'flags') client.flags('demo', 'production');
  if (what === 'presence') client.presence('demo/a').set().catch(() => {});
  if (what === 'many') {
    const events = client.events('demo/a');
    events.next();
    client.subscribe('demo/c').ready.catch(() => {});
  }
  setTimeout(end, 100);
});
if (what === 'connecting') setTimeout(end, 100);
`;

/** How long the program goes on after it has closed its client, in ms. */
async function lingers(...how) {
  const child = spawn(process.execPath, ['--input-type=module', '-e', PROGRAM, ...how], { stdio: ['ignore', 'pipe', 'inherit'] });
  let closedAt;
  child.stdout.on('data', () => (closedAt = Date.now()));
  const [code] = await once(child, 'exit');
  assert.equal(code, 0);
  return Date.now() - closedAt;
}

// (What waits for anything waits for 3 s at the least, and `ws` for 30.)
const AT_ONCE = 1500;

test('a program ends at once when its client is closed', { concurrency: true }, async (context) => {
  const server = await mute();
  const cases = [
    ['websocket', 'nothing'],
    ['websocket', 'publish'],
    ['websocket', 'presence'],
    ['sse', 'flags'],
    ['sse', 'many'],
    ['poll', 'publish'],
    ['poll', 'presence'],
  ];
  const found = await Promise.all(cases.map(([transport, what]) => lingers(server.url, transport, what)));
  context.after(server.close);
  cases.forEach(([transport, what], index) => {
    // (a second is what a presence may take to say goodbye)
    const most = AT_ONCE + (what === 'presence' ? 1000 : 0);
    assert.ok(found[index] < most, `${transport} ${what}: ${found[index]} ms`);
  });
});

test('also where it never came to a connection', async (context) => {
  const silent = createServer(() => {}).on('upgrade', () => {});
  silent.listen(0, '127.0.0.1');
  await once(silent, 'listening');
  context.after(() => (silent.closeAllConnections(), silent.close()));
  const url = `http://127.0.0.1:${silent.address().port}`;
  const found = await Promise.all(['websocket', 'sse', 'poll'].map((transport) => lingers(url, transport, 'connecting')));
  for (const ms of found) assert.ok(ms < AT_ONCE, `${found} ms`);
});
