import { number } from '../core/amounts.js';
import { each, h } from '../core/dom.js';
import { computed, signal, untracked } from '../core/reactive.js';
import { parameter, place, setParameters } from '../core/router.js';
import { clockTime } from '../core/time.js';
import { app } from '../store/apps.js';
import { choice, field } from '../ui/field.js';
import { icon } from '../ui/icon.js';
import { code, copyButton, empty } from '../ui/parts.js';
import { MOST, follow } from './events/follow.js';
import { publisher } from './events/publish.js';
import { followLine } from './events/shell.js';

const VIA = /** @type {[string, string][]} */ ([['', 'By itself'], ['websocket', 'WebSocket'], ['sse', 'Server-Sent Events'], ['poll', 'Long-poll']]);
const NAMES = /** @type {Record<string, string>} */ (Object.fromEntries(VIA));
/** Asked for again is asked for anew. */
const turn = () => String(Date.now() % 1e6);

/** What is published, as it comes, on a transport of one's choice. */
export function page() {
  const topic = parameter('topic');
  const from = parameter('from');
  const via = parameter('via');
  const home = () => untracked(app)?.app ?? 'demo';
  const topics = h('input.input.mono', { required: true, spellcheck: false, autocapitalize: 'none', value: () => topic() || `${app()?.app ?? 'demo'}/**` });
  const start = h('input.input.mono', { list: 'starts', spellcheck: false, autocapitalize: 'none', value: () => from() || 'latest' });
  const way = choice(VIA, via, () => {}, {});
  const listen = (/** @type {Event} */ event) => {
    event.preventDefault();
    setParameters({ topic: topics.value.trim() || `${home()}/**`, from: start.value.trim() === 'latest' ? null : start.value.trim(), via: way.value || null, n: turn() });
  };
  const asked = computed(() => (topic() ? [topic(), from() || 'latest', via(), place().query.get('n')].join('\n') : ''));
  return h('div.content', null,
    h('div.page-head', null, h('h1', null, 'Events')),
    h('form.follow', { onsubmit: listen, 'aria-label': 'Follow' },
      field('Topics', topics, { hint: '* is one segment, ** at the end all below; several with a space between' }),
      field('From', start, { hint: 'latest, earliest, 10m, or a cursor' }),
      field('Transport', way, { hint: 'WebSocket, else SSE, else poll' }),
      h('datalist', { id: 'starts' }, ...['latest', 'earliest', '10m', '1h'].map((value) => h('option', { value }))),
      h('button.button.primary', { type: 'submit' }, icon('play'), 'Follow')),
    h('div.two', null,
      h('div.stack', null, () => {
        if (!asked()) return empty('Nothing is followed yet', h('p', null, 'Choose topics and press Follow; or publish a test event. The same from a shell:'), code(untracked(() => followLine({ topics: [`${home()}/**`], from: 'earliest', via: '' }))));
        return untracked(() => stream({ topics: topic().split(/[\s,]+/).filter(Boolean), from: from() || 'latest', via: via() }));
      }),
      h('div.stack', null, untracked(() => publisher({ topic: topic() || `${home()}/test` })))));
}

/** @param {{topics: string[], from: string, via: string}} what */
function stream(what) {
  const at = follow(what);
  const words = signal('');
  const shown = computed(() => (words() ? at.events().filter((event) => JSON.stringify(event).toLowerCase().includes(words().toLowerCase())) : at.events()));
  const list = each(h('ol.event-list', { 'aria-label': 'Events, the newest first' }), shown, (event) => String(event.at), (event) => one(event.peek()));
  return h('section.card', { 'aria-label': 'What comes' },
    h('header.wrap', null,
      h('span.badge', { class: () => (at.state() === 'live' ? 'ok' : 'warn') }, () => `${at.state()}${at.transport() ? ` · ${NAMES[at.transport()] ?? at.transport()}` : ''}`),
      h('span.num', null, () => `${number(at.count())} ${at.count() === 1 ? 'event' : 'events'}`),
      h('div.grow'),
      h('input.input.short', { type: 'search', placeholder: 'Only with…', 'aria-label': 'Only events with this text', oninput: (/** @type {any} */ event) => words.set(event.target.value) }),
      h('button.button.slim', { type: 'button', 'aria-pressed': () => String(at.isPaused()), onclick: () => at.pause(!at.isPaused()) }, () => [icon(at.isPaused() ? 'play' : 'pause'), at.isPaused() ? 'Go on' : 'Pause']),
      h('button.button.slim', { type: 'button', onclick: () => at.clear() }, 'Clear')),
    h('div.body.stack', null,
      () => at.problem() && h('div.notice.bad', { role: 'alert' }, h('div', null, at.problem()?.message)),
      () => at.resets().map((reset) => h('div.notice.warn', null, `A gap (${reset.reason}): what is before ${reset.oldest} is not kept any more. It goes on from ${reset.cursor}.`)),
      h('div.cursor.row.wrap.small.muted', null, h('span', null, 'Cursor ', h('code', null, () => at.cursor() || '–')), () => at.cursor() && copyButton(at.cursor(), 'Copy the cursor'),
        h('button.button.quiet.slim', { type: 'button', onclick: () => setParameters({ from: 'earliest', n: turn() }) }, 'Replay from the beginning')),
      h('div.stack.tight', null, h('span.small.muted', null, what.via === 'websocket' ? 'The same from a shell (over SSE: curl’s WebSockets are for those who like raw frames)' : 'The same from a shell'), code(followLine(what))),
      () => (shown().length ? null : h('p.muted', null, at.events().length ? 'No event has this text.' : at.state() === 'live' ? 'Nothing yet: what is published comes here at once.' : !at.problem() && 'Connecting…')),
      list,
      () => at.events().length === MOST && h('p.muted.small', null, `The ${MOST} newest are shown; the log has them all.`)));
}

/** The cursor that an event comes just after. @param {string} cursor */
const before = (cursor) => (/-1$/.test(cursor) ? 'earliest' : cursor.replace(/\d+$/, (offset) => String(Number(offset) - 1)));

/** @param {any} event */
function one(event) {
  const { at, ...envelope } = event;
  const isOpen = signal(false);
  const short = event.data === undefined ? event.data_base64 ? 'binary' : '' : JSON.stringify(event.data);
  return h('li', null,
    h('button.event-line', { type: 'button', 'aria-expanded': () => String(isOpen()), onclick: () => isOpen.set(!isOpen()) },
      h('span.small.muted.num', null, event.time ? clockTime(event.time) : ''), h('code', { dir: 'auto' }, event.topic), h('span.badge', null, event.type),
      h('code.muted.ellipsis.grow', { dir: 'auto' }, short.slice(0, 300))),
    () => isOpen() && h('div.stack.tight.event-whole', null, code(JSON.stringify(envelope, null, 2)),
      event.cursor && h('div.row', null, h('button.button.slim', { type: 'button', onclick: () => setParameters({ from: before(event.cursor), n: turn() }) }, 'Replay from here'))));
}
