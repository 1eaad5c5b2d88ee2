// Presence and flags against a real server: see served.mjs.

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';

import { storage } from './fakes.mjs';
import { TRANSPORTS, WebSocket, ask, client, guarded, isLive, mint, name, skip, start, until } from './served.mjs';

/** Done when the members of a room are these, as texts `subject` or `subject:state`. */
async function isRoom(room, ...wanted) {
  const shown = () => room.members().map(({ subject, state }) => (state ? `${subject}:${state.at}` : subject)).sort();
  await new Promise((resolve) => {
    const look = () => String(shown()) === String(wanted) && (off(), resolve());
    const off = room.on('change', () => queueMicrotask(look));
    queueMicrotask(look);
  });
}

/** Done when `holds()`, looked at with everything that flags tell. */
function isFlag(flags, holds) {
  return new Promise((resolve) => {
    const look = () => holds() && (offs.forEach((off) => off()), resolve());
    const offs = ['change', 'stale'].map((what) => flags.on(what, () => queueMicrotask(look)));
    queueMicrotask(look);
  });
}

describe('presence on a real server', { concurrency: true, skip: skip || !guarded }, () => {
  for (const transport of TRANSPORTS) {
    test(`${transport}: who is there is seen first; joining, changing and leaving by all`, async (context) => {
      const app = name();
      const topic = `${app}/room`;
      const here = async (subject) => {
        const token = await mint(subject, app, { scopes: ['presence'] });
        const it = client(context, transport, { url: guarded, token, topics: `${app}/x` });
        const room = it.presence(topic);
        await isLive(it);
        return { it, room };
      };
      const ann = await here('ann');
      await ann.room.set({ at: 'door' });
      const ben = await here('ben');
      const lists = [];
      ben.room.on('change', (members) => lists.push(members.map(({ subject }) => subject)));
      await isRoom(ben.room, 'ann:door');
      await ben.room.set({ at: 'window' });
      await Promise.all([isRoom(ann.room, 'ann:door', 'ben:window'), isRoom(ben.room, 'ann:door', 'ben:window')]);
      await ann.room.set({ at: 'table' });
      await isRoom(ben.room, 'ann:table', 'ben:window');
      await ann.room.leave();
      await isRoom(ben.room, 'ben:window');
      const [{ connections, since }] = ben.room.members();
      assert.deepEqual([connections, Number.isNaN(Date.parse(since))], [1, false]);
      await isRoom(ann.room, 'ben:window');
      ben.it.close();
      await isRoom(ann.room);
    });

    test(`${transport}: who comes back is there again, and never left`, async (context) => {
      const app = name();
      const token = await mint('ann', app, { scopes: ['presence'] });
      const it = client(context, transport, { url: guarded, token, topics: `${app}/x`, random: () => 0 });
      const watcher = client(context, 'websocket', { url: guarded, token: await mint('ben', app, { scopes: ['presence'] }), topics: `${app}/x` });
      const [room, seen] = [it.presence(`${app}/room`), watcher.presence(`${app}/room`)];
      const lefts = [];
      watcher.subscribe(`${app}/room`, ({ type }) => type === 'presence.left' && lefts.push(type));
      await Promise.all([isLive(it), isLive(watcher)]);
      await room.set({ at: 'door' });
      await isRoom(seen, 'ann:door');
      it.auth(await mint('ann', app, { scopes: ['presence'] }));
      await room.set({ at: 'table' });
      await isRoom(seen, 'ann:table');
      assert.deepEqual(lefts, []);
    });
  }

  test('without the right to presence it is told, and events go on', async (context) => {
    const app = name();
    const it = client(context, 'websocket', { url: guarded, token: await mint('ann', app), topics: `${app}/a` });
    const errors = [];
    const seen = [];
    it.on('error', ({ code }) => errors.push(code));
    it.on('event', ({ data }) => seen.push(data));
    await isLive(it);
    it.presence(`${app}/a`);
    await until(it, () => errors.length);
    await it.publish(`${app}/a`, 1);
    await until(it, () => seen.length);
    assert.deepEqual([errors, seen, it.state], [['forbidden'], [1], 'live']);
  });
});

/** A boolean flag of an app of its own; `flip` sets what it is. */
async function flagged(at) {
  const app = name();
  const key = 'new-checkout';
  const variants = { blue: '#00f', red: '#f00' };
  await ask(`/v1/flags?app=${app}`, { key, type: 'boolean' }, { at });
  const environment = { state: 'ENABLED', defaultVariant: 'blue', targeting: { if: [{ '==': [{ var: 'plan' }, 'pro'] }, 'red', 'blue'] } };
  await ask(`/v1/flags?app=${app}`, { key: 'color', type: 'string', variants, environments: { production: environment } }, { at });
  const change = { environments: { production: { state: 'ENABLED', defaultVariant: 'off' } } };
  await ask(`/v1/flags/${key}?app=${app}`, change, { at, method: 'PATCH', headers: { 'If-Match': '*' } });
  const flip = (to) => {
    const body = { environments: { production: { defaultVariant: to } } };
    return ask(`/v1/flags/${key}?app=${app}`, body, { at, method: 'PATCH', headers: { 'If-Match': '*' } });
  };
  return { app, key, flip };
}

describe('flags on a real server', { concurrency: true, skip }, () => {
  for (const transport of TRANSPORTS) {
    test(`${transport}: values at once, and a change that is made is told with old and new`, async (context) => {
      const { app, key, flip } = await flagged();
      const flags = client(context, transport, { topics: `${app}/x` }).flags(app, 'production', { targetingKey: 'ann' });
      await flags.ready;
      await isFlag(flags, () => !flags.stale);
      assert.deepEqual(flags.all(), { [key]: false, color: '#00f' });
      assert.deepEqual([flags.get(key, true), flags.get('color', ''), flags.get('nothing', 7)], [false, '#00f', 7]);
      const changes = [];
      flags.on('change', (change) => changes.push(change));
      await flip('on');
      await isFlag(flags, () => changes.length);
      assert.deepEqual(changes, [{ key, old: false, new: true }]);
      assert.equal(flags.get(key, false), true);
    });
  }

  test('remembered values are there before the server was asked, and called stale; then they are made true', async (context) => {
    const { app, key, flip } = await flagged();
    const kept = storage();
    const first = client(context, 'websocket', { storage: kept });
    await first.flags(app, 'production').ready;
    first.close();
    await flip('on');
    const flags = client(context, 'websocket', { storage: kept }).flags(app, 'production');
    assert.deepEqual([flags.get(key, true), flags.stale], [false, true]);
    const changes = [];
    flags.on('change', (change) => changes.push(change));
    await isFlag(flags, () => !flags.stale);
    assert.deepEqual(changes, [{ key, old: false, new: true }]);
    // (unchanged since: 304)
    const again = client(context, 'sse', { storage: kept }).flags(app, 'production');
    await isFlag(again, () => !again.stale);
    assert.equal(again.get(key, false), true);
  });

  test('where there is no server the remembered values stay, stale', async (context) => {
    const { app, key } = await flagged();
    const kept = storage();
    const first = client(context, 'websocket', { storage: kept });
    await first.flags(app, 'production').ready;
    first.close();
    const down = () => Promise.reject(new TypeError('fetch failed'));
    const it = client(context, 'sse', { storage: kept, fetch: down });
    const flags = it.flags(app, 'production');
    await flags.ready;
    await until(it, () => it.state === 'reconnecting');
    assert.deepEqual([flags.get(key, true), flags.stale], [false, true]);
  });

  test('another context is evaluated anew, and remembered as its own', async (context) => {
    const { app } = await flagged();
    const kept = storage();
    const flags = client(context, 'websocket', { storage: kept }).flags(app, 'production', { plan: 'free' });
    await flags.ready;
    const changes = [];
    flags.on('change', (change) => changes.push(change));
    await flags.context({ plan: 'pro' });
    assert.deepEqual(changes, [{ key: 'color', old: '#00f', new: '#f00' }]);
    const other = client(context, 'websocket', { storage: kept }).flags(app, 'production', { plan: 'free' });
    assert.deepEqual(other.all(), {});
    await other.ready;
    assert.equal(other.get('color', ''), '#00f');
  });

  test('what changed while the connection was lost is known when it is back', async (context) => {
    const { app, key, flip } = await flagged();
    let isCut = false;
    const open = new Set();
    class Cuttable extends WebSocket {
      constructor(address, ...more) {
        super(isCut ? 'ws://127.0.0.1:9' : address, ...more);
        open.add(this);
      }
    }
    const cutFetch = (...how) => (isCut ? Promise.reject(new TypeError('fetch failed')) : fetch(...how));
    const it = client(context, 'websocket', { WebSocket: Cuttable, fetch: cutFetch, random: () => 0.01 });
    const flags = it.flags(app, 'production');
    await isFlag(flags, () => !flags.stale);
    const said = [];
    flags.on('stale', (stale) => said.push(stale));
    flags.on('change', ({ old, new: value }) => said.push([old, value]));
    isCut = true;
    for (const socket of open) socket.terminate();
    await isFlag(flags, () => flags.stale);
    await flip('on');
    isCut = false;
    await isFlag(flags, () => !flags.stale);
    assert.deepEqual(said, [true, [false, true], false]);
    assert.equal(flags.get(key, false), true);
  });

  test('a server that is restarted has them as before, and tells what changes then', async (context) => {
    const first = await start(context);
    const { app, key, flip } = await flagged(first.url);
    const flags = client(context, 'websocket', { url: first.url, random: () => 0.01 }).flags(app, 'production');
    await isFlag(flags, () => !flags.stale);
    const said = [];
    flags.on('stale', (stale) => said.push(stale));
    flags.on('change', ({ old, new: value }) => said.push([old, value]));
    await first.stop();
    await isFlag(flags, () => flags.stale);
    assert.equal(flags.get(key, true), false);
    await first.start();
    await isFlag(flags, () => !flags.stale);
    await flip('on');
    await isFlag(flags, () => flags.get(key, false));
    assert.deepEqual(said, [true, false, [false, true]]);
  });
});
