// npm `eventsource`: it reconnects by itself and sends the Last-Event-ID that it has.
// Says an envelope a line; ends with a word on stderr where EventSource gives up, or the log has a gap.
import { createRequire } from 'node:module';

const installed = createRequire(`${process.env.TRICAST_NPM}/`);
const { EventSource } = await import(installed.resolve('eventsource'));

const fail = (why) => {
  console.error(why);
  process.exit(1);
};
const source = new EventSource(process.argv[2]);
source.onmessage = (event) => console.log(event.data);
source.onerror = (event) => source.readyState === EventSource.CLOSED && fail(`given up: ${event.code}`);
source.addEventListener('tricast.reset', (event) => fail(event.data));
// Its timer to reconnect keeps no process alive; an application's own work does.
setInterval(() => {}, 60_000);
