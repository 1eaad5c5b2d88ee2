/** Who wants to be told what, by name. */
export class Listeners {
  /** @type {Map<string, Set<{call: (value: any) => void}>>} */
  #all = new Map();

  /**
   * @param {string} name
   * @param {(value: any) => void} call
   * @returns {() => void} to be told no more
   */
  on(name, call) {
    const entry = { call };
    const entries = this.#all.get(name) ?? new Set();
    this.#all.set(name, entries.add(entry));
    return () => void entries.delete(entry);
  }

  /**
   * @param {string} name
   * @param {any} value
   */
  emit(name, value) {
    const entries = this.#all.get(name) ?? new Set();
    for (const entry of [...entries]) if (entries.has(entry)) guarded(entry.call, value);
  }

  clear() {
    this.#all.clear();
  }
}

/**
 * What a listener throws reaches neither the next one nor the connection, but is not swallowed.
 * @param {(value: any) => void} call
 * @param {any} value
 */
export function guarded(call, value) {
  try {
    call(value);
  } catch (error) {
    queueMicrotask(() => {
      throw error;
    });
  }
}
