import { address } from '../../core/api.js';
import { session } from '../../store/session.js';

/** For a shell. @param {string} text */
export const quoted = (text) => (/^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", `'\\''`)}'`);

/** What a shell shows instead of the page's cookie; the shell puts the key in. */
const shown = () => (session()?.open ? '' : ' -H "Authorization: Bearer $TRICAST_KEY"');

/** Characters that a URL may hold as they are, so that one can read it. @param {string} url */
const readable = (url) => url.replace(/%(2F|2A|3A|2C)/g, (escaped) => decodeURIComponent(escaped));

/** The line that gets what the page shows. @param {{topics: string[], from: string, via: string}} what */
export function followLine({ topics, from, via }) {
  const url = quoted(readable(new URL(address('/v1/events', { topic: topics, ...(from !== 'latest' && { cursor: from }) }), document.baseURI).href));
  return via === 'poll' ? `curl${shown()} ${url}` : `curl -N -H 'Accept: text/event-stream'${shown()} ${url}`;
}

/** The line that publishes. @param {string} body */
export const publishLine = (body) => `curl --json ${quoted(body)}${shown()} ${quoted(new URL('v1/events', document.baseURI).href)}`;
