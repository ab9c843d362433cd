/**
 * One bound socket: what is kept of what arrives, whom it is taken from, what
 * goes out next, and when it is over.
 *
 * - **Receiving.** Runtimes cannot be told to stop reading datagrams, so they
 *   wait here, as many as the limits allow; beyond them the newest is dropped
 *   and counted, as a kernel does without the count.
 * - **The peer.** While there is one, strangers are dropped here, whatever the
 *   system below filters, those included that came before it was named. The
 *   system is told of a peer when all has gone that was handed in before.
 * - **Sending.** In order: what goes to a name waits until that is looked up,
 *   and whatever was handed in behind it waits as well.
 * - **A dead peer closes nothing.** What the system says about datagrams that
 *   it took before (ECONNREFUSED, icmp(7)) is one failure that stands until it
 *   is told, a datagram arrives, or the peer changes.
 * - **Closing.** What was handed in still goes out, for so long; then the
 *   descriptor goes back.
 *
 * @module
 */
import type { Address } from "./address.ts";
import {
  cannotReach,
  isIPv4Peer,
  isNamed,
  isSamePeer,
  mostBytes,
  type Reach,
} from "./datagram/address.ts";
import { Deque } from "./deque.ts";
import type { ErrorCode } from "./error.ts";

/** Where in its life a socket is. */
export type DatagramState = "open" | "draining" | "closed";

/** What is to be done next: `send` and `lookup` are about `outgoing`, `connect` about `newPeer`. */
export type DatagramCommand =
  | "lookup"
  | "send"
  | "connect"
  | "close"
  | "wait";

/** What arrived, as far as it matters here. */
export interface Incoming {
  /** Its bytes; perhaps none. */
  readonly bytes: { readonly length: number };
}

/** What is to be sent, as far as it matters here. */
export interface Outgoing {
  /** Its bytes. */
  readonly length: number;
  /** Where to; also if it is the peer. */
  readonly to: Address;
  /** Times that the system refused it for something that was sent before. */
  refusals: number;
}

/** Limits and facts of one socket, all decided before. */
export interface DatagramLimits extends Reach {
  /** Datagrams that wait to be received. */
  readonly queueDatagrams: number;
  /** Bytes of datagrams that wait to be received. */
  readonly queueBytes: number;
  /** Bytes handed in that the system has not taken; each datagram counts `overhead` more. */
  readonly maxQueued: number;
  /** While closing: ms for what was handed in. */
  readonly flushTimeout: number;
  /** See `DatagramHandle.sendsAtOnce`. */
  readonly sendsAtOnce: number;
}

/** Counts since the socket was bound. */
export interface DatagramCounts {
  /** Arrived, and kept. */
  received: number;
  /** Taken by the system. */
  sent: number;
  /** Arrived and not kept: the queue was full. */
  dropped: number;
  /** Arrived from others than the peer. */
  filtered: number;
}

/** What a queued datagram costs besides its bytes: its promise, its address, its place. */
const overhead = 256;

/** Bytes handed in above which it is not writable. */
const writeHighWater = 65536;

/** Sends of one datagram before a refusal, which is always about an earlier one, is believed. */
const mostRefusals = 3;

/** A peer's place in its life: `named` until the system is told, `told` until it answers. */
type PeerState = "none" | "named" | "told" | "connected";

/**
 * The machine of one socket.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * import { parseAddress } from "@sockeye/net/core";
 * import { DatagramMachine } from "@sockeye/net/protocols";
 *
 * const here = parseAddress("udp://127.0.0.1:7000");
 * const there = parseAddress("udp://127.0.0.1:7001");
 * const machine = new DatagramMachine(here, {
 *   broadcast: false,
 *   ipv6Only: false,
 *   queueDatagrams: 2,
 *   queueBytes: 65_536,
 *   maxQueued: 65_536,
 *   flushTimeout: 1000,
 *   sendsAtOnce: 1,
 * });
 * for (const bytes of ["one", "two", "three"]) {
 *   machine.handleDatagram({ bytes }, there);
 * }
 * assert.deepEqual(machine.take(), { bytes: "one" });
 * assert.deepEqual([machine.waiting, machine.counts.dropped], [1, 1]);
 * machine.queueSend({ length: 3, to: there, refusals: 0 });
 * assert.equal(machine.pollCommand(), "send");
 * const out = machine.handleHanded();
 * assert.equal(machine.handleSent(out, undefined), "settle");
 * ```
 */
export class DatagramMachine<In extends Incoming, Out extends Outgoing> {
  /** Counts so far. */
  readonly counts: DatagramCounts = {
    received: 0,
    sent: 0,
    dropped: 0,
    filtered: 0,
  };
  readonly #local: Address;
  readonly #limits: DatagramLimits;
  #state: DatagramState = "open";

  readonly #arrived: Deque<In> = new Deque();
  #arrivedBytes = 0;
  #failure: ErrorCode | undefined;

  #peer: Address | undefined;
  #peerState: PeerState = "none";
  #sentToPeer = false;

  readonly #waiting: Deque<Out> = new Deque();
  #queued = 0;
  readonly #underWay: Set<Out> = new Set();
  #looking: Out | undefined;
  #found: Out | undefined;

  #closeBy = Infinity;
  #closeAsked = false;

  /** `local`: where it is bound, in its canonical form. */
  constructor(local: Address, limits: DatagramLimits) {
    this.#local = local;
    this.#limits = limits;
  }

  /** Where in its life it is. */
  get state(): DatagramState {
    return this.#state;
  }
  /** Datagrams that wait to be received. */
  get waiting(): number {
    return this.#arrived.length;
  }
  /** Whether a receive would give a datagram, or a failure, at once. */
  get readable(): boolean {
    return this.#arrived.length > 0 || this.#failure !== undefined;
  }
  /** Whether more may be handed in without waiting long. */
  get writable(): boolean {
    return this.#state === "open" && this.#queued <= writeHighWater;
  }
  /** Whether the system has told of something that nobody was told yet. */
  get hasFailure(): boolean {
    return this.#failure !== undefined;
  }
  /** The peer, once the system knows it. */
  get peer(): Address | undefined {
    return this.#peerState === "connected" ? this.#peer : undefined;
  }
  /** The peer that the system is to be told of, or was told of and has not answered. */
  get newPeer(): Address | undefined {
    return this.#isConnecting ? this.#peer : undefined;
  }
  get #isConnecting(): boolean {
    return this.#peerState === "named" || this.#peerState === "told";
  }
  /** The head of what waits to be sent. */
  get outgoing(): Out | undefined {
    return this.#waiting.first;
  }

  // Receiving

  /** One arrived, from an address in its canonical form; whether it is kept. */
  handleDatagram(datagram: In, from: Address): boolean {
    const { queueDatagrams, queueBytes, ipv6Only } = this.#limits;
    if (this.#state !== "open") return false;
    if (this.#isStranger(from) || (ipv6Only && isIPv4Peer(from))) {
      this.counts.filtered++;
      return false;
    }
    this.#failure = undefined;
    const bytes = this.#arrivedBytes + datagram.bytes.length;
    // One is always kept, however small the limit of bytes.
    const fits = this.#arrived.length === 0 || bytes <= queueBytes;
    if (!fits || this.#arrived.length >= queueDatagrams) {
      this.counts.dropped++;
      return false;
    }
    this.counts.received++;
    this.#arrivedBytes = bytes;
    this.#arrived.push(datagram);
    return true;
  }

  /** Takes the oldest that waits. */
  take(): In | undefined {
    const datagram = this.#arrived.shift();
    if (datagram !== undefined) this.#arrivedBytes -= datagram.bytes.length;
    return datagram;
  }

  /** The system told of something that was sent before. */
  handleFailed(code: ErrorCode): void {
    // Nothing was sent to this peer yet: it is about the one before.
    if (this.#state === "open" && this.#sentToPeer) this.#failure = code;
  }

  /** The failure that stands, told now. */
  takeFailure(): ErrorCode | undefined {
    const failure = this.#failure;
    this.#failure = undefined;
    return failure;
  }

  #isStranger(from: Address): boolean {
    return this.#peerState === "connected" && !isSamePeer(from, this.#peer!);
  }

  // The peer

  /** Why a peer cannot be named now; undefined if it can. */
  checkConnect(to: Address): ErrorCode | undefined {
    if (this.#state !== "open") return "ERR_SOCKEYE_CLOSED";
    if (this.#isConnecting) return "ERR_SOCKEYE_STATE";
    return this.#cannotReach(to);
  }

  /** The system is to be told of a peer, by an IP address that was checked. */
  connect(to: Address): void {
    this.#peer = to;
    this.#peerState = "named";
    this.#sentToPeer = false;
    this.#failure = undefined;
  }

  /** The system knows the peer: what strangers had sent is dropped. */
  handleConnected(from: (datagram: In) => Address): void {
    if (this.#peerState !== "told") return;
    this.#peerState = "connected";
    const kept = (datagram: In) => !this.#isStranger(from(datagram));
    for (const { bytes } of this.#arrived.retain(kept)) {
      this.#arrivedBytes -= bytes.length;
      this.counts.received--;
      this.counts.filtered++;
    }
  }

  /** Nobody waits for the new peer any more; false if the system was told of it. */
  cancelConnect(): boolean {
    if (this.#peerState !== "named") return false;
    this.disconnect();
    return true;
  }

  /** There is no peer any more, or the system does not take it for one. */
  disconnect(): void {
    this.#peer = undefined;
    this.#peerState = "none";
    this.#sentToPeer = false;
    this.#failure = undefined;
  }

  // Sending

  /** Why a datagram cannot be handed in; undefined if it can. */
  checkSend(length: number, to: Address | undefined): ErrorCode | undefined {
    if (this.#state !== "open") return "ERR_SOCKEYE_CLOSED";
    if (to === undefined) {
      if (this.#peerState !== "connected") return "ENOTCONN";
    } else {
      if (this.#peerState !== "none") return "ERR_SOCKEYE_STATE";
      const code = this.#cannotReach(to);
      if (code !== undefined) return code;
    }
    if (length > mostBytes(this.#local, to ?? this.#peer!)) return "EMSGSIZE";
    const queued = this.#queued + length + overhead;
    return queued > this.#limits.maxQueued ? "ENOBUFS" : undefined;
  }

  #cannotReach(to: Address): ErrorCode | undefined {
    return cannotReach(this.#local, to, this.#limits);
  }

  /** Takes a datagram in that was checked. */
  queueSend(out: Out): void {
    this.#queued += out.length + overhead;
    this.#waiting.push(out);
  }

  /** Gives up one that is not under way; false if it is, or is over. */
  forget(out: Out): boolean {
    if (!this.#waiting.remove(out)) return false;
    this.#queued -= out.length + overhead;
    if (this.#looking === out) this.#looking = undefined;
    return true;
  }

  /** The head's name was looked up: it may go. Late answers are ignored. */
  handleFound(out: Out): boolean {
    if (this.#looking !== out) return false;
    this.#looking = undefined;
    this.#found = out;
    return true;
  }

  /** The system was handed the head. */
  handleHanded(): Out {
    const out = this.#waiting.shift()!;
    this.#underWay.add(out);
    if (this.#peerState === "connected") this.#sentToPeer = true;
    return out;
  }

  /**
   * One that was under way is taken, or has failed; `again` if it is to be
   * handed in once more.
   *
   * A refusal is never about the datagram that it is told for: the system
   * tells it instead of taking this one (connected sockets, udp(7)).
   */
  handleSent(out: Out, code: ErrorCode | undefined): "settle" | "again" {
    if (code === "ECONNREFUSED" && out.refusals < mostRefusals) {
      out.refusals++;
      this.handleFailed(code);
      return "again";
    }
    this.#underWay.delete(out);
    this.#queued -= out.length + overhead;
    if (code === undefined) this.counts.sent++;
    return "settle";
  }

  // Closing

  /** What was handed in goes out, then the descriptor goes back. Idempotent. */
  close(now: number): void {
    if (this.#state !== "open") return;
    this.#state = "draining";
    this.#closeBy = now + this.#limits.flushTimeout;
    this.#arrived.clear();
    this.#arrivedBytes = 0;
    this.#failure = undefined;
  }

  /** When closing has taken too long, absolute ms; `Infinity` for never. */
  pollTimeout(): number {
    return this.#closeAsked ? Infinity : this.#closeBy;
  }

  /** The time for what was handed in may be over. */
  handleTimeout(now: number): void {
    if (now >= this.#closeBy) this.#closeBy = -Infinity;
  }

  /** The descriptor has been given back, asked or not. */
  handleClosed(): void {
    this.#state = "closed";
    this.#arrived.clear();
    this.#arrivedBytes = 0;
    this.#failure = undefined;
  }

  /** All that was handed in and not taken, once it is over; each is given once. */
  pollLost(): Out | undefined {
    if (this.#state !== "closed") return undefined;
    for (const out of this.#underWay) {
      this.#underWay.delete(out);
      return out;
    }
    return this.#waiting.shift();
  }

  /** What to do next. */
  pollCommand(): DatagramCommand {
    if (this.#state === "closed" || this.#closeAsked) return "wait";
    const isFlushed = this.#waiting.length === 0 && this.#underWay.size === 0;
    const isLate = this.#closeBy === -Infinity;
    if (this.#state === "draining" && (isFlushed || isLate)) {
      this.#closeAsked = true;
      return "close";
    }
    if (this.#peerState === "named" && isFlushed) {
      this.#peerState = "told";
      return "connect";
    }
    const next = this.#waiting.first;
    if (next === undefined || this.#looking !== undefined) return "wait";
    if (this.#underWay.size >= this.#limits.sendsAtOnce) return "wait";
    if (next === this.#found || !isNamed(next.to)) return "send";
    this.#looking = next;
    return "lookup";
  }
}
