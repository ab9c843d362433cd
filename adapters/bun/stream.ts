/// <reference types="bun-types" />
/**
 * A byte stream over a socket of Bun's own API.
 *
 * What Bun 1.4.4 does, measured on Linux against peers in Python, and what is
 * made of it here:
 *
 * - A peer's end is told by `end()` while our direction is open. When ours had
 *   been ended before, it is told by `close()` alone, without an error, and
 *   after every byte that the peer sent (1 MiB in flight, reading paused and
 *   resumed, TCP and Unix): such a `close()` is the end, then the closure.
 * - A Unix peer that closes both directions takes our socket with it: `end()`
 *   and at once `close()`, though we could still write as far as we know. The
 *   closure is held back until our direction is used or ended, as it would
 *   come elsewhere.
 * - A reset comes by `close(socket, error)`, after all that the kernel held
 *   (3.1 MB of 3.1 MB), even while reading is paused.
 * - `write()` gives −1 for whatever the kernel said, and takes the error with
 *   it: a `close()` that follows has none.
 * - `end()` with no bytes closes the descriptor before it returns, with a FIN
 *   (nothing of 3.9 MB in the kernel's buffer was lost); `terminate()` does so
 *   with a reset. Both call `close()` meanwhile. `end(bytes)` is never used: it
 *   loses what the kernel does not take.
 * - `drain()` also comes when nobody waits for it.
 *
 * @module
 */
import { setImmediate } from "node:timers";
import type { Address } from "../../core/address.ts";
import { SockeyeError } from "../../core/error.ts";
import type {
  StreamEvents,
  StreamHandle,
  StreamRequest,
} from "../../core/transport.ts";
import { translateError } from "../_shared/errors.ts";

/** Who is told about a socket that is not open yet: a listener, or a connect. */
export interface Opener {
  opened(socket: BunSocket): void;
  failed(error: unknown): void;
}

/** A socket of Bun's; its `data` says who is told. */
export type BunSocket = Bun.Socket<Opener | BunStream>;

/**
 * One set of callbacks for every socket, so that no connection costs closures.
 *
 * `error()` is where Bun puts what a callback of ours threw, and the
 * connection would go on as if nothing had happened: nothing here throws by
 * design, so it is thrown again where the process hears of it.
 */
export const socketHandlers: Bun.SocketHandler<Opener | BunStream> = {
  // A plain Uint8Array, as the contract says. Sockets can ask for it, though
  // bun-types 1.4.4 leaves `Bun.listen` and `Bun.connect` no word for it.
  binaryType: "uint8array" as string as "buffer",
  open(socket): void {
    (socket.data as Opener).opened(socket);
  },
  connectError(socket, error): void {
    (socket.data as Opener).failed(error);
  },
  data(socket, bytes): void {
    (socket.data as BunStream).handleData(bytes);
  },
  drain(socket): void {
    (socket.data as BunStream).handleDrain();
  },
  end(socket): void {
    (socket.data as BunStream).handleEnd();
  },
  close(socket, error): void {
    // A connect that was given up has no stream.
    if (socket.data instanceof BunStream) socket.data.handleClose(error);
  },
  error(_socket, error): void {
    queueMicrotask(() => {
      throw error;
    });
  },
};

/** One socket as the contract wants it. */
export class BunStream implements StreamHandle {
  readonly localAddress: Address;
  readonly remoteAddress: Address;
  /** `write()` counts exactly what the kernel took, and keeps nothing. */
  readonly holdsPending = false;
  readonly #socket: BunSocket;
  #events: StreamEvents | undefined;
  /** What happened before `attach`, to be told after it. */
  #held: (() => void)[] | undefined;
  /** Within `open()`: Bun's reading is not stopped yet. */
  #opening = true;
  #reading = false;
  /** A transmit waits for `drain()`. */
  #pending = false;
  #readClosed = false;
  #writeClosed = false;
  /** We asked for the end of it all. */
  #closing = false;
  /** Bun has given the descriptor back. */
  #gone = false;
  #closed = false;
  #failure: SockeyeError | undefined;

  constructor(socket: BunSocket, local: Address, remote: Address) {
    this.#socket = socket;
    this.localAddress = local;
    this.remoteAddress = remote;
  }

  /**
   * Ends the time within Bun's `open()`, in which no data can come: a driver
   * that asked for data by now saves stopping Bun and letting it go again, two
   * system calls.
   */
  opened(): void {
    this.#opening = false;
    if (!this.#reading) this.#socket.pause();
  }

  attach(events: StreamEvents): void {
    this.#events = events;
    const held = this.#held;
    if (held === undefined) return;
    this.#held = undefined;
    queueMicrotask(() => {
      for (const tell of held) tell();
    });
  }

  startRead(): void {
    if (this.#reading) return;
    this.#reading = true;
    if (!this.#opening) this.#socket.resume();
  }

  stopRead(): void {
    if (!this.#reading) return;
    this.#reading = false;
    if (!this.#opening) this.#socket.pause();
  }

  transmit(bytes: Uint8Array): number {
    const taken = this.#socket.write(bytes);
    if (taken === bytes.length) return taken;
    this.#pending = true;
    if (taken >= 0) return taken;
    this.#fail();
    return 0;
  }

  shutdown(): boolean {
    this.#writeClosed = true;
    if (this.#gone) queueMicrotask(() => this.#finish());
    else this.#socket.shutdown();
    return true;
  }

  close(): void {
    this.#closing = true;
    if (this.#gone) this.#finish();
    else this.#socket.end();
  }

  abort(): void {
    this.#closing = true;
    if (this.#gone) this.#finish();
    else this.#socket.terminate();
  }

  /** Bun's `data()`: the memory is fresh, and nobody else's. */
  handleData(bytes: Uint8Array): void {
    if (this.#events === undefined) this.#hold(() => this.handleData(bytes));
    else if (!this.#closing) this.#events.data(bytes, false);
  }

  /** Bun's `drain()`. */
  handleDrain(): void {
    if (!this.#pending || this.#failure !== undefined) return;
    this.#pending = false;
    this.#events?.written(0);
  }

  /** Bun's `end()`, or what stands for it. */
  handleEnd(): void {
    if (this.#events === undefined) return this.#hold(() => this.handleEnd());
    if (this.#readClosed || this.#closing || this.#failure) return;
    this.#readClosed = true;
    this.#events.readClosed();
  }

  /** Bun's `close()`: the descriptor has been given back. */
  handleClose(error: Error | undefined): void {
    this.#gone = true;
    if (this.#events === undefined) {
      return this.#hold(() => this.handleClose(error));
    }
    if (this.#closing) return this.#finish();
    if (error) return this.#finish(translateError(error));
    if (this.#failure) return this.#finish(this.#failure);
    this.handleEnd();
    if (this.#writeClosed) this.#finish();
    else if (this.#pending) this.#finish(this.#writeError());
  }

  #hold(tell: () => void): void {
    (this.#held ??= []).push(tell);
  }

  /**
   * After a failed write the kernel may still hold what the peer sent before
   * it went. Two turns let Bun read it, whatever the peer does; then it ends.
   */
  #fail(): void {
    this.#failure = this.#writeError();
    if (this.#gone) {
      return void queueMicrotask(() => this.#finish(this.#failure));
    }
    this.#socket.resume();
    setImmediate(() => setImmediate(() => this.#socket.terminate()));
  }

  /**
   * Bun does not say which error a write met. On TCP it is EPIPE after the
   * peer's end and else ECONNRESET (Linux, tcp_reset); on Unix EPIPE, for
   * which Bun's other interfaces say EBADF.
   */
  #writeError(): SockeyeError {
    const reset = this.remoteAddress.transport === "tcp" && !this.#readClosed;
    return new SockeyeError(
      reset ? "ECONNRESET" : "EPIPE",
      "the peer has gone, write",
    );
  }

  #finish(error?: SockeyeError): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#events?.closed(error);
  }
}

/** Sets the options of a new TCP socket; Unix sockets have neither. */
export function setOptions(socket: BunSocket, request: StreamRequest): void {
  socket.setNoDelay(request.noDelay);
  if (request.keepAlive) socket.setKeepAlive(true, request.keepAliveDelay);
}

/** A socket's own TCP address. */
export function localAddressOf(socket: BunSocket): Address {
  return tcpAddress(socket.localAddress, socket.localPort);
}

/** The peer's; without host and port if it reset before it was accepted. */
export function remoteAddressOf(socket: BunSocket): Address {
  return tcpAddress(socket.remoteAddress, socket.remotePort);
}

function tcpAddress(
  host: string | undefined,
  port: number | undefined,
): Address {
  return { transport: "tcp", host: host ?? "", port: port ?? 0 };
}
