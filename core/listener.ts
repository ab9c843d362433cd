/**
 * One listener: when to accept, whom to hand out, whom to turn away.
 *
 * Accepted connections wait in a queue of the driver's, which this machine
 * counts, until somebody wants one and `admission.ts` has room. Where the
 * runtime accepts on demand the queue is kept short and the kernel's does the
 * waiting; where it accepts eagerly at most `maxWaiting` are held, unread.
 *
 * @module
 */
import type { Admission } from "./admission.ts";
import { type Backoff, scarcityBackoff } from "./backoff.ts";
import type { ErrorCode } from "./error.ts";

/** Where in its life a listener is. */
export type ListenerState = "listening" | "draining" | "closed";

/** What the driver is to do next; polled in this order. */
export type ListenerOutput =
  | "look"
  | "reject"
  | "deliver"
  | "startAccept"
  | "stopAccept"
  | "close"
  | "closed"
  | "wait";

/** Limits and policies of one listener, all decided before. */
export interface ListenerLimits {
  /** Whether a stopped transport leaves connections in the kernel's queue. */
  readonly acceptsOnDemand: boolean;
  /** Beyond `max` connections: hold them back, or reset them. */
  readonly overflow: "defer" | "reject";
  /** Connections held unread before further ones are reset. */
  readonly maxWaiting: number;
}

/** Where the kernel queues for us, one is taken in advance: it makes the listener readable. */
const takenInAdvance = 1;

/**
 * The machine of one listener.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * import { Admission, ListenerMachine } from "@sockeye/net/core";
 *
 * const admission = new Admission(1); // one connection at once
 * const machine = new ListenerMachine({
 *   acceptsOnDemand: false,
 *   overflow: "reject",
 *   maxWaiting: 8,
 * }, admission);
 * machine.setWanted(Infinity); // a server takes them all
 * const told: string[] = [];
 * const drain = (now: number) => {
 *   for (;;) {
 *     const next = machine.pollOutput(now);
 *     if (next === "wait") return;
 *     if (next === "look") admission.handleDescriptors(now, undefined);
 *     told.push(next);
 *   }
 * };
 * drain(0);
 * machine.handleConnection(10);
 * drain(10);
 * machine.handleConnection(20);
 * drain(20);
 * assert.deepEqual(told, ["look", "startAccept", "deliver", "reject"]);
 * ```
 */
export class ListenerMachine {
  readonly #limits: ListenerLimits;
  readonly #admission: Admission;
  #state: ListenerState = "listening";
  #paused = false;
  /** Connections that somebody waits for; `Infinity` while a server takes them all. */
  #wanted = 0;
  #waiting = 0;
  #rejecting = 0;
  #accepting = false;
  readonly #backoff: Backoff = scarcityBackoff();
  #notBefore = 0;
  #now = 0;
  #closeAsked = false;
  #closedTold = false;
  #rejected = 0;

  /** Several listeners may share an admission. */
  constructor(limits: ListenerLimits, admission: Admission) {
    this.#limits = limits;
    this.#admission = admission;
  }

  /** Where in its life it is. */
  get state(): ListenerState {
    return this.#state;
  }
  /** Whether the user paused it. */
  get paused(): boolean {
    return this.#paused;
  }
  /** Connections accepted and not handed out. */
  get waiting(): number {
    return this.#waiting;
  }
  /** Connections turned away so far. */
  get rejected(): number {
    return this.#rejected;
  }
  /** Whether an accept would give a connection at once. */
  get readable(): boolean {
    return this.#state === "listening" && !this.#paused &&
      this.#waiting > 0 && this.#admission.hasRoom;
  }

  // Inputs

  /** Somebody waits for `count` connections. */
  setWanted(count: number): void {
    this.#wanted = count;
  }

  /** Accepts no more until `resume`. */
  pause(): void {
    this.#paused = true;
  }
  /** Undoes `pause`. */
  resume(): void {
    this.#paused = false;
  }

  /** The transport accepted one; `reject` comes for the youngest if there is no place for it. */
  handleConnection(now: number): void {
    this.#now = now;
    this.#backoff.reset();
    this.#admission.handleArrived();
    this.#waiting++;
    if (this.#isTooMany()) this.#rejecting++;
  }

  #isTooMany(): boolean {
    if (this.#state !== "listening") return true;
    if (this.#limits.overflow === "reject" && !this.#admission.hasRoom) {
      return true;
    }
    return this.#waiting - this.#rejecting > this.#maxWaiting;
  }

  get #maxWaiting(): number {
    // One that was accepted by demand is kept whatever the limit says: the
    // kernel has no way to take it back.
    return Math.max(this.#limits.maxWaiting, takenInAdvance);
  }

  /**
   * Accepting failed. A client that went away in the queue is no reason to
   * wait; anything else is, 5 ms doubling to 1 s, since it may fail again at
   * once. Without descriptors, connections held unread give theirs back.
   */
  handleAcceptFailed(now: number, code: ErrorCode): void {
    this.#now = now;
    this.#accepting = this.#accepting && !this.#limits.acceptsOnDemand;
    if (leftTheQueue(code)) return;
    if (code === "EMFILE" || code === "ENFILE") {
      this.#admission.handleExhausted(now);
      if (!this.#limits.acceptsOnDemand) this.#rejecting = this.#waiting;
    }
    this.#notBefore = now + this.#backoff.next();
  }

  /** A backoff, or the time until the next look, may be over. */
  handleTimeout(now: number): void {
    this.#now = now;
  }

  /** Stops listening; those who wait are reset. Idempotent. */
  close(): void {
    if (this.#state !== "listening") return;
    this.#state = "draining";
    this.#rejecting = this.#waiting;
  }

  /** The transport's listener is over, asked or not. */
  handleClosed(): void {
    this.#state = "closed";
    this.#rejecting = this.#waiting;
  }

  // Outputs

  /** When to look again; `Infinity` for never. */
  pollTimeout(): number {
    if (this.#state !== "listening" || this.#paused) return Infinity;
    if (this.#notBefore > this.#now) return this.#notBefore;
    // Who accepts eagerly looks when one comes; the others look by time.
    if (!this.#limits.acceptsOnDemand || !this.#demand()) return Infinity;
    return this.#admission.lookAt;
  }

  /** What to do next. `reject` takes the youngest that waits, `deliver` the oldest. */
  pollOutput(now: number): ListenerOutput {
    this.#now = Math.max(this.#now, now);
    if (this.#overdrawn()) {
      if (this.#admission.wantsLook(now)) return "look";
      this.#rejecting++;
    }
    if (this.#rejecting > 0) return this.#reject();
    if (this.#state === "draining") {
      if (this.#closeAsked) return "wait";
      this.#closeAsked = true;
      return "close";
    }
    if (this.#state === "closed") {
      if (this.#closedTold) return "wait";
      this.#closedTold = true;
      return "closed";
    }
    return this.#pollListening(now);
  }

  #pollListening(now: number): ListenerOutput {
    if (this.readable && this.#wanted > 0) {
      this.#waiting--;
      this.#wanted--;
      this.#admission.handleAdmitted();
      return "deliver";
    }
    if (this.#demand() && this.#admission.wantsLook(now)) return "look";
    const accepting = this.#demand() && now >= this.#notBefore &&
      this.#admission.hasDescriptor;
    if (accepting === this.#accepting) return "wait";
    this.#accepting = accepting;
    return accepting ? "startAccept" : "stopAccept";
  }

  /** Whether one was accepted eagerly that there is no descriptor for. */
  #overdrawn(): boolean {
    return this.#admission.overdrawn && this.#waiting > this.#rejecting;
  }

  /** Whether one more connection is welcome, were there a descriptor for it. */
  #demand(): boolean {
    if (this.#paused) return false;
    if (!this.#limits.acceptsOnDemand) return true;
    if (this.#limits.overflow === "reject") return true;
    return this.#waiting < takenInAdvance && this.#admission.hasRoom;
  }

  #reject(): ListenerOutput {
    this.#rejecting--;
    this.#waiting--;
    this.#rejected++;
    return "reject";
  }
}

/** What accept(2) says, or the first call on what it gave, of a client that is gone. */
function leftTheQueue(code: ErrorCode): boolean {
  return code === "ECONNABORTED" || code === "ECONNRESET" ||
    code === "ENOTCONN" || code === "EPIPE" || code === "EPROTO";
}
