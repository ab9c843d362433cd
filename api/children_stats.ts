/**
 * Statistics of a server with children, from what the pool counts and what the
 * children told.
 *
 * @module
 */
import type { ChildCounts } from "../core/children/messages.ts";
import type { ChildHandle } from "../core/children.ts";
import type { PoolMachine } from "../core/pool.ts";
import type { ChildrenStats, ChildStats } from "./children_types.ts";
import type { ServerStats } from "./types.ts";

/** A child, as the server knows it. */
export interface Member {
  readonly child: ChildHandle;
  /** Connections given to it. */
  given: number;
  /** Connections given to it whose places are free again. */
  freed: number;
  /** What it told last. */
  counts: ChildCounts;
  /** Why it cannot serve, in its own words. */
  error?: Error;
}

/** What the parent itself counts. */
export interface ParentCounts {
  readonly given: number;
  readonly waiting: number;
  readonly rejected: number;
  readonly acceptErrors: number;
}

/** What children did, and each that is alive. */
export function childrenStatsOf(
  pool: PoolMachine,
  members: ReadonlyMap<number, Member>,
): ChildrenStats {
  const alive: ChildStats[] = [];
  for (const { id, state, taken, open } of pool.children) {
    const member = members.get(id);
    if (member === undefined) continue;
    const { failed, bytesRead, bytesWritten } = member.counts;
    const { pid } = member.child;
    const own = { failed, bytesRead, bytesWritten };
    alive.push({ id, pid, state, accepted: taken, open, ...own });
  }
  const { started, reaped, failed, killed, lost } = pool;
  return { started, reaped, failed, killed, lost, alive };
}

/** Counts of the whole server. */
export function serverStatsOf(
  children: ChildrenStats,
  gone: ChildCounts,
  members: Iterable<Member>,
  parent: ParentCounts,
): ServerStats {
  const all = [gone, ...[...members].map(({ counts }) => counts)];
  const total = (of: (counts: ChildCounts) => number): number =>
    all.reduce((sum, counts) => sum + of(counts), 0);
  return {
    accepted: parent.given + total(({ taken }) => taken),
    open: children.alive.reduce((sum, { open }) => sum + open, 0),
    waiting: parent.waiting,
    rejected: parent.rejected + total(({ rejected }) => rejected),
    acceptErrors: parent.acceptErrors +
      total(({ acceptErrors }) => acceptErrors),
    refused: 0,
    failed: children.lost + total(({ failed }) => failed),
    bytesRead: total(({ bytesRead }) => bytesRead),
    bytesWritten: total(({ bytesWritten }) => bytesWritten),
    children,
  };
}
