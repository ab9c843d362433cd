/**
 * Deadlines of many things behind one runtime timer: an indexed binary heap.
 *
 * The things compute their deadline when asked (`pollTimeout`); the heap keeps
 * the earliest that it was told. A deadline that moved **later** needs no word:
 * when the old one comes, the thing is asked again. So activity on a
 * connection costs no timer operation at all.
 *
 * @module
 */

/** Something with a deadline of its own. */
export interface Deadlined {
  /** Its next deadline, absolute ms on the caller's clock; `Infinity` for none. */
  pollTimeout(): number;
  /** Its deadline may have come. Early calls are no-ops. */
  handleTimeout(now: number): void;
  /** Place in the heap, kept by {@linkcode Timers}; -1 when not in it. */
  timerIndex: number;
}

/**
 * The deadlines of one loop.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * import { Timers } from "@sockeye/net/core";
 *
 * const idle = {
 *   timerIndex: -1,
 *   lastActivity: 0,
 *   pollTimeout: () => idle.lastActivity + 1000,
 *   handleTimeout: (now: number) => console.log("idle since a second", now),
 * };
 * const timers = new Timers();
 * timers.update(idle);
 * idle.lastActivity = 400; // nobody needs to know
 * assert.equal(timers.pollTimeout(), 1000);
 * timers.handleTimeout(1000); // too early: it is asked again
 * assert.equal(timers.pollTimeout(), 1400);
 * ```
 */
export class Timers {
  #items: Deadlined[] = [];
  #deadlines: number[] = [];

  /** How many things have a deadline. */
  get size(): number {
    return this.#items.length;
  }

  /** The earliest deadline that was told, `Infinity` for none. */
  pollTimeout(): number {
    return this.#deadlines[0] ?? Infinity;
  }

  /**
   * Notes that the deadline of `item` may have changed. Later ones are left
   * to be found out when the noted one comes; none at all leaves the heap, so
   * that nothing is kept waiting for it.
   */
  update(item: Deadlined): void {
    const deadline = item.pollTimeout();
    const index = item.timerIndex;
    if (index < 0) {
      if (deadline === Infinity) return;
      this.#items.push(item);
      this.#deadlines.push(deadline);
      this.#up(this.#items.length - 1, item, deadline);
    } else if (deadline === Infinity) {
      this.#removeAt(index);
    } else if (deadline < this.#deadlines[index]!) {
      this.#up(index, item, deadline);
    }
  }

  /** Forgets `item`. */
  remove(item: Deadlined): void {
    if (item.timerIndex >= 0) this.#removeAt(item.timerIndex);
  }

  /**
   * Hands the time to everything whose noted deadline has come. What is due
   * again at once is left for the next call, so that this always ends.
   */
  handleTimeout(now: number): void {
    for (let left = this.#items.length; left > 0; left--) {
      if (!(this.#deadlines[0]! <= now)) return;
      const item = this.#items[0]!;
      this.#removeAt(0);
      if (item.pollTimeout() <= now) item.handleTimeout(now);
      this.update(item);
    }
  }

  #removeAt(index: number): void {
    this.#items[index]!.timerIndex = -1;
    const item = this.#items.pop()!;
    const deadline = this.#deadlines.pop()!;
    if (index === this.#items.length) return;
    if (index > 0 && deadline < this.#deadlines[(index - 1) >> 1]!) {
      this.#up(index, item, deadline);
    } else {
      this.#down(index, item, deadline);
    }
  }

  #up(index: number, item: Deadlined, deadline: number): void {
    while (index > 0) {
      const parent = (index - 1) >> 1;
      if (this.#deadlines[parent]! <= deadline) break;
      this.#put(index, this.#items[parent]!, this.#deadlines[parent]!);
      index = parent;
    }
    this.#put(index, item, deadline);
  }

  #down(index: number, item: Deadlined, deadline: number): void {
    for (;;) {
      let child = 2 * index + 1;
      if (child >= this.#items.length) break;
      if (
        child + 1 < this.#items.length &&
        this.#deadlines[child + 1]! < this.#deadlines[child]!
      ) child++;
      if (this.#deadlines[child]! >= deadline) break;
      this.#put(index, this.#items[child]!, this.#deadlines[child]!);
      index = child;
    }
    this.#put(index, item, deadline);
  }

  #put(index: number, item: Deadlined, deadline: number): void {
    this.#items[index] = item;
    this.#deadlines[index] = deadline;
    item.timerIndex = index;
  }
}
