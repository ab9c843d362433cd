/**
 * What each runtime does with one end of a FIFO that is open already: the part
 * of a FIFO connection that they do differently.
 *
 * Descriptors are handed over: whoever gets one gives it back, once, by
 * `close`.
 *
 * @module
 */
import type { SockeyeError } from "../../../core/error.ts";

/** What a reading end tells; as the same words of `StreamEvents`. */
export interface FifoReaderEvents {
  /** Bytes arrived; true keeps the memory, if it was lent. */
  data(bytes: Uint8Array, lent: boolean): boolean;
  /** Every writer has closed, and all that they wrote was given to `data`. */
  ended(): void;
  /** Reading failed; nothing follows but `closed`. */
  failed(error: SockeyeError): void;
  /** The descriptor is back; once, and last. */
  closed(): void;
}

/** The reading end of a FIFO; stopped when made. */
export interface FifoReader {
  /** Asks for data. Idempotent. */
  start(): void;
  /** Wants no data for now. Idempotent; what is under way may still arrive. */
  stop(): void;
  /** Gives the descriptor back. Idempotent; `closed` follows. */
  close(): void;
}

/** What a writing end tells. */
export interface FifoWriterEvents {
  /** The transmit that was pending is over: `count` more bytes were taken. */
  written(count: number): void;
  /** Writing failed, `EPIPE` where the reader has gone; nothing follows but `closed`. */
  failed(error: SockeyeError): void;
  /** The descriptor is back; once, and last. */
  closed(): void;
}

/** The writing end of a FIFO. */
export interface FifoWriter {
  /** As `transmit` of a `StreamHandle`. */
  transmit(bytes: Uint8Array): number;
  /**
   * Asks whether the reader is still there; an idle writer is not told that it
   * went. `failed` with `EPIPE` follows if not.
   */
  check(): void;
  /** Gives the descriptor back, what is pending is lost. Idempotent; `closed` follows. */
  close(): void;
}

/** The two kinds of end, as one runtime makes them. Events may come within commands. */
export interface FifoEnds {
  /** See `StreamHandle.holdsPending`; of the writers. */
  readonly holdsPending: boolean;
  /** Takes a descriptor that was opened with `O_RDONLY | O_NONBLOCK`. */
  openReader(descriptor: number, events: FifoReaderEvents): FifoReader;
  /** Takes a descriptor that was opened with `O_WRONLY | O_NONBLOCK`. */
  openWriter(descriptor: number, events: FifoWriterEvents): FifoWriter;
}
