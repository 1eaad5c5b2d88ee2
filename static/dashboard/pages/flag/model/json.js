/** JSON values and the places in them (JSON Pointers, RFC 6901). `undefined`: there is nothing. */

/** Whether two JSON values are the same, in whatever order their members are. @param {any} one @param {any} other @returns {boolean} */
export function same(one, other) {
  if (Object.is(one, other)) return true;
  if (typeof one !== 'object' || typeof other !== 'object' || one === null || other === null) return false;
  if (Array.isArray(one) !== Array.isArray(other)) return false;
  if (Array.isArray(one)) return one.length === other.length && one.every((each, at) => same(each, other[at]));
  const names = Object.keys(one);
  return names.length === Object.keys(other).length && names.every((name) => Object.hasOwn(other, name) && same(one[name], other[name]));
}

/** @param {...(string | number)} names */
export const pointer = (...names) => names.map((name) => `/${String(name).replaceAll('~', '~0').replaceAll('/', '~1')}`).join('');

/** @param {string} path */
export const segments = (path) => path.split('/').slice(1).map((name) => name.replaceAll('~1', '/').replaceAll('~0', '~'));

/** What stands at a place. @param {any} value @param {string} path @returns {any} */
export function valueAt(value, path) {
  for (const name of segments(path)) {
    if (typeof value !== 'object' || value === null || !Object.hasOwn(value, name)) return undefined;
    value = value[name];
  }
  return value;
}

/** The value with another at a place (undefined: nothing). @param {any} value @param {string} path @param {any} next @returns {any} */
export function withValue(value, path, next) {
  const [name, ...rest] = segments(path);
  if (name === undefined) return next;
  const outer = Array.isArray(value) ? [...value] : { ...value };
  const inner = rest.length ? withValue(/** @type {any} */ (outer)[name], pointer(...rest), next) : next;
  if (inner === undefined) delete /** @type {any} */ (outer)[name];
  else own(outer, name, inner);
  return outer;
}

/** Sets a member whatever it is called. @param {object} value @param {string} name @param {unknown} to */
export function own(value, name, to) {
  Object.defineProperty(value, name, { value: to, writable: true, enumerable: true, configurable: true });
}

/** @param {unknown} value @returns {value is Record<string, any>} */
export const isObject = (value) => typeof value === 'object' && value !== null && !Array.isArray(value);

const LINE = 60;

/** JSON as a person would write it: what fits into a line is in one. @param {any} value @param {string} [indent] @param {number} [used] of the line @returns {string} */
export function written(value, indent = '', used = 0) {
  const flat = inLine(value);
  if (typeof value !== 'object' || value === null || indent.length + used + flat.length <= LINE) return flat;
  const inner = `${indent}  `;
  if (Array.isArray(value)) return `[\n${value.map((each) => inner + written(each, inner)).join(',\n')}\n${indent}]`;
  const entries = Object.entries(value);
  // An operator of one member stays with its bracket: half the depth.
  if (entries.length === 1 && Array.isArray(entries[0][1])) return `{${JSON.stringify(entries[0][0])}: ${written(entries[0][1], indent, used + entries[0][0].length + 6)}}`;
  return `{\n${entries.map(([name, each]) => `${inner}${JSON.stringify(name)}: ${written(each, inner, name.length + 4)}`).join(',\n')}\n${indent}}`;
}

/** @param {any} value @returns {string} */
function inLine(value) {
  if (Array.isArray(value)) return `[${value.map(inLine).join(', ')}]`;
  if (!isObject(value)) return JSON.stringify(value) ?? '';
  return `{${Object.entries(value).map(([name, each]) => `${JSON.stringify(name)}: ${inLine(each)}`).join(', ')}}`;
}

/** Whether it holds no whole number that JavaScript rounds. @param {any} value @returns {boolean} */
export const isExact = (value) => (typeof value === 'number' ? !Number.isInteger(value) || Number.isSafeInteger(value) : typeof value !== 'object' || value === null || Object.values(value).every(isExact));

/**
 * What a text says as JSON; or what is wrong with it, and where.
 * @param {string} text @returns {{value: any, wrong?: undefined} | {value?: undefined, wrong: string}}
 */
export function read(text) {
  try {
    const value = JSON.parse(text);
    return isExact(value) ? { value } : { wrong: 'A number in it has more digits than can be kept here.' };
  } catch (error) {
    const said = /** @type {Error} */ (error).message;
    const position = Number(/position (\d+)/.exec(said)?.[1] ?? NaN);
    if (!text.trim()) return { wrong: 'There is nothing here yet.' };
    if (Number.isNaN(position)) return { wrong: /end of JSON/i.test(said) ? 'It ends too early: a bracket, quote or value is missing.' : 'This is not JSON.' };
    const before = text.slice(0, position).split('\n');
    const found = text.slice(position).trim().slice(0, 12);
    return { wrong: `Line ${before.length}, column ${(before.at(-1)?.length ?? 0) + 1}: ${found ? `“${found}” can’t stand here` : 'it ends too early'}.` };
  }
}
