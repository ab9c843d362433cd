/**
 * Pauses between attempts: short at first, doubled after each, up to a limit.
 *
 * @module
 */

/** The pauses of one thing that is tried again and again. */
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
 */
export function scarcityBackoff(): Backoff {
  return new Backoff(5, 1000);
}
