import { TricastError } from './errors.js';

/** @import {Envelope, IterateOptions} from './shapes.js' */

/**
 * Events for one `for await`, in a buffer with a bound.
 * @param {IterateOptions} options
 * @param {() => void} stop called when it ends, whoever ends it
 */
export function buffered({ buffer = 1000, overflow = 'error' }, stop) {
  /** @type {Envelope[]} */
  const events = [];
  /** @type {{error?: Error} | undefined} */
  let ended;
  let wake = () => {};

  /** What is buffered is read before. @param {Error} [error] is thrown then */
  function end(error) {
    ended ??= { error };
    stop();
    wake();
  }

  /** @param {Envelope} event */
  function push(event) {
    if (events.length < buffer) events.push(event);
    else if (overflow === 'drop-oldest') events.push(event), events.shift();
    else if (overflow === 'error')
      end(new TricastError('overflow', `${buffer} events wait: read faster, take a larger buffer, or say what to drop`));
    wake();
  }

  async function* read() {
    try {
      for (;;) {
        for (let event; (event = events.shift()); ) yield event;
        if (ended?.error) throw ended.error;
        if (ended) return;
        await new Promise((resolve) => (wake = () => resolve(0)));
      }
    } finally {
      end();
    }
  }

  const reader = read();
  const back = reader.return.bind(reader);
  // (a generator that was never read doesn't come to its `finally`)
  reader.return = (value) => (end(), back(value));
  return { push, end, reader };
}
