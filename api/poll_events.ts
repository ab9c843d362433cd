/**
 * The buffer that `Poller.wait` fills, made once and used again and again.
 *
 * @module
 */
import { SockeyeError } from "../core/error.ts";
import {
  ERROR,
  GONE,
  HUP,
  NO_TOKEN,
  READ_CLOSED,
  READABLE,
  WRITABLE,
} from "../core/readiness.ts";
import type { ReadinessSource } from "./source.ts";

/** A source that a poller watches. */
export interface Registration<T> {
  readonly source: ReadinessSource;
  data: T;
  /** `NO_TOKEN` once it was removed. */
  token: number;
  stop: () => void;
}

/** Empties a buffer. */
export let clearEvents: <T>(events: PollEvents<T>) => void;
/** Appends to a buffer that is not full. */
export let pushEvent: <T>(
  events: PollEvents<T>,
  registration: Registration<T>,
  ready: number,
) => void;

let setEvent: <T>(
  event: PollEvent<T>,
  registration: Registration<T> | undefined,
  ready: number,
) => void;
let isLive: (event: PollEvent<unknown>) => boolean;

/**
 * What one source is ready for. Belongs to its {@linkcode PollEvents}, which
 * fills it anew in the next `wait`: keep its `source` or `data`, not itself.
 *
 * Once its source was removed from the poller, or closed, it is ready for
 * nothing.
 *
 * @example
 * ```ts
 * import { listen, Poller, PollEvents } from "@sockeye/net";
 *
 * const listener = await listen("mem:events");
 * const poller = new Poller<string>();
 * poller.add(listener, { readable: true }, "the listener");
 * const events = new PollEvents<string>(8);
 * await poller.wait(events, 0);
 * for (const { data, readable } of events) console.log(data, readable);
 * poller.close();
 * await listener.close();
 * ```
 */
export class PollEvent<T = unknown> {
  #registration: Registration<T> | undefined;
  #ready = 0;

  static {
    setEvent = (event, registration, ready): void => {
      event.#registration = registration;
      event.#ready = ready;
    };
    // A closed source tells so in a later turn, and must not be told till then.
    isLive = (event): boolean =>
      event.#registration !== undefined &&
      event.#registration.token !== NO_TOKEN &&
      (event.#registration.source.readiness & GONE) === 0;
  }

  /** The source, as it was added. */
  get source(): ReadinessSource {
    return this.#known().source;
  }
  /** What was handed in with the source. */
  get data(): T {
    return this.#known().data;
  }
  /** All of it as bits: 1 readable, 2 writable, 4 readClosed, 8 hangup, 16 failed. */
  get ready(): number {
    return isLive(this) ? this.#ready : 0;
  }
  /** A read gives bytes, the end or the error at once; a listener has a connection waiting. */
  get readable(): boolean {
    return (this.ready & READABLE) !== 0;
  }
  /** A write is taken at once, at least in part. */
  get writable(): boolean {
    return (this.ready & WRITABLE) !== 0;
  }
  /** The peer ended its direction; data may remain. Only if it was asked for. */
  get readClosed(): boolean {
    return (this.ready & READ_CLOSED) !== 0;
  }
  /** Both directions are over or the connection failed, and nothing remains to read. */
  get hangup(): boolean {
    return (this.ready & HUP) !== 0;
  }
  /** The connection failed. */
  get failed(): boolean {
    return (this.ready & ERROR) !== 0;
  }

  #known(): Registration<T> {
    if (this.#registration !== undefined) return this.#registration;
    throw new SockeyeError(
      "ERR_SOCKEYE_STATE",
      "Cannot look at an event: its buffer has been filled anew",
    );
  }
}

/**
 * A caller-owned buffer of events. All its events are made with it, so that a
 * `wait` allocates nothing for each of them.
 *
 * Iterating it skips sources that were removed or closed since the `wait`; so
 * sources may be added, removed and closed while one iterates.
 *
 * @example
 * ```ts
 * import { listen, Poller, PollEvents } from "@sockeye/net";
 *
 * const listener = await listen("tcp://127.0.0.1:0");
 * const poller = new Poller();
 * const events = new PollEvents(64);
 * poller.add(listener, { readable: true });
 * await poller.wait(events, 0);
 * for (const event of events) {
 *   if (event.readable) listener.tryAccept()?.abort();
 * }
 * poller.close();
 * await listener.close();
 * ```
 */
export class PollEvents<T = unknown> implements Iterable<PollEvent<T>> {
  /** Events that one `wait` gives at most (`maxevents` of epoll_wait(2)). */
  readonly capacity: number;
  readonly #events: PollEvent<T>[];
  #length = 0;

  static {
    clearEvents = (events): void => {
      // The sources of former events are not to be kept alive by their buffer.
      for (let i = 0; i < events.#length; i++) {
        setEvent(events.#events[i]!, undefined, 0);
      }
      events.#length = 0;
    };
    pushEvent = (events, registration, ready): void => {
      setEvent(events.#events[events.#length++]!, registration, ready);
    };
  }

  /**
   * Makes an empty buffer.
   *
   * @param capacity 1 to 1048576
   * @throws {SockeyeError} `EINVAL` for any other capacity
   */
  constructor(capacity: number) {
    if (!Number.isInteger(capacity) || capacity < 1 || capacity > 1 << 20) {
      throw new SockeyeError(
        "EINVAL",
        `Cannot make room for ${capacity} events: 1 to 1048576 are allowed`,
      );
    }
    this.capacity = capacity;
    this.#events = Array.from({ length: capacity }, () => new PollEvent<T>());
  }

  /** How many events the last `wait` gave. */
  get length(): number {
    return this.#length;
  }

  /**
   * One event by its place.
   *
   * @param index 0 to `length` - 1
   * @returns undefined beyond them
   */
  at(index: number): PollEvent<T> | undefined {
    return index >= 0 && index < this.#length ? this.#events[index] : undefined;
  }

  /** The events of the last `wait`, without those whose source was removed or closed since. */
  [Symbol.iterator](): Iterator<PollEvent<T>, undefined> {
    return new Cursor(this);
  }
}

/** Is its own result, so that a step of the iteration allocates nothing. */
class Cursor<T> {
  readonly #events: PollEvents<T>;
  #index = 0;
  done = false;
  value: PollEvent<T> | undefined;

  constructor(events: PollEvents<T>) {
    this.#events = events;
  }

  next(): IteratorResult<PollEvent<T>, undefined> {
    do {
      this.value = this.#events.at(this.#index++);
    } while (this.value !== undefined && !isLive(this.value));
    this.done = this.value === undefined;
    return this as IteratorResult<PollEvent<T>, undefined>;
  }
}
