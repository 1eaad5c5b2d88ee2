import { each, h } from '../../core/dom.js';
import { computed, signal } from '../../core/reactive.js';
import { icon } from '../../ui/icon.js';
import { line, removing, select, shownIf, thenTo } from './controls.js';
import { digitsOf, evenShares, percent, reduced, sharesOf, withBorder, withShare, withoutShare } from './model/shares.js';

/** @import {Builder} from './builder.js' */
/** @import {Split} from './model/rules.js' */
/** @import {Read} from '../../core/reactive.js' */

const TONES = 8;

/** Halves, of the first two variants. @param {Record<string, unknown>} variants @returns {any} */
export function firstSplit(variants) {
  const names = Object.keys(variants).slice(0, 2);
  return { kind: 'split', split: { by: null, seeded: true, parts: names.map((each) => [each, names.length > 1 ? 50 : 100]) } };
}

/**
 * A percentage roll-out as one bar: its borders are dragged, or moved by arrow keys; shares can be typed. They always add
 * up to 100.
 * @param {Builder} shared @param {Read<{kind: 'split', split: Split}>} item @param {(next: any) => void} change @param {string} label
 */
export function split({ variants, isLocked, attributes }, item, change, label) {
  const now = computed(() => item().split ?? { by: null, seeded: true, parts: [] });
  const parts = computed(() => now().parts);
  const digits = computed(() => digitsOf(parts().map(([, weight]) => weight)));
  const shares = computed(() => sharesOf(parts().map(([, weight]) => weight), digits()));
  const whole = computed(() => 100 * 10 ** digits());
  const put = (/** @type {Partial<Split>} */ next) => change({ kind: 'split', split: { ...now(), ...next } });
  const putShares = (/** @type {number[]} */ next, names = parts().map(([name]) => name)) => {
    const small = reduced(next);
    put({ parts: names.map((name, at) => [name, small[at]]) });
  };
  const bar = h('div.split-bar', { class: () => (isLocked() ? 'locked' : '') });
  const pieces = computed(() => parts().map(([name], at) => ({ name, share: shares()[at], at })));
  each(bar, pieces, ({ at }) => String(at), (piece, key) => h('div.piece', { class: `tone-${Number(key) % TONES}`, style: () => ({ 'flex-grow': piece().share, 'flex-basis': 0 }), title: () => `${piece().name} ${percent(piece().share, whole())} %` },
    shownIf(() => Number(key) < parts().length - 1, () => border(Number(key)))));
  const rows = h('div.split-rows');
  each(rows, pieces, ({ at }) => String(at), (piece, key) => share(piece, Number(key)));
  const rest = computed(() => Object.keys(variants()).filter((name) => !parts().some(([each]) => each === name)));
  return h('div.split', { role: 'group', 'aria-label': `${label}: shares` }, bar, rows,
    h('div.row.wrap', null,
      shownIf(() => rest().length > 0, () => select(() => [['', 'Add a variant…'], ...rest().map((name) => /** @type {[string, string]} */ ([`=${name}`, name]))], () => '', (name) => name && add(name.slice(1)), { class: 'auto', 'aria-label': `${label}: add a variant`, disabled: isLocked })),
      shownIf(() => parts().length > 1, () => h('button.button.slim', { type: 'button', disabled: isLocked, onclick: () => putShares(evenShares(parts().length)) }, 'Even shares')),
      h('span.num.small.muted', { role: 'status' }, () => `= ${percent(shares().reduce((sum, each) => sum + each, 0), whole())} %`)),
    bucket());

  /** @param {string} name */
  function add(name) {
    // It begins with nothing, so that nobody's variant changes by that.
    thenTo(() => rows.lastElementChild?.querySelector('.percent'), () => putShares([...shares(), 0], [...parts().map(([each]) => each), name]))();
  }

  /** The border between two shares. @param {number} at */
  function border(at) {
    const step = (/** @type {KeyboardEvent} */ event) => {
      const one = 10 ** digits();
      const by = /** @type {Record<string, number>} */ ({ ArrowRight: one, ArrowUp: one, ArrowLeft: -one, ArrowDown: -one, PageUp: 10 * one, PageDown: -10 * one, Home: -whole(), End: whole() })[event.key];
      if (by === undefined || isLocked()) return;
      event.preventDefault();
      putShares(withBorder(shares(), at, by));
    };
    const drag = (/** @type {PointerEvent} */ event) => {
      if (isLocked() || event.button !== 0) return;
      event.preventDefault();
      const handle = /** @type {HTMLElement} */ (event.currentTarget);
      handle.focus();
      handle.setPointerCapture(event.pointerId);
      const { left, width } = bar.getBoundingClientRect();
      const unit = whole() / 100;
      const before = shares().slice(0, at).reduce((sum, each) => sum + each, 0);
      const from = shares();
      handle.onpointermove = ({ clientX }) => {
        const to = Math.round(((clientX - left) / width) * 100) * unit;
        putShares(withBorder(from, at, to - before - from[at]));
      };
      handle.onpointerup = handle.onpointercancel = () => (handle.onpointermove = null);
    };
    return h('div.border', { role: 'slider', tabindex: 0, 'aria-orientation': 'horizontal', 'aria-disabled': () => String(isLocked()), 'aria-label': () => `${label}: ${parts()[at]?.[0]}`, 'aria-valuemin': 0, 'aria-valuemax': () => percent((shares()[at] ?? 0) + (shares()[at + 1] ?? 0), whole()), 'aria-valuenow': () => percent(shares()[at] ?? 0, whole()), 'aria-valuetext': () => `${parts()[at]?.[0]} ${percent(shares()[at] ?? 0, whole())} %, ${parts()[at + 1]?.[0]} ${percent(shares()[at + 1] ?? 0, whole())} %`, onkeydown: step, onpointerdown: drag });
  }

  /** @param {Read<{name: string, share: number}>} piece @param {number} at */
  function share(piece, at) {
    /** What is typed, as long as it is. */
    const typed = signal(/** @type {string | undefined} */ (undefined));
    /** What the shares were before. @type {[string, number][]} */
    let before = [];
    const take = (/** @type {string} */ text) => {
      typed.set(text);
      const found = /^\s*(\d{1,3})(?:[.,](\d{0,2}))?\s*%?\s*$/.exec(text);
      if (isWrong() || !found) return put({ parts: before }); // (of 101, the 10 was not meant)
      const finest = Math.max(digits(), found[2]?.length ?? 0);
      const value = Number(`${found[1]}.${found[2] || 0}`);
      putShares(withShare(sharesOf(parts().map(([, weight]) => weight), finest), at, value * 10 ** finest));
    };
    const isWrong = () => typed() !== undefined && !(Number(typed()?.replace(',', '.').replace('%', '')) >= 0 && Number(typed()?.replace(',', '.').replace('%', '')) <= 100 && typed()?.trim() !== '');
    return h('div.split-row', null, h('span.swatch', { class: `tone-${at % TONES}` }),
      select(() => Object.keys(variants()).map((name) => [`=${name}`, name]), () => `=${piece().name}`, (name) => put({ parts: parts().map((part, each) => (each === at ? [name.slice(1), part[1]] : part)) }), { 'aria-label': `${label}: variant ${at + 1}`, disabled: isLocked }),
      line(() => typed() ?? String(percent(piece().share, whole())), take, { onfocus: () => (before = parts()), class: 'num percent', inputmode: 'decimal', dir: 'ltr', 'aria-label': () => `${label}: per cent for ${piece().name}`, 'aria-invalid': () => String(isWrong()), readonly: isLocked, onblur: () => typed.set(undefined) }), h('span.muted', null, '%'),
      h('button.button.quiet.icon.slim', { type: 'button', 'aria-label': () => `${label}: without ${piece().name}`, title: 'Remove', disabled: () => isLocked() || parts().length === 1, onclick: removing('.split-rows', () => putShares(withoutShare(shares(), at), parts().filter((_, each) => each !== at).map(([name]) => name))) }, icon('close')));
  }

  function bucket() {
    const isByKey = computed(() => now().by === null);
    return h('div.row.wrap.small', null, h('span.muted', null, 'The same'),
      select(() => [['key', 'targetingKey'], ['attribute', 'attribute']], () => (isByKey() ? 'key' : 'attribute'), (to) => put(to === 'key' ? { by: null, seeded: true } : { by: 'email', seeded: true }), { class: 'auto', 'aria-label': `${label}: divided by`, disabled: isLocked }),
      () => !isByKey() && line(() => now().by ?? '', (by) => put({ by }), { class: 'short mono', list: attributes, 'aria-label': `${label}: attribute to divide by`, dir: 'ltr', readonly: isLocked }),
      h('span.muted', null, () => (now().seeded ? 'always gets the same variant.' : 'gets the same place in every flag that is divided so.')));
  }
}
