import { ask } from '../core/api.js';
import { h } from '../core/dom.js';
import { signal } from '../core/reactive.js';
import { go, place } from '../core/router.js';
import { enter, farewell, session, signIn } from '../store/session.js';
import { field } from '../ui/field.js';
import { form } from '../ui/form.js';
import { mark } from '../ui/mark.js';
import { loading } from '../ui/parts.js';
import { toast } from '../ui/toast.js';

/** @typedef {(name: string) => () => string | undefined} Wrong */

const LEAST_PASSWORD = 8;
/** Codes are taken out of the address at once, so that nobody sees or copies them; a reload still has them. */
const code = signal(String(history.state?.code ?? ''));

/** Where one comes in: signing in, the first start, an invitation. */
export function door() {
  const { path } = place();
  if ((path[0] === 'setup' || path[0] === 'join') && path[1]) {
    code.set(path[1]);
    history.replaceState({ code: path[1] }, '', `#/${path[0]}`);
  }
  if (path[0] === 'setup') return session()?.setup && code() ? setup() : session()?.setup ? notSetUp() : entry('This server is set up already: the link was good once. Sign in, or ask an admin to invite you.');
  if (path[0] === 'join' && code()) return join();
  return session()?.setup ? notSetUp() : entry(farewell());
}

/** @param {string} title @param {any} under @param {...any} rest */
function card(title, under, ...rest) {
  document.title = `${title} · tricast`;
  const element = h('main.door', null, h('div.card', null, h('div.brand', null, mark(), h('span', null, 'tricast')),
    h('div.stack.tight', null, h('h1', null, title), under && h('p.muted', null, under)), ...rest));
  setTimeout(() => element.querySelector('[data-first]')?.focus()); // (also what comes later than the page)
  return element;
}

/** @param {string} [said] why one is here */
function entry(said) {
  const login = h('input.input', { name: 'login', autocomplete: 'username', autocapitalize: 'none', spellcheck: false, 'data-first': true, required: true });
  const password = h('input.input', { name: 'password', type: 'password', autocomplete: 'current-password', required: true });
  return card('Sign in', null,
    said && h('div.notice.warn', { role: 'status' }, said),
    form({ confirm: 'Sign in', submit: () => signIn(login.value.trim(), password.value), fields: (/** @type {Wrong} */ wrong) => [
      field('Login', login, { wrong: wrong('login') }),
      field('Password', password, { wrong: wrong('password') }),
    ] }),
    h('p.muted.small', null, 'Locked out? Any admin can make a new link for you, here or in a shell: ', h('code', null, 'tricast person invite --login you')));
}

const notSetUp = () =>
  card('Almost there', 'This server has no people yet. When it started it printed a link beginning with', h('pre', null, `${new URL('.', document.baseURI).href}#/setup/…`),
    h('p.muted', null, 'Open that link to make the first admin. It is new at each start: restart the server if you have lost it.'));

/** Login, name, password of somebody new. @param {{login?: string | null, name?: string | null}} given */
function identity({ login: fixed, name: proposed } = {}) {
  const login = h('input.input', { name: 'login', autocomplete: 'username', autocapitalize: 'none', spellcheck: false, required: true, value: fixed ?? '', readonly: Boolean(fixed), 'data-first': !fixed });
  const name = h('input.input', { name: 'name', autocomplete: 'name', value: proposed ?? '' });
  const password = h('input.input', { name: 'password', type: 'password', autocomplete: 'new-password', required: true, minlength: LEAST_PASSWORD, 'data-first': Boolean(fixed) });
  return {
    fields: (/** @type {Wrong} */ wrong) => [
      field('Login', login, { hint: fixed ? null : 'Small letters, digits, and . _ @ + -', wrong: wrong('login') }),
      field('Name', name, { hint: 'As others see you; empty: as you sign in', wrong: wrong('name') }),
      field('Password', password, { hint: `At least ${LEAST_PASSWORD} characters`, wrong: wrong('password') }),
    ],
    values: () => ({ login: login.value.trim(), name: name.value.trim() || login.value.trim(), password: password.value }),
  };
}

function setup() {
  const who = identity();
  const app = h('input.input', { name: 'app', required: true, pattern: '[^\\s\\/*]+', title: 'One word, without blanks, * or /.', value: 'demo', autocapitalize: 'none', spellcheck: false });
  return card('Welcome to tricast', 'Make the first admin, and name what you will switch on and off.',
    form({ confirm: 'Begin', submit: async () => {
      const made = await ask('POST', '/v1/setup', { body: { code: code(), ...who.values() } });
      try {
        await ask('PUT', `/v1/apps/${app.value.trim() || 'demo'}`, { body: {} });
      } catch (error) {
        toast(`The app was not made: ${/** @type {Error} */ (error).message} You can do it in Settings.`, { kind: 'bad' });
      }
      within(made);
    }, fields: (wrong) => [...who.fields(wrong), field('First app', app, { hint: 'One word for your product, such as shop. It has the environments development and production.', wrong: wrong('app') })] }));
}

function join() {
  const invitation = signal(/** @type {any} */ (undefined));
  const problem = signal(/** @type {Error | undefined} */ (undefined));
  const look = () => {
    problem.set(undefined);
    ask('POST', '/v1/invites/look', { body: { code: code() } }).then(invitation.set, problem.set);
  };
  look();
  return h('div', null, () => {
    if (problem()) return card('This invitation can’t be used', problem()?.message,
      h('div.row', null, h('button.button', { type: 'button', onclick: look }, 'Try again'), h('a.button.quiet', { href: '#/', onclick: () => code.set('') }, 'To the sign-in')));
    const { role, login, name, by, reset } = invitation() ?? {};
    if (!invitation()) return card('One moment…', null, loading(3));
    const who = identity({ login, name });
    return card(reset ? 'Choose a new password' : 'Join this tricast', reset ? 'You are signed out everywhere else.' : [h('bdi', null, by), ` has invited you as ${role}.`],
      form({ confirm: reset ? 'Set password' : 'Join', fields: who.fields, submit: async () => within(await ask('POST', '/v1/invites/accept', { body: { code: code(), ...who.values() } })) }));
  });
}

/** @param {import('../store/session.js').Session} made */
function within(made) {
  code.set('');
  go('#/flags', { replace: true });
  enter(made);
}
