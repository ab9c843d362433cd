/**
 * The children of a pool that are alive, and what became of the others.
 *
 * @module
 */
import { PoolChild } from "./child.ts";
import type { PoolOutput } from "./output.ts";
import { type PoolLimits, type Tally, tallyOf } from "./size.ts";

/** What became of the children of a pool so far. */
export interface PoolCounts {
  /** Children started, those that could not be included. */
  started: number;
  /** Children that have ended. */
  reaped: number;
  /** Children that ended before their time. */
  failed: number;
  /** Children that were killed because they did not begin or end in time. */
  killed: number;
  /** Connections that ended with their child. */
  lost: number;
}

/** Children by number, oldest first. */
export class Population {
  readonly counts: PoolCounts = {
    started: 0,
    reaped: 0,
    failed: 0,
    killed: 0,
    lost: 0,
  };
  readonly #limits: PoolLimits;
  readonly #children: Map<number, PoolChild> = new Map();
  #lastId = 0;

  constructor(limits: PoolLimits) {
    this.#limits = limits;
  }

  get size(): number {
    return this.#children.size;
  }

  [Symbol.iterator](): Iterator<PoolChild> {
    return this.#children.values();
  }

  get(id: number): PoolChild | undefined {
    return this.#children.get(id);
  }

  tally(): Tally {
    return tallyOf(this);
  }

  /** One more, which is asked for now. */
  add(now: number): PoolChild {
    const child = new PoolChild(++this.#lastId, now, this.#limits.startTimeout);
    this.#children.set(child.id, child);
    this.counts.started++;
    return child;
  }

  /** It has ended, and its connections with it. */
  remove(child: PoolChild): void {
    this.#children.delete(child.id);
    child.move("exited");
    this.counts.reaped++;
    this.counts.lost += child.open;
  }

  /** Whether it has had as many connections as a child may have. */
  isWorn(child: PoolChild): boolean {
    return child.taken >= this.#limits.maxConnectionsPerChild;
  }

  /** Kills those with whom patience is over, and marks those that have aged. */
  expire(now: number): void {
    for (const child of this) {
      if (child.killAt <= now) {
        child.overdue = true;
        this.counts.killed++;
        child.kill();
      }
      if (now >= child.startedAt + this.#limits.maxAge) child.old = true;
    }
  }

  /**
   * When patience with one of them is over next, absolute ms; in a pool that
   * runs also when one comes of age, and, with a `surplus`, when one has been
   * idle for long.
   */
  nextDeadline(running: boolean, surplus: boolean): number {
    const { maxAge, idleTimeout } = this.#limits;
    let next = Infinity;
    for (const child of this) {
      next = Math.min(next, child.killAt);
      if (!running || child.state !== "ready") continue;
      if (!child.old) next = Math.min(next, child.startedAt + maxAge);
      if (surplus) next = Math.min(next, child.idleSince + idleTimeout);
    }
    return next;
  }

  /** What one of them is still to be told. */
  tell(): PoolOutput | undefined {
    for (const child of this) {
      if (child.tellKill) {
        child.tellKill = false;
        return { do: "kill", child: child.id };
      }
      const grace = child.tellRetire;
      if (grace === undefined) continue;
      child.tellRetire = undefined;
      return { do: "retire", child: child.id, grace };
    }
    return undefined;
  }
}
