import { computed, signal } from './reactive.js';

/**
 * The page's address is its state: `#/flags/shop/new-checkout?q=check`. Whoever gets the link sees the same.
 * @typedef {{path: string[], query: URLSearchParams}} Place
 */

const hash = signal(location.hash);
addEventListener('hashchange', () => hash.set(location.hash));

/** Where we are. */
export const place = computed(() => parse(hash()));

/** @param {string} text @returns {Place} */
function parse(text) {
  const [path, search = ''] = text.replace(/^#\/?/, '').split('?');
  return { path: path.split('/').filter(Boolean).map(decoded), query: new URLSearchParams(search) };
}

/** @param {string} part */
function decoded(part) {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}

/** The link to a place. @param {string[]} path @param {Record<string, string | undefined | null | false> | URLSearchParams} [query] */
export function link(path, query = {}) {
  const search = query instanceof URLSearchParams ? query : new URLSearchParams();
  if (!(query instanceof URLSearchParams)) for (const [name, value] of Object.entries(query)) if (value) search.set(name, value);
  const text = search.toString();
  return `#/${path.map(encodeURIComponent).join('/')}${text && `?${text}`}`;
}

/** @param {string} to @param {{replace?: boolean}} [options] */
export function go(to, { replace = false } = {}) {
  if (to === location.hash) return;
  if (replace) history.replaceState(null, '', to);
  else history.pushState(null, '', to);
  hash.set(location.hash);
}
addEventListener('popstate', () => hash.set(location.hash));

/** One parameter of the place, as text ('' where there is none). @param {string} name */
export const parameter = (name) => computed(() => place().query.get(name) ?? '');

/** Changes parameters and stays where one is; empty ones go. @param {Record<string, string | null | undefined>} values */
export function setParameters(values) {
  const { path, query } = place();
  const next = new URLSearchParams(query);
  for (const [name, value] of Object.entries(values)) value ? next.set(name, value) : next.delete(name);
  go(link(path, next), { replace: true });
}
