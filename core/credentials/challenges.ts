/**
 * The challenges of one listener that are under way at the same time.
 *
 * @module
 */

/**
 * Challenges under way at once. Beyond it the oldest gives way to the youngest:
 * a client that answers is through within milliseconds, so those that are old
 * say nothing, and however many of these there are, they keep nobody waiting.
 * Those of good will that come in one turn are no more than these: so long is
 * the queue that runtimes ask the kernel for.
 */
export const MAX_CHALLENGES = 1024;

/**
 * What is under way, oldest first; all have the same time for it.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * import { Challenges } from "@sockeye/net/protocols";
 *
 * const due = (at: number) => ({ pollTimeout: () => at }); // as a HandshakeMachine
 * const [first, second, third] = [due(5000), due(5010), due(5020)] as const;
 * const challenges = new Challenges(2);
 * challenges.add(first);
 * challenges.add(second);
 * assert.equal(challenges.add(third), first); // which the driver gives up
 * assert.equal(challenges.pollTimeout(), 5010); // ms, on the clock of its members
 * assert.equal(challenges.takeExpired(5010), second);
 * challenges.delete(third); // it was answered in time
 * assert.equal(challenges.size, 0);
 * ```
 */
export class Challenges<T extends { pollTimeout(): number }> {
  readonly #all: Set<T> = new Set();
  readonly #limit: number;

  /** At most `limit` at once, {@linkcode MAX_CHALLENGES} by default. */
  constructor(limit: number = MAX_CHALLENGES) {
    this.#limit = limit;
  }

  /** How many are under way. */
  get size(): number {
    return this.#all.size;
  }

  /** One begins; gives the one that has to give way, if there are too many. */
  add(one: T): T | undefined {
    this.#all.add(one);
    return this.#all.size > this.#limit ? this.#take() : undefined;
  }

  /** One is over. */
  delete(one: T): void {
    this.#all.delete(one);
  }

  /** Takes out the oldest if its time is over, one for each call; else undefined. */
  takeExpired(now: number): T | undefined {
    return this.pollTimeout() <= now ? this.#take() : undefined;
  }

  /** Takes out all. */
  takeAll(): T[] {
    const all = [...this.#all];
    this.#all.clear();
    return all;
  }

  /** When the time of the oldest is over, absolute ms; `Infinity` if there is none. */
  pollTimeout(): number {
    for (const oldest of this.#all) return oldest.pollTimeout();
    return Infinity;
  }

  #take(): T | undefined {
    for (const oldest of this.#all) {
      this.#all.delete(oldest);
      return oldest;
    }
    return undefined;
  }
}
