import assert from 'node:assert/strict';
import { test } from 'node:test';
import { digitsOf, evenShares, percent, reduced, sharesOf, withBorder, withShare, withoutShare } from '../../../static/dashboard/pages/flag/model/shares.js';

const sum = (list) => list.reduce((total, each) => total + each, 0);
/** A little generator, so that each run tries the same. */
function* numbers(seed) {
  for (let x = seed; ; ) yield (x = (x * 1103515245 + 12345) % 2147483648) / 2147483648;
}

test('shares add up to 100, whatever is done to them', () => {
  const next = numbers(7);
  const random = (most) => Math.floor(next.next().value * most);
  for (let round = 0; round < 3000; round++) {
    const digits = random(3);
    let shares = sharesOf(Array.from({ length: 1 + random(7) }, () => random(40)), digits);
    for (let step = 0; step < 6; step++) {
      const whole = 100 * 10 ** digits;
      assert.equal(sum(shares), whole, JSON.stringify(shares));
      assert.ok(shares.every((each) => Number.isInteger(each) && each >= 0), JSON.stringify(shares));
      const at = random(shares.length);
      if (step % 3 === 0) shares = withShare(shares, at, random(2 * whole) - whole / 2);
      else if (step % 3 === 1 && at + 1 < shares.length) shares = withBorder(shares, at, random(2 * whole) - whole);
      else if (shares.length > 1) shares = withoutShare(shares, at);
    }
  }
});

test('one share that is set is what it was set to; the others keep their proportions', () => {
  assert.deepEqual(withShare([50, 30, 20], 0, 0), [0, 60, 40]);
  assert.deepEqual(withShare([100, 0, 0], 0, 40), [40, 30, 30]);
  assert.deepEqual(withShare([25, 75], 1, 10), [90, 10]);
  assert.deepEqual(withShare([25, 75], 0, 300), [100, 0]);
  assert.deepEqual(withShare([100], 0, 3), [100]);
});

test('a border moves only its two neighbours, and not past them', () => {
  assert.deepEqual(withBorder([20, 30, 50], 0, 5), [25, 25, 50]);
  assert.deepEqual(withBorder([20, 30, 50], 0, 500), [50, 0, 50]);
  assert.deepEqual(withBorder([20, 30, 50], 1, -500), [20, 0, 80]);
});

test('weights of any size are shown as they are, and written as small as they can be', () => {
  assert.equal(digitsOf([1, 3]), 0);
  assert.equal(digitsOf([1, 999]), 1);
  assert.equal(digitsOf([1, 2]), 2);
  assert.deepEqual(sharesOf([1, 1, 1], 2), [3334, 3333, 3333]);
  assert.deepEqual(evenShares(3), [34, 33, 33]);
  assert.deepEqual(reduced([2500, 7500]), [25, 75]);
  assert.deepEqual(reduced([125, 875]), [125, 875]);
  assert.equal(percent(125, 1000), 12.5);
  assert.deepEqual(sharesOf([0, 0]), [50, 50]);
});
