/** @import {TricastError} from './errors.js' */

/** What a client wants, what of it the server is known to send, and who waits for that. */
export class Wanted {
  /** @type {Set<string>} */
  topics = new Set();
  presence = false;
  /** @type {Set<string>} */
  granted = new Set();
  /** @type {{topics: string[], resolve: () => void, reject: (error: TricastError) => void}[]} */
  #waiting = [];

  /** @param {Iterable<string>} topics @param {boolean} presence */
  set(topics, presence) {
    this.topics = new Set(topics);
    this.presence = presence;
    for (const topic of this.granted) if (!this.topics.has(topic)) this.granted.delete(topic);
    this.grant([]);
  }

  /** Those that are not among `topics`. @param {Set<string>} topics */
  beyond(topics) {
    return [...this.topics].filter((topic) => !topics.has(topic));
  }

  /** Done when they are granted, or nobody wants them any more. @param {string[]} topics @returns {Promise<void>} */
  ready(topics) {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ topics, resolve, reject });
      this.grant([]);
    });
  }

  /** @param {Iterable<string>} topics */
  grant(topics) {
    for (const topic of topics) if (this.topics.has(topic)) this.granted.add(topic);
    this.#waiting = this.#waiting.filter(({ topics, resolve }) => {
      const isOpen = topics.some((topic) => this.topics.has(topic) && !this.granted.has(topic));
      return isOpen || resolve();
    });
  }

  /** Gives up what isn't granted. Undefined: that would be everything, or nothing. @param {TricastError} error */
  refuse(error) {
    const refused = this.beyond(this.granted);
    if (!this.granted.size || (!refused.length && !this.presence)) return undefined;
    for (const { topics, reject } of this.#waiting) if (topics.some((topic) => refused.includes(topic))) reject(error);
    this.set(this.granted, this.presence && refused.length > 0);
    return refused;
  }

  /** Nobody waits any longer. @param {TricastError} error */
  end(error) {
    for (const { reject } of this.#waiting.splice(0)) reject(error);
  }
}
