/**
 * Statistics of servers whose handlers run in children: types only.
 *
 * @module
 */
import type { ChildState } from "../../core/pool/child.ts";

/**
 * Counts of one child that is alive.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * import type { ChildStats } from "@sockeye/net";
 *
 * function lineOf({ pid, thread, state, open }: ChildStats): string {
 *   return `${pid ?? `thread ${thread}`} is ${state}, with ${open} open`;
 * }
 *
 * const child: ChildStats = { // as `server.stats.children.alive` has them
 *   id: 1,
 *   pid: 4711,
 *   thread: undefined,
 *   state: "ready",
 *   accepted: 12,
 *   open: 3,
 *   failed: 0,
 *   bytesRead: 1200,
 *   bytesWritten: 1200,
 * };
 * assert.equal(lineOf(child), "4711 is ready, with 3 open");
 * ```
 */
export interface ChildStats {
  /** Counted up from 1 in this server. */
  readonly id: number;
  /** Its process id; undefined for a thread, and if it could not be started. */
  readonly pid: number | undefined;
  /** Of a thread: its `threadId` in `node:worker_threads`; undefined for a process. */
  readonly thread: number | undefined;
  /** Where in its life it is; see `core/pool/child.ts`. */
  readonly state: ChildState;
  /** Connections that it was given or took. */
  readonly accepted: number;
  /** Connections that it has now. */
  readonly open: number;
  /** Connections of its own that ended by a reset, a timeout or an error of a handler. */
  readonly failed: number;
  /** Bytes that arrived at it. */
  readonly bytesRead: number;
  /** Bytes that the system took from it. */
  readonly bytesWritten: number;
}

/**
 * What a server's children did since it was started.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * import type { ChildrenStats } from "@sockeye/net";
 *
 * function isTroubled({ started, failed, killed }: ChildrenStats): boolean {
 *   return failed + killed > started / 2;
 * }
 *
 * const stats: ChildrenStats = { // as `server.stats.children`
 *   started: 8,
 *   reaped: 8,
 *   failed: 5,
 *   killed: 1,
 *   lost: 2,
 *   alive: [],
 * };
 * assert.ok(isTroubled(stats));
 * ```
 */
export interface ChildrenStats {
  /** Children started, those that could not be included. */
  readonly started: number;
  /** Children that have ended. */
  readonly reaped: number;
  /** Children that ended before their time. */
  readonly failed: number;
  /** Children that were killed: they did not begin or end in time. */
  readonly killed: number;
  /** Connections that ended with their child; part of the server's `failed`. */
  readonly lost: number;
  /**
   * Those that are alive, oldest first. Their counts are some milliseconds old,
   * those of bytes up to half a second.
   */
  readonly alive: readonly ChildStats[];
}
