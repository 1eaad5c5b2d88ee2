import { ask } from '../../core/api.js';
import { each, h } from '../../core/dom.js';
import { computed } from '../../core/reactive.js';
import { link } from '../../core/router.js';
import { when } from '../../core/time.js';
import { apps, loadApps } from '../../store/apps.js';
import { lacks } from '../../store/session.js';
import { field } from '../../ui/field.js';
import { formDialog } from '../../ui/form.js';
import { icon } from '../../ui/icon.js';
import { empty, loading } from '../../ui/parts.js';
import { cells, table } from '../../ui/table.js';
import { toast } from '../../ui/toast.js';

/** @import {App} from '../../store/apps.js' */

/** @type {import('../../ui/table.js').Column[]} */
const COLUMNS = [['App', 'wide'], ['Environments', 'wide'], ['Flags', 'num'], ['Set up', 'small fit'], ['Edit', 'unnamed fit']];

/** Apps and their environments. */
export function appsSection() {
  const list = each(h('tbody'), () => apps() ?? [], ({ app }) => app, (one) => cells(COLUMNS, [
    [h('a', { href: () => link(['flags'], { app: one().app }), dir: 'auto' }, () => one().name || one().app), h('div', null, h('code.muted', null, () => one().app))],
    h('div.row.wrap', null, () => one().environments.map((name) => h('span.badge', null, name))),
    () => one().flags,
    () => (one().created_at ? when(() => one().created_at) : h('span.muted', null, 'never set up')),
    h('button.button.slim', { type: 'button', 'aria-label': () => `Edit ${one().app}`, disabled: () => Boolean(lacks('flags:write')), title: () => lacks('flags:write'), onclick: () => edit(one()) }, 'Edit'),
  ]));
  const state = computed(() => (!apps() ? 'loading' : apps()?.length ? 'list' : 'none')); // (the table stays, with what has the focus in it)
  return h('section.card', { 'aria-label': 'Apps' },
    h('header', null, h('h2.grow', null, 'Apps'), h('button.button.primary', { type: 'button', disabled: () => Boolean(lacks('flags:write')), title: () => lacks('flags:write'), onclick: () => edit() }, icon('plus'), 'New app')),
    () => (state() === 'loading' ? h('div.body', null, loading(3)) : state() === 'list' ? table('Apps', COLUMNS, list)
      : empty('No app yet', h('p', null, 'An app is what your flags belong to: a product, a site, a service.'))));
}

/** @param {App} [app] none: a new one */
async function edit(app) {
  const key = h('input.input.mono', { value: app?.app ?? '', disabled: Boolean(app), autofocus: !app, spellcheck: false, autocapitalize: 'none', required: true });
  const name = h('input.input', { value: app?.name ?? '', autofocus: Boolean(app) });
  const environments = h('input.input.mono', { value: (app?.environments ?? ['development', 'production']).join(', '), spellcheck: false });
  const done = await formDialog(app ? `Edit ${app.name || app.app}` : 'New app', {
    confirm: app ? 'Save' : 'Make app',
    fields: (wrong) => [
      field('Key', key, { hint: app ? 'It begins every topic of the app, and stays.' : 'One word: it begins every topic of the app, such as shop', wrong: wrong('app') }),
      field('Name', name, { hint: 'As it is shown', wrong: wrong('name') }),
      field('Environments', environments, { hint: 'In this order; one that has flags can’t be dropped', wrong: wrong('environments') }),
    ],
    submit: () => ask('PUT', `/v1/apps/${key.value.trim()}`, { version: app?.version || undefined, body: { name: name.value.trim() || key.value.trim(), environments: environments.value.split(/[\s,]+/).filter(Boolean) } }),
  });
  if (!done) return;
  toast(app ? 'Saved' : `${done.app} is made`, { kind: 'ok' });
  await loadApps();
}
