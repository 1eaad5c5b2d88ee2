/**
 * Whether a topic is matched by any of the patterns (`*`: a segment; a final `**`: one or more).
 * @param {Iterable<string>} patterns
 * @returns {(topic: string) => boolean}
 */
export function matcher(patterns) {
  const literal = new Set(patterns);
  const wild = [...literal].filter((text) => text.includes('*')).map(expression);
  if (!wild.length) return (topic) => literal.has(topic);
  const some = new RegExp(`^(?:${wild.join('|')})$`, 's');
  return (topic) => literal.has(topic) || some.test(topic);
}

/** @param {string} pattern */
function expression(pattern) {
  const escaped = pattern.replace(/[\\^$.|?+()[\]{}]/g, '\\$&');
  const text = escaped.replace(/\*+/g, (stars) => (stars === '*' ? '[^/]+' : '.+'));
  // A wildcard in the first place never reaches the server's own app.
  return pattern.startsWith('*') ? `(?!tricast(?:/|$))${text}` : text;
}

/** The patterns of a client, each as often as somebody wants it. */
export class Patterns {
  /** @type {Map<string, number>} */
  #counts = new Map();
  /** Made when it is needed. @type {((topic: string) => boolean) | undefined} */
  #matches;

  get list() {
    return [...this.#counts.keys()];
  }

  /** @param {string} topic */
  matches(topic) {
    this.#matches ??= matcher(this.#counts.keys());
    return this.#matches(topic);
  }

  /** @param {string[]} patterns @param {1 | -1} by */
  change(patterns, by) {
    for (const pattern of patterns) {
      const count = (this.#counts.get(pattern) ?? 0) + by;
      if (count > 0) this.#counts.set(pattern, count);
      else this.#counts.delete(pattern);
    }
    this.#matches = undefined;
  }
}
