import { h } from '../core/dom.js';

/**
 * A column: its name and how it looks. `unnamed`: the name is said, not seen; `fit`: as narrow as what is in it;
 * `wide`: it has the room that is left.
 * @typedef {[name: string, looks?: string]} Column
 */

/** @param {string} [looks] */
const isUnnamed = (looks = '') => looks.split(' ').includes('unnamed');

/**
 * A table; on a narrow screen each row is a card that names its cells. (Its roles are written down, as browsers forget
 * them where a table is shown as something else.)
 * @param {string} label @param {Column[]} columns @param {Element} body a `tbody`, its rows made with `cells`
 */
export function table(label, columns, body) {
  body.setAttribute('role', 'rowgroup');
  return h('div.table-wrap', null, h('table.table.cards', { role: 'table', 'aria-label': label },
    h('thead', { role: 'rowgroup' }, h('tr', { role: 'row' }, ...columns.map(([name, looks]) =>
      h('th', { scope: 'col', role: 'columnheader', class: looks }, isUnnamed(looks) ? h('span.visually-hidden', null, name) : name)))),
    body));
}

/** A row of such a table. @param {Column[]} columns @param {import('../core/dom.js').Child[]} contents @param {Record<string, any>} [props] */
export const cells = (columns, contents, props = {}) =>
  h('tr', { role: 'row', ...props }, ...contents.map((content, at) => {
    const [name, looks] = columns[at];
    return h('td', { role: 'cell', class: looks, 'data-label': isUnnamed(looks) ? null : name }, h('div.cell', null, content));
  }));
