import { Backoff } from './backoff.js';
import { TricastError, asError } from './errors.js';
import { call } from './http.js';
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
  const { now, random, setTimeout, clearTimeout } = setup.runtime;
  const body = { id: newId(), ...event };
  // What is large could end a WebSocket (4413); by HTTP it is a plain refusal.
  const isLarge = JSON.stringify(body).length > 65_536;
  const send = async () => {
    const command = isLarge ? undefined : connection.command;
    return command ? command({ op: 'publish', ...body }) : (await call(setup, '/v1/events', body)).json();
  };
  const deadline = now() + timeoutMs;
  const backoff = new Backoff(random);
  for (;;) {
    if (connection.state === 'closed') throw connection.error;
    let timer;
    const late = new Promise((_, reject) => {
      timer = setTimeout(() => reject(new Error('no answer came')), deadline - now());
    });
    try {
      const { cursor, events } = await Promise.race([send(), late]);
      return { cursor, ...events[0] };
    } catch (cause) {
      const error = asError(cause);
      const wait = backoff.next(error.retryAfterMs);
      if (error.isFinal) throw error;
      if (now() + wait > deadline) {
        throw new TricastError('timeout', `not published within ${timeoutMs} ms: ${error.detail}`, { cause });
      }
      await new Promise((resolve) => setTimeout(() => resolve(0), wait));
    } finally {
      clearTimeout(timer);
    }
  }
}
