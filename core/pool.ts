/**
 * The supervisor of children that serve connections: how many there are, when
 * one starts, retires or is replaced, and when it is enough.
 *
 * It is the same for one child for each connection (`exclusive`: each has at
 * most one at a time, given by the parent) and for members that share an
 * address and take connections by themselves. It knows children by number;
 * what a child is, a process or a thread, is the driver's.
 *
 * A child that ends before its time is replaced at once if it had proved
 * itself: by having served a connection to its end, by having been given all
 * that it was for, or by living for `stableAfter`. Ends in a row that prove
 * nothing are failures: the next start waits, 50 ms doubling to 30 s, less up to
 * a half by chance; and when too many have failed while none is left that has
 * begun, the pool gives up and says why.
 *
 * @module
 */
import type { SockeyeError } from "./error.ts";
import type { ChildExit, PoolChild } from "./pool/child.ts";
import { leaverOf, takerOf } from "./pool/choice.ts";
import { hasProved, isEarly, PoolFailures } from "./pool/failures.ts";
import type { PoolOutput } from "./pool/output.ts";
import { type PoolCounts, Population } from "./pool/population.ts";
import {
  hasRoomFor,
  hasSurplus,
  neededFor,
  type PoolLimits,
  wantsStart,
} from "./pool/size.ts";

/** What a child may take beyond its grace before it is killed, ms. */
export const killAfter = 500;

/** Where in its life a pool is. */
export type PoolState = "running" | "draining" | "ending" | "closed";

/**
 * The machine of one pool.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * import { PoolMachine } from "@sockeye/net/protocols";
 *
 * const pool = new PoolMachine({
 *   exclusive: true, // a child for each connection
 *   min: 1,
 *   max: 8,
 *   maxStarting: 2,
 *   spare: 0,
 *   maxConnectionsPerChild: Infinity,
 *   maxAge: Infinity,
 *   idleTimeout: Infinity,
 *   startTimeout: 10_000,
 * });
 * assert.deepEqual(pool.pollOutput(0), { do: "start", child: 1 });
 * pool.handleWaiting(5); // somebody has connected
 * assert.deepEqual(pool.pollOutput(5), { do: "wait" });
 * pool.handleReady(20, 1);
 * assert.deepEqual(pool.pollOutput(20), { do: "deliver", child: 1 });
 * pool.handleGot(21, 1);
 * pool.close(30, 1000); // it may take a second to finish
 * assert.deepEqual(pool.pollOutput(30), { do: "retire", child: 1, grace: 1000 });
 * pool.handleExited(40, 1, { status: 0, signal: null }, 0);
 * assert.deepEqual(pool.pollOutput(40), { do: "closed" });
 * ```
 */
export class PoolMachine {
  readonly #limits: PoolLimits;
  readonly #children: Population;
  readonly #failures: PoolFailures = new PoolFailures();
  #state: PoolState = "running";
  #waiting = 0;
  #now = 0;
  #drainAt = Infinity;
  #wasReady = false;
  /** Connections that had been lost before it was closed. */
  #lostBefore = 0;
  #error: SockeyeError | undefined;

  /** Nothing is started before the first `pollOutput`. */
  constructor(limits: PoolLimits) {
    this.#limits = limits;
    this.#children = new Population(limits);
  }

  /** Where in its life it is. */
  get state(): PoolState {
    return this.#state;
  }
  /** Why it gave up. */
  get error(): SockeyeError | undefined {
    return this.#error;
  }
  /** The children that are alive, oldest first. */
  get children(): Iterable<Readonly<PoolChild>> {
    return this.#children;
  }
  /** Those that have connections, or may have: they have begun, and not been killed. */
  get serving(): readonly Readonly<PoolChild>[] {
    return [...this.#children].filter(({ state }) =>
      state === "ready" || state === "retiring"
    );
  }
  /** Children alive. */
  get alive(): number {
    return this.#children.size;
  }
  /** Connections that wait for a child. */
  get waiting(): number {
    return this.#waiting;
  }
  /** What became of its children so far. */
  get counts(): Readonly<PoolCounts> {
    return this.#children.counts;
  }
  /** Connections that ended with their child since the pool was closed. */
  get lostAtEnd(): number {
    return this.#state === "running" ? 0 : this.counts.lost - this.#lostBefore;
  }
  /** Whether as many are ready as are always kept, and one if there are only spare ones. */
  get manned(): boolean {
    const { min, spare } = this.#limits;
    if (min + spare === 0) return true;
    return this.#wasReady && this.#children.tally().ready >= min;
  }
  /** How many more connections there will be children for. */
  get room(): number {
    if (this.#state !== "running") return 0;
    if (!this.#limits.exclusive) return Infinity;
    const { idle } = this.#children.tally();
    const taken = this.alive - idle;
    return Math.max(this.#limits.max - taken - this.#waiting, 0);
  }

  // Inputs

  /** One more connection waits for a child; none comes once the pool is closed. */
  handleWaiting(now: number): void {
    this.#now = now;
    this.#waiting++;
  }

  /** The child says that it is there. */
  handleReady(now: number, id: number): void {
    this.#now = now;
    if (this.#children.get(id)?.ready(now)) this.#wasReady = true;
  }

  /** The child took a connection by itself. */
  handleTaken(now: number, id: number): void {
    this.#now = now;
    const child = this.#children.get(id);
    if (child === undefined) return;
    child.take();
    if (this.#children.isWorn(child)) child.old = true;
  }

  /** The child has got a connection that it was given. */
  handleGot(now: number, id: number): void {
    this.#now = now;
    const child = this.#children.get(id);
    if (child !== undefined && child.pending > 0) child.pending--;
  }

  /** The child did not answer when it was given a connection: that one waits again. */
  handleReturned(now: number, id: number): void {
    this.#now = now;
    this.#waiting++;
    const child = this.#children.get(id);
    if (child === undefined) return;
    child.open--;
    child.taken--;
    if (child.open === 0) child.idleSince = now;
  }

  /** A connection of the child is over. */
  handleLeft(now: number, id: number): void {
    this.#now = now;
    this.#children.get(id)?.leave(now);
  }

  /** The child was asked to end by somebody else: another is to take its place. */
  handleLeaving(now: number, id: number): void {
    this.#now = now;
    const child = this.#children.get(id);
    if (child !== undefined) child.old = true;
  }

  /** The child is ending, asked or not: it is given nothing more. */
  handleEnding(now: number, id: number): void {
    this.#now = now;
    const child = this.#children.get(id);
    if (child !== undefined) child.ended = true;
  }

  /** The child has done all that it was to do, and is to end by itself soon. */
  handleFinished(now: number, id: number): void {
    this.#now = now;
    this.#children.get(id)?.finish(now, killAfter);
  }

  /**
   * The child has ended, or could not be started; comes once for each that was
   * started. `random` in [0, 1) spreads the starts that follow.
   */
  handleExited(now: number, id: number, exit: ChildExit, random: number): void {
    this.#now = now;
    const child = this.#children.get(id);
    if (child === undefined) return;
    const early = isEarly(child, exit);
    const proved = this.#hasProved(child);
    this.#children.remove(child);
    if (proved || this.#hasRecovered()) this.#failures.forget();
    if (!early) return;
    this.#children.counts.failed++;
    if (proved) return;
    this.#failures.note(now, exit, random, this.#wasReady);
    this.#mayGiveUp(child, exit);
  }

  /** A pause, a grace or somebody's patience may be over. */
  handleTimeout(now: number): void {
    this.#now = now;
    this.#expire();
  }

  /** Replaces every child that there is now, one by one; nobody waits for it. */
  restart(now: number): void {
    this.#now = now;
    for (const child of this.#children) child.old = true;
  }

  /**
   * Takes no more work, and lets the children finish what they have within
   * `grace` ms. A second call can only shorten that.
   */
  close(now: number, grace: number): void {
    this.#now = now;
    if (this.#state === "closed") return;
    this.#leaveRunning("draining");
    this.#drainAt = Math.min(this.#drainAt, now + grace);
    for (const child of this.#children) {
      // One that starts may still be there for a connection that waits.
      if (child.state !== "starting") this.#retire(child);
    }
    this.#expire();
  }

  /** Ends every child at once. */
  abort(now: number): void {
    this.#now = now;
    if (this.#state === "closed") return;
    this.#leaveRunning("ending");
    this.#state = "ending";
    for (const child of this.#children) child.kill();
  }

  #leaveRunning(next: PoolState): void {
    if (this.#state !== "running") return;
    this.#state = next;
    this.#lostBefore = this.counts.lost;
  }

  // Outputs

  /** When to look again, absolute ms; `Infinity` for never. */
  pollTimeout(): number {
    let next = this.#state === "draining" ? this.#drainAt : Infinity;
    if (this.#failures.notBefore > this.#now && this.#wantsStart()) {
      next = Math.min(next, this.#failures.notBefore);
    }
    const running = this.#state === "running";
    const surplus = running &&
      hasSurplus(this.#limits, this.#children.tally(), this.#waiting);
    return Math.min(next, this.#children.nextDeadline(running, surplus));
  }

  /** What to do next. */
  pollOutput(now: number): PoolOutput {
    this.#now = Math.max(this.#now, now);
    const told = this.#children.tell();
    if (told !== undefined) return told;
    switch (this.#state) {
      case "running":
      case "draining":
        return this.#pollServing();
      case "ending":
        return this.#pollEnding();
      case "closed":
        return { do: "wait" };
      default:
        return this.#state satisfies never;
    }
  }

  #pollServing(): PoolOutput {
    const taker = this.#waiting > 0
      ? takerOf(this.#limits, this.#children)
      : undefined;
    if (taker !== undefined) return this.#deliver(taker);
    if (this.#state === "draining" && this.#waiting === 0) {
      this.#state = "ending";
      for (const child of this.#children) this.#retire(child);
      return this.pollOutput(this.#now);
    }
    if (this.#wantsStart() && this.#now >= this.#failures.notBefore) {
      return this.#start();
    }
    const leaver = this.#state === "running" ? this.#leaver() : undefined;
    if (leaver === undefined) return { do: "wait" };
    leaver.retire(this.#now, Infinity, killAfter);
    return this.pollOutput(this.#now);
  }

  #pollEnding(): PoolOutput {
    if (this.#waiting > 0) {
      this.#waiting--;
      return { do: "drop" };
    }
    if (this.alive > 0) return { do: "wait" };
    this.#state = "closed";
    return { do: "closed" };
  }

  // Starting, and giving connections

  #start(): PoolOutput {
    return { do: "start", child: this.#children.add(this.#now).id };
  }

  #deliver(child: PoolChild): PoolOutput {
    this.#waiting--;
    child.take();
    child.pending++;
    if (this.#children.isWorn(child)) this.#wear(child);
    return { do: "deliver", child: child.id };
  }

  /** It has its last one: it ends by itself behind that, or is replaced before. */
  #wear(child: PoolChild): void {
    if (!this.#limits.exclusive) {
      child.old = true;
      return;
    }
    child.retire(this.#now, Infinity, killAfter);
    if (this.#state === "draining") this.#retire(child);
  }

  #leaver(): PoolChild | undefined {
    const children = [...this.#children];
    return leaverOf(this.#limits, children, this.#waiting, this.#now);
  }

  #retire(child: PoolChild): void {
    child.retire(this.#now, Math.max(this.#drainAt - this.#now, 0), killAfter);
  }

  #expire(): void {
    const now = this.#now;
    this.#children.expire(now);
    if (this.#state === "draining" && now >= this.#drainAt) {
      this.#state = "ending";
      for (const child of this.#children) this.#retire(child);
    }
  }

  // Failures

  #hasProved(child: PoolChild): boolean {
    return hasProved(child, this.#now, this.#children.isWorn(child));
  }

  /** Whether one that came behind the last failure has proved itself. */
  #hasRecovered(): boolean {
    const { lastAt } = this.#failures;
    for (const child of this.#children) {
      if (child.state !== "ready" || child.readyAt < lastAt) continue;
      if (this.#hasProved(child)) return true;
    }
    return false;
  }

  #mayGiveUp(child: PoolChild, exit: ChildExit): void {
    // Those that have begun serve somebody still, or may: nobody is given up.
    if (this.#state !== "running" || this.serving.length > 0) return;
    this.#error = this.#failures.verdict(child, exit, this.#wasReady);
    if (this.#error !== undefined) this.abort(this.#now);
  }

  /** Whether one more child is to be started, now or behind a pause. */
  #wantsStart(): boolean {
    const tally = this.#children.tally();
    if (this.#state === "running") {
      return wantsStart(this.#limits, tally, this.#waiting);
    }
    // Only for those that wait already.
    return this.#state === "draining" && hasRoomFor(this.#limits, tally) &&
      tally.idle < neededFor(this.#limits, tally, this.#waiting);
  }
}
