/**
 * Targeting rules as people say them, and how they are written as JSONLogic (with flagd's operators).
 * `parsing.js` is the way back.
 *
 * @typedef {'text' | 'number' | 'boolean' | 'none'} ValueType
 * @typedef {object} Condition
 * @property {string} operator one of OPERATORS
 * @property {string} attribute that is looked at, or the name of the shared rule
 * @property {any} [value] a list for *is one of*
 * @property {any} [json] as it was written, until it is changed
 */
/** @typedef {{by: string | null, seeded: boolean, parts: [string, number][]}} Split `by` null: the targetingKey and the flag's key */
/** @typedef {{kind: 'variant', variant: string} | {kind: 'default', isSaid: boolean} | {kind: 'split', split: Split}} Kind */
/** @typedef {Kind & {json?: any}} Serve */
/** @typedef {{match: 'all' | 'any', conditions: Condition[], serve: Serve, json?: any}} Rule */
/** @typedef {{rules: Rule[], otherwise: Serve}} Model */

/**
 * What a condition can say. `value`: how many it takes.
 * @type {Record<string, {label: string, value: 'none' | 'one' | 'many' | 'version' | 'text' | 'number', write: (name: any, value: any) => any}>}
 */
export const OPERATORS = {
  '==': { label: 'is', value: 'one', write: (name, value) => ({ '==': [name, value] }) },
  '!=': { label: 'is not', value: 'one', write: (name, value) => ({ '!=': [name, value] }) },
  in: { label: 'is one of', value: 'many', write: (name, value) => ({ in: [name, value] }) },
  '!in': { label: 'is none of', value: 'many', write: (name, value) => ({ '!': [{ in: [name, value] }] }) },
  contains: { label: 'contains', value: 'text', write: (name, value) => ({ in: [value, name] }) },
  '!contains': { label: 'doesn’t contain', value: 'text', write: (name, value) => ({ '!': [{ in: [value, name] }] }) },
  starts_with: { label: 'starts with', value: 'text', write: (name, value) => ({ starts_with: [name, value] }) },
  '!starts_with': { label: 'doesn’t start with', value: 'text', write: (name, value) => ({ '!': [{ starts_with: [name, value] }] }) },
  ends_with: { label: 'ends with', value: 'text', write: (name, value) => ({ ends_with: [name, value] }) },
  '!ends_with': { label: 'doesn’t end with', value: 'text', write: (name, value) => ({ '!': [{ ends_with: [name, value] }] }) },
  '<': { label: '<', value: 'number', write: (name, value) => ({ '<': [name, value] }) },
  '<=': { label: '≤', value: 'number', write: (name, value) => ({ '<=': [name, value] }) },
  '>': { label: '>', value: 'number', write: (name, value) => ({ '>': [name, value] }) },
  '>=': { label: '≥', value: 'number', write: (name, value) => ({ '>=': [name, value] }) },
  'sem_ver =': version('=', '= (semver)'),
  'sem_ver !=': version('!=', '≠ (semver)'),
  'sem_ver >': version('>', '> (semver)'),
  'sem_ver >=': version('>=', '≥ (semver)'),
  'sem_ver <': version('<', '< (semver)'),
  'sem_ver <=': version('<=', '≤ (semver)'),
  'sem_ver ^': version('^', 'same major as'),
  'sem_ver ~': version('~', 'same minor as'),
  '===': { label: 'is exactly', value: 'one', write: (name, value) => ({ '===': [name, value] }) },
  '!==': { label: 'is not exactly', value: 'one', write: (name, value) => ({ '!==': [name, value] }) },
  '!!': { label: 'is there', value: 'none', write: (name) => ({ '!!': [name] }) },
  '!': { label: 'is not there', value: 'none', write: (name) => ({ '!': [name] }) },
  $ref: { label: 'shared rule holds', value: 'none', write: (name) => ({ $ref: name.var }) },
  '!$ref': { label: 'shared rule doesn’t hold', value: 'none', write: (name) => ({ '!': [{ $ref: name.var }] }) },
};

/** @param {string} sign @param {string} label @returns {(typeof OPERATORS)[string]} */
function version(sign, label) {
  return { label, value: 'version', write: (name, value) => ({ sem_ver: [name, sign, value] }) };
}

/** @param {string} operator */
export const isShared = (operator) => operator.endsWith('$ref');

// To JSONLogic

/** The targeting that says these rules; undefined: none is needed. @param {Model} model @returns {any} */
export function build({ rules, otherwise }) {
  if (!rules.length) return otherwise.kind === 'default' ? undefined : otherwise.kind === 'split' ? fromServe(otherwise) : { if: [true, fromServe(otherwise)] };
  const args = rules.flatMap((rule) => [fromRule(rule), fromServe(rule.serve)]);
  return { if: otherwise.kind === 'default' && !otherwise.isSaid ? args : [...args, fromServe(otherwise)] };
}

/** @param {Rule} rule */
function fromRule({ match, conditions, json }) {
  if (json !== undefined) return json;
  const made = conditions.map(fromCondition);
  return made.length === 1 ? made[0] : { [match === 'all' ? 'and' : 'or']: made };
}

/** @param {Condition} condition @returns {any} */
export function fromCondition({ operator, attribute, value, json }) {
  return json !== undefined ? json : OPERATORS[operator].write({ var: attribute }, value);
}

/** @param {Serve} serve */
function fromServe(serve) {
  if (serve.json !== undefined) return serve.json;
  if (serve.kind === 'default') return null;
  if (serve.kind === 'variant') return serve.variant;
  const { by, seeded, parts } = serve.split;
  const divided = by === null ? [] : [seeded ? { cat: [{ var: '$flagd.flagKey' }, { var: by }] } : { var: by }];
  return { fractional: [...divided, ...parts] };
}

// Changing: what was written otherwise stays so, but for what is changed

/** @param {Model} model @param {number} at @param {Partial<Rule>} change @returns {Model} */
export function withRule(model, at, change) {
  const isCondition = 'match' in change || 'conditions' in change;
  return { ...model, rules: model.rules.map((rule, each) => (each === at ? { ...rule, ...change, json: isCondition ? undefined : rule.json } : rule)) };
}

/** @param {Model} model @param {number} at @param {number} which @param {Partial<Condition>} change @returns {Model} */
export const withCondition = (model, at, which, change) =>
  withRule(model, at, { conditions: model.rules[at].conditions.map((each, other) => (other === which ? changed(each, change) : each)) });

/** @param {Condition} condition @param {Partial<Condition>} change @returns {Condition} */
function changed(condition, change) {
  const made = { ...condition, ...change, json: undefined };
  return 'operator' in change ? fitting(made) : made; // (what is typed stays as it is typed)
}

/** A value of the shape that the operator takes; what was there is kept as far as it fits. @param {Condition} condition @returns {Condition} */
function fitting(condition) {
  const { value: wants } = OPERATORS[condition.operator];
  const { value, ...rest } = condition;
  const first = Array.isArray(value) ? value[0] ?? '' : value ?? '';
  if (wants === 'none') return rest;
  if (wants === 'many') return { ...rest, value: Array.isArray(value) ? value : value === '' || value === undefined || value === null ? [] : [value] };
  if (wants === 'text' || wants === 'version') return { ...rest, value: String(first) };
  if (wants === 'number') return { ...rest, value: typeof first === 'string' && first.trim() !== '' && Number.isFinite(Number(first)) ? Number(first) : first === '' ? 0 : first };
  return { ...rest, value: value === null ? null : first };
}

/** @param {Model} model @param {number} from @param {number} to @returns {Model} */
export function withRuleMoved(model, from, to) {
  const rules = [...model.rules];
  rules.splice(to, 0, ...rules.splice(from, 1));
  return { ...model, rules };
}

/** @param {string} attribute @returns {Condition} */
export const newCondition = (attribute = '') => ({ operator: '==', attribute, value: '' });

/** @param {string} variant @returns {Rule} */
export const newRule = (variant) => ({ match: 'all', conditions: [newCondition()], serve: { kind: 'variant', variant } });

// What is wrong, and in words

/** What is missing in a condition. @param {Condition} condition @param {Record<string, any>} evaluators */
export function missing({ operator, attribute, value }, evaluators) {
  if (isShared(operator)) return Object.hasOwn(evaluators, attribute) ? undefined : attribute ? `There is no shared rule ${attribute} here.` : 'Choose a shared rule.';
  if (!attribute.trim()) return 'Name the attribute.';
  const { value: wants } = OPERATORS[operator];
  if (wants === 'many' && !value.length) return 'Give at least one value.';
  if (wants === 'number' && typeof value !== 'number') return 'Give a number.';
  if (wants === 'version' && !/^[vV]?\d+(\.\d+){0,2}([-+][\w.+-]+)?$/.test(value)) return 'Give a version, such as 1.4.2.';
  return undefined;
}

/** @param {any} value @returns {ValueType} */
export const typeOf = (value) => (value === null ? 'none' : typeof value === 'number' ? 'number' : typeof value === 'boolean' ? 'boolean' : 'text');

/** A condition as a sentence. @param {Condition} condition */
export function sentence({ operator, attribute, value }) {
  const { label, value: wants } = OPERATORS[operator];
  if (isShared(operator)) return `${label}: ${attribute}`;
  const told = wants === 'none' ? '' : Array.isArray(value) ? value.map(String).join(', ') : typeof value === 'string' ? `“${value}”` : String(value);
  return `${attribute || '…'} ${label.replace(' (semver)', '')} ${wants === 'version' ? value : told}`.trim();
}
