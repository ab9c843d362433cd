/**
 * Children that end before their time: how long the next start waits, and when
 * it is enough.
 *
 * @module
 */
import { Backoff } from "../backoff.ts";
import { type ErrorCode, SockeyeError } from "../error.ts";
import type { ChildExit, PoolChild } from "./child.ts";

/** Lived so long after it was ready, a child has proved itself, ms. */
export const stableAfter = 1000;
/** First and longest pause before a start that follows a failure, ms. */
const minDelay = 50;
const maxDelay = 30_000;
/** The longest pause where children are killed from outside, ms. */
const killedDelay = 1000;
/** Failures in a row, with nobody ready, at which the pool gives up. */
export const maxFailures = 10;
/** The same while no child was ever ready: a module that throws will throw again. */
export const maxFirstFailures = 3;
/** What the system says when it has no room for a process just now; see fork(2). */
const outOfRoom: ReadonlySet<ErrorCode> = new Set<ErrorCode>([
  "EAGAIN",
  "EMFILE",
  "ENFILE",
  "ENOMEM",
]);

/** Whether the system had no room for a child, as it may have for another soon. */
export function isOutOfRoom({ error }: ChildExit): boolean {
  return error !== undefined && outOfRoom.has(error.code);
}

/** Whether a child that has ended now did so before its time. */
export function isEarly(child: Readonly<PoolChild>, exit: ChildExit): boolean {
  return child.state === "starting" || child.state === "ready" ||
    (child.overdue && child.readyAt === Infinity) || isOutOfRoom(exit);
}

/** Whether a child's life shows that its like can serve; `worn` if it has had all that it may. */
export function hasProved(
  child: Readonly<PoolChild>,
  now: number,
  worn: boolean,
): boolean {
  if (child.readyAt === Infinity) return false;
  return child.left > 0 || worn || now - child.readyAt >= stableAfter;
}

/** The failures of a pool, in a row. */
export class PoolFailures {
  readonly #backoff: Backoff = new Backoff(minDelay, maxDelay);
  #inRow = 0;
  #lastAt = -Infinity;
  /** No child is started before this, absolute ms. */
  notBefore: number = -Infinity;

  /** When the last one was. */
  get lastAt(): number {
    return this.#lastAt;
  }

  /** A child has proved itself: what failed before does not count. */
  forget(): void {
    this.#inRow = 0;
    this.#backoff.reset();
    this.notBefore = -Infinity;
  }

  /** A child has failed; `wasReady` if one ever was. That the system has no room for one passes. */
  note(
    now: number,
    exit: ChildExit,
    random: number,
    wasReady: boolean,
  ): void {
    this.#lastAt = now;
    const pause = this.#backoff.next(random);
    // Somebody killed it: that it was its own fault is not said.
    const killed = exit.signal === "SIGKILL";
    this.notBefore = now + (killed ? Math.min(pause, killedDelay) : pause);
    if (isOutOfRoom(exit)) return;
    if (!killed || !wasReady) this.#inRow++;
  }

  /** Why to give up, if it is enough; `wasReady` if a child ever was. */
  verdict(
    child: Readonly<PoolChild>,
    exit: ChildExit,
    wasReady: boolean,
  ): SockeyeError | undefined {
    if (this.#inRow < (wasReady ? maxFailures : maxFirstFailures)) {
      return undefined;
    }
    return new SockeyeError(
      "ECHILD",
      `${this.#inRow} children in a row failed, the last ${
        describe(child, exit)
      }`,
      exit.error === undefined ? {} : { cause: exit.error },
    );
  }
}

/** How a child ended, for an error's message. */
function describe(child: Readonly<PoolChild>, exit: ChildExit): string {
  const when = child.readyAt === Infinity ? "before it was ready" : "early";
  if (exit.error !== undefined) return `${when}: ${exit.error.message}`;
  if (child.overdue) return "because it was not ready in time";
  return exit.signal === null
    ? `${when}, with status ${exit.status}`
    : `${when}, by ${exit.signal}`;
}
