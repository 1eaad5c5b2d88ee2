import assert from 'node:assert/strict';
import { test } from 'node:test';
import { apart, flush, signal } from '../../../static/dashboard/core/reactive.js';
import { openClaims } from '../../../static/dashboard/pages/flag/claims.js';
import { openDraft } from '../../../static/dashboard/pages/flag/draft.js';

const RULE = '/environments/production/targeting';
const flag = (version, change = {}) => ({
  key: 'f', type: 'boolean', name: 'F', description: '', tags: [], owner: null, archived: false, variants: { on: true, off: false },
  environments: { production: { state: 'DISABLED', defaultVariant: 'off' } }, created_at: '2026-01-01T00:00:00Z', updated_at: '2026-01-02T00:00:00Z', updated_by: 'ben', version, ...change,
});

function storage() {
  const kept = new Map();
  return { kept, getItem: (name) => kept.get(name) ?? null, setItem: (name, text) => void kept.set(name, text), removeItem: (name) => void kept.delete(name) };
}

function begin({ first = flag(1), store = storage() } = {}) {
  const saved = signal(first);
  const resets = signal(0);
  const [draft, end] = apart(() => openDraft({ name: 'd', saved, storage: store, first, me: () => 'ann', resets }));
  return { draft, saved, resets, store, end, come: (now) => (saved.set(now), flush()) };
}

test('a draft outlives its page, removals and half-typed JSON included', () => {
  const { draft, store, end } = begin();
  draft.set('/name', 'G');
  draft.set('/variants/on', undefined);
  draft.type(RULE, { text: '{"if": [', wrong: 'It ends too early.' });
  draft.reason.set('SHOP-1');
  flush();
  end();
  const again = begin({ first: flag(2, { owner: 'ben' }), store });
  flush();
  assert.equal(again.draft.value('/name'), 'G');
  assert.equal(again.draft.value('/variants/on'), undefined);
  assert.equal(again.draft.isChanged('/variants/on'), true);
  assert.equal(again.draft.value('/owner'), 'ben');
  assert.equal(again.draft.texts().get(RULE).text, '{"if": [');
  assert.equal(again.draft.reason(), 'SHOP-1');
  again.draft.discard();
  flush();
  assert.equal(store.kept.size, 0);
  again.end();
});

test('what is typed back to what is saved is no change', () => {
  const { draft, end } = begin();
  draft.set('/name', 'G');
  assert.equal(draft.isDirty(), true);
  draft.set('/name', 'F');
  assert.equal(draft.isDirty(), false);
  end();
});

test('others are merged below, told of once by version, and collide where both changed the same', () => {
  const { draft, come, end } = begin();
  draft.set('/name', 'Mine');
  come(flag(2, { owner: 'ben' }));
  come(flag(2, { owner: 'ben', description: 'Theirs' })); // (the same change, from another environment's event)
  assert.deepEqual(draft.notes().map(({ by, paths }) => [by, paths]), [['ben', ['/owner', '/description']]]);
  assert.equal(draft.collisions().size, 0);
  come(flag(3, { name: 'Theirs', owner: 'ben', description: 'Theirs' }));
  assert.deepEqual(draft.collisions().get('/name'), { base: 'F', mine: 'Mine', theirs: 'Theirs' });
  assert.equal(draft.value('/name'), 'Mine');
  draft.choose('/name', 'theirs');
  assert.equal(draft.value('/name'), 'Theirs');
  assert.equal(draft.isDirty(), false);
  draft.retrieve('/name');
  assert.equal(draft.value('/name'), 'Mine');
  assert.equal(draft.collisions().size, 0);
  come(flag(4, { name: 'Theirs again' }));
  draft.reset('/name');
  assert.equal(draft.collisions().size, 0);
  assert.equal(draft.value('/name'), 'Theirs again');
  end();
});

test('half-typed JSON collides with a rule that somebody else saves', () => {
  const { draft, come, end } = begin();
  draft.type(RULE, { text: '{"if', wrong: 'It ends too early.' });
  come(flag(2, { environments: { production: { state: 'DISABLED', defaultVariant: 'off', targeting: { if: [true, 'on'] } } } }));
  assert.equal(draft.collisions().has(RULE), true);
  assert.equal(draft.texts().get(RULE).text, '{"if');
  draft.choose(RULE, 'theirs');
  assert.deepEqual(draft.value(RULE), { if: [true, 'on'] });
  draft.retrieve(RULE);
  assert.equal(draft.texts().get(RULE).text, '{"if');
  assert.deepEqual(draft.value(RULE), { if: [true, 'on'] });
  end();
});

test('what is typed while a save is under way stays, and collides with nobody', async () => {
  const { draft, come, end } = begin();
  draft.set('/name', 'One');
  draft.set('/owner', 'ann');
  await draft.save(async (sent, version) => {
    assert.equal(version, 1);
    assert.deepEqual([...sent], [['/name', 'One'], ['/owner', 'ann']]);
    draft.set('/name', 'Two');
    come(flag(2, { name: 'One', owner: 'ann', updated_by: 'ann' })); // (the event is faster than the answer)
    return flag(2, { name: 'One', owner: 'ann', updated_by: 'ann', changed: ['/name', '/owner'] });
  });
  flush();
  assert.deepEqual([...draft.changes()], [['/name', 'Two']]);
  assert.equal(draft.collisions().size, 0);
  assert.deepEqual(draft.notes(), []);
  end();
});

test('a save that is refused leaves everything as it was typed', async () => {
  const { draft, end } = begin();
  draft.set('/name', 'One');
  await assert.rejects(draft.save(async () => { throw new Error('no'); }));
  assert.deepEqual([...draft.changes()], [['/name', 'One']]);
  assert.equal(draft.sending(), undefined);
  end();
});

test('a flag that was deleted and made anew is taken, though its version is lower', () => {
  const { draft, come, end } = begin({ first: flag(9) });
  draft.set('/name', 'Mine');
  come(flag(8));
  assert.equal(draft.base().version, 9);
  come(flag(1, { created_at: '2026-02-01T00:00:00Z' }));
  assert.equal(draft.base().version, 1);
  assert.equal(draft.value('/name'), 'Mine');
  end();
});

test('the latest claim holds, of a field or of the whole flag, as long as its owner edits', () => {
  const others = signal([]);
  const doing = signal({});
  const isDirty = signal(false);
  const [claims, end] = apart(() => openClaims({ together: { others, doing }, key: 'f', isDirty }));
  flush();
  assert.deepEqual(doing(), { viewing: 'f' });
  claims.at('/name');
  flush();
  assert.equal(doing().editing, 'f');
  assert.equal(doing().field, '/name');
  const ben = { subject: 'ben', name: 'Ben', editing: 'f', field: '/name' };
  others.set([{ ...ben, claim: { at: 5, field: '/name' } }]);
  assert.equal(claims.holder('/name').subject, 'ben');
  assert.equal(claims.holder('/owner'), undefined);
  claims.takeOver();
  assert.equal(claims.holder('/name'), undefined);
  others.set([{ ...ben, claim: { at: claims.claim().at + 1, field: '' } }]);
  assert.equal(claims.holder('/owner').subject, 'ben');
  claims.takeOver('/owner');
  assert.equal(claims.holder('/owner'), undefined);
  assert.equal(claims.holder('/name').subject, 'ben');
  others.set([{ ...ben, editing: undefined, viewing: 'f', claim: { at: 9e15, field: '' } }]);
  assert.equal(claims.holder('/name'), undefined);
  end();
  assert.deepEqual(doing(), {});
});

test('an older version is a list that was late, but after a reset a backup that was restored', () => {
  const { draft, resets, come, end } = begin({ first: flag(5, { name: 'Five' }) });
  draft.set('/owner', 'mine');
  come(flag(4, { name: 'Four' }));
  assert.equal(draft.base().version, 5);
  resets.set(1);
  flush();
  assert.equal(draft.base().version, 5);
  come(flag(4, { name: 'Four' }));
  assert.deepEqual([draft.base().version, draft.value('/name'), draft.value('/owner')], [4, 'Four', 'mine']);
  assert.deepEqual(draft.notes().map(({ version, paths, isOlder }) => [version, paths, isOlder]), [[4, ['/name'], true]]);
  come(flag(3, { name: 'Three' }));
  assert.equal(draft.base().version, 4);
  end();
});

test('a draft from before a backup was restored begins from what is there now', () => {
  const { draft, store, end } = begin({ first: flag(5, { name: 'Five' }) });
  draft.set('/owner', 'mine');
  flush();
  end();
  const again = begin({ first: flag(4, { name: 'Four' }), store });
  flush();
  assert.deepEqual([again.draft.base().version, again.draft.value('/name'), again.draft.value('/owner')], [4, 'Four', 'mine']);
  again.end();
});

test('a version that comes twice, after a backup was restored, is news by its second author', () => {
  const { draft, resets, come, end } = begin({ first: flag(4) });
  draft.did(flag(5));
  come(flag(5, { name: 'Mine' }));
  assert.equal(draft.notes().length, 0);
  resets.set(1);
  flush();
  come(flag(4));
  come(flag(5, { name: 'Theirs' }));
  assert.deepEqual(draft.notes().map(({ version, paths }) => [version, paths]), [[4, ['/name']], [5, ['/name']]]);
  end();
});

test('a flag that was deleted and made anew is no restored backup', () => {
  const { draft, come, end } = begin({ first: flag(5, { name: 'Five' }) });
  come(flag(1, { name: 'Anew', created_at: '2026-02-02T00:00:00Z' }));
  assert.deepEqual(draft.notes().map(({ version, isOlder }) => [version, isOlder]), [[1, false]]);
  end();
});
