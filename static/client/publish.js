import { Backoff } from './backoff.js';
import { TricastError, asError } from './errors.js';
import { call } from './http.js';
import { deadline, pause } from './runtime.js';
import { newId } from './wire.js';

/** @import {Connection} from './connection.js' */
/** @import {PublishOptions, Receipt, Setup} from './shapes.js' */

/**
 * Publishes once, trying again until it is known to be durable.
 * @param {Setup} setup
 * @param {Connection} connection
 * @param {{topic: string, data: unknown} & PublishOptions} event
 * @returns {Promise<Receipt>}
 */
export async function publish(setup, connection, { timeoutMs = 30_000, ...event }) {
  const { over, closing, runtime } = setup;
  over.throwIfAborted();
  const body = { id: newId(), ...event };
  // What is large could end a WebSocket (4413); by HTTP it is a plain refusal.
  const isLarge = JSON.stringify(body).length > 65_536;
  const until = runtime.now() + timeoutMs;
  const backoff = new Backoff(runtime.random);
  const late = (/** @type {string} */ why) => new TricastError('timeout', `not published within ${timeoutMs} ms: ${why}`);
  const { signal, stop, clear } = deadline(runtime, timeoutMs, late('no answer came'));
  closing.add(stop);
  const ended = new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason)));
  const send = async () => {
    const command = isLarge ? undefined : connection.command;
    return command ? command({ op: 'publish', ...body }) : (await call(setup, '/v1/events', body, { signal })).json();
  };
  try {
    for (;;) {
      try {
        const { cursor, events } = await Promise.race([send(), ended]);
        return { cursor, ...events[0] };
      } catch (cause) {
        signal.throwIfAborted();
        const error = asError(cause);
        const wait = backoff.next(error.retryAfterMs);
        if (error.isFinal) throw error;
        if (runtime.now() + wait > until) throw late(error.detail);
        await pause(runtime, wait, signal);
      }
    }
  } finally {
    closing.delete(stop);
    clear();
  }
}
