import { openLive } from '../core/live.js';
import { signal } from '../core/reactive.js';

/** @import {Live} from '../core/live.js' */

/** The page's connection while it is used. */
export const live = signal(/** @type {Live | undefined} */ (undefined));

/** @param {string} who one connection for all tabs of one person */
export function connectAs(who) {
  live.peek()?.close();
  live.set(openLive({ share: who }));
}

export function disconnect() {
  live.peek()?.close();
  live.set(undefined);
}
