/**
 * The server's side of the challenge in `credentials.ts`.
 *
 * @module
 */
import { SockeyeError } from "../error.ts";
import { HandshakeMachine, type Talk } from "./handshake.ts";
import { broken, formatLine, parseLine } from "./lines.ts";
import type { FoundFile } from "../disk_name/effects.ts";
import type { HandshakeFlow } from "./effects.ts";
import {
  denied,
  discard,
  failed,
  proofPath,
  type ProofPlace,
  remove,
} from "./place.ts";
import { quote } from "../rendezvous/records.ts";

/** How old a proof may be, and how far ahead its clock, ms. */
export const PROOF_AGE = 10_000;
/** Stands for users that this namespace has no id for (user_namespaces(7)). */
export const OVERFLOW_UID = 65534;
const PROOF_MODE = 0o700;
/** How long a client that was refused may still send, so that it reads why, ms. */
const LINGER = 2000;

/** What a server asks of one client. */
export interface ChallengeRequest {
  /** Where proofs are looked for. */
  readonly place: ProofPlace;
  /** 32 lower-case hexadecimal digits that nobody can foretell. */
  readonly nonce: string;
  /** Who may call; undefined for everybody. */
  readonly allowUsers: readonly number[] | undefined;
  /** How long it may take, ms. */
  readonly timeout: number;
}

/**
 * Asks a client that has just connected, at `now`, ms, who it is.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * import { challenge, type FoundFile } from "@sockeye/net/protocols";
 *
 * const machine = challenge(0, {
 *   place: { path: "/run/app", identity: "8:42", directory: "/run/app.auth" },
 *   nonce: "0123456789abcdef0123456789abcdef",
 *   allowUsers: [1000],
 *   timeout: 5000,
 * });
 * machine.handleResult({}); // the nonce is sent
 * machine.handleData(new TextEncoder().encode("sockeye/1 ready 4711\n"));
 * const proof: FoundFile = {
 *   kind: "directory",
 *   identity: "8:50",
 *   uid: 1000,
 *   group: 0,
 *   mode: 0o700,
 *   links: 2,
 *   age: 3, // ms
 * };
 * machine.handleResult({ found: proof });
 * machine.handleResult({}); // it is removed
 * const text = "sockeye/1 ok 1000\n";
 * assert.deepEqual(machine.pollEffect(), { do: "send", text });
 * machine.handleResult({});
 * const credentials = { uid: 1000, claimedPid: 4711, how: "proof" };
 * assert.deepEqual(machine.pollEffect(), { do: "done", credentials });
 * ```
 */
export function challenge(
  now: number,
  request: ChallengeRequest,
): HandshakeMachine {
  return new HandshakeMachine(
    now,
    request.timeout,
    (talk) => ask(talk, request),
  );
}

function* ask(talk: Talk, request: ChallengeRequest): HandshakeFlow<void> {
  const { place: { directory, identity }, nonce } = request;
  const proof = proofPath(directory, identity, nonce);
  try {
    yield* talk.say("identify", nonce);
    const claimedPid = readReady(yield* talk.hear());
    const uid = yield* readProof(proof);
    checkUser(uid, request);
    yield* talk.say("ok", uid);
    yield { do: "done", credentials: { uid, claimedPid, how: "proof" } };
  } catch (error) {
    if (!(error instanceof SockeyeError)) throw error;
    // Of a client that made it and did not come to say so.
    yield* discard(proof);
    if (talk.leftSilently) yield { do: "left" };
    const farewell = talk.canTell ? formatLine("error", error.code) : undefined;
    // Who sends a lot meets a broken pipe otherwise, and may not read on.
    const linger = talk.canTell && talk.lines.arrived ? LINGER : 0;
    yield { do: "failed", error, farewell, linger };
  }
}

function readReady(line: string): number {
  const [word, pid = "", ...more] = parseLine(line);
  if (word !== "ready" || more.length > 0 || !/^[1-9]\d{0,9}$/.test(pid)) {
    throw broken(`expected "sockeye/1 ready <pid>", got ${quote(line)}`);
  }
  return Number(pid);
}

/** Whose the proof is, which is then removed. One look: what counts is what was seen. */
function* readProof(path: string): HandshakeFlow<number> {
  const { found, ...result } = yield { do: "inspect", path };
  if (result.code === "ENOENT") throw denied("there is no proof of its user");
  if (found === undefined) throw failed(result, "its proof cannot be seen");
  const wrong = whatIsWrong(found);
  if (wrong !== undefined) throw denied(`its proof ${wrong}`);
  if (yield* remove(path, found)) return found.uid;
  throw denied("its proof cannot be removed");
}

function whatIsWrong(found: FoundFile): string | undefined {
  const { kind, mode, links, age, uid } = found;
  if (kind !== "directory" && kind !== "socket") {
    return kind === "link" ? "is a symbolic link" : `is a ${kind}`;
  }
  if (mode !== PROOF_MODE) return `has mode 0${mode.toString(8)}, not 0700`;
  // A directory has one name, and more links than that.
  if (kind === "socket" && links !== 1) return `has ${links} names`;
  if (!(Math.abs(age) <= PROOF_AGE)) return "is not a fresh one";
  if (uid === OVERFLOW_UID) {
    return `belongs to user ${uid}, who stands for users of other namespaces`;
  }
  return undefined;
}

function checkUser(uid: number, request: ChallengeRequest): void {
  if (request.allowUsers?.includes(uid) ?? true) return;
  throw denied(`user ${uid} may not call here`);
}
