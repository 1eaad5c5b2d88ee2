import assert from 'node:assert/strict';
import { test } from 'node:test';
import { apart, computed, effect, flush, signal } from '../../../static/dashboard/core/reactive.js';

function* numbers(seed) {
  for (let x = seed; ; ) yield (x = (x * 1103515245 + 12345) % 2147483648) / 2147483648;
}

test('what is computed is what it would be if it were computed anew, watched or not', () => {
  const chance = numbers(11);
  const any = (most) => Math.floor(chance.next().value * most);
  const signals = Array.from({ length: 4 }, (_, at) => signal(at));
  // Layers: each reads two of those before it, the second only sometimes.
  const reads = [...signals];
  const plain = signals.map((each) => () => each.peek());
  for (let at = 0; at < 8; at++) {
    const [one, other] = [any(reads.length), any(reads.length)];
    const [a, b, x, y] = [reads[one], reads[other], plain[one], plain[other]];
    reads.push(computed(() => (a() % 2 ? a() + b() : a() + 1)));
    plain.push(() => (x() % 2 ? x() + y() : x() + 1));
  }
  const watched = new Map();
  for (let turn = 0; turn < 3000; turn++) {
    const at = any(reads.length);
    const what = any(4);
    if (what === 0) signals[any(4)].set(any(9));
    else if (what === 1) assert.equal(reads[at](), plain[at]());
    else if (watched.has(at)) watched.get(at).end(), watched.delete(at);
    else {
      const seen = {};
      seen.end = effect(() => (seen.value = reads[at]()));
      watched.set(at, seen);
    }
    flush();
    for (const [each, seen] of watched) assert.equal(seen.value, plain[each]());
  }
});

test('it is computed once for one change, and not for others', () => {
  const one = signal(1);
  const other = signal(1);
  let count = 0;
  const sum = computed(() => (count++, one() * 2));
  assert.deepEqual([sum(), sum(), count], [2, 2, 1]);
  other.set(2);
  assert.deepEqual([sum(), count], [2, 1]);
  const end = effect(() => void sum());
  one.set(2);
  flush();
  assert.deepEqual([sum(), count], [4, 2]);
  end();
  one.set(3);
  assert.equal(count, 2);
  assert.deepEqual([sum(), count], [6, 3]);
});

test('what is over is told nothing any more', () => {
  const from = signal(0);
  const seen = [];
  const [, end] = apart(() => effect(() => effect(() => seen.push(from()))));
  from.set(1);
  flush();
  end();
  from.set(2);
  flush();
  assert.deepEqual(seen, [0, 1]);
});
