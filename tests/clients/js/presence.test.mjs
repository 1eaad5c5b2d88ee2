import assert from 'node:assert/strict';
import { test } from 'node:test';

import { control, settled, unavailable } from './fakes.mjs';
import { given, live } from './given.mjs';

const ann = { subject: 'ann', state: { viewing: 'a' }, connections: 1, since: '2026-01-01T00:00:00Z' };
const ben = { subject: 'ben', state: null, connections: 2, since: '2026-01-01T00:00:01Z' };

async function inRoom() {
  const all = await live();
  const room = all.client.presence('shop/room');
  const seen = [];
  room.on('change', (members) => seen.push(members.map(({ subject }) => subject)));
  await settled();
  all.web.last.reply('subscribe');
  all.web.last.live('e-10');
  all.web.last.say(control('presence', { topics: { 'shop/room': [ann] } }));
  return { ...all, room, seen };
}

test('asking who is there subscribes to it with presence', async () => {
  const { web, room, seen } = await inRoom();
  const { topics, presence } = web.last.last('subscribe');
  assert.deepEqual([topics, presence], [['shop/room'], true]);
  assert.deepEqual(room.members(), [ann]);
  assert.deepEqual(seen, [['ann']]);
});

test('members join, change and leave', async () => {
  const { web, room, seen } = await inRoom();
  const tell = (type, member) => web.last.event(null, { type: `presence.${type}`, topic: 'shop/room', data: member });
  tell('joined', ben);
  tell('updated', { ...ann, state: { editing: 'b' } });
  tell('left', ben);
  assert.deepEqual(seen, [['ann'], ['ann', 'ben'], ['ann', 'ben'], ['ann']]);
  assert.deepEqual(room.members()[0].state, { editing: 'b' });
});

test('a later list takes the place of what was known', async () => {
  const { web, room } = await inRoom();
  web.last.say(control('presence', { topics: { 'shop/room': [ben] } }));
  assert.deepEqual(room.members(), [ben]);
  web.last.say(control('presence', { topics: {} }));
  assert.deepEqual(room.members(), []);
});

test('one is there by a command, and again after a reconnect', async () => {
  const { web, room, clock } = await inRoom();
  const set = room.set({ viewing: 'x' });
  await settled();
  const { op, topic, state } = web.last.last('presence');
  assert.deepEqual([op, topic, state], ['presence', 'shop/room', { viewing: 'x' }]);
  web.last.reply('presence', { topic, member: ann });
  await set;
  web.last.end();
  await clock.pass(1000);
  web.last.hello();
  assert.equal(web.last.url.searchParams.get('presence'), '1');
  web.last.live('e-10');
  await settled();
  assert.deepEqual(web.last.last('presence').state, { viewing: 'x' });
});

test('leaving is a command, and is not taken back by a reconnect', async () => {
  const { web, room, clock } = await inRoom();
  room.set().catch(() => {});
  await settled();
  web.last.reply('presence');
  room.leave().catch(() => {});
  await settled();
  assert.equal(web.last.last('presence').leave, true);
  web.last.end();
  await clock.pass(1000);
  web.last.hello();
  web.last.live('e-10');
  await settled();
  assert.equal(web.last.last('presence'), undefined);
});

test('a refusal is told to who asked', async () => {
  const { web, room } = await inRoom();
  const set = room.set({ big: 'x' });
  await settled();
  web.last.refuse('presence', { type: '/problems/too-large', status: 413, detail: 'state is over 1 KiB' });
  await assert.rejects(set, { code: 'too-large' });
});

test('on an event stream it is posted for that stream', async () => {
  const { client, net } = given({ transports: ['sse'], topics: 'shop/room' });
  const room = client.presence('shop/room');
  await settled();
  assert.equal(net.last.url.searchParams.get('presence'), '1');
  const stream = net.last.stream();
  stream.say(control('hello', { cursor: 'e-1', heartbeat_s: 15, expires_in_s: null, connection: 'c7' }));
  stream.say(control('live', { cursor: 'e-1' }));
  await settled();
  const set = room.set({ viewing: 'x' });
  await settled();
  assert.equal(net.last.url.pathname, '/v1/presence');
  assert.deepEqual(net.last.body, { topic: 'shop/room', state: { viewing: 'x' }, connection: 'c7' });
  net.last.answer(200, { topic: 'shop/room', member: ann, expires_in_s: null });
  await set;
});

test('what was said for a stream that is replaced meanwhile is said for the new one', async () => {
  const { client, net } = given({ transports: ['sse'], topics: 'shop/room', token: 'a' });
  const room = client.presence('shop/room');
  await settled();
  const greet = (connection) => {
    const stream = net.last.stream();
    stream.say(control('hello', { cursor: 'e-1', heartbeat_s: 15, expires_in_s: null, connection }));
    stream.say(control('live', { cursor: 'e-1' }));
  };
  greet('c1');
  await settled();
  const set = room.set({ a: 1 });
  await settled();
  const said = net.last;
  client.auth('b');
  await settled();
  greet('c2');
  await settled();
  const posts = () => net.asked.filter(({ method }) => method === 'POST');
  said.problem({ type: '/problems/not-found', status: 404 });
  await settled();
  for (const post of posts().slice(1)) post.answer(200, { topic: 'shop/room', member: ann, expires_in_s: null });
  await set;
  assert.deepEqual(posts().map(({ body }) => body.connection).slice(0, 2), ['c1', 'c2']);
});

test('who polls is a client with an id, and says it again before it expires', async () => {
  const { client, net, clock } = given({ transports: ['poll'], topics: 'shop/room' });
  const room = client.presence('shop/room');
  await settled();
  const id = net.last.url.searchParams.get('client');
  assert.ok(id);
  net.last.answer(200, { cursor: 'e-1', events: [], reset: null, presence: { topics: { 'shop/room': [ben] } } });
  await settled();
  assert.deepEqual(room.members(), [ben]);
  const posts = () => net.asked.filter(({ method }) => method === 'POST');
  room.set({ a: 1 }).catch(() => {});
  await settled();
  assert.deepEqual(posts().at(-1).body, { topic: 'shop/room', state: { a: 1 }, client: id });
  posts().at(-1).answer(200, { topic: 'shop/room', member: ann, expires_in_s: 60 });
  await clock.pass(30_000);
  assert.equal(posts().length, 2);
  posts().at(-1).problem(unavailable);
  await clock.pass(10_000);
  assert.equal(posts().length, 3);
  assert.deepEqual(posts().at(-1).body.client, id);
});

test('who polls says it again to a server that was away meanwhile', async () => {
  const { client, net, clock } = given({ transports: ['poll'], topics: 'shop/room' });
  const page = { cursor: 'e-1', events: [], reset: null, presence: { topics: {} } };
  const posts = () => net.asked.filter(({ method }) => method === 'POST');
  const room = client.presence('shop/room');
  await settled();
  net.last.answer(200, page);
  await settled();
  room.set({ a: 1 }).catch(() => {});
  await settled();
  posts()[0].answer(200, { topic: 'shop/room', member: ann, expires_in_s: 60 });
  await settled();
  net.open.at(-1).fail();
  await clock.pass(1000);
  net.open.at(-1).answer(200, page);
  await settled();
  assert.deepEqual(posts().map(({ body }) => body.state), [{ a: 1 }, { a: 1 }]);
});

test('closing the client leaves', async () => {
  const { web, room, client } = await inRoom();
  room.set().catch(() => {});
  await settled();
  client.close();
  assert.equal(web.last.last('presence').leave, true);
});

test('closing a presence ends its subscription', async () => {
  const { web, room, client } = await inRoom();
  room.close();
  await settled();
  assert.deepEqual(web.last.last('unsubscribe').topics, ['shop/room']);
  assert.notEqual(client.presence('shop/room'), room);
});


test('what is said last holds, however long what was said before it takes', async () => {
  const { client, net } = given({ transports: ['poll'], topics: 'shop/room' });
  const room = client.presence('shop/room');
  await settled();
  net.last.answer(200, { cursor: 'e-1', events: [], reset: null, presence: { topics: {} } });
  await settled();
  const posts = () => net.asked.filter(({ method }) => method === 'POST');
  const set = room.set({ a: 1 });
  const left = room.leave();
  await settled();
  assert.equal(posts().length, 1);
  posts()[0].answer(200, { topic: 'shop/room', member: ann, expires_in_s: 60 });
  await set;
  await settled();
  assert.equal(posts()[1].body.leave, true);
  posts()[1].answer(200, { topic: 'shop/room', member: null, expires_in_s: null });
  await left;
});

test('who polled and has a stream now is there once', async () => {
  const { client, web, net, clock } = given({ transports: ['websocket', 'poll'], topics: 'shop/room' });
  const room = client.presence('shop/room');
  for (let attempt = 0; attempt < 3; attempt++) {
    await settled();
    web.last.end();
    await clock.pass(5000);
  }
  await settled();
  net.last.answer(200, { cursor: 'e-1', events: [], reset: null, presence: { topics: {} } });
  await settled();
  const posts = () => net.asked.filter(({ method }) => method === 'POST');
  const set = room.set({ a: 1 });
  await settled();
  posts()[0].answer(200, { topic: 'shop/room', member: ann, expires_in_s: 6000 });
  await set;
  await clock.pass(300_000);
  web.last.hello({ cursor: 'e-1' });
  web.last.live('e-1');
  await settled();
  web.last.reply('presence');
  await settled();
  const { client: name, leave } = posts().at(-1).body;
  assert.deepEqual([name, leave], [posts()[0].body.client, true]);
});
