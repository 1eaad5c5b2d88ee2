/**
 * Values that are watched: what reads a signal runs again when it is set, once per turn, and only if it has changed.
 */

/** @template T @typedef {{(): T, set: (value: T) => void, peek: () => T}} Signal */
/** @template T @typedef {() => T} Read */

/** @type {Watcher | undefined} */
let reading;
/** What is to be undone when the part of the page that is being built goes. @type {(() => void)[] | undefined} */
let owner;
/** @type {Set<Effect>} */
const due = new Set();
let isDue = false;
/** Grows with every change of a signal. */
let now = 0;

class Source {
  version = 0;
  /** @type {Set<Watcher>} */
  watchers = new Set();

  /** @param {unknown} value */
  constructor(value) {
    this.value = value;
  }

  read() {
    this.refresh();
    if (reading) {
      reading.sources.set(this, this.version);
      if (reading.isTold) this.join(reading);
    }
    return this.value;
  }

  /** @param {unknown} value */
  write(value) {
    if (Object.is(value, this.value)) return;
    this.value = value;
    this.version++;
    now++;
    for (const watcher of this.watchers) watcher.notify();
  }

  /** @param {Watcher} watcher */
  join(watcher) {
    this.watchers.add(watcher);
  }

  /** @param {Watcher} watcher */
  leave(watcher) {
    this.watchers.delete(watcher);
  }

  refresh() {}
}

/**
 * What has read sources, and the versions that it has read; `isTold`: they tell it when they change.
 * @typedef {{sources: Map<Source, number>, isTold: boolean, notify: () => void}} Watcher
 */

/** Calls, and remembers what was read instead of what was read before. @template T @param {Watcher} watcher @param {() => T} call @returns {T} */
function anew(watcher, call) {
  const before = watcher.sources;
  watcher.sources = new Map();
  try {
    return watching(watcher, call);
  } finally {
    for (const source of before.keys()) if (!watcher.sources.has(source)) source.leave(watcher);
  }
}

/** @param {Watcher} watcher */
function isStale(watcher) {
  for (const [source, version] of watcher.sources) {
    source.refresh();
    if (source.version !== version) return true;
  }
  return false;
}

/** @template T @param {Watcher | undefined} watcher @param {() => T} call @returns {T} */
function watching(watcher, call) {
  const before = reading;
  reading = watcher;
  try {
    return call();
  } finally {
    reading = before;
  }
}

/** While nobody watches it, it watches nothing: what it reads doesn't hold it, nor the part of the page that it is of. */
class Computed extends Source {
  /** @type {Map<Source, number>} */
  sources = new Map();
  #isDirty = true;
  #isNew = true;
  #asOf = -1;

  /** @param {() => unknown} compute */
  constructor(compute) {
    super(undefined);
    this.compute = compute;
  }

  get isTold() {
    return this.watchers.size > 0;
  }

  /** @param {Watcher} watcher */
  join(watcher) {
    if (!this.isTold) for (const source of this.sources.keys()) source.join(this);
    super.join(watcher);
  }

  /** @param {Watcher} watcher */
  leave(watcher) {
    if (!this.watchers.delete(watcher) || this.isTold) return;
    this.#asOf = -1;
    for (const source of this.sources.keys()) source.leave(this);
  }

  notify() {
    if (this.#isDirty) return;
    this.#isDirty = true;
    for (const watcher of this.watchers) watcher.notify();
  }

  refresh() {
    if (this.isTold ? !this.#isDirty : this.#asOf === now) return;
    this.#isDirty = false;
    this.#asOf = now;
    if (!this.#isNew && !isStale(this)) return;
    this.#isNew = false;
    const value = anew(this, this.compute);
    if (Object.is(value, this.value)) return;
    this.value = value;
    this.version++;
  }
}

class Effect {
  /** @type {Map<Source, number>} */
  sources = new Map();
  #run;
  /** @type {(() => void)[]} */
  #undo = [];
  isTold = true;

  /** @param {() => void} run */
  constructor(run) {
    this.#run = run;
    this.run();
  }

  notify() {
    due.add(this);
    if (!isDue) queueMicrotask(flush);
    isDue = true;
  }

  rerun() {
    if (this.isTold && isStale(this)) this.run();
  }

  run() {
    undo(this.#undo);
    owned(this.#undo, () => anew(this, this.#run));
  }

  stop() {
    this.isTold = false;
    due.delete(this);
    for (const source of this.sources.keys()) source.leave(this);
    this.sources.clear();
    undo(this.#undo);
  }
}

/** Runs what is due now, instead of at the end of the turn. */
export function flush() {
  for (let rounds = 0; due.size && rounds < 100; rounds++) {
    const chosen = [...due];
    due.clear();
    for (const effect of chosen) {
      try {
        effect.rerun();
      } catch (error) {
        reportError(error); // (one part of the page that fails doesn't stop the others)
      }
    }
  }
  isDue = false;
}

/** @param {(() => void)[]} list */
function undo(list) {
  for (const call of list.splice(0).reverse()) call();
}

/** @template T @param {(() => void)[]} list @param {() => T} call @returns {T} */
function owned(list, call) {
  const before = owner;
  owner = list;
  try {
    return call();
  } finally {
    owner = before;
  }
}

/** @template T @param {T} value @returns {Signal<T>} */
export function signal(value) {
  const source = new Source(value);
  return Object.assign(/** @type {() => T} */ (() => source.read()), {
    set: (/** @type {T} */ next) => source.write(next),
    peek: () => /** @type {T} */ (source.value),
  });
}

/** What `compute` gives; asked again only when what it has read changes. @template T @param {() => T} compute @returns {Read<T>} */
export function computed(compute) {
  const source = new Computed(compute);
  return /** @type {() => T} */ (() => source.read());
}

/** Runs `run` now, and again when what it has read changes, until its part of the page goes. @param {() => void} run */
export function effect(run) {
  const made = new Effect(run);
  owner?.push(() => made.stop());
  return () => made.stop();
}

/** Called when this part of the page goes. @param {() => void} call */
export function cleanup(call) {
  owner?.push(call);
}

/** Reads without watching. @template T @param {() => T} call @returns {T} */
export function untracked(call) {
  return watching(undefined, call);
}

/**
 * A part of the page with a life of its own: `[what call gives, end it]`. It also ends with the part around it.
 * @template T @param {() => T} call @returns {[T, () => void]}
 */
export function scope(call) {
  const made = apart(call);
  owner?.push(made[1]);
  return made;
}

/** A part whose end is up to the caller alone. @template T @param {() => T} call @returns {[T, () => void]} */
export function apart(call) {
  /** @type {(() => void)[]} */
  const list = [];
  return [owned(list, () => untracked(call)), () => undo(list)];
}
