import { TricastError, asError, problemError } from './errors.js';
import { attempt } from './runtime.js';

/** @import {Runtime, Setup, Sink} from './shapes.js' */

/**
 * An answer that is 2xx or 304, and of the type that was asked for. Throws TricastError.
 * @param {Setup} setup
 * @param {string | URL} url
 * @param {string | undefined} token
 * @param {{headers?: Record<string, string>, method?: string, body?: string, signal?: AbortSignal}} [init]
 */
export async function request({ runtime, over }, url, token, init = {}) {
  const headers = { ...init.headers, ...(token && { Authorization: `Bearer ${token}` }) };
  const how = { cache: 'no-store', signal: over, ...init, headers };
  const answer = await runtime.fetch(String(url), how).catch((cause) => {
    throw asError(cause);
  });
  const { ok, status } = answer;
  const type = answer.headers.get('content-type') ?? '';
  if (ok || status === 304) {
    if (!init.headers?.Accept || type.startsWith(init.headers.Accept)) return answer;
    throw new TricastError('protocol', `an answer of type '${type}' is not the server's`);
  }
  const retryAfterMs = retryAfter(runtime, answer.headers.get('retry-after'));
  const text = await answer.text().catch(String);
  const problem = type.startsWith('application/problem+json') && attempt(() => JSON.parse(text));
  if (problem) throw problemError({ status, ...problem }, retryAfterMs);
  throw new TricastError('http', `HTTP ${status} ${text.slice(0, 200)}`, { status, retryAfterMs });
}

/** RFC 9110 §10.2.3: seconds, or a date. @param {Runtime} runtime @param {string | null} text */
function retryAfter({ now }, text) {
  if (!text) return undefined;
  const ms = /^\d+$/.test(text) ? Number(text) * 1000 : Date.parse(text) - now();
  return ms > 0 ? ms : undefined;
}

/**
 * The body as text, as it comes (where answers can't be streamed: when it is there).
 * @param {Response} answer
 * @param {Sink} sink
 * @returns {AsyncGenerator<string, void>}
 */
export async function* pieces(answer, sink) {
  const reader = answer.body?.getReader();
  if (!reader) {
    yield await answer.text();
    return;
  }
  const decoder = new TextDecoder();
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return;
    sink.heard(value.length);
    yield decoder.decode(value, { stream: true });
  }
}

/**
 * POST with the client's token; with a new one if that is refused. (Without a body: GET.)
 * @param {Setup} setup
 * @param {string} path
 * @param {object} [body]
 * @param {{headers?: object, signal?: AbortSignal}} [more]
 */
export async function call(setup, path, body, { headers, signal = setup.over } = {}) {
  const posted = { method: 'POST', headers: { 'Content-Type': 'application/json', ...headers }, body: JSON.stringify(body) };
  const init = { signal, ...(body && posted) };
  const token = await setup.tokens.get();
  try {
    return await request(setup, setup.base + path, token, init);
  } catch (error) {
    if (asError(error).status !== 401 || !setup.tokens.canRenew) throw error;
    setup.tokens.drop(token);
    return request(setup, setup.base + path, await setup.tokens.get(), init);
  }
}
