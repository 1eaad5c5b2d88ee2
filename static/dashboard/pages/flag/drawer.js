import { h } from '../../core/dom.js';
import { flush, signal, untracked } from '../../core/reactive.js';
import { setParameters } from '../../core/router.js';
import { shortcut } from '../../ui/keys.js';
import { failure, loading } from '../../ui/parts.js';

/** @import {Flags} from '../../store/flags.js' */
/** @import {Together} from '../../store/together.js' */

// What it takes is fetched when somebody is about to open one.
for (const name of ['pointerover', 'focusin']) addEventListener(name, function soon({ target }) {
  if (!(target instanceof Element) || !target.closest('.flag-row')) return;
  removeEventListener(name, soon);
  import('./editor.js').catch(() => {}); // (asked for again when it is opened)
});

/** What moves in the list beside, unless the focus is in here. */
const LIST_KEYS = ['ArrowDown', 'ArrowUp', 'j', 'k', 'e', 'Enter'];

/**
 * One flag, to be looked at and edited, beside the list. What it is made of is loaded when a flag is first opened.
 * @param {{flags: Flags, together: Together, key: string, close: () => void}} options
 */
export function drawer({ flags, together, key, close }) {
  const made = signal(/** @type {(() => any) | undefined} */ (undefined));
  const closed = () => {
    close();
    setParameters({ tab: null });
    flush(); // (then the row is known as the chosen one)
    if (document.activeElement === document.body) /** @type {HTMLElement | null} */ (document.querySelector('.flag-row.selected a'))?.focus({ preventScroll: true });
  };
  let leave = closed;
  const begin = () => {
    made.set(undefined);
    import('./editor.js').then(({ editor }) => made.set(() => editor({ flags, together, key, close: closed, onLeave: (asks) => (leave = asks) })), (error) => made.set(() => failure(error, begin)));
  };
  begin();
  shortcut('Flag', ['Escape'], 'Close', () => leave());
  const element = h('aside.drawer.flag-drawer', { tabindex: -1, 'aria-label': `Flag ${key}`, onkeydown: (/** @type {KeyboardEvent} */ event) => {
    if (LIST_KEYS.includes(event.key) && !event.ctrlKey && !event.metaKey) event.stopPropagation();
  } }, () => {
    const content = made();
    return content ? untracked(content) : h('div.drawer-body', null, loading(8));
  });
  if (document.activeElement?.closest('.flags-body, .flag-drawer') || document.activeElement === document.body) queueMicrotask(() => element.focus({ preventScroll: true }));
  return element;
}
