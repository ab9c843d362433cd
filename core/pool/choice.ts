/**
 * Which child of a pool is next: to have a connection, and to leave.
 *
 * @module
 */
import type { PoolChild } from "./child.ts";
import { hasSurplus, mayReplace, type PoolLimits, tallyOf } from "./size.ts";

/**
 * Who is to have the next connection: the one with the fewest, and rather one
 * that answers.
 */
export function takerOf(
  { exclusive }: PoolLimits,
  children: Iterable<PoolChild>,
): PoolChild | undefined {
  let best: PoolChild | undefined;
  for (const child of children) {
    if (child.state !== "ready" || child.ended) continue;
    if (exclusive && child.open > 0) continue;
    if (
      best === undefined || child.pending < best.pending ||
      (child.pending === best.pending && child.open < best.open)
    ) best = child;
  }
  return best;
}

/** Who is to leave a running pool next, if anybody. */
export function leaverOf(
  limits: PoolLimits,
  children: readonly PoolChild[],
  waiting: number,
  now: number,
): PoolChild | undefined {
  const { exclusive, idleTimeout } = limits;
  const tally = tallyOf(children);
  if (tally.old > 0 && (exclusive || mayReplace(limits, tally))) {
    const old = children.find((child) =>
      child.state === "ready" && child.old &&
      // One that has a connection of its own is asked when that is over.
      (!exclusive || child.open === 0)
    );
    if (old !== undefined) return old;
  }
  if (!hasSurplus(limits, tally, waiting)) return undefined;
  return children.find((child) =>
    child.state === "ready" && now >= child.idleSince + idleTimeout
  );
}
