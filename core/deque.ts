/**
 * A queue in an array: what is taken leaves a gap, and gaps are closed now and
 * then, so that neither end costs a move of the rest.
 *
 * @module
 */

/**
 * First in, first out.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * import { Deque } from "@sockeye/net/protocols";
 *
 * const queue = new Deque<number>();
 * for (const item of [1, 2, 3, 4, 5]) queue.push(item);
 * assert.equal(queue.shift(), 1);
 * assert.ok(queue.remove(3) && !queue.remove(3));
 * assert.deepEqual(queue.retain((item) => item !== 4), [4]); // those that had to go
 * assert.deepEqual([queue.first, queue.length], [2, 2]);
 * ```
 */
export class Deque<T> {
  #items: (T | undefined)[] = [];
  #head = 0;

  /** How many are in it. */
  get length(): number {
    return this.#items.length - this.#head;
  }

  /** The oldest. */
  get first(): T | undefined {
    return this.#items[this.#head];
  }

  /** Adds one at the end. */
  push(item: T): void {
    this.#items.push(item);
  }

  /** Takes the oldest out. */
  shift(): T | undefined {
    if (this.length === 0) return undefined;
    const item = this.#items[this.#head];
    this.#items[this.#head++] = undefined;
    if (this.length === 0) this.clear();
    else if (this.#head > 64 && 2 * this.#head > this.#items.length) {
      this.#items.splice(0, this.#head);
      this.#head = 0;
    }
    return item;
  }

  /** Takes one out, wherever it is; false if it is not there. */
  remove(item: T): boolean {
    const index = this.#items.indexOf(item, this.#head);
    if (index < 0) return false;
    if (index === this.#head) this.shift();
    else this.#items.splice(index, 1);
    return true;
  }

  /** Keeps those that `wanted` holds for, in their order; gives the others. */
  retain(wanted: (item: T) => boolean): T[] {
    const all = this.#items.slice(this.#head) as T[];
    this.#items = all.filter(wanted);
    this.#head = 0;
    return all.filter((item) => !wanted(item));
  }

  /** Takes all out. */
  clear(): void {
    this.#items.length = 0;
    this.#head = 0;
  }
}
