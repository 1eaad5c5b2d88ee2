// What every runtime does in these tests, in the same words: programs import this, pages and workers evaluate it.
// It takes `connect` from globalThis, and from `lacking` what the runtime has not.

(() => {
  const here = globalThis;
  const followers = new Map();
  const failures = [];
  here.lacking ??= {};

  if (here.document) {
    here.addEventListener('error', ({ message }) => failures.push(message));
    here.addEventListener('unhandledrejection', ({ reason }) => failures.push(String(reason)));
  }

  /** Numbers as runs of one after the other: [[0, 999]] is each of a thousand once, in order. */
  const add = (runs, n) => {
    if (runs.at(-1)?.[1] === n - 1) runs.at(-1)[1] = n;
    else runs.push([n, n]);
  };

  /** What is minutes for people is moments here: trying what is better, looking whether a hello is late. */
  const MOMENTS = { 2500: 250, 5000: 400, 300_000: 400 };
  const brisk = (clock) => ({
    now: () => Date.now() + clock.skipped,
    random: () => Math.random() / 20,
    setTimeout: (call, ms) => setTimeout(call, MOMENTS[ms] ?? ms),
  });

  /**
   * A client of `topic`. `room`: the topic where it is present; `flag`: the flag of the app demo that it evaluates;
   * `remembers`: it goes on where a page of the same tab was before.
   */
  here.follow = (name, { topic, room, flag, remembers, ...options }) => {
    const clock = { skipped: 0 };
    const kept = remembers && JSON.parse(sessionStorage.getItem(name));
    const seen = { runs: kept?.runs ?? [], states: [], transports: [], resets: [], members: [], flag: null };
    const cursor = kept ? { cursor: kept.cursor } : {};
    const client = here.connect({ topics: topic, share: false, ...brisk(clock), ...here.lacking, ...cursor, ...options });
    client.on('event', ({ topic: where, cursor, data }) => {
      if (where !== topic) return;
      add(seen.runs, data.n);
      if (remembers) sessionStorage.setItem(name, JSON.stringify({ cursor, runs: seen.runs }));
    });
    client.on('state', (state) => {
      seen.states.push(state);
      if (state === 'live') seen.transports.push(client.transport);
    });
    client.on('reset', (reset) => seen.resets.push(reset));
    client.on('error', (error) => failures.push(`${error.code}: ${error.message}`));
    if (room) {
      const presence = client.presence(room);
      presence.on('change', (members) => (seen.members = members));
      presence.set({ by: name }).catch((error) => failures.push(`presence: ${error.message}`));
    }
    const flags = flag && client.flags('demo', 'production');
    flags?.on('change', () => (seen.flag = flags.get(flag, null)));
    followers.set(name, {
      skip: (ms) => (clock.skipped += ms),
      close() {
        flags?.close();
        client.close();
      },
      report: () => ({
        ...seen,
        state: client.state,
        transport: client.transport ?? null,
        detail: client.error?.message ?? null,
      }),
    });
  };

  /** An EventSource, without a client of ours: it reconnects by itself. */
  here.watch = (name, topic) => {
    const seen = { runs: [], resets: [], state: 'connecting', transport: 'EventSource' };
    const source = new EventSource(`/v1/events?topic=${topic}`);
    source.onmessage = ({ data }) => add(seen.runs, JSON.parse(data).data.n);
    source.onerror = () => (seen.state = source.readyState === 2 ? 'failed' : 'reconnecting');
    source.addEventListener('tricast.live', () => (seen.state = 'live'));
    source.addEventListener('tricast.reset', ({ data }) => seen.resets.push(JSON.parse(data).data));
    followers.set(name, { close: () => source.close(), report: () => seen });
  };

  /** `follow` in a Web Worker; `text` is this text. */
  here.followInWorker = (name, options, text) => {
    const start = `
      globalThis.connect = (await import('${location.origin}/client/index.js')).connect;
      ${text};
      follow('it', ${JSON.stringify({ url: location.origin, ...options })});
      onmessage = async ({data}) => postMessage({ id: data, report: await report('it') });
      postMessage({ id: 0 });`;
    const blob = new Blob([start], { type: 'text/javascript' });
    const worker = new Worker(URL.createObjectURL(blob), { type: 'module' });
    const asked = new Map();
    worker.onerror = ({ message }) => failures.push(`worker: ${message}`);
    const answer = (id) => new Promise((resolve) => asked.set(id, resolve));
    const started = answer(0);
    worker.onmessage = ({ data }) => {
      asked.get(data.id)?.(data.report);
      asked.delete(data.id);
    };
    let questions = 0;
    followers.set(name, {
      close: () => worker.terminate(),
      async report() {
        await started;
        const reported = answer(++questions);
        worker.postMessage(questions);
        return reported;
      },
    });
  };

  here.skip = (name, ms) => followers.get(name).skip(ms);

  here.report = async (name) => ({ ...(await followers.get(name).report()), failures });

  here.closeAll = () => followers.forEach((follower) => follower.close());
})();
