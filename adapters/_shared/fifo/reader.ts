/**
 * A reading end that begins with a handshake, and is a connection's then.
 *
 * @module
 */
import type { SockeyeError } from "../../../core/error.ts";
import type { FifoEnds, FifoReader, FifoReaderEvents } from "./ends.ts";

/** What is told before the connection stands. */
export interface BeginningEvents {
  /** Bytes arrived; they are yours. */
  data(bytes: Uint8Array): void;
  /** The end came, or an error. */
  over(error: SockeyeError | undefined): void;
}

/** Reads at once, for one who listens to a handshake; then for a stream. */
export class BegunReader {
  readonly #ends: FifoEnds;
  readonly #reader: FifoReader;
  #beginning: BeginningEvents | undefined;
  #stream: FifoReaderEvents | undefined;
  /** What came before the stream asked for it. */
  #early: Uint8Array[] = [];
  #ended = false;
  #wanted = false;
  #closed = false;
  #onClosed: (() => void) | undefined;

  /** Takes a descriptor over. */
  constructor(ends: FifoEnds, descriptor: number, events: BeginningEvents) {
    this.#ends = ends;
    this.#beginning = events;
    this.#reader = ends.openReader(descriptor, {
      data: (bytes, lent) => this.#onData(bytes, lent),
      ended: () => {
        this.#ended = true;
        this.#beginning?.over(undefined);
        if (this.#stream !== undefined) this.#flush();
      },
      failed: (error) => {
        this.#beginning?.over(error);
        this.#stream?.failed(error);
      },
      closed: () => {
        this.#closed = true;
        this.#stream?.closed();
        this.#onClosed?.();
      },
    });
    this.#reader.start();
  }

  /** Gives the descriptor back, then calls back. */
  close(onClosed: () => void): void {
    this.#beginning = undefined;
    if (this.#closed) return onClosed();
    this.#onClosed = onClosed;
    this.#reader.close();
  }

  /**
   * The handshake is over. Gives ends whose next reader is this one, beginning
   * with the bytes that are left of the handshake; its descriptor is not asked
   * for.
   */
  handOver(rest: readonly Uint8Array[]): FifoEnds {
    this.#beginning = undefined;
    this.#early.unshift(...rest);
    this.#reader.stop();
    return {
      holdsPending: this.#ends.holdsPending,
      openWriter: (descriptor, events) =>
        this.#ends.openWriter(descriptor, events),
      openReader: (_, events) => {
        this.#stream = events;
        return {
          start: () => this.#start(),
          stop: () => this.#stop(),
          close: () => {
            this.#early = [];
            this.#reader.close();
          },
        };
      },
    };
  }

  #start(): void {
    this.#wanted = true;
    this.#flush();
    if (this.#wanted && this.#early.length === 0) this.#reader.start();
  }

  #stop(): void {
    this.#wanted = false;
    this.#reader.stop();
  }

  /** Tells the stream what came before it wanted anything. */
  #flush(): void {
    const stream = this.#stream!;
    while (this.#wanted && this.#early.length > 0) {
      stream.data(this.#early.shift()!, false);
    }
    if (!this.#wanted || this.#early.length > 0) return;
    if (!this.#ended) return;
    this.#ended = false;
    stream.ended();
  }

  #onData(bytes: Uint8Array, lent: boolean): boolean {
    if (this.#beginning !== undefined) {
      this.#beginning.data(lent ? bytes.slice() : bytes);
      return false;
    }
    if (this.#stream !== undefined && this.#early.length === 0) {
      return this.#stream.data(bytes, lent);
    }
    this.#early.push(lent ? bytes.slice() : bytes);
    return false;
  }
}
