/**
 * The contract between a server that runs a program for each connection and the
 * adapter that starts them: callbacks and commands, as in `transport.ts`. How
 * many run at once, `pool.ts` decides; what becomes of one and its connection,
 * `programs/run.ts`; what it is told of the connection, `programs/ucspi.ts`.
 *
 * @module
 */
import type { ChildExit } from "./pool/child.ts";
import type { StreamHandle } from "./transport.ts";

/** Variables of an environment; see environ(7). */
export type Environment = Readonly<Record<string, string>>;

/** A program to be run, all decided and checked before. */
export interface ProgramRequest {
  /** Its name or path, and its arguments. */
  readonly command: readonly [name: string, ...args: string[]];
  /** The directory that it runs in; undefined for this process's own. */
  readonly cwd: string | undefined;
  /** Its environment, before it is told of a connection; undefined for this process's own. */
  readonly env: Environment | undefined;
  /** The file that its standard error is appended to; undefined for this process's own. */
  readonly log: string | undefined;
}

/** How a program's signals are named; see signal(7). */
export type ProgramSignal = "SIGTERM" | "SIGKILL";

/** A program that runs, as its server holds it. */
export interface ProgramHandle {
  /** Its process id; undefined if it could not be started. */
  readonly pid: number | undefined;
  /** Sends a signal to it and to the processes of its group; or to what it left there when it ended. */
  signal(name: ProgramSignal): void;
}

/** What an adapter tells about one program. */
export interface ProgramEvents {
  /**
   * It has ended and is reaped; once, and last, never before `run` has
   * returned. Also, with an error, for one that could not be started. The
   * connection is this process's again, and can be attached to.
   */
  exited(exit: ChildExit): void;
}

/** A program that was found, and can be run any number of times. */
export interface Program {
  /** The environment that it was asked to have, or this process's own. */
  readonly env: Environment;
  /**
   * Runs it, with a connection of `Children.listen` that nobody attached to as
   * its standard input and output. Nothing is to be done with that before it
   * has ended.
   */
  run(
    connection: StreamHandle,
    env: Environment,
    events: ProgramEvents,
  ): ProgramHandle;
  /**
   * Opens the log anew, for those that are run from now on: the old one may
   * have been moved away.
   *
   * @throws {SockeyeError} if that fails; the old one goes on.
   */
  reopen(): void;
  /** Lets go of the log. */
  close(): void;
}
