import { h } from '../core/dom.js';

/**
 * A menu at its button: opened by click, arrow keys within, Escape closes.
 * @param {Element} at
 * @param {({label: any, run: () => void, danger?: boolean, checked?: boolean} | null)[]} items
 */
export function openMenu(at, items) {
  const menu = h('div.menu', { popover: 'auto', role: 'menu', ontoggle: (/** @type {any} */ event) => event.newState === 'closed' && menu.remove(), onkeydown: keys },
    ...items.filter(Boolean).map((item) => {
      const { label, run, danger, checked } = /** @type {NonNullable<typeof item>} */ (item);
      return h('button', { type: 'button', role: checked === undefined ? 'menuitem' : 'menuitemradio', 'aria-checked': checked === undefined ? undefined : String(checked), class: danger ? 'danger' : '', tabindex: -1,
        onclick: () => {
          menu.hidePopover();
          if (at instanceof HTMLElement) at.focus();
          run();
        } }, label, checked && h('span', { 'aria-hidden': 'true' }, '✓'));
    }));
  (at.closest('dialog, main, .topbar') ?? document.body).append(menu); // (within a landmark, and within what is modal)
  menu.showPopover();
  const box = at.getBoundingClientRect();
  const { offsetWidth: width, offsetHeight: height } = menu;
  const below = box.bottom + 4 + height <= innerHeight;
  menu.style.setProperty('left', `${Math.max(8, Math.min(box.left, innerWidth - width - 8))}px`);
  menu.style.setProperty('top', `${below ? box.bottom + 4 : Math.max(8, box.top - 4 - height)}px`);
  menu.firstElementChild?.focus();

  /** @param {KeyboardEvent} event */
  function keys(event) {
    const all = [...menu.children];
    const now = all.indexOf(document.activeElement);
    const next = { ArrowDown: now + 1, ArrowUp: now - 1, Home: 0, End: all.length - 1 }[event.key];
    if (event.key === 'Tab') menu.hidePopover();
    if (event.key === 'Escape' && at instanceof HTMLElement) at.focus();
    if (next === undefined) return;
    event.preventDefault();
    all[(next + all.length) % all.length].focus();
  }
}
