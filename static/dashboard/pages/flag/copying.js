import { h } from '../../core/dom.js';
import { signal } from '../../core/reactive.js';
import { isProduction } from '../../store/apps.js';
import { changesOf } from '../../store/flags.js';
import { modal } from '../../ui/dialog.js';
import { field } from '../../ui/field.js';
import { toast } from '../../ui/toast.js';
import { changeView } from './changes.js';
import { select } from './controls.js';
import { tellChange } from './model/differences.js';
import { pointer, same } from './model/json.js';

/** @import {FlagPage} from './editor.js' */

/** Makes the saved flag in one environment what it is in another. @param {FlagPage} page @param {{from?: string, to?: string}} [given] */
export async function copyTo(page, given = {}) {
  const { key, app, draft } = page;
  const all = page.environments().filter((each) => Object.hasOwn(draft.base.peek().environments, each));
  const from = signal(given.from ?? (all.includes(page.environment()) ? page.environment() : all[0]));
  const to = signal(given.to ?? page.environments().find((each) => each !== from.peek() && !isProduction(each)) ?? page.environments().find((each) => each !== from.peek()) ?? '');
  const changes = () => differences(draft.base().environments[from()], draft.base().environments[to()], to());
  const problem = signal('');
  const made = await modal(`Copy ${key} to another environment`, (close) => {
    const why = h('input.input', { type: 'text', maxlength: 500, placeholder: 'Such as a ticket, or what it is for' });
    const submit = async (/** @type {Event} */ event) => {
      event.preventDefault();
      if (isProduction(to()) && !why.value.trim()) return void (problem.set('A reason is needed: this is production.'), why.focus());
      try {
        close(await changesOf(app).copy(key, draft.base.peek().version, from(), to(), why.value.trim()));
      } catch (error) {
        const { status, body, message } = /** @type {any} */ (error);
        problem.set(status === 409 && body?.flag ? 'Somebody has changed the flag meanwhile. Look at what changes now, and copy again.' : message);
        if (body?.flag) page.flags.put(body.flag, key, app);
      }
    };
    return [h('form.stack', { novalidate: true, onsubmit: submit },
      h('div.row.wrap.two', null,
        field('From', select(() => all.map((each) => [each, each]), from, from.set)),
        field('To', select(() => page.environments().filter((each) => each !== from()).map((each) => [each, each]), to, to.set, { autofocus: true }))),
      () => draft.isDirty() && h('div.notice.warn', null, 'What is saved is copied, without your unsaved changes.'),
      h('div.stack.tight', null, h('div.label', null, () => `What changes in ${to()}`), h('div.change-list', null, () => (changes().length ? changes().map((each) => changeView(tellChange(each))) : h('p.muted', null, 'Nothing: they are alike.')))),
      field(h('span', null, () => (isProduction(to()) ? 'Reason' : 'Reason (optional)')), why, { wrong: problem }),
      h('div.actions', null, h('button.button', { type: 'button', onclick: () => close() }, 'Cancel'),
        h('button.button.primary', { type: 'submit', disabled: () => !changes().length || from() === to() }, () => `Copy to ${to()}`)))];
  }, { wide: true });
  if (!made) return;
  const { changed: _, ...now } = made;
  page.put(now);
  toast(`${key} is in ${to.peek()} as in ${from.peek()}`, { kind: 'ok' });
}

/** @param {any} source @param {any} target @param {string} environment */
function differences(source = {}, target = {}, environment = '') {
  return ['state', 'defaultVariant', 'targeting', 'variants', 'metadata'].filter((name) => !same(source[name], target[name]))
    .map((name) => ({ path: pointer('environments', environment, name), before: target[name], after: source[name] }));
}

