/** @import {Line} from './line.js' */
/** @import {Envelope} from './shapes.js' */

/** Messages of the present line that may wait for the next one. */
const MOST_HELD = 1000;

/**
 * The line that is to take over from the present one. Beside it that starts from the cursor, and takes over when it is
 * live. If it brings further topics, the present line must not move the cursor, or what the next one has of them would be
 * taken for old: then its messages are held until the next one says hello, which replays them all.
 */
export class Handover {
  /** @type {Line | undefined} */
  next;
  /** @type {Envelope[] | undefined} */
  #held;

  get isHolding() {
    return this.#held !== undefined;
  }

  /** @param {Line} line @param {boolean} isMore it brings further topics */
  begin(line, isMore) {
    this.next?.close();
    this.next = line;
    if (isMore) this.#held ??= [];
  }

  /** False: there are too many. @param {Envelope} message */
  hold(message) {
    return /** @type {Envelope[]} */ (this.#held).push(message) <= MOST_HELD;
  }

  /** The next line is to be the present one; what was held comes again on it. */
  take() {
    const line = /** @type {Line} */ (this.next);
    this.next = this.#held = undefined;
    return line;
  }

  /** It comes to nothing. What was held, to be given after all. */
  end() {
    const held = this.#held ?? [];
    this.next?.close();
    this.next = this.#held = undefined;
    return held;
  }
}
