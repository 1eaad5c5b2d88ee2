import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parse } from '../../../static/dashboard/pages/flag/model/parsing.js';
import { OPERATORS, build, fromCondition, missing, newRule, sentence, withCondition, withRule, withRuleMoved } from '../../../static/dashboard/pages/flag/model/rules.js';

const when = (condition, then = 'on', otherwise = 'off') => ({ if: [condition, then, otherwise] });
const v = (name) => ({ var: name });

test('every operator of the builder is written as JSONLogic that is read back as the same', () => {
  const values = { none: undefined, one: 'x', many: ['a', 'b'], version: '1.2.3', text: 'x', number: 3 };
  for (const [operator, { value }] of Object.entries(OPERATORS)) {
    const condition = { operator, attribute: 'email', ...(value !== 'none' && { value: values[value] }) };
    const written = { if: [fromCondition(condition), 'on'] };
    const { json, ...read } = parse(written).rules[0].conditions[0];
    assert.deepEqual(read, condition, operator);
    assert.deepEqual(build(parse(written)), written, operator);
    assert.ok(sentence(condition).length > 4);
  }
});

test('what the builder understands comes out as it went in', () => {
  const same = [
    when({ '==': [v('plan'), 'pro'] }),
    when({ '==': ['pro', v('plan')] }),
    when({ '<': [18, v('age')] }),
    when({ and: [{ ends_with: [v('email'), '@shop.example'] }, { '!': { in: [v('country'), ['SE', 'NO']] } }] }),
    when({ or: [{ '!!': v('beta') }, { $ref: 'staff' }] }, true, null),
    { if: [{ '!': [v('beta')] }, 'off'] },
    { '?:': [{ in: ['@example.com', { var: ['email'] }] }, 'on', 'off'] },
    { if: [{ '==': [v('a'), 1] }, 'on', { if: [{ '==': [v('b'), 2] }, 'off', 'on'] }] },
    { fractional: [['on', 25], ['off', 75]] },
    { fractional: [{ cat: [v('$flagd.flagKey'), v('email')] }, ['on', 1], ['off']] },
    { if: [true, 'on'] },
    when({ sem_ver: [v('version'), '~', '1.2'] }, { fractional: [v('email'), ['on', 10], ['off', 90]] }),
  ];
  for (const rule of same) {
    const model = parse(rule);
    assert.ok(model, JSON.stringify(rule));
    const flat = (json) => (json.if?.[2]?.if ? { if: [...json.if.slice(0, 2), ...json.if[2].if] } : json['?:'] ? { if: json['?:'] } : json);
    assert.deepEqual(build(model), flat(rule), JSON.stringify(rule));
  }
  assert.equal(build(parse(undefined)), undefined);
  assert.equal(build(parse({})), undefined);
});

test('what it has no words for is not read at all, so that nothing of it is lost', () => {
  for (const rule of [
    when({ '<': [1, v('age'), 10] }), when({ some: [v('roles'), { '==': [v(''), 'x'] }] }), when({ '==': [v('a'), v('b')] }), when({ '==': [{ var: ['a', 'x'] }, 1] }),
    when({ and: [{ or: [{ '==': [v('a'), 1] }] }] }), { and: [{ '==': [v('a'), 1] }, 'on'] }, { if: [true, 'on', 'off'] }, when({ '==': [v('a'), 1] }, { cat: ['o', 'n'] }), { if: ['on'] }, { if: [], and: [] },
    { fractional: [['on', { var: 'share' }]] }, { fractional: [] }, [], 'on', { in: [v('a'), ['x']] }, when({ in: [v('a'), ['x', null]] }),
  ]) assert.equal(parse(rule), undefined, JSON.stringify(rule));
});

test('a change of one part leaves the others as they were written', () => {
  const rule = { if: [{ or: [{ '==': ['pro', v('plan')] }, { '!': { in: [v('c'), ['SE']] } }] }, true, { '==': [7, v('n')] }, 'off', null] };
  const model = withCondition(parse(rule), 0, 1, { value: ['SE', 'NO'] });
  assert.deepEqual(build(model), { if: [{ or: [{ '==': ['pro', v('plan')] }, { '!': [{ in: [v('c'), ['SE', 'NO']] }] }] }, true, { '==': [7, v('n')] }, 'off', null] });
  assert.deepEqual(build(withRule(parse(rule), 1, { serve: { kind: 'variant', variant: 'on' } })).if.slice(2), [{ '==': [7, v('n')] }, 'on', null]);
  assert.deepEqual(build(withRuleMoved(parse(rule), 1, 0)).if[0], { '==': [7, v('n')] });
});

test('a value is made to fit the operator that is chosen', () => {
  let model = parse(when({ '==': [v('plan'), 'pro'] }));
  const to = (operator) => (model = withCondition(model, 0, 0, { operator })).rules[0].conditions[0].value;
  assert.deepEqual(to('in'), ['pro']);
  assert.equal(to('starts_with'), 'pro');
  assert.equal(to('!!'), undefined);
  assert.equal(to('<'), 0);
  assert.equal(to('sem_ver >='), '0');
  assert.equal(withCondition(parse(when({ '<': [v('n'), 1] })), 0, 0, { value: '1.' }).rules[0].conditions[0].value, '1.'); // (one goes on typing)
});

test('what is missing in a condition is named', () => {
  assert.equal(missing({ operator: '==', attribute: '', value: '' }, {}), 'Name the attribute.');
  assert.match(missing({ operator: 'in', attribute: 'a', value: [] }, {}), /at least one/);
  assert.match(missing({ operator: '<', attribute: 'a', value: 'x' }, {}), /number/);
  assert.match(missing({ operator: 'sem_ver >', attribute: 'a', value: 'new' }, {}), /version/);
  assert.match(missing({ operator: '$ref', attribute: 'toString' }, {}), /no shared rule/);
  assert.equal(missing({ operator: '$ref', attribute: 'staff' }, { staff: {} }), undefined);
  assert.equal(missing({ operator: '==', attribute: 'plan', value: '' }, {}), undefined);
  assert.deepEqual(build({ rules: [newRule('on')], otherwise: { kind: 'default', isSaid: false } }), { if: [{ '==': [v(''), ''] }, 'on'] });
});

test('the rules of flagd’s own examples are understood', () => {
  const examples = [
    { if: [{ '==': [{ var: ['color'] }, 'yellow'] }, 'on', 'off'] },
    { if: [{ $ref: 'emailWithFaas' }, 'binet', null] },
    { if: [{ $ref: 'emailWithFaas' }, { fractional: [{ var: 'email' }, ['red', 25], ['blue', 25], ['green', 25], ['yellow', 25]] }, null] },
    { if: [{ in: ['@openfeature.dev', { var: 'email' }] }, 'second', 'first'] },
  ];
  for (const targeting of examples) assert.deepEqual(build(parse(targeting)), targeting);
});

test('a rule with a number that JavaScript has rounded stays as it is: none is saved with another', () => {
  const rule = (id) => ({ if: [{ '==': [{ var: 'id' }, id] }, 'on', 'off'] });
  assert.ok(parse(rule(2 ** 53 - 1)));
  assert.equal(parse(rule(2 ** 53)), undefined);
});
