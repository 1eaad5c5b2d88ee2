import { TricastError } from './errors.js';
import { request } from './http.js';
import { eventsUrl } from './wire.js';

/** @import {Ask, Open, Setup, Sink} from './shapes.js' */

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
  const { body } = await request(setup, eventsUrl(setup, ask, { transport: 'sse' }), ask.token, { headers, signal });
  if (!body) throw new TricastError('network', 'answers can not be streamed here');
  const reader = body.getReader();
  const decoder = new TextDecoder();
  let rest = '';
  let retryAfterMs;
  for (;;) {
    const { done, value } = await reader.read();
    if (done) throw new TricastError('network', 'the event stream ended', { retryAfterMs });
    sink.heard(value.length);
    const blocks = (rest + decoder.decode(value, { stream: true })).split(/\r?\n\r?\n/);
    rest = /** @type {string} */ (blocks.pop());
    for (const block of blocks) {
      retryAfterMs = Number(field(block, 'retry')) || retryAfterMs;
      const data = field(block, 'data');
      if (data) sink.message(JSON.parse(data));
    }
  }
}

/** HTML §9.2.6. (`id` and `event` are in our data too.) @param {string} block @param {string} name */
const field = (block, name) =>
  block
    .split(/\r?\n/)
    .filter((line) => line.startsWith(`${name}:`))
    .map((line) => line.slice(name.length + 1))
    .join('\n');
