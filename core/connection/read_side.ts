/**
 * The reading side of a connection, by lengths: what arrived, what was taken,
 * what is withheld, and where the peer's end stands.
 *
 * @module
 */

/**
 * Why data is withheld from the user, although it is there: a bit each. This
 * one: the user paused.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * import { PAUSED, ReadSide } from "@sockeye/net/core";
 *
 * const side = new ReadSide(65_536);
 * side.unread = 10;
 * side.withhold(PAUSED);
 * assert.ok(!side.dataIsDue);
 * assert.equal(side.pollCommand(), "startRead"); // up to the high-water mark
 * ```
 */
export const PAUSED = 1;
/**
 * The handler of the previous bytes has not settled.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * import { BUSY, ReadSide } from "@sockeye/net/core";
 *
 * const side = new ReadSide(65_536);
 * side.withhold(BUSY);
 * side.close();
 * assert.ok(!side.endIsDue); // the end waits for the handler as well
 * side.unwithhold(BUSY);
 * assert.ok(side.endIsDue);
 * ```
 */
export const BUSY = 2;
/**
 * `send` gave false and what was queued has not all been taken.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * import { CONGESTED, PAUSED, ReadSide } from "@sockeye/net/core";
 *
 * const side = new ReadSide(65_536);
 * side.withhold(CONGESTED);
 * side.withhold(PAUSED);
 * side.unwithhold(CONGESTED); // what was queued is out
 * assert.ok(!side.delivering); // the pause is still on
 * ```
 */
export const CONGESTED = 4;
/**
 * `open` has not settled: not even `closed` is told, unless we ended it ourselves.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * import { OPENING, ReadSide } from "@sockeye/net/core";
 *
 * const side = new ReadSide(65_536);
 * side.withhold(OPENING);
 * assert.ok(!side.allTold); // so `closed` is not told either
 * side.drop(); // unless nobody wants what comes
 * assert.ok(side.allTold);
 * ```
 */
export const OPENING = 8;

/**
 * Counts of the reading side, in bytes.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * import { ReadSide } from "@sockeye/net/core";
 *
 * const side = new ReadSide(4096);
 * assert.equal(side.pollCommand(), "startRead");
 * side.unread += 5000; // they arrived
 * assert.equal(side.pollCommand(), "stopRead");
 * side.unread -= 5000; // the user took them
 * assert.equal(side.pollCommand(), "startRead");
 * ```
 */
export class ReadSide {
  readonly #highWater: number;
  #withheld = 0;
  #reading = false;
  /** Bytes that arrived and that nobody consumed. */
  unread = 0;
  /** Bytes that arrived, dropped ones included. */
  bytesRead = 0;
  /** The peer's end has arrived. */
  closed = false;
  /** The end has been told to the user. */
  endTold = false;
  /** Nobody wants what arrived or arrives. */
  dropped = false;

  /** Reading stops at `highWater` unread bytes. */
  constructor(highWater: number) {
    this.#highWater = highWater;
  }

  /** Whether the user gets data now. */
  get delivering(): boolean {
    return this.#withheld === 0;
  }

  /** Whether unread bytes are to be told. */
  get dataIsDue(): boolean {
    return this.unread > 0 && this.#withheld === 0;
  }

  /** Whether the end is to be told: all bytes before it were consumed. */
  get endIsDue(): boolean {
    return this.closed && this.unread === 0 && this.#withheld === 0 &&
      !this.endTold && !this.dropped;
  }

  /** Whether the user has been told all there was. */
  get allTold(): boolean {
    if (this.dropped) return true;
    if ((this.#withheld & OPENING) !== 0) return false;
    return this.unread === 0 && (!this.closed || this.endTold);
  }

  /** Withholds data and the end for a reason. */
  withhold(reason: number): void {
    this.#withheld |= reason;
  }

  /** Undoes it; whether that changed anything. */
  unwithhold(reason: number): boolean {
    if ((this.#withheld & reason) === 0) return false;
    this.#withheld &= ~reason;
    return true;
  }

  /** The peer's end: the transport reads no more by itself. */
  close(): void {
    this.closed = true;
    this.#reading = false;
  }

  /** Drops what is unread, and whatever arrives yet. */
  drop(): void {
    this.dropped = true;
    this.unread = 0;
  }

  /** Whether the transport is to start or to stop reading. */
  pollCommand(): "startRead" | "stopRead" | "wait" {
    const wanted = !this.closed &&
      (this.dropped || this.unread < this.#highWater);
    if (wanted === this.#reading) return "wait";
    this.#reading = wanted;
    return wanted ? "startRead" : "stopRead";
  }
}
