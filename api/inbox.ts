/**
 * The bytes of one connection that arrived and wait to be read, and who owns
 * them.
 *
 * @module
 */

/** Below this, a copy costs less than giving a buffer away. */
const copyBelow = 4096;

/**
 * Small chunks that wait behind others share buffers of this size: with one
 * array for each packet, 64 KiB of one-byte packets held 14 MiB.
 */
const gatherSize = 8192;

/** Bytes that arrived and that nobody took, in order. */
export class Inbox {
  #chunks: Uint8Array[] = [];
  #head = 0;
  /** Where the last chunks that waited were gathered, and where it is free. */
  #gathered: Uint8Array | undefined;
  #gatheredEnd = 0;
  /** What the adapter lends right now: the last chunk, until `settle`. */
  #lent: Uint8Array | undefined;
  #kept = false;

  get empty(): boolean {
    return this.#head === this.#chunks.length;
  }

  /** Whether nothing waits and nothing is lent, as after most events. */
  get isSettled(): boolean {
    return this.#lent === undefined && this.empty;
  }

  /** Places that it holds, taken chunks included. */
  get places(): number {
    return this.#chunks.length;
  }

  /** Bytes arrived; `settle` follows before the event returns. */
  push(bytes: Uint8Array, lent: boolean): void {
    this.#chunks.push(bytes);
    if (lent) this.#lent = bytes;
  }

  /**
   * Takes the first chunk, whole. Lent bytes leave as a copy or with their
   * whole buffer, unless the taker only `borrows` them until the event returns.
   */
  shift(borrows: boolean): Uint8Array {
    const bytes = this.#chunks[this.#head]!;
    this.#chunks[this.#head] = undefined!;
    this.#head++;
    if (this.empty) this.clear();
    else if (this.#head > 64 && 2 * this.#head > this.#chunks.length) {
      // A reader that is always one chunk behind never empties it.
      this.#chunks.splice(0, this.#head);
      this.#head = 0;
    }
    if (borrows || !this.#isLent(bytes)) return bytes;
    return this.#own(bytes);
  }

  /** Copies what fits into `buffer`; gives how many bytes that was. */
  copyInto(buffer: Uint8Array): number {
    let filled = 0;
    while (filled < buffer.length && !this.empty) {
      const bytes = this.#chunks[this.#head]!;
      const count = Math.min(bytes.length, buffer.length - filled);
      buffer.set(
        count < bytes.length ? bytes.subarray(0, count) : bytes,
        filled,
      );
      filled += count;
      if (count === bytes.length) this.shift(true);
      else this.#chunks[this.#head] = bytes.subarray(count);
    }
    return filled;
  }

  clear(): void {
    this.#chunks.length = 0;
    this.#head = 0;
    this.#gathered = undefined;
  }

  /**
   * Says that the lent buffer goes elsewhere and must not be reused; false if
   * it does already, for then the two could not tell when both are done.
   */
  keepLoan(): boolean {
    if (this.#kept) return false;
    this.#kept = true;
    return true;
  }

  /** Undoes `keepLoan`, for bytes that `lends` still holds for. */
  returnLoan(): void {
    this.#kept = false;
  }

  /** Whether `bytes` lie in what the adapter lends right now. */
  lends(bytes: Uint8Array): boolean {
    return this.#lent !== undefined && this.#isLent(bytes);
  }

  /**
   * Before the event returns: what still waits is made ours, small chunks
   * together. Gives whether the buffer that was lent is kept.
   */
  settle(): boolean {
    const last = this.#chunks.length - 1;
    if (last >= this.#head) {
      const bytes = this.#chunks[last]!;
      if (last > this.#head && 4 * bytes.length <= gatherSize) {
        this.#gather(bytes, last);
      } else if (this.#isLent(bytes)) this.#chunks[last] = this.#own(bytes);
    }
    const kept = this.#kept;
    this.#lent = undefined;
    this.#kept = false;
    return kept;
  }

  /** Joins the chunk at `last` to the one before it, or begins a buffer for it and its successors. */
  #gather(bytes: Uint8Array, last: number): void {
    const begin = this.#gatheredEnd;
    const end = begin + bytes.length;
    const before = this.#chunks[last - 1]!;
    const gathered = this.#gathered;
    if (before.buffer === gathered?.buffer && end <= gatherSize) {
      gathered.set(bytes, begin);
      this.#chunks[last - 1] = gathered.subarray(before.byteOffset, end);
      this.#chunks.pop();
      this.#gatheredEnd = end;
      return;
    }
    const fresh = this.#gathered = new Uint8Array(gatherSize);
    fresh.set(bytes);
    this.#gatheredEnd = bytes.length;
    this.#chunks[last] = fresh.subarray(0, bytes.length);
  }

  #isLent(bytes: Uint8Array): boolean {
    return this.#lent !== undefined && bytes.buffer === this.#lent.buffer;
  }

  /** A buffer that is at least half full is kept, for a copy of it costs more than a new one. */
  #own(bytes: Uint8Array): Uint8Array {
    if (this.#kept) return bytes;
    if (
      bytes.length < copyBelow || 2 * bytes.length < bytes.buffer.byteLength
    ) {
      return new Uint8Array(bytes);
    }
    this.#kept = true;
    return bytes;
  }
}
