import { Connection } from './connection.js';
import { TricastError } from './errors.js';
import { Fallback } from './fallback.js';
import { Flags } from './flags.js';
import { buffered } from './iterators.js';
import { Listeners, guarded } from './listeners.js';
import { Patterns, matcher } from './patterns.js';
import { Presence } from './presence.js';
import { publish } from './publish.js';
import { attempt, runtimeOf } from './runtime.js';
import { Tabs } from './tabs.js';
import { Tokens } from './tokens.js';
import { newId } from './wire.js';

/** @import {Envelope, Hooks, IterateOptions, Options, PublishOptions, Setup, Told, TokenSource, Tricast} from './shapes.js' */

const ignore = () => {};

/**
 * @typedef {object} Entry
 * @property {string[]} list
 * @property {(topic: string) => boolean} matches
 * @property {(event: Envelope) => void} give
 * @property {(error?: Error) => void} [end]
 */

/** What the modules make together. @implements {Tricast} */
export class Client {
  /** @type {Setup} */
  #setup;
  #over = new AbortController();
  #connection;
  #tabs;
  #joined = Promise.resolve();
  #listeners = new Listeners();
  #patterns = new Patterns();
  /** @type {Set<Entry>} */
  #subscriptions = new Set();
  /** @type {Map<string, Presence>} */
  #presences = new Map();
  #state = '';

  /** @param {Options} options */
  constructor({ url, token, topics, cursor = 'latest', transports, share = true, ...given }) {
    const runtime = runtimeOf(given);
    const at = attempt(() => new URL(url ?? '/', /** @type {any} */ (globalThis).location?.href));
    if (!at?.protocol.startsWith('http')) {
      throw new TricastError('bad-request', `url '${url}' must be one such as 'https://hub.example'`, { field: 'url' });
    }
    const base = (at.origin + at.pathname).replace(/\/+$/, '');
    const tokens = new Tokens(runtime, token);
    const fallback = new Fallback(transports, runtime, at.origin);
    const tell = (/** @type {TricastError} */ error) => this.#listeners.emit('error', error);
    const over = this.#over.signal;
    this.#setup = { runtime, base, tokens, fallback, client: newId(), over, closing: new Set(), tell };
    /** @type {Hooks} */
    const hooks = {
      event: (event) => this.#give(event),
      reset: (reset) => {
        this.#tabs?.reset(reset);
        this.#listeners.emit('reset', reset);
      },
      presence: (message) => {
        this.#tabs?.give(message);
        for (const [topic, presence] of this.#presences) presence.take(message.data.topics[topic]);
      },
      refused: (topics, error) => this.#refused(topics, error),
      status: () => this.#status(),
      moved: () => this.#tabs?.moved(),
    };
    this.#connection = new Connection(this.#setup, hooks, cursor);
    if (share && runtime.locks && runtime.BroadcastChannel) {
      this.#tabs = new Tabs(this.#setup, this.#connection);
      this.#joined = this.#tabs.join(share).catch(ignore); // (without a token: alone)
    }
    if (topics) this.subscribe(topics);
  }

  get state() {
    return this.#connection.state;
  }
  get transport() {
    return this.#connection.transport;
  }
  get cursor() {
    return this.#connection.cursor;
  }
  get latency() {
    return this.#connection.latency;
  }
  get error() {
    return this.#connection.error;
  }
  get retryAt() {
    return this.#connection.retryAt;
  }
  get counts() {
    return this.#connection.counts;
  }

  /** @template {keyof Told} Name @param {Name} name @param {(told: Told[Name]) => void} listener */
  on(name, listener) {
    return this.#listeners.on(name, listener);
  }

  /** @param {string | string[]} topics @param {(event: Envelope) => void} [give] @param {(error?: Error) => void} [end] */
  subscribe(topics, give = ignore, end) {
    const list = [topics].flat();
    const entry = { list, matches: matcher(list), give, end };
    const connection = this.#connection;
    const joined = this.#joined;
    if (!this.#over.signal.aborted) {
      this.#subscriptions.add(entry);
      this.#patterns.change(list, 1);
      this.#want();
    }
    return {
      get ready() {
        return joined.then(() => connection.granted(list));
      },
      unsubscribe: () => this.#drop(entry),
    };
  }

  /** @param {string | string[]} topics @param {IterateOptions} [options] */
  events(topics, options = {}) {
    const { push, end, reader } = buffered(options, () => subscription.unsubscribe());
    const subscription = this.subscribe(topics, push, end);
    if (this.#over.signal.aborted) end();
    return reader;
  }

  /** @param {string} topic @param {unknown} [data] @param {PublishOptions} [options] */
  publish(topic, data, options = {}) {
    return publish(this.#setup, this.#connection, { ...options, topic, data });
  }

  /** @param {string} topic */
  presence(topic) {
    let presence = this.#presences.get(topic);
    if (!presence) {
      const done = () => (this.#presences.delete(topic), unsubscribe());
      this.#presences.set(topic, (presence = new Presence(this.#setup, this.#connection, topic, done)));
      const { unsubscribe } = this.subscribe(topic, (event) => presence?.change(event));
    }
    return presence;
  }

  /** @param {string} app @param {string} environment @param {Record<string, unknown>} [context] */
  flags(app, environment, context = {}) {
    return new Flags(this.#setup, this, app, environment, context);
  }

  /** @param {TokenSource} [source] */
  auth(source) {
    this.#connection.auth(source);
  }

  close() {
    if (this.#over.signal.aborted) return;
    for (const presence of this.#presences.values()) presence.close();
    const reason = new TricastError('closed', 'the client was closed');
    this.#over.abort(reason);
    for (const end of this.#setup.closing) end(reason);
    this.#connection.close();
    this.#tabs?.close();
    this.#listeners.clear();
  }

  async #want() {
    await this.#joined;
    (this.#tabs ?? this.#connection).want(this.#patterns.list, this.#presences.size > 0);
  }

  /** @param {Entry} entry */
  #drop(entry) {
    if (!this.#subscriptions.delete(entry)) return;
    this.#patterns.change(entry.list, -1);
    this.#want();
  }

  /** @param {string[]} topics @param {TricastError} error */
  #refused(topics, error) {
    const mine = [...this.#subscriptions].filter(({ list }) => list.some((topic) => topics.includes(topic)));
    for (const entry of mine) {
      this.#drop(entry);
      entry.end?.(error);
    }
    if (mine.length || !topics.length) this.#listeners.emit('error', error);
  }

  /** @param {Envelope} event */
  #give(event) {
    const topic = /** @type {string} */ (event.topic);
    this.#tabs?.give(event);
    if (!this.#patterns.matches(topic)) return; // (another tab's, or nobody's any more)
    this.#listeners.emit('event', event);
    for (const entry of [...this.#subscriptions]) {
      if (entry.matches(topic) && this.#subscriptions.has(entry)) guarded(entry.give, event);
    }
  }

  #status() {
    const { state, error } = this.#connection;
    this.#tabs?.status();
    for (const presence of this.#presences.values()) presence.status();
    if (state !== this.#state) this.#listeners.emit('state', (this.#state = state));
    this.#listeners.emit('status', undefined);
    if (state !== 'failed' && state !== 'closed') return;
    for (const { end } of [...this.#subscriptions]) end?.(state === 'failed' ? error : undefined);
  }
}
