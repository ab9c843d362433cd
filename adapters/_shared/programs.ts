/**
 * Programs by `node:child_process`, with a connection as their standard input
 * and output, alike on Node, Deno and Bun.
 *
 * What was found (Linux; Node 20.20, Deno 2.9.5, Bun 1.4.4), and is relied on:
 *
 * - All three put the signals back that they ignore themselves: a program finds
 *   SIGPIPE as it is by default, and ends when its client has gone.
 * - All three take `O_NONBLOCK` off descriptors 0, 1 and 2; see `lent_socket.ts`.
 * - With `detached` a program has a session of its own (setsid(2)): the Ctrl-C
 *   of a terminal reaches the server alone, which lets it finish.
 *
 * @module
 */
import { type ChildProcess, spawn } from "node:child_process";
import { accessSync, closeSync, constants, openSync, statSync } from "node:fs";
import process from "node:process";
import { type ErrorCode, SockeyeError } from "../../core/error.ts";
import type {
  Environment,
  Program,
  ProgramEvents,
  ProgramHandle,
  ProgramRequest,
  ProgramSignal,
} from "../../core/programs.ts";
import { placesOf } from "../../core/programs/search.ts";
import type { StreamHandle } from "../../core/transport.ts";
import { errorCode, translateError } from "./errors.ts";
import type { Grants } from "./grants.ts";
import type { LentSocket } from "./lent_socket.ts";
import type { NetStream } from "./net_stream.ts";
import { fateOfParent } from "./orphans.ts";

/** Looks for a program; see `Children.find`. */
export function findProgram(request: ProgramRequest, grants: Grants): Program {
  const env = request.env ?? ownEnvironment();
  const { command, cwd } = request;
  if (cwd !== undefined) checkDirectory(cwd, grants);
  lookFor(command[0], placesOf(command[0], env.PATH, cwd), grants);
  return new FoundProgram(request, env, grants);
}

function ownEnvironment(): Environment {
  const env: Record<string, string> = {};
  for (const [name, value] of Object.entries(process.env)) {
    if (value !== undefined) env[name] = value;
  }
  return env;
}

function checkDirectory(path: string, grants: Grants): void {
  const what = `the directory ${path}`;
  if (!grants.mayRead(path)) throw new SockeyeError("EACCES", what);
  try {
    // As chdir(2): what is no directory is told before what may not be entered.
    if (statSync(path).isDirectory()) return accessSync(path, constants.X_OK);
  } catch (error) {
    throw new SockeyeError(errorCode(error), what, { cause: error });
  }
  throw new SockeyeError("ENOTDIR", what);
}

/** As execvp(3): what may not be run is passed over, and told if nothing else is there. */
function lookFor(
  name: string,
  places: readonly string[],
  grants: Grants,
): void {
  let code: ErrorCode = "ENOENT";
  let isAllowed = false;
  for (const place of places) {
    if (!grants.mayRun(place)) continue;
    isAllowed = true;
    try {
      accessSync(place, constants.X_OK);
      if (statSync(place).isFile()) return;
      code = "EACCES";
    } catch (error) {
      if (errorCode(error) !== "ENOENT") code = errorCode(error);
    }
  }
  if (isAllowed) throw new SockeyeError(code, `the program ${name}`);
  throw new SockeyeError(
    "ERR_SOCKEYE_UNSUPPORTED",
    "it takes --allow-read and --allow-run",
  );
}

/** A program that was found. */
class FoundProgram implements Program {
  readonly env: Environment;
  readonly #request: ProgramRequest;
  readonly #command: readonly string[];
  readonly #grants: Grants;
  #log: number | undefined;

  constructor(request: ProgramRequest, env: Environment, grants: Grants) {
    this.env = env;
    this.#request = request;
    this.#command = [...fateOfParent(grants), ...request.command];
    this.#grants = grants;
    this.reopen();
  }

  run(
    connection: StreamHandle,
    env: Environment,
    events: ProgramEvents,
  ): ProgramHandle {
    const { cwd } = this.#request;
    const [file = "", ...args] = this.#command;
    const start = (socket: LentSocket["stdio"]): ChildProcess =>
      spawn(file, args, {
        ...(cwd !== undefined && { cwd }),
        env: { ...env },
        detached: true,
        stdio: [socket, socket, this.#log ?? "inherit"],
      });
    const group = this.#grants.maySignal();
    return new RunningProgram(connection as NetStream, start, group, events);
  }

  reopen(): void {
    const { log } = this.#request;
    if (log === undefined) return;
    const opened = openLog(log, this.#grants);
    this.close();
    this.#log = opened;
  }

  close(): void {
    if (this.#log !== undefined) closeSync(this.#log);
    this.#log = undefined;
  }
}

function openLog(path: string, grants: Grants): number {
  const what = `the log ${path}`;
  if (!grants.mayAppend(path)) throw new SockeyeError("EACCES", what);
  try {
    return openSync(path, "a");
  } catch (error) {
    throw new SockeyeError(errorCode(error), what, { cause: error });
  }
}

/** A program that runs. */
class RunningProgram implements ProgramHandle {
  readonly #events: ProgramEvents;
  readonly #signalsGroup: boolean;
  #child: ChildProcess | undefined;
  #lent: LentSocket | undefined;
  #over = false;

  constructor(
    connection: NetStream,
    start: (socket: LentSocket["stdio"]) => ChildProcess,
    signalsGroup: boolean,
    events: ProgramEvents,
  ) {
    this.#events = events;
    this.#signalsGroup = signalsGroup;
    try {
      this.#lent = connection.lend();
      if (this.#lent === undefined) {
        throw new SockeyeError("ECONNRESET", "the client has gone");
      }
      this.#child = start(this.#lent.stdio);
      this.#child.on("error", (error) => this.#failed(error));
      this.#child.on("exit", (status, signal) => this.#ended(status, signal));
    } catch (error) {
      queueMicrotask(() => this.#failed(error));
    }
  }

  get pid(): number | undefined {
    return this.#child?.pid;
  }

  signal(name: ProgramSignal): void {
    const { pid } = this;
    if (this.#over || pid === undefined) return;
    try {
      if (this.#signalsGroup) process.kill(-pid, name);
      else this.#child!.kill(name);
    } catch {
      this.#child!.kill(name); // it has no group yet
    }
  }

  /** It did not start; a signal that could not be sent comes this way too. */
  #failed(error: unknown): void {
    if (this.pid === undefined) this.#ended(null, null, translateError(error));
  }

  #ended(
    status: number | null,
    signal: string | null,
    error?: SockeyeError,
  ): void {
    if (this.#over) return;
    this.#over = true;
    this.#lent?.takeBack();
    this.#events.exited({ status, signal, ...(error && { error }) });
  }
}
