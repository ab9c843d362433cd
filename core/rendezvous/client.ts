/**
 * The client's side of the rendezvous; the steps are those of `rendezvous.ts`.
 *
 * @module
 */
import { Backoff } from "../backoff.ts";
import { type ErrorCode, SockeyeError } from "../error.ts";
import {
  checkRendezvousPath,
  type PairNames,
  pairNames,
} from "../rendezvous.ts";
import {
  type ClientEffect,
  failure,
  type FoundFile,
  type RendezvousEnd,
  type RendezvousResult,
  succeeded,
} from "./effects.ts";
import {
  formatAnnouncement,
  type Line,
  LineReader,
  MAX_LINE,
  parseAnswer,
} from "./records.ts";
import type { State } from "../transitions.ts";

/** What connection is wanted. */
export interface RendezvousClientOptions {
  /** Of the rendezvous. */
  readonly path: string;
  /** Our process. */
  readonly pid: number;
  /** 32 lower-case hexadecimal digits that nobody can guess, other ones each time. */
  readonly nonce: string;
  /** The user id that must own the rendezvous; undefined takes any. */
  readonly expectServer: number | undefined;
  /** How long all of it may take, ms. */
  readonly timeout: number;
}

/** How often the server is asked whether it is still there, ms. */
export const NUDGE = 250;

/** First and longest pause while the rendezvous is full, ms. */
const firstPause = 1;
const longestPause = 20;
/** How often our pair may vanish before we give up: a sweep takes who is as slow as dead. */
const ROUNDS = 3;

/**
 * One connection being made. Do what `pollEffect` says, tell by one of the
 * `handle…` how it went, and ask again, until it is `done` or `failed`; then
 * no file of ours is left, and a further result is an `ERR_SOCKEYE_STATE`.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * import {
 *   formatAnswer,
 *   type FoundFile,
 *   RendezvousClient,
 * } from "@sockeye/net/protocols";
 *
 * const client = new RendezvousClient(0, {
 *   path: "/run/app",
 *   pid: 4711,
 *   nonce: "0123456789abcdef0123456789abcdef",
 *   expectServer: undefined,
 *   timeout: 5000,
 * });
 * const file: FoundFile = {
 *   kind: "fifo",
 *   identity: "8:42",
 *   uid: 0,
 *   group: 0,
 *   mode: 0o600,
 *   links: 1,
 *   age: 0, // ms
 * };
 * const answer = new TextEncoder().encode(formatAnswer());
 * for (;;) {
 *   const effect = client.pollEffect();
 *   if (effect.do === "done" || effect.do === "failed") break;
 *   if (effect.do === "receive") client.handleBytes(2, answer);
 *   else if (effect.do === "inspect" || effect.do === "look") {
 *     client.handleFound(1, file);
 *   } else client.handleDone(1); // where a driver asks the system
 * }
 * assert.equal(client.state, "open");
 * ```
 */
export class RendezvousClient {
  readonly #options: RendezvousClientOptions;
  readonly #names: PairNames;
  readonly #deadline: number;
  readonly #flow: Flow<void>;
  readonly #lines: LineReader = new LineReader();
  readonly #open: Set<RendezvousEnd> = new Set();
  #effect: ClientEffect;
  #now: number;
  #waitsUntil = Infinity;
  #made = false;
  #cancelled = false;

  /** Begins at `now`, ms; the time of every input is on the same clock. */
  constructor(now: number, options: RendezvousClientOptions) {
    this.#now = now;
    this.#options = options;
    this.#names = pairNames(options.path, options.pid, options.nonce);
    this.#deadline = now + options.timeout;
    this.#flow = this.#run();
    this.#effect = this.#flow.next(succeeded).value as ClientEffect;
  }

  /** `handshaking`; then `open`, or `closed` where it failed. */
  get state(): State {
    const { do: what } = this.#effect;
    return what === "done"
      ? "open"
      : what === "failed"
      ? "closed"
      : "handshaking";
  }

  /** What to do next; the same until its result is handed in. */
  pollEffect(): ClientEffect {
    return this.#effect;
  }

  /** The effect was done, and there is nothing to tell of it. */
  handleDone(now: number): void {
    this.#handle(now, succeeded);
  }

  /** The effect was `inspect` or `look`. */
  handleFound(now: number, found: FoundFile): void {
    this.#handle(now, { found });
  }

  /** The effect failed. */
  handleFailed(now: number, code: ErrorCode, cause?: unknown): void {
    this.#handle(now, { code, cause });
  }

  /** The effect is `receive`, and these bytes came; kept until read. */
  handleBytes(now: number, bytes: Uint8Array): void {
    this.#lines.push(bytes);
    this.#wake(now);
  }

  /** The effect is `wait` or `receive`, and its time may be over. */
  handleTimeout(now: number): void {
    if (now >= this.pollTimeout()) this.#wake(now);
  }

  /** When to call `handleTimeout`, absolute ms; `Infinity` where nothing waits. */
  pollTimeout(): number {
    return this.#waits ? this.#waitsUntil : Infinity;
  }

  /** Once `done`: bytes of the connection that came behind the answer. */
  rest(): Uint8Array[] {
    return this.#lines.rest();
  }

  /**
   * Gives up: what is under way is still to be answered, then all that was
   * made is removed, and it is `failed`. No effect once it is `done`.
   */
  cancel(): void {
    this.#cancelled = true;
    this.#wake(this.#now);
  }

  get #waits(): boolean {
    return this.#effect.do === "wait" || this.#effect.do === "receive";
  }

  #wake(now: number): void {
    if (this.#waits) this.#handle(now, succeeded);
  }

  #handle(now: number, result: RendezvousResult): void {
    const effect = this.#effect;
    if (effect.do === "done" || effect.do === "failed") {
      throw new SockeyeError(
        "ERR_SOCKEYE_STATE",
        `Cannot take a result: the connection is "${effect.do}" already`,
      );
    }
    this.#now = now;
    if (result.code === undefined) this.#note(effect);
    this.#effect = this.#flow.next(result).value as ClientEffect;
  }

  #note(effect: ClientEffect): void {
    if (effect.do === "open") this.#open.add(effect.end);
    else if (effect.do === "close") this.#open.delete(effect.end);
  }

  // The protocol, top down.

  *#run(): Flow<void> {
    let end: ClientEffect = { do: "done" };
    try {
      yield* this.#connect();
      yield* this.#close("rendezvous", "s2cAnchor", "c2sAnchor");
    } catch (error) {
      if (!(error instanceof SockeyeError)) throw error;
      end = { do: "failed", error };
      yield* this.#close(...this.#open);
    }
    yield* this.#removePair();
    yield end;
  }

  *#connect(): Flow<void> {
    checkRendezvousPath(this.#options.path);
    const server = yield* this.#openRendezvous();
    for (let round = 1; !(yield* this.#openPair(server)); round++) {
      yield* this.#close("s2c", "s2cAnchor", "c2sAnchor", "c2s");
      yield* this.#removePair();
      if (round < ROUNDS) continue;
      throw new SockeyeError("ENOENT", "our FIFOs vanish as soon as made");
    }
    const { pid, nonce } = this.#options;
    yield* this.#say(formatAnnouncement(pid, nonce));
    const answer = yield* this.#hear();
    if (answer.overlong) {
      throw new SockeyeError(
        "ERR_SOCKEYE_PROTOCOL",
        `the server's answer has more than ${MAX_LINE} bytes`,
      );
    }
    parseAnswer(answer.text);
  }

  /** Step 1. Looks before it opens, for an open may do things to what is no FIFO. */
  *#openRendezvous(): Flow<FoundFile> {
    const { path, expectServer } = this.#options;
    const inspected = yield* this.#do({ do: "inspect", path });
    if (!inspected.found) throw failure(inspected);
    if (inspected.found.kind !== "fifo") {
      throw new SockeyeError(
        "ECONNREFUSED",
        inspected.found.kind === "link"
          ? "a symbolic link stands there, and its pairs would stand elsewhere"
          : "what stands there is no FIFO",
      );
    }
    const end = "rendezvous";
    const opened = yield* this.#do({ do: "open", end, path, to: "write" });
    if (opened.code === "ENXIO") {
      throw new SockeyeError("ECONNREFUSED", "nobody holds the FIFO", {
        cause: opened.cause,
      });
    }
    if (opened.code) throw failure(opened, "the FIFO cannot be opened");
    const found = yield* this.#look(end);
    if (found.identity !== inspected.found.identity) {
      throw new SockeyeError("ECONNREFUSED", "the FIFO was just replaced");
    }
    if (expectServer !== undefined && found.uid !== expectServer) {
      throw new SockeyeError(
        "EACCES",
        `the FIFO belongs to user ${found.uid}, not ${expectServer}`,
      );
    }
    return found;
  }

  /** Steps 2 to 4; false where somebody took our files away meanwhile. */
  *#openPair(server: FoundFile): Flow<boolean> {
    const { c2s, s2c } = this.#names;
    this.#made = true;
    const made = yield* this.#do({ do: "makeFifos", paths: [c2s, s2c] });
    if (made.code) throw failure(made, "its pair of FIFOs cannot be made");
    return (yield* this.#openEnd("s2c", s2c, "read")) &&
      (yield* this.#openEnd("s2cAnchor", s2c, "write")) &&
      (yield* this.#openEnd("c2sAnchor", c2s, "read")) &&
      (yield* this.#openEnd("c2s", c2s, "write")) &&
      (yield* this.#admitServer(server));
  }

  /** Opens one end, and sees that it is what we made. */
  *#openEnd(
    end: RendezvousEnd,
    path: string,
    to: "read" | "write",
  ): Flow<boolean> {
    const opened = yield* this.#do({ do: "open", end, path, to });
    if (opened.code === "ENOENT") return false;
    if (opened.code) throw failure(opened, "our own FIFO cannot be opened");
    const { kind, links, mode } = yield* this.#look(end);
    if (kind === "fifo" && links === 1 && mode === 0o600) return true;
    throw new SockeyeError("EPERM", `somebody replaced our FIFO ${path}`);
  }

  /** A server of another user that is not root needs a group in common with us. */
  *#admitServer(server: FoundFile): Flow<boolean> {
    const { uid } = yield* this.#look("s2c");
    if (server.uid === uid || server.uid === 0) return true;
    const { group } = server;
    if ((server.mode & 0o020) === 0) {
      throw new SockeyeError(
        "EACCES",
        `its server, user ${server.uid}, could not open FIFOs of user ${uid}: ` +
          "the two need a common group",
      );
    }
    const { c2s, s2c } = this.#names;
    for (const path of [s2c, c2s]) {
      const owned = yield* this.#do({ do: "chown", path, uid, group });
      if (owned.code === "ENOENT") return false;
      if (owned.code) throw failure(owned, `group ${group} cannot be set`);
      const allowed = yield* this.#do({ do: "chmod", path, mode: 0o660 });
      if (allowed.code === "ENOENT") return false;
      if (allowed.code) throw failure(allowed, "mode 0660 cannot be set");
    }
    return true;
  }

  *#look(end: RendezvousEnd): Flow<FoundFile> {
    const looked = yield* this.#do({ do: "look", end });
    if (looked.found) return looked.found;
    throw failure(looked, "what was opened cannot be seen");
  }

  /** Step 5. The whole text or nothing of it; a full rendezvous is waited for. */
  *#say(text: string): Flow<void> {
    const backoff = new Backoff(firstPause, longestPause);
    for (;;) {
      const said = yield* this.#do({ do: "write", end: "rendezvous", text });
      if (said.code === undefined) return;
      if (said.code !== "EAGAIN") throw gone(said);
      yield* this.#doUntil(this.#now + backoff.next(), { do: "wait" });
    }
  }

  /** Step 6. */
  *#hear(): Flow<Line> {
    for (;;) {
      const nudge = this.#now + NUDGE;
      while (this.#now < nudge) {
        const line = this.#lines.next();
        if (line !== undefined) return line;
        const heard = yield* this.#doUntil(nudge, { do: "receive" });
        if (heard.code) throw failure(heard, "the server left");
      }
      const text = "\n";
      const asked = yield* this.#do({ do: "write", end: "rendezvous", text });
      // A full rendezvous (EAGAIN) has somebody who holds it.
      if (asked.code !== undefined && asked.code !== "EAGAIN") {
        throw gone(asked);
      }
    }
  }

  *#removePair(): Flow<void> {
    if (!this.#made) return;
    // The server may have done it, and in a sticky directory it alone may.
    yield { do: "unlink", path: this.#names.s2c };
    yield { do: "unlink", path: this.#names.c2s };
  }

  *#close(...ends: readonly RendezvousEnd[]): Flow<void> {
    for (const end of ends) {
      if (this.#open.has(end)) yield { do: "close", end };
    }
  }

  *#doUntil(until: number, effect: ClientEffect): Flow<RendezvousResult> {
    this.#waitsUntil = Math.min(until, this.#deadline);
    return yield* this.#do(effect);
  }

  /** One effect; nothing further once it is too late, or cancelled. */
  *#do(effect: ClientEffect): Flow<RendezvousResult> {
    this.#stopIfOver();
    const result = yield effect;
    this.#stopIfOver();
    return result;
  }

  #stopIfOver(): void {
    if (this.#cancelled) {
      throw new SockeyeError("ERR_SOCKEYE_CLOSED", "it was given up");
    }
    if (this.#now < this.#deadline) return;
    throw new SockeyeError("ETIMEDOUT", "the server did not answer");
  }
}

function gone(result: RendezvousResult): SockeyeError {
  return result.code === "EPIPE"
    ? new SockeyeError("ECONNREFUSED", "the server has gone", {
      cause: result.cause,
    })
    : failure(result, "the rendezvous cannot be written to");
}

type Flow<T> = Generator<ClientEffect, T, RendezvousResult>;
