/**
 * The client's side of the challenge in `credentials.ts`.
 *
 * @module
 */
import { MAX_UNIX_PATH, utf8Length } from "../address.ts";
import { isErrnoCode, SockeyeError } from "../error.ts";
import type { ErrorCode } from "../error.ts";
import { HandshakeMachine, type Talk } from "./handshake.ts";
import { broken, parseLine } from "./lines.ts";
import type { FoundFile } from "../disk_name/effects.ts";
import type { HandshakeFlow } from "./effects.ts";
import {
  checkAncestors,
  denied,
  discard,
  failed,
  inspect,
  proofDirectory,
  proofPath,
  resolve,
} from "./place.ts";
import { quote } from "../rendezvous/records.ts";

/** A connection to be made to a server whose user matters. */
export interface CallRequest {
  /** Of the server's socket. */
  readonly path: string;
  /** Whether the server is told who we are. */
  readonly identify: boolean;
  /** The server's user; undefined takes any. */
  readonly expectServer: number | undefined;
  /** Our process id. */
  readonly pid: number;
  /** Our effective user id; undefined where the runtime does not tell. */
  readonly uid: number | undefined;
  /** How long all of it may take, ms. */
  readonly timeout: number;
}

/**
 * Connects, checks the server's user, and shows ours where that is wanted. The
 * machine begins at `now`, ms.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * import { answerChallenge, type FoundFile } from "@sockeye/net/protocols";
 *
 * const machine = answerChallenge(0, {
 *   path: "/run/app",
 *   identify: true,
 *   expectServer: 0,
 *   pid: 4711,
 *   uid: 1000,
 *   timeout: 5000,
 * });
 * machine.handleResult({ path: "/run/app" }); // to "resolve"
 * const stranger: FoundFile = {
 *   kind: "socket",
 *   identity: "8:42",
 *   uid: 1001,
 *   group: 0,
 *   mode: 0o666,
 *   links: 1,
 *   age: 0, // ms
 * };
 * machine.handleResult({ found: stranger });
 * const end = machine.pollEffect(); // nobody was connected to
 * assert.ok(end.do === "failed" && end.error.code === "EACCES");
 * ```
 */
export function answerChallenge(
  now: number,
  request: CallRequest,
): HandshakeMachine {
  return new HandshakeMachine(
    now,
    request.timeout,
    (talk) => call(talk, request),
  );
}

function* call(talk: Talk, request: CallRequest): HandshakeFlow<void> {
  try {
    const path = yield* resolve(request.path);
    const server = yield* checkServer(path, request);
    yield* connect(talk, path);
    if (request.identify) yield* answer(talk, path, server, request);
    yield { do: "done", credentials: undefined };
  } catch (error) {
    if (!(error instanceof SockeyeError)) throw error;
    yield { do: "failed", error, farewell: undefined, linger: 0 };
  }
}

/** Whether it is the server that is expected, before anything is sent to it. */
function* checkServer(
  path: string,
  { expectServer, uid }: CallRequest,
): HandshakeFlow<FoundFile> {
  const length = utf8Length(path);
  if (length > MAX_UNIX_PATH) {
    throw new SockeyeError(
      "ENAMETOOLONG",
      `without symbolic links its path has ${length} bytes, and the system ` +
        `takes ${MAX_UNIX_PATH}`,
    );
  }
  const server = yield* inspect(path);
  if (server.kind !== "socket") {
    throw new SockeyeError("ENOTSOCK", `at ${path} is a ${server.kind}`);
  }
  if (expectServer !== undefined && server.uid !== expectServer) {
    throw denied(
      `the socket belongs to user ${server.uid}, expected ${expectServer}`,
    );
  }
  yield* checkAncestors(path, [server.uid, uid]);
  return server;
}

function* connect(talk: Talk, path: string): HandshakeFlow<void> {
  const { code, cause } = yield* talk.wait({ do: "connect", path });
  if (code === undefined) return;
  if (cause instanceof SockeyeError) throw cause;
  throw new SockeyeError(code, "it did not connect", { cause });
}

function* answer(
  talk: Talk,
  path: string,
  server: FoundFile,
  { pid }: CallRequest,
): HandshakeFlow<void> {
  const nonce = readNonce(yield* talk.hear());
  // The file that we connected to is the one that we looked at.
  const { identity } = yield* inspect(path);
  if (identity !== server.identity) {
    throw new SockeyeError("ECONNABORTED", "another server took its place");
  }
  const directory = proofDirectory(path);
  const there = yield* inspect(directory);
  if (there.kind !== "directory" || there.uid !== server.uid) {
    throw denied(`${directory} is no directory of the server's`);
  }
  const proof = proofPath(directory, identity, nonce);
  // No chmod follows: the owner of the place could put a link to a file of ours
  // in its stead meanwhile. An umask that takes 0700 away has the proof refused.
  const made = yield { do: "makeDirectory", path: proof, mode: 0o700 };
  if (made.code) throw failed(made, `nothing can be made in ${directory}`);
  try {
    yield* talk.say("ready", pid);
    checkAnswer(yield* talk.hear());
  } finally {
    // Gone already, if all went well.
    yield* discard(proof);
  }
}

function readNonce(line: string): string {
  const [word, nonce = "", ...more] = parseLine(line);
  if (word === "error") throw refusal(nonce);
  if (word !== "identify" || more.length > 0) {
    throw broken(
      `expected "sockeye/1 identify <nonce>", got ${quote(line)}`,
    );
  }
  // It becomes part of a path.
  if (!/^[0-9a-f]{32}$/.test(nonce)) {
    throw broken(`the nonce is not 32 hexadecimal digits: ${quote(nonce)}`);
  }
  return nonce;
}

function checkAnswer(line: string): void {
  const [word, detail = ""] = parseLine(line);
  if (word === "error") throw refusal(detail);
  if (word === "ok" && /^\d{1,10}$/.test(detail)) return;
  throw broken(`expected "sockeye/1 ok <uid>", got ${quote(line)}`);
}

/** The server's own word for it, as far as we have it too. */
function refusal(code: string): SockeyeError {
  const why = `the server refused it: ${quote(code).slice(1, -1)}`;
  const known = isErrnoCode(code) || isOurs(code);
  return new SockeyeError(known ? code : "ERR_SOCKEYE_PROTOCOL", why);
}

function isOurs(code: string): code is ErrorCode {
  return code === "ERR_SOCKEYE_PROTOCOL" || code === "ERR_SOCKEYE_LIMIT" ||
    code === "ERR_SOCKEYE_CLOSED";
}
