import { TricastError, asError, problemError } from './errors.js';
import { openLongPoll } from './longpoll.js';
import { Timers } from './runtime.js';
import { openSse } from './sse.js';
import { openTab } from './tabs.js';
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
  /** @type {{reason: string, reconnect_after_ms: number} | undefined} */
  #goodbye;
  #ref = 0;
  /** @type {Map<number, {resolve: (data: any) => void, reject: (error: TricastError) => void}>} */
  #waiting = new Map();
  /** @type {Hello | undefined} */
  hello;
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
          this.#heard = this.#now();
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
    if (topic === undefined && type === 'tricast.hello') this.#greet(data);
    else if (topic === undefined && type === 'tricast.goodbye') this.#goodbye = data;
    else if (topic === undefined && type === 'tricast.reply') this.#reply(data);
    else this.#hooks.message(message);
    if (type === 'tricast.heartbeat' && this.takesCommands) this.#ping();
  }

  /** @param {Hello} hello */
  #greet(hello) {
    if (this.hello) return;
    this.hello = hello;
    this.latency = this.#now() - this.#began;
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
    const left = this.#heard + beat * beats - this.#now();
    if (left > 0) this.#timers.set('silence', Math.min(beat / 4, left), () => this.#watch(beat, beats));
    else this.#end(new TricastError('silent', `nothing was heard for ${(beat * beats) / 1000} s`));
  }

  /** @param {TricastError} error */
  #end(error) {
    if (this.#isOver) return;
    this.close();
    if (!error.problem) error.status = undefined; // (a proxy's)
    const { reason, reconnect_after_ms: retryAfterMs } = this.#goodbye ?? {};
    if (reason && !error.isFinal) {
      // (a new token helps after these; 0 is: not without a change)
      const status = /^(expired|revoked|unauthorized)$/.test(reason) ? 401 : retryAfterMs ? 503 : 400;
      error = new TricastError(reason, `the server said goodbye: ${reason}`, { status, retryAfterMs, problem: {} });
    }
    this.#hooks.end(error);
  }
}
