import assert from 'node:assert/strict';
import { test } from 'node:test';
import { deflateSync } from 'node:zlib';

import { Clock, browser, control, event, fetches, forbidden, settled, sockets } from './fakes.mjs';
import { given } from './given.mjs';

/** A token of `subject`, as far as a client can read it. */
function tokenOf(subject) {
  return `${Buffer.from(JSON.stringify({ s: subject, a: 'demo' })).toString('base64url')}.signature`;
}

/** Tabs of one browser before one server; `open` opens one more. */
function tabs(count, options = {}) {
  const { tab } = browser();
  const web = sockets();
  const net = fetches();
  const clock = new Clock();
  const open = (more = {}) => {
    const place = tab();
    const all = given({
      clock,
      WebSocket: web.WebSocket,
      fetch: net.fetch,
      locks: place.locks,
      BroadcastChannel: place.BroadcastChannel,
      ...options,
      ...more,
    });
    return { ...all, kill: () => (place.kill(), all.client.close()) };
  };
  return { open, all: Array.from({ length: count }, () => open()), web, net, clock };
}

async function greet(web, cursor = 'e-10') {
  await settled();
  web.last.hello({ cursor });
  web.last.live(cursor);
  await settled();
}

test('all tabs have one connection, and every event', async () => {
  const { all, web, net } = tabs(5);
  await greet(web);
  assert.equal(web.opened.length, 1);
  assert.equal(net.asked.length, 0);
  assert.deepEqual(all.map(({ client }) => client.state), Array(5).fill('live'));
  assert.deepEqual(all.map(({ client }) => client.transport).sort(), ['tab', 'tab', 'tab', 'tab', 'websocket']);
  web.last.event(11);
  web.last.event(12);
  web.last.event(null, { data: 'ephemeral' });
  web.last.event(13);
  await settled();
  for (const { told, client } of all) {
    assert.deepEqual(told.events, [11, 12, 'ephemeral', 13]);
    assert.equal(client.cursor, 'e-13');
    assert.equal(client.counts.duplicates, 0);
  }
});

test('when the leading tab is killed another one leads, and nobody misses an event', async () => {
  const { all, web, net, clock } = tabs(5);
  await greet(web);
  const leading = all.findIndex(({ client }) => client.transport === 'websocket');
  web.last.event(11);
  await settled();
  all[leading].kill();
  await settled();
  assert.equal(web.open.length, 1, 'one before and after');
  assert.equal(web.last.url.searchParams.get('cursor'), 'e-11');
  // (published while nobody was connected)
  web.last.hello();
  web.last.event(12);
  web.last.live('e-12');
  await clock.pass(2000);
  for (const request of net.open) {
    assert.equal(request.url.searchParams.get('cursor'), 'e-11');
    request.answer(200, { cursor: 'e-12', events: [event(12)], reset: null });
  }
  await settled();
  web.last.event(13);
  await settled();
  const others = all.filter((_, index) => index !== leading);
  for (const { told, client } of others) {
    assert.deepEqual(told.events, [11, 12, 13]);
    assert.equal(client.state, 'live');
  }
  assert.equal(web.open.length, 1);
});

test('closing the leading client hands over too, and closing the last ends it all', async () => {
  const { all, web, clock } = tabs(3);
  await greet(web);
  for (let left = 3; left > 0; left--) {
    const leading = all.find(({ client }) => client.transport === 'websocket' && client.state === 'live');
    leading.client.close();
    await settled();
    assert.equal(web.open.length, left > 1 ? 1 : 0);
    if (left > 1) await greet(web);
    await clock.pass(2000);
  }
  assert.equal(clock.waiting, 0);
});

test('a tab that opens later asks the server for nothing but what it missed', async () => {
  const { open, web, net } = tabs(1);
  await greet(web);
  web.last.event(11);
  const late = open();
  await settled();
  web.last.event(12);
  await settled();
  assert.deepEqual(late.told.events, [12]);
  assert.equal(net.asked.length, 0);

  const early = open({ cursor: 'e-5' });
  await settled();
  assert.equal(net.last.url.searchParams.get('cursor'), 'e-5');
  web.last.event(13);
  await settled();
  net.last.answer(200, { cursor: 'e-12', events: [event(11), event(12)], reset: null });
  await settled();
  assert.deepEqual(early.told.events, [11, 12, 13]);
  assert.equal(web.opened.length, 1);
});

test("each tab's topics are joined, and each gets its own", async () => {
  const { open, web } = tabs(1, { topics: 'demo/a' });
  await greet(web);
  const other = open({ topics: 'demo/b' });
  await settled();
  assert.deepEqual(web.last.last('subscribe').topics, ['demo/b']);
  assert.equal(other.client.state, 'connecting');
  web.last.reply('subscribe');
  await settled();
  assert.equal(other.client.state, 'live');
  web.last.event(11);
  web.last.event(12, { topic: 'demo/b' });
  await settled();
  assert.deepEqual(other.told.events, [12]);
});

test('a tab subscribes to more, and drops it when it goes', async () => {
  const { all, web } = tabs(2);
  await greet(web);
  const follower = all.find(({ client }) => client.transport === 'tab');
  const { ready } = follower.client.subscribe('shop/a');
  await settled();
  assert.deepEqual(web.last.last('subscribe').topics, ['shop/a']);
  web.last.reply('subscribe');
  await settled();
  await ready;
  web.last.event(11, { topic: 'shop/a' });
  await settled();
  assert.deepEqual(follower.told.events, [11]);
  follower.kill();
  await settled();
  assert.deepEqual(web.last.last('unsubscribe').topics, ['shop/a']);
});

test('a topic that one tab is refused is its own affair', async () => {
  const { all, web } = tabs(2);
  await greet(web);
  const follower = all.find(({ client }) => client.transport === 'tab');
  const leader = all.find(({ client }) => client.transport === 'websocket');
  const { ready } = follower.client.subscribe('secret/a');
  await settled();
  web.last.refuse('subscribe', forbidden);
  await assert.rejects(ready, { code: 'forbidden' });
  web.last.event(11);
  await settled();
  assert.deepEqual([follower.client.state, leader.client.state], ['live', 'live']);
  assert.deepEqual([follower.told.events, leader.told.events], [[11], [11]]);
});

test('when the connection is lost all tabs show it, and come back without a gap', async () => {
  const { all, web, net, clock } = tabs(3);
  await greet(web);
  web.last.event(11);
  await settled();
  web.last.end();
  await settled();
  assert.deepEqual(all.map(({ client }) => client.state), Array(3).fill('reconnecting'));
  await clock.pass(1000);
  web.last.hello();
  web.last.event(12);
  web.last.live('e-12');
  await settled();
  for (const request of net.open) request.answer(200, { cursor: 'e-12', events: [event(12)], reset: null });
  await settled();
  for (const { told, client } of all) {
    assert.equal(client.state, 'live');
    assert.deepEqual(told.events, [11, 12]);
  }
});

test('a reset is told in every tab', async () => {
  const { all, web } = tabs(3);
  await greet(web);
  web.last.event(500);
  await settled();
  web.last.say(control('reset', { reason: 'epoch', cursor: 'z-20', oldest: 'z-1' }));
  web.last.live('z-20');
  web.last.event(21, { cursor: 'z-21' });
  await settled();
  for (const { told, client } of all) {
    assert.deepEqual(told.resets.map(({ reason }) => reason), ['epoch']);
    assert.deepEqual(told.events, [500, 21]);
    assert.equal(client.cursor, 'z-21');
  }
});

test('a refusal that ends the connection is shown by every tab', async () => {
  const { all, web } = tabs(3);
  await greet(web);
  web.last.end(4403, 'no more');
  await settled();
  for (const { client } of all) assert.deepEqual([client.state, client.error.status], ['failed', 403]);
});

test('tabs of different people do not share', async () => {
  const { open, web } = tabs(0);
  open({ token: tokenOf('ann') });
  open({ token: () => tokenOf('ben') });
  await settled();
  assert.equal(web.opened.length, 2);
  open({ token: tokenOf('ann') });
  await settled();
  assert.equal(web.opened.length, 2);
});

test('tokens that the server has compressed are read as well', async () => {
  const { open, web } = tabs(0);
  const payload = deflateSync(JSON.stringify({ s: 'änn', a: 'demo', more: 'x'.repeat(200) })).toString('base64url');
  for (let tab = 0; tab < 3; tab++) open({ token: `.${payload}.signature` });
  while (!web.opened.length) await new Promise((resolve) => setImmediate(resolve));
  await settled();
  assert.equal(web.opened.length, 1);
});

test('a token that says nothing of its owner is not shared, unless the app names a group', async () => {
  const { open, web } = tabs(0, { token: 'opaque' });
  open();
  open();
  await settled();
  assert.equal(web.opened.length, 2);
  open({ share: 'ann' });
  open({ share: 'ann' });
  await settled();
  assert.equal(web.opened.length, 3);
});

test('with share: false each has its own', async () => {
  const { web } = tabs(3, { share: false });
  await settled();
  assert.equal(web.opened.length, 3);
});

test('a follower publishes by itself', async () => {
  const { all, web, net } = tabs(2);
  await greet(web);
  const follower = all.find(({ client }) => client.transport === 'tab');
  follower.client.publish('demo/a', 1).catch(() => {});
  await settled();
  assert.equal(net.last.method, 'POST');
});

test('while nothing happens the followers know that the connection lives', async () => {
  const { all, web, clock } = tabs(3);
  await greet(web);
  for (let beat = 0; beat < 10; beat++) {
    await clock.pass(15_000);
    web.last.say(control('heartbeat', { cursor: 'e-10' }));
    await settled();
  }
  assert.deepEqual(all.map(({ client }) => client.state), Array(3).fill('live'));
  assert.deepEqual(all.map(({ told }) => told.states), Array(3).fill(['replaying', 'live']));
});

/** A tab with demo/a leads, and one with demo/b follows; live at e-10. */
async function leaderAndFollower(options) {
  const { open, all, web, net, clock } = tabs(1, { topics: 'demo/a', ...options });
  await greet(web);
  const follower = open({ topics: 'demo/b' });
  await settled();
  web.last.reply('subscribe', { cursor: 'e-10' });
  await settled();
  assert.deepEqual([follower.client.state, follower.client.transport], ['live', 'tab']);
  return { open, leader: all[0], follower, web, net, clock };
}

const topicB = { topic: 'demo/b' };

test('a topic of a follower that is refused takes none of its others away', async () => {
  const { follower, web } = await leaderAndFollower();
  const { ready } = follower.client.subscribe('secret/a');
  await settled();
  web.last.refuse('subscribe', forbidden);
  await assert.rejects(ready, { code: 'forbidden' });
  await settled();
  assert.equal(web.last.last('unsubscribe'), undefined);
  web.last.event(11, topicB);
  await settled();
  assert.deepEqual(follower.told.events, [11]);
});

test('topics that a follower wants no more are dropped when it asks for others', async () => {
  const { follower, web } = await leaderAndFollower();
  const more = follower.client.subscribe('demo/c');
  await settled();
  web.last.reply('subscribe', { cursor: 'e-10' });
  await more.ready;
  more.unsubscribe();
  follower.client.subscribe('demo/d');
  await settled();
  web.last.reply('subscribe', { cursor: 'e-10' });
  await settled();
  assert.deepEqual(web.last.last('unsubscribe').topics, ['demo/c']);
});

test('what a follower adds stands in order with what it has', async () => {
  const { follower, web, net } = await leaderAndFollower();
  const { ready } = follower.client.subscribe('demo/c');
  await settled();
  web.last.event(12, topicB);
  await settled();
  assert.deepEqual(follower.told.events, [], 'held');
  web.last.reply('subscribe', { cursor: 'e-12' });
  await settled();
  await ready;
  assert.equal(net.last.url.searchParams.get('cursor'), 'e-10');
  web.last.event(13, { topic: 'demo/c' });
  await settled();
  net.last.answer(200, { cursor: 'e-12', events: [event(11, { topic: 'demo/c' }), event(12, topicB)], reset: null });
  await settled();
  assert.deepEqual(follower.told.events, [11, 12, 13]);
});

test('a follower is not told before it catches up that it has everything up to where the leader is', async () => {
  const { leader, follower, open, web, net } = await leaderAndFollower();
  web.last.event(11, topicB);
  await settled();
  const other = open({ topics: 'demo/a' });
  await settled();
  leader.kill();
  await settled();
  // (the follower leads now, and `other` is to follow it)
  assert.equal(web.last.url.searchParams.get('cursor'), 'e-11');
  assert.deepEqual(web.last.url.searchParams.getAll('topic'), ['demo/b']);
  web.last.hello();
  web.last.event(13, topicB);
  await settled();
  assert.equal(other.client.cursor, 'e-11', 'demo/a was not there');
  web.last.live('e-13');
  await settled();
  web.last.reply('subscribe', { cursor: 'e-13' });
  await settled();
  net.last.answer(200, { cursor: 'e-13', events: [event(12)], reset: null });
  await settled();
  assert.deepEqual([other.told.events, follower.told.events], [[12], [11, 13]]);
});

test('however much comes while a follower catches up, it gets it all', async () => {
  const { open, web, net } = await leaderAndFollower();
  const late = open({ cursor: 'e-5', topics: 'demo/a' });
  await settled();
  for (let offset = 11; offset <= 1500; offset++) {
    web.last.event(offset);
    await null;
  }
  await settled();
  const events = (from, to) => Array.from({ length: to - from + 1 }, (_, index) => event(from + index));
  net.last.answer(200, { cursor: 'e-400', events: events(6, 400), reset: null });
  await settled();
  assert.equal(net.last.url.searchParams.get('cursor'), 'e-400');
  net.last.answer(200, { cursor: 'e-1400', events: events(401, 1400), reset: null });
  await settled();
  assert.deepEqual(late.told.events, events(6, 1500).map(({ data }) => data));
  assert.equal(late.client.state, 'live');
});

test('a tab that asks a leader which has failed is told why', async () => {
  const { open, web, clock } = await leaderAndFollower();
  web.last.end(4403, 'no more');
  const late = open();
  await clock.pass(1000);
  assert.deepEqual([late.client.state, late.client.error.status], ['failed', 403]);
});

test('no token is said to other tabs', async () => {
  const said = [];
  const { tab } = browser();
  const place = tab();
  class Channel extends place.BroadcastChannel {
    postMessage(message) {
      said.push(JSON.stringify([this.name, message]));
      super.postMessage(message);
    }
  }
  const token = tokenOf('ann');
  const { client, web } = given({ locks: place.locks, BroadcastChannel: Channel, token });
  await greet(web);
  const other = tab();
  const follower = given({ clock: new Clock(), locks: other.locks, BroadcastChannel: Channel, token });
  await settled();
  web.last.end(4403, 'no more');
  await settled();
  assert.ok(said.length > 3);
  assert.ok(!said.some((text) => text.includes(token) || text.includes('signature')));
  client.close();
  follower.client.close();
});

test('a follower whose poll gets no answer is not live for ever', async () => {
  const { open, web, net, clock } = await leaderAndFollower();
  const late = open({ cursor: 'e-5', topics: 'demo/a' });
  await settled();
  assert.equal(net.asked.length, 1);
  for (let beat = 0; beat < 4; beat++) {
    await clock.pass(15_000);
    web.last.say(control('heartbeat', { cursor: 'e-10' }));
    await settled();
  }
  assert.equal(net.asked.length, 2);
  net.last.answer(200, { cursor: 'e-10', events: [event(6)], reset: null });
  await settled();
  assert.deepEqual([late.told.events, late.client.state], [[6], 'live']);
});
