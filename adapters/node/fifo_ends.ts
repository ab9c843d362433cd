/**
 * The ends of a FIFO on Node: `net.Socket` on the descriptor, for both. libuv
 * tells when there is something to read and when there is room to write.
 *
 * @module
 */
import { type OnReadOpts, Socket } from "node:net";
import { SockeyeError } from "../../core/error.ts";
import type { Capability } from "../../core/transport.ts";
import { translateError } from "../_shared/errors.ts";
import { readerHasGone } from "../_shared/fifo_check.ts";
import type {
  FifoEnds,
  FifoReader,
  FifoReaderEvents,
  FifoWriter,
  FifoWriterEvents,
} from "../_shared/fifo_ends.ts";
import {
  firstBuffer,
  nextBuffer,
  otherBuffer,
  reuse,
} from "../_shared/buffers.ts";

/** FIFOs on Node. */
export const fifoEnds: FifoEnds = {
  // As with sockets: libuv keeps what the system did not take, uncounted.
  holdsPending: true,
  openReader: (descriptor, events) => new NodeFifoReader(descriptor, events),
  openWriter: (descriptor, events) => new NodeFifoWriter(descriptor, events),
};

/** What `capabilities()` says of them. */
export function fifoCapability(): Capability {
  return { support: "native" };
}

class NodeFifoReader implements FifoReader {
  readonly #socket: Socket;
  readonly #events: FifoReaderEvents;
  #buffer: Uint8Array = firstBuffer();
  #closing = false;

  constructor(descriptor: number, events: FifoReaderEvents) {
    this.#events = events;
    const onread: OnReadOpts = {
      buffer: () => this.#buffer,
      callback: (count) => this.#received(count),
    };
    // Not in the types of `net.Socket`, though it hands them on: it would read
    // at once.
    const stopped = { manualStart: true };
    const socket = new Socket({
      fd: descriptor,
      readable: true,
      writable: false,
      allowHalfOpen: true,
      onread,
      ...stopped,
    });
    socket.on("end", () => this.#ended());
    socket.on("error", (error) => this.#failed(error));
    socket.on("close", () => this.#closed());
    this.#socket = socket;
  }

  start(): void {
    this.#socket.resume();
  }

  stop(): void {
    this.#socket.pause();
  }

  close(): void {
    this.#closing = true;
    this.#socket.destroy();
  }

  #received(count: number): boolean {
    if (this.#closing) return false;
    const buffer = this.#buffer;
    const kept = this.#events.data(buffer.subarray(0, count), true);
    this.#buffer = kept
      ? otherBuffer(buffer, count)
      : nextBuffer(buffer, count);
    return true;
  }

  #ended(): void {
    if (!this.#closing) this.#events.ended();
  }

  #failed(error: Error): void {
    if (!this.#closing) this.#events.failed(translateError(error));
  }

  #closed(): void {
    reuse(this.#buffer);
    this.#events.closed();
  }
}

class NodeFifoWriter implements FifoWriter {
  readonly #descriptor: number;
  readonly #socket: Socket;
  readonly #events: FifoWriterEvents;
  /** Bytes of the write that is pending. */
  #pending = 0;
  /** Callbacks yet to come for writes that were done at once. */
  #echoes = 0;
  #closing = false;

  constructor(descriptor: number, events: FifoWriterEvents) {
    this.#descriptor = descriptor;
    this.#events = events;
    const socket = new Socket({
      fd: descriptor,
      readable: false,
      writable: true,
      allowHalfOpen: true,
    });
    socket.on("error", (error) => this.#failed(error));
    socket.on("close", () => this.#events.closed());
    this.#socket = socket;
  }

  transmit(bytes: Uint8Array): number {
    const socket = this.#socket;
    // Destroyed by an error that is to be told yet.
    if (socket.destroyed) return 0;
    socket.write(bytes, this.#onWritten);
    // libuv tries the write at once; what is left of it waits in the stream.
    if (socket.writableLength === 0 && socket.errored === null) {
      this.#echoes++;
      return bytes.length;
    }
    this.#pending = bytes.length;
    return 0;
  }

  /** One function for all writes; they are called back in order. */
  readonly #onWritten = (error?: Error | null): void => {
    if (error) return; // `error` and `close` follow.
    if (this.#echoes > 0) {
      this.#echoes--;
      return;
    }
    const count = this.#pending;
    this.#pending = 0;
    if (!this.#closing) this.#events.written(count);
  };

  check(): void {
    if (this.#socket.destroyed || !readerHasGone(this.#descriptor)) return;
    this.#socket.destroy(new SockeyeError("EPIPE", "the reader has gone"));
  }

  close(): void {
    this.#closing = true;
    this.#socket.destroy();
  }

  #failed(error: Error): void {
    if (!this.#closing) this.#events.failed(translateError(error));
  }
}
