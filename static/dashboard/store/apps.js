import { get } from '../core/api.js';
import { computed, signal } from '../core/reactive.js';
import { parameter } from '../core/router.js';

/** @typedef {{app: string, name: string, environments: string[], created_at: string | null, version: number, flags: number}} App */

const KEPT = 'tricast:app';

/** The apps there are; undefined until they are known. */
export const apps = signal(/** @type {App[] | undefined} */ (undefined));
const asked = parameter('app');

/** What the page's address says, else the one before: it may not be there. */
export const wantedApp = () => asked() || localStorage.getItem(KEPT);

/** The app that is looked at: the one that is wanted, else the first. */
export const app = computed(() => {
  const list = apps() ?? [];
  const wanted = wantedApp();
  return list.find((each) => each.app === wanted) ?? (asked() ? undefined : list[0]);
});

export async function loadApps() {
  apps.set((await get('/v1/apps')).apps);
}

/** What the flags of an app are asked for with. @param {string} app */
export const listOf = (app) => ({ app, archived: 'true' });

/** @param {string} key */
export const rememberApp = (key) => localStorage.setItem(KEPT, key);

/** One that is felt: `production`, `prod` or `live` is a word of its name (`eu-prod`, `live2`; not `preprod`, `non-prod`). @param {string} environment */
export const isProduction = (environment) => /(?<![a-z])(?<!(?:pre|non|not)[^a-z])(?:prod|production|live)(?![a-z])/i.test(environment);
