import { pieces, request } from './http.js';
import { pause } from './runtime.js';
import { control, eventsUrl, parse } from './wire.js';

/** @import {Ask, Open, PollAnswer, Setup, Sink} from './shapes.js' */

const TIMEOUT_S = 25;
// An answer is late 10 s after its time: 2.5 beats. (Each connection has a copy: by it they are told apart.)
const HELLO = { heartbeat_s: (TIMEOUT_S + 10) / 2.5, expires_in_s: null };

/**
 * One poll; tells what it brought, and moves `ask.cursor`. How many events there were, 0 if that led nowhere.
 * @param {Setup} setup
 * @param {Ask} ask
 * @param {Sink} sink
 * @param {number} timeout s
 * @param {AbortSignal} signal
 */
export async function poll(setup, ask, sink, timeout, signal) {
  const client = ask.presence ? setup.client : undefined;
  const headers = { Accept: 'application/json' };
  const url = eventsUrl(setup, ask, { transport: 'poll', timeout, client });
  const answer = await request(setup, url, ask.token, { headers, signal });
  const isLatest = ask.cursor === 'latest'; // (where that is, the body says)
  if (!isLatest) sink.message(control('hello', { ...HELLO }));
  let text = '';
  for await (const piece of pieces(answer, sink)) text += piece;
  /** @type {PollAnswer} */
  const { cursor, events, reset, presence } = parse(text);
  if (isLatest) sink.message(control('hello', { ...HELLO }));
  const isAhead = cursor !== ask.cursor;
  if (reset) sink.message(control('reset', reset));
  events.forEach(sink.message);
  sink.message(control('heartbeat', { cursor }));
  if (presence) sink.message(control('presence', presence));
  ask.cursor = cursor;
  return isAhead ? events.length : 0;
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
  const { runtime } = setup;
  while (await poll(setup, ask, sink, 0, signal));
  sink.message(control('live', ask));
  while (!signal.aborted) {
    const began = runtime.now();
    const count = await poll(setup, ask, sink, TIMEOUT_S, signal);
    // Answered at once, with nothing: something on the way doesn't let it wait.
    if (!count && runtime.now() - began < 1000) await pause(runtime, 1000, signal);
  }
}
