/**
 * The ends of a FIFO by `net.Socket`, for both directions: the kernel tells
 * when there is something to read and when there is room to write.
 *
 * @module
 */
import { type OnReadOpts, Socket } from "node:net";
import { SockeyeError } from "../../../core/error.ts";
import { firstBuffer, nextBuffer, otherBuffer, reuse } from "../buffers.ts";
import { translateError } from "../errors.ts";
import { readerHasGone } from "./check.ts";
import type {
  FifoEnds,
  FifoReader,
  FifoReaderEvents,
  FifoWriter,
  FifoWriterEvents,
} from "./ends.ts";
import { NetWrites } from "../net/writes.ts";

/** FIFOs by sockets, which take the descriptors over. */
export const socketEnds: FifoEnds = {
  // libuv keeps what the system did not take, and does not count it.
  holdsPending: true,
  openReader: (descriptor, events) => new SocketReader(descriptor, events),
  openWriter: (descriptor, events) => new SocketWriter(descriptor, events),
};

class SocketReader implements FifoReader {
  readonly #descriptor: number;
  readonly #events: FifoReaderEvents;
  #buffer: Uint8Array = firstBuffer();
  /** Made when first wanted: on Deno it reads ahead, whatever it is told. */
  #socket: Socket | undefined;
  #closing = false;

  constructor(descriptor: number, events: FifoReaderEvents) {
    this.#descriptor = descriptor;
    this.#events = events;
  }

  start(): void {
    if (this.#closing) return;
    this.#socket ??= this.#open();
    this.#socket.resume();
  }

  #open(): Socket {
    const onread: OnReadOpts = {
      buffer: () => this.#buffer,
      callback: (count) => this.#received(count),
    };
    const socket = new Socket({
      fd: this.#descriptor,
      readable: true,
      writable: false,
      allowHalfOpen: true,
      onread,
    });
    socket.on("end", () => this.#ended());
    socket.on("error", (error) => this.#failed(error));
    socket.on("close", () => this.#closed());
    return socket;
  }

  stop(): void {
    this.#socket?.pause();
  }

  close(): void {
    if (this.#closing) return;
    this.#closing = true;
    // A descriptor that `node:fs` does not know is closed by a socket alone.
    this.#socket ??= this.#open();
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

class SocketWriter implements FifoWriter {
  readonly #descriptor: number;
  readonly #socket: Socket;
  readonly #events: FifoWriterEvents;
  readonly #writes: NetWrites;
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
    this.#writes = new NetWrites(socket, (count) => {
      if (!this.#closing) events.written(count);
    });
  }

  transmit(bytes: Uint8Array): number {
    return this.#writes.transmit(bytes);
  }

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
