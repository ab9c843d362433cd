/**
 * What a `Poller` can wait for.
 *
 * @module
 */
import type { Scheduler } from "../core/runtime.ts";

/**
 * Something whose readiness can be watched: connections, listeners, datagram
 * sockets and standard input.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * import { connect, listen, READABLE } from "@sockeye/net";
 * import type { ReadinessSource } from "@sockeye/net";
 *
 * function nextArrival(source: ReadinessSource): Promise<number> {
 *   return new Promise((resolve) => {
 *     const stop = source.watch((arrived) => {
 *       stop();
 *       resolve(arrived);
 *     });
 *   });
 * }
 *
 * const listener = await listen("mem:watched");
 * const arrival = nextArrival(listener);
 * const client = await connect("mem:watched");
 * assert.equal(await arrival, READABLE);
 * client.abort();
 * await listener.close();
 * ```
 */
export interface ReadinessSource {
  /** What the source is ready for now: `READABLE` and its like, or 0. */
  readonly readiness: number;
  /**
   * Calls back after each arrival, never within the caller's own call, with
   * the bits that arrived: a second chunk is a second `READABLE`, although the
   * source was readable before. Gives the way to stop it.
   */
  watch(listener: (arrived: number) => void): () => void;
  /** The clock and the loop that the source lives by. */
  readonly runtime: Scheduler;
}
