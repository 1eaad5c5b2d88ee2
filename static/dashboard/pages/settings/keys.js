import { ask, get } from '../../core/api.js';
import { each, h } from '../../core/dom.js';
import { computed, signal } from '../../core/reactive.js';
import { when } from '../../core/time.js';
import { apps } from '../../store/apps.js';
import { confirm, modal } from '../../ui/dialog.js';
import { choice, field } from '../../ui/field.js';
import { formDialog } from '../../ui/form.js';
import { icon } from '../../ui/icon.js';
import { code, empty } from '../../ui/parts.js';
import { cells, table } from '../../ui/table.js';
import { act, loaded } from './loaded.js';

const SCOPES = /** @type {[string, string][]} */ ([['flags:read', 'read and evaluate flags'], ['flags:write', 'change flags'], ['presence', 'see who is there'], ['admin', 'everything: keys, people, connections']]);

/** @type {import('../../ui/table.js').Column[]} */
const COLUMNS = [['Name', 'wide'], ['Reaches'], ['May', 'wide'], ['Made', 'small fit'], ['Last used', 'small fit'], ['Revoke', 'unnamed fit']];

/** Keys for servers: made, shown once, revoked. */
export const keys = () => loaded(() => get('/v1/keys').then((answer) => answer.keys), (all, again) => {
  const isAny = computed(() => all().length > 0); // (the table stays, with what has the focus in it)
  const shown = () => [...all()].sort((a, b) => Number(Boolean(a.revoked_at)) - Number(Boolean(b.revoked_at)) || (a.created_at < b.created_at ? 1 : -1));
  const body = each(h('tbody'), shown, ({ id }) => id, (one) => cells(COLUMNS, [
    [h('span', { dir: 'auto' }, () => one().name), h('div', null, h('code.muted', null, () => `tck_${one().id}_…`))],
    () => [one().app ?? 'all apps', one().environment].filter(Boolean).join(' · '),
    [h('div.row.wrap', null, () => one().scopes.map((/** @type {string} */ scope) => h('span.badge', { class: scope === 'admin' ? 'warn' : '' }, scope))),
      h('div.small.muted', null, () => [one().subscribe.length && `subscribes ${one().subscribe.join(', ')}`, one().publish.length && `publishes ${one().publish.join(', ')}`].filter(Boolean).join(' · '))],
    when(() => one().created_at),
    () => (one().last_used_at ? when(() => one().last_used_at) : h('span.muted', null, 'never')),
    () => (one().revoked_at ? h('span.badge.bad', { title: one().revoked_at }, 'revoked') : h('button.button.slim', { type: 'button', 'aria-label': `Revoke ${one().name}`, onclick: () => revoke(one(), again) }, 'Revoke')),
  ]));
  return h('section.card', { 'aria-label': 'API keys' },
    h('header', null, h('h2.grow', null, 'API keys'), h('button.button.primary', { type: 'button', onclick: () => make(again) }, icon('plus'), 'New key')),
    () => (isAny() ? table('API keys', COLUMNS, body)
      : empty('No key yet', h('p', null, 'A server of yours shows a key to publish, to subscribe, or to evaluate flags.'))));
});

/** @param {any} key @param {() => Promise<void>} again */
async function revoke({ id, name }, again) {
  const answer = await confirm(`Revoke ${name}?`, { text: 'The key and every token that it minted are refused within a second. There is no way back.', confirm: 'Revoke', danger: true, reason: 'asked' });
  if (answer) await act(() => ask('DELETE', `/v1/keys/${id}`, { query: { reason: answer.reason } }), `${name} is revoked`, again);
}

/** @param {() => Promise<void>} again */
async function make(again) {
  const app = signal('');
  const environment = signal('');
  const name = h('input.input', { autofocus: true, placeholder: 'web-1', spellcheck: false, autocapitalize: 'none' });
  const subscribe = h('input.input.mono', { placeholder: 'shop/**', spellcheck: false });
  const publish = h('input.input.mono', { placeholder: 'shop/orders/**', spellcheck: false });
  const reason = h('input.input', { maxlength: 500 });
  const boxes = SCOPES.map(([scope, text]) => ({ scope, box: h('input', { type: 'checkbox', value: scope, checked: scope === 'flags:read' }), text }));
  const patterns = (/** @type {HTMLInputElement} */ input) => input.value.split(/[\s,]+/).filter(Boolean);
  const made = await formDialog('New API key', {
    confirm: 'Make key', wide: true,
    fields: (wrong) => [
      field('Name', name, { hint: 'What will use it', wrong: wrong('name') }),
      field('App', choice([['', 'All apps'], .../** @type {[string, string][]} */ ((apps() ?? []).map((each) => [each.app, each.name || each.app]))], app, (value) => (app.set(value), environment.set(''))), { wrong: wrong('app') }),
      () => app() && field('Environment', choice([['', 'All'], .../** @type {[string, string][]} */ ((apps() ?? []).find((each) => each.app === app())?.environments.map((each) => [each, each]) ?? [])], environment, environment.set), { hint: 'Confined to one it sees and changes the flags of that one only', wrong: wrong('environment') }),
      h('fieldset.checks', null, h('legend', null, 'May'), ...boxes.map(({ scope, box, text }) => h('label.row', null, box, h('code', null, scope), h('span.muted', null, text)))),
      field('Subscribes to', subscribe, { hint: 'Topics and patterns, with a space between', wrong: wrong('subscribe') }),
      field('Publishes to', publish, { wrong: wrong('publish') }),
      field('Reason (optional)', reason, { wrong: wrong('reason') }),
    ],
    submit: () => ask('POST', '/v1/keys', { body: {
      name: name.value.trim(), scopes: boxes.filter(({ box }) => box.checked).map(({ scope }) => scope), subscribe: patterns(subscribe), publish: patterns(publish),
      ...(app() && { app: app() }), ...(environment() && { environment: environment() }), ...(reason.value.trim() && { reason: reason.value.trim() }),
    } }),
  });
  if (!made) return;
  again();
  await modal(`${made.name} is made`, (close) => [
    h('p', null, 'This is the key. It is shown now and never again: the server keeps only a hash.'), code(made.key),
    h('div.actions', null, h('button.button.primary', { type: 'button', onclick: () => close() }, 'I have it'))], { wide: true });
}
