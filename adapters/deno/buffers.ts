/**
 * The memory that one connection reads into: 1 KiB while it is idle, 64 KiB
 * once a read has filled that.
 *
 * A connection waits with its buffer in Deno's hands: 10,000 idle ones took
 * 6.5 kB each so, and 25 kB each with 64 KiB, most of it never touched.
 *
 * @module
 */

const smallSize = 1024;
const largeSize = 64 * 1024;

/** So many reads in a row that the small buffer would have held bring it back. */
const smallReads = 2;

type Memory = Uint8Array<ArrayBuffer>;

/** Buffers that no connection has now; more large ones are rarely free at a time. */
const spares: Memory[] = [];
const maxSpares = 16;
const smallSpares: Memory[] = [];
const maxSmallSpares = 256;

/** Takes back memory that was kept: a new one costs 0.5 µs and more in Deno. */
export function giveBack({ buffer }: Uint8Array): void {
  const memory = new Uint8Array(buffer as ArrayBuffer);
  if (memory.length === largeSize) {
    if (spares.length < maxSpares) spares.push(memory);
  } else if (memory.length === smallSize) {
    if (smallSpares.length < maxSmallSpares) smallSpares.push(memory);
  }
}

/** The buffers of one connection, for one read at a time. */
export class ReadBuffer {
  #small: Memory | undefined;
  #large: Memory | undefined;
  #smallInRow = smallReads;

  get #isSmall(): boolean {
    return this.#smallInRow >= smallReads;
  }

  /** Memory for a read; the same until `done`. */
  get memory(): Memory {
    return this.#isSmall
      ? this.#small ??= smallSpares.pop() ?? new Uint8Array(smallSize)
      : this.#large ??= spares.pop() ?? new Uint8Array(largeSize);
  }

  /**
   * A read of `count` bytes has been delivered. Memory that was kept is not
   * ours any more; the large one is free for others unless `more` is read.
   */
  done(count: number, kept: boolean, more: boolean): void {
    if (this.#isSmall) {
      if (kept) this.#small = undefined;
      if (count === smallSize) this.#smallInRow = 0;
      return;
    }
    if (kept) this.#large = undefined;
    this.#smallInRow = count > smallSize ? 0 : this.#smallInRow + 1;
    if (!more || this.#isSmall) this.release();
  }

  /** Nothing is read for now. */
  release(): void {
    if (this.#large !== undefined && spares.length < maxSpares) {
      spares.push(this.#large);
    }
    this.#large = undefined;
  }
}
