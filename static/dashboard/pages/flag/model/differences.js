import { isObject, pointer, same, segments, written } from './json.js';
import { placeName } from './places.js';

/** @typedef {{path: string, before?: any, after?: any}} Change as the audit trail has it */
/** @typedef {{sign: ' ' | '+' | '-', text: string}} Line */
/** @typedef {{path: string, place: string, before?: string, after?: string, lines?: Line[]}} Told One change, to be shown: two short values, or lines. */

const LONGEST = 60;

/** What an entry of the audit trail changed, in words. @param {Change[]} changes @returns {Told[]} */
export const told = (changes) => changes.flatMap(whole).map(tellChange);

/** A flag that was made or removed as what it is made of. @param {Change} change @returns {Change[]} */
function whole({ path, before, after }) {
  const isAll = path === '' || /^\/environments\/[^/]+$/.test(path);
  if (!isAll || (before !== undefined && after !== undefined)) return [{ path, before, after }];
  const side = before === undefined ? 'after' : 'before';
  return parts(path, before ?? after).filter(({ value }) => !isEmpty(value)).map(({ path: at, value }) => ({ path: at, [side]: value }));
}

/** @param {string} path @param {any} value @returns {{path: string, value: any}[]} */
function parts(path, value) {
  if (!isObject(value)) return [{ path, value }];
  const names = segments(path);
  const isHolder = names.length === 0 || (names.length === 1 && ['variants', 'environments'].includes(names[0])) || (names.length === 2 && names[0] === 'environments');
  return isHolder ? Object.entries(value).filter(([name]) => names.length || !['key', 'archived'].includes(name)).flatMap(([name, each]) => parts(path + pointer(name), each)) : [{ path, value }];
}

/** @param {any} value */
const isEmpty = (value) => value === '' || value === null || (Array.isArray(value) && !value.length);

/** @param {Change} change @returns {Told} */
export function tellChange({ path, before, after }) {
  const place = path ? placeName(path) : 'The flag';
  const [one, other] = path.endsWith('/state') ? [stated(before), stated(after)] : [shown(before), shown(after)];
  const isLong = [one, other].some((text) => text !== undefined && (text.length > LONGEST || text.includes('\n')));
  if (!isLong) return { path, place, ...(one !== undefined && { before: one }), ...(other !== undefined && { after: other }) };
  return { path, place, lines: lines(before === undefined ? '' : full(before), after === undefined ? '' : full(after)) };
}

/** @param {any} value @returns {string | undefined} */
const stated = (value) => (value === 'ENABLED' ? 'on' : value === 'DISABLED' ? 'off' : shown(value));

/** @param {any} value */
const full = (value) => (typeof value === 'string' ? value : written(value));

/** @param {any} value @returns {string | undefined} */
function shown(value) {
  if (value === undefined) return undefined;
  if (value === null) return 'none';
  if (value === '') return 'empty';
  if (Array.isArray(value) && value.every((each) => typeof each === 'string')) return value.length ? value.join(', ') : 'none';
  return full(value);
}

const MOST_LINES = 1500;

/** The difference of two texts, line by line. @param {string} before @param {string} after @returns {Line[]} */
export function lines(before, after) {
  const one = before ? before.split('\n') : [];
  const other = after ? after.split('\n') : [];
  if (one.length * other.length > MOST_LINES * MOST_LINES) return [...one.map(minus), ...other.map(plus)];
  const longest = common(one, other);
  /** @type {Line[]} */
  const found = [];
  let [at, to] = [0, 0];
  while (at < one.length || to < other.length) {
    if (at < one.length && to < other.length && one[at] === other[to]) found.push({ sign: ' ', text: one[(to++, at++)] });
    else if (to >= other.length || (at < one.length && longest[at + 1][to] >= longest[at][to + 1])) found.push(minus(one[at++]));
    else found.push(plus(other[to++]));
  }
  return found;
}

/** @param {string} text @returns {Line} */
const minus = (text) => ({ sign: '-', text });
/** @param {string} text @returns {Line} */
const plus = (text) => ({ sign: '+', text });

/** How long the longest common part of the rests is. @param {string[]} one @param {string[]} other */
function common(one, other) {
  const table = Array.from({ length: one.length + 1 }, () => new Uint16Array(other.length + 1));
  for (let at = one.length - 1; at >= 0; at--) {
    for (let to = other.length - 1; to >= 0; to--) table[at][to] = one[at] === other[to] ? table[at + 1][to + 1] + 1 : Math.max(table[at + 1][to], table[at][to + 1]);
  }
  return table;
}

/** What stands before, in and after the part of a text that another hasn't. @param {string} text @param {string} other */
export function apart(text, other) {
  const [one, two] = [[...text], [...other]];
  const least = Math.min(one.length, two.length);
  let before = 0;
  while (before < least && one[before] === two[before]) before++;
  let after = 0;
  while (after < least - before && one[one.length - 1 - after] === two[two.length - 1 - after]) after++;
  return [one.slice(0, before), one.slice(before, one.length - after), one.slice(one.length - after)].map((part) => part.join(''));
}

/** The lines that differ, with a few around them. @param {Line[]} all @param {number} [around] @returns {(Line | {skipped: number})[]} */
export function folded(all, around = 2) {
  const near = all.map((_, at) => all.slice(Math.max(0, at - around), at + around + 1).some(({ sign }) => sign !== ' '));
  /** @type {(Line | {skipped: number})[]} */
  const found = [];
  for (const [at, line] of all.entries()) {
    const last = found.at(-1);
    if (near[at]) found.push(line);
    else if (last && 'skipped' in last) last.skipped++;
    else found.push({ skipped: 1 });
  }
  return found;
}

const ACTIONS = /** @type {Record<string, string>} */ ({ 'flag.created': 'made the flag', 'flag.archived': 'archived the flag', 'flag.restored': 'restored the flag', 'flag.deleted': 'deleted the flag' });

/** What an entry did, in a few words: `turned it on in production`. @param {{action: string, changes: Change[]}} entry */
export function summary({ action, changes }) {
  if (ACTIONS[action]) return ACTIONS[action];
  const said = changes.map(phrase);
  const unlike = said.filter((each, at) => said.findIndex((other) => same(other, each)) === at);
  if (!unlike.length) return 'saved it as it was';
  return unlike.length > 3 ? `${unlike.slice(0, 2).join(', ')} and ${unlike.length - 2} more` : new Intl.ListFormat('en').format(unlike);
}

/** @param {Change} change @returns {string} */
function phrase({ path, before, after }) {
  const names = segments(path);
  if (names[0] === 'environments' && names.length === 3 && names[2] === 'state') return `turned it ${after === 'ENABLED' ? 'on' : 'off'} in ${names[1]}`;
  if (names[0] === 'environments' && names.length === 2) return before === undefined ? `added it to ${names[1]}` : `took it out of ${names[1]}`;
  const verb = before === undefined ? 'added' : after === undefined ? 'removed' : 'changed';
  if (names[0] === 'environments') return `${verb} the ${placeName(pointer(...names.slice(2))).toLowerCase()} in ${names[1]}`;
  if (names[0] === 'variants') return `${verb} the variant ${names[1] ?? ''}`.trim();
  return `changed the ${placeName(path).toLowerCase()}`;
}
