/**
 * Starting a program with a socket as its standard input and output, and its
 * end: by `node:child_process`, on Node and Bun. Deno has one of its own.
 *
 * What was found (Linux; Node 20.20, Deno 2.9.5, Bun 1.4.4), and is relied on:
 *
 * - All three put the signals back that they ignore themselves: a program finds
 *   SIGPIPE as it is by default, and ends when its client has gone.
 * - All three take `O_NONBLOCK` off descriptors 0, 1 and 2; see `programs/lent_socket.ts`.
 * - With `detached` a program has a session of its own (setsid(2)): the Ctrl-C
 *   of a terminal reaches the server alone, which lets it finish.
 *
 * At the limit of processes Node and Deno tell EAGAIN, as Bun does; but Bun
 * aborts when it wants a thread for itself just then (`ulimit -u`, a hundred
 * clients of `cat`; vfork(2) and then clone(2) say EAGAIN). Nothing here can
 * help that.
 *
 * @module
 */
import { type ChildProcess, spawn } from "node:child_process";
import type { ChildExit } from "../../../core/pool/child.ts";
import type { Environment, ProgramSignal } from "../../../core/programs.ts";
import { translateError } from "../errors.ts";
import type { LentSocket } from "./lent_socket.ts";

/** What is to be started, and how. */
export interface ProgramStart {
  readonly file: string;
  readonly args: readonly string[];
  readonly cwd: string | undefined;
  readonly env: Environment;
  readonly socket: LentSocket["stdio"];
  /** A descriptor for its standard error; undefined for ours. */
  readonly log: number | undefined;
}

/** A program that was started. */
export interface StartedProgram {
  /** Undefined if it could not be. */
  readonly pid: number | undefined;
  /** Sends a signal to it alone. */
  signal(name: ProgramSignal): void;
}

/** Told once, later: how it ended, or why it could not be started. */
export type Ended = (exit: ChildExit) => void;

/** Starts a program in a session of its own; may throw what it could not do. */
export type StartProgram = (
  start: ProgramStart,
  ended: Ended,
) => StartedProgram;

/** By `spawn`. */
export function startProgram(
  { file, args, cwd, env, socket, log }: ProgramStart,
  ended: Ended,
): StartedProgram {
  const child: ChildProcess = spawn(file, args, {
    ...(cwd !== undefined && { cwd }),
    env: { ...env },
    detached: true,
    stdio: [socket, socket, log ?? "inherit"],
  });
  child.on("exit", (status, signal) => ended({ status, signal }));
  child.on("error", (error) => {
    // A signal that could not be sent comes this way too.
    if (child.pid !== undefined) return;
    ended({ status: null, signal: null, error: translateError(error) });
  });
  return { pid: child.pid, signal: (name) => void child.kill(name) };
}
