/**
 * One connection that begins with a handshake: performs what
 * `core/credentials/handshake.ts` says, and is then the user's stream.
 *
 * @module
 */
import type { Address } from "../../../core/address.ts";
import type { SockeyeError } from "../../../core/error.ts";
import type { HandshakeMachine } from "../../../core/credentials/handshake.ts";
import type { HandshakeEffect } from "../../../core/credentials/effects.ts";
import type {
  Credentials,
  StreamEvents,
  StreamHandle,
} from "../../../core/transport.ts";
import { Alarm } from "../alarm.ts";
import { performPlace } from "./place_effects.ts";
import { scheduler } from "../scheduler.ts";

/** How a handshake ended; one of them is called, once. */
export interface HandshakeEvents {
  /** The stream is the user's. */
  opened(stream: HandshakeStream): void;
  /** It failed, and nothing of it is left. */
  failed(stream: HandshakeStream, error: SockeyeError): void;
  /** The peer has gone without a word, and nothing of it is left. */
  left(stream: HandshakeStream): void;
  /** Connects; only a client is asked. Call `connected` or `notConnected`. */
  connect?(stream: HandshakeStream, path: string): void;
}

/** How it stands: agreeing, ending without agreement, or as the transport beneath. */
type Phase = "handshake" | "ending" | "open";

const encoder = new TextEncoder();

/** A stream with a handshake before it; over a handle that may come later. */
export class HandshakeStream implements StreamHandle, StreamEvents {
  readonly remoteAddress: Address;
  credentials: Credentials | undefined;

  readonly #machine: HandshakeMachine;
  readonly #told: HandshakeEvents;
  #handle: StreamHandle | undefined;
  #events: StreamEvents | undefined;
  #phase: Phase = "handshake";
  #advancing = false;
  /** Of a line that is being sent: what the system has not taken yet. */
  #unsent: Uint8Array | undefined;
  #handleClosed = false;
  #error: SockeyeError | undefined;
  /** How long the peer may still send behind the farewell, ms. */
  #linger = 0;
  #alarm: Alarm | undefined;
  /** What happened before `attach`, to be told by it. */
  #held: ((events: StreamEvents) => void)[] = [];

  constructor(
    remote: Address,
    machine: HandshakeMachine,
    told: HandshakeEvents,
  ) {
    this.remoteAddress = remote;
    this.#machine = machine;
    this.#told = told;
  }

  // The handshake

  /** Begins, over a handle of which nobody has been told. */
  begin(handle?: StreamHandle): void {
    if (handle !== undefined) this.#take(handle);
    this.#advance();
  }

  /** It stands, after `connect` was asked for. */
  connected(handle: StreamHandle): void {
    this.#take(handle);
    this.#machine.handleResult({});
    this.#advance();
  }

  /** It does not. */
  notConnected(error: SockeyeError): void {
    this.#machine.handleResult({ code: error.code, cause: error });
    this.#advance();
  }

  /** When the handshake must be over; `Infinity` once it is. */
  pollTimeout(): number {
    return this.#machine.pollTimeout();
  }

  handleTimeout(): void {
    this.#machine.handleTimeout(scheduler.now());
    this.#advance();
  }

  /** Ends the handshake, and tells the peer where that can be. */
  giveUp(code: "EAGAIN" | "ERR_SOCKEYE_CLOSED", why: string): void {
    this.#machine.giveUp(code, why);
    this.#advance();
  }

  #take(handle: StreamHandle): void {
    this.#handle = handle;
    handle.attach(this);
  }

  #advance(): void {
    // What an effect causes at once is seen by the loop that performs it.
    if (this.#advancing || this.#phase !== "handshake") return;
    this.#advancing = true;
    while (this.#step());
    this.#advancing = false;
  }

  /** One effect; false when there is something to wait for, or no more to do. */
  #step(): boolean {
    const effect = this.#machine.pollEffect();
    switch (effect.do) {
      case "connect":
        this.#told.connect!(this, effect.path);
        break;
      case "send":
        // Until the machine listens again, what comes is better in the kernel.
        this.#handle!.stopRead();
        this.#send(effect);
        break;
      case "receive":
        this.#handle!.startRead();
        break;
      case "done":
        this.#open(effect.credentials);
        return false;
      case "failed":
        this.#linger = effect.linger;
        this.#end(effect.farewell, effect.error);
        return false;
      case "left":
        this.#end(undefined, undefined);
        return false;
      default:
        this.#machine.handleResult(performPlace(effect));
    }
    // Events may come within commands.
    return this.#machine.pollEffect() !== effect;
  }

  #send(effect: HandshakeEffect & { readonly do: "send" }): void {
    const taken = this.#offer(encoder.encode(effect.text));
    if (taken && this.#machine.pollEffect() === effect) {
      this.#machine.handleResult({});
    }
  }

  /** True if the system has taken all of it. */
  #offer(bytes: Uint8Array): boolean {
    const taken = this.#handle!.transmit(bytes);
    this.#unsent = taken < bytes.length ? bytes.subarray(taken) : undefined;
    return this.#unsent === undefined;
  }

  #open(credentials: Credentials | undefined): void {
    this.#phase = "open";
    this.credentials = credentials;
    this.#handle!.stopRead();
    const { rest } = this.#machine;
    if (rest.length > 0) {
      this.#held.unshift((events) => void events.data(rest, false));
    }
    this.#told.opened(this);
  }

  #end(farewell: string | undefined, error: SockeyeError | undefined): void {
    this.#phase = "ending";
    this.#error = error;
    const handle = this.#handle;
    if (handle === undefined || this.#handleClosed) return this.#tellEnd();
    // A line that is being sent ends with the connection.
    if (this.#unsent !== undefined || farewell === undefined) handle.close();
    else if (this.#offer(encoder.encode(farewell))) this.#endSoon();
    else handle.stopRead();
  }

  /** The farewell is sent. */
  #endSoon(): void {
    const handle = this.#handle!;
    if (this.#linger === 0) return handle.close();
    this.#alarm = new Alarm(() => handle.close());
    this.#alarm.set(scheduler.now() + this.#linger);
    handle.shutdown();
    handle.startRead();
  }

  #tellEnd(): void {
    this.#alarm?.set(Infinity);
    if (this.#error === undefined) this.#told.left(this);
    else this.#told.failed(this, this.#error);
  }

  // What the transport tells

  data(bytes: Uint8Array, lent: boolean): boolean {
    if (this.#phase === "open") {
      if (this.#events !== undefined) return this.#events.data(bytes, lent);
      const kept = lent ? bytes.slice() : bytes;
      this.#held.push((events) => void events.data(kept, false));
    } else if (this.#phase === "handshake") {
      this.#machine.handleData(bytes);
      this.#advance();
    }
    return false;
  }

  written(count: number): void {
    if (this.#phase === "open") return this.#events?.written(count);
    const rest = this.#unsent!.subarray(count);
    if (rest.length > 0 && !this.#offer(rest)) return;
    this.#unsent = undefined;
    if (this.#phase === "ending") return this.#endSoon();
    this.#machine.handleResult({});
    this.#advance();
  }

  readClosed(): void {
    if (this.#phase === "ending") return this.#handle!.close();
    if (this.#events !== undefined) return this.#events.readClosed();
    this.#held.push((events) => events.readClosed());
    if (this.#phase === "open") return;
    this.#machine.handleEnd();
    this.#advance();
  }

  shutdownDone(): void {
    this.#events?.shutdownDone();
  }

  closed(error?: SockeyeError): void {
    this.#handleClosed = true;
    if (this.#phase === "ending") return this.#tellEnd();
    if (this.#events !== undefined) return this.#events.closed(error);
    this.#held.push((events) => events.closed(error));
    if (this.#phase === "open") return;
    this.#machine.handleClosed(error);
    this.#advance();
  }

  // What the driver wants

  get localAddress(): Address {
    return this.#handle!.localAddress;
  }
  get holdsPending(): boolean {
    return this.#handle!.holdsPending;
  }

  attach(events: StreamEvents): void {
    this.#events = events;
    for (const tell of this.#held.splice(0)) tell(events);
  }
  startRead(): void {
    this.#handle!.startRead();
  }
  stopRead(): void {
    this.#handle!.stopRead();
  }
  transmit(bytes: Uint8Array): number {
    return this.#handle!.transmit(bytes);
  }
  shutdown(): boolean {
    return this.#handle!.shutdown();
  }
  giveBack(bytes: Uint8Array): void {
    this.#handle!.giveBack?.(bytes);
  }
  close(): void {
    this.#handle!.close();
  }
  abort(): void {
    this.#handle!.abort();
  }
}
