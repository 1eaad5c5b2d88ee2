import { isObject, pointer } from './json.js';

/**
 * Which part of a rule gives the answer for a context: the rule is walked as the server walks it (its operators are those
 * of flagd; `null` where a context has nothing). What people are divided by is left to the server.
 */

/** The rule says something that is not walked here. */
class Unknown extends Error {}

/**
 * @typedef {object} Walk
 * @property {number} branch which rule of the `if` (0: the first); -1: none of them, so the last word
 * @property {string} path the place of the result in the rule
 * @property {any} result as it stands there
 * @property {boolean[]} tested whether the condition of each rule that was looked at holds
 */

/** @param {any} rule @param {Record<string, any>} evaluators @param {Record<string, any>} context @returns {Walk | undefined} */
export function walk(rule, evaluators, context) {
  try {
    return decide(rule, evaluators, { targetingKey: null, $flagd: { flagKey: '', timestamp: Math.floor(Date.now() / 1000) }, ...context });
  } catch (error) {
    if (error instanceof Unknown || error instanceof RangeError) return undefined;
    throw error;
  }
}

/** @param {any} rule @param {Record<string, any>} evaluators @param {any} data @returns {Walk} */
function decide(rule, evaluators, data) {
  /** @type {boolean[]} */
  const tested = [];
  let path = '';
  let branch = -1;
  let isFirst = true;
  for (;;) {
    const name = operatorOf(rule);
    if (name === '$ref') return { branch, path, result: rule, tested };
    if (name !== 'if' && name !== '?:') return { branch: isFirst ? -1 : branch, path, result: rule ?? null, tested };
    const args = listed(rule[name]);
    let found = args.length % 2 ? args.length - 1 : -1;
    let isChosen = false;
    for (let at = 0; at + 1 < args.length; at += 2) {
      const holds = truthy(evaluate(args[at], evaluators, data));
      if (isFirst || branch === -1) tested.push(holds);
      if (!holds) continue;
      if (branch === -1) branch = tested.length - 1;
      found = at + 1;
      isChosen = true;
      break;
    }
    isFirst = false;
    path += pointer(name, found === -1 ? args.length : found);
    if (found === -1) return { branch, path, result: null, tested };
    rule = args[found];
    if (isChosen && !['if', '?:'].includes(operatorOf(rule) ?? '')) return { branch, path, result: rule, tested };
  }
}

/** @param {any} rule */
function operatorOf(rule) {
  if (!isObject(rule)) return undefined;
  const names = Object.keys(rule);
  return names.length === 1 ? names[0] : undefined;
}

/** @param {any} operand @returns {any[]} */
const listed = (operand) => (Array.isArray(operand) ? operand : [operand]);

/** Whether a condition holds for a context; undefined where that can't be said here. @param {any} condition @param {Record<string, any>} evaluators @param {Record<string, any>} context */
export function holds(condition, evaluators, context) {
  try {
    return truthy(evaluate(condition, evaluators, { targetingKey: null, ...context }));
  } catch (error) {
    if (error instanceof Unknown || error instanceof RangeError) return undefined;
    throw error;
  }
}

/** @param {any} rule @param {Record<string, any>} evaluators @param {any} data @returns {any} */
function evaluate(rule, evaluators, data) {
  if (Array.isArray(rule)) return rule.map((each) => evaluate(each, evaluators, data));
  const name = operatorOf(rule);
  if (name === undefined) return rule;
  const args = listed(rule[name]);
  const give = (/** @type {number} */ at) => evaluate(args[at] ?? null, evaluators, data);
  switch (name) {
    case '$ref':
      if (!Object.hasOwn(evaluators, args[0])) throw new Unknown();
      return evaluate(evaluators[args[0]], evaluators, data);
    case 'var':
      return variable(data, args.length ? give(0) : null, args.length > 1 ? give(1) : null);
    case 'and':
    case 'or': {
      let value = null;
      for (let at = 0; at < args.length; at++) if (truthy((value = give(at))) === (name === 'or')) return value;
      return value;
    }
    case 'if':
    case '?:':
      for (let at = 0; at + 1 < args.length; at += 2) if (truthy(give(at))) return give(at + 1);
      return args.length % 2 ? give(args.length - 1) : null;
    case 'map':
    case 'filter':
    case 'all':
    case 'some':
    case 'none':
      return over(name, give(0), (item) => evaluate(args[1] ?? null, evaluators, item));
  }
  const call = Object.hasOwn(CALLS, name) ? CALLS[name] : undefined;
  if (!call) throw new Unknown();
  return call(...args.map((_, at) => give(at)));
}

/** @param {'map' | 'filter' | 'all' | 'some' | 'none'} name @param {any} items @param {(item: any) => any} body */
function over(name, items, body) {
  const list = Array.isArray(items) ? items : [];
  if (name === 'map') return list.map(body);
  if (name === 'filter') return list.filter((each) => truthy(body(each)));
  if (name === 'all') return list.length > 0 && list.every((each) => truthy(body(each)));
  const isAny = list.some((each) => truthy(body(each)));
  return name === 'some' ? isAny : !isAny;
}

/** @param {any} data @param {any} name @param {any} otherwise */
function variable(data, name, otherwise) {
  if (name === null || name === '') return data;
  for (const part of String(name).split('.')) {
    if (typeof data === 'string' || Array.isArray(data)) data = part === 'length' ? data.length : /^(0|[1-9]\d*)$/.test(part) ? data[Number(part)] ?? null : null;
    else if (isObject(data)) data = Object.hasOwn(data, part) ? data[part] : null;
    else return otherwise;
    if (data === null) return otherwise;
  }
  return data;
}

/** @param {any} value */
const truthy = (value) => (Array.isArray(value) ? value.length > 0 : isObject(value) || Boolean(value));

/** @param {any} value @returns {number} */
function number(value) {
  if (typeof value === 'string') return value.trim() === '' ? NaN : /^[-+\d.eE\s]+$/.test(value) ? Number(value) : NaN;
  if (Array.isArray(value)) return value.length === 0 ? 0 : value.length > 1 ? NaN : number(value[0]);
  return isObject(value) ? NaN : Number(value);
}

/** @param {any} value @returns {string} */
const text = (value) => (Array.isArray(value) ? value.map(text).join(',') : isObject(value) ? '[object Object]' : value === true ? 'True' : value === false ? 'False' : String(value));
/** @param {any} value */
const isNumber = (value) => typeof value === 'number' || typeof value === 'boolean';

/** @param {any} one @param {any} other @returns {boolean} */
function equal(one, other) {
  if (Array.isArray(one) ? Array.isArray(other) : isObject(one) && isObject(other)) throw new Unknown(); // (the server asks whether they are one and the same)
  if (typeof one === typeof other && one !== null && other !== null && typeof one !== 'object') return one === other;
  if (typeof one === 'object' && typeof other === 'object' && one !== null && other !== null) return false;
  if (isNumber(one) || isNumber(other)) return number(one) === number(other);
  if (one === null || other === null) return one === other;
  return text(one) === text(other);
}

/** @param {any} one @param {any} other @returns {boolean} */
const exactly = (one, other) => (isNumber(one) && isNumber(other) ? Number(one) === Number(other) : Array.isArray(one) || isObject(one) ? JSON.stringify(one) === JSON.stringify(other) : one === other);

/** @param {(one: any, other: any) => boolean} is */
const ordered = (is) => (/** @type {any} */ one, /** @type {any} */ other, /** @type {any} */ third = null) => {
  const pair = (/** @type {any} */ a, /** @type {any} */ b) => (!isNumber(a) && !isNumber(b) && (typeof a === 'string' || typeof b === 'string') ? is(text(a), text(b)) : is(number(a), number(b)));
  return pair(one, other) && (third === null || pair(other, third));
};

/** @param {any} value */
function version(value) {
  const found = /^[vV]?(0|[1-9]\d*)(?:\.(0|[1-9]\d*))?(?:\.(0|[1-9]\d*))?(?:-([0-9A-Za-z.-]+))?(?:\+[0-9A-Za-z.-]+)?$/.exec(String(value));
  return found && { numbers: [found[1], found[2] ?? 0, found[3] ?? 0].map(Number), before: found[4]?.split('.') ?? [] };
}

/** How two versions stand to each other (semver.org, 11). @param {NonNullable<ReturnType<typeof version>>} one @param {NonNullable<ReturnType<typeof version>>} other */
function order(one, other) {
  for (let at = 0; at < 3; at++) if (one.numbers[at] !== other.numbers[at]) return one.numbers[at] - other.numbers[at];
  if (!one.before.length || !other.before.length) return (other.before.length ? 1 : 0) - (one.before.length ? 1 : 0);
  for (let at = 0; at < Math.max(one.before.length, other.before.length); at++) {
    const [a, b] = [one.before[at], other.before[at]];
    if (a === b) continue;
    if (a === undefined || b === undefined) return a === undefined ? -1 : 1;
    const [first, second] = [/^\d+$/.test(a), /^\d+$/.test(b)];
    if (first && second) return Number(a) - Number(b);
    return first !== second ? (first ? -1 : 1) : a < b ? -1 : 1;
  }
  return 0;
}

/** @param {any} first @param {any} sign @param {any} second @returns {boolean | null} */
function versions(first, sign, second) {
  if (![first, second].every((each) => typeof each === 'string' || typeof each === 'number')) return null;
  const one = version(first);
  const other = version(second);
  if (!one || !other) return null;
  const by = order(one, other);
  const [major, minor] = [one.numbers[0] === other.numbers[0], one.numbers[1] === other.numbers[1]];
  return /** @type {Record<string, boolean>} */ ({ '=': by === 0, '!=': by !== 0, '<': by < 0, '<=': by <= 0, '>': by > 0, '>=': by >= 0, '^': major, '~': major && minor })[sign] ?? null;
}

/** @type {Record<string, (...args: any[]) => any>} */
const CALLS = {
  '==': equal,
  '!=': (one, other) => !equal(one, other),
  '===': exactly,
  '!==': (one, other) => !exactly(one, other),
  '<': ordered((one, other) => one < other),
  '<=': ordered((one, other) => one <= other),
  '>': ordered((one, other) => one > other),
  '>=': ordered((one, other) => one >= other),
  '!': (value) => !truthy(value),
  '!!': truthy,
  in: (needle, within) => (Array.isArray(within) ? within.some((each) => exactly(each, needle)) : typeof within === 'string' && within.includes(text(needle))),
  starts_with: (whole, part) => (typeof whole === 'string' && typeof part === 'string' ? whole.startsWith(part) : null),
  ends_with: (whole, part) => (typeof whole === 'string' && typeof part === 'string' ? whole.endsWith(part) : null),
  sem_ver: versions,
  cat: (...parts) => parts.map(text).join(''),
  '+': (...parts) => parts.reduce((sum, each) => sum + number(each), 0),
  '*': (...parts) => parts.reduce((product, each) => product * number(each), 1),
  '-': (one, other = null) => (other === null ? -number(one) : number(one) - number(other)),
  '/': (one, other) => number(one) / number(other),
  '%': (one, other) => number(one) - number(other) * Math.floor(number(one) / number(other)),
  merge: (...parts) => parts.flat(1),
};
