import { TricastError, asError } from './errors.js';
import { pieces, request } from './http.js';
import { eventsUrl, parse } from './wire.js';

/** @import {Ask, Open, Setup, Sink} from './shapes.js' */

/** Of one event, with room to spare: 16 Mi characters. */
const LONGEST = 2 ** 24;

/** By `fetch`: EventSource can't send a token in a header, nor say why it is refused. @type {Open} */
export function openSse(setup, ask, sink) {
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
  const headers = { Accept: 'text/event-stream' };
  const answer = await request(setup, eventsUrl(setup, ask, { transport: 'sse' }), ask.token, { headers, signal });
  let rest = '';
  let retryAfterMs;
  try {
    for await (const piece of pieces(answer, sink)) {
      const text = rest + piece;
      const end = text.length - Number(text.endsWith('\r')); // (its \n may be on the way)
      const blocks = text.slice(0, end).replace(/\r\n?/g, '\n').split('\n\n');
      rest = blocks.pop() + text.slice(end);
      if (rest.length > LONGEST) throw new TricastError('protocol', 'an event of the stream has no end');
      for (const block of blocks) {
        retryAfterMs = Number(field(block, 'retry')) || retryAfterMs;
        const data = field(block, 'data');
        if (data) sink.message(parse(data));
      }
    }
    throw new TricastError('network', 'the event stream ended');
  } catch (cause) {
    const error = asError(cause);
    error.retryAfterMs ??= retryAfterMs;
    throw error;
  }
}

/** HTML §9.2.6. (`id` and `event` are in our data too.) @param {string} block @param {string} name */
const field = (block, name) =>
  block
    .split('\n')
    .filter((line) => line.startsWith(`${name}:`))
    .map((line) => line.slice(name.length + 1))
    .join('\n');
