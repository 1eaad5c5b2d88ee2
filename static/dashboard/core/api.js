/** What the server refused, in its own words (RFC 9457). */
export class Problem extends Error {
  /** @param {number} status @param {Record<string, any>} body @param {number} [retryAfterS] */
  constructor(status, body, retryAfterS) {
    super(body.detail ?? body.title ?? `the server answered ${status}`);
    this.status = status;
    this.body = body;
    this.kind = String(body.type ?? '').replace(/^.*\//, '');
    /** @type {string | undefined} */
    this.field = body.field?.replace(/^\//, ''); // (some are JSON Pointers)
    this.retryAfterS = retryAfterS;
  }
}

/** Called when the server says that one is signed out. @type {() => void} */
let signedOut = () => {};
/** @param {() => void} call */
export const onSignedOut = (call) => void (signedOut = call);

/** Relative to the page, which may be below a path. @param {string} path @param {Record<string, unknown>} [query] */
export function address(path, query = {}) {
  const search = new URLSearchParams();
  for (const [name, value] of Object.entries(query)) {
    for (const each of [value].flat()) if (each !== undefined && each !== null && each !== '') search.append(name, String(each));
  }
  const text = search.toString();
  return `${path.slice(1).split('/').map(encodeURIComponent).join('/')}${text && `?${text}`}`;
}

/**
 * One request: the answer's JSON, or a `Problem` is thrown; also when the server can't be reached (status 0).
 * @param {string} method @param {string} path @param {{query?: Record<string, unknown>, body?: unknown, version?: number | string,
 *   signal?: AbortSignal, headers?: Record<string, string>}} [options]
 * @returns {Promise<any>}
 */
export async function ask(method, path, { query, body, version, signal, headers } = {}) {
  const answer = await reach(address(path, query), {
    method,
    signal,
    body: body === undefined ? undefined : JSON.stringify(body),
    headers: {
      accept: 'application/json',
      ...(body !== undefined && { 'content-type': 'application/json' }),
      ...(version !== undefined && { 'if-match': version === '*' ? '*' : `"${version}"` }),
      ...headers,
    },
  });
  const text = await answer.text();
  const got = text && (answer.headers.get('content-type') ?? '').includes('json') ? JSON.parse(text) : text;
  if (answer.ok) return got;
  if (answer.status === 401 && path !== '/v1/session') signedOut();
  throw new Problem(answer.status, typeof got === 'object' ? got : {}, Number(answer.headers.get('retry-after')) || undefined);
}

/** @param {string} url @param {RequestInit} options */
async function reach(url, options) {
  try {
    return await fetch(url, { credentials: 'same-origin', cache: 'no-store', ...options });
  } catch (error) {
    if (options.signal?.aborted) throw error;
    throw new Problem(0, { detail: `The server can’t be reached.${options.method === 'GET' ? '' : ' If it got this before, it may have done it: look when it is back.'}` });
  }
}

/** How long an answer may have been waiting for somebody who needs it. */
const AHEAD_MS = 2000;
/** Answers that nobody has needed yet, by address. @type {Map<string, {answer: Promise<any>, until: number}>} */
const ahead = new Map();

/** @param {string} path @param {Record<string, unknown>} [query] @returns {Promise<any>} */
export function get(path, query = {}) {
  const here = taken(address(path, query));
  return here ? here.catch(() => ask('GET', path, { query })) : ask('GET', path, { query });
}

/** Asks for what `get` will be called for in a moment. @param {string} path @param {Record<string, unknown>} [query] @returns {Promise<void>} when the answer is there, or won't be */
export function getAhead(path, query = {}) {
  const at = address(path, query);
  const answer = taken(at) ?? ask('GET', path, { query });
  ahead.set(at, { answer, until: performance.now() + AHEAD_MS });
  return answer.then(() => {}, () => {}); // (whoever needs it asks again, and is told)
}

/** @param {string} at an address */
function taken(at) {
  const found = ahead.get(at);
  ahead.delete(at);
  return found && performance.now() < found.until ? found.answer : undefined;
}
