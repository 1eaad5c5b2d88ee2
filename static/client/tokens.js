/** @import {Runtime, TokenSource} from './shapes.js' */

/** The token in use. Asked for when there is none, it ends within 10 s, or it was refused. */
export class Tokens {
  #now;
  #source;
  /** @type {string | undefined} */
  #value;
  #expiresAt = Infinity;
  /** @type {Promise<string | undefined> | undefined} */
  #asking;

  /** @param {Runtime} runtime @param {TokenSource} source */
  constructor({ now }, source) {
    this.#now = now;
    this.#source = source;
  }

  get canRenew() {
    return typeof this.#source === 'function';
  }

  /** @param {TokenSource} source from now on */
  use(source) {
    this.#source = source;
    this.#asking = undefined;
    this.drop();
  }

  /** It was refused, or is to be renewed: the next one is asked for. @param {string} [token] */
  drop(token = this.#value) {
    if (token === this.#value) this.#value = undefined;
  }

  /** Throws what the app's function throws. */
  async get() {
    if (typeof this.#source !== 'function') return this.#source ?? undefined;
    if (this.#value && this.#expiresAt - this.#now() > 10_000) return this.#value;
    const asking = (this.#asking ??= Promise.resolve(this.#source()).then((value) => value ?? undefined));
    try {
      const value = await asking;
      if (asking === this.#asking) {
        this.#value = value;
        this.#expiresAt = Infinity;
      }
      return value;
    } finally {
      if (asking === this.#asking) this.#asking = undefined;
    }
  }

  /** What the server says of it. @param {number | null} inS */
  expires(inS) {
    this.#expiresAt = inS === null ? Infinity : this.#now() + inS * 1000;
  }
}

/**
 * Whose token it is; '' without one, undefined if it can't be known. (The server compresses what is long.)
 * @returns {Promise<string | undefined>}
 */
export async function subjectOf(token = '') {
  if (!token) return '';
  try {
    const [first, second] = token.split('.');
    const text = atob((first || second).replaceAll('-', '+').replaceAll('_', '/'));
    const bytes = Uint8Array.from(text, (char) => char.charCodeAt(0));
    const { a, s } = first ? JSON.parse(new TextDecoder().decode(bytes)) : await inflated(bytes);
    return s && `${a} ${s}`;
  } catch {
    return undefined;
  }
}

/** @param {Uint8Array<ArrayBuffer>} bytes */
const inflated = (bytes) => new Response(new Blob([bytes]).stream().pipeThrough(new DecompressionStream('deflate'))).json();
