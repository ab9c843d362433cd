/**
 * One client's handshake, from the server's side.
 *
 * @module
 */
import { Backoff } from "../backoff.ts";
import {
  type ErrnoCode,
  type ErrorCode,
  isErrnoCode,
  SockeyeError,
} from "../error.ts";
import { pairNames } from "../rendezvous.ts";
import {
  failure,
  type FoundFile,
  type RendezvousEnd,
  type RendezvousResult,
  type ServerEffect,
  succeeded,
} from "./effects.ts";
import { type Announcement, formatAnswer } from "./records.ts";
import type { State } from "../transitions.ts";

/** Options of a rendezvous, all decided before. */
export interface RendezvousServerOptions {
  /** Of the rendezvous. */
  readonly path: string;
  /** How long one handshake may take, ms. */
  readonly timeout: number;
  /** User ids that may connect; undefined takes whoever can write the record. */
  readonly allowUsers: readonly number[] | undefined;
  /** Pairs of this group may have mode 0660; undefined wants 0600 from all. */
  readonly group: number | undefined;
}

/** First and longest pause before what found no room is tried again, ms. */
const firstRetry = 20;
const longestRetry = 500;

/**
 * The machine of one handshake. Do what `pollEffect` says, tell by one of the
 * `handle…` how it went, and ask again, until it is `admit` or `refuse`; once
 * that is done as well, `handleDone` gives it its last state.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * import { ServerHandshake } from "@sockeye/net/protocols";
 *
 * const nonce = "0123456789abcdef0123456789abcdef";
 * const handshake = new ServerHandshake(0, {
 *   path: "/run/app",
 *   timeout: 5000,
 *   allowUsers: undefined,
 *   group: undefined,
 * }, { pid: 4711, nonce });
 * const opened = handshake.pollEffect();
 * assert.ok(opened.do === "open" && opened.path === `/run/app.4711.${nonce}.c2s`);
 * handshake.handleFailed(1, "ENOENT"); // the client was killed,
 * handshake.handleFailed(1, "ENOENT"); // and a sweep has removed its pair
 * const end = handshake.pollEffect();
 * assert.ok(end.do === "refuse" && end.error.code === "ENOENT" && handshake.nobody);
 * handshake.handleDone(1);
 * assert.equal(handshake.state, "closed");
 * ```
 */
export class ServerHandshake {
  readonly #options: RendezvousServerOptions;
  readonly #deadline: number;
  readonly #flow: Generator<ServerEffect, void, RendezvousResult>;
  readonly #held: Set<RendezvousEnd> = new Set();
  #effect: ServerEffect;
  #now: number;
  #retryAt = Infinity;
  #cancelled = false;
  #state: State = "handshaking";
  /** There is somebody whom a refusal can be told. */
  #canTell = false;
  #nobody = false;
  #exhausted = false;
  #nonce = "";

  /** Of a client that announced itself at `now`, ms, or of a line that is no record. */
  constructor(
    now: number,
    options: RendezvousServerOptions,
    announced: Announcement | SockeyeError,
  ) {
    this.#now = now;
    this.#options = options;
    this.#deadline = now + options.timeout;
    this.#flow = this.#run(announced);
    this.#effect = this.#flow.next(succeeded).value as ServerEffect;
  }

  /** `handshaking`; then `open` once it was admitted, or `closed`. */
  get state(): State {
    return this.#state;
  }
  /** Of the client's record; empty where it was none. */
  get nonce(): string {
    return this.#nonce;
  }
  /** Nobody held the pair that was announced. */
  get nobody(): boolean {
    return this.#nobody;
  }

  /** It waits for descriptors, or did. */
  get exhausted(): boolean {
    return this.#exhausted;
  }

  /** What to do next; the same until its result is handed in. */
  pollEffect(): ServerEffect {
    return this.#effect;
  }

  /** The effect was done, and there is nothing to tell of it. */
  handleDone(now: number): void {
    this.#handle(now, succeeded);
  }

  /** The effect was `look`. */
  handleFound(now: number, found: FoundFile): void {
    this.#handle(now, { found });
  }

  /** The effect failed. */
  handleFailed(
    now: number,
    code: ErrorCode,
    cause?: unknown,
  ): void {
    this.#handle(now, { code, cause });
  }

  /** A wait may be over. */
  handleTimeout(now: number): void {
    if (this.#effect.do === "wait" && now >= this.pollTimeout()) {
      this.#handle(now, succeeded);
    }
  }

  /** When to call `handleTimeout`, absolute ms; `Infinity` where nothing waits. */
  pollTimeout(): number {
    if (this.#effect.do !== "wait") return Infinity;
    return Math.min(this.#retryAt, this.#deadline);
  }

  /** The server closes: the client is told so, as far as it can be. */
  cancel(): void {
    if (this.#state !== "handshaking") return;
    this.#cancelled = true;
    if (this.#effect.do === "wait") this.#handle(this.#now, succeeded);
  }

  #handle(now: number, result: RendezvousResult): void {
    const effect = this.#effect;
    this.#now = now;
    if (effect.do === "admit") this.#state = "open";
    else if (effect.do === "refuse") this.#state = "closed";
    else {
      if (result.code === undefined) this.#note(effect);
      this.#effect = this.#flow.next(result).value as ServerEffect;
    }
  }

  #note(effect: ServerEffect): void {
    if (effect.do === "open") this.#held.add(effect.end);
    else if (effect.do === "close") this.#held.delete(effect.end);
  }

  // The protocol, top down.

  *#run(announced: Announcement | SockeyeError): Flow<void> {
    try {
      if (announced instanceof SockeyeError) throw announced;
      const { nonce, pid } = announced;
      this.#nonce = nonce;
      const uid = yield* this.#agreePersistently(announced);
      const how = "proof";
      yield { do: "admit", credentials: { uid, claimedPid: pid, how } };
    } catch (error) {
      if (!(error instanceof SockeyeError)) throw error;
      yield* this.#tell(error);
      yield* this.#closeAll();
      yield { do: "refuse", error };
    }
  }

  /**
   * Without a descriptor the listener is told, and it is begun anew until the
   * deadline. Meanwhile none is held: others may need them more.
   */
  *#agreePersistently(announcement: Announcement): Flow<number> {
    const backoff = new Backoff(firstRetry, longestRetry);
    for (;;) {
      try {
        return yield* this.#agree(announcement);
      } catch (error) {
        if (!lacksDescriptors(error)) throw error;
        yield* this.#closeAll();
        this.#canTell = false;
        this.#exhausted = true;
        yield { do: "exhausted", error };
        yield* this.#wait(backoff.next());
      }
    }
  }

  /**
   * Gives the user id that the client has proven.
   *
   * What may lack a descriptor comes first, and s2c last: were it opened and
   * closed again, the client would see an end.
   */
  *#agree(announcement: Announcement): Flow<number> {
    const { path, allowUsers } = this.#options;
    const { pid, nonce, refusal } = announcement;
    const { s2c, c2s } = pairNames(path, pid, nonce);
    const reading = yield* this.#open("c2s", c2s, "read");
    const { found } = reading;
    if (found && !this.#wrongWith(found)) yield* this.#seeEnds(c2s);
    const writing = yield* this.#open("s2c", s2c, "write");

    const { uid } = this.#check("s2c", writing);
    this.#canTell = true;
    if (refusal) throw refusal;
    if (allowUsers && !allowUsers.includes(uid)) {
      throw new SockeyeError("EACCES", `user ${uid} may not connect`);
    }
    if (this.#check("c2s", reading).uid !== uid) {
      throw new SockeyeError(
        "EPERM",
        `the two FIFOs of process ${pid} belong to two users`,
      );
    }
    for (const name of [s2c, c2s]) yield { do: "unlink", path: name };
    yield* this.#acknowledge();
    return uid;
  }

  /** Opens one FIFO of the pair, and looks at what it is. */
  *#open(
    end: "c2s" | "s2c",
    path: string,
    to: "read" | "write",
  ): Flow<RendezvousResult> {
    const opened = yield { do: "open", end, path, to };
    this.#stopIfOver();
    if (opened.code) {
      const error = failure(opened, `its ${end} FIFO cannot be opened`);
      if (lacksDescriptors(error)) throw error;
      return opened;
    }
    const looked = yield { do: "look", end };
    this.#stopIfOver();
    return looked;
  }

  #check(end: "c2s" | "s2c", result: RendezvousResult): FoundFile {
    const { code, cause, found } = result;
    if (found) {
      this.#checkFound(end, found);
      return found;
    }
    this.#nobody = code === "ENXIO" || code === "ENOENT";
    if (!this.#nobody) {
      throw failure(result, `its ${end} FIFO cannot be opened`);
    }
    throw new SockeyeError(
      code!,
      code === "ENXIO"
        ? `nobody has its ${end} FIFO open`
        : `its ${end} FIFO is not there`,
      { cause },
    );
  }

  #checkFound(end: "c2s" | "s2c", found: FoundFile): void {
    const wrong = this.#wrongWith(found);
    if (wrong === undefined) return;
    // Into a FIFO of one name and a wrong mode the refusal can be written.
    if (end === "s2c") {
      this.#canTell = found.kind === "fifo" && found.links === 1;
    }
    throw new SockeyeError("EPERM", `its ${end} FIFO ${wrong}`);
  }

  #wrongWith(found: FoundFile): string | undefined {
    const { group } = this.#options;
    const ofGroup = group !== undefined && found.group === group &&
      found.mode === 0o660;
    if (found.kind !== "fifo") return "is no FIFO";
    if (found.links !== 1) return `has ${found.links} names`;
    if (found.mode === 0o600 || ofGroup) return undefined;
    return `has mode 0${found.mode.toString(8)} and group ${found.group}`;
  }

  /**
   * A client that never opened c2s for writing has ended its direction. The
   * kernel tells that (`POLLHUP`) only of a FIFO that had a writer since it was
   * opened for reading, so it gets one for a moment.
   */
  *#seeEnds(path: string): Flow<void> {
    const end = "c2sAnchor";
    const opened = yield { do: "open", end, path, to: "write" };
    if (opened.code) throw failure(opened, "its c2s FIFO cannot be opened");
    yield { do: "close", end };
  }

  /** The client gets the code, in one try: what follows is our close. */
  *#tell(error: SockeyeError): Flow<void> {
    if (!this.#canTell || !this.#held.has("s2c")) return;
    yield { do: "write", end: "s2c", text: formatAnswer(wordFor(error.code)) };
  }

  /** A client may have filled its own FIFO, and may empty it yet. */
  *#acknowledge(): Flow<void> {
    const backoff = new Backoff(firstRetry, longestRetry);
    for (;;) {
      const said = yield { do: "write", end: "s2c", text: formatAnswer() };
      if (said.code === undefined) return;
      this.#stopIfOver();
      if (said.code !== "EAGAIN") {
        throw failure(said, "the client cannot be answered");
      }
      yield* this.#wait(backoff.next());
    }
  }

  *#closeAll(): Flow<void> {
    for (const end of this.#held) yield { do: "close", end };
  }

  *#wait(ms: number): Flow<void> {
    this.#retryAt = this.#now + ms;
    this.#stopIfOver();
    yield { do: "wait" };
    this.#stopIfOver();
  }

  #stopIfOver(): void {
    if (this.#cancelled) {
      throw new SockeyeError("ERR_SOCKEYE_CLOSED", "the listener was closed");
    }
    if (this.#now < this.#deadline) return;
    throw new SockeyeError("ETIMEDOUT", "the handshake took too long");
  }
}

function lacksDescriptors(error: unknown): error is SockeyeError {
  return error instanceof SockeyeError &&
    (error.code === "EMFILE" || error.code === "ENFILE");
}

/** What the client is told: words of errno alone, which every language has. */
function wordFor(code: ErrorCode): ErrnoCode {
  if (isErrnoCode(code)) return code;
  return code === "ERR_SOCKEYE_CLOSED" ? "ECONNREFUSED" : "EPROTO";
}

type Flow<T> = Generator<ServerEffect, T, RendezvousResult>;
