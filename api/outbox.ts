/**
 * The bytes of one connection that wait to be sent, and who owns them.
 *
 * @module
 */
import { smallBuffers } from "./spare_buffers.ts";

/** A write that somebody waits for. */
export interface WriteWaiter {
  readonly deadline: number;
  resolve(): void;
  reject(bytesTaken: number): void;
}

interface Segment {
  bytes: Uint8Array;
  /** Bytes of it that were taken. */
  taken: number;
  readonly copied: boolean;
  /** A chunk that the adapter lent, to be given back to it. */
  readonly loan: boolean;
  /** The buffer of `smallBuffers` that `bytes` lie at the start of; further copies may fill it. */
  readonly pooled: Uint8Array | undefined;
  waiter: WriteWaiter | undefined;
}

/** Bytes to be sent, in order. */
export class Outbox {
  #segments: Segment[] = [];
  #head = 0;
  #copied = 0;
  /** Bytes at the front that the adapter holds in a pending transmit. */
  #inFlight = 0;
  #done: WriteWaiter[] = [];
  #waiters = 0;
  #deadline = Infinity;

  get empty(): boolean {
    return this.#head === this.#segments.length;
  }

  /** Bytes of copies that it holds. */
  get copied(): number {
    return this.#copied;
  }

  /** Queues a copy; small ones share a buffer, so that they leave in one transmit. */
  pushCopy(bytes: Uint8Array): void {
    this.#copied += bytes.length;
    if (this.#extendTail(bytes)) return;
    if (bytes.length > smallBuffers.size) {
      // Not `slice()`: that of a Buffer of Node's copies nothing.
      return this.#push(new Uint8Array(bytes), true, false);
    }
    const pooled = smallBuffers.take();
    pooled.set(bytes);
    this.#push(pooled.subarray(0, bytes.length), true, false, pooled);
  }

  /** The tail may grow as long as nothing of it was offered. */
  #extendTail(bytes: Uint8Array): boolean {
    const last = this.#segments.length - 1;
    if (last <= this.#head) return false;
    const tail = this.#segments[last]!;
    const length = tail.bytes.length + bytes.length;
    if (tail.pooled === undefined || length > smallBuffers.size) return false;
    tail.pooled.set(bytes, tail.bytes.length);
    tail.bytes = tail.pooled.subarray(0, length);
    return true;
  }

  /** Queues bytes that are ours, or a `loan` of the adapter's that is kept. */
  pushOwned(bytes: Uint8Array, loan: boolean): void {
    this.#copied += bytes.length;
    this.#push(bytes, true, loan);
  }

  /** Queues bytes lent until the waiter is told. */
  pushLent(bytes: Uint8Array, waiter: WriteWaiter): void {
    this.#waiters++;
    this.#deadline = Math.min(this.#deadline, waiter.deadline);
    this.#push(bytes, false, false, undefined, waiter);
  }

  #push(
    bytes: Uint8Array,
    copied: boolean,
    loan: boolean,
    pooled?: Uint8Array,
    waiter?: WriteWaiter,
  ): void {
    this.#segments.push({ bytes, taken: 0, copied, loan, pooled, waiter });
  }

  /** Whether the next bytes to offer are lent, and may be claimed back. */
  get offersLent(): boolean {
    return this.#segments[this.#head]!.waiter !== undefined;
  }

  /** The next bytes to offer, at most `limit`; they count as held until `advance`. */
  offer(limit: number): Uint8Array {
    const { bytes, taken } = this.#segments[this.#head]!;
    const end = Math.min(bytes.length, taken + limit);
    this.#inFlight = end - taken;
    return taken === 0 && end === bytes.length
      ? bytes
      : bytes.subarray(taken, end);
  }

  /**
   * `count` bytes at the front were taken; `holding` says that the rest of the
   * offer is still held. Gives a loan that is needed no more.
   */
  advance(count: number, holding: boolean): Uint8Array | undefined {
    this.#inFlight = holding ? this.#inFlight - count : 0;
    if (count === 0) return undefined;
    const segment = this.#segments[this.#head]!;
    segment.taken += count;
    if (segment.copied) this.#copied -= count;
    if (segment.taken < segment.bytes.length) return undefined;
    this.#shift(segment);
    return segment.loan ? segment.bytes : undefined;
  }

  #shift(segment: Segment): void {
    if (segment.waiter !== undefined) {
      this.#done.push(segment.waiter);
      if (--this.#waiters === 0) this.#deadline = Infinity;
    }
    const { pooled } = segment;
    if (pooled !== undefined) smallBuffers.giveBack(pooled);
    this.#segments[this.#head] = undefined!;
    this.#head++;
    if (this.#head === this.#segments.length) {
      this.#segments.length = 0;
      this.#head = 0;
    } else if (this.#head > 64 && 2 * this.#head > this.#segments.length) {
      this.#segments.splice(0, this.#head);
      this.#head = 0;
    }
  }

  /** Whether writes wait for bytes to be taken. */
  get waiting(): boolean {
    return this.#waiters > 0;
  }

  /** No later than the earliest deadline of a write that waits. */
  get deadline(): number {
    return this.#deadline;
  }

  /** Resolves the writes whose bytes have all been taken. */
  settleDone(): void {
    if (this.#done.length === 0) return;
    for (const waiter of this.#done.splice(0)) waiter.resolve();
  }

  /** Rejects the writes whose deadline is not after `now`. Gives how many bytes will not be sent. */
  rejectExpired(now: number): number {
    if (this.#deadline > now) return 0;
    let dropped = 0;
    let next = Infinity;
    for (let i = this.#head; i < this.#segments.length; i++) {
      const waiter = this.#segments[i]!.waiter;
      if (waiter === undefined) continue;
      if (waiter.deadline <= now) dropped += this.#abandon(i, waiter);
      else next = Math.min(next, waiter.deadline);
    }
    this.#deadline = next;
    this.#compact();
    return dropped;
  }

  /** Rejects every write. Gives how many bytes will not be sent. */
  rejectAll(): number {
    let dropped = 0;
    for (let i = this.#head; i < this.#segments.length; i++) {
      const waiter = this.#segments[i]!.waiter;
      if (waiter !== undefined) dropped += this.#abandon(i, waiter);
    }
    this.#compact();
    return dropped;
  }

  /** Rejects one write, if it still waits. Gives how many bytes will not be sent. */
  reject(waiter: WriteWaiter): number {
    for (let i = this.#head; i < this.#segments.length; i++) {
      if (this.#segments[i]!.waiter !== waiter) continue;
      const dropped = this.#abandon(i, waiter);
      this.#compact();
      return dropped;
    }
    return 0;
  }

  /**
   * What the adapter holds goes out all the same, so it counts as taken. It may
   * be offered once more, in part: from a copy, for the caller's is lent no more.
   */
  #abandon(index: number, waiter: WriteWaiter): number {
    const segment = this.#segments[index]!;
    const held = index === this.#head ? this.#inFlight : 0;
    const end = segment.taken + held;
    const dropped = segment.bytes.length - end;
    segment.bytes = new Uint8Array(segment.bytes.subarray(segment.taken, end));
    segment.taken = 0;
    segment.waiter = undefined;
    if (--this.#waiters === 0) this.#deadline = Infinity;
    waiter.reject(end);
    return dropped;
  }

  /** Takes out the segments of which nothing is left. */
  #compact(): void {
    const kept: Segment[] = [];
    for (let i = this.#head; i < this.#segments.length; i++) {
      const segment = this.#segments[i]!;
      if (segment.taken < segment.bytes.length) kept.push(segment);
    }
    this.#segments = kept;
    this.#head = 0;
  }

  /** It is over: rejects every write that waits, in order, and drops the bytes. */
  clear(): void {
    const segments = this.#segments.slice(this.#head);
    this.#segments = [];
    this.#head = 0;
    this.#copied = 0;
    this.#inFlight = 0;
    this.#waiters = 0;
    this.#deadline = Infinity;
    for (const segment of segments) segment.waiter?.reject(segment.taken);
  }
}
