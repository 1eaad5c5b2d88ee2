/** @import {Runtime} from './shapes.js' */

/** @type {any} */
const here = globalThis;

/** What is given, and the rest from where this runs. @type {(given: Partial<Runtime>) => Runtime} */
export function runtimeOf(given) {
  // Elsewhere these warn, are missing, or are no other page's.
  const page = here.location ? here : {};
  return {
    WebSocket: here.WebSocket ?? null,
    fetch: (url, init) => here.fetch(url, init),
    setTimeout: (call, ms) => here.setTimeout(call, ms),
    clearTimeout: (timer) => here.clearTimeout(timer),
    now: () => Date.now(),
    random: () => Math.random(),
    storage: attempt(() => page.localStorage) ?? null,
    locks: page.navigator?.locks ?? null,
    BroadcastChannel: page.BroadcastChannel ?? null,
    events: here.addEventListener ? here : null,
    ...given,
  };
}

/**
 * Storage may be forbidden, or full.
 * @template Value
 * @param {() => Value} call
 */
export function attempt(call) {
  try {
    return call();
  } catch {
    return undefined;
  }
}

/** Timers by name: a new one takes the place of the one before. */
export class Timers {
  #runtime;
  /** @type {Record<string, any>} */
  #running = {};

  /** @param {Runtime} runtime */
  constructor(runtime) {
    this.#runtime = runtime;
  }

  /** @type {(name: string, ms: number, call: () => void) => void} */
  set = (name, ms, call) => {
    this.clear(name);
    this.#running[name] = this.#runtime.setTimeout(call, ms);
  };

  /** @param {string[]} names none: all of them */
  clear(...names) {
    for (const name of names.length ? names : Object.keys(this.#running)) {
      this.#runtime.clearTimeout(this.#running[name]);
      delete this.#running[name];
    }
  }
}
