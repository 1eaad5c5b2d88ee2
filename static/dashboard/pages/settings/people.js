import { ask, get } from '../../core/api.js';
import { each, h } from '../../core/dom.js';
import { cleanup, computed, effect, signal } from '../../core/reactive.js';
import { fullTime, when } from '../../core/time.js';
import { live } from '../../store/live.js';
import { nameOf } from '../../store/names.js';
import { can, lacks, me, session } from '../../store/session.js';
import { confirm, modal } from '../../ui/dialog.js';
import { choice, field } from '../../ui/field.js';
import { formDialog } from '../../ui/form.js';
import { icon } from '../../ui/icon.js';
import { openMenu } from '../../ui/menu.js';
import { avatar, code, empty } from '../../ui/parts.js';
import { cells, table } from '../../ui/table.js';
import { act, loaded } from './loaded.js';

export const ROLES = /** @type {[string, string][]} */ ([['viewer', 'Viewer: sees everything'], ['editor', 'Editor: changes flags'], ['admin', 'Admin: also keys, people and settings']]);

/** Who may come in, as what; and who is invited. */
export const people = () => loaded(async () => ({ people: await get('/v1/people'), invites: can('admin') ? await get('/v1/invites') : [] }), (all, again) => {
  effect(() => {
    const client = can('admin') ? live()?.client : undefined;
    if (!client) return;
    const { ready, unsubscribe } = client.subscribe(['tricast/audit'], ({ type }) => (type.startsWith('person.') || type.startsWith('invite.')) && void again());
    ready.catch(() => {});
    cleanup(unsubscribe);
  });
  const isAnybody = computed(() => all().people.length > 0); // (a table stays, with what has the focus in it)
  const isInvited = computed(() => all().invites.length > 0);
  return [
    h('section.card', { 'aria-label': 'People' },
      h('header', null, h('h2.grow', null, 'People'), h('button.button.primary', { type: 'button', disabled: Boolean(lacks('admin')), title: lacks('admin'), onclick: () => invite(again) }, icon('plus'), 'Invite')),
      () => (isAnybody() ? table('People', columns(), each(h('tbody'), () => all().people, (one) => /** @type {any} */ (one).login, (one) => row(one, again)))
        : empty('Nobody yet', h('p', null, session()?.open ? 'This server was started with --dev: nobody needs to sign in. Without it, the first start prints a link to make the first admin.' : 'Invite somebody: they choose their own password.')))),
    () => isInvited() && h('section.card', { 'aria-label': 'Invitations' }, h('header', null, h('h2', null, 'Open invitations')),
      table('Open invitations', INVITED, each(h('tbody'), () => all().invites, (one) => /** @type {any} */ (one).id, (/** @type {() => any} */ one) => cells(INVITED, [
        h('bdi', null, () => one().name ?? one().login ?? 'whoever has the link'), () => (one().reset ? 'a new password' : one().role), h('bdi', null, () => nameOf(one().by ?? '–')),
        h('span', { title: fullTime(one().created_at) }, new Date(one().expires_at).toLocaleString()),
        h('button.button.slim', { type: 'button', 'aria-label': () => `Take the invitation of ${one().name ?? one().login ?? 'whoever has the link'} back`, onclick: () => act(() => ask('DELETE', `/v1/invites/${one().id}`), 'The invitation is taken back', again) }, 'Take back'),
      ])))),
  ];
});

/** @type {import('../../ui/table.js').Column[]} */
const INVITED = [['For', 'wide'], ['As'], ['By'], ['Until', 'small fit'], ['Take back', 'unnamed fit']];
/** @returns {import('../../ui/table.js').Column[]} */
const columns = () => [['Person', 'wide'], ['Role'], ...(can('admin') ? /** @type {import('../../ui/table.js').Column[]} */ ([['Last seen', 'small fit'], ['Sessions', 'num']]) : []), ['More', 'unnamed fit']];
const SHORT = /** @type {[string, string][]} */ (ROLES.map(([role, text]) => [role, text.split(':')[0]]));

/** @param {() => any} one @param {() => Promise<void>} again */
function row(one, again) {
  const edit = (/** @type {Record<string, unknown>} */ body, /** @type {string} */ done) => act(() => ask('PATCH', `/v1/people/${one().login}`, { body }), done, again);
  const sure = async (/** @type {string} */ title, /** @type {string} */ text, /** @type {string} */ label, /** @type {(reason: string) => Promise<unknown>} */ then) => {
    const answer = await confirm(title, { text, confirm: label, danger: true, reason: 'asked' });
    if (answer) await then(answer.reason);
  };
  const change = async (/** @type {string} */ role) => {
    const { name, login } = one();
    const answer = await confirm(`Make ${name} ${role === 'viewer' ? 'a viewer' : `an ${role}`}?`, { text: login === me().login ? 'This is yourself: only an admin can make you one again.' : ROLES.find(([each]) => each === role)?.[1], confirm: 'Change the role', danger: login === me().login, reason: 'asked' });
    const isDone = answer && (await edit({ role, ...(answer.reason && { reason: answer.reason }) }, `${name} is ${role} now`));
    if (!isDone) await again(); // (so that the choice says what is)
  };
  const menu = (/** @type {any} */ event) => openMenu(event.currentTarget, [
    { label: 'Link for a new password…', run: () => void invite(again, one()) },
    { label: 'Sign out everywhere', run: () => void act(() => ask('DELETE', '/v1/sessions', { query: { login: one().login, all: '1' } }), `${one().name} is signed out everywhere`, again) },
    one().disabled_at ? { label: 'Let in again', run: () => void edit({ disabled: false }, `${one().name} may come in again`) }
      : { label: 'Lock out…', danger: true, run: () => void sure(`Lock ${one().name} out?`, 'They are signed out within a second, and can’t sign in until they are let in again.', 'Lock out', (reason) => edit({ disabled: true, ...(reason && { reason }) }, `${one().name} is locked out`)) },
    { label: 'Remove…', danger: true, run: () => void sure(`Remove ${one().name}?`, 'The account goes; what they did stays in the audit trail.', 'Remove', (reason) => act(() => ask('DELETE', `/v1/people/${one().login}`, { query: { reason } }), `${one().name} is removed`, again)) },
  ]);
  return cells(columns(), [
    h('div.row', null, () => avatar(one().name), h('div.grow', null, h('bdi', null, () => one().name), one().login === me().login && session()?.signed_in && h('span.muted', null, ' (you)'), h('div', null, h('code.muted', null, one().login)))),
    h('div.row.wrap', null, can('admin') ? h('div.slim-choice', null, choice(SHORT, () => one().role, change, { 'aria-label': `Role of ${one().login}` })) : () => one().role, () => one().disabled_at && h('span.badge.bad', null, 'locked out')),
    ...(can('admin') ? [() => (one().last_seen_at ? when(() => one().last_seen_at) : h('span.muted', null, 'never')), () => one().sessions] : []),
    can('admin') && h('button.button.quiet.icon.slim', { type: 'button', 'aria-haspopup': 'menu', 'aria-label': () => `More about ${one().name}`, onclick: menu }, icon('more')),
  ]);
}

/** A link for somebody new, or for a new password of `person`. @param {() => Promise<void>} again @param {any} [person] */
async function invite(again, person) {
  const role = signal(person?.role ?? 'editor');
  const login = h('input.input', { value: person?.login ?? '', readonly: Boolean(person), spellcheck: false, autocapitalize: 'none', placeholder: 'ann' });
  const name = h('input.input', { autocapitalize: 'words', placeholder: 'Ann Lee' });
  const made = await formDialog(person ? `A new password for ${person.name}` : 'Invite somebody', {
    confirm: 'Make the link',
    fields: (wrong) => [
      !person && field('Role', choice(ROLES, role, role.set, { autofocus: true }), { wrong: wrong('role') }),
      field(person ? 'Login' : 'Login (optional)', login, { hint: person ? null : 'Empty: they choose it themselves', wrong: wrong('login') }),
      !person && field('Name (optional)', name, { hint: 'As others will see them; they can change it', wrong: wrong('name') }),
    ],
    submit: () => ask('POST', '/v1/invites', { body: { role: role(), ...(login.value.trim() && { login: login.value.trim() }), ...(name.value.trim() && { name: name.value.trim() }) } }),
  });
  if (!made) return;
  again();
  await modal('Give them this link', (close) => [
    h('p', null, `It works once, until ${new Date(made.expires_at).toLocaleString()}, for whoever has it: send it where only they can read it.`), code(new URL(made.link, new URL('v1/invites', document.baseURI)).href),
    h('div.actions', null, h('button.button.primary', { type: 'button', onclick: () => close() }, 'Done'))], { wide: true });
}
