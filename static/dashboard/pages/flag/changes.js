import { h } from '../../core/dom.js';
import { icon } from '../../ui/icon.js';
import { folded } from './model/differences.js';

/** @import {Told} from './model/differences.js' */

/**
 * One change: the place, and both values, or the lines that differ.
 * @param {Told} told @param {{go?: () => void, undo?: () => void}} [options]
 */
export const changeView = ({ place, before, after, lines }, { go, undo } = {}) =>
  h('div.change', null,
    h('div.row', null,
      go ? h('button.link-like', { type: 'button', onclick: go }, place) : h('span.change-place', { dir: 'auto' }, place),
      !lines && h('span.change-values.grow', null,
        before !== undefined && h('del', { dir: 'auto' }, before),
        before !== undefined && after !== undefined && h('span.muted', { 'aria-label': 'became' }, ' → '),
        after !== undefined && h('ins', { dir: 'auto' }, after),
        after === undefined && h('span.muted', null, ' removed')),
      lines && h('span.grow'),
      undo && h('button.button.quiet.icon.slim', { type: 'button', title: 'Undo this change', 'aria-label': `Undo: ${place}`, onclick: undo }, icon('undo'))),
    lines && h('pre.lines', { tabindex: 0, dir: 'auto' }, folded(lines).map((line) => ('skipped' in line
      ? h('div.skipped', null, `… ${line.skipped} line${line.skipped === 1 ? '' : 's'}`)
      : h(line.sign === '+' ? 'ins' : line.sign === '-' ? 'del' : 'div', null, `${line.sign} ${line.text}`)))));
