import { h } from '../../core/dom.js';
import { computed, untracked } from '../../core/reactive.js';
import { select } from './controls.js';
import { firstSplit, split } from './split.js';

/** @import {Builder} from './builder.js' */
/** @import {Serve} from './model/rules.js' */
/** @import {Read} from '../../core/reactive.js' */

/** What a rule gives: a variant, the default, or shares. @param {Builder} shared @param {Read<Serve>} item @param {(next: any) => void} change @param {string} label */
export function serve(shared, item, change, label) {
  const { variants, isLocked } = shared;
  const kind = computed(() => item().kind);
  const value = () => {
    const now = item();
    return now.kind === 'variant' ? `=${now.variant}` : now.kind;
  };
  const choose = (/** @type {string} */ to) => {
    if (to === 'default') change({ kind: 'default', isSaid: true });
    else if (to === 'split') change(firstSplit(variants()));
    else change({ kind: 'variant', variant: to.slice(1) });
  };
  return h('div.serve', null,
    h('div.row', null, h('span', null, 'give'), select(() => [...Object.keys(variants()).map((each) => /** @type {[string, string]} */ ([`=${each}`, each])), ['default', 'the default variant'], ['split', 'shares, by percentage']], value, choose, { class: 'what', 'aria-label': label, disabled: isLocked })),
    () => kind() === 'split' && untracked(() => split(shared, /** @type {any} */ (item), change, label)));
}
