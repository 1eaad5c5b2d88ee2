/** @import {Flag} from '../../store/flags.js' */

const LONGEST = 48;

/** A value, short. @param {unknown} value */
export function brief(value) {
  const text = typeof value === 'string' ? `“${value}”` : JSON.stringify(value) ?? '–';
  return text.length > LONGEST ? `${text.slice(0, LONGEST - 1)}…` : text;
}

/** The variants of a flag in an environment. @param {Flag} flag @param {string} environment */
export const variantsIn = (flag, environment) => flag.environments[environment]?.variants ?? flag.variants;

/**
 * What a flag gives in an environment, in words: `on` is whether rules, a split or a value are in force.
 * @param {Flag} flag @param {string} environment
 * @returns {{kind: 'absent' | 'off' | 'rules' | 'split' | 'value' | 'caller', text: string, value?: string}}
 */
export function serves(flag, environment) {
  const there = Object.hasOwn(flag.environments, environment) && flag.environments[environment];
  if (!there) return { kind: 'absent', text: `not in ${environment}` };
  if (there.state === 'DISABLED') return { kind: 'off', text: 'off: the code’s own default' };
  const split = splitOf(there.targeting);
  if (split) return { kind: 'split', text: split.map(([name, share]) => `${name} ${Math.round(share * 10) / 10} %`).join(' · ') };
  const rest = there.defaultVariant === null || there.defaultVariant === undefined ? 'the code’s default' : there.defaultVariant;
  if (there.targeting && Object.keys(there.targeting).length) return { kind: 'rules', text: `rules, else ${rest}` };
  if (there.defaultVariant === null || there.defaultVariant === undefined) return { kind: 'caller', text: 'the code’s own default' };
  return { kind: 'value', text: there.defaultVariant, value: brief(variantsIn(flag, environment)[there.defaultVariant]) };
}

/** The shares (%) of a rule that is nothing but a percentage roll-out. @param {any} targeting @returns {[string, number][] | undefined} */
export function splitOf(targeting) {
  const list = targeting?.fractional;
  if (!Array.isArray(list) || Object.keys(targeting).length !== 1) return undefined;
  const parts = list.filter((each, at) => Array.isArray(each) || at > 0);
  if (!parts.length || !parts.every((each) => Array.isArray(each) && typeof each[0] === 'string')) return undefined;
  const total = parts.reduce((sum, [, weight = 1]) => sum + weight, 0);
  return total > 0 ? parts.map(([name, weight = 1]) => [name, (weight / total) * 100]) : undefined;
}
