/**
 * Waits of callers: checks of their options, and signals that end them.
 *
 * @module
 */
import { SockeyeError } from "../core/error.ts";
import type { Op } from "./types.ts";

/**
 * The absolute deadline of an operation that starts now.
 *
 * @throws {SockeyeError} `EINVAL` for a timeout that is negative or not a number.
 */
export function deadlineOf(op: Op | undefined, now: number): number {
  const timeout = op?.timeout;
  if (timeout === undefined) return Infinity;
  if (typeof timeout !== "number" || !(timeout >= 0)) {
    throw new SockeyeError(
      "EINVAL",
      `Cannot wait: timeout is ${
        String(timeout)
      }, expected milliseconds from 0 up`,
    );
  }
  return now + timeout;
}

/**
 * Checks a signal before anything is begun.
 *
 * @throws {SockeyeError} `EINVAL` for what is no signal; or `signal.reason` of
 * one that was aborted before.
 */
export function checkSignal(signal: AbortSignal | undefined): void {
  if (signal === undefined) return;
  if (typeof signal?.addEventListener !== "function") {
    throw new SockeyeError(
      "EINVAL",
      `Cannot wait: signal is ${kindOf(signal)}, expected an AbortSignal`,
    );
  }
  if (signal.aborted) throw signal.reason;
}

/** Somebody who waits for one value; settled once, whoever comes first. */
export class Waiter<T> {
  readonly promise: Promise<T>;
  readonly deadline: number;
  #resolve!: (value: T) => void;
  #reject!: (reason: unknown) => void;
  #signal: AbortSignal | undefined;
  #onAbort: (() => void) | undefined;

  /** `onSignal` is called when the signal fires while this waits. */
  constructor(
    deadline: number,
    signal: AbortSignal | undefined,
    onSignal: (reason: unknown) => void,
  ) {
    this.deadline = deadline;
    this.promise = new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
    if (signal === undefined) return;
    this.#signal = signal;
    this.#onAbort = () => onSignal(signal.reason);
    signal.addEventListener("abort", this.#onAbort);
  }

  resolve(value: T): void {
    this.#leave();
    this.#resolve(value);
  }

  reject(reason: unknown): void {
    this.#leave();
    this.#reject(reason);
  }

  #leave(): void {
    if (this.#onAbort === undefined) return;
    this.#signal!.removeEventListener("abort", this.#onAbort);
    this.#onAbort = undefined;
  }
}

/** Checks that what is to be sent or filled is a `Uint8Array`. */
export function checkBytes(bytes: unknown, action: string): void {
  if (bytes instanceof Uint8Array) return;
  throw new SockeyeError(
    "EINVAL",
    `Cannot ${action}: expected a Uint8Array, got ${kindOf(bytes)}`,
  );
}

/** A word for what a value is: its type, or its class. */
function kindOf(value: unknown): string {
  if (value === null) return "null";
  if (typeof value !== "object") return typeof value;
  return Object.prototype.toString.call(value).slice("[object ".length, -1);
}
