/**
 * Simulated time: it stands still unless somebody waits for something, and
 * then goes from one event to the next.
 *
 * @module
 */
import { SockeyeError } from "../../core/error.ts";
import type { Scheduler } from "../../core/runtime.ts";
import { type Event, EventQueue } from "./event_queue.ts";
import { type Random, type Seed, seeded } from "./random.ts";
import { realTurn } from "./real_turn.ts";

/**
 * Options of a {@linkcode VirtualClock}.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * import { VirtualClock } from "@sockeye/net/memory";
 *
 * const numbers = (seed: number) => {
 *   const clock = new VirtualClock({ seed });
 *   return [clock.random(), clock.random()];
 * };
 * assert.deepEqual(numbers(7), numbers(7));
 * assert.notDeepEqual(numbers(7), numbers(8));
 * ```
 */
export interface VirtualClockOptions {
  /** Where `random` starts. Default 0. */
  seed?: Seed;
}

/**
 * Options of one wait.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * import { VirtualClock } from "@sockeye/net/memory";
 *
 * const clock = new VirtualClock();
 * const heartbeat = () => void clock.setTimer(heartbeat, 1000);
 * heartbeat();
 * const never = new Promise(() => {});
 * await assert.rejects(clock.until(never, { within: 3500 }), {
 *   code: "ETIMEDOUT",
 * });
 * assert.equal(clock.now(), 3500);
 * ```
 */
export interface WaitOptions {
  /** Simulated milliseconds after which the wait rejects with `ETIMEDOUT`. Default a day. */
  within?: number;
}

/** Somebody waits, so time goes on. */
interface Wait {
  readonly deadline: number;
  /** Whether it is over; it has settled itself then. */
  met(): boolean;
  /** Nothing is left to happen. True if that was waited for. */
  idle(): boolean;
  fail(error: unknown): void;
}

/** A day: a scenario that simulates this much does not end by itself. */
const defaultWithin = 86_400_000;

/**
 * Turns of the real loop that an empty queue is given before it is believed:
 * a promise of the host's own may take more than one.
 */
const patience = 4;

/**
 * A scheduler whose time is simulated.
 *
 * Time goes on only while one of `run`, `until` and `advance` waits, several
 * may at once, also from within each other. The earliest event is taken, time
 * set to its own, its callback called; then one real turn lets every promise
 * that follows from it settle, before the next event is taken. So scenarios
 * with no real I/O give the same on every run. (What waits for something real
 * finds that simulated time has run away meanwhile.)
 *
 * An exception of a callback, and an error that nobody asked to be told of,
 * rejects all waits.
 *
 * @example
 * ```ts
 * import { VirtualClock } from "@sockeye/net/memory";
 *
 * const clock = new VirtualClock();
 * let rang = false;
 * clock.setTimer(() => rang = true, 3_600_000);
 * await clock.until(() => rang);
 * console.log(clock.now()); // 3600000, after a moment
 * ```
 */
export class VirtualClock implements Scheduler {
  readonly #queue = new EventQueue();
  readonly #waits: Set<Wait> = new Set();
  readonly #random: Random;
  #now = 0;
  #running = false;
  #fruitless = 0;

  /** Begins at 0 ms. */
  constructor(options: VirtualClockOptions = {}) {
    this.#random = seeded(options.seed ?? 0, "scheduler");
  }

  /** Simulated milliseconds since the clock was made. */
  now(): number {
    return this.#now;
  }

  /** Events that are arranged, timers included. */
  get pending(): number {
    return this.#queue.size;
  }

  /** Calls back after `ms`, in simulated time. */
  setTimer(callback: () => void, ms: number): unknown {
    return this.#queue.add(this.#now + Math.max(ms, 0), callback);
  }

  /** Takes a timer back; does nothing if it is over. */
  clearTimer(timer: unknown): void {
    this.#queue.remove(timer as Event);
  }

  /** A microtask, as on the runtimes: it needs no wait to go on. */
  defer(callback: () => void): void {
    Promise.resolve().then(callback);
  }

  /** Behind everything that is arranged for the present time. */
  turn(callback: () => void): void {
    this.#queue.add(this.#now, callback);
  }

  /** A number in [0, 1), from the seed. */
  random(): number {
    return this.#random();
  }

  /** Rejects all waits: a scenario is to know of every error. */
  report(error: unknown): void {
    this.#failAll(error);
  }

  /**
   * Lets `ms` pass; what is due at its end has happened when this resolves.
   * Called from within `run`, it is a pause of the scenario.
   */
  advance(ms: number): Promise<void> {
    return this.#wait(Infinity, (wait, resolve) => {
      const target = this.#now + Math.max(ms, 0);
      this.#queue.add(target, () => {
        this.#waits.delete(wait);
        resolve();
      }, true);
    });
  }

  /** Lets time pass until a promise settles, and gives its value. */
  until<T>(goal: PromiseLike<T>, options?: WaitOptions): Promise<T>;
  /** Lets time pass until a condition holds; it is asked before each event. */
  until(goal: () => boolean, options?: WaitOptions): Promise<void>;
  until(
    goal: PromiseLike<unknown> | (() => boolean),
    options: WaitOptions = {},
  ): Promise<unknown> {
    const deadline = this.#now + (options.within ?? defaultWithin);
    return this.#wait<unknown>(deadline, (wait, resolve) => {
      if (typeof goal === "function") {
        wait.met = () => {
          const holds = goal();
          if (holds) resolve(undefined);
          return holds;
        };
        return;
      }
      goal.then((value) => {
        this.#waits.delete(wait);
        resolve(value);
      }, (error) => {
        this.#waits.delete(wait);
        wait.fail(error);
      });
    });
  }

  /** Lets time pass until nothing is left to happen. */
  run(): Promise<void>;
  /** Runs a scenario: lets time pass until its promise settles, and gives its value. */
  run<T>(scenario: () => T | PromiseLike<T>, options?: WaitOptions): Promise<T>;
  run(
    scenario?: () => unknown,
    options?: WaitOptions,
  ): Promise<unknown> {
    if (scenario !== undefined) {
      const begun = new Promise((resolve) => resolve(scenario()));
      return this.until(begun, options);
    }
    const deadline = this.#now + defaultWithin;
    return this.#wait<void>(deadline, (wait, resolve) => {
      wait.idle = () => {
        resolve();
        return true;
      };
    });
  }

  #wait<T>(
    deadline: number,
    begin: (wait: Wait, resolve: (value: T) => void) => void,
  ): Promise<T> {
    return new Promise((resolve, reject) => {
      const wait: Wait = {
        deadline,
        met: () => false,
        idle: () => false,
        fail: reject,
      };
      this.#waits.add(wait);
      begin(wait, resolve);
      if (this.#running) return;
      this.#running = true;
      this.#fruitless = 0;
      realTurn(this.#pass);
    });
  }

  /** One event at most; what follows from it settles before the next pass. */
  readonly #pass = (): void => {
    try {
      const met = this.#settle((wait) => wait.met());
      if (this.#waits.size === 0) {
        this.#running = false;
        return;
      }
      // Whoever waited acts in the next turn, before anything else happens.
      if (!met) this.#step();
    } catch (error) {
      this.#failAll(error);
    }
    realTurn(this.#pass);
  };

  #step(): void {
    if (this.#queue.next === Infinity) return this.#starve();
    this.#fruitless = 0;
    if (this.#expire(this.#queue.next)) return;
    const event = this.#queue.shift()!;
    this.#now = Math.max(this.#now, event.time);
    event.callback();
  }

  /** Whether waits end before the next event. */
  #expire(next: number): boolean {
    return this.#settle((wait) => {
      if (wait.deadline >= next) return false;
      this.#now = Math.max(this.#now, wait.deadline);
      wait.fail(
        new SockeyeError(
          "ETIMEDOUT",
          `Cannot wait any longer: it is ${this.#now} ms, and what was ` +
            "waited for has not come",
        ),
      );
      return true;
    });
  }

  #starve(): void {
    if (++this.#fruitless < patience) return;
    this.#fruitless = 0;
    if (this.#settle((wait) => wait.idle())) return;
    this.#failAll(
      new SockeyeError(
        "ERR_SOCKEYE_STATE",
        `Cannot go on at ${this.#now} ms: nothing is left to happen, and ` +
          "what is waited for would have to come from outside the simulation",
      ),
    );
  }

  #settle(isOver: (wait: Wait) => boolean): boolean {
    let any = false;
    for (const wait of this.#waits) {
      if (!isOver(wait)) continue;
      this.#waits.delete(wait);
      any = true;
    }
    return any;
  }

  #failAll(error: unknown): void {
    const waits = [...this.#waits];
    this.#waits.clear();
    for (const wait of waits) wait.fail(error);
  }
}
