import { TricastError, asError, problemError } from './errors.js';
import { attempt } from './runtime.js';

/** @import {Setup} from './shapes.js' */

/**
 * An answer that is 2xx or 304. Throws TricastError.
 * @param {Setup} setup
 * @param {string | URL} url
 * @param {string | undefined} token
 * @param {{headers?: object, method?: string, body?: string, signal?: AbortSignal}} [init]
 */
export async function request({ runtime }, url, token, init = {}) {
  const headers = { ...init.headers, ...(token && { Authorization: `Bearer ${token}` }) };
  const answer = await runtime.fetch(String(url), { cache: 'no-store', ...init, headers }).catch((cause) => {
    throw asError(cause);
  });
  const { ok, status } = answer;
  if (ok || status === 304) return answer;
  const retryAfterMs = Number(answer.headers.get('retry-after')) * 1000 || undefined;
  const text = await answer.text().catch(String);
  const isOurs = answer.headers.get('content-type')?.startsWith('application/problem+json');
  const problem = isOurs && attempt(() => JSON.parse(text));
  if (problem) throw problemError({ status, ...problem }, retryAfterMs);
  throw new TricastError('http', `HTTP ${status} ${text.slice(0, 200)}`, { status, retryAfterMs });
}

/**
 * POST with the client's token; with a new one if that is refused. (Without a body: GET.)
 * @param {Setup} setup
 * @param {string} path
 * @param {object} [body]
 * @param {object} [more] headers
 */
export async function call(setup, path, body, more) {
  const headers = { 'Content-Type': 'application/json', ...more };
  const init = body && { method: 'POST', headers, body: JSON.stringify(body) };
  const token = await setup.tokens.get();
  try {
    return await request(setup, setup.base + path, token, init);
  } catch (error) {
    if (asError(error).status !== 401 || !setup.tokens.canRenew) throw error;
    setup.tokens.drop();
    return request(setup, setup.base + path, await setup.tokens.get(), init);
  }
}
