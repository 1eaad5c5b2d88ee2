import assert from 'node:assert/strict';
import { test } from 'node:test';

import { control, event, forbidden, settled, storage, unauthorized, unavailable } from './fakes.mjs';
import { given, live } from './given.mjs';

const MINUTE = 60_000;

test('it connects by WebSocket with the sub-protocol, its topics and its cursor', async () => {
  const { web, client } = given({ topics: ['demo/**', 'shop/orders'], cursor: '10m', token: 'abc' });
  await settled();
  assert.equal(web.opened.length, 1);
  const { url, protocols } = web.last;
  assert.equal(url.origin + url.pathname, 'wss://hub.example/v1/events');
  assert.deepEqual(url.searchParams.getAll('topic'), ['demo/**', 'shop/orders']);
  assert.equal(url.searchParams.get('cursor'), '10m');
  assert.equal(url.searchParams.get('token'), 'abc');
  assert.deepEqual(protocols, ['tricast.v1']);
  client.close();
});

test('a url with a path is kept: the hub is mounted below it', async () => {
  const { web } = given({ url: 'http://hub.example/realtime/' });
  await settled();
  assert.equal(web.last.url.href.split('?')[0], 'ws://hub.example/realtime/v1/events');
});

test('options that can not work are refused by name', () => {
  const refused = (field) => ({ name: 'TricastError', code: 'bad-request', field });
  assert.throws(() => given({ url: 'hub.example' }), refused('url'));
  assert.throws(() => given({ url: undefined }), refused('url'));
  assert.throws(() => given({ transports: ['carrier-pigeon'] }), refused('transports'));
  assert.throws(() => given({ transports: ['websocket'], WebSocket: null }), refused('transports'));
});

test('nothing is connected without topics; the first subscription does it', async () => {
  const { web, client } = given({ topics: undefined });
  await settled();
  assert.equal(web.opened.length, 0);
  client.subscribe('demo/a');
  await settled();
  assert.equal(web.opened.length, 1);
});

test('the states are connecting, replaying, live, reconnecting, closed', async () => {
  const { client, web, told, clock } = given();
  assert.equal(client.state, 'connecting');
  await settled();
  web.last.hello();
  web.last.live('e-1');
  web.last.end();
  assert.equal(client.state, 'reconnecting');
  await clock.pass(1000);
  web.last.hello();
  web.last.live('e-1');
  client.close();
  assert.deepEqual(told.states, ['replaying', 'live', 'reconnecting', 'replaying', 'live', 'closed']);
  assert.equal(client.counts.reconnects, 1);
});

test('it comes back at the cursor of the last event', async () => {
  const { web, clock } = await live();
  web.last.event(11);
  web.last.event(12);
  web.last.end();
  await clock.pass(1000);
  assert.equal(web.last.url.searchParams.get('cursor'), 'e-12');
});

test('it comes back at the cursor of the last heartbeat, if that is later', async () => {
  const { web, clock } = await live();
  web.last.event(11);
  web.last.say(control('heartbeat', { cursor: 'f-900' }));
  web.last.end();
  await clock.pass(1000);
  assert.equal(web.last.url.searchParams.get('cursor'), 'f-900');
});

test('an event that was given is not given again', async () => {
  const { web, told, client } = await live();
  for (const offset of [11, 12, 11, 12, 13]) web.last.event(offset);
  assert.deepEqual(told.events, [11, 12, 13]);
  assert.equal(client.counts.duplicates, 2);
});

test('ephemeral events have no cursor and are all given', async () => {
  const { web, told } = await live();
  web.last.event(null, { data: 'a' });
  web.last.event(null, { data: 'a' });
  assert.deepEqual(told.events, ['a', 'a']);
});

test('a reset is told, and it goes on from there, also if the log is shorter now', async () => {
  const { web, told, clock, client } = await live();
  web.last.event(500);
  web.last.end();
  await clock.pass(1000);
  web.last.hello();
  web.last.say(control('reset', { reason: 'epoch', cursor: 'z-20', oldest: 'z-1' }));
  web.last.event(21, { cursor: 'z-21' });
  assert.deepEqual(told.resets, [{ reason: 'epoch', cursor: 'z-20', oldest: 'z-1' }]);
  assert.deepEqual(told.events, [500, 21]);
  assert.equal(client.cursor, 'z-21');
  assert.equal(client.counts.resets, 1);
});

test('waiting grows with full jitter from 1 s to 30 s', async () => {
  const { web, clock } = given({ transports: ['websocket'] });
  await settled();
  for (const wait of [1000, 2000, 4000, 8000, 16000, 30000, 30000]) {
    const before = web.opened.length;
    web.last.end();
    // (a transport that fails three times makes room for the next, here itself, at no extra wait)
    await clock.pass(wait - 1);
    assert.equal(web.opened.length, before, `not before ${wait} ms`);
    await clock.pass(1);
    assert.equal(web.opened.length, before + 1);
  }
});

test('waiting is random', async () => {
  const { web, clock } = given({ random: () => 0.25 });
  await settled();
  web.last.end();
  await clock.pass(249);
  assert.equal(web.opened.length, 1);
  await clock.pass(1);
  assert.equal(web.opened.length, 2);
});

test('after 60 s of connection the first wait is short again', async () => {
  const { web, clock } = given({ transports: ['websocket'] });
  await settled();
  for (let round = 0; round < 4; round++) {
    web.last.end();
    await clock.pass(1000 * 2 ** round);
  }
  web.last.hello();
  for (let beat = 0; beat < 5; beat++) {
    await clock.pass(15_000);
    web.last.say(control('heartbeat', { cursor: 'e-1' }));
  }
  web.last.end();
  const before = web.opened.length;
  await clock.pass(1000);
  assert.equal(web.opened.length, before + 1);
});

test('a goodbye says when to come back', async () => {
  const { web, clock, client } = await live();
  web.last.say(control('goodbye', { reason: 'draining', reconnect_after_ms: 7000 }));
  web.last.end(4503);
  assert.equal(client.state, 'reconnecting');
  assert.equal(client.error.code, 'draining');
  await clock.pass(6999);
  assert.equal(web.opened.length, 1);
  await clock.pass(1);
  assert.equal(web.opened.length, 2);
});

test('Retry-After says when to come back', async () => {
  const { net, clock } = given({ transports: ['poll'] });
  await settled();
  net.last.problem({ ...unavailable }, { 'retry-after': '9' });
  await clock.pass(8999);
  assert.equal(net.asked.length, 1);
  await clock.pass(1);
  assert.equal(net.asked.length, 2);
});

test('a refusal that is busy, not wrong, is retried and blames no transport', async () => {
  const { web, clock, client } = given();
  await settled();
  for (let round = 0; round < 5; round++) {
    web.last.say(control('error', { type: '/problems/too-many-requests', status: 429, detail: 'slow down' }));
    web.last.end(4529);
    assert.equal(client.state, 'reconnecting');
    await clock.pass(1000 * 2 ** round);
  }
  assert.equal(web.opened.length, 6);
});

for (const code of [4400, 4403, 4413, 1003, 1007, 1008, 1009, 1010]) {
  test(`a Close with ${code} is final: it fails and stays so`, async () => {
    const { web, clock, client } = await live();
    web.last.end(code, 'why');
    assert.equal(client.state, 'failed');
    assert.match(client.error.detail, /why/);
    await clock.pass(10 * MINUTE);
    assert.equal(web.opened.length, 1);
    assert.equal(clock.waiting, 0);
  });
}

for (const code of [1000, 1001, 1002, 1006, 1011, 1012, 4500, 4503, 4529]) {
  test(`after a Close with ${code} it comes back`, async () => {
    const { web, clock } = await live();
    web.last.end(code);
    await clock.pass(1000);
    assert.equal(web.opened.length, 2);
  });
}

test('a bad request fails with the problem, its field included', async () => {
  const { web, client } = given();
  await settled();
  web.last.say(control('error', { type: '/problems/bad-request', status: 400, detail: 'no such topic', field: 'topic' }));
  web.last.end(4400);
  assert.deepEqual([client.state, client.error.code, client.error.field], ['failed', 'bad-request', 'topic']);
});

test('auth goes on after a failure', async () => {
  const { web, client } = await live({ token: 'old' });
  web.last.end(4403);
  assert.equal(client.state, 'failed');
  client.auth('new');
  await settled();
  assert.equal(web.opened.length, 2);
  assert.equal(web.last.url.searchParams.get('token'), 'new');
  assert.equal(web.last.url.searchParams.get('cursor'), 'e-10');
  web.last.hello();
  assert.equal(client.state, 'replaying');
});

test('close ends it: no socket, no timer, no request stays', async () => {
  const { web, client, clock, told } = await live();
  client.close();
  assert.equal(web.open.length, 0);
  assert.equal(clock.waiting, 0);
  await clock.pass(MINUTE);
  assert.equal(web.opened.length, 1);
  assert.equal(told.states.at(-1), 'closed');
});

// Silence

test('silence for 2.5 heartbeats is a dead connection', async () => {
  const { web, clock, client } = await live();
  await clock.pass(37_000);
  assert.equal(client.state, 'live');
  await clock.pass(1000);
  assert.equal(client.state, 'reconnecting');
  assert.equal(client.error.code, 'silent');
  assert.equal(web.opened[0].isClosed, true);
  await clock.pass(1000);
  assert.equal(web.opened.length, 2);
});

test('any message is a sign of life', async () => {
  const { web, clock, client } = await live();
  for (let offset = 11; offset < 20; offset++) {
    await clock.pass(30_000);
    web.last.event(offset);
  }
  assert.equal(client.state, 'live');
});

test('a machine that slept looks for a new connection soon after', async () => {
  const { web, clock } = await live();
  clock.sleep(8 * 60 * MINUTE);
  await clock.pass(4000);
  await clock.pass(1000);
  assert.equal(web.opened.length, 2);
});

test('offline is told at once, and online connects at once', async () => {
  const events = new EventTarget();
  const { web, clock, client, told } = await live({ events });
  events.dispatchEvent(new Event('offline'));
  assert.equal(client.state, 'offline');
  await clock.pass(1000);
  const before = web.opened.length;
  web.last.end();
  events.dispatchEvent(new Event('online'));
  await settled();
  assert.equal(web.opened.length, before + 1);
  assert.equal(client.state, 'reconnecting');
  web.last.hello();
  web.last.live('e-10');
  assert.equal(client.state, 'live');
  assert.ok(!told.states.includes('failed'));
});

test('being offline blames no transport', async () => {
  const events = new EventTarget();
  const { web, clock, net } = await live({ events });
  events.dispatchEvent(new Event('offline'));
  for (let round = 0; round < 6; round++) {
    await clock.pass(30_000);
    web.last.end();
  }
  assert.equal(net.asked.length, 0);
});

test('after close, online and offline mean nothing', async () => {
  const events = new EventTarget();
  const { web, client } = await live({ events });
  client.close();
  events.dispatchEvent(new Event('offline'));
  events.dispatchEvent(new Event('online'));
  await settled();
  assert.equal(web.opened.length, 1);
  assert.equal(client.state, 'closed');
});

// Falling back

test('after three failures without a hello the next transport is taken', async () => {
  const { web, net, clock } = given();
  await settled();
  for (let round = 0; round < 3; round++) {
    assert.equal(net.asked.length, 0);
    web.last.end();
    await clock.pass(round < 2 ? 4000 : 0);
  }
  assert.equal(net.asked.length, 1);
  assert.equal(net.last.headers.Accept, 'text/event-stream');
});

test('a transport that opens and says nothing for 10 s is left at once', async () => {
  const { web, net, clock } = given();
  await clock.pass(9_999);
  assert.equal(web.open.length, 1);
  await clock.pass(2);
  assert.equal(web.open.length, 0);
  assert.equal(net.last.url.searchParams.get('transport'), 'sse');
  net.last.stream();
  await clock.pass(10_001);
  assert.equal(net.last.url.searchParams.get('transport'), 'poll');
});

test('when all are blocked it goes round them and never fails', async () => {
  const { web, net, clock, client } = given();
  const seen = new Set();
  for (let round = 0; round < 40; round++) {
    await clock.pass(31_000);
    if (web.open.length) {
      seen.add('websocket');
      web.last.end();
    } else if (net.open.length) {
      seen.add(net.last.url.searchParams.get('transport'));
      net.last.fail();
    }
    await settled();
    assert.notEqual(client.state, 'failed');
  }
  assert.deepEqual([...seen].sort(), ['poll', 'sse', 'websocket']);
  assert.equal(client.state, 'reconnecting');
});

test("a proxy's 403 or 404 is no refusal of the server", async () => {
  const { net, clock, client } = given({ transports: ['sse', 'poll'] });
  await settled();
  net.last.answer(404, { not: 'ours' }, { 'content-type': 'text/html' });
  await settled();
  assert.equal(client.state, 'reconnecting');
  await clock.pass(1000);
  assert.equal(net.asked.length, 2);
});

test('what worked is remembered for the origin', async () => {
  const kept = storage();
  const first = given({ storage: kept, transports: ['sse', 'poll'] });
  await settled();
  first.net.last.stream().say(control('hello', { heartbeat_s: 15, expires_in_s: null }));
  await settled();
  assert.equal(kept.map.get('tricast:https://hub.example'), 'sse');
  first.client.close();
  const second = given({ storage: kept });
  await settled();
  assert.equal(second.web.opened.length, 0);
  assert.equal(second.net.last.url.searchParams.get('transport'), 'sse');
});

test('a storage that throws changes nothing', async () => {
  const refuse = () => {
    throw new Error('forbidden');
  };
  const { client } = await live({ storage: { getItem: refuse, setItem: refuse } });
  assert.equal(client.state, 'live');
});

test('without a WebSocket in the runtime SSE is the first', async () => {
  const { net } = given({ WebSocket: null });
  await settled();
  assert.equal(net.last.url.searchParams.get('transport'), 'sse');
});

// Handing over

async function onSse(options) {
  const all = given({ storage: storage({ 'tricast:https://hub.example': 'sse' }), ...options });
  await settled();
  const stream = all.net.last.stream();
  stream.say(control('hello', { cursor: 'e-10', heartbeat_s: 600, expires_in_s: null, ...options?.hello }));
  stream.say(control('live', { cursor: 'e-10' }));
  await settled();
  assert.equal(all.client.state, 'live');
  return { ...all, stream };
}

test('a better transport is tried after 5 minutes and taken over without a gap or a duplicate', async () => {
  const { client, web, net, clock, stream, told } = await onSse();
  await clock.pass(5 * MINUTE - 1);
  assert.equal(web.opened.length, 0);
  await clock.pass(1);
  assert.equal(web.opened.length, 1);
  assert.equal(web.last.url.searchParams.get('cursor'), 'e-10');
  stream.say(event(11));
  await settled();
  web.last.hello();
  web.last.event(11);
  web.last.event(12);
  stream.say(event(12));
  stream.say(event(13));
  await settled();
  assert.equal(client.transport, 'sse');
  web.last.event(13);
  web.last.live('e-13');
  await settled();
  assert.equal(client.transport, 'websocket');
  assert.equal(net.open.length, 0, 'the old one is closed');
  web.last.event(14);
  assert.deepEqual(told.events, [11, 12, 13, 14]);
  assert.deepEqual(told.states, ['replaying', 'live']);
});

test('a better transport that fails is tried again 5 minutes later, and nothing is disturbed', async () => {
  const { client, web, clock, told } = await onSse();
  for (let round = 1; round <= 3; round++) {
    await clock.pass(5 * MINUTE);
    assert.equal(web.opened.length, round);
    web.last.end();
    await settled();
  }
  assert.equal(client.transport, 'sse');
  assert.deepEqual(told.states, ['replaying', 'live']);
});

test('a better transport with a hello that never gets live is left', async () => {
  const { client, web, clock } = await onSse();
  await clock.pass(5 * MINUTE);
  web.last.hello();
  await clock.pass(38_000);
  assert.equal(web.last.isClosed, true);
  assert.equal(client.transport, 'sse');
});

test('if the old connection ends while the new one starts, the new one goes on', async () => {
  const { client, web, clock, stream, told } = await onSse();
  await clock.pass(5 * MINUTE);
  web.last.hello();
  stream.end();
  await settled();
  web.last.event(11);
  web.last.live('e-11');
  assert.equal(client.transport, 'websocket');
  assert.equal(client.state, 'live');
  await clock.pass(MINUTE / 2);
  assert.equal(web.opened.length, 1);
  assert.deepEqual(told.events, [11]);
});

test('what was good until a restart of the server is tried soon after it', async () => {
  const { client, web, net, clock } = await live();
  for (let round = 0; round < 4; round++) {
    web.last.end();
    await clock.pass(8000);
  }
  net.last.stream().say(control('hello', { cursor: 'e-10', heartbeat_s: 15, expires_in_s: null }));
  await settled();
  assert.equal(client.transport, 'sse');
  const before = web.opened.length;
  await clock.pass(5000);
  assert.equal(web.opened.length, before + 1);
});

test('a reset of the connection that is to take over leaves the present one', async () => {
  const { client, web, clock, told, stream } = await onSse();
  await clock.pass(5 * MINUTE);
  web.last.hello();
  web.last.say(control('reset', { reason: 'trimmed', cursor: 'e-99', oldest: 'e-50' }));
  await settled();
  assert.deepEqual(told.resets, []);
  assert.equal(web.last.isClosed, true);
  stream.say(event(11));
  await settled();
  assert.deepEqual(told.events, [11]);
  assert.equal(client.state, 'live');
});

// Tokens

test('a token is asked for when it is needed', async () => {
  let asked = 0;
  const { web, clock } = await live({ token: async () => `t${++asked}` });
  assert.equal(web.last.url.searchParams.get('token'), 't1');
  web.last.end();
  await clock.pass(1000);
  assert.equal(web.last.url.searchParams.get('token'), 't1', 'it is still good');
  assert.equal(asked, 1);
});

test('a token that ends within 10 s is not used for another connection', async () => {
  let asked = 0;
  const { web, clock } = given({ token: () => `t${++asked}` });
  await settled();
  web.last.hello({ expires_in_s: 60 });
  await clock.pass(30_000);
  web.last.say(control('heartbeat', { cursor: 'e-1' }));
  await clock.pass(17_500);
  web.last.end();
  await clock.pass(1000);
  assert.equal(web.last.url.searchParams.get('token'), 't1', 'there are 12 s left');
  web.last.end();
  await clock.pass(2000);
  assert.equal(web.last.url.searchParams.get('token'), 't2');
});

test('at 80 % of its time a token is renewed on the live WebSocket', async () => {
  let asked = 0;
  const { web, clock, told } = given({ token: () => `t${++asked}` });
  await settled();
  web.last.hello({ expires_in_s: 20 });
  web.last.live('e-1');
  await clock.pass(15_999);
  assert.equal(web.last.last('auth'), undefined);
  await clock.pass(1);
  assert.equal(web.last.last('auth').token, 't2');
  web.last.reply('auth', { expires_in_s: 20 });
  await clock.pass(16_000);
  assert.equal(web.last.last('auth').token, 't3');
  assert.equal(web.opened.length, 1);
  assert.deepEqual(told.states, ['replaying', 'live']);
});

test('a token is renewed on an event stream by handing over', async () => {
  let asked = 0;
  const { net, clock, stream, told } = await onSse({ token: () => `t${++asked}`, hello: { expires_in_s: 100 }, WebSocket: null });
  assert.equal(net.last.headers.Authorization, 'Bearer t1');
  await clock.pass(80_000);
  assert.equal(net.open.length, 2);
  assert.equal(net.last.headers.Authorization, 'Bearer t2');
  const next = net.last.stream();
  next.say(control('hello', { cursor: 'e-10', heartbeat_s: 600, expires_in_s: 100 }));
  next.say(control('live', { cursor: 'e-10' }));
  await settled();
  stream.say(event(11));
  next.say(event(11));
  await settled();
  assert.deepEqual(told.events, [11]);
  assert.deepEqual(told.states, ['replaying', 'live']);
});

test('a refused token is asked for once more, at once', async () => {
  let asked = 0;
  const { web, clock, client } = given({ token: () => `t${++asked}` });
  await settled();
  web.last.say(control('error', unauthorized));
  web.last.end(4401);
  await clock.pass(0);
  assert.equal(web.last.url.searchParams.get('token'), 't2');
  web.last.hello();
  assert.equal(client.state, 'replaying');
});

test('a refused token: the second refusal ends in a state that the app can show', async () => {
  let asked = 0;
  const { web, clock, client } = given({ token: () => `t${++asked}` });
  for (let round = 0; round < 2; round++) {
    await clock.pass(1);
    web.last.say(control('error', unauthorized));
    web.last.end(4401);
  }
  await clock.pass(MINUTE);
  assert.equal(asked, 2);
  assert.equal(client.state, 'failed');
  assert.deepEqual([client.error.code, client.error.status, client.error.detail], ['unauthorized', 401, 'the token expired']);
});

test('a token that cannot be renewed fails when it is refused', async () => {
  const { web, client } = await live({ token: 'fixed' });
  web.last.say(control('goodbye', { reason: 'expired', reconnect_after_ms: 0 }));
  web.last.end(4401);
  assert.equal(client.state, 'failed');
  assert.equal(client.error.status, 401);
});

test('an expired token is replaced on an event stream too, where there is no code', async () => {
  let asked = 0;
  const { net, clock, stream, client } = await onSse({ token: () => `t${++asked}` });
  stream.say(control('goodbye', { reason: 'expired', reconnect_after_ms: 0 }));
  stream.end();
  await clock.pass(1000);
  assert.equal(net.last.headers.Authorization, 'Bearer t2');
  assert.equal(client.state, 'reconnecting');
});

test('a token function that throws is asked again later', async () => {
  let asked = 0;
  const token = () => {
    if (++asked < 3) throw new Error('the app is down');
    return 'good';
  };
  const { web, clock, client } = given({ token });
  await settled();
  assert.equal(client.state, 'reconnecting');
  assert.match(client.error.detail, /the app is down/);
  await clock.pass(3000);
  assert.equal(web.last.url.searchParams.get('token'), 'good');
});

test('a renewal that is refused hands over to a connection with the new token', async () => {
  let asked = 0;
  const { web, clock, client } = given({ token: () => `t${++asked}` });
  await settled();
  web.last.hello({ expires_in_s: 30 });
  web.last.live('e-1');
  await clock.pass(24_000);
  web.last.refuse('auth', forbidden);
  await settled();
  assert.equal(web.opened.length, 2);
  assert.equal(web.last.url.searchParams.get('token'), 't2');
  web.last.hello();
  web.last.live('e-1');
  assert.equal(web.opened[0].isClosed, true);
  assert.equal(client.state, 'live');
});

test('a renewal with a bad token asks for another one', async () => {
  let asked = 0;
  const { web, clock, client } = given({ token: () => `t${++asked}` });
  await settled();
  web.last.hello({ expires_in_s: 30 });
  web.last.live('e-1');
  await clock.pass(24_000);
  web.last.refuse('auth', unauthorized);
  await settled();
  assert.equal(web.last.url.searchParams.get('token'), 't3');
  web.last.say(control('error', unauthorized));
  web.last.end(4401);
  await clock.pass(1000);
  assert.equal(web.last.url.searchParams.get('token'), 't4');
  assert.equal(client.state, 'live');
});

test('what was refused to somebody else meanwhile is not used again', async () => {
  let asked = 0;
  const { net, client } = given({ transports: ['poll'], token: () => `t${++asked}` });
  await settled();
  client.publish('demo/a', 1).catch(() => {});
  await settled();
  const [poll, post] = net.asked;
  post.problem(unauthorized);
  await settled();
  assert.equal(net.last.headers.Authorization, 'Bearer t2');
  poll.problem(unauthorized);
  await settled();
  await new Promise((resolve) => setImmediate(resolve));
  assert.notEqual(client.state, 'failed');
});

test('after a refusal the token is one that was asked for then, not one that came meanwhile and is old by now', async () => {
  let asked = 0;
  const { web, net, clock, client } = await live({ token: () => `t${++asked}` });
  web.last.say(control('error', unauthorized));
  web.last.end(4401);
  client.publish('demo/a', 1).catch(() => {});
  await clock.pass(500);
  assert.equal(net.last.headers.Authorization, 'Bearer t1');
  net.last.problem(unauthorized);
  await settled();
  assert.equal(net.last.headers.Authorization, 'Bearer t2');
  await clock.pass(500);
  assert.equal(web.last.url.searchParams.get('token'), 't3');
});

test('bytes are counted, and a round trip is measured with each heartbeat', async () => {
  const { web, clock, client } = await live();
  web.last.say(control('heartbeat', { cursor: 'e-10' }));
  await clock.pass(30);
  web.last.reply('ping');
  await settled();
  assert.equal(client.latency, 30);
  assert.ok(client.counts.bytes > 100);
});

test('who answers and is no tricast is left for the next', async () => {
  const { web, clock, client } = given();
  await settled();
  web.last.onmessage({ data: 'Welcome to echo!' });
  assert.equal(client.state, 'reconnecting');
  await clock.pass(1000);
  assert.equal(web.opened.length, 2);
});
