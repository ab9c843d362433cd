/**
 * The end of one child, which shows in two ways: the system says how it exited,
 * and its channel closes behind the last that it said. Either may come first.
 *
 * @module
 */
import type { ChildExit } from "../pool/child.ts";

/** What a child may have said before it was killed is waited for so long, ms. */
export const killedGrace = 50;
/** One that ended by itself had told something, which a busy parent reads late, ms. */
export const toldGrace = 1000;

/**
 * The machine of one child's end.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * import { ChildEnding } from "@sockeye/net/protocols";
 *
 * const ending = new ChildEnding();
 * ending.handleExit(100, { status: 0, signal: null }, true); // its channel is open
 * assert.equal(ending.poll(100), undefined);
 * assert.equal(ending.pollTimeout(), 1100); // ms: `toldGrace` later
 * ending.handleClosed(120); // all that it said has come
 * assert.deepEqual(ending.poll(120), { status: 0, signal: null });
 * ```
 */
export class ChildEnding {
  #exit: ChildExit | undefined;
  #closed = false;
  #overAt = Infinity;

  /** Whether it takes nothing more, though what it said may still come. */
  get begun(): boolean {
    return this.#closed || this.#exit !== undefined;
  }

  /** The system says that it has exited; `open` if its channel is not closed yet. */
  handleExit(now: number, exit: ChildExit, open: boolean): void {
    this.#exit = exit;
    // Deno says nothing of the channel of a child that was killed.
    const grace = exit.signal === null ? toldGrace : killedGrace;
    this.#overAt = open ? now + grace : now;
  }

  /** Its channel is closed: all that it said has been told. */
  handleClosed(now: number): void {
    this.#closed = true;
    this.#overAt = Math.min(this.#overAt, now);
  }

  /** How it exited, once nothing more can come from it; undefined before. */
  poll(now: number): ChildExit | undefined {
    return now >= this.#overAt ? this.#exit : undefined;
  }

  /** When that is at the latest, absolute ms; `Infinity` for not known yet. */
  pollTimeout(): number {
    return this.#exit === undefined ? Infinity : this.#overAt;
  }
}
