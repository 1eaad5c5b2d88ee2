import assert from 'node:assert/strict';
import { test } from 'node:test';

import { control, settled, storage, unavailable } from './fakes.mjs';
import { live } from './given.mjs';

const KEY = 'tricast:https://hub.example/v1/apps/shop/production/ofrep/v1/evaluate/flags';

function bulk(values) {
  return { flags: Object.entries(values).map(([key, value]) => ({ key, value, reason: 'STATIC', variant: 'x' })) };
}

async function flagging({ values = { banner: true, limit: 3 }, ...options } = {}) {
  const all = await live(options);
  const flags = all.client.flags('shop', 'production', options.context);
  const seen = [];
  flags.on('change', (change) => seen.push(change));
  flags.on('stale', (stale) => seen.push(stale));
  if (values) {
    await all.clock.pass(50);
    all.net.last.answer(200, bulk(values), { etag: '"1"' });
    await settled();
    await all.clock.pass(50);
    all.web.last.reply('subscribe');
  }
  return { ...all, flags, seen };
}

test('it asks for all flags at once, for its context', async () => {
  const { net, flags } = await flagging({ context: { targetingKey: 'ann' } });
  await flags.ready;
  assert.equal(net.asked[0].url.pathname, '/v1/apps/shop/production/ofrep/v1/evaluate/flags');
  assert.deepEqual(net.asked[0].body, { context: { targetingKey: 'ann' } });
  assert.equal(flags.get('banner', false), true);
  assert.deepEqual(flags.all(), { banner: true, limit: 3 });
  assert.equal(flags.stale, false);
});

test('without a value, or with one of another type, the fallback counts', async () => {
  const { flags } = await flagging();
  assert.equal(flags.get('unknown', 'blue'), 'blue');
  assert.equal(flags.get('limit', 'three'), 'three');
  assert.equal(flags.get('limit'), 3);
});

test('it listens to the changes of its environment, and asks again when there is one', async () => {
  const { web, net, clock, flags, seen } = await flagging();
  assert.deepEqual(web.last.last('subscribe').topics, ['shop/flags/production']);
  seen.length = 0;
  for (const offset of [11, 12, 13]) web.last.event(offset, { topic: 'shop/flags/production', type: 'flag.updated' });
  const before = net.asked.length;
  await clock.pass(50);
  assert.equal(net.asked.length, before + 1, 'three changes, one question');
  assert.equal(net.last.headers['If-None-Match'], '"1"');
  assert.equal(net.last.url.searchParams.get('flagConfigEtag'), 'e-13');
  net.last.answer(200, bulk({ banner: false, limit: 3, color: 'red' }), { etag: '"2"' });
  await settled();
  assert.deepEqual(seen, [
    { key: 'banner', old: true, new: false },
    { key: 'color', old: undefined, new: 'red' },
  ]);
  assert.equal(flags.get('banner', true), false);
});

test('304 changes nothing and is fresh', async () => {
  const { web, net, clock, flags, seen } = await flagging();
  seen.length = 0;
  web.last.event(11, { topic: 'shop/flags/production' });
  await clock.pass(50);
  net.last.answer(304);
  await settled();
  assert.deepEqual([flags.stale, seen], [false, []]);
});

test('it is stale as soon as the connection is lost, and fresh when it is back and was asked', async () => {
  const { web, net, clock, flags, seen } = await flagging();
  seen.length = 0;
  web.last.end();
  assert.equal(flags.stale, true);
  await clock.pass(1000);
  web.last.hello();
  web.last.live('e-10');
  await clock.pass(50);
  assert.equal(flags.stale, true);
  net.last.answer(304);
  await settled();
  assert.deepEqual(seen, [true, false]);
});

test('remembered values are there at once, and stale', async () => {
  const kept = storage();
  const first = await flagging({ storage: kept });
  first.client.close();
  const { flags, net, clock, seen } = await flagging({ storage: kept, values: null });
  await flags.ready;
  assert.equal(flags.get('banner', false), true);
  assert.equal(flags.stale, true);
  await clock.pass(50);
  assert.equal(net.last.headers['If-None-Match'], '"1"');
  net.last.answer(304);
  await settled();
  assert.equal(flags.stale, false);
  assert.deepEqual(seen, [false]);
});

test("another context's values are not taken", async () => {
  const kept = storage({ [KEY]: JSON.stringify({ context: '{"targetingKey":"ben"}', etag: '"9"', values: { banner: 1 } }) });
  const { flags } = await flagging({ storage: kept, values: null, context: { targetingKey: 'ann' } });
  assert.deepEqual(flags.all(), {});
});

test('spoilt storage is no obstacle', async () => {
  const { flags } = await flagging({ storage: storage({ [KEY]: '{oops' }) });
  assert.equal(flags.get('banner', false), true);
});

test('while the server fails it tries again', async () => {
  const { flags, net, clock } = await flagging({ values: null });
  await clock.pass(50);
  net.last.problem(unavailable);
  await clock.pass(10_000);
  net.last.fail();
  await clock.pass(10_000);
  net.last.answer(200, bulk({ banner: true }));
  await settled();
  assert.equal(flags.get('banner', false), true);
});

test('another context asks again, and its answer alone counts', async () => {
  const { flags, net } = await flagging();
  const first = flags.context({ targetingKey: 'ann' });
  await settled();
  const late = net.last;
  const second = flags.context({ targetingKey: 'ben' });
  await settled();
  assert.equal(net.last.headers['If-None-Match'], undefined);
  net.last.answer(200, bulk({ banner: 'ben' }));
  await second;
  late.answer(200, bulk({ banner: 'ann' }));
  await first;
  assert.equal(flags.get('banner', ''), 'ben');
});

test('another context is there when that is said, also if something else was asked meanwhile', async () => {
  const { flags, web, net, clock } = await flagging();
  let isThere = false;
  flags.context({ targetingKey: 'ann' }).then(() => (isThere = true));
  await settled();
  const first = net.last;
  web.last.event(11, { topic: 'shop/flags/production' });
  await clock.pass(50);
  first.answer(200, bulk({ banner: 'old' }));
  await settled();
  assert.equal(isThere, false);
  net.last.answer(200, bulk({ banner: 'ann' }));
  await settled();
  assert.deepEqual([isThere, flags.get('banner', '')], [true, 'ann']);
});

test('a reset is a reason to ask again', async () => {
  const { web, net, clock } = await flagging();
  const before = net.asked.length;
  web.last.say(control('reset', { reason: 'trimmed', cursor: 'e-90', oldest: 'e-80' }));
  await clock.pass(50);
  assert.equal(net.asked.length, before + 1);
});

test('closed, it asks and listens no more', async () => {
  const { flags, web, net, clock, seen } = await flagging();
  seen.length = 0;
  flags.close();
  await settled();
  assert.deepEqual(web.last.last('unsubscribe').topics, ['shop/flags/production']);
  const before = net.asked.length;
  web.last.end();
  await clock.pass(1000);
  web.last.hello();
  web.last.live('e-10');
  await clock.pass(1000);
  assert.equal(net.asked.length, before);
  assert.deepEqual(seen, []);
});
