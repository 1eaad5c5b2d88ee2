import { getAhead } from './core/api.js';
import { place } from './core/router.js';
import { listOf, wantedApp } from './store/apps.js';

/**
 * What a page begins with is asked for at once. This module is the first that runs: the answers come while the
 * others are still being made.
 */

const KEPT = 'tricast:out';

/** Whether one is in, for the next time: most of the time one then still is. @param {boolean} isIn */
export const rememberIn = (isIn) => (isIn ? localStorage.removeItem(KEPT) : localStorage.setItem(KEPT, 'yes'));

/** The list of flags, where it will be looked at. */
export async function flagsAhead() {
  const name = wantedApp();
  if (name && ['flags', undefined].includes(place().path[0])) await getAhead('/v1/flags', listOf(name));
}

getAhead('/v1/session');
if (!localStorage.getItem(KEPT)) {
  getAhead('/v1/apps');
  flagsAhead();
}
