import { h } from '../core/dom.js';
import { cleanup } from '../core/reactive.js';
import { modal } from './dialog.js';

/** @typedef {{keys: string[], what: string, run: (event: KeyboardEvent) => void, group: string}} Shortcut */
/** @type {Set<Shortcut>} */
const shortcuts = new Set();

addEventListener('keydown', (event) => {
  if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey || isTyping(event) || isPressing(event) || document.querySelector('dialog:modal, .menu:popover-open')) return;
  for (const shortcut of [...shortcuts].reverse()) {
    if (!shortcut.keys.includes(event.key)) continue;
    event.preventDefault();
    return shortcut.run(event);
  }
});

/** @param {KeyboardEvent} event */
function isTyping(event) {
  const at = /** @type {Element | null} */ (event.target);
  return at instanceof Element && at.matches('input:not([type=checkbox]):not([type=radio]), textarea, select, [contenteditable]') && event.key !== 'Escape';
}

/** What has the focus is pressed with it. @param {KeyboardEvent} event */
function isPressing({ key, target }) {
  return (key === 'Enter' || key === ' ') && target instanceof Element && target.closest('a, button, summary, label, select, input, [role="menu"]') !== null;
}

/** A key for this part of the page, as long as that is there. @param {string} group @param {string[]} keys @param {string} what @param {(event: KeyboardEvent) => void} run */
export function shortcut(group, keys, what, run) {
  const entry = { group, keys, what, run };
  shortcuts.add(entry);
  cleanup(() => shortcuts.delete(entry));
}

const NAMES = /** @type {Record<string, string>} */ ({ Escape: 'Esc', ArrowDown: '↓', ArrowUp: '↑', Enter: '↵' });

/** What can be done with the keyboard here. */
export function showShortcuts() {
  const groups = Map.groupBy([...shortcuts], ({ group }) => group);
  return modal('Keyboard', (close) => [
    ...[...groups].map(([group, list]) => h('section.stack.tight', null, h('h3', null, group),
      h('dl.shortcuts', null, ...list.map(({ keys, what }) => h('div.row', null, h('dt', null, ...keys.map((key) => h('kbd', null, NAMES[key] ?? key))), h('dd', null, what)))))),
    h('div.actions', null, h('button.button', { type: 'button', autofocus: true, onclick: () => close() }, 'Close')),
  ]);
}
