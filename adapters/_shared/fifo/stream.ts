/**
 * A connection over two FIFOs, one for each direction, as the contract wants
 * it: what the two ends of `fifo_ends.ts` tell, made one stream.
 *
 * Each direction ends by itself. There is no reset: aborting closes, and the
 * peer reads an end and meets a broken pipe when it writes (fifo(7)).
 *
 * @module
 */
import { clearInterval, setInterval } from "node:timers";
import type { Address, FifoAddress } from "../../../core/address.ts";
import type { SockeyeError } from "../../../core/error.ts";
import {
  leftoverPause,
  longestLeftover,
  readerCheckInterval,
} from "../../../core/fifo_timing.ts";
import type {
  Credentials,
  StreamEvents,
  StreamHandle,
} from "../../../core/transport.ts";
import type { FifoEnds, FifoReader, FifoWriter } from "./ends.ts";
import { scheduler } from "../scheduler.ts";

/** A client's pair of FIFOs has no name by the time that it is a connection. */
export const nameless: FifoAddress = { transport: "fifo", path: "" };

/** The two descriptors of a connection, opened with `O_NONBLOCK`. */
export interface FifoPair {
  /** What the peer writes to. */
  readonly reader: number;
  /** What the peer reads from. */
  readonly writer: number;
}

/** Who is at the two ends of a connection. */
export interface FifoPeers {
  readonly localAddress: Address;
  readonly remoteAddress: Address;
  readonly credentials?: Credentials | undefined;
}

/** A connection over a pair of FIFOs that are open already. */
export class FifoStream implements StreamHandle {
  readonly localAddress: Address;
  readonly remoteAddress: Address;
  readonly credentials: Credentials | undefined;
  readonly holdsPending: boolean;

  readonly #reader: FifoReader;
  readonly #writer: FifoWriter;
  #events!: StreamEvents;
  #readOver = false;
  #readerBack = false;
  #writerBack = false;
  /** A transmit waits for room. */
  #pending = false;
  #shutdown: "no" | "asked" | "pending" | "done" = "no";
  /** Both ends are being closed: asked for here, or by a failure. */
  #closing = false;
  /** Why writing failed, while what the peer sent before that is fetched. */
  #failure: SockeyeError | undefined;
  #leftover = 0;
  #pause: unknown;
  #error: SockeyeError | undefined;
  #told = false;

  /** Takes both descriptors over. */
  constructor(ends: FifoEnds, pair: FifoPair, peers: FifoPeers) {
    this.localAddress = peers.localAddress;
    this.remoteAddress = peers.remoteAddress;
    this.credentials = peers.credentials;
    this.holdsPending = ends.holdsPending;
    this.#reader = ends.openReader(pair.reader, {
      data: (bytes, lent) => this.#onData(bytes, lent),
      ended: () => this.#onEnded(),
      failed: (error) => this.#end(error),
      closed: () => {
        this.#readerBack = true;
        this.#settle();
      },
    });
    this.#writer = ends.openWriter(pair.writer, {
      written: (count) => this.#onWritten(count),
      failed: (error) => this.#onWriteFailed(error),
      closed: () => this.#onWriterBack(),
    });
  }

  attach(events: StreamEvents): void {
    this.#events = events;
    watch(this);
  }

  // Reading

  startRead(): void {
    if (!this.#readOver && !this.#closing) this.#reader.start();
  }

  stopRead(): void {
    if (this.#failure === undefined && !this.#readOver) this.#reader.stop();
  }

  #onData(bytes: Uint8Array, lent: boolean): boolean {
    if (this.#closing) return false;
    const kept = this.#events.data(bytes, lent);
    if (this.#failure === undefined) return kept;
    this.#leftover += bytes.length;
    // It never met our end, and writes on and on.
    if (this.#leftover > longestLeftover) this.#end(this.#failure);
    return kept;
  }

  /** No writer is left, and none can come: the descriptor is of no more use. */
  #onEnded(): void {
    if (this.#closing) return;
    this.#readOver = true;
    this.#events.readClosed();
    if (this.#failure !== undefined) this.#end(this.#failure);
    this.#reader.close();
  }

  // Writing

  transmit(bytes: Uint8Array): number {
    // What failed is told by `closed`, behind what the peer sent before it.
    if (this.#failure !== undefined || this.#closing) return 0;
    this.#pending = true;
    const taken = this.#writer.transmit(bytes);
    if (taken === bytes.length) this.#pending = false;
    return taken;
  }

  #onWritten(count: number): void {
    if (this.#closing) return;
    this.#pending = false;
    this.#events.written(count);
  }

  shutdown(): boolean {
    this.#shutdown = "asked";
    this.#writer.close();
    if (this.#writerBack) return true;
    this.#shutdown = "pending";
    return false;
  }

  #onWriterBack(): void {
    this.#writerBack = true;
    unwatch(this);
    const shutdown = this.#shutdown;
    if (shutdown !== "no") this.#shutdown = "done";
    if (shutdown === "pending" && !this.#closing) this.#events.shutdownDone();
    // Within shutdown(): that it is done is learned from what the call gives,
    // and must not come after `closed`.
    if (shutdown === "asked") queueMicrotask(() => this.#settle());
    else this.#settle();
  }

  /** The interval of `readerCheckInterval` is over. */
  check(): void {
    // A transmit that waits is told without being asked.
    if (!this.#pending) this.#writer.check();
  }

  /**
   * The peer reads no more, but what it sent before may still be in the
   * kernel: so reading goes on, asked for or not, until its end, or until it
   * sends no more (it may have closed the one direction alone).
   */
  #onWriteFailed(error: SockeyeError): void {
    if (this.#closing || this.#shutdown !== "no") return;
    if (this.#readOver) return this.#end(error);
    this.#failure = error;
    this.#awaitLeftover(error);
    this.#reader.start();
  }

  #awaitLeftover(error: SockeyeError): void {
    const before = this.#leftover;
    this.#pause = scheduler.setTimer(() => {
      if (this.#leftover === before) this.#end(error);
      else this.#awaitLeftover(error);
    }, leftoverPause);
  }

  // Ending

  close(): void {
    this.#end(undefined);
  }

  /** There is nothing that a FIFO could tell its peer but the end. */
  abort(): void {
    this.#end(undefined);
  }

  #end(error: SockeyeError | undefined): void {
    if (this.#closing) return;
    this.#closing = true;
    this.#error = error;
    scheduler.clearTimer(this.#pause);
    unwatch(this);
    this.#reader.close();
    this.#writer.close();
    this.#settle();
  }

  /** Both descriptors are back: asked for, by a failure, or since both directions have ended. */
  #settle(): void {
    if (!this.#readerBack || !this.#writerBack || this.#told) return;
    this.#told = true;
    if (this.#error === undefined) this.#events.closed();
    else this.#events.closed(this.#error);
  }
}

/** Connections whose writer is open. */
const watched = new Set<FifoStream>();
let timer: ReturnType<typeof setInterval> | undefined;

/** Asks now and then whether its reader is there; that alone keeps no process alive. */
function watch(stream: FifoStream): void {
  watched.add(stream);
  if (timer !== undefined) return;
  timer = setInterval(() => {
    for (const each of watched) each.check();
  }, readerCheckInterval);
  timer.unref();
}

function unwatch(stream: FifoStream): void {
  if (!watched.delete(stream) || watched.size > 0) return;
  clearInterval(timer);
  timer = undefined;
}
