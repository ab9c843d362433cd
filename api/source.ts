/**
 * What a `Poller` can wait for.
 *
 * @module
 */
import type { Scheduler } from "../core/runtime.ts";

/** Something whose readiness can be watched: connections and listeners. */
export interface ReadinessSource {
  /** What the source is ready for now: bits of `core/readiness.ts`. */
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
