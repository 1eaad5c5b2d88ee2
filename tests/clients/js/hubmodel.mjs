// A hub as a model: a log and its three transports over a network that delays, cuts and blocks, by chance and by seed.

import { control, event } from './fakes.mjs';

/** Numbers from 0 to 1, the same for the same seed (a linear congruence is random enough). */
export function chance(seed) {
  let state = seed >>> 0;
  const next = () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return ((state ^ (state >>> 15)) >>> 0) / 2 ** 32;
  };
  for (let turn = 0; turn < 3; turn++) next();
  const below = (count) => Math.floor(next() * count);
  return { next, below, pick: (list) => list[below(list.length)] };
}

const ANSWERED_AT_MOST = 3;

export class HubModel {
  log = [];
  /** Transports that don't get through: `cut` at once, or `silent`. */
  blocked = new Map();
  streams = new Set();
  /** The most streams that there were at a time. */
  most = 0;

  constructor(clock, random) {
    this.clock = clock;
    this.random = random;
    const hub = this;
    this.WebSocket = class {
      onmessage = null;
      onclose = null;
      onerror = null;
      constructor(url) {
        this.stream = hub.#open('websocket', new URL(url), {
          say: (message) => this.onmessage?.({ data: JSON.stringify(message) }),
          end: () => this.onclose?.({ code: 1006, reason: '' }),
        });
      }
      send(text) {
        hub.#later(this.stream.up, () => hub.#obey(this.stream, JSON.parse(text)));
      }
      close() {
        hub.#gone(this.stream);
      }
    };
  }

  get head() {
    return this.log.length;
  }

  publish(topic) {
    this.log.push(topic);
    for (const stream of this.streams) this.#soon(stream);
  }

  /** Somebody's connection breaks. */
  cut() {
    const stream = this.random.pick([...this.streams]);
    if (stream) this.#break(stream);
  }

  /** As `fetch` is. */
  fetch = (url, { signal } = {}) => {
    const asked = new URL(url);
    return asked.searchParams.get('transport') === 'sse' ? this.#sse(asked, signal) : this.#poll(asked, signal);
  };

  #sse(url, signal) {
    return new Promise((resolve, reject) => {
      const { readable, writable } = new TransformStream();
      const writer = writable.getWriter();
      const encoder = new TextEncoder();
      let answer = () => {
        answer = () => {};
        resolve(new Response(readable, { headers: { 'content-type': 'text/event-stream' } }));
      };
      const stream = this.#open('sse', url, {
        say: (message) => {
          answer();
          writer.write(encoder.encode(`data: ${JSON.stringify(message)}\n\n`)).catch(() => {});
        },
        end: () => {
          reject(new TypeError('fetch failed'));
          writer.abort(new TypeError('terminated')).catch(() => {});
        },
      });
      signal?.addEventListener('abort', () => {
        this.#gone(stream);
        reject(signal.reason);
        writer.abort(signal.reason).catch(() => {});
      });
    });
  }

  #poll(url, signal) {
    return new Promise((resolve, reject) => {
      const stream = this.#open('poll', url, {
        say: (body) => {
          signal.removeEventListener('abort', stop);
          resolve(new Response(JSON.stringify(body), { headers: { 'content-type': 'application/json' } }));
        },
        end: () => reject(new TypeError('fetch failed')),
      });
      const stop = () => {
        this.#gone(stream);
        reject(signal.reason);
      };
      signal.addEventListener('abort', stop);
    });
  }

  #open(transport, url, wire) {
    const cursor = url.searchParams.get('cursor');
    const stream = {
      transport,
      wire,
      topics: new Set(url.searchParams.getAll('topic')),
      from: /^e-\d+$/.test(cursor) ? Number(cursor.slice(2)) : undefined,
      timeout: Number(url.searchParams.get('timeout')),
      // (some ways are slow)
      up: { at: 0, most: this.random.pick([2, 50, 300]) },
      down: { at: 0, most: this.random.pick([2, 50, 300]) },
    };
    this.streams.add(stream);
    const open = [...this.streams].filter((each) => each.transport !== 'poll');
    this.most = Math.max(this.most, open.length);
    this.#later(stream.up, () => this.#greet(stream));
    return stream;
  }

  #greet(stream) {
    const blocked = this.blocked.get(stream.transport);
    if (!this.streams.has(stream) || blocked === 'silent') return;
    if (blocked) return this.#break(stream);
    stream.position = stream.from ?? this.head;
    if (stream.transport === 'poll') return this.#answer(stream);
    const cursor = stream.position === this.head ? `e-${this.head}` : undefined;
    this.#say(stream, control('hello', { cursor, heartbeat_s: 15, expires_in_s: null, connection: 'c' }));
    this.#send(stream, 'live');
    this.#beat(stream);
  }

  #beat(stream) {
    this.clock.setTimeout(() => {
      if (!this.streams.has(stream)) return;
      this.#send(stream, 'heartbeat');
      this.#beat(stream);
    }, 15_000);
  }

  /** The server comes to it a little later. */
  #soon(stream) {
    if (stream.position === undefined) return;
    if (stream.transport === 'poll') return this.#answer(stream, true);
    this.clock.setTimeout(() => this.streams.has(stream) && this.#send(stream), this.random.below(30));
  }

  #send(stream, last) {
    while (stream.position < this.head) {
      const topic = this.log[stream.position++];
      if (stream.topics.has(topic)) this.#say(stream, event(stream.position, { topic }));
    }
    if (last) this.#say(stream, control(last, { cursor: `e-${stream.position}` }));
  }

  #obey(stream, { op, ref, topics = [] }) {
    if (!this.streams.has(stream)) return;
    for (const topic of topics) op === 'subscribe' ? stream.topics.add(topic) : stream.topics.delete(topic);
    const cursor = topics.length ? `e-${stream.position}` : undefined;
    this.#say(stream, control('reply', { op, ref, ok: true, cursor }));
    if (op === 'subscribe') this.#send(stream, 'live');
  }

  #answer(stream, isEvent) {
    const events = [];
    let position = stream.position;
    while (position < this.head && events.length < ANSWERED_AT_MOST) {
      const topic = this.log[position++];
      if (stream.topics.has(topic)) events.push(event(position, { topic }));
    }
    if (isEvent && !events.length) return;
    if (events.length || !stream.timeout || stream.isLate) {
      stream.position = undefined;
      return this.#say(stream, { cursor: `e-${position}`, events, reset: null }, () => this.#gone(stream));
    }
    this.clock.setTimeout(() => {
      stream.isLate = true;
      if (this.streams.has(stream) && stream.position !== undefined) this.#answer(stream);
    }, stream.timeout * 1000);
  }

  #say(stream, message, then = () => {}) {
    this.#later(stream.down, () => {
      if (!this.streams.has(stream)) return;
      stream.wire.say(message);
      then();
    });
  }

  #break(stream) {
    this.#gone(stream);
    this.clock.setTimeout(() => stream.wire.end(), this.random.below(20));
  }

  #gone(stream) {
    this.streams.delete(stream);
  }

  /** In order, each after a delay of its own. */
  #later(way, call) {
    way.at = Math.max(way.at, this.clock.now() + this.random.below(way.most));
    this.clock.setTimeout(call, way.at - this.clock.now());
  }
}
