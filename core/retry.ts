/**
 * Connecting again and again: which failures are worth another attempt, after
 * what pause, and when it is enough.
 *
 * @module
 */
import { Backoff } from "./backoff.ts";
import type { ErrorCode } from "./error.ts";

/** How often, and with what pauses in between. */
export interface RetryLimits {
  /** Attempts in all, the first one included; `Infinity` for no end. */
  readonly attempts: number;
  /** The first pause, ms; each one is twice as long as the one before. */
  readonly minDelay: number;
  /** The longest pause, ms. */
  readonly maxDelay: number;
}

/**
 * One attempt, and no more.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * import { once, RetryMachine } from "@sockeye/net/protocols";
 *
 * const machine = new RetryMachine(once);
 * machine.pollOutput(0);
 * machine.handleFailed(10, "ECONNREFUSED", 1); // would pass, too late
 * assert.equal(machine.pollOutput(10), "failed");
 * ```
 */
export const once: RetryLimits = { attempts: 1, minDelay: 1, maxDelay: 1 };

/** What the driver is to do next. */
export type RetryOutput = "attempt" | "failed" | "wait";

/**
 * What may be otherwise in a moment, after connect(2), unix(7) and
 * getaddrinfo(3): nobody listens (yet, or just now), the way is interrupted,
 * the peer broke off, or something has run out. What the caller got wrong, or
 * may not do, stays so.
 */
const passing: ReadonlySet<ErrorCode> = new Set<ErrorCode>([
  "EADDRNOTAVAIL", // no local port is free
  "EAGAIN", // the queue of a Unix socket is full
  "EAI_AGAIN",
  "ECONNABORTED",
  "ECONNREFUSED",
  "ECONNRESET",
  "EHOSTUNREACH",
  "EMFILE",
  "ENETDOWN",
  "ENETUNREACH",
  "ENFILE",
  "ENOBUFS",
  "ENOENT", // a name on disk that its server has not taken yet
  "ENOMEM",
  "ENXIO", // a FIFO that nobody reads
  "EPIPE",
  "ETIMEDOUT",
]);

/**
 * Whether another attempt may bring what this one did not.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * import { isPassing } from "@sockeye/net/protocols";
 *
 * assert.ok(isPassing("ENOENT")); // the server may not have bound its socket yet
 * assert.ok(isPassing("EAI_AGAIN")); // the resolver did not answer
 * assert.ok(!isPassing("ENOTFOUND")); // it did: there is no such host
 * assert.ok(!isPassing("ERR_SOCKEYE_CLOSED")); // it was us
 * ```
 */
export function isPassing(code: ErrorCode): boolean {
  return passing.has(code);
}

/**
 * The machine of one connection that is to be made.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * import { RetryMachine } from "@sockeye/net/protocols";
 *
 * const machine = new RetryMachine({ attempts: 5, minDelay: 50, maxDelay: 1000 });
 * assert.equal(machine.pollOutput(0), "attempt");
 * machine.handleFailed(10, "ECONNREFUSED", 1); // nothing is left to chance
 * assert.equal(machine.pollOutput(10), "wait");
 * assert.equal(machine.pollTimeout(), 60); // ms, on the clock of the inputs
 * assert.equal(machine.pollOutput(60), "attempt");
 * machine.handleFailed(61, "EACCES", 1); // that will not pass
 * assert.equal(machine.pollOutput(61), "failed");
 * ```
 */
export class RetryMachine {
  readonly #attempts: number;
  readonly #backoff: Backoff;
  #state: "pausing" | "trying" | "failed" | "over" = "pausing";
  #notBefore = -Infinity;
  #failures = 0;

  /** The first attempt is due at once. */
  constructor(limits: RetryLimits) {
    this.#attempts = limits.attempts;
    this.#backoff = new Backoff(limits.minDelay, limits.maxDelay);
  }

  /** Attempts that have failed. */
  get failures(): number {
    return this.#failures;
  }
  /** When the next attempt is due, absolute ms; `Infinity` while none is planned. */
  pollTimeout(): number {
    return this.#state === "pausing" ? this.#notBefore : Infinity;
  }

  /** The attempt has failed; `random` in [0, 1) spreads those who failed together. */
  handleFailed(now: number, code: ErrorCode, random: number): void {
    if (this.#state !== "trying") return;
    this.#failures++;
    if (this.#failures >= this.#attempts || !isPassing(code)) {
      this.#state = "failed";
      return;
    }
    this.#state = "pausing";
    this.#notBefore = now + this.#backoff.next(random);
  }

  /** It is made, or nobody wants it any more: nothing more comes. */
  handleOver(): void {
    this.#state = "over";
  }

  /** What to do next; `attempt` and `failed` are told once each time. */
  pollOutput(now: number): RetryOutput {
    if (this.#state === "failed") {
      this.#state = "over";
      return "failed";
    }
    if (this.#state !== "pausing" || now < this.#notBefore) return "wait";
    this.#state = "trying";
    return "attempt";
  }
}
