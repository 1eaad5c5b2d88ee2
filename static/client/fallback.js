import { TricastError } from './errors.js';
import { attempt } from './runtime.js';

/** @import {Runtime, Transport} from './shapes.js' */

/** @type {Transport[]} */
const ALL = ['websocket', 'sse', 'poll'];

/** Which transport to take: the best that works, as remembered for the server's origin. */
export class Fallback {
  #all;
  #storage;
  #key;
  #at;
  #failures = 0;
  /** @type {Set<Transport>} */
  #good = new Set();
  /** Another tab has the connection. */
  follows = false;

  /** @param {Transport[] | undefined} wanted best first @param {Runtime} runtime @param {string} origin */
  constructor(wanted = ALL, { WebSocket, storage }, origin) {
    this.#all = wanted.filter((name) => ALL.includes(name) && (name !== 'websocket' || WebSocket));
    if (!this.#all.length) {
      const detail = `transports '${wanted}' must hold one of ${ALL} that there is here`;
      throw new TricastError('bad-request', detail, { field: 'transports' });
    }
    this.#storage = storage;
    this.#key = `tricast:${origin}`;
    const last = /** @type {Transport} */ (attempt(() => storage?.getItem(this.#key)));
    this.#at = Math.max(0, this.#all.indexOf(last));
  }

  /** @returns {Transport} */
  get transport() {
    return this.follows ? 'tab' : this.#all[this.#at];
  }

  get better() {
    return this.follows ? [] : this.#all.slice(0, this.#at);
  }

  /** When to try a better one, in ms: soon if it was good until now (a server that restarts blocks them all). */
  get upgradeMs() {
    const isSoon = this.better.some((name) => this.#good.delete(name));
    return isSoon ? 5000 : 300_000;
  }

  /** @param {Transport} name has said hello */
  worked(name) {
    if (name === 'tab') return;
    this.#failures = 0;
    this.#at = this.#all.indexOf(name);
    this.#good.add(name);
    attempt(() => this.#storage?.setItem(this.#key, name));
  }

  /** No hello came. True: the next one is to be tried at once. @param {boolean} isSilent once is enough */
  failed(isSilent) {
    if (this.follows || (!isSilent && ++this.#failures < 3)) return false;
    this.#failures = 0;
    this.#at = (this.#at + 1) % this.#all.length;
    return this.#at > 0;
  }
}
