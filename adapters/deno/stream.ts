/**
 * One byte stream over `Deno.Conn`.
 *
 * Callbacks are made once for each connection and handed to `then`: for each
 * call that costs what `await` in a loop does, and the two directions need no
 * loop of their own.
 *
 * @module
 */
import type { Address } from "../../core/address.ts";
import type { SockeyeError } from "../../core/error.ts";
import type { StreamEvents, StreamHandle } from "../../core/transport.ts";
import { giveBack, ReadBuffer } from "./buffers.ts";
import { translateError } from "./errors.ts";
import { turn } from "./turn.ts";

/**
 * Most bytes taken from the kernel behind a failed write, whether anybody
 * reads or not: more than it queues by default (6 MiB, tcp_rmem).
 */
const maxLeftover = 8 * 1024 * 1024;

/** One connection, accepted or made. */
export class DenoStream implements StreamHandle {
  readonly localAddress: Address;
  readonly remoteAddress: Address;
  /** Deno copies from our bytes whenever the socket has room. */
  readonly holdsPending = true;

  readonly #conn: Deno.Conn;
  readonly #buffer: ReadBuffer = new ReadBuffer();
  #events!: StreamEvents;
  #wanted = false;
  /** A read is outstanding, or the driver has its bytes. */
  #reading = false;
  /** A write or a shutdown is outstanding. */
  #writing = false;
  #readOver = false;
  #closing = false;
  /** Why writing failed, while what the peer sent before that is fetched. */
  #writeError: SockeyeError | undefined;
  #leftover = 0;
  #error: SockeyeError | undefined;

  constructor(
    conn: Deno.Conn,
    localAddress: Address,
    remoteAddress: Address,
  ) {
    this.#conn = conn;
    this.localAddress = localAddress;
    this.remoteAddress = remoteAddress;
  }

  attach(events: StreamEvents): void {
    this.#events = events;
  }

  // Reading

  startRead(): void {
    this.#wanted = true;
    if (!this.#reading && !this.#readOver && !this.#closing) this.#read();
  }

  /** An outstanding read cannot be taken back: what it brings is delivered. */
  stopRead(): void {
    this.#wanted = false;
  }

  #read(): void {
    this.#reading = true;
    this.#conn.read(this.#buffer.memory).then(this.#onRead, this.#onReadError);
  }

  readonly #onRead = (count: number | null): void => {
    if (this.#closing || count === null) {
      this.#reading = false;
      return this.#closing ? this.#settle() : this.#onReadOver();
    }
    const { memory } = this.#buffer;
    const kept = this.#events.data(
      count === memory.length ? memory : memory.subarray(0, count),
      true,
    );
    this.#reading = false;
    if (this.#writeError !== undefined) this.#leftover += count;
    const more = this.#wanted || this.#writeError !== undefined;
    this.#buffer.done(count, kept, more && !this.#closing);
    if (this.#closing) this.#settle();
    else if (more) this.#read();
  };

  #onReadOver(): void {
    this.#readOver = true;
    this.#buffer.release();
    const error = this.#writeError;
    if (error === undefined) return this.#events.readClosed();
    // A write that was told of the reset leaves the read nothing but an end.
    if (error.code === "EPIPE") this.#events.readClosed();
    this.#fail(error);
  }

  readonly #onReadError = (error: unknown): void => {
    this.#reading = false;
    if (this.#closing) this.#settle();
    else this.#fail(translateError(error));
  };

  // Writing

  transmit(bytes: Uint8Array): number {
    this.#writing = true;
    this.#conn.write(bytes).then(this.#onWritten, this.#onWriteError);
    return 0;
  }

  readonly #onWritten = (count: number): void => {
    this.#writing = false;
    if (this.#closing) this.#settle();
    else this.#events.written(count);
  };

  shutdown(): boolean {
    this.#writing = true;
    this.#conn.closeWrite().then(this.#onShutdown, this.#onWriteError);
    return false;
  }

  readonly #onShutdown = (): void => {
    this.#writing = false;
    if (this.#closing) this.#settle();
    else this.#events.shutdownDone();
  };

  readonly #onWriteError = (error: unknown): void => {
    this.#writing = false;
    if (this.#closing) this.#settle();
    else this.#onWriteFailed(translateError(error));
  };

  /**
   * The peer is gone, but what it sent before may still be in the kernel, and
   * behind it what happened: `EPIPE` may be its end or its reset. So reading
   * goes on, asked for or not, until its end or error; or until a turn brings
   * nothing (a Unix peer may have shut down its reading alone).
   */
  #onWriteFailed(error: SockeyeError): void {
    if (this.#readOver) return this.#fail(error);
    this.#writeError = error;
    if (!this.#reading) this.#read();
    this.#awaitLeftover(error);
  }

  #awaitLeftover(error: SockeyeError): void {
    const before = this.#leftover;
    turn(() => {
      if (this.#closing) return;
      const length = this.#leftover;
      if (length === before || length > maxLeftover) this.#fail(error);
      else this.#awaitLeftover(error);
    });
  }

  giveBack(bytes: Uint8Array): void {
    giveBack(bytes);
  }

  // Ending

  close(): void {
    if (this.#closing) return;
    this.#closing = true;
    this.#conn.close();
    this.#settle();
  }

  /** Deno can set no SO_LINGER, and ends our direction before it closes. */
  abort(): void {
    this.close();
  }

  #fail(error: SockeyeError): void {
    if (this.#closing) return;
    this.#error = error;
    this.close();
  }

  /** The descriptor is held by outstanding calls, and given back with the last. */
  #settle(): void {
    if (!this.#closing || this.#reading || this.#writing) return;
    this.#buffer.release();
    if (this.#error === undefined) this.#events.closed();
    else this.#events.closed(this.#error);
  }
}
