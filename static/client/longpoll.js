import { request } from './http.js';
import { control, eventsUrl } from './wire.js';

/** @import {Ask, Open, PollAnswer, Setup, Sink} from './shapes.js' */

const TIMEOUT_S = 25;

/**
 * One poll; tells what it brought, and moves `ask.cursor`.
 * @param {Setup} setup
 * @param {Ask} ask
 * @param {Sink} sink
 * @param {number} timeout s
 * @param {AbortSignal} signal
 */
export async function poll(setup, ask, sink, timeout, signal) {
  const client = ask.presence ? setup.client : undefined;
  const url = eventsUrl(setup, ask, { transport: 'poll', timeout, client });
  const text = await (await request(setup, url, ask.token, { signal })).text();
  /** @type {PollAnswer} */
  const { cursor, events, reset, presence } = JSON.parse(text);
  sink.heard(text.length);
  // An answer is late 10 s after its time: 2.5 beats.
  sink.message(control('hello', { heartbeat_s: (TIMEOUT_S + 10) / 2.5, expires_in_s: null }));
  if (reset) sink.message(control('reset', reset));
  events.forEach(sink.message);
  sink.message(control('heartbeat', { cursor }));
  if (presence) sink.message(control('presence', presence));
  ask.cursor = cursor;
  return events.length;
}

/** @type {Open} */
export function openLongPoll(setup, ask, sink) {
  const abort = new AbortController();
  follow(setup, ask, sink, abort.signal).catch(sink.end);
  return { close: () => abort.abort() };
}

/**
 * @param {Setup} setup
 * @param {Ask} ask
 * @param {Sink} sink
 * @param {AbortSignal} signal
 */
async function follow(setup, ask, sink, signal) {
  const { now, setTimeout } = setup.runtime;
  while (await poll(setup, ask, sink, 0, signal));
  sink.message(control('live', ask));
  while (!signal.aborted) {
    const began = now();
    const count = await poll(setup, ask, sink, TIMEOUT_S, signal);
    // Answered at once, with nothing: something on the way doesn't let it wait.
    if (!count && now() - began < 1000) await new Promise((resolve) => setTimeout(() => resolve(0), 1000));
  }
}
