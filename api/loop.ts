/**
 * One runtime timer for all the deadlines of a runtime.
 *
 * @module
 */
import { type Deadlined, Timers } from "../core/timers.ts";
import type { RuntimeBase } from "../core/runtime.ts";

/** Something with outputs that wait to be told. */
export interface Drainable {
  drain(): void;
}

const loops = new WeakMap<RuntimeBase, Loop>();

/** setTimeout takes 32 bits; a longer wait is taken in pieces. */
const longestTimer = 2 ** 31 - 1;

/** The deadlines of everything that lives on one runtime. */
export class Loop {
  readonly runtime: RuntimeBase;
  readonly #timers = new Timers();
  #timer: unknown;
  #armedFor = Infinity;
  #soon: Drainable[] = [];

  private constructor(runtime: RuntimeBase) {
    this.runtime = runtime;
  }

  /** The loop of a runtime; there is one. */
  static of(runtime: RuntimeBase): Loop {
    let loop = loops.get(runtime);
    if (loop === undefined) loops.set(runtime, loop = new Loop(runtime));
    return loop;
  }

  /** Shows an error that nobody asked to be told of. */
  readonly report = (error: unknown): void => {
    this.runtime.report(error);
  };

  /** Drains `item` soon, outside of the call that runs now. */
  drainSoon(item: Drainable): void {
    this.#soon.push(item);
    if (this.#soon.length === 1) this.runtime.defer(this.#drainAll);
  }

  readonly #drainAll = (): void => {
    const items = this.#soon;
    this.#soon = [];
    for (const item of items) {
      try {
        item.drain();
      } catch (error) {
        this.report(error); // the others are none the worse for it
      }
    }
  };

  /** Notes that the deadline of `item` may have changed. */
  update(item: Deadlined): void {
    this.#timers.update(item);
    const next = this.#timers.pollTimeout();
    // A timer that is too early finds nothing due and is set anew; one that
    // nobody needs would keep the process alive.
    if (
      next < this.#armedFor || (next === Infinity && this.#timer !== undefined)
    ) {
      this.#arm(next);
    }
  }

  #arm(next: number): void {
    if (this.#timer !== undefined) this.runtime.clearTimer(this.#timer);
    this.#timer = undefined;
    this.#armedFor = next;
    if (next === Infinity) return;
    const ms = Math.ceil(next - this.runtime.now());
    this.#timer = this.runtime.setTimer(
      this.#expired,
      Math.min(Math.max(ms, 0), longestTimer),
    );
  }

  readonly #expired = (): void => {
    this.#timer = undefined;
    this.#armedFor = Infinity;
    this.#timers.handleTimeout(this.runtime.now());
    const next = this.#timers.pollTimeout();
    if (next < this.#armedFor) this.#arm(next);
  };
}
