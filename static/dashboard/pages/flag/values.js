import { h } from '../../core/dom.js';
import { computed } from '../../core/reactive.js';
import { icon } from '../../ui/icon.js';
import { toast } from '../../ui/toast.js';
import { select, shownIf } from './controls.js';

/** @import {Condition} from './model/rules.js' */
/** @import {Read} from '../../core/reactive.js' */

/** Several values: each is a token; Enter, a comma or leaving adds one, a pasted list adds many. @param {Read<Condition>} item @param {(to: Partial<Condition>) => void} change @param {{label: string, isLocked: Read<boolean>}} options */
export function values(item, change, { label, isLocked }) {
  const list = () => /** @type {any[]} */ (item().value ?? []);
  const isNumbers = computed(() => list().length > 0 && list().every((each) => typeof each === 'number'));
  const read = (/** @type {string} */ text) => (isNumbers() && Number.isFinite(Number(text)) ? Number(text) : text);
  const add = (/** @type {string} */ text) => {
    const more = text.split(/[,\n\t]/).map((each) => each.trim()).filter(Boolean).map(read).filter((each) => !list().includes(each));
    if (more.length) change({ value: [...list(), ...new Set(more)] });
  };
  /** The condition that something is being typed for: others may move another one here. */
  let typedFor = '';
  const take = () => {
    const { value } = input;
    const now = JSON.stringify(item());
    if (value.trim() && typedFor && typedFor !== now) {
      typedFor = now;
      return void toast(`“${value}” was typed before the rules were changed. Press Enter again if it belongs to this one.`, { kind: 'bad' });
    }
    input.value = '';
    typedFor = '';
    add(value);
  };
  const input = h('input.bare', { 'aria-label': label, dir: 'auto', autocomplete: 'off', autocapitalize: 'none', spellcheck: false, readonly: isLocked, placeholder: () => (list().length ? '' : 'value, value'),
    oninput: () => (typedFor ||= JSON.stringify(item())),
    onkeydown: (/** @type {KeyboardEvent} */ event) => {
      if ((event.key === 'Enter' && !event.ctrlKey && !event.metaKey) || event.key === ',') {
        event.preventDefault();
        take();
      } else if (event.key === 'Enter') take();
      else if (event.key === 'Backspace' && !input.value && list().length && !isLocked()) change({ value: list().slice(0, -1) });
    },
    onpaste: (/** @type {ClipboardEvent} */ event) => {
      const text = event.clipboardData?.getData('text') ?? '';
      if (!/[,\n\t]/.test(text)) return;
      event.preventDefault();
      add(input.value + text);
      input.value = '';
    },
    onchange: take });
  return h('span.value.typed', null,
    h('span.input.tokens', { onclick: (/** @type {Event} */ event) => event.target === event.currentTarget && input.focus() },
      () => list().map((each, at) => h('span.token', { dir: 'auto' }, String(each), h('button', { type: 'button', 'aria-label': `Remove ${each}`, disabled: isLocked(), onclick: () => (change({ value: list().filter((_, other) => other !== at) }), input.focus()) }, icon('close')))),
      input),
    shownIf(() => list().length > 0 && list().every((each) => Number.isFinite(Number(each)) && each !== ''), () => select(() => [['text', 'text'], ['number', 'number']], () => (isNumbers() ? 'number' : 'text'), (type) => change({ value: list().map((each) => (type === 'number' ? Number(each) : String(each))) }), { class: 'type', 'aria-label': `${label}: type`, disabled: isLocked })));
}
