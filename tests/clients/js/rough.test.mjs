// What comes from the network, from clocks and from applications is not always as it should be.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { control, event, forbidden, settled, storage, unavailable } from './fakes.mjs';
import { given, live } from './given.mjs';

const hello = (more = {}) => control('hello', { heartbeat_s: 15, expires_in_s: null, cursor: 'e-10', ...more });

async function streaming(options) {
  const all = given({ transports: ['sse'], ...options });
  await settled();
  const stream = all.net.last.stream();
  stream.say(hello());
  await settled();
  return { ...all, stream };
}

// Time

test('a clock that is put back does not hide a dead connection', async () => {
  const { client, clock } = await live();
  clock.jump(-60 * 60_000);
  await clock.pass(45_000);
  assert.equal(client.state, 'reconnecting');
  assert.equal(client.error.code, 'silent');
});

test('a clock that is put forward costs one connection, and no token', async () => {
  let asked = 0;
  const { client, clock, web } = await live({ token: () => `t${++asked}` });
  clock.jump(24 * 60 * 60_000);
  await clock.pass(6000);
  web.last.hello();
  assert.deepEqual([client.state, web.opened.length, asked], ['replaying', 2, 1]);
});

test('bytes that come before the hello do not put it off', async () => {
  const { net, clock } = given({ transports: ['sse', 'poll'] });
  await settled();
  const stream = net.last.stream();
  for (let second = 0; second < 9; second++) {
    stream.text(': one moment please\n\n');
    await clock.pass(1000);
  }
  assert.equal(net.last.url.searchParams.get('transport'), 'sse');
  await clock.pass(1001);
  assert.equal(net.last.url.searchParams.get('transport'), 'poll');
});

test('Retry-After may be a date', async () => {
  const { net, clock } = given({ transports: ['poll'] });
  await settled();
  net.last.problem(unavailable, { 'retry-after': new Date(clock.now() + 20_000).toUTCString() });
  await clock.pass(18_999);
  assert.equal(net.asked.length, 1);
  await clock.pass(1001);
  assert.equal(net.asked.length, 2);
});

test('a Retry-After that is longer than a timer can be is not over at once', async () => {
  const most = 2 ** 31 - 1;
  const real = (call, ms) => clock.setTimeout(call, ms > most ? 1 : ms);
  const { net, clock } = given({ transports: ['poll'], setTimeout: (call, ms) => real(call, ms) });
  await settled();
  net.last.problem(unavailable, { 'retry-after': '9999999' });
  await clock.pass(60_000);
  assert.equal(net.asked.length, 1);
});

// What comes

for (const text of ['null', '7', '[', '"x"', '{"type":"tricast.hello"}']) {
  test(`a WebSocket that says ${text} ends, and throws at nobody`, async () => {
    const { web, client } = given();
    await settled();
    web.last.onmessage({ data: text });
    assert.equal(client.state, 'reconnecting');
    assert.equal(client.counts.bytes >= 0, true);
  });
}

test('a message that is no text ends a WebSocket', async () => {
  const { web, client } = await live();
  web.last.onmessage({ data: new ArrayBuffer(4) });
  assert.equal(client.state, 'reconnecting');
  assert.ok(Number.isInteger(client.counts.bytes));
});

test('what a closed connection says late is not heard', async () => {
  const { web, told, clock, client } = await live();
  const [old] = web.opened;
  const { onmessage, onclose } = old;
  old.end();
  await clock.pass(1000);
  web.last.hello();
  web.last.live('e-10');
  onmessage({ data: JSON.stringify(event(99)) });
  onclose({ code: 4403, reason: '' });
  old.onerror?.({});
  assert.deepEqual([told.events, client.state, web.opened.length], [[], 'live', 2]);
});

for (const [name, end] of Object.entries({ LF: '\n', CRLF: '\r\n', CR: '\r' })) {
  test(`an event stream with ${name} may be cut anywhere`, async () => {
    const { stream, told } = await streaming();
    const blocks = [11, 12].map((offset) => `id: e-${offset}${end}data: ${JSON.stringify(event(offset, { data: 'ä€👋' }))}${end}${end}`);
    for (const byte of new TextEncoder().encode(`${blocks.join('')}: more${end}${end}`)) await stream.bytes(byte);
    await settled();
    assert.deepEqual(told.events, ['ä€👋', 'ä€👋']);
  });
}

test('an event without an end does not fill the memory', async () => {
  const { stream, client, net } = await streaming();
  const chunk = `data: ${'x'.repeat(2 ** 20)}`;
  for (let count = 0; count < 20 && client.state !== 'reconnecting'; count++) {
    stream.text(chunk);
    await settled();
  }
  assert.equal(client.state, 'reconnecting');
  assert.equal(client.error.code, 'protocol');
  assert.equal(net.open.length, 0);
});

test('a retry: holds also where the stream breaks without an end', async () => {
  const { stream, net, clock } = await streaming();
  stream.text('retry: 12000\n\n');
  await settled();
  stream.fail();
  await clock.pass(11_999);
  assert.equal(net.asked.length, 1);
  await clock.pass(1);
  assert.equal(net.asked.length, 2);
});

test('a goodbye ends the connection, also where nobody closes it', async () => {
  const { stream, client, clock, net } = await streaming();
  stream.say(control('goodbye', { reason: 'draining', reconnect_after_ms: 2000 }));
  await settled();
  assert.equal(client.state, 'reconnecting');
  await clock.pass(2000);
  assert.equal(net.asked.length, 2);
});

test('a page that says 200 to everything is no server', async () => {
  for (const transport of ['sse', 'poll']) {
    const { net, client } = given({ transports: [transport] });
    await settled();
    net.last.answer(200, { log: 'in' }, { 'content-type': 'text/html' });
    await settled();
    assert.deepEqual([client.state, client.error.code], ['reconnecting', 'protocol']);
    client.close();
  }
});

test('a poll whose answer is cut in the middle gives nothing, and is made again from the same cursor', async () => {
  const { net, clock, told } = given({ transports: ['poll'], cursor: 'e-1' });
  await settled();
  const body = JSON.stringify({ cursor: 'e-3', events: [event(2), event(3)], reset: null });
  const half = net.last.stream({ 'content-type': 'application/json' });
  half.text(body.slice(0, 90));
  half.end();
  await clock.pass(1000);
  assert.deepEqual(told.events, []);
  assert.equal(net.last.url.searchParams.get('cursor'), 'e-1');
  const whole = net.last.stream({ 'content-type': 'application/json' });
  for (const part of [body.slice(0, 50), body.slice(50)]) whole.text(part);
  whole.end();
  await settled();
  assert.deepEqual(told.events, [2, 3]);
});

test('where answers can not be streamed there is long-poll', async () => {
  const { net, clock, told } = given({ transports: ['sse', 'poll'], cursor: 'e-1' });
  await settled();
  const bodyless = (headers, text) => ({ ok: true, status: 200, headers: new Headers(headers), text: async () => text });
  net.last.resolve(bodyless({ 'content-type': 'text/event-stream' }, new Promise(() => {})));
  await clock.pass(10_001);
  assert.equal(net.last.url.searchParams.get('transport'), 'poll');
  const body = JSON.stringify({ cursor: 'e-2', events: [event(2)], reset: null });
  net.last.resolve(bodyless({ 'content-type': 'application/json' }, body));
  await settled();
  assert.deepEqual(told.events, [2]);
});

test('a poll whose answer is long on the way is not dead', async () => {
  const { net, clock, client } = given({ transports: ['poll'], cursor: 'e-1' });
  await settled();
  const slow = net.last.stream({ 'content-type': 'application/json' });
  slow.text('{"cursor": "e-1", "events": [], "reset": null');
  for (let second = 0; second < 60; second++) {
    await clock.pass(1000);
    slow.text(' ');
    await settled();
  }
  slow.text('}');
  slow.end();
  await settled();
  assert.equal(client.state, 'live');
});

test('an answer that something keeps and gives again and again is asked for once a second', async () => {
  const { net, clock, told, client } = given({ transports: ['poll'], cursor: 'e-1' });
  await settled();
  const kept = { cursor: 'e-2', events: [event(2)], reset: null };
  const before = clock.now();
  for (let count = 0; count < 20 && clock.now() - before < 5000; count++) {
    if (net.open.length) net.last.answer(200, kept);
    await clock.pass(100);
  }
  assert.ok(net.asked.length < 8, `${net.asked.length} polls in 2 s`);
  assert.deepEqual(told.events, [2]);
  client.close();
  await settled();
  assert.equal(clock.waiting, 0);
});

// Secrets

test('no token stands in an error', async () => {
  class Refusing {
    constructor(url) {
      throw new SyntaxError(`The URL '${url}' is invalid`);
    }
  }
  const { client } = given({ WebSocket: Refusing, token: 'tck_secret', transports: ['websocket'] });
  await settled();
  assert.equal(client.state, 'reconnecting');
  const { inspect } = await import('node:util');
  assert.ok(!inspect(client.error, { depth: 9 }).includes('tck_secret'));
  assert.match(client.error.detail, /SyntaxError/);
  client.close();
});

test('a refused token is dropped, and none that came since', async () => {
  let asked = 0;
  const { client, net } = given({ topics: undefined, token: () => `t${++asked}` });
  for (const number of [1, 2, 3]) client.publish('demo/a', number).catch(() => {});
  await settled();
  for (const request of net.open) request.problem({ type: '/problems/unauthorized', status: 401 });
  await settled();
  assert.equal(asked, 2);
  assert.deepEqual(net.open.map(({ headers }) => headers.Authorization), Array(3).fill('Bearer t2'));
  client.close();
});

// Applications

test('a url without a scheme is refused by name', () => {
  for (const url of ['localhost:8080', 'ftp://hub.example', 'hub.example:80/x']) {
    assert.throws(() => given({ url }), { code: 'bad-request', field: 'url' });
  }
});

test("a url's query and password go nowhere", async () => {
  const { net, client } = given({ url: 'https://user:pass@hub.example/realtime/?x=1#y', transports: ['poll'] });
  await settled();
  assert.match(net.last.url.href, /^https:\/\/hub\.example\/realtime\/v1\/events\?topic=/);
  client.close();
});

test('who subscribes while an event is given gets the next one', async () => {
  const { client, web } = await live();
  const seen = [];
  const again = ({ data }) => {
    seen.push(data);
    client.subscribe('demo/a', again);
  };
  client.subscribe('demo/a', again);
  web.last.event(11);
  web.last.event(12);
  assert.deepEqual(seen, [11, 12, 12]);
});

test('who unsubscribes while an event is given gets it no more', async () => {
  const { client, web } = await live();
  const seen = [];
  const offs = [];
  client.subscribe('demo/a', () => offs.forEach((off) => off()));
  offs.push(client.subscribe('demo/a', () => seen.push('subscribed')).unsubscribe);
  client.on('event', () => offs[1]());
  offs.push(client.on('event', () => seen.push('listens')));
  web.last.event(11);
  assert.deepEqual(seen, []);
});

test('an event is in the cursor when it is given', async () => {
  const { client, web } = await live();
  const seen = [];
  client.on('event', ({ cursor }) => seen.push([cursor, client.cursor]));
  web.last.event(11);
  assert.deepEqual(seen, [['e-11', 'e-11']]);
});

test('a loop that is left by an error unsubscribes', async () => {
  const { client, web } = await live({ topics: 'demo/x' });
  const events = client.events('demo/a');
  await settled();
  web.last.reply('subscribe', { cursor: 'e-10' });
  web.last.event(11);
  const loop = async () => {
    for await (const { data } of events) throw new Error(`no ${data}`);
  };
  await assert.rejects(loop, /no 11/);
  await settled();
  assert.deepEqual(web.last.last('unsubscribe').topics, ['demo/a']);
});

test('presence without the right to it is told, and the topics go on', async () => {
  const { client, web, told, clock } = await live();
  client.presence('demo/room');
  await settled();
  assert.deepEqual(web.last.last('subscribe').topics, ['demo/room']);
  web.last.refuse('subscribe', forbidden);
  await settled();
  assert.deepEqual(told.errors.map(({ code }) => code), ['forbidden']);
  web.last.end();
  await clock.pass(1000);
  assert.equal(client.state, 'reconnecting');
  web.last.hello();
  web.last.event(11);
  assert.deepEqual(told.events, [11]);
});

test('presence of a topic that is there already is refused alone', async () => {
  const { client, web, told } = await live({ topics: 'demo/room' });
  client.presence('demo/room');
  await settled();
  web.last.refuse('subscribe', forbidden);
  await settled();
  assert.deepEqual(told.errors.map(({ code }) => code), ['forbidden']);
  assert.equal(web.last.sent.filter(({ op }) => op === 'subscribe').length, 1);
  web.last.event(11, { topic: 'demo/room' });
  assert.deepEqual(told.events, [11]);
});

test("what a presence says and the server refuses is not said again with every connection", async () => {
  const { client, web, clock } = await live();
  const room = client.presence('demo/a');
  await settled();
  web.last.reply('subscribe', { cursor: 'e-10' });
  const set = room.set({ far: 'too much' });
  await settled();
  web.last.refuse('presence', { type: '/problems/too-large', status: 413 });
  await assert.rejects(set, { code: 'too-large' });
  web.last.end();
  await clock.pass(1000);
  web.last.hello();
  web.last.live('e-10');
  await settled();
  assert.equal(web.last.last('presence'), undefined);
});

test('a presence that is refused after a reconnect is told', async () => {
  const { client, web, clock, told } = await live();
  const room = client.presence('demo/a');
  room.set().catch(() => {});
  await settled();
  web.last.reply('subscribe', { cursor: 'e-10' });
  web.last.reply('presence');
  web.last.end();
  await clock.pass(1000);
  web.last.hello();
  web.last.live('e-10');
  await settled();
  web.last.refuse('presence', forbidden);
  await clock.pass(30_000);
  assert.deepEqual(told.errors.map(({ code }) => code), ['forbidden']);
});

test('flags that are refused are told', async () => {
  const { client, net, clock, told } = await live();
  client.flags('demo', 'production');
  await clock.pass(50);
  net.last.problem(forbidden);
  await settled();
  assert.deepEqual(told.errors.map(({ code }) => code), ['forbidden']);
});

test('a flag has no value by the name of what every object has', async () => {
  const { client } = await live();
  const flags = client.flags('demo', 'production');
  assert.equal(flags.get('constructor'), undefined);
  client.close();
});

// Closing

test('after close nothing waits, whatever was under way', async () => {
  const kept = storage();
  const { client, web, net, clock } = await live({ storage: kept });
  const flags = client.flags('demo', 'production');
  const room = client.presence('demo/room');
  await settled();
  web.last.reply('subscribe', { cursor: 'e-10' });
  room.set().catch(() => {});
  const publishing = client.publish('demo/a', 1);
  const posting = client.publish('demo/a', 'x'.repeat(100_000));
  const ends = Promise.all([
    assert.rejects(publishing, { code: 'closed' }),
    assert.rejects(posting, { code: 'closed' }),
  ]);
  await clock.pass(50);
  client.close();
  client.close();
  await ends;
  await settled();
  assert.equal(net.open.length, 0);
  assert.equal(clock.waiting, 0);
  flags.close();
});

test('a publish that waits for its next attempt ends with the client', async () => {
  const { client, net, clock } = given({ topics: undefined });
  const published = assert.rejects(client.publish('demo/a', 1), { code: 'closed' });
  await settled();
  net.last.problem(unavailable, { 'retry-after': '20' });
  await settled();
  client.close();
  await published;
  assert.equal(clock.waiting, 0);
});

test('a request that hangs ends with the time that there is for it', async () => {
  const { client, net, clock } = given({ topics: undefined });
  const published = assert.rejects(client.publish('demo/a', 1, { timeoutMs: 5000 }), { code: 'timeout' });
  await clock.pass(5000);
  await published;
  assert.equal(net.open.length, 0);
  client.close();
});

test('a goodbye to presence may take a second', async () => {
  const { client, net, clock } = await streaming({ topics: 'shop/room' });
  const room = client.presence('shop/room');
  await settled();
  const next = net.last.stream();
  next.say(hello({ connection: 'c7' }));
  next.say(control('live', { cursor: 'e-10' }));
  await settled();
  const set = room.set();
  await settled();
  net.last.answer(200, { topic: 'shop/room', member: {}, expires_in_s: null });
  await set;
  client.close();
  await settled();
  assert.deepEqual(net.open.map(({ body }) => body), [{ topic: 'shop/room', leave: true, connection: 'c7' }]);
  await clock.pass(1000);
  assert.deepEqual([net.open.length, clock.waiting], [0, 0]);
});

test('what is begun after close says so, or ends', async () => {
  const { client, net, clock, web } = await live();
  client.close();
  await assert.rejects(client.subscribe('demo/a').ready, { code: 'closed' });
  assert.deepEqual(await client.events('demo/a').next(), { done: true, value: undefined });
  const flags = client.flags('demo', 'production');
  client.presence('demo/room').set().catch(() => {});
  client.auth('new');
  await clock.pass(60_000);
  assert.deepEqual([net.asked.length, web.opened.length, clock.waiting], [0, 1, 0]);
  assert.equal(flags.stale, true);
});

test('subscribing after a failure is refused with it', async () => {
  const { client, web } = await live();
  web.last.end(4403, 'no more');
  await assert.rejects(client.subscribe('demo/b').ready, { status: 403 });
});

test('a listener that closes the client ends everything at once', async () => {
  for (const name of ['state', 'status', 'event']) {
    const { client, web, clock, net } = await live();
    client.on(name, () => client.close());
    web.last.event(11);
    web.last.end();
    await clock.pass(60_000);
    assert.deepEqual([client.state, web.open.length, net.open.length, clock.waiting], ['closed', 0, 0, 0], name);
  }
});

test('many who publish at once are no leak', async (context) => {
  const warnings = [];
  const warn = (warning) => warnings.push(warning.name);
  process.on('warning', warn);
  context.after(() => process.off('warning', warn));
  const { client } = await live();
  for (let count = 0; count < 40; count++) client.publish('demo/a', count).catch(() => {});
  await settled();
  client.close();
  await settled();
  assert.deepEqual(warnings, []);
});
