/** What cursors are compared by. @param {string} [cursor] */
export const offsetOf = (cursor = '') => Number(/^\w+-(\d+)$/.exec(cursor)?.[1] ?? -1);

/** Where a client stands in the log. */
export class Position {
  /** Where to begin; then there is the cursor. @type {string | undefined} */
  #start;
  /** Up to here everything was given. @type {string | undefined} */
  cursor;

  /** @param {string} start */
  constructor(start) {
    this.#start = start;
  }

  /** Where a connection is to begin. */
  get next() {
    return this.#start ?? /** @type {string} */ (this.cursor);
  }

  /** False: it was there already. @param {string} [cursor] */
  move(cursor) {
    if (!cursor || (this.#start === undefined && offsetOf(cursor) <= offsetOf(this.cursor))) return false;
    this.reset(cursor);
    return true;
  }

  /** Also back, where the log took another course. @param {string} cursor */
  reset(cursor) {
    this.cursor = cursor;
    this.#start = undefined;
  }

  /** What comes next is no continuation. */
  leave() {
    if (this.cursor) this.#start = 'latest';
  }
}
