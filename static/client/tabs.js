import { subjectOf } from './tokens.js';

/** @import {Connection} from './connection.js' */
/** @import {Envelope, Reset, Setup} from './shapes.js' */
/** @typedef {{tab: string, topics: string[], presence: boolean, isDue?: boolean, isGranted?: boolean}} Peer */

/** Of what tabs say to each other: those of another version are strangers. */
const VERSION = 1;

/**
 * One connection for all tabs of a user. Who holds the Web Lock leads: it has the connection, with the topics of all,
 * and tells the others. Their transport is the leader (follower.js); each resumes at its own cursor, as on any transport.
 */
export class Tabs {
  #setup;
  #connection;
  #name = '';
  #over = new AbortController();
  /** The others' lines, by id. @type {Map<string, Peer>} */
  #peers = new Map();
  /** Tabs whose locks are waited for. @type {Set<string>} */
  #watched = new Set();
  /** @type {Omit<Peer, 'tab'>} */
  #own = { topics: [], presence: false };
  /** @type {Envelope[]} */
  #batch = [];
  /** @type {string | undefined} */
  #sent;
  #isDue = false;
  #leads = false;
  #wasLive = false;

  /** @param {Setup} setup @param {Connection} connection */
  constructor(setup, connection) {
    this.#setup = setup;
    this.#connection = connection;
  }

  /** @param {boolean | string} share */
  async join(share) {
    const { runtime, base, tokens, fallback, client } = this.#setup;
    const who = typeof share === 'string' ? share : await subjectOf(await tokens.get());
    if (who === undefined || this.#over.signal.aborted) return;
    this.#name = `tricast ${VERSION} ${base} ${who}`;
    await this.#hold(`${this.#name} ${client}`); // (who leads takes us for gone when it is free)
    const channel = new /** @type {NonNullable<typeof runtime.BroadcastChannel>} */ (runtime.BroadcastChannel)(this.#name);
    /** @type {Set<(message: any) => void>} */
    const listeners = new Set([(message) => this.#hear(message)]);
    channel.onmessage = ({ data }) => listeners.forEach((listener) => listener(data));
    this.#setup.channel = {
      post: (message) => channel.postMessage(message),
      listen: (listener) => (listeners.add(listener), () => listeners.delete(listener)),
    };
    this.#over.signal.addEventListener('abort', () => channel.close());
    fallback.follows = true;
    this.#hold(this.#name).then(
      () => this.#lead(),
      () => {}, // (closed before it came)
    );
  }

  /** @param {string[]} topics @param {boolean} presence */
  want(topics, presence) {
    this.#own = { topics, presence };
    this.#wantAll();
  }

  /** To be told to the others. @param {Envelope} message */
  give(message) {
    if (!this.#leads) return;
    this.#batch.push(message);
    this.moved();
  }

  moved() {
    if (!this.#isDue) queueMicrotask(() => this.#flush());
    this.#isDue = true;
  }

  /** @param {Reset} reset */
  reset(reset) {
    this.#flush(this.#sent);
    this.#post({ reset });
    this.#sent = reset.cursor;
  }

  status() {
    const { state, error } = this.#connection;
    if (!this.#leads || state === 'closed') return;
    if (state === 'live' && !this.#wasLive) this.#post({ who: true });
    if (state === 'live') this.#answer();
    else if (state !== 'replaying') this.#refuse(error);
    this.#wasLive = state === 'live';
  }

  close() {
    this.#over.abort();
  }

  /** A lock, as long as this tab lives. Done when it is held. @param {string} name @returns {Promise<void>} */
  #hold(name) {
    const { signal } = this.#over;
    return new Promise((resolve, reject) => {
      const held = () => {
        resolve();
        return new Promise((free) => signal.addEventListener('abort', free));
      };
      this.#setup.runtime.locks?.request(name, { signal }, held).catch(reject);
    });
  }

  #lead() {
    this.#leads = true;
    this.#setup.fallback.follows = false;
    this.#sent = this.#connection.cursor;
    this.#wantAll();
    this.#connection.reconnect();
  }

  /** @param {any} message */
  #hear(message) {
    const { ask, bye, who } = message;
    if (this.#leads) {
      if (ask) this.#asked(ask, message);
      else if (this.#peers.delete(bye)) this.#wantAll();
    } else if (who && !this.#connection.hello) this.#connection.reconnect();
  }

  /** @param {string} id @param {Peer} message */
  #asked(id, { tab, topics, presence }) {
    const { state, error } = this.#connection;
    if (state === 'failed') return this.#refuse(error, id);
    /** @type {Peer} */
    const peer = { tab, topics, presence, isDue: true };
    this.#peers.set(id, peer);
    this.#wantAll();
    this.#connection.granted(topics).then(
      () => {
        peer.isGranted = true;
        this.#answer();
      },
      (error) => {
        if (this.#peers.get(id) === peer) this.#peers.delete(id);
        this.#refuse(error, id);
      },
    );
    this.#watch(tab);
  }

  /** Its lock is free when it is gone. @param {string} tab */
  #watch(tab) {
    const { signal } = this.#over;
    const gone = () => {
      this.#watched.delete(tab);
      for (const [id, peer] of this.#peers) if (peer.tab === tab) this.#peers.delete(id);
      this.#wantAll();
    };
    if (this.#watched.has(tab)) return;
    this.#watched.add(tab);
    this.#setup.runtime.locks?.request(`${this.#name} ${tab}`, { signal }, gone).catch(() => {}); // (closed)
  }

  #wantAll() {
    const all = [this.#own, ...this.#peers.values()];
    this.#connection.want(new Set(all.flatMap(({ topics }) => topics)), all.some(({ presence }) => presence));
  }

  #answer() {
    const { state, cursor, hello } = this.#connection;
    if (state !== 'live') return;
    this.#flush();
    for (const [to, peer] of this.#peers) {
      if (!peer.isGranted || !peer.isDue) continue;
      peer.isDue = false;
      this.#post({ to, hello: { heartbeat_s: hello?.heartbeat_s, expires_in_s: null, cursor } });
    }
  }

  /** What came since the last time: everything of the tabs that were answered. @param {string} [cursor] up to there */
  #flush(cursor = this.#connection.cursor) {
    this.#isDue = false;
    this.#post({ after: this.#sent ?? cursor, cursor, events: this.#batch.splice(0) });
    this.#sent = cursor;
  }

  /** @param {any} [error] @param {string} [to] */
  #refuse({ code = 'network', detail = 'the leading tab lost its connection', status, problem } = {}, to) {
    this.#post({ to, error: { code, detail, status, problem } });
  }

  /** @param {object} message */
  #post(message) {
    if (this.#leads && !this.#over.signal.aborted) this.#setup.channel?.post({ from: this.#setup.client, ...message });
  }
}
