import { h } from '../../core/dom.js';
import { effect, signal, untracked } from '../../core/reactive.js';
import { failure, loading } from '../../ui/parts.js';
import { failed, toast } from '../../ui/toast.js';

/**
 * What a section shows, once it is there; `again` reads it anew.
 * @template T @param {() => Promise<T>} read @param {(value: () => T, again: () => Promise<void>) => any} show
 */
export function loaded(read, show) {
  const value = signal(/** @type {T | undefined} */ (undefined));
  const problem = signal(/** @type {Error | undefined} */ (undefined));
  const isThere = signal(false);
  const again = async () => {
    try {
      value.set(await read());
      problem.set(undefined);
      isThere.set(true);
    } catch (error) {
      problem.set(/** @type {Error} */ (error));
    }
  };
  effect(() => void untracked(again));
  return h('div.stack', null,
    () => problem() && failure(problem(), again),
    () => (isThere() ? untracked(() => show(/** @type {() => T} */ (value), again)) : !problem() && loading(4)));
}

/**
 * Does it, says so, and looks anew; what fails is said.
 * @param {() => Promise<unknown>} call @param {string} done @param {() => unknown} [again]
 */
export async function act(call, done, again) {
  try {
    await call();
    toast(done, { kind: 'ok' });
    await again?.();
    return true;
  } catch (error) {
    failed(error);
    return false;
  }
}
