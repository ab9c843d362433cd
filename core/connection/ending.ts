/**
 * How a connection gives its descriptor back: flushing what is queued, then
 * lingering for the peer's end, then the release; or at once.
 *
 * @module
 */

/**
 * While lingering, bytes that are read and dropped so that the peer's own
 * sending does not turn our close into a reset. Beyond it the peer is not
 * listening: 1 MiB is four full receive windows of a loopback connection.
 */
const lingerCap = 1 << 20;

/**
 * Times of draining, and the state of the descriptor.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * import { Ending } from "@sockeye/net/core";
 *
 * const ending = new Ending(10_000, 2000);
 * ending.begin(0);
 * ending.progress(500); // the peer took some of what is queued
 * assert.equal(ending.deadline(false, false), 10_500);
 * ending.linger(600); // it took all, and our end
 * assert.equal(ending.deadline(true, false), 2600);
 * ending.want("close"); // its own end has come
 * assert.equal(ending.pollCommand(), "close");
 * assert.ok(ending.released()); // because we asked for it
 * ```
 */
export class Ending {
  readonly #flushTimeout: number;
  readonly #lingerTimeout: number;
  #flushSince = 0;
  #lingerSince = 0;
  #dropped = 0;
  #release: "no" | "close" | "abort" | "asked" | "done" = "no";

  /** Times in ms. */
  constructor(flushTimeout: number, lingerTimeout: number) {
    this.#flushTimeout = flushTimeout;
    this.#lingerTimeout = lingerTimeout;
  }

  /** Draining begins. */
  begin(now: number): void {
    this.#flushSince = now;
    this.#lingerSince = now;
  }

  /** Bytes were taken. */
  progress(now: number): void {
    this.#flushSince = now;
  }

  /** All is flushed and our end handed over. */
  linger(now: number): void {
    this.#lingerSince = now;
  }

  /** While lingering, `length` bytes arrived that nobody wants. */
  drop(length: number): void {
    this.#dropped += length;
    if (this.#dropped > lingerCap) this.want("close");
  }

  /** When draining has taken too long; `Infinity` once the release is under way. */
  deadline(flushed: boolean, peerEnded: boolean): number {
    if (this.#release !== "no") return Infinity;
    if (!flushed) return this.#flushSince + this.#flushTimeout;
    return peerEnded ? Infinity : this.#lingerSince + this.#lingerTimeout;
  }

  /** The descriptor is to go back; a reset overrides a close that was not carried out yet. */
  want(by: "close" | "abort"): void {
    if (this.#release === "no") this.#release = by;
    else if (this.#release === "close" && by === "abort") this.#release = by;
  }

  /** Whether the descriptor is to go back, or has. */
  get isReleasing(): boolean {
    return this.#release !== "no";
  }

  /** Whether the descriptor has been given back. */
  get isReleased(): boolean {
    return this.#release === "done";
  }

  /** The descriptor has been given back; whether we had asked for it. */
  released(): boolean {
    const asked = this.#release === "asked";
    this.#release = "done";
    return asked;
  }

  /** What the transport is to do. */
  pollCommand(): "close" | "abort" | "wait" {
    const release = this.#release;
    if (release !== "close" && release !== "abort") return "wait";
    this.#release = "asked";
    return release;
  }
}
