/**
 * Until when somebody waits on one side of a connection.
 *
 * @module
 */

/** Deadlines of one side, absolute ms. */
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
