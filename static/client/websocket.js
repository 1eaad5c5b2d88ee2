import { TricastError, problemError } from './errors.js';
import { eventsUrl } from './wire.js';

/** @import {Open, Problem} from './shapes.js' */

// RFC 6455 §7.4.1: it would be as wrong the next time.
const WRONG = [1002, 1003, 1007, 1008, 1009, 1010];

/** @type {Open} */
export function openWebSocket(setup, ask, sink) {
  const url = eventsUrl(setup, ask, { token: ask.token });
  url.protocol = url.protocol.replace('http', 'ws');
  /** @type {Problem | undefined} */
  let problem;
  const socket = new /** @type {NonNullable<typeof setup.runtime.WebSocket>} */ (setup.runtime.WebSocket)(url.href, [
    'tricast.v1',
  ]);
  socket.onerror = () => sink.end('the WebSocket failed'); // (Node 20 says no more than that)
  socket.onmessage = ({ data }) => {
    sink.heard(data.length);
    try {
      data = JSON.parse(data);
    } catch (cause) {
      return sink.end(cause);
    }
    if (data.type === 'tricast.error') problem = data.data;
    else sink.message(data);
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
    },
  };
}
