import { h, svg } from '../../core/dom.js';
import { get } from '../../core/api.js';
import { cleanup, effect, signal } from '../../core/reactive.js';
import { setParameters } from '../../core/router.js';
import { clockTime, fullTime, when } from '../../core/time.js';
import { icon } from '../../ui/icon.js';
import { empty, failure, loading, segments } from '../../ui/parts.js';

/** @import {FlagPage} from './editor.js' */

const BARS = 60;
const MINUTES = 3;
const WIDTH = 600;
const HEIGHT = 120;
const TONES = 8;
const figures = new Intl.NumberFormat('en');

/** How often the flag gave what, as the server counts. @param {FlagPage} page */
export function usage(page) {
  const told = signal(/** @type {any} */ (undefined));
  const problem = signal(/** @type {any} */ (undefined));
  const asked = signal(0);
  effect(() => {
    asked();
    let isOver = false;
    get(`/v1/flags/${page.key}/usage`, { app: page.app }).then((found) => isOver || (told.set(found), problem.set(undefined)), (error) => isOver || problem.set(error));
    cleanup(() => (isOver = true));
  });
  const again = () => asked.set(asked.peek() + 1);
  return h('div.stack', null,
    h('div.row.wrap', null,
      () => page.environments().length > 1 && segments(page.environments().map((each) => [each, each]), () => page.environment(), (env) => setParameters({ env }), 'Environment'),
      h('div.grow'), h('button.button.slim', { type: 'button', onclick: again }, icon('activity'), 'Look again')),
    () => problem() && failure(problem(), again),
    () => (told() ? inEnvironment(told(), page.environment()) : !problem() && loading(4)));
}

/** @param {any} told @param {string} name */
function inEnvironment(told, name) {
  const there = Object.hasOwn(told.environments, name) && told.environments[name];
  if (!there) return empty(`Not in ${name}`, h('p', null, 'Nobody can evaluate it there.'));
  const variants = Object.keys(there.variants).sort();
  return h('div.stack', null,
    there.stale && h('div.notice.warn', null, icon('warn'), h('div', null, h('strong', null, 'Stale. '), `Neither evaluated nor changed for ${told.stale_after_days} days (${there.stale.last_evaluated_at ? `last evaluated ${fullTime(there.stale.last_evaluated_at)}` : 'never evaluated'}, last changed ${fullTime(there.stale.last_changed_at)}). Is its code still there?`)),
    there.served_only && h('div.notice', null, icon('check'), h('div', null, 'Everybody gets ', h('strong', null, there.served_only), ': if that stays, the flag can go from the code.')),
    h('dl.figures', null,
      figure('Evaluations', figures.format(there.evaluations)), figure('Last evaluated', there.last_evaluated_at ? when(() => there.last_evaluated_at, { toMinute: true }) : 'never'), figure('Counted since', there.since ? when(() => there.since, { toMinute: true }) : '–')),
    there.evaluations ? [chart(there, variants), legend(there, variants)]
      : h('p.muted', null, 'Nobody has asked for it yet. Copy a line from Code, or use Try it.'));
}

/** @param {string} name @param {any} value */
const figure = (name, value) => h('div', null, h('dt', null, name), h('dd.num', null, value));

/** @param {any} there @param {string[]} variants */
function chart({ minutes }, variants) {
  const last = Math.floor(Date.now() / 60_000 / MINUTES);
  /** @type {Record<string, number>[]} */
  const bars = Array.from({ length: BARS }, () => ({}));
  for (const { at, variants: counts } of minutes) {
    const bar = bars[BARS - 1 - (last - Math.floor(Date.parse(at) / 60_000 / MINUTES))];
    if (bar) for (const [name, count] of Object.entries(counts)) bar[name] = (bar[name] ?? 0) + Number(count);
  }
  const sums = bars.map((bar) => Object.values(bar).reduce((sum, count) => sum + count, 0));
  const most = Math.max(1, ...sums);
  const step = WIDTH / BARS;
  const total = sums.reduce((sum, count) => sum + count, 0);
  return h('figure.usage-chart', null,
    svg('svg', { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, role: 'img', 'aria-label': `Evaluations in the last 3 hours: ${figures.format(total)}, at most ${figures.format(most)} in 3 minutes`, preserveAspectRatio: 'none' },
      svg('line', { x1: 0, x2: WIDTH, y1: HEIGHT - 0.5, y2: HEIGHT - 0.5, class: 'axis' }),
      ...bars.map((bar, at) => {
        let y = HEIGHT;
        return svg('g', null, svg('title', null, `${clockTime((last - BARS + 1 + at) * MINUTES * 60_000)}: ${figures.format(sums[at])}`), ...variants.map((name, tone) => {
          const height = ((bar[name] ?? 0) / most) * (HEIGHT - 6);
          y -= height;
          return height > 0 && svg('rect', { x: at * step + 1, y, width: step - 2, height, class: `tone-${tone % TONES}` });
        }));
      })),
    h('figcaption.row.small.muted.num', null, h('span', null, '3 hours ago'), h('span.grow'), h('span', null, `at most ${figures.format(most)} in ${MINUTES} min`), h('span.grow'), h('span', null, 'now')));
}

/** @param {any} there @param {string[]} names */
const legend = ({ variants, evaluations }, names) => h('table.table.num', null,
  h('thead', null, h('tr', null, ...['Variant', 'Evaluations', 'Share', 'Last'].map((text) => h('th', { scope: 'col' }, text)))),
  h('tbody', null, ...names.map((name, tone) => h('tr', null,
    h('td', null, h('span.row', null, h('span.swatch', { class: `tone-${tone % TONES}` }), name ? h('span', { dir: 'auto' }, name) : h('span.muted', null, 'the code’s own default'))),
    h('td', null, figures.format(variants[name].evaluations)), h('td', null, `${((variants[name].evaluations / evaluations) * 100).toFixed(1)} %`), h('td', null, when(() => variants[name].last_evaluated_at, { toMinute: true }))))));
