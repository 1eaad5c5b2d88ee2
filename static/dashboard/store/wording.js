/**
 * @typedef {object} Entry One entry of the audit trail (docs/audit.md).
 * @property {string} id
 * @property {string} time
 * @property {string} action
 * @property {string | null} app
 * @property {string[]} environments
 * @property {string} kind
 * @property {string} key
 * @property {number | null} version
 * @property {number | null} previous_version
 * @property {{path: string, before?: any, after?: any}[]} changes
 * @property {{subject: string, role: string | null, credential: string | null, address: string | null}} actor
 * @property {string | null} reason
 * @property {string | null} request_id
 */

/** What was done, without to what: `turned … on in production`. `…` stands for the thing. */
const WHOLE = /** @type {Record<string, string>} */ ({
  'flag.created': 'made …',
  'flag.archived': 'archived …',
  'flag.restored': 'brought … back',
  'flag.deleted': 'deleted …',
  'app.created': 'made the app …',
  'app.updated': 'changed the app …',
  'schema.created': 'gave events of type … a schema',
  'schema.updated': 'changed the schema of events of type …',
  'schema.deleted': 'removed the schema of events of type …',
  'backup.downloaded': 'downloaded a backup',
  'key.created': 'made the API key …',
  'key.revoked': 'revoked the API key …',
  'token.revoked': 'revoked the token …',
  'subject.revoked': 'revoked all tokens of …',
  'flag-environment.updated': 'changed what all flags of … share',
  'person.removed': 'removed the account of …',
  'person.signed-in': 'signed in',
  'person.signed-out': 'signed out',
  'invite.revoked': 'took the invitation of … back',
  'invite.used': 'used an invitation',
  'session.revoked': 'ended a session of …',
  'connection.ended': 'disconnected …',
});

/** @param {string[]} names */
export const listed = (names) => (names.length < 2 ? names.join('') : `${names.slice(0, -1).join(', ')} and ${names.at(-1)}`);

/** What depends on more than the action. @type {Record<string, (entry: Entry) => string>} */
const PERSONAL = {
  'person.created': ({ actor, key }) => (actor.subject === key ? 'joined' : 'let … in'),
  'password.changed': ({ actor, key }) => (actor.subject === key ? 'chose a new password' : 'chose a new password for …'),
  'person.updated': ({ actor, key, changes }) => {
    const [{ path = '', after } = {}, ...more] = changes;
    if (more.length) return 'changed the account of …';
    if (path === '/role') return `made … ${article(after)}`;
    if (path === '/disabled_at') return after ? 'locked … out' : 'let … in again';
    return path === '/name' && actor.subject === key ? `took the name ${after}` : 'changed the account of …';
  },
  'invite.created': ({ changes }) => {
    const { role, reset } = changes[0]?.after ?? {};
    return reset ? 'made a link to a new password for …' : `invited … as ${role}`;
  },
};

/** @param {string} role */
const article = (role) => `${/^[aeio]/.test(role) ? 'an' : 'a'} ${role}`;

/** What an entry is about, in a word or two. @param {Entry} entry */
export function titleOf({ kind, key, changes }) {
  const whole = changes.find(({ path }) => path === '');
  const { name, login } = whole?.after ?? whole?.before ?? {};
  if (kind === 'invite') return name ?? login ?? 'somebody';
  if (kind === 'session') return login ?? key;
  return kind !== 'flag' && kind !== 'person' && typeof name === 'string' && name ? name : key;
}

/** What an entry tells, as a phrase with `…` where the thing stands. @param {Entry} entry */
export function phrase(entry) {
  const { action, changes, kind } = entry;
  if (PERSONAL[action]) return PERSONAL[action](entry);
  if (WHOLE[action]) return WHOLE[action];
  if (kind !== 'flag') return `${action.replace(/^.*\./, '').replaceAll('_', ' ')} ${kind.replaceAll('-', ' ')} …`;
  const told = [...Map.groupBy(changes.map(inWords), ({ text }) => text)];
  const parts = told.map(([text, list]) => {
    const where = [...new Set(list.map(({ environment }) => environment).filter(Boolean))];
    return text + (where.length ? ` in ${listed(/** @type {string[]} */ (where))}` : '');
  });
  const [first = 'changed …', ...rest] = parts;
  return [first, ...rest.map((part) => part.replace('…', 'it'))].slice(0, 3).join(', ') + (rest.length > 2 ? ' and more' : '');
}

/** @param {{path: string, before?: any, after?: any}} change @returns {{text: string, environment?: string}} */
function inWords({ path, before, after }) {
  const [, first, ...rest] = path.split('/').map((part) => part.replaceAll('~1', '/').replaceAll('~0', '~'));
  if (first !== 'environments') return { text: first === 'variants' ? 'changed the variants of …' : first === 'tags' ? 'changed the tags of …' : `changed the ${first} of …` };
  const [environment, what] = rest;
  if (!what) return { environment, text: before === undefined ? 'put …' : after === undefined ? 'took … out' : 'changed …' };
  if (what === 'state') return { environment, text: after === 'ENABLED' ? 'turned … on' : 'turned … off' };
  if (what === 'defaultVariant') return { environment, text: after === null || after === undefined ? 'let … be the code’s own default' : `made … serve ${after}` };
  if (what === 'targeting') return { environment, text: before === undefined ? 'gave … rules' : after === undefined ? 'took the rules off …' : 'changed the rules of …' };
  return { environment, text: `changed the ${what} of …` };
}

/** Entries next to each other that say the same of several things are told as one. @param {Entry[]} entries */
export function grouped(entries) {
  /** @type {{id: string, phrase: string, entries: Entry[]}[]} */
  const groups = [];
  for (const entry of entries) {
    const last = groups.at(-1);
    const words = phrase(entry);
    const head = last?.entries[0];
    const isSame = last && head && last.phrase === words && head.actor.subject === entry.actor.subject && head.reason === entry.reason && head.kind === entry.kind && head.app === entry.app
      && Math.abs(Date.parse(last.entries.at(-1)?.time ?? '') - Date.parse(entry.time)) < 10 * 60_000;
    if (isSame && !last.entries.some(({ key }) => key === entry.key)) {
      last.entries.push(entry);
      last.id = entry.id; // (the oldest: it stays the same group when something is added)
    } else groups.push({ id: entry.id, phrase: words, entries: [entry] });
  }
  return groups;
}
