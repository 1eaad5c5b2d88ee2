import { asError } from './errors.js';

/** @import {Line} from './line.js' */
/** @import {Timers} from './runtime.js' */
/** @import {Setup} from './shapes.js' */

/** A new token for the live line before the old one ends: by a command, or by handing over. */
export class Renewal {
  #tokens;
  #timers;
  #line;
  #handOver;

  /** @param {Setup} setup @param {Timers} timers @param {() => Line | undefined} line @param {() => void} handOver */
  constructor({ tokens }, timers, line, handOver) {
    this.#tokens = tokens;
    this.#timers = timers;
    this.#line = line;
    this.#handOver = handOver;
  }

  /** The present token ends. @param {number | null} inS */
  expires(inS) {
    this.#tokens.expires(inS);
    this.#timers.clear('renew');
    if (inS !== null && this.#tokens.canRenew) this.#later(inS * 800);
  }

  async now() {
    const line = /** @type {Line} */ (this.#line());
    this.#tokens.drop();
    let token;
    try {
      token = await this.#tokens.get();
      if (line !== this.#line()) return;
      if (!line.takesCommands) return this.#handOver();
      const { expires_in_s: inS } = await line.command({ op: 'auth', token });
      if (line === this.#line()) this.expires(inS);
    } catch (cause) {
      if (line !== this.#line()) return;
      const { isFinal, status } = asError(cause);
      if (status === 401) this.#tokens.drop(token);
      if (isFinal) this.#handOver();
      else this.#later(10_000);
    }
  }

  /** @param {number} ms */
  #later(ms) {
    this.#timers.set('renew', ms, () => this.now());
  }
}
