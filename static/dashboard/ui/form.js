import { h } from '../core/dom.js';
import { effect, signal } from '../core/reactive.js';
import { seconds } from '../core/time.js';
import { modal } from './dialog.js';

/**
 * A dialog with a form that says which field is wrong; done with what `submit` gave.
 * @template T
 * @param {string} title
 * @param {{fields: (wrong: (name: string) => () => string | undefined) => any[], submit: () => Promise<T>, confirm: string, danger?: boolean, wide?: boolean}} options
 * @returns {Promise<T | undefined>}
 */
export function formDialog(title, { fields, submit, confirm, danger = false, wide = false }) {
  return modal(title, (close) => [form({ fields, confirm, danger, submit: async () => close(await submit()), cancel: () => close() })], { wide });
}

/** What a field lacks, before anybody is asked; undefined: nothing. @param {HTMLInputElement} input */
function lackOf({ value, required, minLength, pattern, title }) {
  if (required && !value.trim()) return 'This is needed.';
  if (minLength > 0 && value.length < minLength) return `This has ${value.length} characters; it needs at least ${minLength}.`;
  return pattern && !new RegExp(`^(?:${pattern})$`, 'v').test(value.trim()) ? title : undefined;
}

/**
 * The form itself. A problem's field is matched by its first name: `environments.2` is `environments`. Where the server
 * says when to try again, the button waits for that.
 * @param {{fields: (wrong: (name: string) => () => string | undefined) => any[], submit: () => Promise<unknown>, confirm: string, danger?: boolean, cancel?: () => void}} options
 */
export function form({ fields, submit, confirm, danger = false, cancel }) {
  const problem = signal(/** @type {any} */ (undefined));
  const isBusy = signal(false);
  const waitsUntil = signal(0);
  const now = seconds(() => waitsUntil() > 0);
  const left = () => Math.max(0, Math.ceil((waitsUntil() - now()) / 1000));
  effect(() => {
    if (waitsUntil() && !left()) waitsUntil.set(0);
  });
  const names = new Set(/** @type {string[]} */ ([]));
  const at = () => String(problem()?.field ?? '').split(/[./[]/)[0];
  const wrong = (/** @type {string} */ name) => {
    names.add(name);
    return () => (problem() && at() === name ? problem().message : undefined);
  };
  const inputs = fields(wrong);
  const element = h('form.stack', { novalidate: true, onsubmit: async (/** @type {Event} */ event) => {
    event.preventDefault();
    if (isBusy.peek() || waitsUntil.peek()) return;
    const lacking = [...element.querySelectorAll('input')].find((each) => names.has(each.name) && lackOf(each));
    if (lacking) {
      problem.set({ field: lacking.name, message: lackOf(lacking) });
      return lacking.focus();
    }
    isBusy.set(true);
    problem.set(undefined);
    waitsUntil.set(0);
    try {
      await submit();
    } catch (error) {
      const { retryAfterS } = /** @type {any} */ (error);
      problem.set(error);
      if (retryAfterS) waitsUntil.set(Date.now() + retryAfterS * 1000);
      setTimeout(() => element.querySelector('[aria-invalid="true"]')?.focus());
    }
    isBusy.set(false);
  } }, ...inputs,
    () => problem() && !names.has(at()) && h('div.notice.bad', { role: 'alert' }, h('div', null, problem().message)),
    h('div.actions.row', null, cancel && h('button.button', { type: 'button', onclick: cancel }, 'Cancel'),
      h('button.button', { class: danger ? 'danger' : 'primary', type: 'submit', 'aria-disabled': () => (isBusy() || left() > 0) && 'true' },
        () => (isBusy() ? 'One moment…' : left() ? `Try again in ${left()} s` : confirm))));
  return element;
}
