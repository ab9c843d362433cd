/**
 * The server's side of the rendezvous: records in, handshakes out.
 *
 * Two machines: {@linkcode RendezvousServer} decides which record is taken up
 * when; each {@linkcode ServerHandshake} is one client's, and says which effect
 * comes next. Its inside is a generator, for it is one short sequence.
 *
 * @module
 */
import { SockeyeError } from "../error.ts";
import { type RendezvousServerOptions, ServerHandshake } from "./handshake.ts";
import {
  type Announcement,
  type Line,
  LineReader,
  MAX_LINE,
  parseAnnouncement,
} from "./records.ts";

/** Handshakes under way at the same time; further records wait in the rendezvous. */
export const MAX_HANDSHAKES = 64;
/**
 * Handshakes begun in one turn: one takes about 0.1 ms, and whoever floods the
 * rendezvous must not keep the connections that stand from being served.
 */
export const HANDSHAKES_PER_TURN = 64;
/** Nonces remembered; beyond that the oldest are forgotten. */
export const MAX_NONCES = 16_384;

/**
 * The machine of one rendezvous.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * import {
 *   formatAnnouncement,
 *   type FoundFile,
 *   RendezvousServer,
 * } from "@sockeye/net/protocols";
 *
 * const server = new RendezvousServer({
 *   path: "/run/app",
 *   timeout: 5000,
 *   allowUsers: [1000],
 *   group: undefined,
 * });
 * server.setAccepting(true);
 * const record = formatAnnouncement(4711, "0123456789abcdef0123456789abcdef");
 * server.handleBytes(new TextEncoder().encode(record));
 * const handshake = server.poll(0)!;
 * const file: FoundFile = {
 *   kind: "fifo",
 *   identity: "8:43",
 *   uid: 1000,
 *   group: 0,
 *   mode: 0o600,
 *   links: 1,
 *   age: 0, // ms
 * };
 * let effect = handshake.pollEffect();
 * for (; effect.do !== "admit"; effect = handshake.pollEffect()) {
 *   if (effect.do === "look") handshake.handleFound(1, file);
 *   else handshake.handleDone(1); // where a driver asks the system
 * }
 * const { uid, claimedPid } = effect.credentials;
 * assert.deepEqual([uid, claimedPid], [1000, 4711]);
 * handshake.handleDone(1);
 * assert.deepEqual([server.poll(1), server.handshakes], [undefined, 0]);
 * ```
 */
export class RendezvousServer {
  readonly #options: RendezvousServerOptions;
  readonly #lines: LineReader = new LineReader();
  readonly #handshakes: Set<ServerHandshake> = new Set();
  /** When each may come again; in the order of their coming. */
  readonly #nonces: Map<string, number> = new Map();
  #accepting = false;
  #budget = HANDSHAKES_PER_TURN;

  /** Accepts nothing until `setAccepting`. */
  constructor(options: RendezvousServerOptions) {
    this.#options = options;
  }

  /** Handshakes under way. */
  get handshakes(): number {
    return this.#handshakes.size;
  }

  /** Whether more is wanted from the rendezvous; else it waits there. */
  get wantsBytes(): boolean {
    return this.#hasRoom && this.#lines.drained;
  }

  /** Whether new handshakes are begun; those under way go on. */
  setAccepting(on: boolean): void {
    this.#accepting = on;
  }

  /** Bytes of the rendezvous, which may come whatever `wantsBytes` says; kept until read. */
  handleBytes(bytes: Uint8Array): void {
    this.#lines.push(bytes);
  }

  /** A turn of the runtime's loop begins. */
  startTurn(): void {
    this.#budget = HANDSHAKES_PER_TURN;
  }

  /**
   * The next handshake that has something to do by now; do all of it (until
   * its effect is `wait`, or it is over), and ask again.
   */
  poll(now: number): ServerHandshake | undefined {
    for (const handshake of this.#handshakes) {
      if (handshake.state === "handshaking") {
        handshake.handleTimeout(now);
        if (handshake.pollEffect().do !== "wait") return handshake;
      } else this.#forget(handshake);
    }
    if (!this.#hasRoom || this.#budget === 0) return undefined;
    const line = this.#lines.next();
    return line && this.#begin(now, line);
  }

  /** When to call `poll` again, absolute ms; at once where the turn's budget ended it. */
  pollTimeout(now: number): number {
    let least = Infinity;
    for (const handshake of this.#handshakes) {
      least = Math.min(least, handshake.pollTimeout());
    }
    return this.#hasRoom && !this.#lines.drained ? now : least;
  }

  /** Ends what is under way: each has a refusal to do, and no other begins. */
  close(): void {
    this.#accepting = false;
    for (const handshake of this.#handshakes) handshake.cancel();
  }

  /** Where one lacks descriptors, the next would too. */
  get #hasRoom(): boolean {
    if (!this.#accepting) return false;
    for (const { exhausted } of this.#handshakes) if (exhausted) return false;
    return this.#handshakes.size < MAX_HANDSHAKES;
  }

  #begin(now: number, line: Line): ServerHandshake {
    this.#budget--;
    const handshake = new ServerHandshake(
      now,
      this.#options,
      this.#understand(now, line),
    );
    this.#handshakes.add(handshake);
    return handshake;
  }

  #understand(now: number, line: Line): Announcement | SockeyeError {
    if (line.overlong) {
      return new SockeyeError(
        "ERR_SOCKEYE_PROTOCOL",
        `a line in the rendezvous has more than ${MAX_LINE} bytes`,
      );
    }
    try {
      const announcement = parseAnnouncement(line.text);
      return this.#isReplay(now, announcement.nonce)
        ? new SockeyeError(
          "ERR_SOCKEYE_PROTOCOL",
          `process ${announcement.pid} announced itself twice`,
        )
        : announcement;
    } catch (error) {
      if (error instanceof SockeyeError) return error;
      throw error;
    }
  }

  #isReplay(now: number, nonce: string): boolean {
    for (const [old, until] of this.#nonces) {
      if (until > now && this.#nonces.size < MAX_NONCES) break;
      this.#nonces.delete(old);
    }
    if (this.#nonces.has(nonce)) return true;
    this.#nonces.set(nonce, now + this.#options.timeout);
    return false;
  }

  /**
   * Where nobody had opened the pair, its nonce was not used: else a stranger
   * who sees the pair's name could announce it before its owner does, and have
   * the owner refused.
   */
  #forget(handshake: ServerHandshake): void {
    this.#handshakes.delete(handshake);
    if (handshake.nobody) this.#nonces.delete(handshake.nonce);
  }
}
