import { TricastError } from './errors.js';
import { attempt } from './runtime.js';

/** @import {Ask, Envelope, Setup} from './shapes.js' */

/**
 * @param {Setup} setup
 * @param {Ask} ask
 * @param {Record<string, unknown>} more
 */
export function eventsUrl({ base }, { topics, cursor, presence }, more) {
  const url = new URL(`${base}/v1/events`);
  for (const topic of topics) url.searchParams.append('topic', topic);
  for (const [name, value] of Object.entries({ cursor, presence: presence ? 1 : undefined, ...more })) {
    if (value !== undefined) url.searchParams.set(name, String(value));
  }
  return url;
}

/** @type {(type: string, data: any) => Envelope} */
export const control = (type, data) => ({ id: '', source: '/tricast', type: `tricast.${type}`, cursor: data.cursor, data });

export const newId = () =>
  Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, '0')).join('');

/** What a message or an answer says. @param {string} text @returns {any} an object. Throws TricastError */
export function parse(text) {
  const found = attempt(() => JSON.parse(text));
  if (Object(found) === found) return found;
  throw new TricastError('protocol', `this is no answer of a tricast: ${text.slice(0, 100)}`);
}
