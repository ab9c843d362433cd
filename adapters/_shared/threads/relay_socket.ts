/**
 * The side of the socket of a relayed connection: carries what it tells to the
 * thread of its handler, and what that asks to it.
 *
 * @module
 */
import type { SockeyeError } from "../../../core/error.ts";
import {
  type FrameKind,
  type Opened,
  relayWindow,
  SocketSide,
  type SocketSideCommand,
  writeFailure,
} from "../../../core/relay.ts";
import type { StreamEvents, StreamHandle } from "../../../core/transport.ts";
import type { FrameSink } from "./frame_port.ts";

/** A connection whose handler is in another thread. */
export class RelayedSocket implements StreamEvents {
  readonly #id: number;
  readonly #handle: StreamHandle;
  readonly #sink: FrameSink;
  readonly #onOver: () => void;
  readonly #side: SocketSide = new SocketSide(relayWindow);
  /** What is to be sent. */
  #bytes: Uint8Array = nothing;
  #error: SockeyeError | undefined;
  #draining = false;
  #told = false;

  /** `onOver` is told once, when its descriptor has been given back. */
  constructor(
    id: number,
    handle: StreamHandle,
    sink: FrameSink,
    onOver: () => void,
  ) {
    this.#id = id;
    this.#handle = handle;
    this.#sink = sink;
    this.#onOver = onOver;
  }

  /** Gives it to the other thread, as one of the listener of this index. */
  open(index: number): void {
    const { localAddress, remoteAddress, credentials } = this.#handle;
    const opened: Opened = { index, localAddress, remoteAddress, credentials };
    this.#sink.push("open", this.#id, opened);
    this.#handle.attach(this);
    this.#drain();
  }

  /** Resets it: the other thread has ended, or will not get it. */
  discard(): void {
    this.#handle.attach(this);
    this.abandon();
  }

  // What the other thread asks

  /** A frame about it. */
  heard(kind: FrameKind, value: unknown): void {
    const side = this.#side;
    switch (kind) {
      case "credit":
        side.handleCredit(value as number);
        break;
      case "transmit":
        this.#bytes = value as Uint8Array;
        side.handleTransmit(this.#bytes.length);
        break;
      case "shutdown":
        side.handleShutdown();
        break;
      case "close":
        side.handleClose();
        break;
      case "abort":
        side.handleAbort();
        break;
      default:
        return;
    }
    this.#drain();
  }

  /** The other thread has ended. */
  abandon(): void {
    this.#side.handleAbort();
    this.#drain();
  }

  // What the socket tells

  data(bytes: Uint8Array, lent: boolean): boolean {
    this.#side.handleData(bytes.length);
    this.#sink.pushBytes("data", this.#id, bytes, !lent);
    this.#drain();
    return false;
  }

  readClosed(): void {
    this.#side.handleReadClosed();
    this.#sink.push("end", this.#id);
    this.#drain();
  }

  written(count: number): void {
    this.#side.handleWritten(count);
    this.#drain();
  }

  shutdownDone(): void {
    this.#sink.push("shutdownDone", this.#id);
  }

  closed(error?: SockeyeError): void {
    this.#error = error;
    this.#side.handleClosed();
    this.#drain();
  }

  // Doing what is to be done

  /** Some sockets tell their end within the command that asks for it. */
  #drain(): void {
    if (this.#draining) return;
    this.#draining = true;
    for (;;) {
      const command = this.#side.pollCommand();
      if (command !== "wait") this.#carryOut(command);
      else if (!this.#tellWritten()) break;
    }
    this.#draining = false;
    if (this.#side.isOver) this.#tellClosed();
  }

  #carryOut(command: Exclude<SocketSideCommand, "wait">): void {
    const handle = this.#handle;
    switch (command) {
      case "startRead":
        return handle.startRead();
      case "stopRead":
        return handle.stopRead();
      case "transmit":
        return this.#transmit();
      case "shutdown":
        if (handle.shutdown()) this.shutdownDone();
        return;
      case "close":
        return handle.close();
      case "abort":
        return handle.abort();
      default:
        command satisfies never;
    }
  }

  #transmit(): void {
    const rest = this.#bytes.subarray(this.#side.taken);
    this.#side.transmitted(this.#handle.transmit(rest));
  }

  #tellWritten(): boolean {
    const length = this.#side.pollWritten();
    if (length === 0) return false;
    this.#bytes = nothing;
    this.#sink.push("written", this.#id, length);
    return true;
  }

  #tellClosed(): void {
    if (this.#told) return;
    this.#told = true;
    this.#sink.push("closed", this.#id, writeFailure(this.#error));
    this.#onOver();
  }
}

const nothing = new Uint8Array(0);
