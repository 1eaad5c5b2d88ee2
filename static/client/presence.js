import { call } from './http.js';
import { Listeners } from './listeners.js';
import { Timers } from './runtime.js';

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
    this.#own = { state };
    if (this.#connection.state === 'live') await this.#say(this.#own);
  }

  async leave() {
    this.#own = undefined;
    this.#timers.clear();
    if (this.#connection.hello) await this.#say({ leave: true });
  }

  /** @param {'change'} name @param {(members: Member[]) => void} listener */
  on(name, listener) {
    return this.#listeners.on(name, listener);
  }

  close() {
    this.leave().catch(() => {}); // (who is gone without a word is missed soon)
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

  async #look() {
    const path = `/v1/presence?topic=${encodeURIComponent(this.#topic)}`;
    const answer = await call(this.#setup, path).catch(() => undefined);
    if (answer) this.take((await answer.json()).topics[this.#topic]);
  }

  #sayAgain() {
    if (this.#own) this.#say(this.#own).catch(() => this.#later(5000 * (1 + this.#setup.runtime.random())));
  }

  /** @param {number} ms */
  #later(ms) {
    this.#timers.set('again', ms, () => this.#sayAgain());
  }

  /** @param {object} what */
  async #say(what) {
    const { command, hello } = this.#connection;
    const body = { topic: this.#topic, ...what };
    if (command) return void (await command({ op: 'presence', ...body }));
    const { connection } = hello ?? {};
    const who = connection ? { connection } : { client: this.#setup.client };
    const { expires_in_s: s } = await (await call(this.#setup, '/v1/presence', { ...body, ...who })).json();
    if (s && this.#own) this.#later(s * 500);
  }
}
