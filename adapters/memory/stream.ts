/**
 * One end of a simulated connection: what a kernel's socket and an adapter do.
 *
 * Parcels arrive as at a kernel, at any time; events are told as by an
 * adapter, in a turn of their own, never from within a command.
 *
 * Where Linux has rules, these are its rules (net/ipv4/tcp.c, tcp_input.c):
 * closing with unread input sends a reset; data for a socket that is closed is
 * answered by one; a reset behind data that has arrived is met after reading
 * it, or by the next write; it is EPIPE where the peer's end had come before
 * and ours was not sent, else ECONNRESET.
 *
 * @module
 */
import type { Address } from "../../core/address.ts";
import { SockeyeError } from "../../core/error.ts";
import type { Scheduler } from "../../core/runtime.ts";
import type { StreamEvents, StreamHandle } from "../../core/transport.ts";
import type { Link, LinkEnd, Parcel, Side } from "./link.ts";

/** What streams of one network have in common. */
export interface StreamSettings {
  readonly scheduler: Scheduler;
  /** Bytes that are taken from a sender and that its receiver has not read. */
  readonly window: number;
  /** Deliver the pieces as they were sent, instead of joining what has arrived. */
  readonly keepPieces: boolean;
  /** Keep the rest of a write and take it later, or ask for it again. */
  readonly holdPending: boolean;
  /** Milliseconds until a shutdown is handed over; 0 for at once. */
  readonly shutdownDelay: number;
  /** Delivers through one buffer of the adapter's own, as some adapters do. */
  readonly loan: Loan | undefined;
}

/** Most bytes given to `data` at a time, where pieces are joined. */
const mostAtOnce = 65536;

/** The one receive buffer of a network that lends its data. */
export class Loan {
  #buffer = new Uint8Array(mostAtOnce);

  /** Lends a copy of the bytes; spoils it afterwards, unless it was kept. */
  give(bytes: Uint8Array, events: StreamEvents): void {
    let buffer = this.#buffer;
    if (buffer.length < bytes.length) buffer = new Uint8Array(bytes.length);
    // Told from within data(), a second stream must not get the same memory.
    this.#buffer = new Uint8Array(0);
    const lent = buffer.subarray(0, bytes.length);
    lent.set(bytes);
    if (events.data(lent, true)) buffer = new Uint8Array(mostAtOnce);
    else lent.fill(0xdb);
    this.#buffer = buffer;
  }
}

/** One end of a simulated connection. */
export class MemoryStream implements StreamHandle, LinkEnd {
  readonly localAddress: Address;
  readonly remoteAddress: Address;
  readonly holdsPending: boolean;
  readonly #link: Link;
  readonly #side: Side;
  readonly #settings: StreamSettings;
  readonly #onGone: () => void;
  #events: StreamEvents | undefined;
  #woken = false;

  // Receiving
  #reading = false;
  readonly #arrived: Uint8Array[] = [];
  #end: "none" | "arrived" | "told" = "none";
  #reset = false;

  // Sending
  #room: number;
  /** Length of what a transmit could not take; 0 while none is pending. */
  #wanted = 0;
  #pending: Uint8Array | undefined;
  #endSent = false;
  #shutdown: "none" | "pending" | "handedOver" = "none";
  /** A write or shutdown met the reset. */
  #failed = false;

  // Over
  #gone = false;
  #closedTold = false;

  /** `onGone` is told when the descriptor is given back, once. */
  constructor(
    link: Link,
    side: Side,
    localAddress: Address,
    remoteAddress: Address,
    settings: StreamSettings,
    onGone: () => void,
  ) {
    this.#link = link;
    this.#side = side;
    this.localAddress = localAddress;
    this.remoteAddress = remoteAddress;
    this.#settings = settings;
    this.holdsPending = settings.holdPending;
    this.#onGone = onGone;
    this.#room = settings.window;
  }

  // Commands

  attach(events: StreamEvents): void {
    this.#events = events;
    this.#wake();
  }

  startRead(): void {
    this.#reading = true;
    this.#wake();
  }

  stopRead(): void {
    this.#reading = false;
  }

  transmit(bytes: Uint8Array): number {
    const count = this.#reset ? 0 : this.#take(bytes);
    if (count < bytes.length) {
      this.#wanted = bytes.length - count;
      if (this.holdsPending) this.#pending = bytes.subarray(count);
      this.#failed = this.#reset;
      this.#wake();
    }
    return count;
  }

  shutdown(): boolean {
    this.#sendEnd();
    if (this.#reset) {
      this.#failed = true;
      this.#wake();
      return true;
    }
    const { shutdownDelay, scheduler } = this.#settings;
    if (shutdownDelay === 0) return true;
    this.#shutdown = "pending";
    scheduler.setTimer(() => {
      this.#shutdown = "handedOver";
      this.#wake();
    }, shutdownDelay);
    return false;
  }

  close(): void {
    if (this.#gone) return;
    if (this.#arrived.length > 0) this.#sendReset();
    else this.#sendEnd();
    this.#leave();
  }

  abort(): void {
    if (this.#gone) return;
    this.#sendReset();
    this.#leave();
  }

  // The network

  arrive(parcel: Parcel): void {
    if (this.#gone) {
      // Nobody is here: what a kernel answers data with.
      if (parcel.kind === "data") this.#link.resetBy(this.#side);
      return;
    }
    switch (parcel.kind) {
      case "data":
        this.#link.trace("arrive", this.#side, parcel.bytes.length);
        this.#arrived.push(parcel.bytes);
        break;
      case "taken":
        this.#room += parcel.count;
        break;
      case "end":
        this.#end = "arrived";
        break;
      case "reset":
        this.#reset = true;
        this.#failed = this.#wanted > 0 || this.#shutdown !== "none";
        break;
      default:
        parcel satisfies never;
    }
    this.#wake();
  }

  #take(bytes: Uint8Array): number {
    const count = Math.min(bytes.length, this.#room);
    if (count === 0) return 0;
    this.#room -= count;
    this.#link.carry(this.#side, bytes.subarray(0, count));
    return count;
  }

  #sendEnd(): void {
    if (this.#endSent) return;
    this.#endSent = true;
    if (!this.#reset) this.#link.end(this.#side);
  }

  /** Nothing to reset once both ends were exchanged: tcp_need_reset() is false then. */
  #sendReset(): void {
    const over = this.#endSent && this.#end !== "none";
    if (!this.#reset && !over) this.#link.resetBy(this.#side);
  }

  #leave(): void {
    this.#gone = true;
    this.#pending = undefined;
    this.#arrived.length = 0;
    this.#link.trace("close", this.#side);
    this.#onGone();
    this.#wake();
  }

  // Events

  #wake(): void {
    if (this.#woken || this.#events === undefined || this.#closedTold) return;
    this.#woken = true;
    this.#settings.scheduler.turn(this.#turn);
  }

  /** Tells what there is to tell, at most one event of each kind. */
  readonly #turn = (): void => {
    this.#woken = false;
    const events = this.#events!;
    if (!this.#gone) this.#tellWritten(events);
    if (!this.#gone && this.#shutdown === "handedOver" && !this.#reset) {
      this.#shutdown = "none";
      events.shutdownDone();
    }
    if (!this.#gone) this.#tellInput(events);
    if (!this.#gone) this.#tellReset();
    if (this.#gone) this.#tellClosed(events);
    else if (this.#hasMore) this.#wake();
  };

  /** Whether input is told: it is asked for, or a failure behind it has become known. */
  get #telling(): boolean {
    return this.#reading || this.#failed;
  }

  get #hasMore(): boolean {
    return this.#telling &&
      (this.#arrived.length > 0 || this.#end === "arrived");
  }

  #tellWritten(events: StreamEvents): void {
    if (this.#wanted === 0 || this.#reset) return;
    // As a kernel, not for every byte: a sender that is woken for little
    // sends little.
    const enough = Math.min(this.#wanted, this.#settings.window / 2);
    if (this.#room < enough) return;
    const pending = this.#pending;
    this.#wanted = 0;
    this.#pending = undefined;
    const count = pending === undefined ? 0 : this.#take(pending);
    events.written(count);
  }

  #tellInput(events: StreamEvents): void {
    if (!this.#telling) return;
    if (this.#arrived.length > 0) {
      const bytes = this.#nextBytes();
      this.#link.taken(this.#side, bytes.length);
      const { loan } = this.#settings;
      if (loan === undefined) events.data(bytes, false);
      else loan.give(bytes, events);
    }
    if (this.#gone || !this.#telling || this.#arrived.length > 0) return;
    if (this.#end !== "arrived") return;
    this.#end = "told";
    events.readClosed();
  }

  #nextBytes(): Uint8Array {
    const first = this.#arrived.shift()!;
    if (this.#settings.keepPieces || this.#arrived.length === 0) return first;
    const pieces = [first];
    let length = first.length;
    while (
      this.#arrived.length > 0 &&
      length + this.#arrived[0]!.length <= mostAtOnce
    ) {
      length += this.#arrived[0]!.length;
      pieces.push(this.#arrived.shift()!);
    }
    return pieces.length === 1 ? first : join(pieces, length);
  }

  /** A reset is met behind all input that arrived before it. */
  #tellReset(): void {
    if (!this.#reset || this.#arrived.length > 0 || this.#end === "arrived") {
      return;
    }
    this.#closedTold = true;
    this.#leave();
    const code = this.#end === "told" && !this.#endSent
      ? "EPIPE"
      : "ECONNRESET";
    this.#events!.closed(new SockeyeError(code, "The peer reset it"));
  }

  #tellClosed(events: StreamEvents): void {
    if (this.#closedTold) return;
    this.#closedTold = true;
    events.closed();
  }
}

function join(pieces: readonly Uint8Array[], length: number): Uint8Array {
  const bytes = new Uint8Array(length);
  let at = 0;
  for (const piece of pieces) {
    bytes.set(piece, at);
    at += piece.length;
  }
  return bytes;
}
