/**
 * The writing side of a connection, by lengths: what is queued, what the
 * system took, and where our own end stands.
 *
 * @module
 */

/**
 * Counts of the writing side, in bytes.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * import { WriteSide } from "@sockeye/net/core";
 *
 * const side = new WriteSide(4096);
 * side.queued += 5000;
 * assert.ok(side.isFull && side.block()); // whoever writes has to wait
 * side.wantEnd();
 * assert.equal(side.pollCommand(), "transmit");
 * side.transmitted(5000, 3000); // the system took these at once
 * assert.ok(!side.take(3000));
 * side.transmitOver();
 * assert.ok(side.take(2000)); // the congestion is over
 * assert.equal(side.pollCommand(), "shutdown"); // our end, behind the last byte
 * ```
 */
export class WriteSide {
  readonly #highWater: number;
  #transmitting = false;
  #endWanted = false;
  #shutdown: "no" | "pending" | "done" = "no";
  /** Bytes queued and not taken yet. */
  queued = 0;
  /** Bytes that the system took. */
  bytesWritten = 0;
  /** The user met a full queue, and it has not been empty since. */
  congested = false;

  /** It is congested above `highWater` queued bytes. */
  constructor(highWater: number) {
    this.#highWater = highWater;
  }

  /** Bytes that may be queued before it is congested. */
  get room(): number {
    return Math.max(0, this.#highWater - this.queued);
  }

  /** Whether more than the high-water mark is queued. */
  get isFull(): boolean {
    return this.queued > this.#highWater;
  }

  /** Whether bytes may go to the transport past the queue. */
  get isIdle(): boolean {
    return this.queued === 0 && !this.#transmitting;
  }

  /** Whether our end has been handed over. */
  get ended(): boolean {
    return this.#shutdown === "done";
  }

  /** Notes a full queue, unless it is empty. */
  block(): boolean {
    if (this.queued === 0) return false;
    this.congested = true;
    return true;
  }

  /** What a transmit of `offered` bytes came to at once. */
  transmitted(offered: number, taken: number): void {
    this.#transmitting = taken < offered;
  }

  /** The pending transmit is over, one way or the other. */
  transmitOver(): void {
    this.#transmitting = false;
  }

  /** The system took `count` queued bytes; whether that ended a congestion. */
  take(count: number): boolean {
    this.bytesWritten += count;
    return this.unqueue(count);
  }

  /** `length` bytes leave the queue; whether that ended a congestion. */
  unqueue(length: number): boolean {
    this.queued -= length;
    if (!this.congested || this.queued > 0) return false;
    this.congested = false;
    return true;
  }

  /** Our end is to follow what is queued. */
  wantEnd(): void {
    this.#endWanted = true;
  }

  /** Our end has been handed over; false if that was known. */
  end(): boolean {
    if (this.#shutdown === "done") return false;
    this.#shutdown = "done";
    return true;
  }

  /** It is over: nothing is queued any more. */
  clear(): void {
    this.queued = 0;
    this.congested = false;
    this.#transmitting = false;
  }

  /** What the transport is to do next. */
  pollCommand(): "transmit" | "shutdown" | "wait" {
    if (this.#transmitting) return "wait";
    if (this.queued > 0) return "transmit";
    if (!this.#endWanted || this.#shutdown !== "no") return "wait";
    this.#shutdown = "pending";
    return "shutdown";
  }
}
