/**
 * Until when somebody waits on one side of a connection.
 *
 * @module
 */

/**
 * Deadlines of one side, absolute ms.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * import { Wait } from "@sockeye/net/core";
 *
 * const wait = new Wait();
 * wait.deadline = 5000; // of all reads
 * assert.equal(wait.pollTimeout(), Infinity); // nobody reads
 * wait.set(true, 3000); // one does, with a timeout of its own
 * assert.equal(wait.pollTimeout(), 3000);
 * assert.ok(!wait.expired(3000)); // only that read is over
 * ```
 */
export class Wait {
  #waiting = false;
  #own = Infinity;
  /** Ends every wait of this side, now and later; `Infinity` for never. */
  deadline: number = Infinity;

  /** Says whether somebody waits, and the earliest deadline of their own. */
  set(waiting: boolean, own: number): void {
    this.#waiting = waiting;
    this.#own = own;
  }

  /** Whether somebody waits. */
  get waiting(): boolean {
    return this.#waiting;
  }

  /** Whether the side's deadline has passed: it beats data that is ready. */
  expired(now: number): boolean {
    return now >= this.deadline;
  }

  /** When a wait is to end; `Infinity` while nobody waits. */
  pollTimeout(): number {
    return this.#waiting ? Math.min(this.deadline, this.#own) : Infinity;
  }
}
