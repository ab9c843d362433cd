/**
 * One handshake under one deadline: says which effect comes next, and is told
 * how that went, what arrives, and what time it is.
 *
 * @module
 */
import { type ErrorCode, SockeyeError } from "../error.ts";
import { formatLine, HandshakeLines } from "./lines.ts";
import type { HandshakeEffect, HandshakeFlow, PlaceResult } from "./effects.ts";

/** Ends a flow from outside; what it made it still removes. */
export interface Interruption {
  /** Why. */
  readonly error: SockeyeError;
  /** Whether the peer can still be told why. */
  readonly canTell: boolean;
}

/**
 * Runs a flow of `credentials.ts`. Do what `pollEffect` says, hand the result
 * in, and ask again, until it is `done`, `failed` or `left`.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * import { challenge } from "@sockeye/net/protocols";
 *
 * const machine = challenge(0, {
 *   place: { path: "/run/app", identity: "8:42", directory: "/run/app.auth" },
 *   nonce: "0123456789abcdef0123456789abcdef",
 *   allowUsers: undefined,
 *   timeout: 5000,
 * });
 * const said = machine.pollEffect();
 * assert.ok(said.do === "send");
 * assert.match(said.text, /^sockeye\/1 identify 0123/);
 * machine.handleResult({});
 * machine.handleData(new TextEncoder().encode("sockeye/1 ready 4711\n"));
 * const looked = machine.pollEffect();
 * assert.ok(looked.do === "inspect");
 * assert.match(looked.path, /^\/run\/app\.auth\/8-42-0123/);
 * assert.equal(machine.pollTimeout(), 5000); // then handleTimeout
 * ```
 */
export class HandshakeMachine {
  readonly #talk: Talk = new Talk();
  readonly #flow: HandshakeFlow<void>;
  #effect: HandshakeEffect;
  #deadline: number;
  readonly #timeout: number;

  /** Begins at `now`, ms, and may take `timeout` ms. */
  constructor(
    now: number,
    timeout: number,
    begin: (talk: Talk) => HandshakeFlow<void>,
  ) {
    this.#timeout = timeout;
    this.#deadline = now + timeout;
    this.#flow = begin(this.#talk);
    this.#effect = this.#flow.next({}).value as HandshakeEffect;
  }

  /** What to do next; the same until its result is handed in. */
  pollEffect(): HandshakeEffect {
    return this.#effect;
  }

  /** When it must be over, absolute ms; `Infinity` once it is. */
  pollTimeout(): number {
    return this.#deadline;
  }

  /** Bytes that arrived behind the last line: the user's, once it is `done`. */
  get rest(): Uint8Array {
    return this.#talk.lines.rest;
  }

  /**
   * How an effect went that has an answer.
   *
   * @throws {SockeyeError} `ERR_SOCKEYE_STATE` where there is none: it is at
   * `receive`, or over.
   */
  handleResult(result: PlaceResult): void {
    const asked = this.#effect.do;
    if (asked === "receive" || isLast(asked)) {
      throw new SockeyeError(
        "ERR_SOCKEYE_STATE",
        `Cannot take a result: the handshake is at "${asked}"`,
      );
    }
    this.#next(result);
  }

  /** Bytes arrived; they are copied. After the end of it all they are not for us. */
  handleData(bytes: Uint8Array): void {
    this.#talk.lines.push(bytes);
    if (this.#effect.do === "receive") this.#next({});
  }

  /** The peer's end. */
  handleEnd(): void {
    this.#talk.ended = true;
    if (this.#effect.do === "receive") this.#next({});
  }

  /** The connection is over; whatever waits for it will not come. */
  handleClosed(error?: SockeyeError): void {
    this.#talk.ended = true;
    if (this.#effect.do === "receive" && error === undefined) {
      return this.#next({});
    }
    this.#interrupt({
      error: error ?? new SockeyeError("ECONNABORTED", leftInTheMiddle),
      canTell: false,
    });
  }

  /** The deadline may be over; early is a no-op. */
  handleTimeout(now: number): void {
    if (now < this.#deadline) return;
    const said = this.#talk.lines.arrived
      ? "the peer did not go on with it"
      : "the peer said nothing";
    this.giveUp(
      "ETIMEDOUT",
      `the handshake was not over after ${this.#timeout} ms, ${said}`,
    );
  }

  /** Ends it, and tells the peer where that can be. */
  giveUp(code: ErrorCode, why: string): void {
    this.#interrupt({
      error: new SockeyeError(code, why),
      canTell: this.#effect.do === "receive",
    });
  }

  #interrupt(interruption: Interruption): void {
    if (isLast(this.#effect.do)) return;
    this.#talk.interruption = interruption;
    this.#next({});
  }

  #next(result: PlaceResult): void {
    this.#effect = this.#flow.next(result).value as HandshakeEffect;
    if (isLast(this.#effect.do)) this.#deadline = Infinity;
  }
}

function isLast(asked: HandshakeEffect["do"]): boolean {
  return asked === "done" || asked === "failed" || asked === "left";
}

const leftInTheMiddle = "the peer left in the middle of the handshake";

/**
 * What a flow talks with: its machine hands in what comes from outside, and the
 * flow says lines and hears lines.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * import { HandshakeMachine, parseLine } from "@sockeye/net/protocols";
 *
 * const machine = new HandshakeMachine(0, 5000, function* (talk) {
 *   yield* talk.say("ready", 4711);
 *   const [word] = parseLine(yield* talk.hear());
 *   assert.equal(word, "ok");
 *   yield { do: "done", credentials: undefined };
 * });
 * const text = "sockeye/1 ready 4711\n";
 * assert.deepEqual(machine.pollEffect(), { do: "send", text });
 * machine.handleResult({}); // it is sent
 * assert.deepEqual(machine.pollEffect(), { do: "receive" });
 * machine.handleData(new TextEncoder().encode("sockeye/1 ok 1000\n"));
 * assert.equal(machine.pollEffect().do, "done");
 * ```
 */
export class Talk {
  /** What arrived. */
  readonly lines: HandshakeLines = new HandshakeLines();
  /** The peer's end has come, or the connection is over. */
  ended = false;
  /** Why the flow has to end now; taken by the effect that waits. */
  interruption: Interruption | undefined;
  /** Whether the peer can be told why it failed. */
  canTell = true;

  /** Whether the peer went without a word, as whoever probes a server does. */
  get leftSilently(): boolean {
    return this.ended && !this.lines.arrived;
  }

  /**
   * One effect of those that wait for the peer.
   *
   * @throws {SockeyeError} what interrupted it.
   */
  *wait(effect: HandshakeEffect): HandshakeFlow<PlaceResult> {
    const result = yield effect;
    const { interruption } = this;
    if (interruption === undefined) return result;
    this.interruption = undefined;
    this.canTell = interruption.canTell;
    throw interruption.error;
  }

  /**
   * Sends a line.
   *
   * @throws {SockeyeError} what interrupted it.
   */
  *say(...words: readonly (string | number)[]): HandshakeFlow<void> {
    yield* this.wait({ do: "send", text: formatLine(...words) });
  }

  /**
   * Waits for a line.
   *
   * @throws {SockeyeError} `ECONNABORTED` at the peer's end,
   * `ERR_SOCKEYE_PROTOCOL` for what is no line, or what interrupted it.
   */
  *hear(): HandshakeFlow<string> {
    for (;;) {
      const line = this.lines.take();
      if (line !== undefined) return line;
      if (this.ended) {
        this.canTell = false;
        throw new SockeyeError("ECONNABORTED", leftInTheMiddle);
      }
      yield* this.wait({ do: "receive" });
    }
  }
}
