import assert from 'node:assert/strict';
import { test } from 'node:test';
import { holds, walk } from '../../../static/dashboard/pages/flag/model/walk.js';

const v = (name) => ({ var: name });
const rule = { if: [{ '==': [v('plan'), 'pro'] }, 'on', { $ref: 'staff' }, { fractional: [['on', 1], ['off', 1]] }, 'off'] };
const evaluators = { staff: { ends_with: [v('email'), '@shop.example'] } };

test('the rule that matched is named, and those that were looked at before it', () => {
  assert.deepEqual(walk(rule, evaluators, { plan: 'pro' }), { branch: 0, path: '/if/1', result: 'on', tested: [true] });
  assert.deepEqual(walk(rule, evaluators, { email: 'ann@shop.example' }), { branch: 1, path: '/if/3', result: rule.if[3], tested: [false, true] });
  assert.deepEqual(walk(rule, evaluators, {}), { branch: -1, path: '/if/4', result: 'off', tested: [false, false] });
  assert.deepEqual(walk({ if: rule.if.slice(0, 2) }, {}, {}), { branch: -1, path: '/if/2', result: null, tested: [false] });
});

test('an if within the last place of an if goes on counting', () => {
  const nested = { if: [{ '==': [v('a'), 1] }, 'x', { if: [{ '==': [v('b'), 1] }, 'y', 'z'] }] };
  assert.deepEqual(walk(nested, {}, { b: 1 }), { branch: 1, path: '/if/2/if/1', result: 'y', tested: [false, true] });
  assert.equal(walk(nested, {}, {}).branch, -1);
});

test('what is not walked here is not guessed', () => {
  assert.equal(walk({ if: [{ reduce: [v('a'), v('current'), 0] }, 'x'] }, {}, { a: [1] }), undefined);
  assert.equal(walk({ if: [{ $ref: 'nobody' }, 'x'] }, {}, {}), undefined);
  const loop = { a: { $ref: 'a' } };
  assert.equal(walk({ if: [{ $ref: 'a' }, 'x'] }, loop, {}), undefined);
});

test('a rule may ask which flag it is', () => {
  const of = (flagKey) => ({ $flagd: { flagKey, timestamp: 1 } });
  const named = { if: [{ '==': [v('$flagd.flagKey'), 'f'] }, 'on', 'off'] };
  assert.equal(walk(named, {}, of('f')).result, 'on');
  assert.equal(walk(named, {}, of('g')).result, 'off');
});

test('operators are flagd’s', () => {
  const context = { n: 3, s: '3', t: 'abc', l: ['a', 1], version: '1.10.0', deep: { x: [5] }, no: false };
  const yes = [
    { '==': [v('n'), '3'] }, { '===': [v('n'), 3] }, { '!==': [v('n'), '3'] }, { '==': [v('missing'), null] }, { '<': [v('missing'), 1] }, { '<': [1, v('n'), 5] }, { '>=': [v('s'), 3] }, { in: ['b', v('t')] }, { in: [v('t'), ['abc']] }, { in: ['a', v('l')] },
    { starts_with: [v('t'), 'ab'] }, { ends_with: [v('t'), 'bc'] }, { sem_ver: [v('version'), '>', '1.9'] }, { sem_ver: ['v1.0.0', '=', '1'] }, { sem_ver: ['1.0.0-beta', '<', '1.0.0'] }, { sem_ver: ['1.0.0-beta.2', '<', '1.0.0-beta.11'] }, { sem_ver: ['1.4.2', '^', '1.9'] }, { sem_ver: ['1.4.2', '~', '1.4'] },
    { '!': [v('no')] }, { '!!': [v('t')] }, { '!': [[]] }, { '==': [v('deep.x.0'), 5] }, { '==': [v(['missing', 7]), 7] }, { some: [v('l'), { '==': [v(''), 1] }] }, { none: [v('missing'), true] }, { '==': [{ cat: ['a', 1] }, 'a1'] }, { '==': [{ '%': [v('n'), 2] }, 1] }, { or: [0, 'x'] }, { if: [0, 0, 1] },
  ];
  const no = [{ '==': [v('missing'), ''] }, { starts_with: [v('n'), '3'] }, { sem_ver: ['x', '=', '1'] }, { sem_ver: ['01.2', '=', '1.2'] }, { '<': [v('t'), 1] }, { in: ['x', v('missing')] }, { and: [1, 0] }, { all: [[], true] }];
  for (const each of yes) assert.equal(holds(each, {}, context), true, JSON.stringify(each));
  for (const each of no) assert.equal(holds(each, {}, context), false, JSON.stringify(each));
});
