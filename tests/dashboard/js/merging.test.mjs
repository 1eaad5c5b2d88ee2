import assert from 'node:assert/strict';
import { test } from 'node:test';
import { rebase } from '../../../static/dashboard/pages/flag/model/merging.js';

const map = (value) => new Map(Object.entries(value));

test('what others changed elsewhere goes below the draft, silently', () => {
  const made = rebase(map({ '/a': 1, '/b': 1 }), map({ '/a': 2 }), map({ '/a': 1, '/b': 3, '/c': 4 }));
  assert.deepEqual([...made.changes], [['/a', 2]]);
  assert.equal(made.collisions.size, 0);
  assert.deepEqual(made.merged, ['/b', '/c']);
});

test('the same place changed by both is a collision, with all three values, and nothing typed goes', () => {
  const made = rebase(map({ '/a': 1 }), map({ '/a': 2 }), map({ '/a': 3 }));
  assert.deepEqual(made.changes.get('/a'), 2);
  assert.deepEqual(made.collisions.get('/a'), { base: 1, mine: 2, theirs: 3 });
  assert.deepEqual(made.merged, []);
});

test('the same change by both is none any more', () => {
  const made = rebase(map({ '/a': { x: 1 } }), map({ '/a': { y: 1, x: 2 } }), map({ '/a': { x: 2, y: 1 } }));
  assert.equal(made.changes.size, 0);
  assert.equal(made.collisions.size, 0);
});

test('removals collide too', () => {
  const mine = rebase(map({ '/a': 1 }), new Map([['/a', undefined]]), map({ '/a': 2 }));
  assert.deepEqual(mine.collisions.get('/a'), { base: 1, mine: undefined, theirs: 2 });
  const theirs = rebase(map({ '/a': 1 }), map({ '/a': 2 }), new Map());
  assert.deepEqual(theirs.collisions.get('/a'), { base: 1, mine: 2, theirs: undefined });
});

test('a collision waits for its choice over further changes, and ends when the others take theirs back', () => {
  const first = rebase(map({ '/a': 1 }), map({ '/a': 2 }), map({ '/a': 3 }));
  const second = rebase(map({ '/a': 3 }), first.changes, map({ '/a': 4 }), first.collisions);
  assert.deepEqual(second.collisions.get('/a'), { base: 1, mine: 2, theirs: 4 });
  const still = rebase(map({ '/a': 4 }), second.changes, map({ '/a': 4, '/b': 1 }), second.collisions);
  assert.equal(still.collisions.size, 1);
  const back = rebase(map({ '/a': 4 }), second.changes, map({ '/a': 1 }), second.collisions);
  assert.equal(back.collisions.size, 0);
  assert.deepEqual(back.changes.get('/a'), 2);
});
