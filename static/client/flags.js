import { asError } from './errors.js';
import { call } from './http.js';
import { Listeners } from './listeners.js';
import { Timers, attempt } from './runtime.js';

/** @import {Setup, Tricast} from './shapes.js' */

/** The flags of an environment: OFREP's bulk evaluation, repeated when the stream says that something changed. */
export class Flags {
  #setup;
  #path;
  #key;
  #context;
  #listeners = new Listeners();
  #timers;
  /** @type {Record<string, unknown>} */
  #values = {};
  #etag = '';
  #cursor = '';
  #turn = 0;
  /** @type {Promise<void> | undefined} */
  #latest;
  #isDue = false;
  #isLive = false;
  #close;
  /** @type {(done: void) => void} */
  #isReady = () => {};
  /** @type {Promise<void>} */
  ready = new Promise((resolve) => (this.#isReady = resolve));
  stale = true;

  /** @param {Setup} setup @param {Tricast} client @param {string} app @param {string} environment @param {object} context */
  constructor(setup, client, app, environment, context) {
    const { runtime, base } = setup;
    this.#setup = setup;
    this.#context = context;
    this.#path = `/v1/apps/${encodeURIComponent(app)}/${encodeURIComponent(environment)}/ofrep/v1/evaluate/flags`;
    this.#key = `tricast:${base}${this.#path}`;
    this.#timers = new Timers(runtime);
    const kept = attempt(() => JSON.parse(runtime.storage?.getItem(this.#key) ?? 'null'));
    if (kept?.context === JSON.stringify(context)) this.#take(kept.values, kept.etag);
    const { unsubscribe } = client.subscribe(`${app}/flags/${environment}`, ({ cursor = '' }) => this.#soon(cursor));
    const ends = [
      unsubscribe,
      client.on('reset', () => this.#soon('')),
      client.on('status', () => this.#status(client.state === 'live')),
    ];
    const close = () => this.close();
    setup.closing.add(close);
    ends.push(() => setup.closing.delete(close));
    this.#close = () => ends.forEach((end) => end());
    this.#isLive = client.state === 'live';
    if (!setup.over.aborted) this.#soon('');
  }

  /** @template Value @param {string} key @param {Value} fallback @returns {Value} */
  get(key, fallback) {
    const value = /** @type {any} */ (Object.hasOwn(this.#values, key) ? this.#values[key] : undefined);
    return value === undefined || (fallback != null && typeof value !== typeof fallback) ? fallback : value;
  }

  all() {
    return { ...this.#values };
  }

  /** @param {'change' | 'stale'} name @param {(told: any) => void} listener */
  on(name, listener) {
    return this.#listeners.on(name, listener);
  }

  /** @param {object} context */
  context(context) {
    this.#context = context;
    this.#etag = '';
    return this.#fetch();
  }

  close() {
    this.#turn++;
    this.#latest = undefined;
    this.#timers.clear();
    this.#close();
  }

  /** @param {boolean} isLive */
  #status(isLive) {
    if (isLive === this.#isLive) return;
    this.#isLive = isLive;
    if (isLive) this.#soon('');
    else this.#age(true);
  }

  /** @param {boolean} stale */
  #age(stale) {
    if (stale === this.stale) return;
    this.stale = stale;
    this.#listeners.emit('stale', stale);
  }

  /** Many changes at once are one evaluation. @param {string} cursor that it must have seen */
  #soon(cursor) {
    this.#cursor = cursor;
    if (!this.#isDue) this.#timers.set('fetch', 50, () => this.#fetch());
    this.#isDue = true;
  }

  #fetch() {
    return (this.#latest = this.#ask());
  }

  /** Done when there is an answer to this question or to a later one. @returns {Promise<void>} */
  async #ask() {
    const turn = ++this.#turn;
    this.#isDue = false;
    try {
      const path = this.#path + (this.#cursor && `?flagConfigEtag=${this.#cursor}`);
      const headers = this.#etag ? { 'If-None-Match': this.#etag } : {};
      const answer = await call(this.#setup, path, { context: this.#context }, { headers });
      const found = answer.status === 304 ? undefined : await answer.json();
      if (turn !== this.#turn) return this.#latest;
      if (found) this.#fresh(found.flags, answer.headers.get('etag') ?? '');
      this.#age(!this.#isLive);
    } catch (cause) {
      if (turn !== this.#turn) return this.#latest;
      this.#age(true);
      const error = asError(cause);
      if (error.isFinal) return this.#setup.tell(error);
      this.#timers.set('fetch', 5000 * (1 + this.#setup.runtime.random()), () => this.#fetch());
    }
  }

  /** @param {{key: string, value?: unknown}[]} flags without a value: the code's default @param {string} etag */
  #fresh(flags, etag) {
    const valued = flags.filter(({ value }) => value !== undefined);
    const values = Object.fromEntries(valued.map(({ key, value }) => [key, value]));
    const kept = { context: JSON.stringify(this.#context), etag, values };
    attempt(() => this.#setup.runtime.storage?.setItem(this.#key, JSON.stringify(kept)));
    this.#take(values, etag);
  }

  /** @param {Record<string, unknown>} values @param {string} etag */
  #take(values, etag) {
    const before = this.#values;
    this.#values = values;
    this.#etag = etag;
    this.#isReady();
    for (const key of new Set([...Object.keys(before), ...Object.keys(values)])) {
      if (JSON.stringify(before[key]) !== JSON.stringify(values[key])) {
        this.#listeners.emit('change', { key, old: before[key], new: values[key] });
      }
    }
  }
}
