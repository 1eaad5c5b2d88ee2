import { TricastError, problemError } from './errors.js';
import { eventsUrl, parse } from './wire.js';

/** @import {Open, Problem, Setup, Socket} from './shapes.js' */

// RFC 6455 §7.4.1: it would be as wrong the next time. (1002 is not: a proxy broke what was on the way.)
const WRONG = [1003, 1007, 1008, 1009, 1010];

/** @type {Open} */
export function openWebSocket(setup, ask, sink) {
  const url = eventsUrl(setup, ask, { token: ask.token });
  url.protocol = url.protocol.replace('http', 'ws');
  /** @type {Problem | undefined} */
  let problem;
  const socket = create(setup, url.href);
  socket.onerror = () => sink.end('the WebSocket failed'); // (Node 20 says no more than that)
  socket.onmessage = ({ data }) => {
    try {
      const message = parse(data);
      sink.heard(data.length);
      if (message.type === 'tricast.error') problem = message.data;
      else sink.message(message);
    } catch (cause) {
      sink.end(cause);
    }
  };
  socket.onclose = ({ code, reason }) => {
    if (code >= 4400 && code < 4600) problem ??= { type: 'closed', detail: reason, status: code - 4000 };
    if (WRONG.includes(code)) problem ??= { type: 'protocol', detail: `${code} ${reason}`, status: 400 };
    sink.end(problem ? problemError(problem) : new TricastError('network', `the WebSocket closed: ${code} ${reason}`));
  };
  return {
    send: (command) => socket.send(JSON.stringify(command)),
    close() {
      socket.onmessage = socket.onclose = null;
      socket.close(1000);
      socket.terminate?.(); // (`ws` would wait 30 s for an answer, and the program with it)
    },
  };
}

/** @param {Setup} setup @param {string} url @returns {Socket} */
function create({ runtime: { WebSocket } }, url) {
  try {
    return new /** @type {NonNullable<typeof WebSocket>} */ (WebSocket)(url, ['tricast.v1']);
  } catch (cause) {
    // (what it says has the URL in it, and that has the token)
    throw new TricastError('network', `a WebSocket can't be opened: ${/** @type {Error} */ (cause).name}`);
  }
}
