import { each, h } from '../core/dom.js';
import { cleanup, computed, effect, signal } from '../core/reactive.js';

/** @import {Read, Signal} from '../core/reactive.js' */

/** Rows out of sight, above and below: there when one scrolls. */
const AROUND = 10;
/** They come once what is seen has been painted. */
const FIRST_MS = 200;

/**
 * A long list of which only what is seen is there. All rows are `height` pixels high.
 * @template T
 * @param {{items: Read<T[]>, height: number, keyOf: (item: T) => string, render: (item: Signal<T>, key: string, index: Read<number>) => HTMLElement, props?: Record<string, any>}} options
 */
export function virtual({ items, height, keyOf, render, props }) {
  const top = signal(0);
  const room = signal(innerHeight);
  const around = signal(0);
  let isDue = false;
  const look = () => {
    isDue = false;
    top.set(Math.floor(scroller.scrollTop / height));
    room.set(scroller.clientHeight);
  };
  const soon = () => {
    if (!isDue) requestAnimationFrame(look);
    isDue = true;
  };
  const inside = h('div.virtual-inside', { role: 'rowgroup', style: () => ({ height: `${items().length * height}px` }) });
  const scroller = h('div.virtual', { ...props, onscroll: soon }, inside);
  const sizes = new ResizeObserver(soon);
  sizes.observe(scroller);
  const later = setTimeout(() => around.set(AROUND), FIRST_MS);
  cleanup(() => {
    sizes.disconnect();
    clearTimeout(later);
  });

  const first = computed(() => Math.max(0, Math.min(top(), items().length - Math.ceil(room() / height)) - around()));
  const shown = computed(() => {
    const from = first();
    return items().slice(from, from + Math.ceil(room() / height) + 2 * around()).map((item, at) => ({ item, at: from + at }));
  });
  each(inside, shown, ({ item }) => keyOf(item), (entry, key) => {
    const item = signal(entry.peek().item);
    effect(() => item.set(entry().item));
    const index = computed(() => entry().at);
    const row = render(item, key, index);
    effect(() => {
      row.style.setProperty('transform', `translateY(${index() * height}px)`);
      row.setAttribute('aria-rowindex', String(index() + 2));
    });
    return row;
  });
  return {
    element: scroller,
    /** Brings a row into sight. @param {number} index */
    show(index) {
      const at = index * height;
      if (at < scroller.scrollTop) scroller.scrollTop = at;
      else if (at + height > scroller.scrollTop + scroller.clientHeight) scroller.scrollTop = at + height - scroller.clientHeight;
      look();
    },
  };
}
