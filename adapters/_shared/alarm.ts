/**
 * One timer that rings at the time that was set last.
 *
 * @module
 */
import { scheduler } from "./scheduler.ts";

/** The longest that a timer of the runtimes takes, ms; longer ones ring at once. */
const longest = 0x7fffffff;

/** Rings once, at or after the time that was set. */
export class Alarm {
  readonly #ring: () => void;
  #at = Infinity;
  #timer: unknown;

  constructor(ring: () => void) {
    this.#ring = ring;
  }

  /** Sets the time, on the clock of the scheduler; `Infinity` for never. Idempotent. */
  set(at: number): void {
    if (at === this.#at) return;
    if (this.#timer !== undefined) scheduler.clearTimer(this.#timer);
    this.#at = at;
    this.#timer = undefined;
    if (at === Infinity) return;
    const ms = Math.min(Math.max(at - scheduler.now(), 0), longest);
    this.#timer = scheduler.setTimer(() => {
      this.#timer = undefined;
      // A timer may ring a little early.
      this.#at = Infinity;
      if (scheduler.now() < at) this.set(at);
      else this.#ring();
    }, ms);
  }
}
