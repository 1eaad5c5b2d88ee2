import { asError } from './errors.js';
import { call } from './http.js';
import { Listeners } from './listeners.js';
import { Timers, deadline } from './runtime.js';

/** @import {Connection} from './connection.js' */
/** @import {Envelope, Member, Setup} from './shapes.js' */

/** Who is on a topic, and what this client says of itself there. */
export class Presence {
  #setup;
  #connection;
  #topic;
  #listeners = new Listeners();
  #timers;
  /** @type {Map<string, Member>} */
  #members = new Map();
  /** @type {{state: any} | undefined} */
  #own;
  /** The connection that it was said on. @type {unknown} */
  #told;
  /** What was said last, until it is answered. @type {Promise<void> | undefined} */
  #said;
  /** It was said in the name of this client, as between polls, and stays for a while on any other connection. */
  #isByName = false;
  #done;

  /** @param {Setup} setup @param {Connection} connection @param {string} topic @param {() => void} done */
  constructor(setup, connection, topic, done) {
    this.#setup = setup;
    this.#connection = connection;
    this.#topic = topic;
    this.#done = done;
    this.#timers = new Timers(setup.runtime);
  }

  members() {
    return [...this.#members.values()];
  }

  /** @param {Record<string, unknown> | null} [state] */
  async set(state = null) {
    const before = this.#own;
    const own = (this.#own = { state });
    if (this.#connection.state !== 'live') return; // (then it is said)
    try {
      await this.#say(own);
    } catch (cause) {
      if (own === this.#own && asError(cause).isFinal) this.#own = before;
      throw cause;
    }
  }

  leave() {
    return this.#leave();
  }

  /** @param {'change'} name @param {(members: Member[]) => void} listener */
  on(name, listener) {
    return this.#listeners.on(name, listener);
  }

  close() {
    // (who is gone without a word is missed soon; no program is kept waiting for that)
    const { signal, clear } = deadline(this.#setup.runtime, 1000, new Error('it takes too long'));
    this.#leave(signal).catch(() => {}).then(clear);
    this.#done();
  }

  /** The whole list. @param {Member[]} members */
  take(members = []) {
    this.#members = new Map(members.map((member) => [member.subject, member]));
    this.#listeners.emit('change', this.members());
  }

  /** @param {Envelope} event */
  change({ type, data }) {
    if (!type.startsWith('presence.')) return;
    if (type === 'presence.left') this.#members.delete(data.subject);
    else this.#members.set(data.subject, data);
    this.#listeners.emit('change', this.members());
  }

  /** Says it again on a new connection. */
  status() {
    const { state, hello, transport } = this.#connection;
    if (state !== 'live' || hello === this.#told) return;
    this.#told = hello;
    if (this.#own) this.#sayAgain();
    if (transport === 'tab') this.#look();
  }

  /** @param {AbortSignal} [signal] */
  async #leave(signal) {
    const wasThere = this.#own;
    this.#own = undefined;
    this.#timers.clear();
    // (who closes waits for nothing: what was under way ends too)
    if (wasThere && this.#connection.hello) await (signal ? this.#speak({ leave: true }, signal) : this.#say({ leave: true }));
  }

  async #look() {
    const path = `/v1/presence?topic=${encodeURIComponent(this.#topic)}`;
    const answer = await call(this.#setup, path).catch(() => undefined);
    if (answer) this.take((await answer.json()).topics[this.#topic]);
  }

  async #sayAgain() {
    try {
      if (this.#own) await this.#say(this.#own);
    } catch (cause) {
      const error = asError(cause);
      if (!this.#own || this.#setup.over.aborted) return;
      if (error.isFinal) this.#setup.tell(error);
      else this.#later(5000 * (1 + this.#setup.runtime.random()));
    }
  }

  /** @param {number} ms */
  #later(ms) {
    this.#timers.set('again', ms, () => this.#sayAgain());
  }

  /** One word after the other, so that the last one holds. @param {object} what */
  #say(what) {
    const said = this.#said ? this.#said.then(() => this.#speak(what)) : this.#speak(what);
    /** @type {Promise<void>} */
    const over = said.catch(() => {}).then(() => {
      if (over === this.#said) this.#said = undefined;
    });
    this.#said = over;
    return said;
  }

  /** @param {object} what @param {AbortSignal} [signal] @returns {Promise<void>} */
  async #speak(what, signal) {
    const { command, hello } = this.#connection;
    const { connection } = hello ?? {};
    if (command) await command({ op: 'presence', topic: this.#topic, ...what });
    else {
      let answer;
      try {
        answer = await this.#post(connection ? { ...what, connection } : { ...what, client: this.#setup.client }, signal);
      } catch (cause) {
        const now = this.#connection.hello;
        if (!connection || now === hello || asError(cause).status !== 404) throw cause;
        return now && this.#speak(what, signal); // (that stream was replaced meanwhile)
      }
      if (answer.expires_in_s && this.#own) this.#later(answer.expires_in_s * 500);
    }
    const wasByName = this.#isByName;
    this.#isByName = !command && !connection;
    if (wasByName && !this.#isByName) await this.#post({ leave: true, client: this.#setup.client }, signal).catch(() => {});
  }

  /** @param {object} what @param {AbortSignal} [signal] */
  async #post(what, signal) {
    return (await call(this.#setup, '/v1/presence', { topic: this.#topic, ...what }, { signal })).json();
  }
}
