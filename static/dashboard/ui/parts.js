import { h } from '../core/dom.js';
import { icon } from './icon.js';
import { failed, toast } from './toast.js';

/**
 * On or off, with a role a screen reader knows.
 * @param {{on: () => boolean, change: (on: boolean) => void, label: string | (() => string), disabled?: () => boolean, busy?: () => boolean}} options
 */
export const toggle = ({ on, change, label, disabled = () => false, busy = () => false }) =>
  h('button.switch', { type: 'button', role: 'switch', 'aria-label': label, disabled, 'aria-checked': () => String(on()), 'aria-busy': () => String(busy()), onclick: () => change(!on()) });

const HUES = [212, 262, 322, 12, 32, 152, 182, 288];

/** A person's two letters on a colour of their own. @param {string} subject @param {{title?: string, slim?: boolean, editing?: boolean}} [options] */
export function avatar(subject, { title = subject, slim = false, editing = false } = {}) {
  let sum = 0;
  for (const char of subject) sum = (sum * 31 + (char.codePointAt(0) ?? 0)) % 9973;
  const letters = [...subject.replace(/[^\p{L}\p{N}]+/gu, ' ').trim()];
  const words = subject.split(/[^\p{L}\p{N}]+/u).filter(Boolean);
  const text = words.length > 1 ? [...words[0]][0] + [...words[1]][0] : letters.slice(0, 2).join('');
  return h('span.avatar', { class: `${slim ? 'slim' : ''} ${editing ? 'editing' : ''}`, title, role: 'img', 'aria-label': title, style: { background: `hsl(${HUES[sum % HUES.length]} 55% 32%)` } }, text || '?');
}

/** What to do where there is nothing yet. @param {string} title @param {...any} rest */
export const empty = (title, ...rest) => h('div.empty', null, h('h2', null, title), ...rest);

/** What happened instead, and what can be done. @param {any} error @param {() => void} [again] */
export const failure = (error, again) =>
  h('div.notice.bad', { role: 'alert' }, icon('warn'), h('div.grow', null, error?.message ?? String(error)),
    again && h('button.button.slim', { type: 'button', onclick: again }, 'Try again'));

/** Space for what is being loaded. @param {number} rows */
export const loading = (rows = 6) =>
  h('div.stack', { role: 'status', 'aria-label': 'Loading' }, ...Array.from({ length: rows }, (_, at) => h('div.skeleton', { style: { width: `${90 - (at * 17) % 40}%` } })));

/** @param {string} text @param {string} [label] */
export const copyButton = (text, label = 'Copy') =>
  h('button.button.quiet.icon.slim', { type: 'button', title: label, 'aria-label': label, onclick: () => copy(text) }, icon('copy'));

/** @param {string} text */
export async function copy(text) {
  try {
    await navigator.clipboard.writeText(text);
    toast('Copied', { kind: 'ok' });
  } catch {
    failed(new Error('the browser doesn’t let this page copy: mark the text and copy it yourself')); // (no https)
  }
}

/** Code to be copied. @param {string | (() => string)} text */
export const code = (text) => {
  const read = typeof text === 'function' ? text : () => text;
  return h('div.code', null, h('pre', { tabindex: 0 }, h('code', null, read)),
    h('button.button.quiet.icon.slim', { type: 'button', title: 'Copy', 'aria-label': 'Copy', onclick: () => copy(read()) }, icon('copy')));
};

/** One of a few, always seen. @param {[string, string][]} options @param {() => string} value @param {(value: string) => void} change @param {string} label */
export const segments = (options, value, change, label) =>
  h('div.segments', { role: 'group', 'aria-label': label },
    ...options.map(([each, text]) => h('button', { type: 'button', 'aria-pressed': () => String(value() === each), onclick: () => change(each) }, text)));

/**
 * Tabs; arrow keys move among them.
 * @param {[string, string][]} options @param {() => string} value @param {(value: string) => void} change @param {string} label
 */
export const tabs = (options, value, change, label) =>
  h('div.tabs', { role: 'tablist', 'aria-label': label, onkeydown: (/** @type {KeyboardEvent} */ event) => {
    const step = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    if (!step) return;
    const at = options.findIndex(([each]) => each === value());
    const next = (at + step + options.length) % options.length;
    change(options[next][0]);
    /** @type {any} */ (event.currentTarget).children[next].focus();
  } },
    ...options.map(([each, text]) => h('button', { type: 'button', role: 'tab', 'aria-selected': () => String(value() === each), tabindex: () => (value() === each ? 0 : -1), onclick: () => change(each) }, text)));
