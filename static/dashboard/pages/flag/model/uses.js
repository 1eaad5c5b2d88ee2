import { isObject, pointer } from './json.js';

/** @import {Flag} from '../../../store/flags.js' */

/**
 * A rule with each result (what names a variant) made another; where results stand is as the server has it.
 * @param {any} rule @param {(result: any) => any} change @returns {any}
 */
function withResults(rule, change) {
  if (!isObject(rule)) return Array.isArray(rule) ? rule : change(rule);
  const [name, ...more] = Object.keys(rule);
  if (name === undefined || more.length || name === '$ref') return rule;
  const args = Array.isArray(rule[name]) ? rule[name] : [rule[name]];
  const last = args.length - 1;
  const gives = /** @type {(at: number) => boolean} */ ({
    if: (/** @type {number} */ at) => at % 2 === 1 || at === last,
    '?:': (/** @type {number} */ at) => at % 2 === 1 || at === last,
    and: (/** @type {number} */ at) => at === last,
    or: (/** @type {number} */ at) => at === last || Boolean(args[at]),
  }[name]);
  if (gives) return { [name]: args.map((arg, at) => (gives(at) ? withResults(arg, change) : arg)) };
  if (name !== 'fractional') return rule;
  return { fractional: args.map((arg, at) => (Array.isArray(arg) && (at > 0 || Array.isArray(args[0])) ? [withResults(arg[0], change), ...arg.slice(1)] : arg)) };
}

/** The variants that a rule can give. @param {any} rule @returns {Set<string>} */
export function resultsOf(rule) {
  const found = new Set(/** @type {string[]} */ ([]));
  if (isObject(rule) && Object.keys(rule).length) withResults(rule, (result) => (result !== null && found.add(String(result)), result));
  return found;
}

/** A rule that names a variant otherwise. @param {any} rule @param {string} from @param {string} to */
export const renamed = (rule, from, to) => withResults(rule, (result) => (result !== null && String(result) === from ? to : result));

/** Where a variant is used, in words, with its place. `own`: the environment whose variants it is one of. @param {Flag} flag @param {string} variant @param {string} [own] */
export function usesOf(flag, variant, own) {
  /** @type {{path: string, text: string}[]} */
  const found = [];
  for (const [environment, there] of Object.entries(flag.environments)) {
    if (own === undefined ? there.variants : environment !== own) continue;
    if (there.defaultVariant === variant) found.push({ path: pointer('environments', environment, 'defaultVariant'), text: `the default in ${environment}` });
    if (resultsOf(there.targeting).has(variant)) found.push({ path: pointer('environments', environment, 'targeting'), text: `a rule in ${environment}` });
  }
  return found;
}

/** The attributes that rules read. @param {any} rule @param {Set<string>} [found] @returns {Set<string>} */
export function attributesOf(rule, found = new Set()) {
  if (Array.isArray(rule)) for (const each of rule) attributesOf(each, found);
  else if (isObject(rule)) {
    for (const [name, args] of Object.entries(rule)) {
      const first = Array.isArray(args) ? args[0] : args;
      if (name === 'var' && typeof first === 'string' && first && !first.startsWith('$flagd')) found.add(first);
      else attributesOf(args, found);
    }
  }
  return found;
}

/** Names of the shared rules that a rule refers to. @param {any} rule @param {Set<string>} [found] @returns {Set<string>} */
export function refsOf(rule, found = new Set()) {
  if (Array.isArray(rule)) for (const each of rule) refsOf(each, found);
  else if (isObject(rule)) {
    if (typeof rule.$ref === 'string') found.add(rule.$ref);
    for (const each of Object.values(rule)) refsOf(each, found);
  }
  return found;
}
