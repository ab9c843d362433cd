/**
 * Pauses between attempts: short at first, doubled after each, up to a limit.
 *
 * @module
 */

/**
 * The pauses of one thing that is tried again and again.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * import { Backoff } from "@sockeye/net/protocols";
 *
 * const backoff = new Backoff(100, 350); // ms
 * const pauses = [backoff.next(), backoff.next(), backoff.next()];
 * assert.deepEqual(pauses, [100, 200, 350]);
 * assert.equal(backoff.next(0), 175); // the least that chance makes of 350
 * backoff.reset(); // an attempt has succeeded
 * assert.equal(backoff.next(), 100);
 * ```
 */
export class Backoff {
  readonly #first: number;
  readonly #longest: number;
  #last = 0;

  /** From `first` ms, doubling, to `longest` ms. */
  constructor(first: number, longest: number) {
    this.#first = first;
    this.#longest = longest;
  }

  /**
   * An attempt has failed: how long to wait before the next, ms.
   *
   * With `random` in [0, 1) it is between the half of the pause and the whole:
   * many who failed at once do not come back at once. Left out, it is the whole.
   */
  next(random: number = 1): number {
    const doubled = this.#last === 0 ? this.#first : 2 * this.#last;
    this.#last = Math.min(doubled, this.#longest);
    return this.#last * (0.5 + random / 2);
  }

  /** An attempt has succeeded: the next pause is the first again. */
  reset(): void {
    this.#last = 0;
  }
}

/**
 * The pauses of one who waits until the system has something to spare, a
 * descriptor most often: 5 ms, doubled up to 1 s.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * import { scarcityBackoff } from "@sockeye/net/protocols";
 *
 * const backoff = scarcityBackoff();
 * const pauses = Array.from({ length: 9 }, () => backoff.next());
 * assert.deepEqual(pauses, [5, 10, 20, 40, 80, 160, 320, 640, 1000]);
 * ```
 */
export function scarcityBackoff(): Backoff {
  return new Backoff(5, 1000);
}
