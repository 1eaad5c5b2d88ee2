// Adding topics and changing connections: nothing is missed and nothing is doubled.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { control, event, forbidden, settled, storage, unavailable } from './fakes.mjs';
import { given, live } from './given.mjs';

const hello = (more = {}) => control('hello', { heartbeat_s: 15, expires_in_s: null, ...more });
const b = (offset, more) => event(offset, { topic: 'demo/b', ...more });

/** Live on an event stream at e-110, with the topic demo/a. */
async function onStream(options) {
  const all = given({ transports: ['sse'], topics: 'demo/a', ...options });
  await settled();
  const old = all.net.last.stream();
  old.say(hello({ cursor: 'e-110' }));
  old.say(control('live', { cursor: 'e-110' }));
  await settled();
  assert.equal(all.client.state, 'live');
  return { ...all, old };
}

/** The same, and demo/b is on its way: the second stream was asked for. */
async function adding(options) {
  const all = await onStream(options);
  let isReady = false;
  const added = all.client.subscribe('demo/b');
  added.ready.then(
    () => (isReady = true),
    () => {},
  );
  await settled();
  assert.equal(all.net.open.length, 2);
  return { ...all, added, isReady: () => isReady };
}

test('what the old stream brings while topics are added is no reason to drop what the new one brings', async () => {
  const { net, old, told, isReady } = await adding();
  const next = net.last.stream();
  old.say(event(112));
  await settled();
  next.say(hello());
  next.say(b(111));
  next.say(event(112));
  next.say(control('live', { cursor: 'e-112' }));
  await settled();
  assert.equal(isReady(), true);
  assert.deepEqual(told.events, [111, 112]);
});

test('nor if the old stream is ahead of the new one when that is live', async () => {
  const { net, old, told, client } = await adding();
  const next = net.last.stream();
  next.say(hello({ cursor: 'e-110' }));
  next.say(control('live', { cursor: 'e-110' }));
  old.say(event(112));
  await settled();
  next.say(b(111));
  next.say(event(112));
  await settled();
  assert.deepEqual(told.events, [111, 112]);
  assert.equal(client.counts.duplicates, 0);
});

test('nor is a heartbeat of the old stream', async () => {
  const { net, old, told, clock, client } = await adding();
  old.say(control('heartbeat', { cursor: 'e-119' }));
  await settled();
  const next = net.last.stream();
  next.say(hello());
  next.end();
  await clock.pass(1000);
  assert.equal(net.last.url.searchParams.get('cursor'), 'e-110', 'demo/b is owed from there on');
  const third = net.last.stream();
  third.say(hello());
  third.say(b(111));
  await settled();
  assert.deepEqual(told.events, [111]);
  assert.equal(client.state, 'replaying');
});

test('it stays live while topics are added', async () => {
  const { net, told } = await adding();
  const next = net.last.stream();
  next.say(hello());
  next.say(control('live', { cursor: 'e-110' }));
  await settled();
  assert.deepEqual(told.states, ['replaying', 'live']);
});

test('if the second stream fails, what was held is given, and it is tried again', async () => {
  const { net, old, told, clock, isReady } = await adding();
  old.say(event(112));
  await settled();
  assert.deepEqual(told.events, []);
  net.last.fail();
  await settled();
  assert.deepEqual(told.events, [112]);
  old.say(event(113));
  await clock.pass(1000);
  assert.deepEqual(told.events, [112, 113]);
  assert.equal(net.open.length, 2);
  assert.equal(net.last.url.searchParams.get('cursor'), 'e-113');
  const next = net.last.stream();
  next.say(hello({ cursor: 'e-113' }));
  next.say(b(114));
  await settled();
  assert.equal(isReady(), true);
  assert.deepEqual(told.events, [112, 113, 114]);
});

test('if the added topic is refused, what was held is given and the stream goes on', async () => {
  const { net, old, told, added, client } = await adding();
  const refused = assert.rejects(added.ready, { code: 'forbidden' });
  old.say(event(112));
  await settled();
  net.last.problem(forbidden);
  await refused;
  old.say(event(113));
  await settled();
  assert.deepEqual(told.events, [112, 113]);
  assert.deepEqual([client.state, net.open.length], ['live', 1]);
});

test('if the first stream ends meanwhile, the second one is all there is, and gives everything', async () => {
  const { net, old, told, client } = await adding();
  const next = net.last.stream();
  old.say(event(112));
  old.end();
  await settled();
  assert.equal(client.state, 'reconnecting');
  next.say(hello());
  next.say(b(111));
  next.say(event(112));
  await settled();
  assert.deepEqual(told.events, [111, 112]);
});

test('what is held has a bound: beyond it the second stream is waited for', async () => {
  const { net, old, told, client } = await adding();
  for (let offset = 111; offset <= 1111; offset++) old.say(event(offset));
  await settled();
  assert.equal(net.open.length, 1);
  assert.equal(client.state, 'reconnecting');
  const next = net.last.stream();
  next.say(hello());
  for (let offset = 111; offset <= 1111; offset++) next.say(event(offset));
  next.say(b(1112));
  await settled();
  assert.deepEqual(told.events, Array.from({ length: 1002 }, (_, index) => 111 + index));
});

test('more topics while some are being added come after those', async () => {
  const { net, client, old, told } = await adding();
  let isReady = false;
  client.subscribe('demo/c').ready.then(() => (isReady = true));
  await settled();
  assert.equal(net.open.length, 2, 'never more than two');
  old.say(event(111));
  const next = net.last.stream();
  next.say(hello());
  await settled();
  assert.equal(isReady, false);
  assert.deepEqual(net.last.url.searchParams.getAll('topic'), ['demo/a', 'demo/b', 'demo/c']);
  const third = net.last.stream();
  next.say(event(111));
  next.say(control('live', { cursor: 'e-111' }));
  third.say(hello());
  third.say(event(111));
  third.say(event(112, { topic: 'demo/c' }));
  await settled();
  assert.deepEqual([isReady, told.events, net.open.length], [true, [111, 112], 1]);
});

test('a topic that was dropped and is wanted again, while the stream still has it, is there at once', async () => {
  const { client, net, old, told } = await onStream({ topics: ['demo/a', 'demo/x'] });
  const first = client.subscribe('demo/b');
  await settled();
  const next = net.last.stream();
  next.say(hello({ cursor: 'e-110' }));
  next.say(control('live', { cursor: 'e-110' }));
  await first.ready;
  first.unsubscribe();
  await settled();
  await client.subscribe('demo/b').ready;
  assert.equal(net.open.length, 1);
  next.say(b(111));
  await settled();
  assert.deepEqual(told.events, [111]);
});

/** Live on an event stream that is not the best: at e-110, five minutes from now a WebSocket is tried. */
function onSecondBest(options) {
  const kept = storage({ 'tricast:https://hub.example': 'sse' });
  return onStream({ transports: ['websocket', 'sse'], storage: kept, ...options });
}

/** Time passes, and the stream shows that it lives. */
async function beats(clock, stream, count) {
  for (let beat = 0; beat < count; beat++) {
    await clock.pass(15_000);
    stream.say(control('heartbeat', { cursor: 'e-110' }));
    await settled();
  }
}

test('a topic that is wanted again while a better connection starts without it is not lost there', async () => {
  const { client, net, web, clock, told } = await onSecondBest();
  const other = client.subscribe('demo/c');
  await settled();
  const two = net.last.stream();
  two.say(hello({ cursor: 'e-110' }));
  two.say(control('live', { cursor: 'e-110' }));
  await other.ready;
  other.unsubscribe();
  await beats(clock, two, 20);
  assert.deepEqual(web.last.url.searchParams.getAll('topic'), ['demo/a']);
  client.subscribe('demo/c');
  await settled();
  web.last.hello();
  web.last.event(112);
  web.last.live('e-112');
  two.say(event(111, { topic: 'demo/c' }));
  two.say(event(112));
  const three = net.last.stream();
  three.say(hello());
  three.say(event(111, { topic: 'demo/c' }));
  three.say(event(112));
  await settled();
  assert.deepEqual(told.events, [111, 112]);
  assert.equal(net.open.length + web.open.length, 1);
});

test('no better connection is tried while topics are being added', async () => {
  const { web, net, clock, client, old } = await onSecondBest();
  await beats(clock, old, 19);
  await clock.pass(10_000);
  client.subscribe('demo/b');
  await clock.pass(9_000);
  assert.deepEqual([web.opened.length, net.open.length], [0, 2]);
});

test('topics that are added while a better connection starts are not kept waiting for it', async () => {
  const { web, net, clock, client, old } = await onSecondBest();
  await beats(clock, old, 20);
  assert.equal(web.open.length, 1);
  const { ready } = client.subscribe('demo/b');
  await settled();
  assert.equal(web.open.length, 0);
  const next = net.last.stream();
  next.say(hello({ cursor: 'e-110' }));
  await ready;
});

// On a WebSocket

test('a subscription that was dropped and made again while its command is under way is ready when it is in force', async () => {
  const { client, web } = await live();
  const first = client.subscribe('shop/a');
  await settled();
  first.unsubscribe();
  await settled();
  let isReady = false;
  client.subscribe('shop/a').ready.then(() => (isReady = true));
  await settled();
  assert.deepEqual(web.last.sent.map(({ op }) => op), ['subscribe'], 'one after the other');
  web.last.reply('subscribe', { cursor: 'e-10' });
  await settled();
  assert.equal(isReady, true);
  assert.deepEqual(web.last.sent.map(({ op }) => op), ['subscribe'], 'it is in force: nothing to be taken back');
});

test('a topic that is dropped and wanted again while others are added is there all the time', async () => {
  const { client, web } = await live({ topics: 'demo/x' });
  const first = client.subscribe('demo/a');
  await settled();
  web.last.reply('subscribe', { cursor: 'e-10' });
  await first.ready;
  client.subscribe('demo/b');
  await settled();
  first.unsubscribe();
  await settled();
  let isReady = false;
  client.subscribe('demo/a').ready.then(() => (isReady = true));
  await settled();
  web.last.reply('subscribe', { cursor: 'e-10' });
  await settled();
  assert.equal(isReady, true);
  assert.deepEqual(web.last.sent.map(({ op }) => op), ['subscribe', 'subscribe']);
});

test('a subscription that is refused for now is asked for again', async () => {
  const { client, web, clock } = await live();
  let isReady = false;
  client.subscribe('shop/a').ready.then(() => (isReady = true));
  await settled();
  web.last.refuse('subscribe', { ...unavailable, retry_after_s: 3 });
  await clock.pass(2999);
  assert.equal(web.last.sent.filter(({ op }) => op === 'subscribe').length, 1);
  await clock.pass(1);
  web.last.reply('subscribe', { cursor: 'e-10' });
  await settled();
  assert.equal(isReady, true);
});

test('a reply is a position too: a later connection begins there', async () => {
  const { client, web, clock } = await live();
  client.subscribe('shop/a');
  await settled();
  web.last.reply('subscribe', { cursor: 'e-40' });
  await settled();
  assert.equal(client.cursor, 'e-40');
  web.last.end();
  await clock.pass(1000);
  assert.equal(web.last.url.searchParams.get('cursor'), 'e-40');
});

test('a connection with a new token takes nothing over that it does not have', async () => {
  let asked = 0;
  const { web, client, clock, told } = given({ topics: 'demo/a', token: () => `t${++asked}` });
  await settled();
  web.last.hello({ cursor: 'e-10', expires_in_s: 30 });
  web.last.live('e-10');
  await clock.pass(24_000);
  web.last.refuse('auth', forbidden);
  await settled();
  const [old] = web.opened;
  assert.equal(web.opened.length, 2);
  const { ready } = client.subscribe('demo/b');
  await settled();
  web.last.hello();
  web.last.live('e-10');
  await settled();
  if (web.last.last('subscribe')) web.last.reply('subscribe', { cursor: 'e-10' });
  await ready;
  old.event(12);
  web.last.event(11, { topic: 'demo/b' });
  web.last.event(12);
  await settled();
  assert.deepEqual(told.events, [11, 12]);
});

// Positions

test('a log that is empty has a cursor too', async () => {
  const { web, client, clock } = given();
  await settled();
  web.last.hello({ cursor: 'e-0' });
  web.last.live('e-0');
  assert.equal(client.cursor, 'e-0');
  web.last.end();
  await clock.pass(1000);
  assert.equal(web.last.url.searchParams.get('cursor'), 'e-0');
});

test('when nothing is wanted there is no connection, and what comes next is no continuation', async () => {
  const { client, web, clock } = given({ topics: undefined, cursor: '10m' });
  const first = client.subscribe('demo/a');
  await settled();
  assert.equal(web.last.url.searchParams.get('cursor'), '10m');
  web.last.hello({ cursor: 'e-10' });
  web.last.live('e-10');
  first.unsubscribe();
  await settled();
  assert.equal(web.open.length, 0);
  assert.equal(client.state, 'connecting');
  assert.equal(clock.waiting, 0);
  const seen = [];
  client.subscribe('demo/b', ({ data }) => seen.push(data));
  await settled();
  assert.equal(web.last.url.searchParams.get('cursor'), 'latest');
  // (the log was restored meanwhile)
  web.last.hello({ cursor: 'f-3' });
  web.last.live('f-3');
  web.last.event(4, { topic: 'demo/b', cursor: 'f-4' });
  assert.deepEqual(seen, [4]);
});

test('what is subscribed to after the connection was lost with nothing wanted is connected', async () => {
  const { client, web, clock } = given({ topics: undefined });
  const first = client.subscribe('demo/a');
  await settled();
  web.last.end();
  first.unsubscribe();
  await clock.pass(60_000);
  const before = web.opened.length;
  client.subscribe('demo/b');
  await clock.pass(0);
  assert.equal(web.opened.length, before + 1);
});

test('a poll from now on is in force when its answer says where that is', async () => {
  const { client, net } = given({ transports: ['poll'], topics: undefined });
  let isReady = false;
  client.subscribe('demo/a').ready.then(() => (isReady = true));
  await settled();
  const answer = net.last.stream({ 'content-type': 'application/json' });
  answer.text('{"cursor": "e-5", ');
  client.subscribe('demo/b');
  await settled();
  assert.deepEqual([isReady, client.state, net.asked.length], [false, 'connecting', 1]);
  answer.text('"events": [], "reset": null}');
  answer.end();
  await settled();
  assert.equal(isReady, true);
  const cursors = net.open.map(({ url }) => url.searchParams.get('cursor'));
  assert.deepEqual(cursors, ['latest', 'e-5', 'e-5']); // (the first of them was answered by hand)
});
