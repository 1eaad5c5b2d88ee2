import { cleanup, effect, signal } from './reactive.js';
import { h } from './dom.js';
import { once } from './once.js';

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;
const relative = once(() => new Intl.RelativeTimeFormat('en', { numeric: 'auto', style: 'short' }));
const full = once(() => new Intl.DateTimeFormat(undefined, { dateStyle: 'medium', timeStyle: 'medium' }));
const day = once(() => new Intl.DateTimeFormat(undefined, { dateStyle: 'medium' }));
const clock = once(() => new Intl.DateTimeFormat(undefined, { timeStyle: 'medium' }));

/** @param {number} then @param {number} now ms */
export function ago(then, now = Date.now()) {
  const past = Math.max(0, now - then);
  if (past < 5000) return 'just now';
  if (past < MINUTE) return relative().format(-Math.floor(past / 1000), 'second');
  if (past < HOUR) return relative().format(-Math.floor(past / MINUTE), 'minute');
  if (past < DAY) return relative().format(-Math.floor(past / HOUR), 'hour');
  if (past < 30 * DAY) return relative().format(-Math.floor(past / DAY), 'day');
  return day().format(then);
}

/** How long what `ago` says stays true. @param {number} past ms */
const lasting = (past) => (past < MINUTE ? 1000 : past < HOUR ? MINUTE : HOUR);

/** The times that are on the screen now: no timer runs for what nobody sees. @type {Map<Element, () => number>} */
const shown = new Map();
/** @type {ReturnType<typeof setTimeout> | undefined} */
let timer;
const seen = new IntersectionObserver((entries) => {
  for (const { target, isIntersecting } of entries) {
    const tick = ticks.get(target);
    if (isIntersecting && tick) shown.set(target, tick);
    else shown.delete(target);
  }
  turn();
});
/** @type {WeakMap<Element, () => number>} */
const ticks = new WeakMap();
document.addEventListener('visibilitychange', () => turn());

function turn() {
  clearTimeout(timer);
  if (document.hidden || !shown.size) return;
  const next = Math.min(...[...shown.values()].map((tick) => tick()));
  timer = setTimeout(turn, next);
}

/**
 * `3 min. ago`, kept true while it is on the screen; the full time in its title when it is pointed at.
 * @param {() => string | number | null | undefined} read @param {{toMinute?: boolean}} [options] toMinute: it is known no finer
 */
export function when(read, { toMinute = false } = {}) {
  const element = h('time');
  const told = (/** @type {number} */ then) => (toMinute && Date.now() - then < MINUTE ? 'just now' : ago(then));
  const at = signal(0);
  const tick = () => {
    const past = Date.now() - at.peek();
    const text = at.peek() && told(at.peek());
    if (text && element.textContent !== text) element.textContent = text; // (the same again would be laid out again)
    return lasting(past);
  };
  effect(() => {
    const value = read();
    const time = typeof value === 'number' ? value : value ? Date.parse(value) : 0;
    at.set(time);
    if (!time) return void (element.textContent = '–');
    element.textContent = told(time);
    element.dateTime = new Date(time).toISOString();
    if (shown.has(element)) turn();
  });
  element.onpointerenter = () => (element.title = at.peek() ? fullTime(at.peek()) : '');
  ticks.set(element, tick);
  seen.observe(element);
  cleanup(() => {
    seen.unobserve(element);
    shown.delete(element);
  });
  return element;
}

export const fullTime = (/** @type {string | number} */ time) => full().format(new Date(time));
const longDay = once(() => new Intl.DateTimeFormat(undefined, { dateStyle: 'full' }));
/** The day, in the reader's own time zone: `Monday, 2 March 2026`. */
export const dayOf = (/** @type {string | number} */ time) => longDay().format(new Date(time));
export const clockTime = (/** @type {string | number} */ time) => clock().format(new Date(time));

/** A signal that counts seconds while it is watched and the page is seen. @param {() => boolean} isOn */
export function seconds(isOn) {
  const now = signal(Date.now());
  effect(() => {
    if (!isOn()) return;
    now.set(Date.now());
    const each = setInterval(() => !document.hidden && now.set(Date.now()), 1000);
    cleanup(() => clearInterval(each));
  });
  return now;
}
