import { get } from '../../core/api.js';
import { cleanup, effect, signal } from '../../core/reactive.js';
import { live } from '../../store/live.js';

/** @import {Read} from '../../core/reactive.js' */

/** The shared rules (`$evaluators`) of the environment that is looked at, by name. @param {string} app @param {Read<string>} environment */
export function openEvaluators(app, environment) {
  const found = signal(/** @type {Record<string, any>} */ ({}));
  effect(() => {
    const where = environment();
    live()?.resets();
    if (!where) return;
    let isOver = false;
    const look = () => get('/v1/flags', { app, environment: where, limit: 1 }).then(({ evaluators }) => isOver || found.set(evaluators ?? {}), () => {});
    const subscription = live()?.client.subscribe(`${app}/flags/${where}`, ({ type }) => type === 'flag-environment.updated' && look());
    subscription?.ready.catch(() => {}); // (the header says that nothing is live)
    look();
    cleanup(() => {
      isOver = true;
      subscription?.unsubscribe();
    });
  });
  return found;
}
