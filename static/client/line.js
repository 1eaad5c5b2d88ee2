import { TricastError, asError, problemError } from './errors.js';
import { openTab } from './follower.js';
import { openLongPoll } from './longpoll.js';
import { Timers } from './runtime.js';
import { openSse } from './sse.js';
import { openWebSocket } from './websocket.js';

/** @import {Ask, Envelope, Hello, LineHooks, Link, Setup} from './shapes.js' */

const OPEN = { websocket: openWebSocket, sse: openSse, poll: openLongPoll, tab: openTab };

/** One connection: a hello within 10 s, then signs of life; commands and their replies. */
export class Line {
  #setup;
  #ask;
  #hooks;
  #now;
  #timers;
  /** @type {Link | undefined} */
  #link;
  #began = 0;
  #heard = 0;
  #isOver = false;
  #ref = 0;
  /** @type {Map<number, {resolve: (data: any) => void, reject: (error: TricastError) => void}>} */
  #waiting = new Map();
  /** @type {Hello | undefined} */
  hello;
  /** A change of the topics is under way. */
  isBusy = false;
  /** Of the last round trip, in ms. */
  latency = 0;

  /** @param {Setup} setup @param {Ask} ask @param {LineHooks} hooks */
  constructor(setup, ask, hooks) {
    this.#setup = setup;
    this.#ask = ask;
    this.#hooks = hooks;
    this.#now = setup.runtime.now;
    this.#timers = new Timers(setup.runtime);
    this.transport = ask.transport;
    this.token = ask.token;
    this.presence = ask.presence;
    this.topics = new Set(ask.topics);
  }

  open() {
    this.#began = this.#heard = this.#now();
    this.#watch(10_000, 1);
    const end = (/** @type {unknown} */ cause) => this.#end(asError(cause));
    try {
      this.#link = OPEN[this.transport](this.#setup, this.#ask, {
        heard: (bytes) => {
          if (this.#isOver) return;
          if (this.hello) this.#heard = this.#now();
          this.#hooks.heard(bytes);
        },
        message: (message) => this.#isOver || this.#take(message),
        end,
      });
    } catch (cause) {
      queueMicrotask(() => end(cause));
    }
  }

  get takesCommands() {
    return this.hello !== undefined && this.#link?.send !== undefined;
  }

  /** The data of the reply. Throws TricastError. @param {object} body @returns {Promise<any>} */
  command(body) {
    return new Promise((resolve, reject) => {
      this.#waiting.set(++this.#ref, { resolve, reject });
      this.#link?.send?.({ ...body, ref: this.#ref });
    });
  }

  /**
   * By commands: these topics, no others. Done when they are in force; one after the other, so that the answer is about
   * what is wanted. False: there was nothing to wait for. Throws TricastError: then none were added.
   * @param {Set<string>} topics
   * @param {boolean} presence
   */
  async change(topics, presence) {
    const added = [...topics].filter((topic) => !this.topics.has(topic));
    const removed = [...this.topics].filter((topic) => !topics.has(topic));
    const had = this.presence;
    this.topics = new Set(topics);
    this.presence ||= presence;
    this.isBusy = added.length > 0 || this.presence !== had;
    const asked = added.length ? added : [...topics].slice(0, 1);
    const reply = this.isBusy && this.command({ op: 'subscribe', topics: asked, ...(presence && { presence }) });
    if (removed.length) this.command({ op: 'unsubscribe', topics: removed }).catch(() => {});
    if (!reply) return false;
    try {
      await reply;
      return true;
    } catch (cause) {
      for (const topic of added) this.topics.delete(topic);
      this.presence = had;
      throw cause;
    } finally {
      this.isBusy = false;
    }
  }

  /** Its owner is told no more. */
  close() {
    this.#isOver = true;
    this.#timers.clear();
    this.#link?.close();
    for (const { reject } of this.#waiting.values()) reject(new TricastError('network', 'no reply came'));
    this.#waiting.clear();
  }

  /** @param {Envelope} message */
  #take(message) {
    const { type, topic, data } = message;
    if (topic !== undefined) return this.#hooks.message(message);
    if (type === 'tricast.hello') return this.#greet(data);
    if (type === 'tricast.goodbye') return this.#end(farewell(data));
    if (type === 'tricast.reply') this.#reply(data);
    if (type === 'tricast.heartbeat' && this.takesCommands) this.#ping();
    this.#hooks.message(message);
  }

  /** @param {Hello} hello */
  #greet(hello) {
    if (this.hello) return;
    this.hello = hello;
    this.#heard = this.#now();
    this.latency = this.#heard - this.#began;
    this.#watch(hello.heartbeat_s * 1000, 2.5);
    this.#hooks.hello();
  }

  /** @param {any} data */
  #reply({ ref, ok, error, ...data }) {
    const waiting = this.#waiting.get(ref);
    this.#waiting.delete(ref);
    if (ok) waiting?.resolve(data);
    else waiting?.reject(problemError(error));
  }

  #ping() {
    const began = this.#now();
    this.command({ op: 'ping' }).then(
      () => (this.latency = this.#now() - began),
      () => {}, // (its owner is told)
    );
  }

  /** Silence of so many beats is the end. It is looked at often, so that a machine that slept knows soon. */
  /** @param {number} beat ms @param {number} beats */
  #watch(beat, beats) {
    this.#heard = Math.min(this.#heard, this.#now()); // (a clock may be put back)
    const left = this.#heard + beat * beats - this.#now();
    if (left > 0) this.#timers.set('silence', Math.min(beat / 4, left), () => this.#watch(beat, beats));
    else this.#end(new TricastError('silent', `nothing was heard for ${(beat * beats) / 1000} s`));
  }

  /** @param {TricastError} error */
  #end(error) {
    if (this.#isOver) return;
    this.close();
    if (!error.problem) error.status = undefined; // (a proxy's)
    this.#hooks.end(error);
  }
}

/** @param {{reason: string, reconnect_after_ms: number}} goodbye */
function farewell({ reason, reconnect_after_ms: retryAfterMs }) {
  // (a new token helps after these; 0 is: not without a change)
  const status = /^(expired|revoked|unauthorized)$/.test(reason) ? 401 : retryAfterMs ? 503 : 400;
  return new TricastError(reason, `the server said goodbye: ${reason}`, { status, retryAfterMs, problem: {} });
}
