import { h } from '../core/dom.js';
import { Problem } from '../core/api.js';
import { icon } from './icon.js';

const LASTS_MS = 6000;
const MOST = 4;
/** What a screen reader is told: politely, or at once. */
const polite = h('div.visually-hidden', { role: 'status', 'aria-live': 'polite' });
const urgent = h('div.visually-hidden', { role: 'alert' });
/** Above dialogs too: it is in the top layer. */
const toasts = h('div.toasts', { popover: 'manual', role: 'region', 'aria-label': 'Messages' });

export const placed = () => [polite, urgent, toasts];

/** Says something to those who don't see it. @param {string} text */
export function announce(text) {
  polite.textContent = text;
}

/**
 * A short message that goes by itself, unless it is about what failed or has something to press.
 * @param {string} text @param {{kind?: 'ok' | 'bad', action?: [string, () => void]}} [options]
 */
export function toast(text, { kind, action } = {}) {
  const [label, call] = action ?? [];
  const element = h('div.toast', { class: kind },
    h('div.grow', null, text),
    label && h('button.button.slim', { type: 'button', onclick: () => (close(), call?.()) }, label),
    h('button.button.quiet.icon.slim', { type: 'button', 'aria-label': 'Dismiss', onclick: () => close() }, icon('close')));
  // (nobody's focus goes with it)
  const pass = () => (element.matches(':hover, :focus-within') ? (timer = setTimeout(pass, LASTS_MS)) : close());
  let timer = setTimeout(pass, kind === 'bad' || action ? LASTS_MS * 3 : LASTS_MS);
  const close = () => {
    clearTimeout(timer);
    element.remove();
    if (!toasts.children.length && toasts.matches(':popover-open')) toasts.hidePopover();
  };
  toasts.append(element);
  while (toasts.children.length > MOST) toasts.firstElementChild?.remove();
  if (toasts.matches(':popover-open')) toasts.hidePopover(); // (shown again it is above what has opened since)
  toasts.showPopover();
  (kind === 'bad' ? urgent : polite).textContent = text;
  return close;
}

/** Says what failed. @param {unknown} error @param {string} [what] that failed, such as 'The flag was not saved' */
export function failed(error, what) {
  if (/** @type {any} */ (error)?.name === 'AbortError') return;
  const said = error instanceof Problem ? error.message : String(/** @type {any} */ (error)?.message ?? error);
  if (!(error instanceof Problem)) reportError(error);
  return toast(what ? `${what}: ${said}` : said.charAt(0).toUpperCase() + said.slice(1), { kind: 'bad' });
}
