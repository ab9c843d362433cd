/**
 * The side of the handler of a relayed connection: a stream as the contract wants
 * it, whose socket is in another thread.
 *
 * @module
 */
import type { Address } from "../../../core/address.ts";
import { Deque } from "../../../core/deque.ts";
import type { SockeyeError } from "../../../core/error.ts";
import {
  type FrameKind,
  HandlerSide,
  type HandlerSideOutput,
  isShared,
  type Opened,
  readFailure,
  relayWindow,
} from "../../../core/relay.ts";
import type {
  Credentials,
  StreamEvents,
  StreamHandle,
} from "../../../core/transport.ts";
import type { FrameSink } from "./frame_port.ts";

/** A connection whose socket is in another thread. */
export class RelayedStream implements StreamHandle {
  readonly localAddress: Address;
  readonly remoteAddress: Address;
  readonly credentials: Credentials | undefined;
  /** What was sent on its way goes out, whether anybody waits for it or not. */
  readonly holdsPending = true;

  readonly #id: number;
  readonly #sink: FrameSink;
  readonly #onOver: () => void;
  readonly #side: HandlerSide = new HandlerSide(relayWindow);
  readonly #held: Deque<Uint8Array> = new Deque();
  #events: StreamEvents | undefined;
  #error: SockeyeError | undefined;
  #woken = false;
  #telling = false;

  /** `onOver` is told once, when nothing more comes of it. */
  constructor(
    id: number,
    opened: Opened,
    sink: FrameSink,
    onOver: () => void,
  ) {
    this.localAddress = opened.localAddress;
    this.remoteAddress = opened.remoteAddress;
    this.credentials = opened.credentials;
    this.#id = id;
    this.#sink = sink;
    this.#onOver = onOver;
  }

  // What the other thread tells

  /** A frame about it. */
  heard(kind: FrameKind, value: unknown): void {
    const side = this.#side;
    switch (kind) {
      case "data":
        return this.#arrived(value as Uint8Array);
      case "end":
        side.handleReadClosed();
        break;
      case "written":
        side.handleWritten();
        break;
      case "shutdownDone":
        side.handleShutdownDone();
        break;
      case "closed":
        this.#error = readFailure(value);
        side.handleClosed();
        break;
      default:
        return;
    }
    this.#tell();
  }

  #arrived(bytes: Uint8Array): void {
    const side = this.#side;
    if (!side.handleData(bytes.length)) return;
    // What is to wait must not hold on to what came with it.
    const copies = isShared(bytes) && !side.isReading;
    this.#held.push(copies ? new Uint8Array(bytes) : bytes);
    this.#tell();
  }

  // What the driver commands

  attach(events: StreamEvents): void {
    this.#events = events;
    this.#side.attach();
    this.#wake();
  }

  startRead(): void {
    this.#side.startRead();
    this.#wake();
  }

  stopRead(): void {
    this.#side.stopRead();
  }

  transmit(bytes: Uint8Array): number {
    this.#side.transmit(bytes.length);
    this.#sink.pushBytes("transmit", this.#id, bytes, false);
    this.#wake();
    return 0;
  }

  shutdown(): boolean {
    this.#side.shutdown();
    this.#sink.push("shutdown", this.#id);
    this.#wake();
    return false;
  }

  close(): void {
    this.#release("close");
  }

  abort(): void {
    this.#release("abort");
  }

  #release(how: "close" | "abort"): void {
    this.#side.release();
    this.#held.clear();
    this.#sink.push(how, this.#id);
    this.#wake();
  }

  // Telling

  /** Nothing is told within a command. */
  #wake(): void {
    if (this.#woken || this.#telling) return;
    this.#woken = true;
    queueMicrotask(() => {
      this.#woken = false;
      this.#tell();
    });
  }

  #tell(): void {
    if (this.#telling) return;
    this.#telling = true;
    for (;;) {
      const output = this.#side.pollOutput();
      if (output === "wait") break;
      this.#tellOne(output, this.#events!);
    }
    this.#telling = false;
    const credit = this.#side.pollCredit();
    if (credit > 0) this.#sink.push("credit", this.#id, credit);
  }

  #tellOne(
    output: Exclude<HandlerSideOutput, "wait">,
    events: StreamEvents,
  ): void {
    switch (output) {
      case "written":
        return events.written(this.#side.takeWritten());
      case "shutdownDone":
        return events.shutdownDone();
      case "data":
        return this.#tellData(events);
      case "readClosed":
        return events.readClosed();
      case "closed":
        this.#onOver();
        return events.closed(this.#error);
      default:
        output satisfies never;
    }
  }

  #tellData(events: StreamEvents): void {
    const bytes = this.#held.shift()!;
    this.#side.told(bytes.length);
    events.data(bytes, isShared(bytes));
  }
}
