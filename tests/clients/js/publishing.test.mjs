import assert from 'node:assert/strict';
import { test } from 'node:test';

import { forbidden, settled, unauthorized, unavailable } from './fakes.mjs';
import { given, live } from './given.mjs';

const receipt = { cursor: 'e-11', events: [{ id: 'x', cursor: 'e-11' }] };

test('a live WebSocket takes it, with an id of the client', async () => {
  const { client, web, net } = await live();
  const published = client.publish('demo/a', { total: 1 }, { type: 'order.paid', subject: 'o-1', source: '/me' });
  await settled();
  const { op, id, ref, ...members } = web.last.last('publish');
  assert.deepEqual(members, { topic: 'demo/a', data: { total: 1 }, type: 'order.paid', subject: 'o-1', source: '/me' });
  assert.match(id, /^[0-9a-f]{32}$/);
  web.last.reply('publish', receipt);
  assert.deepEqual(await published, { id: 'x', cursor: 'e-11' });
  assert.equal(net.asked.length, 0);
  assert.deepEqual([op, typeof ref], ['publish', 'number']);
});

test('without a WebSocket it is posted', async () => {
  const { client, net } = given({ topics: undefined, token: 'abc' });
  const published = client.publish('demo/a', 1, { id: 'mine' });
  await settled();
  assert.equal(net.last.method, 'POST');
  assert.equal(net.last.url.href, 'https://hub.example/v1/events');
  assert.equal(net.last.headers.Authorization, 'Bearer abc');
  assert.deepEqual(net.last.body, { id: 'mine', topic: 'demo/a', data: 1 });
  net.last.answer(201, receipt);
  assert.equal((await published).cursor, 'e-11');
});

test('what is large is posted: on a WebSocket too much would end the connection', async () => {
  const { client, net, web } = await live();
  client.publish('demo/a', 'x'.repeat(100_000)).catch(() => {});
  await settled();
  assert.equal(net.asked.length, 1);
  assert.equal(web.last.last('publish'), undefined);
});

test('lost on the way, it is sent again with the same id', async () => {
  const { client, web, net, clock } = await live();
  const published = client.publish('demo/a', 1);
  await settled();
  const { id } = web.last.last('publish');
  web.last.end();
  await clock.pass(1000);
  assert.equal(net.last.body.id, id);
  net.last.fail();
  await clock.pass(2000);
  net.last.answer(201, receipt);
  assert.equal((await published).cursor, 'e-11');
});

for (const status of [429, 503, 507]) {
  test(`${status} is tried again, after Retry-After`, async () => {
    const { client, net, clock } = given({ topics: undefined });
    const published = client.publish('demo/a', 1);
    await settled();
    net.last.problem({ ...unavailable, status }, { 'retry-after': '4' });
    await clock.pass(3999);
    assert.equal(net.asked.length, 1);
    await clock.pass(1);
    net.last.answer(201, receipt);
    assert.equal((await published).cursor, 'e-11');
  });
}

test('a refusal rejects at once', async () => {
  const { client, web } = await live();
  const published = client.publish('demo/a', 1);
  await settled();
  web.last.refuse('publish', { ...forbidden, field: 'topic' });
  await assert.rejects(published, { name: 'TricastError', code: 'forbidden', status: 403, field: 'topic' });
});

test('a refusal by a proxy rejects too', async () => {
  const { client, net } = given({ topics: undefined });
  const published = client.publish('demo/a', 1);
  await settled();
  net.last.answer(413, {});
  await assert.rejects(published, { code: 'http', status: 413 });
});

test('it gives up at its deadline, and says why', async () => {
  const { client, net, clock } = given({ topics: undefined });
  const published = client.publish('demo/a', 1, { timeoutMs: 5000 });
  const rejected = assert.rejects(published, { code: 'timeout', message: /fetch failed/ });
  for (let round = 0; round < 4; round++) {
    await settled();
    if (net.open.length) net.last.fail();
    await clock.pass(4000);
  }
  await rejected;
});

test('it gives up at its deadline also if no answer ever comes', async () => {
  const { client, clock } = await live();
  const rejected = assert.rejects(client.publish('demo/a', 1, { timeoutMs: 5000 }), { code: 'timeout' });
  await clock.pass(5000);
  await rejected;
});

test('a token that is refused is renewed once', async () => {
  let asked = 0;
  const { client, net } = given({ topics: undefined, token: () => `t${++asked}` });
  const published = client.publish('demo/a', 1);
  await settled();
  net.last.problem(unauthorized);
  await settled();
  assert.equal(net.last.headers.Authorization, 'Bearer t2');
  net.last.problem(unauthorized);
  await assert.rejects(published, { status: 401 });
});

test('a client that is closed publishes nothing more', async () => {
  const { client, net } = given({ topics: undefined });
  client.close();
  await assert.rejects(client.publish('demo/a', 1), { code: 'closed' });
  assert.equal(net.asked.length, 0);
});
