import assert from 'node:assert/strict';
import { test } from 'node:test';
import { pointer, read, same, segments, valueAt, withValue, written } from '../../../static/dashboard/pages/flag/model/json.js';
import { hasNewNull, patchOf, placeName, placesOf, reaches, withChanges } from '../../../static/dashboard/pages/flag/model/places.js';
import { attributesOf, refsOf, renamed, resultsOf, usesOf } from '../../../static/dashboard/pages/flag/model/uses.js';

const flag = {
  key: 'f', type: 'object', name: 'F', description: '', tags: ['a'], owner: null, archived: false, variants: { on: { a: 1, b: { c: 2 } }, 'o/ff~': {} },
  environments: { production: { state: 'ENABLED', defaultVariant: 'on', targeting: { if: [{ '==': [{ var: 'x' }, 1] }, 'on'] } }, staging: { state: 'DISABLED', defaultVariant: null, variants: { own: {} } } }, version: 3,
};

/** RFC 7396, section 2. */
function merge(target, patch) {
  if (typeof patch !== 'object' || patch === null || Array.isArray(patch)) return patch;
  const merged = typeof target === 'object' && target !== null && !Array.isArray(target) ? { ...target } : {};
  for (const [name, value] of Object.entries(patch)) value === null ? delete merged[name] : (merged[name] = merge(merged[name], value));
  return merged;
}

test('the patch of a draft makes the draft of what is saved, and names only what changed', () => {
  const changes = new Map([['/name', 'G'], ['/tags', []], ['/variants/on', { a: 1, b: { d: 3 } }], ['/variants/o~1ff~0', undefined], ['/variants/new', { x: { y: 1 } }], ['/environments/staging/state', 'ENABLED'], ['/owner', 'ann']]);
  const patch = patchOf(placesOf(flag), changes);
  assert.deepEqual(patch, { name: 'G', tags: [], variants: { on: { b: { c: null, d: 3 } }, 'o/ff~': null, new: { x: { y: 1 } } }, environments: { staging: { state: 'ENABLED' } }, owner: 'ann' });
  assert.deepEqual(merge(flag, patch), withChanges(flag, changes));
});

test('a rule is replaced whole, or removed', () => {
  const path = '/environments/production/targeting';
  assert.deepEqual(patchOf(placesOf(flag), new Map([[path, { fractional: [['on', 1]] }]])), { environments: { production: { targeting: { fractional: [['on', 1]] } } } });
  assert.deepEqual(patchOf(placesOf(flag), new Map([[path, undefined]])), { environments: { production: { targeting: null } } });
});

test('names that mean something to JavaScript are names', () => {
  const changes = new Map([['/variants/__proto__', { x: 1 }], ['/variants/constructor', { y: 1 }]]);
  const patch = patchOf(placesOf(flag), changes);
  assert.equal(JSON.stringify(patch), '{"variants":{"__proto__":{"x":1},"constructor":{"y":1}}}');
  assert.deepEqual(Object.keys(withChanges(flag, changes).variants), ['on', 'o/ff~', '__proto__', 'constructor']);
  assert.equal(valueAt(withChanges(flag, changes), '/variants/__proto__/x'), 1);
  assert.equal(valueAt({}, '/toString'), undefined);
});

test('a null that a merge patch could not say is noticed', () => {
  assert.equal(hasNewNull({ a: 1 }, { a: null }), true);
  assert.equal(hasNewNull({ a: null }, { a: null, b: 1 }), false);
  assert.equal(hasNewNull(undefined, { a: [null] }), false);
  assert.equal(hasNewNull({}, { a: { b: { c: null } } }), true);
});

test('a change is felt in its environment, and that of a variant wherever it has no other', () => {
  assert.equal(reaches('/environments/production/state', 'production', flag), true);
  assert.equal(reaches('/environments/staging/state', 'production', flag), false);
  assert.equal(reaches('/variants/on', 'production', flag), true);
  assert.equal(reaches('/variants/on', 'staging', flag), false);
  assert.equal(reaches('/name', 'production', flag), false);
});

test('places have names for people', () => {
  assert.equal(placeName('/environments/production/defaultVariant'), 'production: default variant');
  assert.equal(placeName('/variants/o~1ff~0'), 'Variant o/ff~');
  assert.equal(placeName('/environments/staging/variants/own'), 'staging: variant own');
});

test('JSON is written so that it is read back, and what is wrong in it is found by line', () => {
  const rule = { if: [{ and: [{ ends_with: [{ var: 'email' }, '@shop.example'] }, { in: [{ var: 'country' }, ['SE', 'NO']] }] }, 'on', { fractional: [['on', 25], ['off', 75]] }] };
  assert.deepEqual(JSON.parse(written(rule)), rule);
  assert.deepEqual(read('{"a": 1}'), { value: { a: 1 } });
  assert.match(read('{\n "a": 1,\n}').wrong, /Line 3, column 1/);
  assert.match(read('{"a": ').wrong, /ends too early/);
  assert.match(read('  ').wrong, /nothing/);
  assert.ok(same({ a: 1, b: [1, { c: 2 }] }, { b: [1, { c: 2 }], a: 1 }));
  assert.ok(!same([1], { 0: 1 }) && !same(null, {}) && !same([1, 2], [2, 1]));
  assert.deepEqual(segments(pointer('a/b', 'c~d', '')), ['a/b', 'c~d', '']);
  assert.deepEqual(withValue({ a: [1, 2] }, '/a/1', 3), { a: [1, 3] });
});

test('where a variant is used is found wherever a result can stand, and renamed there alone', () => {
  const rule = { if: [{ '==': [{ var: 'on' }, 'on'] }, 'on', { or: ['x', { fractional: [{ cat: ['on'] }, ['on', 10], ['off', 90]] }] }] };
  assert.deepEqual([...resultsOf(rule)].sort(), ['off', 'on', 'x']);
  assert.deepEqual(renamed(rule, 'on', 'yes'), { if: [{ '==': [{ var: 'on' }, 'on'] }, 'yes', { or: ['x', { fractional: [{ cat: ['on'] }, ['yes', 10], ['off', 90]] }] }] });
  assert.deepEqual(usesOf(flag, 'on').map(({ path }) => path), ['/environments/production/defaultVariant', '/environments/production/targeting']);
  assert.deepEqual(usesOf(flag, 'own', 'staging'), []);
  assert.deepEqual([...attributesOf({ and: [{ var: ['a'] }, { '==': [{ var: 'b.c' }, { var: '$flagd.timestamp' }] }] })], ['a', 'b.c']);
  assert.deepEqual([...refsOf({ if: [{ $ref: 'x' }, 'on', { '!': [{ $ref: 'y' }] }] })], ['x', 'y']);
});

test('whole numbers that JavaScript would round are refused, not changed', () => {
  assert.match(read('{"id": [9007199254740993]}').wrong, /more digits/);
  assert.deepEqual(read('{"id": [9007199254740991, 1e300, 0.1]}').wrong, 'A number in it has more digits than can be kept here.');
  assert.deepEqual(read('{"id": [9007199254740991, 0.1]}').value, { id: [9007199254740991, 0.1] });
});
