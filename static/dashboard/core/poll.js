import { cleanup, effect, signal } from './reactive.js';

/**
 * What `read` gives, asked again every `ms` while this part of the page is there and seen; `problem` when it failed.
 * @template T @param {() => Promise<T>} read @param {number} ms
 */
export function repeated(read, ms) {
  const value = signal(/** @type {T | undefined} */ (undefined));
  const problem = signal(/** @type {Error | undefined} */ (undefined));
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let timer;
  let turn = 0;
  const again = async () => {
    clearTimeout(timer);
    const mine = ++turn;
    try {
      const got = await read();
      if (mine !== turn) return;
      value.set(got);
      problem.set(undefined);
    } catch (error) {
      if (mine === turn) problem.set(/** @type {Error} */ (error));
    }
    if (mine === turn && !document.hidden) timer = setTimeout(again, ms);
  };
  const seen = () => !document.hidden && again();
  effect(() => {
    again();
    document.addEventListener('visibilitychange', seen);
    cleanup(() => {
      turn++;
      clearTimeout(timer);
      document.removeEventListener('visibilitychange', seen);
    });
  });
  return { value, problem, again };
}
