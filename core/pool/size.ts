/**
 * How many children a pool is to have: decided from how many there are of each
 * kind, and how many connections wait.
 *
 * @module
 */
import type { PoolChild } from "./child.ts";

/** Limits and policies of a pool, all decided before. */
export interface PoolLimits {
  /** Whether a child has one connection at a time, and is given each. */
  readonly exclusive: boolean;
  /** Children kept, whether there is work or not. */
  readonly min: number;
  /** Children alive at once, those that retire included. */
  readonly max: number;
  /**
   * Children that start at once. More of them slow each other down: of thirty on
   * two busy processors none was ready in 10 s, so all were killed and begun
   * anew, for as long as thirty connections waited.
   */
  readonly maxStarting: number;
  /** Children kept idle besides those that are busy. */
  readonly spare: number;
  /** Connections after which a child is replaced. */
  readonly maxConnectionsPerChild: number;
  /** Age at which a child is replaced, ms. */
  readonly maxAge: number;
  /** How long an idle child is kept that is not needed, ms. */
  readonly idleTimeout: number;
  /** How long a child may take to be ready, ms. */
  readonly startTimeout: number;
}

/** How many children there are of a kind. */
export interface Tally {
  /** Those that are not reaped. */
  readonly alive: number;
  /** Starting or ready. */
  readonly active: number;
  /** Those that take connections. */
  readonly ready: number;
  /** Active ones without a connection. */
  readonly idle: number;
  /** Ready ones that are to be replaced. */
  readonly old: number;
}

/** Counts children by kind. */
export function tallyOf(children: Iterable<Readonly<PoolChild>>): Tally {
  let alive = 0, active = 0, ready = 0, idle = 0, old = 0;
  for (const child of children) {
    alive++;
    if (!child.active) continue;
    active++;
    if (child.open === 0) idle++;
    if (child.state !== "ready") continue;
    ready++;
    if (child.old) old++;
  }
  return { alive, active, ready, idle, old };
}

/** Whether one more child may be started. */
export function hasRoomFor(limits: PoolLimits, tally: Tally): boolean {
  return tally.alive < limits.max &&
    tally.active - tally.ready < limits.maxStarting;
}

/** Whether a running pool is to start one more child. */
export function wantsStart(
  limits: PoolLimits,
  tally: Tally,
  waiting: number,
): boolean {
  const { min, spare, exclusive } = limits;
  if (!hasRoomFor(limits, tally)) return false;
  if (tally.active < min) return true;
  if (tally.idle < neededFor(limits, tally, waiting) + spare) return true;
  // A replacement comes before whom it replaces goes; one at a time.
  return !exclusive && tally.old > 0 && tally.active === tally.ready &&
    tally.active <= targetOf(limits, tally);
}

/** Idle children that the waiting connections call for. */
export function neededFor(
  { exclusive }: PoolLimits,
  { active }: Tally,
  waiting: number,
): number {
  if (exclusive) return waiting;
  // Any child takes any number, so one is enough if there is none.
  return waiting > 0 && active === 0 ? 1 : 0;
}

/** Active children that the work calls for, replacements not counted. */
function targetOf(
  { min, max, spare }: PoolLimits,
  { active, idle }: Tally,
): number {
  const wanted = spare > 0 ? active - idle + spare : 0;
  return Math.min(Math.max(min, wanted), max);
}

/** Whether enough are ready for an old member to go. */
export function mayReplace(limits: PoolLimits, tally: Tally): boolean {
  const target = targetOf(limits, tally);
  if (tally.ready > target) return true;
  // There is no room for a replacement beside it: one at a time goes first.
  return limits.max <= target && tally.ready >= target &&
    tally.alive === tally.ready;
}

/** Whether more are idle than are kept. */
export function hasSurplus(
  limits: PoolLimits,
  tally: Tally,
  waiting: number,
): boolean {
  const { min, spare } = limits;
  // One that only starts replaces nobody yet.
  return tally.ready > min &&
    tally.idle > spare + neededFor(limits, tally, waiting);
}
