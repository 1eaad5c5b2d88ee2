import { same } from './json.js';

/** @import {Places} from './places.js' */

/** @typedef {{base: any, mine: any, theirs: any}} Collision */

/**
 * Three ways into one: what I changed of `base`, now that others have made `theirs` of it.
 * `changes` are those that go on (colliding ones too: nothing that was typed goes), `collisions` those of them where both
 * changed the same place to something else, `merged` the places that others alone changed.
 * @param {Places} base @param {Places} changes @param {Places} theirs @param {Map<string, Collision>} [open] collisions that wait for a choice
 */
export function rebase(base, changes, theirs, open = new Map()) {
  /** @type {Places} */
  const kept = new Map();
  /** @type {Map<string, Collision>} */
  const collisions = new Map();
  for (const [path, mine] of changes) {
    const now = theirs.get(path);
    if (same(mine, now)) continue; // (they did the same)
    kept.set(path, mine);
    const before = open.get(path);
    if (before) {
      if (!same(before.base, now)) collisions.set(path, { base: before.base, mine, theirs: now }); // (else: they took it back)
    } else if (!same(base.get(path), now)) collisions.set(path, { base: base.get(path), mine, theirs: now });
  }
  const merged = [...new Set([...base.keys(), ...theirs.keys()])].filter((path) => !same(base.get(path), theirs.get(path)) && !collisions.has(path));
  return { changes: kept, collisions, merged };
}
