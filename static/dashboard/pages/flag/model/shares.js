/**
 * Shares of a whole, that always add up. They are whole numbers of units: the total is 100, or 1,000 or 10,000 where
 * tenths or hundredths of a per cent are wanted.
 * @typedef {number[]} Shares
 */

const FINEST = 2;

/** Weights of whatever size as shares of 100 · 10^digits. @param {number[]} weights @param {number} [digits] @returns {Shares} */
export function sharesOf(weights, digits = 0) {
  if (!weights.length) return [];
  const total = weights.reduce((sum, weight) => sum + weight, 0);
  const whole = 100 * 10 ** digits;
  return total > 0 ? rounded(weights.map((weight) => (weight / total) * whole), whole) : rounded(weights.map(() => whole / weights.length), whole);
}

/** As many digits as say the weights exactly, up to hundredths of a per cent. @param {number[]} weights */
export function digitsOf(weights) {
  const total = weights.reduce((sum, weight) => sum + weight, 0);
  for (let digits = 0; digits < FINEST; digits++) if (weights.every((weight) => Number.isInteger(Number(((weight / total) * 100 * 10 ** digits).toFixed(9))))) return digits;
  return FINEST;
}

/** Whole numbers next to `exact` whose sum is `whole`: what is left goes to the largest remainders. @param {number[]} exact @param {number} whole */
function rounded(exact, whole) {
  const shares = exact.map((each) => Math.floor(each + 1e-9));
  const order = exact.map((each, at) => [each - shares[at], at]).sort(([one], [other]) => other - one);
  for (let left = whole - sum(shares), at = 0; left > 0; left--, at = (at + 1) % shares.length) shares[order[at][1]]++;
  return shares;
}

/** @param {number[]} list */
const sum = (list) => list.reduce((total, each) => total + each, 0);

/** One share becomes `to`; the others give or take in proportion to what they have. @param {Shares} shares @param {number} at @param {number} to @returns {Shares} */
export function withShare(shares, at, to) {
  const whole = sum(shares);
  if (shares.length < 2) return [whole];
  const wanted = Math.max(0, Math.min(whole, Math.round(to)));
  const others = shares.filter((_, other) => other !== at);
  const held = sum(others);
  const rest = whole - wanted;
  const spread = rounded(others.map((each) => (held ? (each / held) * rest : rest / others.length)), rest);
  return shares.map((_, each) => (each === at ? wanted : spread[each < at ? each : each - 1]));
}

/** The border after share `at` moves by `by` units: only its two neighbours change. @param {Shares} shares @param {number} at @param {number} by @returns {Shares} */
export function withBorder(shares, at, by) {
  const step = Math.max(-shares[at], Math.min(shares[at + 1], Math.round(by)));
  return shares.map((each, other) => (other === at ? each + step : other === at + 1 ? each - step : each));
}

/** Without one: what it had goes to the others. @param {Shares} shares @param {number} at @returns {Shares} */
export const withoutShare = (shares, at) => withShare(shares, at, 0).filter((_, other) => other !== at);

/** @param {number} count @param {number} [digits] @returns {Shares} */
export const evenShares = (count, digits = 0) => sharesOf(Array(count).fill(1), digits);

/** Units as a per cent number, such as 12.5. @param {number} share @param {number} whole */
export const percent = (share, whole) => Number(((share / whole) * 100).toFixed(FINEST));

/** The weights as small as they can be: [50, 50], not [5000, 5000]; but of a total of at least 100. @param {Shares} shares @returns {Shares} */
export function reduced(shares) {
  let now = shares;
  while (sum(now) > 100 && now.every((each) => each % 10 === 0)) now = now.map((each) => each / 10);
  return now;
}
