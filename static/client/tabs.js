import { TricastError } from './errors.js';
import { poll } from './longpoll.js';
import { attempt } from './runtime.js';
import { control, newId, offsetOf } from './wire.js';

/** @import {Connection} from './connection.js' */
/** @import {Envelope, Hello, Open, Reset, Setup} from './shapes.js' */
/** @typedef {{tab: string, ask?: string, topics: string[], presence: boolean, isGranted?: boolean}} Peer */

/**
 * One connection for all tabs of a user. Who holds the Web Lock leads: it has the connection, with the topics of all,
 * and tells the others. Their transport is the leader; each resumes at its own cursor, as on any transport.
 */
export class Tabs {
  #setup;
  #connection;
  #name = '';
  #over = new AbortController();
  /** @type {Map<string, Peer>} */
  #peers = new Map();
  /** @type {Peer} */
  #own = { tab: '', topics: [], presence: false };
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
    const who = typeof share === 'string' ? share : subjectOf(await tokens.get());
    if (who === undefined || this.#over.signal.aborted) return;
    this.#name = `tricast:${base} ${who}`;
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
    this.#hold(`${this.#name} ${client}`, () => {});
    this.#hold(this.#name, () => this.#lead());
  }

  /** @param {string[]} topics @param {boolean} presence */
  want(topics, presence) {
    this.#own = { tab: '', topics, presence };
    this.#wantAll();
  }

  /** To be told to the others. @param {Envelope} message */
  give(message) {
    this.#batch.push(message);
    this.moved();
  }

  moved() {
    if (!this.#isDue) queueMicrotask(() => this.#flush());
    this.#isDue = true;
  }

  /** @param {Reset} reset */
  reset(reset) {
    this.#flush();
    if (this.#leads) this.#post({ reset });
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

  /** A lock, as long as this tab lives. @param {string} name @param {() => void} call */
  #hold(name, call) {
    const { signal } = this.#over;
    const held = () => {
      call();
      return new Promise((resolve) => signal.addEventListener('abort', resolve));
    };
    this.#setup.runtime.locks?.request(name, { signal }, held).catch(() => {}); // (closed before it came)
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
    if (this.#leads && message.ask) this.#asked(message);
    else if (message.who && !this.#connection.hello) this.#connection.reconnect();
  }

  /** @param {Required<Peer>} peer */
  #asked(peer) {
    const isNew = !this.#peers.has(peer.tab);
    this.#peers.set(peer.tab, peer);
    this.#wantAll();
    this.#connection.granted(peer.topics).then(
      () => {
        peer.isGranted = true;
        this.#answer();
      },
      (error) => {
        if (this.#peers.get(peer.tab) === peer) this.#peers.delete(peer.tab);
        this.#refuse(error, peer.ask);
      },
    );
    if (!isNew) return;
    // Its lock is free when it is gone.
    const { signal } = this.#over;
    const gone = () => {
      this.#peers.delete(peer.tab);
      this.#wantAll();
    };
    this.#setup.runtime.locks?.request(`${this.#name} ${peer.tab}`, { signal }, gone).catch(() => {});
  }

  #wantAll() {
    const all = [this.#own, ...this.#peers.values()];
    this.#connection.want([...new Set(all.flatMap(({ topics }) => topics))], all.some(({ presence }) => presence));
  }

  #answer() {
    const { state, cursor, hello } = this.#connection;
    if (state !== 'live') return;
    this.#flush();
    for (const peer of this.#peers.values()) {
      if (!peer.isGranted || !peer.ask) continue;
      this.#post({ to: peer.ask, hello: { heartbeat_s: hello?.heartbeat_s, expires_in_s: null, cursor } });
      peer.ask = undefined;
    }
  }

  #flush() {
    const { cursor } = this.#connection;
    const events = this.#batch.splice(0);
    this.#isDue = false;
    if (this.#leads) this.#post({ after: this.#sent ?? cursor, cursor, events });
    this.#sent = cursor;
  }

  /** @param {any} [error] @param {string} [to] */
  #refuse({ code = 'network', detail = 'the leading tab lost its connection', status, problem } = {}, to) {
    this.#post({ to, error: { code, detail, status, problem } });
  }

  /** @param {object} message */
  #post(message) {
    this.#setup.channel?.post(message);
  }
}

/** The leading tab, as a transport. @type {Open} */
export function openTab(setup, ask, sink) {
  const { topics, presence } = ask;
  const id = newId();
  const abort = new AbortController();
  const channel = /** @type {NonNullable<typeof setup.channel>} */ (setup.channel);
  /** What comes while it catches up. @type {any[] | undefined} */
  let kept = [];

  const give = (/** @type {any} */ { after, cursor, events, reset }) => {
    sink.heard(0);
    if (reset) sink.message(control('reset', reset));
    else if (offsetOf(after) > offsetOf(ask.cursor)) return sink.end('a gap between tabs');
    else {
      events.forEach(sink.message);
      sink.message(control('heartbeat', { cursor }));
    }
    if (reset || offsetOf(cursor) > offsetOf(ask.cursor)) ask.cursor = reset?.cursor ?? cursor;
  };

  /** @param {Hello & {cursor: string}} hello */
  const start = async (hello) => {
    const { cursor } = hello;
    if (ask.cursor === 'latest') ask.cursor = cursor;
    if (ask.cursor !== cursor) {
      do await poll(setup, ask, sink, 0, abort.signal);
      while (offsetOf(ask.cursor) < offsetOf(cursor));
    }
    sink.message(control('hello', hello));
    kept?.forEach(give);
    kept = undefined;
    sink.message(control('live', ask));
  };

  const question = () => {
    kept = [];
    channel.post({ ask: id, tab: setup.client, topics, presence });
  };
  const stop = channel.listen(({ to, who, error, hello, ...message }) => {
    if (error && (!to || to === id)) sink.end(new TricastError(error.code, error.detail, error));
    else if (to === id) start(hello).catch(sink.end);
    else if (who) question(); // another tab leads
    else if (!message.events && !message.reset) return;
    else if (!kept) give(message);
    else if (kept.push(message) > 1000) sink.end('too much came from the leading tab');
  });
  question();
  return { close: () => (stop(), abort.abort()) };
}

/** Whose token it is; '' without one, undefined if it can't be known. @param {string | undefined} token */
function subjectOf(token = '') {
  if (!token) return '';
  return attempt(() => {
    const { a, s } = JSON.parse(atob(token.split('.')[0].replaceAll('-', '+').replaceAll('_', '/')));
    return s && `${a} ${s}`;
  });
}
