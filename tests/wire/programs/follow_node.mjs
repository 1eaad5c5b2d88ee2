// Event-stream clients from npm: `follow_node.mjs PACKAGE URL`. Each reconnects by itself and resumes from
// the last id that it has seen.
// Writes the envelope of each event as a line; ends where the client gives up or the log has a gap.
import { createRequire } from 'node:module';

const installed = createRequire(`${process.env.TRICAST_NPM}/`);
const fail = (why) => {
  console.error(why);
  process.exit(1);
};
const onmessage = (event) => console.log(event.data);
const onreset = (event) => fail(event.data);
const onerror = (event) => event.target?.readyState === 2 && fail(`gave up: ${event.code ?? event.status}`);

const clients = {
  'eventsource': async (url) => {
    const { EventSource } = await import(installed.resolve('eventsource'));
    const source = new EventSource(url);
    Object.assign(source, { onmessage, onerror }).addEventListener('tricast.reset', onreset);
  },
  'event-source-polyfill': (url) => {
    const { EventSourcePolyfill } = installed('event-source-polyfill');
    const source = new EventSourcePolyfill(url);
    Object.assign(source, { onmessage, onerror }).addEventListener('tricast.reset', onreset);
  },
  // It keeps the id of those events only that have a listener; `onmessage` alone would not do.
  'reconnecting-eventsource': async (url) => {
    const { EventSource } = await import(installed.resolve('eventsource'));
    const { default: ReconnectingEventSource } = installed('reconnecting-eventsource');
    const source = new ReconnectingEventSource(url, { eventSourceClass: EventSource, max_retry_time: 500 });
    source.addEventListener('message', onmessage);
    source.addEventListener('tricast.reset', onreset);
  },
  // What it takes for granted of a browser is there: a window, and a document that is never hidden.
  '@microsoft/fetch-event-source': (url) => {
    Object.assign(globalThis, { window: globalThis, document: new EventTarget() });
    const { fetchEventSource } = installed('@microsoft/fetch-event-source');
    const take = (event) => (event.event === 'tricast.reset' ? onreset(event) : !event.event && onmessage(event));
    const onclose = () => { throw new Error('closed'); }; // (it takes a closed stream for the end otherwise)
    fetchEventSource(url, { onmessage: take, onclose, onerror: () => 200 }).catch(fail);
  },
  'launchdarkly-eventsource': (url) => {
    const { EventSource } = installed('launchdarkly-eventsource');
    const source = new EventSource(url, { initialRetryDelayMillis: 200 });
    Object.assign(source, { onmessage, onerror: () => {}, onclosed: () => fail('gave up') });
    source.addEventListener('tricast.reset', onreset);
  },
  'eventsource-client': async (url) => {
    const { createEventSource } = await import(installed.resolve('eventsource-client'));
    for await (const { event, data } of createEventSource({ url })) {
      if (event === undefined) onmessage({ data });
      else if (event === 'tricast.reset') onreset({ data });
    }
  },
};

const [name, url] = process.argv.slice(2);
await clients[name](url);
// A timer to reconnect keeps no process alive in some of them; an application's own work does.
setInterval(() => {}, 60_000);
