/** Shapes that the modules share, and the public interface. Written by hand; the other files here are generated. */

import type { TricastError } from './errors.js';
import type { Fallback } from './fallback.js';
import type { Tokens } from './tokens.js';

// The wire (docs/protocol.md)

/** An event, or a control event (which has no topic). */
export interface Envelope {
  id: string;
  source: string;
  type: string;
  topic?: string;
  /** The position just after it. Ephemeral events have none. */
  cursor?: string;
  subject?: string;
  time?: string;
  datacontenttype?: string;
  data?: any;
  data_base64?: string;
}

/** RFC 9457 problem details. */
export interface Problem {
  type?: string;
  title?: string;
  detail?: string;
  status?: number;
  field?: string;
  retry_after_s?: number;
}

export interface Hello {
  cursor?: string;
  heartbeat_s: number;
  expires_in_s: number | null;
  connection?: string;
}

/** A gap: what was between is not kept. Events go on from `cursor`; the oldest that is kept is at `oldest`. */
export interface Reset {
  reason: 'trimmed' | 'epoch' | 'ahead' | 'unknown';
  cursor: string;
  oldest: string;
}

export interface Member {
  subject: string;
  state: any;
  connections: number;
  since: string;
}

/** What was published, durable by now. */
export interface Receipt {
  id: string;
  cursor: string;
  duplicate?: boolean;
}

export interface PollAnswer {
  cursor: string;
  events: Envelope[];
  reset: Reset | null;
  presence?: { topics: Record<string, Member[]> };
}

// What the client uses of its surroundings

export interface Socket {
  onmessage: ((event: any) => void) | null;
  onclose: ((event: any) => void) | null;
  onerror: ((event: any) => void) | null;
  send(text: string): void;
  close(code?: number): void;
  /** Of npm's `ws`: at once. */
  terminate?(): void;
}

export interface Channel {
  onmessage: ((event: any) => void) | null;
  postMessage(message: any): void;
  close(): void;
}

/** Taken from where the client runs, unless given. `null`: there is none. */
export interface Runtime {
  WebSocket: (new (url: string, protocols: string[]) => Socket) | null;
  fetch: (url: string, init?: any) => Promise<Response>;
  setTimeout: (call: () => void, ms: number) => any;
  clearTimeout: (timer: any) => void;
  /** Milliseconds, going on while the machine sleeps. */
  now: () => number;
  /** From 0 to 1. */
  random: () => number;
  /** Remembers the transport that works, and flags. */
  storage: Pick<Storage, 'getItem' | 'setItem'> | null;
  locks: { request(name: string, options: any, callback?: any): Promise<any> } | null;
  BroadcastChannel: (new (name: string) => Channel) | null;
  /** Tells `online` and `offline`. */
  events: Pick<EventTarget, 'addEventListener' | 'removeEventListener'> | null;
}

// Inside

/** `tab`: through the tab that has the connection. */
export type Transport = 'websocket' | 'sse' | 'poll' | 'tab';

export interface Setup {
  runtime: Runtime;
  base: string;
  tokens: Tokens;
  fallback: Fallback;
  /** This client's id. */
  client: string;
  /** Aborted when the client is closed. */
  over: AbortSignal;
  /** To be called then. (Node warns of more than ten listeners to a signal.) */
  closing: Set<(reason: TricastError) => void>;
  /** An error that nobody waits for. */
  tell(error: TricastError): void;
  /** The tabs' common channel. */
  channel?: { post(message: any): void; listen(listener: (message: any) => void): () => void };
}

/** What a line is opened with. */
export interface Ask {
  transport: Transport;
  token: string | undefined;
  topics: string[];
  cursor: string;
  presence: boolean;
}

/** Where a transport puts what comes. */
export interface Sink {
  heard(bytes: number): void;
  message(message: Envelope): void;
  end(error: unknown): void;
}

export interface Link {
  close(): void;
  send?(command: object): void;
}

export type Open = (setup: Setup, ask: Ask, sink: Sink) => Link;

export interface LineHooks {
  heard(bytes: number): void;
  hello(): void;
  /** All but hello, goodbye and replies. */
  message(message: Envelope): void;
  /** Once; not after `close`. */
  end(error: TricastError): void;
}

export interface Hooks {
  /** Once, in order. */
  event(event: Envelope): void;
  reset(reset: Reset): void;
  presence(message: Envelope): void;
  /** Topics that were added, and are wanted no more. None: presence is. */
  refused(topics: string[], error: TricastError): void;
  /** Something of the status has changed. */
  status(): void;
  /** The cursor has, or there was a sign of life. */
  moved(): void;
}

// What an application sees

/**
 * `replaying`: connected, and what was missed is on its way. `offline`: the machine is. `failed`: something must be
 * changed first, `error` says what; then `auth()` goes on.
 */
export type State = 'connecting' | 'replaying' | 'live' | 'reconnecting' | 'offline' | 'failed' | 'closed';

export interface Counts {
  events: number;
  duplicates: number;
  reconnects: number;
  resets: number;
  bytes: number;
}

/** A token, or a function that is asked for one when it is needed: at first, before it expires, when it is refused. */
export type TokenSource =
  | string
  | null
  | undefined
  | (() => string | null | undefined | Promise<string | null | undefined>);

export interface Options extends Partial<Runtime> {
  /** Of the server, or of the path below which `/v1` is. Default: the page's origin. */
  url?: string;
  /** An API key works on `sse` and `poll` alone: say so in `transports`. */
  token?: TokenSource;
  /** Topics and patterns, for as long as the client lives. */
  topics?: string | string[];
  /** Where to begin: a cursor, `latest` (default), `earliest`, an RFC 3339 time, or a duration back such as `10m`. */
  cursor?: string;
  /** Best first. Default: all three. */
  transports?: ('websocket' | 'sse' | 'poll')[];
  /** One connection for all tabs of the same user (who is read from the token; else name a group). Default: true, where
   * there are Web Locks and BroadcastChannel. */
  share?: boolean | string;
}

export interface PublishOptions {
  type?: string;
  /** Makes it happen once, however often it is sent. Default: a new one. */
  id?: string;
  subject?: string;
  source?: string;
  /** How long to keep trying, in ms. Default: 30 s. */
  timeoutMs?: number;
}

export interface IterateOptions {
  /** How many events may wait to be read. Default: 1000. */
  buffer?: number;
  /** What happens to the next one. Default: `error`, the iterator throws a TricastError with the code `overflow`. */
  overflow?: 'error' | 'drop-oldest' | 'drop-newest';
}

export interface Subscription {
  /** Done when it is in force: nothing after that is missed. Rejected if the server refuses it. */
  readonly ready: Promise<void>;
  unsubscribe(): void;
}

export interface Told {
  /** An event that matches the client's topics. */
  event: Envelope;
  state: State;
  reset: Reset;
  /** Something of state, transport, error has changed. */
  status: void;
  /** A subscription, a flag's or a presence's request was refused. */
  error: TricastError;
}

/** A client: one connection, kept up. */
export interface Tricast {
  readonly state: State;
  readonly transport: Transport | undefined;
  /** Up to where everything was given: `connect({cursor})` goes on from there. */
  readonly cursor: string | undefined;
  /** The last round trip, in ms. */
  readonly latency: number | undefined;
  /** Why it is `failed`, `reconnecting` or `offline`. */
  readonly error: TricastError | undefined;
  /** When the next attempt is made, in ms since 1970; undefined while none is waited for. */
  readonly retryAt: number | undefined;
  readonly counts: Readonly<Counts>;
  /** Call back, until the function that is returned is called. */
  on<Name extends keyof Told>(name: Name, listener: (told: Told[Name]) => void): () => void;
  /** Events of further topics. */
  subscribe(topics: string | string[], listener?: (event: Envelope) => void): Subscription;
  /** The same, for `for await`. Subscribed from the call on. */
  events(topics: string | string[], options?: IterateOptions): AsyncGenerator<Envelope, void>;
  /** Publish, trying again until it is known to be durable. Throws TricastError. */
  publish(topic: string, data?: unknown, options?: PublishOptions): Promise<Receipt>;
  /** Who is on a topic. */
  presence(topic: string): Presence;
  /** The flags of an environment. */
  flags(app: string, environment: string, context?: Record<string, unknown>): Flags;
  /** Use another token (or ask for one) now. Goes on after `failed`. */
  auth(token?: TokenSource): void;
  close(): void;
}

export interface Presence {
  members(): Member[];
  /** Be there, with a state of up to 1 KiB of JSON. Said again after each reconnect. */
  set(state?: Record<string, unknown> | null): Promise<void>;
  leave(): Promise<void>;
  on(name: 'change', listener: (members: Member[]) => void): () => void;
  /** Leave, and listen no more. */
  close(): void;
}

export interface FlagChange {
  key: string;
  old: unknown;
  new: unknown;
}

export interface Flags {
  /** The value, or `fallback` where there is none, or one of another type. */
  get<Value>(key: string, fallback: Value): Value;
  all(): Record<string, unknown>;
  on(name: 'change', listener: (change: FlagChange) => void): () => void;
  on(name: 'stale', listener: (stale: boolean) => void): () => void;
  /** Done when there are values, remembered ones included. */
  readonly ready: Promise<void>;
  /** Whether the values may be old: remembered, or the connection is down. */
  readonly stale: boolean;
  /** Evaluate for another context. */
  context(context: Record<string, unknown>): Promise<void>;
  close(): void;
}
