/**
 * The directory of proofs, and the directories above: whose they are, and who
 * could meddle with them. See `credentials.ts`.
 *
 * @module
 */
import type { FoundFile } from "../disk_name/effects.ts";
import { type ErrorCode, isErrnoCode, SockeyeError } from "../error.ts";
import type { PlaceEffect, PlaceFlow, PlaceResult } from "./effects.ts";

const STICKY = 0o1000;
const WRITABLE_BY_OTHERS = 0o022;
/** For proofs of everybody, and of the same user alone. */
const OPEN_MODE = 0o1733;
const OWN_MODE = 0o700;

/** Where the proofs for a server are. */
export interface ProofPlace {
  /** The socket, without symbolic links on the way. */
  readonly path: string;
  /** Device and inode number of the socket, as `Found.identity`. */
  readonly identity: string;
  /** The directory. */
  readonly directory: string;
}

/**
 * Where a proof for a nonce must be.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * import { proofPath } from "@sockeye/net/protocols";
 *
 * // Of the socket with inode number 42 on device 8.
 * const nonce = "0123456789abcdef0123456789abcdef";
 * const path = proofPath("/run/app.auth", "8:42", nonce);
 * assert.equal(path, `/run/app.auth/8-42-${nonce}`);
 * ```
 */
export function proofPath(
  directory: string,
  identity: string,
  nonce: string,
): string {
  return `${directory}/${identity.replace(":", "-")}-${nonce}`;
}

/**
 * The directory of proofs for the socket at a path.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * import { proofDirectory } from "@sockeye/net/protocols";
 *
 * assert.equal(proofDirectory("/run/app"), "/run/app.auth");
 * ```
 */
export function proofDirectory(path: string): string {
  return `${path}.auth`;
}

/**
 * Runs one of the flows below: do what `pollEffect` says, hand the result in,
 * and ask again, until it is undefined; then `result` tells.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * import { PlaceMachine, removePlace } from "@sockeye/net/protocols";
 *
 * const machine = new PlaceMachine(removePlace({
 *   path: "/run/app",
 *   identity: "8:42",
 *   directory: "/run/app.auth",
 * }));
 * assert.deepEqual(machine.pollEffect(), { do: "inspect", path: "/run/app" });
 * machine.handleResult({ code: "ENOENT" }); // the socket is gone, and not by us
 * assert.equal(machine.pollEffect(), undefined);
 * ```
 */
export class PlaceMachine<T> {
  readonly #flow: PlaceFlow<T>;
  #effect: PlaceEffect | undefined;
  #result: T | undefined;

  /** Of a flow that nobody else runs. */
  constructor(flow: PlaceFlow<T>) {
    this.#flow = flow;
    this.#next({});
  }

  /** What to do next; undefined when it is over. */
  pollEffect(): PlaceEffect | undefined {
    return this.#effect;
  }

  /**
   * How the effect went.
   *
   * @throws {SockeyeError} why the place is not fit for proofs.
   */
  handleResult(result: PlaceResult): void {
    this.#next(result);
  }

  /** What came of it. */
  get result(): T {
    return this.#result!;
  }

  #next(result: PlaceResult): void {
    const { done, value } = this.#flow.next(result);
    this.#effect = done ? undefined : value;
    if (done) this.#result = value;
  }
}

/**
 * Makes the directory for a server whose socket stands at `path`, or takes over
 * what a server left there that was killed. `mode` is the socket's: with one
 * that lets only the same user in, the directory has 0700, else 01733.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * import {
 *   type FoundFile,
 *   PlaceMachine,
 *   preparePlace,
 * } from "@sockeye/net/protocols";
 *
 * const above: FoundFile = {
 *   kind: "directory",
 *   identity: "8:2",
 *   uid: 0,
 *   group: 0,
 *   mode: 0o755,
 *   links: 9,
 *   age: 0, // ms
 * };
 * const machine = new PlaceMachine(preparePlace("app", 0o666));
 * machine.handleResult({ path: "/run/app" }); // to "resolve"
 * machine.handleResult({ found: { ...above, kind: "socket", identity: "8:42" } });
 * machine.handleResult({ found: above }); // "/"
 * machine.handleResult({ found: above }); // "/run"
 * const path = "/run/app.auth";
 * let effect = machine.pollEffect();
 * assert.deepEqual(effect, { do: "makeDirectory", path, mode: 0o700 });
 * machine.handleResult({});
 * // Users who may call must be able to put their proofs there.
 * effect = machine.pollEffect();
 * assert.deepEqual(effect, { do: "chmod", path, mode: 0o1733 });
 * machine.handleResult({});
 * machine.handleResult({ names: [] }); // nothing is left of a server before
 * assert.deepEqual(machine.result, {
 *   path: "/run/app",
 *   identity: "8:42",
 *   directory: path,
 * });
 * ```
 *
 * @throws {SockeyeError} `EACCES` if somebody else could meddle with the place,
 * or what the system said.
 */
export function* preparePlace(
  path: string,
  mode: number,
): PlaceFlow<ProofPlace> {
  const real = yield* resolve(path);
  const socket = yield* inspect(real);
  yield* checkAncestors(real, [socket.uid]);
  const directory = proofDirectory(real);
  const place = { path: real, identity: socket.identity, directory };
  const wanted = (mode & 0o077) === 0 ? OWN_MODE : OPEN_MODE;
  const made = yield { do: "makeDirectory", path: directory, mode: OWN_MODE };
  if (made.code === "EEXIST") yield* checkLeftover(directory, socket.uid);
  else if (made.code) throw failed(made, `${directory} cannot be made`);
  // Also takes away the set-group-id bit that its parent may have given it.
  const opened = yield { do: "chmod", path: directory, mode: wanted };
  if (opened.code) throw failed(opened, `${directory} cannot be opened`);
  yield* sweep(directory);
  return place;
}

function* checkLeftover(directory: string, uid: number): PlaceFlow<void> {
  const there = yield* inspect(directory);
  if (there.kind !== "directory") {
    throw denied(`${directory} is there, and is no directory`);
  }
  if (there.uid !== uid) {
    throw denied(`${directory} belongs to user ${there.uid}`);
  }
}

/**
 * Removes the directory and what clients left in it, unless the name is another
 * server's by now. To be run while the socket stands.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * import {
 *   type FoundFile,
 *   PlaceMachine,
 *   removePlace,
 * } from "@sockeye/net/protocols";
 *
 * const directory = "/run/app.auth";
 * const own: FoundFile = {
 *   kind: "socket",
 *   identity: "8:42",
 *   uid: 0,
 *   group: 0,
 *   mode: 0o600,
 *   links: 1,
 *   age: 0, // ms
 * };
 * const place = { path: "/run/app", identity: "8:42", directory };
 * const machine = new PlaceMachine(removePlace(place));
 * machine.handleResult({ found: own }); // the name is ours still
 * assert.deepEqual(machine.pollEffect(), { do: "list", path: directory });
 * machine.handleResult({ names: [] });
 * assert.deepEqual(machine.pollEffect(), { do: "removeDirectory", path: directory });
 * ```
 */
export function* removePlace(place: ProofPlace): PlaceFlow<void> {
  const { found } = yield { do: "inspect", path: place.path };
  if (found?.identity !== place.identity) return;
  yield* sweep(place.directory);
  yield { do: "removeDirectory", path: place.directory };
}

/** Removes what clients left that were killed. What cannot be removed stays. */
function* sweep(directory: string): PlaceFlow<void> {
  const { names = [] } = yield { do: "list", path: directory };
  for (const name of names) yield* discard(`${directory}/${name}`);
}

/** Removes whatever stands at a path; gives whether it is gone. */
export function* discard(path: string): PlaceFlow<boolean> {
  const { found } = yield { do: "inspect", path };
  return found === undefined || (yield* remove(path, found));
}

/** Removes what was seen at a path; gives whether it is gone. */
export function* remove(path: string, { kind }: FoundFile): PlaceFlow<boolean> {
  const removed = yield {
    do: kind === "directory" ? "removeDirectory" : "unlink",
    path,
  };
  return removed.code === undefined || removed.code === "ENOENT";
}

/**
 * Checks that nobody but root and the trusted users can put something else
 * where the path leads.
 *
 * @throws {SockeyeError} `EACCES`, naming the directory.
 */
export function* checkAncestors(
  path: string,
  trusted: readonly (number | undefined)[],
): PlaceFlow<void> {
  for (const directory of ancestorsOf(path)) {
    const { uid, mode } = yield* inspect(directory);
    if (uid !== 0 && !trusted.includes(uid)) {
      throw denied(
        `${directory} belongs to user ${uid}, who could put another socket there`,
      );
    }
    if ((mode & WRITABLE_BY_OTHERS) !== 0 && (mode & STICKY) === 0) {
      throw denied(
        `${directory} is writable by others and not sticky: they could put ` +
          "another socket there",
      );
    }
  }
}

/** Of an absolute path: `/`, and every directory below on the way. */
function ancestorsOf(path: string): string[] {
  const parts = path.split("/").slice(1, -1);
  return ["/", ...parts.map((_, i) => `/${parts.slice(0, i + 1).join("/")}`)];
}

/** The path without symbolic links. */
export function* resolve(path: string): PlaceFlow<string> {
  const resolved = yield { do: "resolve", path };
  if (resolved.path !== undefined) return resolved.path;
  throw failed(resolved, `${path} leads nowhere`);
}

/** What stands at a path, which must be there. */
export function* inspect(path: string): PlaceFlow<FoundFile> {
  const inspected = yield { do: "inspect", path };
  if (inspected.found !== undefined) return inspected.found;
  throw failed(inspected, `${path} cannot be seen`);
}

/** The code of what failed, and which part of it that was. */
export function failed(result: PlaceResult, what: string): SockeyeError {
  const code: ErrorCode = result.code ?? "EIO";
  const { cause } = result;
  // Where the code has words of its own, the message need not repeat them.
  if (isErrnoCode(code) && code !== "EIO") return new SockeyeError(code, what);
  const said = cause instanceof Error ? `: ${cause.message}` : "";
  return new SockeyeError(code, `${what}${said}`, { cause });
}

/** It could be somebody else's. */
export function denied(what: string): SockeyeError {
  return new SockeyeError("EACCES", what);
}
