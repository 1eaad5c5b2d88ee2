import { ask, get } from '../core/api.js';
import { number, size, span } from '../core/amounts.js';
import { each, h } from '../core/dom.js';
import { computed, effect, untracked } from '../core/reactive.js';
import { repeated } from '../core/poll.js';
import { parameter, setParameters } from '../core/router.js';
import { fullTime, when } from '../core/time.js';
import { lacks, session } from '../store/session.js';
import { chart } from '../ui/chart.js';
import { confirm } from '../ui/dialog.js';
import { choice } from '../ui/field.js';
import { empty, failure, loading } from '../ui/parts.js';
import { cells, table } from '../ui/table.js';
import { failed, toast } from '../ui/toast.js';

const NOW_MS = 2000;
const HOUR_MS = 10_000;
const TRANSPORTS = /** @type {[string, string][]} */ ([['', 'Any transport'], ['websocket', 'WebSocket'], ['sse', 'SSE'], ['poll', 'Long-poll']]);
const NAMES = /** @type {Record<string, string>} */ ({ websocket: 'WebSocket', sse: 'SSE', poll: 'Long-poll' });
const LOOKS = /** @type {Record<string, string>} */ ({ live: 'ok', waiting: 'ok', lagging: 'bad', replaying: 'warn' });

/** Who is connected, and how the server is. */
export function page() {
  if (lacks('admin')) return h('div.content', null, empty('Connections', h('p', null, lacks('admin'))));
  const now = repeated(() => get('/v1/stats'), NOW_MS);
  const hour = repeated(() => get('/v1/stats', { history: '1h' }), HOUR_MS);
  const series = (/** @type {string} */ name) => /** @type {(number | null)[]} */ (hour.value()?.series[name] ?? []);
  const isReady = computed(() => Boolean(now.value()));
  return h('div.content', null,
    h('div.page-head', null, h('h1', null, 'Connections')),
    () => now.problem() && failure(now.problem(), () => now.again()),
    () => (isReady() ? figures(now.value) : loading(3)),
    h('div.charts', null,
      chart({ label: 'Connections', span: '1 h', unit: number, lines: () => ['websocket', 'sse', 'poll'].map((name) => ({ name: NAMES[name], values: series(name) })) }),
      chart({ label: 'Published per second', span: '1 h', unit: number, lines: () => [{ name: '', values: series('publishes_per_s') }] }),
      chart({ label: 'Delivered per second', span: '1 h', unit: number, lines: () => [{ name: '', values: series('deliveries_per_s') }] }),
      chart({ label: 'Publish to deliver, p99', span: '1 h', unit: (value) => `${number(value)} ms`, lines: () => [{ name: '', values: series('p99_ms') }] }),
      chart({ label: 'Lagging readers', span: '1 h', unit: number, lines: () => [{ name: '', values: series('lagging') }] })),
    connected());
}

/** @param {() => any} now */
function figures(now) {
  const fact = (/** @type {string} */ name, /** @type {() => any} */ value, /** @type {() => any} */ more) =>
    h('div.fact', null, h('dt.small.muted', null, name), h('dd', null, h('strong.num', null, value)), h('dd.small.muted', null, more));
  const all = () => now().connections;
  return h('dl.facts', null,
    fact('Connected', () => number(all().websocket + all().sse + all().poll), () => `${number(all().websocket)} WebSocket · ${number(all().sse)} SSE · ${number(all().poll)} long-poll`),
    fact('Delivered', () => `${number(now().rates.deliveries_per_s)}/s`, () => `${number(now().rates.publishes_per_s)}/s published`),
    fact('Lagging', () => number(all().lagging), () => `${number(all().replaying)} catching up`),
    fact('Publish to deliver', () => (now().latency.p99_ms === null ? '–' : `${number(now().latency.p99_ms)} ms`), () => (now().latency.p99_ms === null ? 'nothing was published just now' : `p99 of the last 10 s; half within ${number(now().latency.p50_ms)} ms`)),
    fact('Log', () => (now().log.bytes === null ? `${number(now().log.events ?? 0)} events` : size(now().log.bytes)), () => [now().log.bytes !== null && now().log.events !== null && `${number(now().log.events)} events`, now().log.free_bytes !== null && `${size(now().log.free_bytes)} free`, now().log.url === 'memory:' ? 'in memory only' : now().log.url].filter(Boolean).join(' · ')),
    fact('Kept for', () => kept(now().log.retention), () => now().log.first && ['the oldest ', when(() => now().log.first.time)]),
    fact('Server', () => `up ${span(now().uptime_s)}`, () => `${now().version} · ${size(now().process.rss_bytes)} · ${span(now().process.cpu_s)} of CPU`));
}

/** @param {any} retention */
const kept = ({ age_s: age, events, bytes }) => [age && span(age), events && `${number(events)} events`, bytes && size(bytes)].filter(Boolean).join(', or ') || 'ever';

/** The list, with the slowest first where that is asked for. */
function connected() {
  const transport = parameter('transport');
  const subject = parameter('subject');
  const sort = parameter('sort');
  const list = repeated(() => get('/v1/connections', { transport: untracked(transport), subject: untracked(subject) && `*${untracked(subject)}*`, sort: untracked(sort) || 'since', limit: 200 }), NOW_MS * 2);
  effect(() => {
    transport();
    subject();
    sort();
    untracked(() => list.again());
  });
  const rows = computed(() => list.value()?.connections ?? []);
  const state = computed(() => (!list.value() ? 'loading' : rows().length ? 'list' : 'none')); // (the table stays, with what has the focus in it)
  const body = each(h('tbody'), rows, ({ id }) => id, (one) => row(one, list.again));
  return h('section.card', { 'aria-label': 'Who is connected' },
    h('header.wrap', null, h('h2', null, 'Who is connected'), h('span.muted.num', null, () => (list.value() ? number(list.value().total) : '')), h('div.grow'),
      h('input.input.short', { type: 'search', placeholder: 'Who', 'aria-label': 'Only of', value: untracked(subject), oninput: (/** @type {any} */ event) => setParameters({ subject: event.target.value }) }),
      h('div.slim-choice', null, choice(TRANSPORTS, transport, (value) => setParameters({ transport: value }), { 'aria-label': 'Transport' })),
      h('div.slim-choice', null, choice([['', 'Newest first'], ['lag', 'Most behind first']], sort, (value) => setParameters({ sort: value }), { 'aria-label': 'Sorted by' }))),
    () => list.problem() && failure(list.problem(), () => list.again()),
    () => (state() === 'loading' ? !list.problem() && h('div.body', null, loading(4)) : state() === 'list' ? table('Who is connected', COLUMNS, body) : empty('Nobody', h('p', null, 'No connection is like that.'))),
    () => list.value() && rows().length < list.value().total && h('p.muted.small.body', null, `The first ${rows().length} of ${list.value().total} are shown: search for the one you mean.`));
}

/** @type {import('../ui/table.js').Column[]} */
const COLUMNS = [['Who', 'wide'], ['Address', 'small address'], ['Transport', 'fit'], ['State'], ['Behind', 'num'], ['Topics'], ['Since', 'small fit'], ['End it', 'unnamed fit']];

/** @param {() => any} one @param {() => void} again */
function row(one, again) {
  const { id, subject, role, credential, address, transport, topics, more, since } = untracked(one);
  const isOwn = credential && credential === `session:${untracked(session)?.session?.id}`;
  const end = async () => {
    const answer = await confirm(`Disconnect ${subject}?`, { text: `It is told to come back in two seconds${isOwn ? '; so does your own page' : ''}. Revoke its key, token or account if it must not.`, confirm: 'Disconnect', danger: true, reason: 'asked' });
    if (!answer) return;
    try {
      await ask('DELETE', `/v1/connections/${id}`, { query: { reason: answer.reason } });
      toast(`${subject} was disconnected`, { kind: 'ok' });
      again();
    } catch (error) {
      failed(error);
    }
  };
  return cells(COLUMNS, [
    [h('bdi', null, subject), isOwn && h('span.muted', null, ' (this browser)'), h('div.small.muted', { title: credential }, [role, credential?.replace(/:.*(?=.{8}$)/, ' …')].filter(Boolean).join(' · '))],
    address ?? '–',
    NAMES[transport] ?? transport,
    h('span.badge', { class: () => LOOKS[one().state] ?? '' }, () => one().state),
    () => number(one().lag ?? 0),
    h('code', { title: topics.join('\n') }, topics.slice(0, 2).join(', '), topics.length > 2 || more ? ` +${topics.length - 2 + more}` : ''),
    h('span', { title: fullTime(since) }, when(() => since)),
    h('button.button.slim', { type: 'button', 'aria-label': `Disconnect ${subject}`, onclick: end }, 'Disconnect'),
  ]);
}
