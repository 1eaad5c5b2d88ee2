import { Client } from './client.js';

/** @import {Options, Tricast} from './shapes.js' */

export { TricastError } from './errors.js';

/**
 * A client, which connects as soon as there are topics.
 * @param {Options} [options]
 * @returns {Tricast}
 */
export const connect = (options = {}) => new Client(options);
