import { Backoff } from './backoff.js';
import { TricastError, asError } from './errors.js';
import { Handover } from './handover.js';
import { Line } from './line.js';
import { Position } from './position.js';
import { Renewal } from './renewal.js';
import { Timers } from './runtime.js';
import { Wanted } from './wanted.js';

/** @import {Counts, Envelope, Hello, Hooks, Reset, Setup, State, TokenSource, Transport} from './shapes.js' */

/** Stays connected: resumes at its cursor, falls back, comes back, hands over. */
export class Connection {
  #setup;
  #hooks;
  #timers;
  #backoff;
  #position;
  #wanted = new Wanted();
  /** @type {Line | undefined} */
  #line;
  #handover = new Handover();
  #renewal;
  /** The opening that waits for a token. @type {object | undefined} */
  #opening;
  #isSyncing = false;
  /** The token was refused, since the last hello. */
  #isRefused = false;
  #isOffline = false;
  #aliveAt = 0;
  /** Those that are still to be tried in this round. @type {Transport[]} */
  #better = [];
  /** @type {State} */
  state = 'connecting';
  /** @type {Transport | undefined} */
  transport;
  /** When the next attempt is made, in ms since 1970, while one waits for it. @type {number | undefined} */
  retryAt;
  /** @type {TricastError | undefined} */
  error;
  /** @type {Counts} */
  counts = { events: 0, duplicates: 0, reconnects: 0, resets: 0, bytes: 0 };

  /** @param {Setup} setup @param {Hooks} hooks @param {string} start */
  constructor(setup, hooks, start) {
    this.#setup = setup;
    this.#hooks = hooks;
    this.#timers = new Timers(setup.runtime);
    this.#backoff = new Backoff(setup.runtime.random);
    this.#position = new Position(start);
    this.#renewal = new Renewal(
      setup,
      this.#timers,
      () => this.#line,
      () => this.#handOver(),
    );
    setup.runtime.events?.addEventListener('online', this.#online);
    setup.runtime.events?.addEventListener('offline', this.#offline);
  }

  get cursor() {
    return this.#position.cursor;
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

  get #isOver() {
    return this.state === 'failed' || this.state === 'closed';
  }

  /** @param {Iterable<string>} topics @param {boolean} presence */
  want(topics, presence) {
    this.#wanted.set(topics, presence);
    if (!this.#isSyncing) queueMicrotask(() => this.#sync());
    this.#isSyncing = true;
  }

  /** Done when they are in force, or nobody wants them any more. @param {string[]} topics @returns {Promise<void>} */
  async granted(topics) {
    if (this.#isOver) throw this.error;
    return this.#wanted.ready(topics);
  }

  /** @param {TokenSource} [source] */
  auth(source) {
    if (source !== undefined) this.#setup.tokens.use(source);
    if (this.#line?.hello) this.#renewal.now();
    else this.reconnect();
  }

  /** At once. */
  reconnect() {
    if (this.state === 'closed') return;
    this.#hangUp();
    this.#isRefused = false;
    this.#backoff.reset();
    if (this.state !== 'connecting') this.#to(this.#wanted.topics.size ? 'reconnecting' : 'connecting');
    this.#connect();
  }

  close() {
    this.#setup.runtime.events?.removeEventListener('online', this.#online);
    this.#setup.runtime.events?.removeEventListener('offline', this.#offline);
    this.#stop('closed', this.#setup.over.reason);
  }

  // Opening

  #connect() {
    this.retryAt = undefined;
    this.#timers.clear('retry');
    if (this.#wanted.topics.size) this.#open(this.#setup.fallback.transport, false);
  }

  /** @param {Transport} transport @param {boolean} isNext */
  async #open(transport, isNext) {
    const opening = (this.#opening = {});
    const { tokens } = this.#setup;
    let token;
    let failure;
    try {
      if (this.#isRefused) tokens.drop(); // (also one that came in the meantime: it may be old by now)
      token = await tokens.get();
    } catch (cause) {
      failure = asError(cause);
    }
    if (opening !== this.#opening) return;
    this.#opening = undefined;
    if (failure) return isNext ? this.#handOverLater() : this.#retry(failure);
    const { topics, presence, granted } = this.#wanted;
    const ask = { transport, token, topics: [...topics], cursor: this.#position.next, presence };
    const line = new Line(this.#setup, ask, {
      heard: (bytes) => (this.counts.bytes += bytes),
      hello: () => this.#greeted(line),
      message: (message) => this.#take(line, message),
      end: (error) => this.#ended(line, error),
    });
    if (isNext) this.#handover.begin(line, this.#wanted.beyond(granted).length > 0);
    else this.#line = line;
    line.open();
  }

  /** @param {Line} line */
  #greeted(line) {
    if (line === this.#handover.next) return this.#handover.isHolding && this.#takeOver(this.state);
    if (this.error) this.counts.reconnects++;
    this.#adopt(line, 'replaying');
  }

  /** @param {Line} line @param {State} state */
  #adopt(line, state) {
    const { fallback, runtime } = this.#setup;
    const hello = /** @type {Hello} */ (line.hello);
    fallback.worked(line.transport);
    this.#isRefused = false;
    this.error = undefined;
    this.transport = line.transport;
    this.#aliveAt = runtime.now();
    this.#move(hello.cursor);
    this.#renewal.expires(hello.expires_in_s);
    this.#upgradeLater();
    this.#wanted.grant(line.topics);
    this.#to(state);
    this.#sync();
  }

  // What comes

  /** @param {Line} line @param {Envelope} message */
  #take(line, message) {
    const { type, topic, cursor, data } = message;
    const isNext = line === this.#handover.next;
    if (type === 'tricast.reset' && topic === undefined) return isNext ? this.#skips(line, data) : this.#reset(data);
    if (this.#handover.isHolding && !isNext && cursor) return this.#hold(line, message);
    if (topic !== undefined) {
      if (cursor || !isNext) this.#give(message);
    } else if (type === 'tricast.presence') {
      if (!isNext) this.#hooks.presence(message);
    } else {
      this.#move(cursor);
      this.#hooks.moved();
      if (type === 'tricast.live') this.#caughtUp(line);
    }
  }

  /** @param {Envelope} event */
  #give(event) {
    if (event.cursor && !this.#move(event.cursor)) {
      this.counts.duplicates++;
      return;
    }
    this.counts.events++;
    this.#hooks.event(event);
  }

  /** @param {string} [cursor] */
  #move(cursor) {
    const isAhead = this.#position.move(cursor);
    if (isAhead) this.#hooks.moved();
    return isAhead;
  }

  /** @param {Reset} reset */
  #reset(reset) {
    this.#release();
    this.counts.resets++;
    this.#position.reset(reset.cursor);
    this.#hooks.reset(reset);
    this.#sync();
  }

  /** @param {Line} line */
  #caughtUp(line) {
    if (line === this.#handover.next) this.#takeOver('live');
    else this.#to('live');
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
    const transport = this.#handover.next || this.#opening ? undefined : this.#better.shift();
    if (transport) this.#open(transport, true);
    else this.#upgradeLater();
  }

  /** @param {State} state */
  #takeOver(state) {
    this.#line?.close();
    this.#line = this.#handover.take();
    this.#adopt(this.#line, state);
  }

  /** @param {Line} line @param {Envelope} message */
  #hold(line, message) {
    if (this.#handover.hold(message)) return;
    line.close();
    this.#instead(new TricastError('overflow', 'too much came while topics were added'));
  }

  /** The present line goes on alone. */
  #release() {
    const line = this.#line;
    for (const message of this.#handover.end()) if (line && line === this.#line) this.#take(line, message);
  }

  /** The present line has no gap. @param {Line} line @param {Reset} reset */
  #skips(line, { reason }) {
    line.close();
    this.#missed(line, new TricastError('reset', reason));
  }

  /** It came to nothing; the present line goes on. @param {Line} line @param {TricastError} error */
  #missed(line, error) {
    const isSame = line.transport === this.#line?.transport;
    this.#release();
    if (!this.#line) return; // (the application closed it meanwhile)
    if (error.status === 401) this.#setup.tokens.drop(line.token);
    else if (error.isFinal && isSame && this.#refuse(error)) return this.#sync();
    if (isSame) this.#handOverLater();
    else this.#upgrade();
  }

  /** The one that was to take over is all there is, and replays everything. @param {TricastError} error */
  #instead(error) {
    const line = (this.#line = this.#handover.take());
    this.error = error;
    if (line.hello) this.#greeted(line);
    else this.#to('reconnecting');
  }

  // The end of a line

  /** @param {Line} line @param {TricastError} error */
  #ended(line, error) {
    const { fallback, runtime, tokens } = this.#setup;
    if (line === this.#handover.next) return this.#missed(line, error);
    this.#line = this.#opening = undefined;
    this.#timers.clear();
    if (line.hello && runtime.now() - this.#aliveAt > 60_000) this.#backoff.reset();
    if (this.#handover.next) return this.#instead(error);
    if (error.status === 401 && error.problem) {
      if (this.#isRefused || !tokens.canRenew) return this.#stop('failed', error);
      this.#isRefused = true;
      return this.#retry(error, !line.hello);
    }
    if (error.isFinal) return this.#refuse(error) ? this.#connect() : this.#stop('failed', error);
    const isBlocked = !line.hello && !error.problem && !this.#isOffline;
    this.#retry(error, isBlocked && fallback.failed(error.code === 'silent'));
  }

  /** @param {TricastError} error @param {boolean} [isNow] */
  #retry(error, isNow) {
    const ms = isNow ? 0 : this.#backoff.next(error.retryAfterMs);
    this.error = error;
    this.retryAt = this.#setup.runtime.now() + ms;
    this.#to(this.#isOffline ? 'offline' : 'reconnecting');
    if (this.#isOver) return; // (the application closed it meanwhile)
    this.#timers.set('retry', ms, () => this.#connect());
  }

  #online = () => {
    this.#isOffline = false;
    if (!this.#line?.hello && this.state !== 'failed') this.reconnect();
  };

  #offline = () => {
    this.#isOffline = true;
    if (this.#line) {
      this.#hangUp();
      this.#retry(new TricastError('network', 'the machine is offline'));
    } else if (this.state === 'reconnecting') this.#to('offline');
  };

  #hangUp() {
    this.#timers.clear();
    this.#line?.close();
    this.#handover.end();
    this.#line = this.#opening = undefined;
  }

  /** @param {'failed' | 'closed'} state @param {TricastError} error */
  #stop(state, error) {
    this.#hangUp();
    this.error = error;
    this.#wanted.end(error);
    this.#to(state);
  }

  /** @param {State} state */
  #to(state) {
    this.state = state;
    this.#hooks.status();
  }

  // What is wanted

  /** Brings the connection to it. */
  #sync() {
    this.#isSyncing = false;
    if (this.#isOver) return;
    const line = this.#line;
    const wanted = this.#wanted;
    if (!wanted.topics.size) return this.#leave();
    if (!line) return this.#opening || this.#timers.has('retry') || this.#connect();
    if (!line.hello) return; // (then again)
    const { next, isHolding } = this.#handover;
    if (next) {
      if (!isHolding && wanted.beyond(next.topics).length) this.#handOver();
      return; // (again when that has come to an end)
    }
    if (line.isBusy) return; // (again when that is answered)
    wanted.grant(line.topics);
    if (line.takesCommands) this.#tell(line);
    else if (wanted.beyond(line.topics).length || (wanted.presence && !line.presence)) this.#handOver();
  }

  /** @param {Line} line */
  async #tell(line) {
    try {
      if (!(await line.change(this.#wanted.topics, this.#wanted.presence)) || line !== this.#line) return;
    } catch (cause) {
      const error = asError(cause);
      if (line !== this.#line) return;
      if (!error.isFinal) return this.#timers.set('sync', this.#backoff.next(error.retryAfterMs), () => this.#sync());
      this.#refuse(error);
    }
    this.#sync();
  }

  /** False: there is nothing left without that. @param {TricastError} error */
  #refuse(error) {
    const refused = this.#wanted.refuse(error);
    if (refused) this.#hooks.refused(refused, error);
    return refused !== undefined;
  }

  /** Nothing is wanted. */
  #leave() {
    this.#hangUp();
    this.#position.leave();
    this.error = undefined;
    if (this.state !== 'connecting') this.#to('connecting');
  }
}
