import { svg } from '../core/dom.js';

/** One line that becomes three. */
export const mark = () =>
  svg('svg', { viewBox: '0 0 20 20', fill: 'none', stroke: 'currentColor', 'stroke-width': '2.2', 'stroke-linecap': 'round', 'aria-hidden': 'true' },
    svg('path', { d: 'M2 10h16M5.5 10C9 10 10 3.5 17 3.5M5.5 10c3.500 0 4.500 6.500 11.500 6.500' }));
