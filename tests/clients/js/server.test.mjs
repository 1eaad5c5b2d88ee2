// Against a real server: see served.mjs.

import assert from 'node:assert/strict';
import process from 'node:process';
import { describe, test } from 'node:test';

import { connect } from '../../../static/client/index.js';
import { WebSocket, client, guarded, isLive, name, publish, skip, until, url } from './served.mjs';

/** Sockets that a test can cut, as a network does: without a Close. */
function cuttable() {
  const open = new Set();
  class Cuttable extends WebSocket {
    constructor(...args) {
      super(...args);
      open.add(this);
    }
  }
  const requests = new Set();
  const cutFetch = (input, init = {}) => {
    const abort = new AbortController();
    requests.add(abort);
    init.signal?.addEventListener('abort', () => abort.abort());
    return fetch(input, { ...init, signal: abort.signal });
  };
  const cut = () => {
    for (const socket of open) socket.terminate();
    for (const abort of requests) abort.abort();
    open.clear();
    requests.clear();
  };
  return { WebSocket: Cuttable, fetch: cutFetch, cut };
}

describe('a client of a real server', { concurrency: true }, () => {
  for (const transport of ['websocket', 'sse', 'poll']) {
    test(`${transport}: live, then every event in order`, { skip }, async (context) => {
      const topic = `${name()}/a`;
      const it = client(context, transport, { topics: topic });
      const seen = [];
      it.on('event', ({ data }) => seen.push(data));
      await isLive(it);
      assert.equal(it.transport, transport);
      await publish(topic, 2000);
      await until(it, () => seen.length >= 2000);
      assert.deepEqual(seen, Array.from({ length: 2000 }, (_, index) => index));
      assert.ok(it.counts.bytes > 100_000);
    });

    test(`${transport}: history first, from a given cursor`, { skip }, async (context) => {
      const topic = `${name()}/a`;
      await publish(topic, 1500);
      const it = client(context, transport, { topics: topic, cursor: 'earliest' });
      const seen = [];
      it.on('event', ({ data }) => seen.push(data));
      await until(it, () => it.state === 'live');
      await publish(topic, 5, 1500);
      await until(it, () => seen.length >= 1505);
      assert.deepEqual(seen, Array.from({ length: 1505 }, (_, index) => index));
    });

    test(`${transport}: cut again and again, no event is missed or given twice`, { skip }, async (context) => {
      const topic = `${name()}/a`;
      const { cut, ...given } = cuttable();
      // (no waiting between attempts, and three failures in a row are no reason to look elsewhere)
      const it = client(context, transport, { topics: topic, ...given, random: () => 0 });
      const seen = [];
      it.on('event', ({ data }) => {
        seen.push(data);
        if (data % 97 === 0) setImmediate(cut);
      });
      await isLive(it);
      for (let first = 0; first < 3000; first += 300) await publish(topic, 300, first);
      await until(it, () => seen.length >= 3000);
      assert.deepEqual(seen, Array.from({ length: 3000 }, (_, index) => index));
      assert.ok(it.counts.reconnects > (transport === 'poll' ? 0 : 3), `${it.counts.reconnects} reconnects`);
    });

    test(`${transport}: topics are added and dropped while it runs`, { skip }, async (context) => {
      const app = name();
      const it = client(context, transport, { topics: `${app}/a` });
      const all = [];
      it.on('event', ({ data }) => all.push(data));
      await isLive(it);
      const seen = [];
      const { ready, unsubscribe } = it.subscribe(`${app}/b/*`, ({ data }) => seen.push(data));
      await ready;
      await publish(`${app}/b/1`, 2);
      await until(it, () => seen.length === 2);
      unsubscribe();
      await publish(`${app}/b/1`, 1, 2);
      await publish(`${app}/a`, 1, 3);
      await until(it, () => all.includes(3));
      assert.deepEqual(all, [0, 1, 3]);
      assert.deepEqual(seen, [0, 1]);
    });

    test(`${transport}: what is published comes back, once, also if it was sent twice`, { skip }, async (context) => {
      const topic = `${name()}/a`;
      const it = client(context, transport, { topics: topic });
      await isLive(it);
      const events = it.events(topic);
      const first = await it.publish(topic, { n: 1 }, { id: 'same', type: 'order.paid', subject: 'o-1' });
      const again = await it.publish(topic, { n: 1 }, { id: 'same', type: 'order.paid', subject: 'o-1' });
      assert.equal(again.cursor, first.cursor);
      assert.equal(again.duplicate, true);
      await it.publish(topic, { n: 2 });
      const seen = [];
      for await (const event of events) {
        seen.push(event);
        if (event.data.n === 2) break;
      }
      assert.deepEqual(seen.map(({ data }) => data.n), [1, 2]);
      assert.deepEqual([seen[0].id, seen[0].type, seen[0].subject], ['same', 'order.paid', 'o-1']);
    });

    test(`${transport}: a cursor of another life of the log is a reset`, { skip }, async (context) => {
      const topic = `${name()}/a`;
      const it = client(context, transport, { topics: topic, cursor: 'zzzzzz-999999999' });
      const resets = [];
      const seen = [];
      it.on('reset', (reset) => resets.push(reset));
      it.on('event', ({ data }) => seen.push(data));
      await isLive(it);
      await publish(topic, 1);
      await until(it, () => seen.length);
      assert.equal(resets.length, 1);
      assert.ok(['unknown', 'ahead', 'epoch'].includes(resets[0].reason));
      assert.equal(it.counts.resets, 1);
    });

    test(`${transport}: a topic that is none fails with the server's words`, { skip }, async (context) => {
      const it = client(context, transport, { topics: 'demo//a' });
      await until(it, () => it.state === 'failed');
      assert.equal(it.error.code, 'bad-request');
      assert.equal(it.error.field, 'topic');
      assert.match(it.error.detail, /demo\/\/a/);
    });

    test(`${transport}: a topic that is none is refused, and the others go on`, { skip }, async (context) => {
      const app = name();
      const it = client(context, transport, { topics: `${app}/a` });
      await isLive(it);
      await assert.rejects(it.subscribe('demo//a').ready, { code: 'bad-request' });
      const seen = [];
      it.on('event', ({ data }) => seen.push(data));
      await publish(`${app}/a`, 1);
      await until(it, () => seen.length);
      assert.equal(it.state, 'live');
    });

    test(`${transport}: without credentials it fails and says so`, { skip: !guarded }, async (context) => {
      const it = client(context, transport, { url: guarded, topics: 'demo/a' });
      await until(it, () => it.state === 'failed');
      assert.equal(it.error.status, 401);
    });

    test(`${transport}: tokens are renewed while it runs`, { skip: !guarded }, async (context) => {
      const app = name();
      const tokens = [];
      const token = async () => {
        const body = JSON.stringify({ subject: 'ann', subscribe: [`${app}/**`], publish: [`${app}/**`], ttl_s: 2 });
        const headers = { 'Content-Type': 'application/json', Authorization: `Bearer ${process.env.TRICAST_KEY}` };
        const answer = await fetch(`${guarded}/v1/tokens`, { method: 'POST', headers, body });
        tokens.push((await answer.json()).token);
        return tokens.at(-1);
      };
      const it = client(context, transport, { url: guarded, topics: `${app}/a`, token });
      const seen = [];
      it.on('event', ({ data }) => seen.push(data));
      await isLive(it);
      for (let count = 0; tokens.length < 4; count++) {
        await it.publish(`${app}/a`, count);
        await new Promise((resolve) => setTimeout(resolve, 50)); // (time must pass: the tokens live 2 s)
      }
      await it.publish(`${app}/a`, 'last');
      await until(it, () => seen.at(-1) === 'last');
      assert.deepEqual(seen.slice(0, -1), seen.slice(0, -1).map((_, index) => index));
      assert.notEqual(it.state, 'failed');
    });
  }

  test('one transport hands over to a better one under load, without a gap', { skip }, async (context) => {
    const topic = `${name()}/a`;
    const app = topic.split('/')[0];
    const it = client(context, 'sse', { topics: topic });
    const seen = [];
    it.on('event', (event) => event.topic === topic && seen.push(event.data));
    await isLive(it);
    const publishing = (async () => {
      for (let first = 0; first < 5000; first += 50) await publish(topic, 50, first);
    })();
    for (let count = 0; count < 20; count++) await it.subscribe(`${app}/${count}`).ready;
    await publishing;
    await until(it, () => seen.length >= 5000);
    assert.deepEqual(seen, Array.from({ length: 5000 }, (_, index) => index));
    assert.equal(it.counts.reconnects, 0);
  });

  test('without a WebSocket in the runtime it takes the event stream', { skip }, async (context) => {
    const it = connect({ url, WebSocket: null, topics: `${name()}/a` });
    context.after(() => it.close());
    await isLive(it);
    assert.equal(it.transport, 'sse');
  });
});
