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

/** What is longer than a timer can be would be over at once. */
const MOST_MS = 2 ** 31 - 1;

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
    const done = () => {
      delete this.#running[name];
      call();
    };
    this.#running[name] = this.#runtime.setTimeout(done, Math.min(ms, MOST_MS));
  };

  /** @param {string} name */
  has(name) {
    return name in this.#running;
  }

  /** @param {string[]} names none: all of them */
  clear(...names) {
    for (const name of names.length ? names : Object.keys(this.#running)) {
      this.#runtime.clearTimeout(this.#running[name]);
      delete this.#running[name];
    }
  }
}

/** Waits, unless `signal` ends it. Throws its reason. @param {Runtime} runtime @param {number} ms @param {AbortSignal} signal */
export async function pause({ setTimeout, clearTimeout }, ms, signal) {
  let timer;
  let stop = () => {};
  const passed = new Promise((resolve) => {
    stop = () => resolve(0);
    signal.addEventListener('abort', stop);
    timer = setTimeout(stop, Math.min(ms, MOST_MS));
  });
  if (!signal.aborted) await passed;
  clearTimeout(timer);
  signal.removeEventListener('abort', stop);
  if (signal.aborted) throw signal.reason;
}

/**
 * A signal that is aborted with `error` after a time, until `clear`; or before, with the reason given to `stop`.
 * @param {Runtime} runtime
 * @param {number} ms
 * @param {Error} error
 */
export function deadline({ setTimeout, clearTimeout }, ms, error) {
  const abort = new AbortController();
  const stop = (/** @type {Error} */ reason) => abort.abort(reason);
  const timer = setTimeout(() => stop(error), Math.min(ms, MOST_MS));
  return { signal: abort.signal, stop, clear: () => clearTimeout(timer) };
}
