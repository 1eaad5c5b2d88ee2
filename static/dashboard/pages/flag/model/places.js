import { isObject, own, pointer, same, segments, withValue } from './json.js';

/** @import {Flag} from '../../../store/flags.js' */

/**
 * What can be edited of a flag, place by place, as the server merges it: a rule, a variant's value and the tags are one
 * value each, for half of one means nothing.
 * @typedef {Map<string, any>} Places
 */

const WHOLE = ['name', 'description', 'owner', 'tags'];
const THERE = ['state', 'defaultVariant', 'targeting', 'metadata'];

/** @param {Flag} flag @returns {Places} */
export function placesOf(flag) {
  /** @type {Places} */
  const found = new Map();
  for (const name of WHOLE) found.set(pointer(name), /** @type {any} */ (flag)[name]);
  for (const [name, value] of Object.entries(flag.variants)) found.set(pointer('variants', name), value);
  for (const [environment, there] of Object.entries(flag.environments)) {
    for (const name of THERE) {
      const value = /** @type {any} */ (there)[name];
      if (value !== undefined) found.set(pointer('environments', environment, name), value);
    }
    for (const [name, value] of Object.entries(there.variants ?? {})) found.set(pointer('environments', environment, 'variants', name), value);
  }
  return found;
}

/** The flag with changes (undefined: removed) in their places. @param {Flag} flag @param {Places} changes @returns {Flag} */
export function withChanges(flag, changes) {
  let made = flag;
  for (const [path, value] of changes) made = withValue(made, path, value);
  return made;
}

/** The JSON Merge Patch (RFC 7396) that makes the changes. @param {Places} base @param {Places} changes */
export function patchOf(base, changes) {
  const patch = {};
  for (const [path, value] of changes) {
    let at = /** @type {any} */ (patch);
    const names = segments(path);
    for (const name of names.slice(0, -1)) {
      if (!Object.hasOwn(at, name)) own(at, name, {});
      at = at[name];
    }
    // (the server replaces a rule whole, and merges into all other objects)
    own(at, names.at(-1) ?? '', isRule(path) ? value ?? null : merged(base.get(path), value));
  }
  return patch;
}

/** @param {string} path */
const isRule = (path) => /^\/environments\/[^/]+\/targeting$/.test(path);

/** What makes `after` of `before` when it is merged into it. @param {any} before @param {any} after @returns {any} */
function merged(before, after) {
  if (after === undefined) return null;
  if (!isObject(before) || !isObject(after)) return after;
  const patch = {};
  for (const name of new Set([...Object.keys(before), ...Object.keys(after)])) {
    if (!Object.hasOwn(after, name)) own(patch, name, null);
    else if (!Object.hasOwn(before, name)) own(patch, name, after[name]);
    else if (!same(before[name], after[name])) own(patch, name, merged(before[name], after[name]));
  }
  return patch;
}

/** Whether a merge patch can't say this: null inside an object means *remove*. @param {any} before @param {any} after @returns {boolean} */
export function hasNewNull(before, after) {
  if (Array.isArray(after) || !isObject(after)) return false;
  return Object.entries(after).some(([name, value]) => {
    const was = isObject(before) && Object.hasOwn(before, name) ? before[name] : undefined;
    return value === null ? was !== null : hasNewNull(was, value);
  });
}

/** The environment that a place belongs to. @param {string} path */
export const environmentOf = (path) => (path.startsWith('/environments/') ? segments(path)[1] : undefined);

/** Whether a change of this place can be felt in an environment. @param {string} path @param {string} environment @param {Flag} flag */
export function reaches(path, environment, flag) {
  if (environmentOf(path) === environment) return true;
  return path.startsWith('/variants/') && Object.hasOwn(flag.environments, environment) && !flag.environments[environment].variants;
}

const NAMES = /** @type {Record<string, string>} */ ({ name: 'Name', description: 'Description', owner: 'Owner', tags: 'Tags', state: 'On or off', defaultVariant: 'Default variant', targeting: 'Rules', metadata: 'Metadata', archived: 'Archived', type: 'Type' });

/** A place in words: `production: default variant`. @param {string} path @returns {string} */
export function placeName(path) {
  const names = segments(path);
  if (names[0] === 'environments' && names.length > 1) {
    const inside = names.slice(2);
    return inside.length ? `${names[1]}: ${lower(placeName(pointer(...inside)))}` : `Environment ${names[1]}`;
  }
  if (names[0] === 'variants') return names.length > 1 ? `Variant ${names[1]}` : 'Variants';
  return NAMES[names[0]] ?? (names.join(' · ') || 'The flag');
}

/** @param {string} text */
const lower = (text) => text.charAt(0).toLowerCase() + text.slice(1);
