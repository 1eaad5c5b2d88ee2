import assert from 'node:assert/strict';
import { test } from 'node:test';
import { apart, folded, lines, summary, tellChange, told } from '../../../static/dashboard/pages/flag/model/differences.js';

test('short values stand beside each other, long ones are told line by line', () => {
  assert.deepEqual(tellChange({ path: '/environments/production/state', before: 'DISABLED', after: 'ENABLED' }), { path: '/environments/production/state', place: 'production: on or off', before: 'off', after: 'on' });
  assert.deepEqual(tellChange({ path: '/tags', before: [], after: ['a', 'b'] }), { path: '/tags', place: 'Tags', before: 'none', after: 'a, b' });
  const long = tellChange({ path: '/environments/production/targeting', before: { if: [{ '==': [{ var: 'country' }, 'SE'] }, 'on', 'off', { a: 'x'.repeat(60) }] }, after: { if: [{ '==': [{ var: 'country' }, 'NO'] }, 'on', 'off', { a: 'x'.repeat(60) }] } });
  assert.deepEqual(long.lines.filter(({ sign }) => sign !== ' ').map(({ sign }) => sign), ['-', '+']);
});

test('the difference of two texts has all lines of both', () => {
  const one = 'a\nb\nc\nd';
  const other = 'a\nc\nx\nd\ne';
  const all = lines(one, other);
  assert.equal(all.filter(({ sign }) => sign !== '+').map(({ text }) => text).join('\n'), one);
  assert.equal(all.filter(({ sign }) => sign !== '-').map(({ text }) => text).join('\n'), other);
  assert.equal(all.filter(({ sign }) => sign === ' ').length, 3);
  assert.deepEqual(folded(lines('a\nb\nc\nd\ne\nf\ng', 'a\nb\nc\nd\ne\nf\nX'), 1)[0], { skipped: 5 });
});

test('a flag that was made is told as what it is made of', () => {
  const made = told([{ path: '', after: { key: 'f', type: 'boolean', name: '', tags: [], owner: null, archived: false, variants: { on: true }, environments: { production: { state: 'DISABLED', defaultVariant: 'on' } } } }]);
  assert.deepEqual(made.map(({ place }) => place), ['Type', 'Variant on', 'production: on or off', 'production: default variant']);
});

test('an entry is summed up in words', () => {
  const entry = (...changes) => summary({ action: 'flag.updated', changes });
  assert.equal(entry({ path: '/environments/production/state', before: 'DISABLED', after: 'ENABLED' }), 'turned it on in production');
  assert.equal(entry({ path: '/environments/production/targeting', after: {} }, { path: '/name', before: 'a', after: 'b' }), 'added the rules in production and changed the name');
  assert.equal(entry({ path: '/variants/red', before: 1 }), 'removed the variant red');
  assert.equal(summary({ action: 'flag.archived', changes: [] }), 'archived the flag');
});

test('what a text has and another has not is set apart', () => {
  assert.deepEqual(apart('a new checkout', 'a checkout'), ['a ', 'new ', 'checkout']);
  assert.deepEqual(apart('aaa', 'aa'), ['aa', 'a', '']);
  assert.deepEqual(apart('😀x', '😁x'), ['', '😀', 'x']);
  assert.deepEqual(apart('', 'x'), ['', '', '']);
});
