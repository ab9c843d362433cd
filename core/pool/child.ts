/**
 * One child of a pool: its life as a table, and what is counted of it.
 *
 * @module
 */
import type { SockeyeError } from "../error.ts";

/**
 * Where in its life a child is:
 *
 * - `starting`: asked for, and not heard of yet
 * - `ready`: takes connections
 * - `retiring`: finishes those that it has, and takes no more
 * - `killed`: told to end at once
 * - `gone`: ended and reaped
 */
export type ChildState = "starting" | "ready" | "retiring" | "killed" | "gone";

/** What can happen to a child. */
export type ChildInput = "ready" | "retire" | "kill" | "exited";

/** Every move that there is; an input that a state has no entry for is ignored. */
export const childTransitions: Readonly<
  Record<ChildState, Readonly<Partial<Record<ChildInput, ChildState>>>>
> = {
  // Nothing is lost with one that has nothing yet: it is not waited for.
  starting: {
    ready: "ready",
    retire: "killed",
    kill: "killed",
    exited: "gone",
  },
  ready: { retire: "retiring", kill: "killed", exited: "gone" },
  retiring: { kill: "killed", exited: "gone" },
  killed: { exited: "gone" },
  gone: {},
};

/** How a child ended. */
export interface ChildExit {
  /** Its exit status; null if a signal ended it, or if it never started. */
  readonly status: number | null;
  /** The signal that ended it. */
  readonly signal: string | null;
  /** Why it did not even start, or what it said of its end. */
  readonly error?: SockeyeError | undefined;
}

/**
 * A child, as the pool counts it.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * import { type PoolChild, PoolMachine } from "@sockeye/net/protocols";
 *
 * const pool = new PoolMachine({
 *   exclusive: false, // members that take connections by themselves
 *   min: 1,
 *   max: 1,
 *   maxStarting: 1,
 *   spare: 0,
 *   maxConnectionsPerChild: Infinity,
 *   maxAge: Infinity,
 *   idleTimeout: Infinity,
 *   startTimeout: 10_000,
 * });
 * pool.pollOutput(0); // starts the first
 * const [child]: Readonly<PoolChild>[] = [...pool.children];
 * assert.equal(child?.state, "starting");
 * assert.equal(child?.killAt, 10_000); // ms, if it is not ready by then
 * pool.handleReady(80, 1);
 * assert.equal(child?.state, "ready");
 * assert.equal(child?.readyAt, 80);
 * ```
 */
export class PoolChild {
  /** Its number, counted up from 1 in its pool. */
  readonly id: number;
  /** When it was asked for, absolute ms. */
  readonly startedAt: number;
  /** Where in its life it is. */
  state: ChildState = "starting";
  /** When it said that it was there, absolute ms; `Infinity` before. */
  readyAt: number = Infinity;
  /** Since when it has been idle, absolute ms; `Infinity` while it is busy or starts. */
  idleSince: number = Infinity;
  /** Connections that it has now. */
  open = 0;
  /** Connections that it was given or took, in all. */
  taken = 0;
  /** Connections that it was given and has not said to have got. */
  pending = 0;
  /** Connections of its that are over. */
  left = 0;
  /** To be replaced: it is from before a restart, or has done or aged enough. */
  old = false;
  /** When patience with it is over, absolute ms; `Infinity` while nothing is due. */
  killAt: number;
  /** It runs no more, though its end is still to come. */
  ended = false;
  /** Killed because it did not begin or did not end in time. */
  overdue = false;
  /** What it is still to be told: to finish within so many ms. */
  tellRetire: number | undefined;
  /** It is still to be ended. */
  tellKill = false;

  /** One that is asked for now, and waited for `startTimeout` ms. */
  constructor(id: number, now: number, startTimeout: number) {
    this.id = id;
    this.startedAt = now;
    this.killAt = now + startTimeout;
  }

  /** Whether it is, or will be, there for connections. */
  get active(): boolean {
    return this.state === "starting" || this.state === "ready";
  }

  /** Makes a move of the table; false where the table has none. */
  move(input: ChildInput): boolean {
    const next = childTransitions[this.state][input];
    if (next === undefined) return false;
    this.state = next;
    return true;
  }

  /** It says that it is there; false if that comes too late. */
  ready(now: number): boolean {
    if (!this.move("ready")) return false;
    this.readyAt = now;
    this.idleSince = now;
    this.killAt = Infinity;
    return true;
  }

  /** It has one more connection. */
  take(): void {
    this.open++;
    this.taken++;
    this.idleSince = Infinity;
  }

  /** One of its connections is over. */
  leave(now: number): void {
    if (this.open === 0) return;
    this.open--;
    this.left++;
    if (this.open === 0) this.idleSince = now;
  }

  /** Is to finish within `grace`, and is killed when `patience` is over besides. */
  retire(now: number, grace: number, patience: number): void {
    const before = this.state;
    if (this.move("retire")) this.killAt = Infinity;
    if (before === "starting") {
      this.tellKill = true;
      return;
    }
    if (this.state !== "retiring") return;
    const killAt = now + grace + patience;
    if (before === "retiring" && killAt >= this.killAt) return;
    this.killAt = killAt;
    this.tellRetire = grace;
  }

  /** Has done what it had, and is killed when `patience` is over. */
  finish(now: number, patience: number): void {
    if (this.state !== "retiring") return;
    this.open = 0;
    this.killAt = Math.min(this.killAt, now + patience);
  }

  /** Is to end at once. */
  kill(): void {
    if (!this.move("kill")) return;
    this.tellKill = true;
    this.tellRetire = undefined;
    this.killAt = Infinity;
  }
}
