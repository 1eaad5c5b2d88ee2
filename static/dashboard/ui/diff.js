import { h } from '../core/dom.js';

/** A value as one would write it. @param {unknown} value */
const shown = (value) => (typeof value === 'string' ? value : JSON.stringify(value, null, 2));

/** What was, and what is: place by place. @param {{path: string, before?: any, after?: any}[]} changes */
export const diff = (changes) =>
  h('div.diff', null, ...changes.map(({ path, before, after }) => h('div.diff-one', null,
    h('div.diff-path.small.muted', { dir: 'auto' }, path ? path.slice(1).split('/').map((part) => part.replaceAll('~1', '/').replaceAll('~0', '~')).join(' › ') : 'all of it'),
    before !== undefined && h('pre.was', { dir: 'auto' }, h('span.visually-hidden', null, 'before: '), shown(before)),
    after !== undefined && h('pre.is', { dir: 'auto' }, h('span.visually-hidden', null, 'after: '), shown(after)))));
