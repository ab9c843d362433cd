/**
 * Admission: how many connections there may be, and what becomes of the next.
 *
 * Two limits: `max` connections open at once, and the process's descriptors.
 * The second is watched by leases: each look at the system grants half of the
 * descriptors that are free, less a reserve, so that looks are rare far from
 * the limit and frequent near it. A connection that leaves gives one back.
 *
 * One admission may serve several listeners.
 *
 * @module
 */
import type { DescriptorUse } from "./runtime.ts";

/** Descriptors kept for everything else: name resolution, files, a child's pipes. */
const reserve = 8;

/**
 * How long a look at the system that found nothing free stands, ms. Connections
 * that leave count at once; a look is for descriptors that others gave back,
 * and one at 20,000 of them takes about 10 ms.
 */
const lookAgainAfter = 1000;

/**
 * Counts connections against the limits. Times are absolute ms, on the clock of
 * whoever calls.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * import { Admission } from "@sockeye/net/core";
 *
 * const admission = new Admission(2); // open at once
 * admission.handleDescriptors(0, { limit: 1024, used: 1010 });
 * assert.ok(admission.hasDescriptor && admission.hasRoom);
 * for (let i = 0; i < 2; i++) {
 *   admission.handleArrived();
 *   admission.handleAdmitted();
 * }
 * assert.ok(!admission.hasRoom); // the third has to wait
 * admission.handleLeft(true);
 * assert.ok(admission.hasRoom);
 * ```
 */
export class Admission {
  /** Most connections open at once. */
  readonly max: number;
  #open = 0;
  /** Descriptors that may be taken before the next look. */
  #lease = 0;
  #lookAt = 0;

  /** `max`: most connections open at once, `Infinity` for as many as there are descriptors. */
  constructor(max: number) {
    this.max = max;
  }

  /** Connections handed out and not left. */
  get open(): number {
    return this.#open;
  }
  /** Whether `max` allows one more. */
  get hasRoom(): boolean {
    return this.#open < this.max;
  }
  /** Whether one more descriptor may be taken, as far as is known. */
  get hasDescriptor(): boolean {
    return this.#lease > 0;
  }
  /** Whether more descriptors were taken than were granted. */
  get overdrawn(): boolean {
    return this.#lease < 0;
  }
  /** Whether the system is to be looked at: see `handleDescriptors`. */
  wantsLook(now: number): boolean {
    return this.#lease <= 0 && now >= this.#lookAt;
  }
  /** When to try again while no descriptor is free. */
  get lookAt(): number {
    return this.#lease > 0 ? Infinity : this.#lookAt;
  }

  /** What a look gave; undefined where the system does not tell. */
  handleDescriptors(now: number, use: DescriptorUse | undefined): void {
    if (use === undefined) {
      this.#lease = Infinity;
      return;
    }
    const free = use.limit - use.used - reserve;
    this.#lease = free > 0 ? Math.ceil(free / 2) : Math.min(free, 0);
    this.#lookAt = free > 0 ? now : now + lookAgainAfter;
  }

  /** The system had no descriptor left: whatever was granted is void. */
  handleExhausted(now: number): void {
    this.#lease = 0;
    this.#lookAt = now + lookAgainAfter;
  }

  /** A connection was accepted: it has a descriptor. */
  handleArrived(): void {
    this.#lease--;
  }
  /** It was handed to the user. */
  handleAdmitted(): void {
    this.#open++;
  }
  /** It has given its descriptor back, admitted or not. */
  handleLeft(admitted: boolean): void {
    this.#lease++;
    if (admitted) this.#open--;
  }
}
