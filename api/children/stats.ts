/**
 * Statistics of a server with children, from what the pool counts and what the
 * children told.
 *
 * @module
 */
import type { PoolMachine } from "../../core/pool.ts";
import type { Staff } from "./staff.ts";
import type { ChildrenStats } from "./stats_types.ts";
import type { ServerStats } from "../types.ts";

/** What the listening side of a server counts. */
export interface ListeningCounts {
  readonly waiting: number;
  readonly rejected: number;
  readonly acceptErrors: number;
}

/** Counts of the whole server. */
export function serverStatsOf(
  pool: PoolMachine,
  staff: Staff,
  listening: ListeningCounts,
): ServerStats {
  const { total, given } = staff.ledger;
  const children = childrenStatsOf(pool, staff);
  return {
    accepted: given + total.taken,
    open: children.alive.reduce((sum, { open }) => sum + open, 0),
    waiting: listening.waiting + pool.waiting,
    rejected: listening.rejected + total.rejected,
    acceptErrors: listening.acceptErrors + total.acceptErrors,
    refused: 0,
    failed: children.lost + total.failed,
    bytesRead: total.bytesRead,
    bytesWritten: total.bytesWritten,
    children,
  };
}

/** What children did, and each that is alive. */
function childrenStatsOf(pool: PoolMachine, staff: Staff): ChildrenStats {
  const alive = [...pool.children].map(({ id, state, taken, open }) => {
    const { failed, bytesRead, bytesWritten } = staff.ledger.countsOf(id);
    const own = { failed, bytesRead, bytesWritten };
    const names = staff.namesOf(id);
    return { id, ...names, state, accepted: taken, open, ...own };
  });
  return { ...pool.counts, alive };
}
