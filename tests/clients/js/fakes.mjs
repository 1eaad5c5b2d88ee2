// The client's surroundings, in the hands of a test: time, sockets, fetch, locks, channels.

/** Time that passes when it is told to. */
export class Clock {
  #now = 1_000_000;
  #id = 0;
  #timers = new Map();
  #ahead = 0;
  now = () => this.#now + this.#ahead;
  setTimeout = (call, ms) => {
    this.#timers.set(++this.#id, { at: this.#now + Math.max(0, ms), call });
    return this.#id;
  };
  clearTimeout = (id) => void this.#timers.delete(id);

  get waiting() {
    return this.#timers.size;
  }

  /** Let `ms` pass, timer by timer. */
  async pass(ms) {
    await settled();
    const end = this.#now + ms;
    for (;;) {
      const [id, next] = [...this.#timers].sort(([, a], [, b]) => a.at - b.at)[0] ?? [];
      if (!next || next.at > end) break;
      this.#timers.delete(id);
      this.#now = Math.max(this.#now, next.at);
      next.call();
      await settled();
    }
    this.#now = end;
  }

  /** Somebody sets the clock; timers go on as they were. */
  jump(ms) {
    this.#ahead += ms;
  }

  /** The machine sleeps: time goes on, timers don't. Then they are late. */
  sleep(ms) {
    this.#now += ms;
  }
}

/** Everything that was to happen at once has happened. */
export async function settled() {
  for (let turn = 0; turn < 5; turn++) await new Promise((resolve) => setImmediate(resolve));
}

/** WebSockets that were opened, newest last. The test is the server. */
export function sockets() {
  const opened = [];
  class FakeWebSocket {
    sent = [];
    isClosed = false;
    onmessage = null;
    onclose = null;
    onerror = null;
    constructor(url, protocols) {
      this.url = new URL(url);
      this.protocols = protocols;
      opened.push(this);
    }
    send(text) {
      if (!this.isClosed) this.sent.push(JSON.parse(text));
    }
    close() {
      this.isClosed = true;
    }
    // The server's side
    say(message) {
      this.onmessage?.({ data: JSON.stringify(message) });
    }
    hello(more = {}) {
      this.say(control('hello', { recovered: false, heartbeat_s: 15, expires_in_s: null, connection: 'c1', ...more }));
    }
    live(cursor) {
      this.say(control('live', { cursor }));
    }
    event(offset, more = {}) {
      this.say(event(offset, more));
    }
    reply(op, more = {}) {
      const { ref } = this.last(op);
      this.say(control('reply', { op, ok: true, ref, ...more }));
    }
    refuse(op, problem) {
      const { ref } = this.last(op);
      this.say(control('reply', { op, ok: false, ref, error: problem }));
    }
    last(op) {
      return this.sent.findLast((command) => command.op === op);
    }
    end(code = 1006, reason = '') {
      this.isClosed = true;
      this.onclose?.({ code, reason });
    }
  }
  return {
    WebSocket: FakeWebSocket,
    opened,
    get last() {
      return opened.at(-1);
    },
    get open() {
      return opened.filter((socket) => !socket.isClosed);
    },
  };
}

export function control(type, data) {
  const cursor = data.op === 'publish' ? undefined : data.cursor; // (that is no position of the connection)
  return { id: 'x', source: '/tricast', type: `tricast.${type}`, cursor, data };
}

export function event(offset, more = {}) {
  const cursor = offset === null ? undefined : `e-${offset}`;
  return { id: `id-${offset}`, source: '/a', type: 'message', topic: 'demo/a', cursor, data: offset, ...more };
}

export const unauthorized = { type: '/problems/unauthorized', status: 401, detail: 'the token expired' };
export const forbidden = { type: '/problems/forbidden', status: 403, detail: 'not yours' };
export const unavailable = { type: '/problems/unavailable', status: 503, detail: 'not now' };

/** Requests that were made, each to be answered by the test. */
export function fetches() {
  const asked = [];
  const fetch = (url, init = {}) =>
    new Promise((resolve, reject) => {
      const request = {
        url: new URL(url),
        ...init,
        isOver: false,
        resolve,
        body: init.body && JSON.parse(init.body),
        answer(status, body, headers = {}) {
          this.isOver = true;
          const text = body === undefined ? null : JSON.stringify(body);
          resolve(new Response(text, { status, headers: { 'content-type': 'application/json', ...headers } }));
        },
        problem(problem, headers = {}) {
          this.answer(problem.status, problem, { 'content-type': 'application/problem+json', ...headers });
        },
        fail() {
          this.isOver = true;
          reject(new TypeError('fetch failed'));
        },
        stream(headers = { 'content-type': 'text/event-stream' }) {
          const { readable, writable } = new TransformStream();
          const writer = writable.getWriter();
          const encoder = new TextEncoder();
          resolve(new Response(readable, { headers }));
          init.signal?.addEventListener('abort', () => writer.abort(init.signal.reason).catch(() => {}));
          return {
            bytes: (...bytes) => writer.write(new Uint8Array(bytes)),
            text: (text) => writer.write(encoder.encode(text)).catch(() => {}),
            say: (message) => writer.write(encoder.encode(block(message))).catch(() => {}),
            end: () => writer.close().catch(() => {}),
            fail: () => writer.abort(new TypeError('terminated')).catch(() => {}),
          };
        },
      };
      init.signal?.addEventListener('abort', () => {
        request.isOver = true;
        reject(init.signal.reason);
      });
      asked.push(request);
    });
  return {
    fetch,
    asked,
    get last() {
      return asked.at(-1);
    },
    get open() {
      return asked.filter((request) => !request.isOver);
    },
  };
}

export function block(message) {
  const id = message.cursor ? `id: ${message.cursor}\n` : '';
  const type = message.topic ? '' : `event: ${message.type}\n`;
  return `${type}${id}data: ${JSON.stringify(message)}\n\n`;
}

export function storage(kept = {}) {
  const map = new Map(Object.entries(kept));
  return { map, getItem: (key) => map.get(key) ?? null, setItem: (key, value) => void map.set(key, String(value)) };
}

/** A browser for several tabs: Web Locks and BroadcastChannel. `tab()` gives each tab its own. */
export function browser() {
  const held = new Map();
  const queues = new Map();
  const channels = new Set();

  function grant(name) {
    if (held.has(name)) return;
    const next = queues.get(name)?.shift();
    if (!next) return;
    held.set(name, next);
    Promise.resolve(next.callback({ name })).finally(() => free(name, next)).catch(() => {});
  }
  function free(name, entry) {
    if (held.get(name) !== entry) return;
    held.delete(name);
    entry.resolve();
    queueMicrotask(() => grant(name));
  }

  function tab() {
    const mine = [];
    const ours = new Set();
    const locks = {
      request: (name, { signal }, callback) =>
        new Promise((resolve, reject) => {
          const stop = () => {
            queues.set(name, queues.get(name).filter((each) => each !== entry));
            reject(signal.reason);
          };
          const entry = { callback: (lock) => (signal.removeEventListener('abort', stop), callback(lock)), resolve };
          mine.push([name, entry]);
          queues.set(name, [...(queues.get(name) ?? []), entry]);
          signal.addEventListener('abort', stop);
          queueMicrotask(() => grant(name));
        }),
    };
    class BroadcastChannel {
      onmessage = null;
      constructor(name) {
        this.name = name;
        channels.add(this);
        ours.add(this);
      }
      postMessage(message) {
        if (!channels.has(this)) return;
        const copy = structuredClone(message);
        for (const other of channels) {
          if (other === this || other.name !== this.name) continue;
          setImmediate(() => channels.has(other) && other.onmessage?.({ data: structuredClone(copy) }));
        }
      }
      close() {
        channels.delete(this);
      }
    }
    return {
      locks,
      BroadcastChannel,
      /** The tab is gone without a word. */
      kill() {
        for (const channel of ours) channels.delete(channel);
        for (const [name, entry] of mine) {
          queues.set(name, (queues.get(name) ?? []).filter((each) => each !== entry));
          free(name, entry);
        }
      },
    };
  }
  return { tab };
}
