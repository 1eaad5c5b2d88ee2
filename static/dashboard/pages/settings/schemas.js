import { ask, get } from '../../core/api.js';
import { each, h } from '../../core/dom.js';
import { computed, untracked } from '../../core/reactive.js';
import { when } from '../../core/time.js';
import { app } from '../../store/apps.js';
import { lacks } from '../../store/session.js';
import { confirm } from '../../ui/dialog.js';
import { field } from '../../ui/field.js';
import { formDialog } from '../../ui/form.js';
import { icon } from '../../ui/icon.js';
import { empty } from '../../ui/parts.js';
import { cells, table } from '../../ui/table.js';
import { failed } from '../../ui/toast.js';
import { act, loaded } from './loaded.js';

/** What the data of an app's events must look like. */
export const schemas = () => h('div', null, () => {
  const name = app()?.app;
  if (!name) return empty('No app yet', h('p', null, 'Schemas belong to an app.'));
  return untracked(() => loaded(() => get(`/v1/apps/${name}/schemas`).then((answer) => answer.schemas), (all, again) => {
    const isAny = computed(() => all().length > 0); // (the table stays, with what has the focus in it)
    return h('section.card', { 'aria-label': 'Event schemas' },
      h('header', null, h('h2.grow', null, `Event schemas of ${name}`), h('button.button.primary', { type: 'button', disabled: Boolean(lacks('admin')), title: lacks('admin'), onclick: () => edit(name, again) }, icon('plus'), 'New schema')),
      () => (isAny() ? table('Event schemas', COLUMNS, each(h('tbody'), () => all(), ({ type }) => type, (one) => cells(COLUMNS, [
        h('code', null, one().type), h('bdi', null, () => one().title ?? one().description ?? '–'), when(() => one().updated_at ?? one().created_at),
        h('div.row', null, h('button.button.slim', { type: 'button', 'aria-label': `${lacks('admin') ? 'Look at' : 'Edit'} the schema of ${one().type}`, onclick: () => edit(name, again, one().type) }, lacks('admin') ? 'Look' : 'Edit'),
          h('button.button.slim', { type: 'button', 'aria-label': `Remove the schema of ${one().type}`, disabled: Boolean(lacks('admin')), title: lacks('admin'), onclick: () => remove(name, one(), again) }, 'Remove')),
      ])))
        : empty('Everything may be published', h('p', null, 'With a JSON Schema for a type of event, what doesn’t fit it is refused when it is published, and the publisher is told what is wrong where.'))));
  }));
});

/** @type {import('../../ui/table.js').Column[]} */
const COLUMNS = [['Type', 'wide'], ['What', 'wide'], ['Changed', 'small fit'], ['Edit', 'unnamed fit']];

const FIRST = JSON.stringify({ type: 'object', required: ['total'], properties: { total: { type: 'number' } } }, null, 2);

/** @param {string} app @param {() => Promise<void>} again @param {string} [type] */
async function edit(app, again, type) {
  const there = type && await get(`/v1/apps/${app}/schemas/${type}`).catch((error) => void failed(error));
  if (type && !there) return again();
  const name = h('input.input.mono', { value: type ?? '', readonly: Boolean(type), autofocus: !type, placeholder: 'order.paid', spellcheck: false });
  const text = h('textarea.input.mono', { rows: 14, spellcheck: false, autofocus: Boolean(type) }, there ? JSON.stringify(there.schema, null, 2) : FIRST);
  const looks = lacks('admin');
  const done = await formDialog(type ? `Schema of ${type}` : 'New schema', {
    confirm: 'Save', wide: true,
    fields: (wrong) => [field('Type of event', name, { wrong: wrong('type') }), field('JSON Schema (draft 2020-12)', text, { wrong: wrong('schema') })],
    submit: async () => {
      if (looks) throw new Error(looks);
      let body;
      try {
        body = JSON.parse(text.value);
      } catch (error) {
        throw Object.assign(new Error(`This is not JSON: ${/** @type {Error} */ (error).message}`), { field: 'schema' });
      }
      return ask('PUT', `/v1/apps/${app}/schemas/${name.value.trim()}`, { version: there?.version, body });
    },
  });
  if (done) await again();
}

/** @param {string} app @param {any} schema @param {() => Promise<void>} again */
async function remove(app, { type, version }, again) {
  const answer = await confirm(`Remove the schema of ${type}?`, { text: 'Events of this type are not checked any more.', confirm: 'Remove', danger: true, reason: 'asked' });
  if (answer) await act(() => ask('DELETE', `/v1/apps/${app}/schemas/${type}`, { version, query: { reason: answer.reason } }), 'The schema is removed', again);
}
