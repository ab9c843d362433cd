/**
 * Threads that wait for each other, by `Atomics.wait` and `notify` on shared
 * memory: what futex(2) is to C.
 */
const unlocked = 0, locked = 1, contended = 2;

/** A mutex in one cell of shared memory, which begins as 0. */
export class Mutex {
  readonly #memory: Int32Array;
  readonly #index: number;

  constructor(memory: Int32Array, index: number) {
    this.#memory = memory;
    this.#index = index;
  }

  lock(): void {
    const memory = this.#memory, at = this.#index;
    const was = Atomics.compareExchange(memory, at, unlocked, locked);
    if (was === unlocked) return;
    // "Contended", so that whoever unlocks knows that somebody sleeps.
    while (Atomics.exchange(memory, at, contended) !== unlocked) {
      Atomics.wait(memory, at, contended);
    }
  }

  unlock(): void {
    const memory = this.#memory, at = this.#index;
    if (Atomics.exchange(memory, at, unlocked) === contended) {
      Atomics.notify(memory, at, 1);
    }
  }
}

/** Waits until `count` threads are here; the cell begins as 0. */
export function meet(memory: Int32Array, index: number, count: number): void {
  Atomics.add(memory, index, 1);
  Atomics.notify(memory, index);
  for (;;) {
    const here = Atomics.load(memory, index);
    if (here >= count) return;
    Atomics.wait(memory, index, here);
  }
}
