import { ask, get } from '../core/api.js';
import { cleanup, effect, signal, untracked } from '../core/reactive.js';
import { onceShown } from '../core/shown.js';
import { app, listOf } from './apps.js';
import { live } from './live.js';

/**
 * @typedef {object} InEnvironment What one environment says of a flag.
 * @property {'ENABLED' | 'DISABLED'} state
 * @property {string | null} defaultVariant
 * @property {any} [targeting]
 * @property {Record<string, unknown>} [variants] where they differ from the flag's own
 * @property {Record<string, unknown>} [metadata]
 */
/**
 * @typedef {object} Flag
 * @property {string} key
 * @property {'boolean' | 'string' | 'number' | 'object'} type
 * @property {string} name
 * @property {string} description
 * @property {string[]} tags
 * @property {string | null} owner
 * @property {boolean} archived
 * @property {Record<string, unknown>} variants
 * @property {Record<string, InEnvironment>} environments
 * @property {string} created_at
 * @property {string} updated_at
 * @property {string} updated_by
 * @property {number} version
 */
/** @typedef {{evaluations: number, last_evaluated_at: string | null, stale: any}} Usage */
/** @typedef {{key: string, version: number, by: string, reason: string | null, at: number, changed: string[], environment: string}} Seen A change that came while one looked. */

/** How long after the first of several changes the list is told: less than a frame. */
const TOGETHER_MS = 8;
/** More flags than this at once are read as a list. */
const MOST_ALONE = 10;
/** More events than this are not read one by one, but the list anew. */
const MOST_MISSED = 100;
/** When a flag that could not be read is read again. */
const AGAIN_MS = 2000;

/**
 * All flags of the app that is looked at, as they are now: a list, then every event after its cursor.
 * @typedef {ReturnType<typeof openFlags>} Flags
 */
export function openFlags() {
  const all = signal(/** @type {Map<string, Flag> | undefined} */ (undefined));
  const usage = signal(/** @type {Record<string, Usage>} */ ({}));
  const problem = signal(/** @type {Error | undefined} */ (undefined));
  /** The last change, for who wants to show it. */
  const changed = signal(/** @type {Seen | undefined} */ (undefined));
  /** @type {Map<string, Flag>} */
  let flags = new Map();
  /** @type {Set<string>} */
  const asked = new Set();
  /** What came while a list was on its way, which may be older. @type {[string, any][] | undefined} */
  let late;
  let cursor = '';
  let offset = 0;
  let isDue = false;
  let turn = 0;
  let key = '';

  const tell = () => {
    if (!isDue) setTimeout(() => ((isDue = false), all.set(new Map(flags))), TOGETHER_MS);
    isDue = true;
  };

  async function load() {
    const mine = ++turn;
    const { app: name } = untracked(app) ?? {};
    if (!name) return;
    late = [];
    try {
      const answer = await get('/v1/flags', listOf(name));
      if (mine !== turn) return;
      flags = new Map(answer.flags.map((/** @type {Flag} */ flag) => [flag.key, flag]));
      cursor = answer.cursor;
      offset = offsetOf(cursor);
      const missed = late;
      late = undefined;
      for (const [environment, event] of missed) take(environment, event);
      problem.set(undefined);
      all.set(new Map(flags));
    } catch (error) {
      if (mine !== turn) return;
      late = undefined;
      problem.set(/** @type {Error} */ (error));
    }
    onceShown(async () => {
      if (mine !== turn) return;
      const found = await get('/v1/usage', { app: name }).catch(() => undefined);
      if (found && mine === turn) usage.set(found.flags);
    });
  }

  /** What happened after the list, and before its events came by themselves. @param {string[]} topics */
  async function catchUp(topics) {
    const mine = turn;
    for (let from = cursor; ; ) {
      const missed = from && await get('/v1/events', { topic: topics, cursor: from, timeout: 0, limit: MOST_MISSED }).catch(() => undefined);
      if (mine !== turn) return;
      if (!missed || missed.reset || missed.events.length === MOST_MISSED) return load();
      if (!missed.events.length) return;
      for (const event of missed.events) take(environmentOf(event), event);
      from = missed.cursor; // (an answer may hold fewer than there are, where they are large)
    }
  }

  /** @param {string} environment @param {any} event */
  function take(environment, event) {
    const { cursor: at, subject, data, type, time } = event;
    late?.push([environment, event]);
    if (offsetOf(at) <= offset || !type.startsWith('flag.')) return;
    const before = flags.get(subject);
    if (before && data.version < before.version) return; // (one's own change, answered before its event)
    // (of a flag that is being read, or of which something is missing, a part says too little)
    const isPart = before && data.flag && data.version <= before.version + 1 && !asked.has(subject) && !data.changed.some((/** @type {string} */ path) => path === '' || path.startsWith('/variants'));
    if (isPart) flags.set(subject, withView(before, environment, data));
    else look(subject);
    changed.set({ key: subject, version: data.version, by: data.actor.subject, reason: data.reason, at: Date.parse(time), changed: data.changed, environment });
    tell();
  }

  /** Reads a flag whole, where an event tells only what one environment sees; when there are many, all. @param {string} subject */
  function look(subject) {
    if (!asked.size) setTimeout(async () => {
      const keys = [...asked];
      asked.clear();
      if (keys.length > MOST_ALONE) return load();
      const mine = turn;
      await Promise.all(keys.map(async (each) => {
        try {
          const { app: name } = /** @type {any} */ (app());
          const flag = await get(`/v1/flags/${each}`, { app: name });
          if (mine === turn && !(Number(flags.get(each)?.version) > flag.version)) flags.set(each, flag);
        } catch (error) {
          if (mine !== turn) return;
          const { status = 0 } = /** @type {any} */ (error);
          if (status === 404) flags.delete(each);
          else if (status < 400 || status >= 500 || status === 429) setTimeout(() => mine === turn && look(each), AGAIN_MS);
        }
      }));
      if (mine === turn) tell();
    }, TOGETHER_MS);
    asked.add(subject);
  }

  effect(() => {
    const { app: name, environments = [] } = app() ?? {};
    const client = live()?.client;
    if (name !== key) {
      key = name ?? '';
      flags = new Map();
      cursor = '';
      offset = 0;
      all.set(undefined);
    }
    if (!name || !client) return;
    live()?.resets(); // (something was missed: all anew)
    const topics = environments.map((each) => `${name}/flags/${each}`);
    const { ready, unsubscribe } = client.subscribe(topics, (event) => take(environmentOf(event), event));
    const listed = load();
    ready.then(() => listed).then(() => catchUp(topics), () => {}); // (refused: the list is shown as it is; the header says that it isn't live)
    cleanup(() => {
      turn++;
      unsubscribe();
    });
  });

  return {
    all,
    usage,
    problem,
    changed,
    reload: load,
    /** A flag as the server has answered, so that one's own change is seen at once. @param {Flag | undefined} flag @param {string} at its key @param {string} of its app, which may not be looked at any more */
    put(flag, at, of) {
      if (of !== key) return;
      const known = flags.get(at);
      if (flag && known && known.version > flag.version) return;
      if (flag) flags.set(at, flag);
      else flags.delete(at);
      all.set(new Map(flags));
    },
  };
}

/** @param {any} event */
const environmentOf = ({ topic }) => topic.split('/')[2];

/** @param {string} [cursor] */
const offsetOf = (cursor = '') => Number(cursor.slice(cursor.lastIndexOf('-') + 1)) || 0;

/** A flag with what an event says of it in one environment. @param {Flag} before @param {string} environment @param {any} data @returns {Flag} */
function withView(before, environment, { flag, version, actor }) {
  const { state, defaultVariant = null, targeting, metadata, variants: _, ...whole } = flag;
  const { variants } = before.environments[environment] ?? {};
  const there = { state, defaultVariant, ...(targeting !== undefined && { targeting }), ...(metadata !== undefined && { metadata }), ...(variants && { variants }) };
  return { ...before, ...whole, version, updated_by: actor.subject, environments: { ...before.environments, [environment]: there } };
}

/**
 * Changes of one flag. Each gives the flag as it is then, or throws a Problem (409: somebody was faster).
 * @param {string} app
 */
export const changesOf = (app) => {
  const call = (/** @type {string} */ method, /** @type {string} */ path, /** @type {number | string | undefined} */ version, /** @type {unknown} */ body, query = {}) =>
    ask(method, path, { version, body, query: { app, ...query } });
  return {
    /** @param {string} key @param {number | '*'} version @param {string} environment @param {boolean} on @param {string} [reason] */
    toggle: (key, version, environment, on, reason) => call('POST', `/v1/flags/${key}/toggle`, version, { environment, state: on ? 'ENABLED' : 'DISABLED', ...(reason && { reason }) }),
    /** @param {string} key @param {number | '*'} version @param {object} patch */
    patch: (key, version, patch) => call('PATCH', `/v1/flags/${key}`, version, patch),
    /** @param {object} flag */
    create: (flag) => call('POST', '/v1/flags', undefined, flag),
    /** @param {string} key @param {number | '*'} version @param {'archive' | 'restore'} what @param {string} [reason] */
    move: (key, version, what, reason) => call('POST', `/v1/flags/${key}/${what}`, version, reason ? { reason } : {}),
    /** @param {string} key @param {number | '*'} version @param {string} [reason] */
    remove: (key, version, reason) => call('DELETE', `/v1/flags/${key}`, version, undefined, { reason }),
    /** @param {string} key @param {number | '*'} version @param {string} from @param {string} to @param {string} [reason] */
    copy: (key, version, from, to, reason) => call('POST', `/v1/flags/${key}/copy`, version, { from, to, ...(reason && { reason }) }),
  };
};
