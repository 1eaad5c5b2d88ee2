import { h } from '../core/dom.js';
import { cleanup, effect } from '../core/reactive.js';
import { failure } from './parts.js';

/** @import {Trail} from '../store/trail.js' */

/** The end of a list that goes on when one gets there. @param {Trail} trail @param {string} ends what is said where there is no more */
export function endless(trail, ends) {
  const mark = h('div.muted.small', { style: { padding: '16px', 'text-align': 'center' } }, () =>
    trail.problem() ? failure(trail.problem(), () => trail.older()) : trail.next() ? 'Loading what is older…' : ends);
  const seen = new IntersectionObserver(([entry]) => entry.isIntersecting && trail.older(), { rootMargin: '600px' });
  seen.observe(mark);
  effect(() => {
    // What came may not have filled the page.
    trail.entries();
    seen.unobserve(mark);
    seen.observe(mark);
  });
  cleanup(() => seen.disconnect());
  return mark;
}
