import { h } from '../../core/dom.js';
import { signal } from '../../core/reactive.js';
import { go } from '../../core/router.js';
import { app } from '../../store/apps.js';
import { changesOf } from '../../store/flags.js';
import { modal } from '../../ui/dialog.js';
import { choice, field } from '../../ui/field.js';
import { toast } from '../../ui/toast.js';
import { flagLink } from './row.js';

/** @import {Flags} from '../../store/flags.js' */

/** Variants to begin with; they can be changed at once. @type {Record<string, Record<string, unknown> | undefined>} */
const FIRST = { boolean: undefined, string: { control: '', treatment: 'new' }, number: { low: 1, high: 10 }, object: { control: {}, treatment: { enabled: true } } };

/** Asks for what a flag needs, makes it (off everywhere), and opens it. @param {Flags} flags */
export async function createFlag(flags) {
  const { app: name } = /** @type {any} */ (app());
  const problem = signal(/** @type {any} */ (undefined));
  const type = signal('boolean');
  const made = await modal('New flag', (close) => {
    const key = h('input.input', { required: true, autofocus: true, autocapitalize: 'none', spellcheck: false, maxlength: 200, placeholder: 'new-checkout' });
    const description = h('input.input', { maxlength: 2000, placeholder: 'What it is for, and when it can go' });
    const wrong = (/** @type {string} */ at) => () => (problem()?.field?.startsWith(at) ? problem().message : undefined);
    const submit = async (/** @type {Event} */ event) => {
      event.preventDefault();
      try {
        const variants = FIRST[type()];
        close(await changesOf(name).create({ key: key.value.trim(), type: type(), description: description.value.trim(), ...(variants && { variants }) }));
      } catch (error) {
        problem.set(error);
      }
    };
    return [h('form.stack', { novalidate: true, onsubmit: submit },
      field('Key', key, { hint: 'What your code asks for. It can’t be changed later.', wrong: wrong('key') }),
      field('Type', choice([['boolean', 'Boolean: on or off'], ['string', 'String'], ['number', 'Number'], ['object', 'Object (JSON)']], type, type.set), { wrong: wrong('type') }),
      field('Description', description, { wrong: wrong('description') }),
      () => problem() && !['key', 'type', 'description'].some((each) => problem().field?.startsWith(each)) && h('div.notice.bad', { role: 'alert' }, problem().message),
      h('div.actions', null, h('button.button', { type: 'button', onclick: () => close() }, 'Cancel'), h('button.button.primary', { type: 'submit' }, 'Create flag')))];
  });
  if (!made) return;
  flags.put(made, made.key, name);
  toast(`${made.key} is made, and off everywhere`, { kind: 'ok' });
  go(flagLink(made.key));
}
