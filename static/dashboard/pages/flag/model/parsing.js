import { isExact, isObject, same } from './json.js';
import { OPERATORS } from './rules.js';

/** @import {Condition, Model, Rule, Serve, Split} from './rules.js' */

/** JSONLogic as rules that people can read. What takes other words than those is `undefined` here, and stays JSON. */

/** The rules that a flag's targeting says; undefined where that takes more words than these. @param {any} targeting @returns {Model | undefined} */
export function parse(targeting) {
  if (targeting === undefined || targeting === null || same(targeting, {})) return { rules: [], otherwise: { kind: 'default', isSaid: false } };
  if (!isExact(targeting)) return undefined; // (saved with another rule, its numbers would be others)
  const args = branches(targeting);
  if (!args) {
    const otherwise = serveOf(targeting);
    return otherwise?.kind === 'split' ? { rules: [], otherwise } : undefined;
  }
  if (args.length === 2 && args[0] === true) {
    const otherwise = serveOf(args[1]);
    return otherwise && { rules: [], otherwise };
  }
  const rules = [];
  for (let at = 0; at + 1 < args.length; at += 2) {
    const rule = ruleOf(args[at], args[at + 1]);
    if (!rule) return undefined;
    rules.push(rule);
  }
  const otherwise = args.length % 2 ? serveOf(args.at(-1)) : /** @type {Serve} */ ({ kind: 'default', isSaid: false });
  return otherwise && rules.length ? { rules, otherwise } : undefined;
}

/** The arguments of an `if`, those of an `if` in its last place among them. @param {any} json @returns {any[] | undefined} */
function branches(json) {
  const name = operatorOf(json);
  if (name !== 'if' && name !== '?:') return undefined;
  const args = json[name];
  if (!Array.isArray(args) || args.length < 2) return undefined;
  const inner = args.length % 2 ? branches(args.at(-1)) : undefined;
  return inner ? [...args.slice(0, -1), ...inner] : args;
}

/** @param {any} json */
function operatorOf(json) {
  if (!isObject(json)) return undefined;
  const names = Object.keys(json);
  return names.length === 1 ? names[0] : undefined;
}

/** @param {any} json @param {any} result @returns {Rule | undefined} */
function ruleOf(json, result) {
  const serve = serveOf(result);
  const name = operatorOf(json);
  const isGroup = (name === 'and' || name === 'or') && Array.isArray(json[name]) && json[name].length > 0;
  const conditions = (isGroup ? json[/** @type {string} */ (name)] : [json]).map(conditionOf);
  if (!serve || conditions.includes(undefined)) return undefined;
  return { match: name === 'or' ? 'any' : 'all', conditions, serve, json };
}

/** @param {any} json @returns {Serve | undefined} */
function serveOf(json) {
  if (json === null) return { kind: 'default', isSaid: true, json };
  if (typeof json === 'string') return { kind: 'variant', variant: json, json };
  if (typeof json === 'boolean') return { kind: 'variant', variant: String(json), json };
  if (operatorOf(json) !== 'fractional' || !Array.isArray(json.fractional)) return undefined;
  const split = splitOf(json.fractional);
  return split && { kind: 'split', split, json };
}

/** @param {any[]} args @returns {Split | undefined} */
function splitOf(args) {
  const isShort = Array.isArray(args[0]);
  const divided = isShort ? { by: null, seeded: true } : bucketOf(args[0]);
  const parts = (isShort ? args : args.slice(1)).map(partOf);
  return divided && parts.length && !parts.includes(undefined) ? { ...divided, parts: /** @type {[string, number][]} */ (parts) } : undefined;
}

/** @param {any} json @returns {[string, number] | undefined} */
function partOf(json) {
  if (!Array.isArray(json) || json.length < 1 || json.length > 2) return undefined;
  const [variant, weight = 1] = json;
  return (typeof variant === 'string' || typeof variant === 'boolean') && Number.isInteger(weight) && weight >= 0 ? [String(variant), weight] : undefined;
}

/** What people are divided by: an attribute, perhaps with the flag's key so that flags divide them differently. @param {any} json */
function bucketOf(json) {
  const by = variableOf(json);
  if (by) return { by, seeded: false };
  const args = operatorOf(json) === 'cat' ? json.cat : undefined;
  if (!Array.isArray(args) || args.length !== 2 || variableOf(args[0]) !== '$flagd.flagKey') return undefined;
  const attribute = variableOf(args[1]);
  return attribute ? { by: attribute, seeded: true } : undefined;
}

/** The attribute that a `var` reads. @param {any} json @returns {string | undefined} */
function variableOf(json) {
  if (operatorOf(json) !== 'var') return undefined;
  const name = Array.isArray(json.var) ? (json.var.length === 1 ? json.var[0] : undefined) : json.var;
  return typeof name === 'string' ? name : undefined;
}

/** @param {any} json @returns {Condition | undefined} */
function conditionOf(json) {
  const operator = operatorOf(json);
  if (operator === undefined) return undefined;
  const args = Array.isArray(json[operator]) ? json[operator] : [json[operator]];
  if (operator === '!' && args.length === 1) {
    const inner = conditionOf(args[0]);
    if (inner && `!${inner.operator}` in OPERATORS && ['in', 'contains', 'starts_with', 'ends_with', '$ref'].includes(inner.operator)) return { ...inner, operator: `!${inner.operator}`, json };
  }
  const found = plainCondition(operator, args);
  return found && { ...found, json };
}

/** @param {string} operator @param {any[]} args @returns {Condition | undefined} */
function plainCondition(operator, args) {
  const [first, second, third] = args;
  const attribute = variableOf(first);
  if (operator === '$ref') return typeof first === 'string' ? { operator, attribute: first } : undefined;
  if (operator === '!' || operator === '!!') return args.length === 1 && attribute !== undefined ? { operator, attribute } : undefined;
  if (operator === 'sem_ver') {
    const name = `sem_ver ${second}`;
    return args.length === 3 && attribute !== undefined && name in OPERATORS && typeof third === 'string' ? { operator: name, attribute, value: third } : undefined;
  }
  if (args.length !== 2) return undefined;
  if (operator === 'in') return membership(first, second);
  if (!(operator in OPERATORS)) return undefined;
  const flipped = variableOf(second);
  if (attribute === undefined && flipped !== undefined && operator in TURNED) return scalar(TURNED[operator], flipped, first);
  return attribute === undefined ? undefined : scalar(operator, attribute, second);
}

/** What an operator is when its two sides change places. @type {Record<string, string>} */
const TURNED = { '==': '==', '!=': '!=', '===': '===', '!==': '!==', '<': '>', '>': '<', '<=': '>=', '>=': '<=' };

/** @param {string} operator @param {string} attribute @param {any} value @returns {Condition | undefined} */
function scalar(operator, attribute, value) {
  const isText = OPERATORS[operator].value === 'text';
  return isScalar(value) && (!isText || typeof value === 'string') ? { operator, attribute, value } : undefined;
}

/** @param {any} value */
const isScalar = (value) => value === null || ['string', 'number', 'boolean'].includes(typeof value);

/** @param {any} needle @param {any} haystack @returns {Condition | undefined} */
function membership(needle, haystack) {
  const attribute = variableOf(needle);
  if (attribute !== undefined) return Array.isArray(haystack) && haystack.every((each) => isScalar(each) && each !== null) ? { operator: 'in', attribute, value: haystack } : undefined;
  const within = variableOf(haystack);
  return within !== undefined && typeof needle === 'string' ? { operator: 'contains', attribute: within, value: needle } : undefined;
}
