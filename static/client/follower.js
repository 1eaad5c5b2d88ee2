import { TricastError } from './errors.js';
import { poll } from './longpoll.js';
import { offsetOf } from './position.js';
import { control, newId } from './wire.js';

/** @import {Hello, Open} from './shapes.js' */

/** What may come from the leader while this tab catches up. */
const MOST_KEPT = 1000;

/**
 * The leading tab, as a transport. It is asked for the topics, and answers when it has them all: what it tells from then
 * on, from the cursor of the answer, is complete. What lies between our cursor and that one is polled.
 * @type {Open}
 */
export function openTab(setup, ask, sink) {
  const { topics, presence } = ask;
  const id = newId();
  const channel = /** @type {NonNullable<typeof setup.channel>} */ (setup.channel);
  /** Who answered. What anybody else tells may lack our topics. @type {string | undefined} */
  let leader;
  /** What came while it catches up. @type {any[] | undefined} */
  let kept;
  let abort = new AbortController();

  const give = (/** @type {any} */ { after, cursor, events, reset }) => {
    sink.heard(0); // (what is kept is no sign that the polls get through)
    if (reset) sink.message(control('reset', reset));
    else if (offsetOf(after) > offsetOf(ask.cursor)) return sink.end('a gap between tabs');
    else {
      events.forEach(sink.message);
      sink.message(control('heartbeat', { cursor }));
    }
    if (reset || offsetOf(cursor) > offsetOf(ask.cursor)) ask.cursor = reset?.cursor ?? cursor;
  };

  /** @param {Hello & {cursor: string}} hello @param {AbortSignal} signal */
  const start = async ({ cursor, ...hello }, signal) => {
    if (ask.cursor === 'latest') ask.cursor = cursor;
    let isBehind = ask.cursor !== cursor;
    sink.message(control('hello', isBehind ? hello : { ...hello, cursor }));
    while (isBehind) {
      const count = await poll(setup, ask, sink, 0, signal);
      const end = Math.max(offsetOf(cursor), offsetOf(kept?.[0]?.after));
      isBehind = offsetOf(ask.cursor) < end;
      if (isBehind && !count) throw new TricastError('network', 'the server is behind the leading tab');
    }
    const rest = kept ?? [];
    kept = undefined;
    rest.forEach(give);
    sink.message(control('live', ask));
  };

  const question = () => {
    abort.abort();
    leader = undefined;
    channel.post({ ask: id, tab: setup.client, topics, presence });
  };

  const stop = channel.listen(({ from, to, who, error, hello, ...message }) => {
    if (!from || (to && to !== id)) return;
    if (error) sink.end(new TricastError(error.code, error.detail, error));
    else if (who) question(); // (another tab leads, or it has another connection)
    else if (hello) {
      abort.abort();
      const { signal } = (abort = new AbortController());
      leader = from;
      kept = [];
      start(hello, signal).catch((cause) => signal.aborted || sink.end(cause));
    } else if (from !== leader) return;
    else if (!kept) give(message);
    else if (kept.push(message) > MOST_KEPT) kept.shift(); // (that is polled for then)
  });

  question();
  return {
    close() {
      stop();
      abort.abort();
      channel.post({ bye: id });
    },
  };
}
