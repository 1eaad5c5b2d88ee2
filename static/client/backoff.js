/** Full jitter: a random time up to 1 s, 2 s, 4 s … 30 s. */
export class Backoff {
  #random;
  #failures = 0;

  /** @param {() => number} random */
  constructor(random) {
    this.#random = random;
  }

  /** How long to wait, in ms. @param {number} [atLeast] */
  next(atLeast = 0) {
    return Math.max(atLeast, this.#random() * Math.min(30_000, 1000 * 2 ** this.#failures++));
  }

  reset() {
    this.#failures = 0;
  }
}
