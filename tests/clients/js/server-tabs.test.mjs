// Tabs against a real server that has no other clients meanwhile: see served.mjs.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { connect } from '../../../static/client/index.js';
import { browser } from './fakes.mjs';
import { TRANSPORTS, WebSocket, ask, isLive, name, publish, skip, until, url } from './served.mjs';

const BATCH = 25;
const BATCHES = 12;

/** Done when the server counts so many streams and waiting polls. */
async function areConnections(wanted) {
  let count;
  while (count !== wanted) {
    const metrics = await ask('/metrics', undefined, { method: 'GET' });
    count = [...metrics.matchAll(/^tricast_connections\{.*\} (\S+)$/gm)].reduce((sum, [, each]) => sum + Number(each), 0);
  }
}

for (const transport of TRANSPORTS) {
  test(`${transport}: five tabs have one connection; the leading one is killed, and nobody misses an event`, { skip }, async (context) => {
    const app = name();
    const { tab } = browser();
    const open = (number) => {
      const { locks, BroadcastChannel, kill } = tab();
      const topics = [`${app}/all`, `${app}/${number}`];
      const it = connect({ url, transports: [transport], topics, WebSocket, locks, BroadcastChannel });
      const seen = [];
      it.on('event', ({ topic, data }) => seen.push(`${topic.split('/')[1]} ${data}`));
      context.after(() => it.close());
      return { it, seen, kill: () => (kill(), it.close()), number };
    };
    await areConnections(0);
    const all = [0, 1, 2, 3, 4].map(open);
    await Promise.all(all.map(({ it }) => isLive(it)));
    await areConnections(1);
    const [leading] = all.filter(({ it }) => it.transport !== 'tab');
    const sending = (async () => {
      for (let batch = 0; batch < BATCHES; batch++) {
        await publish(`${app}/all`, BATCH, batch * BATCH);
        for (const { number } of all) await publish(`${app}/${number}`, 1, batch);
      }
    })();
    await until(leading.it, () => leading.seen.length > 3 * BATCH);
    leading.kill();
    await sending;
    const others = all.filter((one) => one !== leading);
    for (const { it, seen, number } of others) {
      const wanted = Array.from({ length: BATCHES }, (_, batch) => [
        ...Array.from({ length: BATCH }, (_, index) => `all ${batch * BATCH + index}`),
        `${number} ${batch}`,
      ]).flat();
      await until(it, () => seen.length >= wanted.length && it.state === 'live');
      assert.deepEqual(seen, wanted);
    }
    assert.equal(others.filter(({ it }) => it.transport !== 'tab').length, 1);
    await areConnections(1);
  });
}
