import { h, svg } from '../core/dom.js';

const WIDTH = 300;
const HEIGHT = 64;

/**
 * A small line over time, with its scale and its last value in words; what is missing is a gap.
 * @param {{label: string, lines: () => {name: string, values: (number | null)[]}[], unit?: (value: number) => string, span: string}} options
 */
export function chart({ label, lines, unit = String, span }) {
  const most = () => Math.max(...lines().flatMap(({ values }) => values.map((value) => value ?? 0)), 0);
  const last = () => lines().map(({ name, values }) => [name, values.findLast((value) => value !== null) ?? 0]);
  const words = () => last().map(([name, value]) => `${name} ${unit(/** @type {number} */ (value))}`.trim()).join(', ');
  const total = () => last().reduce((sum, [, value]) => sum + /** @type {number} */ (value), 0);
  return h('figure.chart', null,
    h('figcaption.row', null, h('span.grow.small.muted', null, label), h('strong.num', null, () => unit(total()))),
    svg('svg', { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, preserveAspectRatio: 'none', role: 'img', 'aria-label': () => `${label}, ${span}: now ${words()}, at most ${unit(most())}` },
      svg('path.grid', { d: `M0 ${HEIGHT - 0.5}H${WIDTH}M0 0.5H${WIDTH}` }),
      () => lines().map(({ values }, at) => svg(`path.line.line-${at}`, { d: path(values, most() || 1) }))),
    h('div.row.small.muted.num', null, h('span.grow', null, () => (lines().length > 1 ? lines().map(({ name }, at) => h(`span.key.line-${at}`, null, name)) : `${span} ago`)), h('span', null, () => `max ${unit(most())}`)));
}

/** @param {(number | null)[]} values @param {number} most */
function path(values, most) {
  const step = WIDTH / Math.max(1, values.length - 1);
  let isDown = false;
  return values.map((value, at) => {
    if (value === null) {
      isDown = false;
      return '';
    }
    const command = isDown ? 'L' : 'M';
    isDown = true;
    const point = `${(at * step).toFixed(1)} ${(HEIGHT - 2 - (value / most) * (HEIGHT - 6)).toFixed(1)}`;
    return command === 'M' ? `M${point}h0.1` : `L${point}`;
  }).join('');
}
