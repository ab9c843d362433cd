/**
 * Programs with a connection as their standard input and output: what is to be
 * there is looked for before; what is started is told of at its end.
 *
 * @module
 */
import { accessSync, closeSync, constants, openSync, statSync } from "node:fs";
import process from "node:process";
import { SockeyeError } from "../../core/error.ts";
import type { ChildExit } from "../../core/pool/child.ts";
import type {
  Environment,
  Program,
  ProgramEvents,
  ProgramHandle,
  ProgramRequest,
  ProgramSignal,
} from "../../core/programs.ts";
import { type Found, placesOf, search } from "../../core/programs/search.ts";
import type { StreamHandle } from "../../core/transport.ts";
import { errorCode, translateError } from "./errors.ts";
import type { Grants } from "./grants.ts";
import type { LentSocket } from "./programs/lent_socket.ts";
import type { NetStream } from "./net/stream.ts";
import { fateOfServer } from "./children/orphans.ts";
import type { Ended, StartedProgram, StartProgram } from "./programs/start.ts";

/** Looks for a program; see `Children.find`. */
export function findProgram(
  request: ProgramRequest,
  grants: Grants,
  start: StartProgram,
): Program {
  const env = request.env ?? ownEnvironment(grants);
  const { command, cwd } = request;
  if (cwd !== undefined) checkDirectory(cwd, grants);
  const places = placesOf(command[0], env.PATH, cwd);
  checkFound(command[0], search(places, (place) => lookAt(place, grants)));
  return new FoundProgram(request, env, grants, start);
}

function ownEnvironment(grants: Grants): Environment {
  if (!grants.mayReadEnvironment()) {
    throw new SockeyeError(
      "ERR_SOCKEYE_UNSUPPORTED",
      "it takes --allow-env, or the option env",
    );
  }
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
    if (statSync(path).isDirectory()) return checkExecutable(path, grants);
  } catch (error) {
    throw new SockeyeError(errorCode(error), what, { cause: error });
  }
  throw new SockeyeError("ENOTDIR", what);
}

function checkFound(name: string, found: Found): void {
  if (found === "program") return;
  if (found !== "forbidden") {
    throw new SockeyeError(found, `the program ${name}`);
  }
  throw new SockeyeError(
    "ERR_SOCKEYE_UNSUPPORTED",
    "it takes --allow-read and --allow-run",
  );
}

/** What is at a place. */
function lookAt(place: string, grants: Grants): Found {
  if (!grants.mayRun(place)) return "forbidden";
  try {
    checkExecutable(place, grants);
    return statSync(place).isFile() ? "program" : "EACCES";
  } catch (error) {
    return errorCode(error);
  }
}

/** Throws if it may not be executed, or entered; as far as Deno lets us know who we are. */
function checkExecutable(path: string, grants: Grants): void {
  if (grants.mayKnowUser()) return accessSync(path, constants.X_OK);
  if ((statSync(path).mode & 0o111) === 0) {
    throw new SockeyeError("EACCES", path);
  }
}

/** A program that was found. */
class FoundProgram implements Program {
  readonly env: Environment;
  readonly #request: ProgramRequest;
  readonly #command: readonly string[];
  readonly #grants: Grants;
  readonly #start: StartProgram;
  #log: number | undefined;

  constructor(
    request: ProgramRequest,
    env: Environment,
    grants: Grants,
    start: StartProgram,
  ) {
    this.env = env;
    this.#start = start;
    this.#request = request;
    this.#command = [
      ...fateOfServer(grants, request.cwd),
      ...request.command,
    ];
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
    return new RunningProgram(
      connection as NetStream,
      (socket, ended) =>
        this.#start({ file, args, cwd, env, socket, log: this.#log }, ended),
      this.#grants,
      events,
    );
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
  readonly #grants: Grants;
  #started: StartedProgram | undefined;
  #lent: LentSocket | undefined;
  #over = false;

  constructor(
    connection: NetStream,
    start: (socket: LentSocket["stdio"], ended: Ended) => StartedProgram,
    grants: Grants,
    events: ProgramEvents,
  ) {
    this.#events = events;
    this.#grants = grants;
    try {
      this.#lent = connection.lend();
      if (this.#lent === undefined) {
        throw new SockeyeError("ECONNRESET", "the client has gone");
      }
      this.#started = start(this.#lent.stdio, (exit) => this.#ended(exit));
    } catch (error) {
      const translated = translateError(error);
      const exit = { status: null, signal: null, error: translated };
      queueMicrotask(() => this.#ended(exit));
    }
  }

  get pid(): number | undefined {
    return this.#started?.pid;
  }

  signal(name: ProgramSignal): void {
    const { pid } = this;
    if (pid === undefined) return;
    try {
      if (this.#grants.maySignal()) return void process.kill(-pid, name);
    } catch {
      // It has no group yet, or nobody is left of that.
    }
    if (!this.#over) this.#started!.signal(name);
  }

  #ended(exit: ChildExit): void {
    if (this.#over) return;
    this.#over = true;
    this.#lent?.takeBack();
    this.#events.exited(exit);
  }
}
