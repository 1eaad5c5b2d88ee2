/** @import {Ask, Envelope, Setup} from './shapes.js' */

/** What cursors are compared by. @param {string} [cursor] */
export const offsetOf = (cursor = '-') => Number(cursor.slice(cursor.lastIndexOf('-') + 1) || -1);

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
