/**
 * Writing to a socket of `node:net`, one write at a time.
 *
 * @module
 */
import type { Socket } from "node:net";

/** The writes of one socket. */
export class NetWrites {
  readonly #socket: Socket;
  readonly #written: (count: number) => void;
  /** Bytes of the write that is pending. */
  #pending = 0;
  /** Callbacks yet to come for writes that were done at once. */
  #echoes = 0;

  /** `written` is told when the system has taken what `transmit` could not say at once. */
  constructor(socket: Socket, written: (count: number) => void) {
    this.#socket = socket;
    this.#written = written;
  }

  /** See `StreamHandle.transmit`. */
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
    this.#written(count);
  };
}
