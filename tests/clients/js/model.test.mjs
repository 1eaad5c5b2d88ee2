// Whatever happens, in whatever order: nothing is missing and nothing is doubled.
//
//     MODEL_SEED=17 node --test tests/clients/js/model.test.mjs       one of them again
//     MODEL_ROUNDS=2000 node --test …                                 more of them

import assert from 'node:assert/strict';
import process from 'node:process';
import { test } from 'node:test';

import { connect } from '../../../static/client/index.js';
import { Clock, browser, settled, storage } from './fakes.mjs';
import { HubModel, chance } from './hubmodel.mjs';

const TOPICS = Array.from('abcdefgh', (letter) => `demo/${letter}`);
const TRANSPORTS = [['websocket'], ['sse'], ['poll'], ['websocket', 'sse', 'poll'], ['websocket', 'sse']];
const SEED = Number(process.env.MODEL_SEED ?? 0);
const ROUNDS = SEED ? 1 : Number(process.env.MODEL_ROUNDS ?? 25);

/** A client, what it subscribes to, and what that must have brought. */
class Player {
  subscriptions = [];
  offsets = [];

  constructor(hub, options) {
    this.hub = hub;
    this.client = connect({ url: 'https://hub.example', ...options });
    this.client.on('event', ({ cursor }) => this.offsets.push(Number(cursor.slice(2))));
    this.client.on('reset', () => assert.fail('there is no gap'));
    this.client.on('error', (error) => assert.fail(error));
  }

  subscribe(topic) {
    const it = { topic, given: [], from: Infinity, to: Infinity };
    it.subscription = this.client.subscribe(topic, ({ cursor }) => it.given.push(Number(cursor.slice(2))));
    it.subscription.ready.then(
      () => it.to === Infinity && (it.from = this.hub.head),
      () => {},
    );
    this.subscriptions.push(it);
  }

  unsubscribe(which) {
    const active = this.subscriptions.filter(({ to }) => to === Infinity);
    const it = active[which % active.length];
    if (!it) return;
    it.subscription.unsubscribe();
    it.to = it.given.at(-1) ?? 0; // (what was under way is nobody's)
  }

  leave() {
    this.isGone = true;
    for (const it of this.subscriptions) if (it.to === Infinity) it.to = it.given.at(-1) ?? 0;
  }

  check() {
    assert.deepEqual(this.offsets, [...new Set(this.offsets)].sort((one, other) => one - other), 'in order, none twice');
    for (const { topic, given, from, to } of this.subscriptions) {
      if (to === Infinity) assert.notEqual(from, Infinity, `${topic} is in force`);
      const all = this.hub.log.flatMap((on, index) => (on === topic ? [index + 1] : []));
      const [first = Infinity] = given; // (what was before `ready` may come too, but then all that follows)
      assert.deepEqual(given, all.filter((offset) => offset <= to && (offset > from || offset >= first)), topic);
    }
  }
}

async function play(seed, isShared) {
  const random = chance(seed);
  const clock = new Clock();
  const hub = new HubModel(clock, random);
  const { tab } = browser();
  const transports = random.pick(TRANSPORTS);
  const kept = storage({ 'tricast:https://hub.example': transports.at(-1) });
  const players = [];
  const open = () => {
    const place = isShared ? tab() : { locks: null, BroadcastChannel: null };
    const { WebSocket, fetch } = hub;
    const { setTimeout, clearTimeout, now } = clock;
    const around = { WebSocket, fetch, setTimeout, clearTimeout, now, random: random.next, storage: kept, events: null };
    const player = new Player(hub, { ...around, transports, locks: place.locks, BroadcastChannel: place.BroadcastChannel });
    player.place = place;
    player.subscribe(random.pick(TOPICS));
    players.push(player);
  };
  const present = () => players.filter(({ isGone }) => !isGone);
  const steps = {
    publish: () => hub.publish(random.pick(TOPICS)),
    burst: () => Array.from({ length: 10 }, () => hub.publish(random.pick(TOPICS))),
    subscribe: () => random.pick(present()).subscribe(random.pick(TOPICS)),
    /** Events come while topics are being added. */
    rush: async () => {
      steps.subscribe();
      for (let count = 0; count < 12; count++) {
        steps.publish();
        await clock.pass(random.below(60));
      }
    },
    unsubscribe: () => random.pick(present()).unsubscribe(random.below(5)),
    cut: () => hub.cut(),
    block: () => hub.blocked.set(random.pick(transports), random.pick(['cut', 'silent', undefined])),
    auth: () => random.pick(present()).client.auth(),
    open: () => isShared && present().length < 4 && open(),
    leave: () => {
      const player = random.pick(present());
      if (!isShared || present().length < 2) return;
      player.leave();
      if (random.below(2)) player.place.kill();
      player.client.close();
    },
    wait: () => clock.pass(random.pick([1, 20, 60, 200, 1000, 6000, 40_000])),
  };
  const names = ['publish', 'burst', 'rush', 'rush', 'subscribe', 'unsubscribe', 'unsubscribe', 'cut', 'block', 'open', 'leave', 'auth'];
  open();
  for (let step = 0; step < 40; step++) {
    await steps[random.pick(names)]();
    if (random.below(2)) steps.publish();
    await clock.pass(random.pick([0, 1, 10, 30, 100, 500]));
    if (!random.below(6)) await steps.wait();
  }
  hub.blocked.clear();
  for (const player of present()) player.subscribe('demo/a');
  for (let minute = 0; minute < 4; minute++) {
    await clock.pass(60_000);
    steps.publish();
  }
  await clock.pass(60_000);
  await settled();
  for (const player of players) player.check();
  for (const { client } of present()) assert.equal(client.state, 'live');
  if (isShared) {
    const own = present().filter(({ client }) => client.transport !== 'tab');
    assert.equal(own.length, 1, 'one connection for all');
  } else assert.ok(hub.most <= 2, `${hub.most} connections at a time`);
  for (const { client } of present()) client.close();
  await settled();
  assert.equal(hub.streams.size, 0);
}

for (const isShared of [false, true]) {
  test(`in any order of events ${isShared ? 'in tabs that share' : 'one client'} misses nothing and doubles nothing`, async () => {
    for (let round = 0; round < ROUNDS; round++) {
      const seed = SEED || Math.floor(Math.random() * 2 ** 31) + 1;
      try {
        await play(seed, isShared);
      } catch (error) {
        error.message = `MODEL_SEED=${seed}: ${error.message}`;
        throw error;
      }
    }
  });
}
