import { Backoff } from './backoff.js';
import { TricastError, asError } from './errors.js';
import { Line } from './line.js';
import { Timers } from './runtime.js';
import { offsetOf } from './wire.js';

/** @import {Counts, Envelope, Hello, Hooks, Reset, Setup, State, TokenSource, Transport} from './shapes.js' */

/**
 * Stays connected: resumes at its cursor, falls back, comes back, hands over. It has one line; while it hands over,
 * `next` starts beside it from the cursor, and takes over when it is live.
 */
export class Connection {
  #setup;
  #hooks;
  #timers;
  #backoff;
  /** @type {Line | undefined} */
  #line;
  /** @type {Line | undefined} */
  #next;
  /** The opening that waits for a token. @type {object | undefined} */
  #opening;
  #wanted = new Set(/** @type {string[]} */ ([]));
  #presence = false;
  /** Topics that the server has granted. @type {Set<string>} */
  #granted = new Set();
  /** @type {{topics: string[], resolve: () => void, reject: (error: TricastError) => void}[]} */
  #waiting = [];
  #isSyncing = false;
  /** The token was refused, since the last hello. */
  #isRefused = false;
  #isOffline = false;
  #aliveAt = 0;
  /** @type {Transport[]} */
  #better = [];
  /** @type {State} */
  state = 'connecting';
  /** @type {Transport | undefined} */
  transport;
  /** @type {string | undefined} */
  cursor;
  /** @type {TricastError | undefined} */
  error;
  /** @type {Counts} */
  counts = { events: 0, duplicates: 0, reconnects: 0, resets: 0, bytes: 0 };

  /** @param {Setup} setup @param {Hooks} hooks */
  constructor(setup, hooks) {
    this.#setup = setup;
    this.#hooks = hooks;
    this.#timers = new Timers(setup.runtime);
    this.#backoff = new Backoff(setup.runtime.random);
    setup.runtime.events?.addEventListener('online', this.#online);
    setup.runtime.events?.addEventListener('offline', this.#offline);
  }

  get latency() {
    return this.#line?.latency;
  }

  /** Of the line, until that ends. */
  get hello() {
    return this.#line?.hello;
  }

  /** Gives a command, where that can be done. */
  get command() {
    const line = this.#line;
    return line?.takesCommands ? (/** @type {object} */ body) => line.command(body) : undefined;
  }

  /** @param {string[]} topics @param {boolean} presence */
  want(topics, presence) {
    this.#wanted = new Set(topics);
    this.#presence = presence;
    for (const topic of this.#granted) if (!this.#wanted.has(topic)) this.#granted.delete(topic);
    if (!this.#isSyncing) queueMicrotask(() => this.#sync());
    this.#isSyncing = true;
  }

  /** Done when they are in force, or nobody wants them any more. @param {string[]} topics @returns {Promise<void>} */
  granted(topics) {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ topics, resolve, reject });
      this.#grant([]);
    });
  }

  /** @param {TokenSource} [source] */
  auth(source) {
    if (source !== undefined) this.#setup.tokens.use(source);
    if (this.#line?.hello) this.#renew();
    else if (this.state !== 'closed') this.reconnect();
  }

  /** At once. */
  reconnect() {
    this.#line?.close();
    this.#line = undefined;
    this.#isRefused = false;
    this.#backoff.reset();
    if (this.state !== 'connecting') this.#to('reconnecting');
    this.#connect();
  }

  close() {
    this.#setup.runtime.events?.removeEventListener('online', this.#online);
    this.#setup.runtime.events?.removeEventListener('offline', this.#offline);
    this.#stop('closed', new TricastError('closed', 'the client was closed'));
  }

  // Opening

  #connect() {
    this.#timers.clear('retry');
    if (this.#wanted.size) this.#open(this.#setup.fallback.transport, false);
  }

  /** @param {Transport} transport @param {boolean} isNext */
  async #open(transport, isNext) {
    const opening = (this.#opening = {});
    let token;
    try {
      token = await this.#setup.tokens.get();
    } catch (cause) {
      if (opening !== this.#opening) return;
      return isNext ? this.#handOverLater() : this.#retry(asError(cause));
    }
    if (opening !== this.#opening) return;
    this.#opening = undefined;
    const cursor = this.cursor ?? this.#setup.start;
    const ask = { transport, token, topics: [...this.#wanted], cursor, presence: this.#presence };
    const line = new Line(this.#setup, ask, {
      heard: (bytes) => (this.counts.bytes += bytes),
      hello: () => line === this.#line && this.#greeted(line),
      message: (message) => this.#take(line, message),
      end: (error) => this.#ended(line, error),
    });
    if (isNext) {
      this.#next?.close();
      this.#next = line;
    } else this.#line = line;
    line.open();
  }

  /** @param {Line} line */
  #greeted(line) {
    if (this.error) this.counts.reconnects++;
    this.#move(line.hello?.cursor);
    this.#adopt(line, 'replaying');
  }

  /** @param {Line} line @param {State} state */
  #adopt(line, state) {
    const { fallback } = this.#setup;
    fallback.worked(line.transport);
    this.#isRefused = false;
    this.error = undefined;
    this.transport = line.transport;
    this.#aliveAt = this.#setup.runtime.now();
    this.#expires(/** @type {Hello} */ (line.hello).expires_in_s);
    this.#upgradeLater();
    this.#grant(line.topics);
    this.#to(state);
    this.#sync();
  }

  // What comes

  /** @param {Line} line @param {Envelope} message */
  #take(line, message) {
    const { type, topic, cursor, data } = message;
    const isNext = line === this.#next;
    if (topic !== undefined) {
      if (cursor || !isNext) this.#give(message);
    } else if (type === 'tricast.reset') {
      if (!isNext) return this.#reset(data);
      line.close(); // (the present line has no gap)
      this.#missed(line, new TricastError('reset', data.reason));
    } else if (type === 'tricast.presence') {
      if (!isNext) this.#hooks.presence(message);
    } else {
      this.#move(cursor);
      if (type === 'tricast.live') this.#caughtUp(line);
    }
  }

  /** @param {Envelope} event */
  #give(event) {
    if (event.cursor && offsetOf(event.cursor) <= offsetOf(this.cursor)) {
      this.counts.duplicates++;
      return;
    }
    this.counts.events++;
    this.#hooks.event(event);
    this.#move(event.cursor);
  }

  /** @param {string} [cursor] */
  #move(cursor) {
    if (offsetOf(cursor) <= offsetOf(this.cursor)) return;
    this.cursor = cursor;
    this.#hooks.moved();
  }

  /** @param {Reset} reset */
  #reset(reset) {
    this.#next?.close();
    this.#next = undefined;
    this.counts.resets++;
    this.cursor = reset.cursor; // (lower, where the log was restored)
    this.#hooks.reset(reset);
    this.#sync();
  }

  /** @param {Line} line */
  #caughtUp(line) {
    if (line !== this.#next) return this.#to('live');
    this.#line?.close();
    this.#line = line;
    this.#next = undefined;
    this.#adopt(line, 'live');
  }

  // Handing over

  #handOver() {
    if (this.#line?.hello) this.#open(this.#line.transport, true);
  }

  #handOverLater() {
    this.#timers.set('hand', this.#backoff.next(), () => this.#handOver());
  }

  #upgradeLater() {
    const { better, upgradeMs } = this.#setup.fallback;
    this.#timers.clear('upgrade');
    this.#better = better;
    if (better.length) this.#timers.set('upgrade', upgradeMs, () => this.#upgrade());
  }

  #upgrade() {
    const transport = this.#better.shift();
    if (transport) this.#open(transport, true);
    else this.#upgradeLater();
  }

  /** It came to nothing; the present line goes on. @param {Line} line @param {TricastError} error */
  #missed(line, error) {
    this.#next = undefined;
    if (error.status === 401) this.#setup.tokens.drop();
    else if (error.isFinal && this.#refuse(error)) return;
    if (line.transport === this.#line?.transport) this.#handOverLater();
    else this.#upgrade();
  }

  // The end of a line

  /** @param {Line} line @param {TricastError} error */
  #ended(line, error) {
    if (line === this.#next) return this.#missed(line, error);
    this.#line = this.#opening = undefined;
    this.#timers.clear('renew', 'upgrade', 'hand');
    if (line.hello && this.#setup.runtime.now() - this.#aliveAt > 60_000) this.#backoff.reset();
    if (this.#next) return this.#instead(error);
    if (error.status === 401 && error.problem) {
      if (this.#isRefused || !this.#setup.tokens.canRenew) return this.#stop('failed', error);
      this.#isRefused = true;
      this.#setup.tokens.drop();
      return this.#retry(error, !line.hello);
    }
    if (error.isFinal) return this.#refuse(error) ? this.#connect() : this.#stop('failed', error);
    const isBlocked = !line.hello && !error.problem && !this.#isOffline;
    this.#retry(error, isBlocked && this.#setup.fallback.failed(error.code === 'silent'));
  }

  /** The one that was to take over is all there is. @param {TricastError} error */
  #instead(error) {
    const line = (this.#line = /** @type {Line} */ (this.#next));
    this.#next = undefined;
    this.error = error;
    if (line.hello) this.#greeted(line);
    else this.#to('reconnecting');
  }

  /** @param {TricastError} error @param {boolean} [isNow] */
  #retry(error, isNow) {
    this.error = error;
    this.#to(this.#isOffline ? 'offline' : 'reconnecting');
    this.#timers.set('retry', isNow ? 0 : this.#backoff.next(error.retryAfterMs), () => this.#connect());
  }

  #online = () => {
    this.#isOffline = false;
    if (!this.#line?.hello && this.state !== 'failed') this.reconnect();
  };

  #offline = () => {
    this.#isOffline = true;
    const line = this.#line;
    this.#next?.close();
    this.#next = undefined;
    line?.close();
    if (line) this.#ended(line, new TricastError('network', 'the machine is offline'));
    else if (this.state === 'reconnecting') this.#to('offline');
  };

  /** @param {'failed' | 'closed'} state @param {TricastError} error */
  #stop(state, error) {
    this.#timers.clear();
    this.#line?.close();
    this.#next?.close();
    this.#line = this.#next = this.#opening = undefined;
    this.error = error;
    for (const { reject } of this.#waiting.splice(0)) reject(error);
    this.#to(state);
  }

  /** @param {State} state */
  #to(state) {
    this.state = state;
    this.#hooks.status();
  }

  // What is wanted, and what is granted

  /** Brings the line to what is wanted. */
  #sync() {
    this.#isSyncing = false;
    this.#grant([]);
    const line = this.#line;
    if (!line && !this.#opening && this.state === 'connecting') return this.#connect();
    if (!line?.hello) return; // (then again)
    const added = [...this.#wanted].filter((topic) => !line.topics.has(topic));
    const removed = [...line.topics].filter((topic) => !this.#wanted.has(topic));
    const isMore = added.length > 0 || (this.#presence && !line.presence);
    if (!line.takesCommands) return isMore && this.#handOver();
    line.topics = new Set(this.#wanted);
    if (isMore) this.#subscribe(line, added);
    if (removed.length) line.command({ op: 'unsubscribe', topics: removed }).catch(() => {});
  }

  /** @param {Line} line @param {string[]} added */
  async #subscribe(line, added) {
    const topics = added.length ? added : [...line.topics].slice(0, 1);
    line.presence = this.#presence;
    try {
      await line.command({ op: 'subscribe', topics, ...(line.presence && { presence: true }) });
      this.#grant(topics);
    } catch (cause) {
      const error = asError(cause);
      if (!error.isFinal) return;
      for (const topic of added) line.topics.delete(topic);
      this.#refuse(error);
    }
  }

  /** @param {Iterable<string>} topics */
  #grant(topics) {
    for (const topic of topics) if (this.#wanted.has(topic)) this.#granted.add(topic);
    this.#waiting = this.#waiting.filter(({ topics, resolve }) => {
      const isOpen = topics.some((topic) => this.#wanted.has(topic) && !this.#granted.has(topic));
      return isOpen || resolve();
    });
  }

  /** What isn't granted was refused. False: that is everything. @param {TricastError} error */
  #refuse(error) {
    const refused = [...this.#wanted].filter((topic) => !this.#granted.has(topic));
    if (!refused.length || !this.#granted.size) return false;
    this.#wanted = new Set(this.#granted);
    for (const { topics, reject } of this.#waiting) if (topics.some((topic) => refused.includes(topic))) reject(error);
    this.#hooks.refused(refused, error);
    return true;
  }

  // Tokens

  /** @param {number | null} inS */
  #expires(inS) {
    const { tokens } = this.#setup;
    tokens.expires(inS);
    this.#timers.clear('renew');
    if (inS !== null && tokens.canRenew) this.#timers.set('renew', inS * 800, () => this.#renew());
  }

  /** A new token for the live line: by a command, or by handing over. */
  async #renew() {
    const line = /** @type {Line} */ (this.#line);
    this.#setup.tokens.drop();
    try {
      const token = await this.#setup.tokens.get();
      if (line !== this.#line) return;
      if (!line.takesCommands) return this.#handOver();
      const { expires_in_s: inS } = await line.command({ op: 'auth', token });
      this.#expires(inS);
    } catch (cause) {
      if (line !== this.#line) return;
      const { isFinal, status } = asError(cause);
      if (status === 401) this.#setup.tokens.drop();
      if (isFinal) this.#handOver();
      else this.#timers.set('renew', 10_000, () => this.#renew());
    }
  }
}
