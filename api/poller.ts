/**
 * Waiting for many sources at once, as epoll(7) does.
 *
 * @module
 */
import { SockeyeError } from "../core/error.ts";
import { GONE, NO_TOKEN, placeOf, ReadinessSet } from "../core/readiness.ts";
import type { Scheduler } from "../core/runtime.ts";
import { bitsOf, type Interest, modeOf } from "./interest.ts";
import {
  clearEvents,
  PollEvents,
  pushEvent,
  type Registration,
} from "./poll_events.ts";
import type { ReadinessSource } from "./source.ts";

export type { Interest };

/**
 * Events handed out before a `wait` lets the runtime's loop turn once. Promises
 * settle between two turns, so a loop over sources that are always ready would
 * otherwise never hear of anything new, nor would anything else in the process.
 * A turn costs 1 to 2 µs on Node and Bun and 50 µs on Deno, so 0.01 and 0.2 µs
 * for each event; 256 echoes take about 1.5 ms.
 */
export const eventsPerTurn = 256;

/** The longest timeout, ms: an `int`, as poll(2) has it, and what runtimes' timers take. */
const maxTimeout = 2 ** 31 - 1;

/**
 * Options of `Poller.wait`.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * import { Poller, type PollerWaitOptions, PollEvents } from "@sockeye/net";
 *
 * using poller = new Poller();
 * const stop = new AbortController();
 * const options: PollerWaitOptions = { signal: stop.signal };
 * const waiting = poller.wait(new PollEvents(8), -1, options);
 * stop.abort(new Error("shutting down"));
 * await assert.rejects(waiting, { message: "shutting down" });
 * ```
 */
export interface PollerWaitOptions {
  /** Ends the wait with `signal.reason`; the poller lives on. */
  signal?: AbortSignal;
}

/** A `wait` that could not be answered at once. */
interface Wait<T> {
  readonly events: PollEvents<T>;
  readonly timeout: number;
  readonly signal: AbortSignal | undefined;
  readonly onAbort: () => void;
  readonly resolve: (count: number) => void;
  readonly reject: (reason: unknown) => void;
  deadline: number;
  timer: unknown;
  /** The loop is asked to turn; arrivals are looked at when it has. */
  turning: boolean;
}

/**
 * Watches many sources and tells which are ready: connections, listeners,
 * whatever is a {@linkcode ReadinessSource}.
 *
 * Level-triggered, a source is told again and again as long as it is ready.
 * With `edge` it is told once for each arrival: read or write until that would
 * have to wait, then wait for the next. With `oneShot` it is told once, until
 * `modify` arms it again. An event always tells all that is waited for and
 * that the source is ready for now. Readable and writable may be spurious.
 *
 * Where a buffer has less room than there are sources ready, they are served
 * in turn. A source that we close ourselves is forgotten, as by close(2).
 *
 * Time is that of the runtime of the first source added. Every 256 events, one
 * `wait` lets the runtime's loop turn, so that a source that nobody reads
 * starves no other.
 *
 * `T` is the type of what is handed in with each source.
 *
 * @example
 * ```ts
 * import { PollEvents } from "@sockeye/net";
 * import { createSimulation } from "@sockeye/net/memory";
 *
 * const { run, listen, connect, Poller } = createSimulation();
 * await run(async () => {
 *   const listener = await listen("mem:polled");
 *   const client = await connect("mem:polled");
 *   using poller = new Poller<string>();
 *   poller.add(listener, { readable: true }, "somebody is there");
 *   const events = new PollEvents<string>(4);
 *   await poller.wait(events, 1000);
 *   for (const { data } of events) console.log(data);
 *   client.abort();
 *   await listener.close();
 * });
 * ```
 */
export class Poller<T = unknown> implements Disposable {
  readonly #load: () => Scheduler | Promise<Scheduler>;
  readonly #set = new ReadinessSet();
  readonly #bySource = new Map<ReadinessSource, Registration<T>>();
  readonly #byPlace: (Registration<T> | undefined)[] = [];
  #runtime: Scheduler | undefined;
  #wait: Wait<T> | undefined;
  #waking = false;
  #handedOut = 0;
  #closed = false;

  /**
   * Watches nothing yet.
   *
   * @param load gives the runtime for a wait before any source was added
   */
  constructor(load: () => Scheduler | Promise<Scheduler>) {
    this.#load = load;
  }

  /** How many sources are watched. */
  get size(): number {
    return this.#bySource.size;
  }

  /** Whether a source is watched. */
  has(source: ReadinessSource): boolean {
    return this.#bySource.has(source);
  }

  /**
   * Watches a source. One that is ready already is told by the next `wait`,
   * or ends the one that waits.
   *
   * @param interest what to wait for, and how to be told
   * @param data yours: each event of the source has it
   * @throws {SockeyeError} `EEXIST` if it is watched already, `EBADF` for what
   * is no source or was closed, `ERR_SOCKEYE_CLOSED` on a closed poller
   */
  add(source: ReadinessSource, interest: Interest, data?: T): void {
    this.#mustBeOpen("add a source");
    if (!isSource(source) || isGone(source)) throw badSource("add");
    if (this.#bySource.has(source)) {
      throw new SockeyeError(
        "EEXIST",
        "Cannot add a source: the poller watches it already",
      );
    }
    const token = this.#set.add(
      bitsOf(interest),
      modeOf(interest),
      source.readiness,
    );
    const registration: Registration<T> = {
      source,
      data: data as T,
      token,
      stop: source.watch((arrived) => this.#arrived(registration, arrived)),
    };
    this.#bySource.set(source, registration);
    this.#byPlace[placeOf(token)] = registration;
    this.#runtime ??= source.runtime;
    this.#wake();
  }

  /**
   * Changes what is waited for at a source, and arms a one-shot again. What
   * the source is ready for now counts as arrived, also with `edge`.
   *
   * @param data replaces what was handed in before, unless it is undefined
   * @throws {SockeyeError} `ENOENT` if it is not watched, `EBADF` if it was
   * closed, `ERR_SOCKEYE_CLOSED` on a closed poller
   */
  modify(source: ReadinessSource, interest: Interest, data?: T): void {
    const registration = this.#registered("modify", source);
    if (registration === undefined) throw badSource("modify");
    if (data !== undefined) registration.data = data;
    this.#set.modify(
      registration.token,
      bitsOf(interest),
      modeOf(interest),
      source.readiness,
    );
    this.#wake();
  }

  /**
   * Watches a source no longer; events of it that were not looked at yet are
   * void. The source itself is not touched. One that was closed may be
   * removed, and need not.
   *
   * @throws {SockeyeError} `ENOENT` if it is not watched, `ERR_SOCKEYE_CLOSED`
   * on a closed poller
   */
  remove(source: ReadinessSource): void {
    const registration = this.#registered("remove", source);
    if (registration !== undefined) this.#forget(registration);
  }

  /**
   * Waits until a source is ready, and fills the buffer.
   *
   * @param events filled from its begin; what it held before is void
   * @param timeout ms; -1 (the default) or `Infinity` waits as long as it
   * takes; 0 looks at what is ready now, having let the runtime's loop turn
   * twice if that is nothing, so that the kernel is really asked
   * @returns how many sources are ready, 0 at the timeout
   * @throws {SockeyeError} `EINVAL` for any other timeout,
   * `ERR_SOCKEYE_STATE` if another wait is on, `ERR_SOCKEYE_CLOSED` if the
   * poller is closed before or meanwhile; or `signal.reason`
   */
  wait(
    events: PollEvents<T>,
    timeout = -1,
    options: PollerWaitOptions = {},
  ): Promise<number> {
    try {
      this.#mustBeOpen("wait");
      if (this.#wait !== undefined) {
        throw new SockeyeError(
          "ERR_SOCKEYE_STATE",
          "Cannot wait: another wait of this poller is on",
        );
      }
      if (!(events instanceof PollEvents)) {
        throw new SockeyeError("EINVAL", "Cannot wait: a PollEvents is needed");
      }
      checkTimeout(timeout);
      options.signal?.throwIfAborted();
    } catch (error) {
      return Promise.reject(error);
    }
    clearEvents(events);
    if (this.#handedOut < eventsPerTurn && this.#collect(events)) {
      return Promise.resolve(events.length);
    }
    return this.#block(events, timeout, options.signal);
  }

  /** Forgets all sources, without touching them, and ends the wait that is on. Idempotent. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    for (const registration of this.#bySource.values()) {
      this.#forget(registration);
    }
    const wait = this.#wait;
    if (wait !== undefined) {
      this.#settle(wait);
      wait.reject(closedError("wait"));
    }
  }

  /** The same as `close`. */
  [Symbol.dispose](): void {
    this.close();
  }

  #mustBeOpen(action: string): void {
    if (this.#closed) throw closedError(action);
  }

  /** Undefined for a source that was closed, noticed by then or not. */
  #registered(
    action: string,
    source: ReadinessSource,
  ): Registration<T> | undefined {
    this.#mustBeOpen(`${action} a source`);
    const registration = this.#bySource.get(source);
    if (isSource(source) && isGone(source)) {
      if (registration !== undefined) this.#forget(registration);
      return undefined;
    }
    if (registration !== undefined) return registration;
    throw new SockeyeError(
      "ENOENT",
      `Cannot ${action} a source: the poller does not watch it`,
    );
  }

  #forget(registration: Registration<T>): void {
    this.#byPlace[placeOf(registration.token)] = undefined;
    this.#bySource.delete(registration.source);
    this.#set.remove(registration.token);
    registration.token = NO_TOKEN;
    registration.stop();
  }

  #arrived(registration: Registration<T>, arrived: number): void {
    if (registration.token === NO_TOKEN) return;
    if ((arrived & GONE) !== 0) this.#forget(registration);
    else if (this.#set.handleArrived(registration.token, arrived)) this.#wake();
  }

  /** Fills the buffer with what is ready now. */
  #collect(events: PollEvents<T>): boolean {
    this.#set.beginPass();
    while (events.length < events.capacity) {
      const token = this.#set.pollToken();
      if (token === NO_TOKEN) break;
      const registration = this.#byPlace[placeOf(token)]!;
      const readiness = registration.source.readiness;
      const ready = this.#set.report(token, readiness);
      if ((readiness & GONE) !== 0) this.#forget(registration);
      else if (ready !== 0) pushEvent(events, registration, ready);
    }
    this.#handedOut += events.length;
    return events.length > 0;
  }

  /** Has the waiting `wait` look soon: after what else arrives in the same go. */
  #wake(): void {
    if (this.#wait === undefined || this.#wait.turning) return;
    if (this.#waking || this.#set.queued === 0) return;
    this.#waking = true;
    this.#runtime!.defer(this.#look);
  }

  readonly #look = (): void => {
    this.#waking = false;
    if (this.#wait !== undefined) this.#answer(this.#wait);
  };

  #block(
    events: PollEvents<T>,
    timeout: number,
    signal: AbortSignal | undefined,
  ): Promise<number> {
    return new Promise((resolve, reject) => {
      const onAbort = (): void => {
        this.#settle(wait);
        reject(signal!.reason);
      };
      const wait: Wait<T> = {
        events,
        timeout,
        signal,
        onAbort,
        resolve,
        reject,
        deadline: Infinity,
        timer: undefined,
        turning: true,
      };
      this.#wait = wait;
      signal?.addEventListener("abort", onAbort);
      if (this.#runtime !== undefined) this.#start(wait, this.#runtime);
      else this.#loadAndStart(wait);
    });
  }

  async #loadAndStart(wait: Wait<T>): Promise<void> {
    try {
      const loaded = await this.#load();
      if (this.#wait === wait) this.#start(wait, this.#runtime ?? loaded);
    } catch (error) {
      if (this.#wait !== wait) return;
      this.#settle(wait);
      wait.reject(error);
    }
  }

  #start(wait: Wait<T>, runtime: Scheduler): void {
    this.#runtime = runtime;
    if (wait.timeout >= 0) wait.deadline = runtime.now() + wait.timeout;
    if (wait.timeout === 0) this.#turn(wait, runtime, 2);
    else if (this.#handedOut >= eventsPerTurn) this.#turn(wait, runtime, 1);
    else if (!this.#answer(wait)) this.#rest(wait, runtime);
  }

  /** Lets the loop turn so many times, unless something is ready before. */
  #turn(wait: Wait<T>, runtime: Scheduler, turns: number): void {
    wait.turning = true;
    runtime.turn(() => {
      if (this.#wait !== wait) return;
      this.#handedOut = 0;
      if (this.#answer(wait)) return;
      if (turns > 1) return this.#turn(wait, runtime, turns - 1);
      if (runtime.now() < wait.deadline) return this.#rest(wait, runtime);
      this.#settle(wait);
      wait.resolve(0);
    });
  }

  /** Nothing is ready: waits for an arrival or the deadline. */
  #rest(wait: Wait<T>, runtime: Scheduler): void {
    wait.turning = false;
    if (wait.deadline === Infinity) return;
    wait.timer = runtime.setTimer(() => {
      wait.timer = undefined;
      // A late timer says nothing about what the kernel has, and an early one,
      // by a fraction of a millisecond, is set anew behind the turns.
      this.#turn(wait, runtime, 2);
    }, Math.max(0, wait.deadline - runtime.now()));
  }

  /** Ends the wait if something is ready. */
  #answer(wait: Wait<T>): boolean {
    if (!this.#collect(wait.events)) return false;
    this.#settle(wait);
    wait.resolve(wait.events.length);
    return true;
  }

  #settle(wait: Wait<T>): void {
    this.#wait = undefined;
    wait.signal?.removeEventListener("abort", wait.onAbort);
    if (wait.timer !== undefined) this.#runtime!.clearTimer(wait.timer);
  }
}

function isSource(source: unknown): source is ReadinessSource {
  return typeof source === "object" && source !== null &&
    "readiness" in source && typeof source.readiness === "number" &&
    "watch" in source && typeof source.watch === "function";
}

function isGone(source: ReadinessSource): boolean {
  return (source.readiness & GONE) !== 0;
}

function badSource(action: string): SockeyeError {
  return new SockeyeError(
    "EBADF",
    `Cannot ${action} a source: it is closed, or nothing that can be watched`,
  );
}

/** Refuses what is no timeout of `Poller.wait`. */
export function checkTimeout(timeout: unknown): void {
  if (timeout === -1 || timeout === Infinity) return;
  const known = typeof timeout === "number";
  if (known && timeout >= 0 && timeout <= maxTimeout) return;
  throw new SockeyeError(
    "EINVAL",
    `Cannot wait ${
      String(timeout)
    } ms: -1, Infinity, or 0 to ${maxTimeout} is needed`,
  );
}

function closedError(action: string): SockeyeError {
  return new SockeyeError(
    "ERR_SOCKEYE_CLOSED",
    `Cannot ${action}: the poller is closed`,
  );
}
