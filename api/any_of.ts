/**
 * Waiting as poll(2) and select(2) do: all sources are looked at in each call,
 * and watched only while nothing is ready.
 *
 * @module
 */
import { READABLE } from "../core/readiness.ts";
import type { Scheduler } from "../core/runtime.ts";
import { PollEvents } from "./poll_events.ts";
import { checkTimeout, eventsPerTurn, type Poller } from "./poller.ts";
import type { ReadinessSource } from "./source.ts";

/** What is looked at: how many are ready, and who they all are. */
export interface Looked {
  /** Looks at each, and counts those that are ready. Must not throw. */
  look(): number;
  sources(): ReadinessSource[];
}

/** A poller and its buffer, kept for the next call: making them costs 1 to 2 µs. */
interface Waiting {
  readonly poller: Poller;
  readonly events: PollEvents;
}

/** Waits for any of the sources that are named in the call. */
export class AnyWaiter {
  readonly #makePoller: () => Poller;
  readonly #spare: WeakMap<Scheduler, Waiting> = new WeakMap();
  /** Counted since the loop last turned for us; see `eventsPerTurn`. */
  #handedOut = 0;

  constructor(makePoller: () => Poller) {
    this.#makePoller = makePoller;
  }

  /**
   * Waits until a source is ready.
   *
   * @param timeout as of `Poller.wait`
   * @returns what `look` gave; 0 at the timeout
   */
  async wait(looked: Looked, timeout: number): Promise<number> {
    checkTimeout(timeout);
    const count = looked.look();
    if (count > 0 && this.#handedOut < eventsPerTurn) {
      this.#handedOut += count;
      return count;
    }
    const sources = looked.sources();
    const [first] = sources;
    if (first === undefined) return count > 0 ? count : this.#sleep(timeout);
    if (count > 0) {
      await new Promise<void>((resolve) => first.runtime.turn(resolve));
      this.#handedOut = 0;
      const still = looked.look();
      if (still > 0) return still;
    }
    return this.#block(new AnyOf(sources, looked), timeout);
  }

  async #sleep(timeout: number): Promise<number> {
    const poller = this.#makePoller();
    try {
      return await poller.wait(new PollEvents(1), timeout);
    } finally {
      poller.close();
    }
  }

  async #block(any: AnyOf, timeout: number): Promise<number> {
    const { runtime } = any;
    const waiting = this.#spare.get(runtime) ??
      { poller: this.#makePoller(), events: new PollEvents(1) };
    // Another call may come while this one waits; it needs one of its own.
    this.#spare.delete(runtime);
    const { poller, events } = waiting;
    poller.add(any, { readable: true });
    try {
      const look = (): number => any.look();
      return await waitUntil(poller, events, timeout, runtime, look);
    } finally {
      poller.remove(any);
      this.#spare.set(runtime, waiting);
    }
  }
}

/** Many sources, found not ready, as one: readable when they are looked at after an arrival. */
class AnyOf implements ReadinessSource {
  readonly runtime: Scheduler;
  readonly #sources: readonly ReadinessSource[];
  readonly #looked: Looked;
  #arrived = false;

  /** @param sources at least one; the first one's runtime gives the time */
  constructor(sources: readonly ReadinessSource[], looked: Looked) {
    this.runtime = sources[0]!.runtime;
    this.#sources = sources;
    this.#looked = looked;
  }

  look(): number {
    this.#arrived = false;
    return this.#looked.look();
  }

  get readiness(): number {
    return this.#arrived && this.look() > 0 ? READABLE : 0;
  }

  watch(listener: (arrived: number) => void): () => void {
    const arrived = (): void => {
      this.#arrived = true;
      listener(READABLE);
    };
    const stops = this.#sources.map((source) => source.watch(arrived));
    return () => {
      for (const stop of stops) stop();
    };
  }
}

/**
 * Waits until `settle` finds something. That may be nothing although the
 * poller said otherwise: somebody else may have been faster.
 *
 * @param runtime gives the time; undefined where nothing can be found
 * @returns what `settle` gave; 0 at the timeout
 */
export async function waitUntil<T>(
  poller: Poller<T>,
  events: PollEvents<T>,
  timeout: number,
  runtime: Scheduler | undefined,
  settle: () => number,
): Promise<number> {
  const waits = timeout === -1 || runtime === undefined;
  const deadline = waits ? Infinity : runtime.now() + timeout;
  for (let left = timeout;;) {
    const ready = await poller.wait(events, left);
    const count = settle();
    if (count > 0 || ready === 0) return count;
    if (!waits) left = Math.max(0, deadline - runtime.now());
  }
}
