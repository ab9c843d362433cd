/**
 * One program and the connection that it serves.
 *
 * The connection is the program's while that runs; its end ends the connection,
 * behind all that it wrote. What is still under way by then is closed as any
 * connection is: our end is sent, and what the client still sends is read and
 * dropped for a while, so that the output is not lost to a reset.
 *
 * A program that is to finish is left alone within its grace. Then it is asked
 * to end (SIGTERM); the pool kills one that does not heed that. When it has
 * ended, what it started and left in its group is killed, since that has the
 * connection too, and the connection is aborted.
 *
 * @module
 */
import type { ChildExit } from "../pool/child.ts";
import type { SockeyeError } from "../error.ts";
import { isOutOfRoom } from "../pool/failures.ts";

/**
 * Where in its life it is:
 *
 * - `running`: the program has the connection
 * - `asked`: the program is told to end
 * - `closing`: the program has ended, and the connection is being closed
 * - `over`: so is the connection, or it waits for another program
 */
export type RunState = "running" | "asked" | "closing" | "over";

/** What can happen to a run. */
export type RunInput = "late" | "exited" | "noRoom" | "closed";

/** Every move that there is; an input that a state has no entry for moves nothing. */
export const runTransitions: Readonly<
  Record<RunState, Readonly<Partial<Record<RunInput, RunState>>>>
> = {
  running: { late: "asked", exited: "closing", noRoom: "over" },
  // Whoever is out of time is not asked to wait again.
  asked: { exited: "closing", noRoom: "closing" },
  closing: { closed: "over" },
  over: {},
};

/** How a connection ended that a program had. */
export type RunEnd =
  /** It has not: there was no room for the program, and it waits for another. */
  | "returned"
  /** Its program ended, with status 0, and it was closed. */
  | "done"
  /** Its program ended with another status or could not be started, or the client was lost. */
  | "failed"
  /** Its program was ended by a signal that we did not send. */
  | "lost"
  /** The grace was over. */
  | "aborted";

/** What the driver is to do next. */
export type RunOutput =
  /** Tell the program to end (SIGTERM). */
  | "ask"
  /** End the program at once (SIGKILL), or what is left of its group. */
  | "kill"
  /** Close the connection. */
  | "close"
  /** Abort the connection. */
  | "abort"
  /** Nothing is left of it; once, and last. */
  | "over"
  | "wait";

/** The machine of one run. */
export class ProgramRun {
  #state: RunState = "running";
  #askAt = Infinity;
  #exit: ChildExit | undefined;
  #isAborted = false;
  #isBroken = false;
  /** What is to be said next. */
  #next: RunOutput = "wait";

  /** Where in its life it is. */
  get state(): RunState {
    return this.#state;
  }

  /** How its program ended. */
  get exit(): ChildExit | undefined {
    return this.#exit;
  }

  /** What went wrong, if that is news: not for a client that has gone, nor where another attempt follows. */
  get error(): SockeyeError | undefined {
    const error = this.#exit?.error;
    return this.#isReturned || error?.code === "ECONNRESET" ? undefined : error;
  }

  /** Whether there was no room for it, and it is to be tried again. */
  get #isReturned(): boolean {
    return this.#state === "over" && !this.#isAborted &&
      this.#exit !== undefined && isOutOfRoom(this.#exit);
  }

  /** How it all ended. */
  get end(): RunEnd {
    if (this.#isReturned) return "returned";
    if (this.#isAborted) return "aborted";
    if (this.#exit !== undefined && this.#exit.signal !== null) return "lost";
    return this.#exit?.status === 0 && !this.#isBroken ? "done" : "failed";
  }

  /** Makes a move of the table; false where the table has none. */
  #move(input: RunInput): boolean {
    const next = runTransitions[this.#state][input];
    if (next === undefined) return false;
    this.#state = next;
    return true;
  }

  // Inputs

  /** It is to be over within `grace` ms; a later one can only be shorter. */
  handleRetire(now: number, grace: number): void {
    if (this.#state === "over") return;
    this.#askAt = Math.min(this.#askAt, now + grace);
    this.handleTimeout(now);
  }

  /** A grace may be over. */
  handleTimeout(now: number): void {
    if (now < this.#askAt || this.#state === "over") return;
    this.#askAt = Infinity;
    this.#isAborted = true;
    if (this.#move("late")) this.#next = "ask";
    else if (this.#state === "closing") this.#next = "abort";
  }

  /** Everybody's patience is over. */
  handleKill(): void {
    if (this.#state === "over") return;
    this.#isAborted = true;
    this.#move("late");
    this.#next = this.#state === "closing" ? "abort" : "kill";
  }

  /** The program has ended, or could not be started. */
  handleExited(exit: ChildExit): void {
    if (!this.#move(isOutOfRoom(exit) ? "noRoom" : "exited")) return;
    this.#exit = exit;
    if (this.#state === "over") this.#finish();
    else this.#next = this.#isAborted ? "kill" : "close";
  }

  /** The connection is over; `broken` if that was not as it should be. */
  handleClosed(broken: boolean): void {
    if (!this.#move("closed")) return;
    this.#isBroken = broken;
    this.#finish();
  }

  #finish(): void {
    this.#askAt = Infinity;
    this.#next = "over";
  }

  // Outputs

  /** When to look again, absolute ms; `Infinity` for never. */
  pollTimeout(): number {
    return this.#askAt;
  }

  /** What to do next. */
  pollOutput(): RunOutput {
    const next = this.#next;
    const killed = next === "kill" && this.#state === "closing";
    this.#next = killed ? "abort" : "wait";
    return next;
  }
}
