import assert from 'node:assert/strict';
import { test } from 'node:test';

import { matcher } from '../../../static/client/patterns.js';
import { control, event, forbidden, settled } from './fakes.mjs';
import { given, live } from './given.mjs';

test('patterns match as the server does', () => {
  const cases = [
    ['demo/a', 'demo/a', true],
    ['demo/a', 'demo/a/b', false],
    ['demo/*', 'demo/a', true],
    ['demo/*', 'demo/a/b', false],
    ['demo/*', 'demo', false],
    ['demo/**', 'demo/a/b', true],
    ['demo/**', 'demo', false],
    ['*/orders', 'shop/orders', true],
    ['**', 'shop/orders/1', true],
    ['**', 'tricast/keys', false],
    ['*', 'tricast', false],
    ['*/*', 'tricastle/keys', true],
    ['tricast/**', 'tricast/keys', true],
    ['a.b/*', 'aXb/c', false],
    ['a+(b)/*', 'a+(b)/c', true],
  ];
  for (const [pattern, topic, wanted] of cases) assert.equal(matcher([pattern])(topic), wanted, `${pattern} ${topic}`);
  assert.equal(matcher(['x', 'demo/*', 'shop/**'])('shop/a/b'), true);
  assert.equal(matcher([])('shop'), false);
});

test('a listener gets what its own patterns match, once for each event', async () => {
  const { client, web } = await live();
  const seen = [];
  client.subscribe(['demo/a', 'demo/*'], (event) => seen.push(event.topic));
  web.last.event(11, { topic: 'demo/a' });
  web.last.event(12, { topic: 'demo/b' });
  web.last.event(13, { topic: 'demo/b/c' });
  assert.deepEqual(seen, ['demo/a', 'demo/b']);
});

test('subscribing on a live WebSocket is a command, and ready when it is answered', async () => {
  const { client, web } = await live();
  const { ready } = client.subscribe(['shop/orders', 'shop/bills']);
  let isReady = false;
  ready.then(() => (isReady = true));
  await settled();
  assert.deepEqual(web.last.last('subscribe').topics, ['shop/orders', 'shop/bills']);
  assert.equal(isReady, false);
  web.last.reply('subscribe', { topics: [], cursor: 'e-10' });
  await settled();
  assert.equal(isReady, true);
});

test('a topic that is there already is not asked for again', async () => {
  const { client, web } = await live();
  await client.subscribe('demo/**').ready;
  assert.equal(web.last.last('subscribe'), undefined);
});

test('unsubscribing tells the server when nobody is left', async () => {
  const { client, web } = await live();
  const first = client.subscribe('shop/a');
  const second = client.subscribe('shop/a');
  await settled();
  web.last.reply('subscribe');
  first.unsubscribe();
  first.unsubscribe();
  await settled();
  assert.equal(web.last.last('unsubscribe'), undefined);
  second.unsubscribe();
  await settled();
  assert.deepEqual(web.last.last('unsubscribe').topics, ['shop/a']);
});

test('on an event stream further topics come by handing over', async () => {
  const { client, net, told } = given({ transports: ['sse'], topics: 'demo/a' });
  await settled();
  const old = net.last.stream();
  old.say(control('hello', { cursor: 'e-1', heartbeat_s: 15, expires_in_s: null }));
  old.say(control('live', { cursor: 'e-1' }));
  await settled();
  let isReady = false;
  client.subscribe('demo/b').ready.then(() => (isReady = true));
  await settled();
  assert.deepEqual(net.last.url.searchParams.getAll('topic'), ['demo/a', 'demo/b']);
  assert.equal(net.last.url.searchParams.get('cursor'), 'e-1');
  const next = net.last.stream();
  old.say(event(2));
  await settled();
  assert.equal(isReady, false);
  next.say(control('hello', { heartbeat_s: 15, expires_in_s: null }));
  next.say(event(2));
  next.say(control('live', { cursor: 'e-2' }));
  await settled();
  assert.equal(isReady, true);
  assert.equal(net.open.length, 1);
  next.say(event(3, { topic: 'demo/b' }));
  await settled();
  assert.deepEqual(told.events, [2, 3]);
});

test('a topic that is refused is told and given up; the others go on', async () => {
  const { client, web, told, clock } = await live();
  const { ready } = client.subscribe('secret/a');
  await settled();
  web.last.refuse('subscribe', forbidden);
  await assert.rejects(ready, { code: 'forbidden', status: 403 });
  assert.deepEqual(told.errors.map(({ code }) => code), ['forbidden']);
  assert.equal(client.state, 'live');
  web.last.end();
  await clock.pass(1000);
  assert.deepEqual(web.last.url.searchParams.getAll('topic'), ['demo/**']);
});

test('a topic that is refused on a reconnect is given up too', async () => {
  const { client, web, clock } = await live();
  web.last.end();
  const { ready } = client.subscribe('secret/a');
  await clock.pass(1000);
  web.last.say(control('error', forbidden));
  web.last.end(4403);
  await assert.rejects(ready, { code: 'forbidden' });
  await settled();
  assert.equal(client.state, 'reconnecting');
  assert.deepEqual(web.last.url.searchParams.getAll('topic'), ['demo/**']);
});

test('what a listener throws reaches neither the next one nor the connection, but is not swallowed', async (context) => {
  const { client, web, told } = await live();
  const thrown = [];
  const real = globalThis.queueMicrotask;
  context.mock.method(globalThis, 'queueMicrotask', (call) =>
    real(() => {
      try {
        call();
      } catch (error) {
        thrown.push(error.message);
      }
    }),
  );
  client.subscribe('demo/a', () => {
    throw new Error('a bug of the app');
  });
  const seen = [];
  client.subscribe('demo/a', ({ data }) => seen.push(data));
  web.last.event(11);
  web.last.event(12);
  await settled();
  assert.deepEqual(seen, [11, 12]);
  assert.deepEqual(told.events, [11, 12]);
  assert.deepEqual(thrown, ['a bug of the app', 'a bug of the app']);
});

test('on returns the function that ends it, for that listener alone', async () => {
  const { client, web } = await live();
  const seen = [];
  const listener = ({ data }) => seen.push(data);
  const off = client.on('event', listener);
  client.on('event', listener);
  web.last.event(11);
  off();
  off();
  web.last.event(12);
  assert.deepEqual(seen, [11, 11, 12]);
});

// Iterators

test('an iterator has everything from the call on', async () => {
  const { client, web } = await live();
  const events = client.events('demo/a');
  web.last.event(11);
  web.last.event(12);
  const seen = [];
  setImmediate(() => web.last.event(13));
  for await (const { data } of events) {
    seen.push(data);
    if (data === 13) break;
  }
  assert.deepEqual(seen, [11, 12, 13]);
});

test('an iterator that is left unsubscribes', async () => {
  const { client, web } = await live({ topics: 'demo/x' });
  const events = client.events('demo/a');
  await settled();
  web.last.reply('subscribe');
  web.last.event(11);
  for await (const _ of events) break;
  await settled();
  assert.deepEqual(web.last.last('unsubscribe').topics, ['demo/a']);
});

test('an iterator that was never read can be returned', async () => {
  const { client, web } = await live({ topics: 'demo/x' });
  const events = client.events('demo/a');
  await settled();
  web.last.reply('subscribe');
  await events.return();
  await settled();
  assert.deepEqual(web.last.last('unsubscribe').topics, ['demo/a']);
  assert.deepEqual(await events.next(), { done: true, value: undefined });
});

async function read(iterator) {
  const seen = [];
  let error;
  try {
    for await (const { data } of iterator) seen.push(data);
  } catch (caught) {
    error = caught;
  }
  return { seen, error };
}

test('a full buffer is an error, after what was buffered', async () => {
  const { client, web } = await live();
  const events = client.events('demo/a', { buffer: 3 });
  for (let offset = 11; offset < 20; offset++) web.last.event(offset);
  const { seen, error } = await read(events);
  assert.deepEqual(seen, [11, 12, 13]);
  assert.equal(error.code, 'overflow');
});

for (const [overflow, wanted] of [
  ['drop-oldest', [17, 18, 19]],
  ['drop-newest', [11, 12, 13]],
]) {
  test(`with ${overflow} a full buffer keeps ${wanted}`, async () => {
    const { client, web } = await live();
    const events = client.events('demo/a', { buffer: 3, overflow });
    for (let offset = 11; offset < 20; offset++) web.last.event(offset);
    client.close();
    assert.deepEqual(await read(events), { seen: wanted, error: undefined });
  });
}

test('an iterator ends with the client, and throws when that fails', async () => {
  const one = await live();
  const ended = read(one.client.events('demo/a'));
  await settled();
  one.web.last.event(11);
  one.client.close();
  assert.deepEqual(await ended, { seen: [11], error: undefined });

  const other = await live();
  const failed = read(other.client.events('demo/a'));
  await settled();
  other.web.last.end(4403, 'no more');
  assert.equal((await failed).error.status, 403);
});

test('an iterator of a topic that is refused throws', async () => {
  const { client, web } = await live();
  const failed = read(client.events('secret/a'));
  await settled();
  web.last.refuse('subscribe', forbidden);
  assert.equal((await failed).error.code, 'forbidden');
});

test('100,000 rounds of subscribing and listening leave the heap where it was', async (context) => {
  if (!globalThis.gc) return context.skip('needs --expose-gc');
  const { client, web, clock } = await live();
  const round = async () => {
    const off = client.on('event', () => {});
    const { unsubscribe } = client.subscribe('demo/a', () => {});
    const events = client.events('demo/b');
    off();
    unsubscribe();
    await events.return();
  };
  const used = () => {
    gc();
    return process.memoryUsage().heapUsed;
  };
  for (let count = 0; count < 10_000; count++) await round();
  const before = used();
  for (let count = 0; count < 100_000; count++) await round();
  await settled();
  const grown = used() - before;
  assert.ok(grown < 1_000_000, `${grown} bytes more`);
  assert.equal(web.opened.length, 1);
  assert.ok(clock.waiting < 10);
});

test('the same holds while the server is away', async (context) => {
  if (!globalThis.gc) return context.skip('needs --expose-gc');
  const { client } = given();
  const used = () => {
    gc();
    return process.memoryUsage().heapUsed;
  };
  const round = async (count) => {
    client.subscribe(`demo/${count}`).unsubscribe();
    await null;
  };
  for (let count = 0; count < 1000; count++) await round(count);
  const before = used();
  for (let count = 0; count < 20_000; count++) await round(count);
  await settled();
  assert.ok(used() - before < 1_000_000);
});

// Event streams and polls, byte by byte

async function streaming() {
  const all = given({ transports: ['sse'] });
  await settled();
  const stream = all.net.last.stream();
  stream.say(control('hello', { cursor: 'e-1', heartbeat_s: 15, expires_in_s: null }));
  await settled();
  return { ...all, stream };
}

test('an event stream may be cut anywhere, and have comments, CRLF and split data', async () => {
  const { stream, told } = await streaming();
  const text = JSON.stringify(event(2, { data: 'grüß€ 👋' }));
  const bytes = new TextEncoder().encode(`: hello\r\n\r\nid: e-2\r\ndata: ${text}\r\n\r\n`);
  for (const byte of bytes) await stream.bytes(byte);
  const [a, b] = [text.slice(0, 1), text.slice(1)];
  stream.text(`data:${a}\ndata: ${b.replace('e-2', 'e-3')}\n\n`);
  await settled();
  assert.deepEqual(told.events, ['grüß€ 👋', 'grüß€ 👋']);
});

test('a retry: of the stream is honoured', async () => {
  const { stream, net, clock } = await streaming();
  stream.text('retry: 12000\n\n');
  stream.end();
  await clock.pass(11_999);
  assert.equal(net.asked.length, 1);
  await clock.pass(1);
  assert.equal(net.asked.length, 2);
});

test('the token goes in a header, never in the URL', async () => {
  const { net } = given({ transports: ['sse'], token: 'secret' });
  await settled();
  assert.equal(net.last.headers.Authorization, 'Bearer secret');
  assert.ok(!net.last.url.href.includes('secret'));
});

async function polling(options) {
  const all = given({ transports: ['poll'], ...options });
  await settled();
  return all;
}

test('the first polls do not wait: their answers are the replay; then it is live and waits', async () => {
  const { net, client, told } = await polling();
  assert.equal(net.last.url.searchParams.get('timeout'), '0');
  assert.equal(net.last.url.searchParams.get('cursor'), 'latest');
  net.last.answer(200, { cursor: 'e-5', events: [event(5)], reset: null });
  await settled();
  assert.equal(client.state, 'replaying');
  assert.equal(net.last.url.searchParams.get('timeout'), '0');
  assert.equal(net.last.url.searchParams.get('cursor'), 'e-5');
  net.last.answer(200, { cursor: 'e-7', events: [], reset: null });
  await settled();
  assert.equal(client.state, 'live');
  assert.equal(client.cursor, 'e-7');
  assert.equal(net.last.url.searchParams.get('timeout'), '25');
  net.last.answer(200, { cursor: 'e-9', events: [event(8), event(9)], reset: null });
  await settled();
  assert.deepEqual(told.events, [5, 8, 9]);
});

test('a reset in an answer is told', async () => {
  const { net, told, client } = await polling({ cursor: 'e-1' });
  net.last.answer(200, { cursor: 'e-50', events: [], reset: { reason: 'trimmed', cursor: 'e-50', oldest: 'e-40' } });
  await settled();
  assert.deepEqual(told.resets.map(({ reason }) => reason), ['trimmed']);
  assert.equal(client.cursor, 'e-50');
});

test('a poll whose answer does not come is dead 10 s after its time', async () => {
  const { net, client, clock } = await polling();
  net.last.answer(200, { cursor: 'e-5', events: [], reset: null });
  await clock.pass(34_999);
  assert.equal(client.state, 'live');
  await clock.pass(2);
  assert.equal(client.state, 'reconnecting');
});

test('polls that are answered at once with nothing are made once a second', async () => {
  const { net, clock } = await polling();
  net.last.answer(200, { cursor: 'e-5', events: [], reset: null });
  await settled();
  for (let count = 2; count < 6; count++) {
    assert.equal(net.asked.length, count);
    net.last.answer(200, { cursor: 'e-5', events: [], reset: null });
    await clock.pass(999);
    assert.equal(net.asked.length, count);
    await clock.pass(1);
  }
});

test('closing a client that polls ends the poll', async () => {
  const { net, client } = await polling();
  client.close();
  await settled();
  assert.equal(net.open.length, 0);
});
