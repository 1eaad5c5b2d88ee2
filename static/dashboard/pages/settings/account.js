import { ask, get } from '../../core/api.js';
import { each, h } from '../../core/dom.js';
import { when } from '../../core/time.js';
import { loadSession, me } from '../../store/session.js';
import { field } from '../../ui/field.js';
import { form } from '../../ui/form.js';
import { cells, table } from '../../ui/table.js';
import { toast } from '../../ui/toast.js';
import { act, loaded } from './loaded.js';

/** One's own name, password and sessions. */
export const account = () => h('div.stack', null,
  h('section.card', { 'aria-label': 'Name' }, h('header', null, h('h2', null, 'You')), h('div.body', null, named())),
  h('section.card', { 'aria-label': 'Password' }, h('header', null, h('h2', null, 'Password')), h('div.body', null, password())),
  loaded(() => get('/v1/sessions'), (all, again) => h('section.card', { 'aria-label': 'Where you are signed in' },
    h('header', null, h('h2.grow', null, 'Where you are signed in'),
      h('button.button', { type: 'button', onclick: () => act(() => ask('DELETE', '/v1/sessions'), 'Signed out everywhere else', again) }, 'Sign out everywhere else')),
    table('Sessions', COLUMNS, each(h('tbody'), () => /** @type {any[]} */ (all()), ({ id }) => id, (one) => cells(COLUMNS, [
      h('div.row.wrap', { title: one().user_agent }, h('span', { dir: 'auto' }, browser(one().user_agent)), one().current && h('span.badge.ok', null, 'this one')),
      one().address ?? '–',
      when(() => one().last_seen_at), when(() => one().created_at),
      () => !one().current && h('button.button.slim', { type: 'button', 'aria-label': `End the session of ${browser(one().user_agent)}`, onclick: () => act(() => ask('DELETE', `/v1/sessions/${one().id}`), 'The session is ended', again) }, 'End'),
    ]))))));

/** @type {import('../../ui/table.js').Column[]} */
const COLUMNS = [['Browser', 'wide'], ['Address', 'small'], ['Last seen', 'small fit'], ['Since', 'small fit'], ['End', 'unnamed fit']];

function named() {
  const name = h('input.input', { value: me().name, autocomplete: 'name' });
  return form({
    confirm: 'Save',
    fields: (wrong) => [field('Name', name, { hint: `You sign in as ${me().login}; this is how others see you`, wrong: wrong('name') })],
    submit: async () => {
      await ask('PATCH', '/v1/session', { body: { name: name.value.trim() } });
      await loadSession();
      toast('Saved', { kind: 'ok' });
    },
  });
}

function password() {
  const login = h('input', { type: 'text', autocomplete: 'username', value: me().login, hidden: true });
  const current = h('input.input', { type: 'password', autocomplete: 'current-password' });
  const next = h('input.input', { type: 'password', autocomplete: 'new-password' });
  return form({
    confirm: 'Change password',
    fields: (wrong) => [login, field('Present password', current, { wrong: wrong('current') }), field('New password', next, { hint: 'At least 8 characters. You are signed out everywhere else.', wrong: wrong('new') })],
    submit: async () => {
      await ask('POST', '/v1/session/password', { body: { current: current.value, new: next.value } });
      current.value = next.value = '';
      toast('The password is changed', { kind: 'ok' });
    },
  });
}

/** @param {string | null} agent */
function browser(agent) {
  const name = ['Edg', 'OPR', 'Firefox', 'Chrome', 'Safari', 'curl'].find((each) => agent?.includes(each));
  const system = ['Android', 'iPhone', 'iPad', 'Windows', 'Mac OS', 'Linux'].find((each) => agent?.includes(each));
  return [{ Edg: 'Edge', OPR: 'Opera' }[name ?? ''] ?? name ?? agent ?? 'unknown', system].filter(Boolean).join(' on ');
}
