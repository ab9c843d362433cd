/**
 * What the two sides of a relay say, and how it is put into messages.
 *
 * A message carries all frames that have gathered: an array in which kind,
 * connection and value of each follow one another. Bytes are values of their
 * own, whole `ArrayBuffer`s, which are given away: a view would be looked at
 * element by element on Deno (4 KiB there and back 600 µs, the buffer 25 µs).
 *
 * @module
 */
import type { Address } from "../address.ts";
import { type ErrorCode, SockeyeError } from "../error.ts";
import type { Credentials } from "../transport.ts";

/** What a frame says. */
export type FrameKind =
  /** Both ways: something that is about no connection; the value. */
  | "message"
  // From the socket's side:
  /** A connection is given; what it is. */
  | "open"
  /** Bytes arrived; the bytes. */
  | "data"
  /** The peer's end arrived. */
  | "end"
  /** The system took the bytes of a transmit. */
  | "written"
  /** Our end was handed over. */
  | "shutdownDone"
  /** It is over; why, or null. */
  | "closed"
  // From the handler's side:
  /** So many bytes were told: as many more may come. */
  | "credit"
  /** Bytes to be sent; the bytes. */
  | "transmit"
  /** End our direction. */
  | "shutdown"
  /** Give the descriptor back. */
  | "close"
  /** Reset it. */
  | "abort";

/** A connection, as it is given. */
export interface Opened {
  /** Which of the listeners it came by. */
  readonly index: number;
  readonly localAddress: Address;
  readonly remoteAddress: Address;
  readonly credentials: Credentials | undefined;
}

/** An error, as it travels. */
export interface WrittenFailure {
  readonly code: ErrorCode;
  readonly message: string;
}

/** Writes down why a connection is over. */
export function writeFailure(
  error: SockeyeError | undefined,
): WrittenFailure | null {
  if (error === undefined) return null;
  return { code: error.code, message: error.message };
}

/** The error that was written down. */
export function readFailure(value: unknown): SockeyeError | undefined {
  if (value === null) return undefined;
  const { code, message } = value as WrittenFailure;
  return new SockeyeError(code, message);
}

/** Frames that wait to be sent. */
export class FrameQueue {
  #frames: unknown[] = [];
  #given: ArrayBuffer[] = [];

  /** Whether there is nothing to be sent. */
  get empty(): boolean {
    return this.#frames.length === 0;
  }

  /** Adds a frame; an `ArrayBuffer` is given away with it. */
  push(kind: FrameKind, id: number, value: unknown = null): void {
    this.#frames.push(kind, id, value);
    if (value instanceof ArrayBuffer) this.#given.push(value);
  }

  /** The message that carries all of them, and what is given away with it. */
  take(): [message: unknown[], given: ArrayBuffer[]] {
    const [frames, given] = [this.#frames, this.#given];
    this.#frames = [];
    this.#given = [];
    return [frames, given];
  }
}

/** Tells the frames of a message, in order. */
export function readFrames(
  message: unknown,
  tell: (kind: FrameKind, id: number, value: unknown) => void,
): void {
  const frames = message as unknown[];
  for (let i = 0; i + 2 < frames.length; i += 3) {
    tell(frames[i] as FrameKind, frames[i + 1] as number, frames[i + 2]);
  }
}

/**
 * Bytes as they travel: a buffer that is theirs alone. `owned` says that nobody
 * else uses the memory of `bytes`, so that it can go as it is.
 */
export function toBuffer(bytes: Uint8Array, owned: boolean): ArrayBuffer {
  const { buffer, byteLength } = bytes;
  const whole = byteLength === buffer.byteLength;
  if (owned && whole && buffer instanceof ArrayBuffer) return buffer;
  const copy = new ArrayBuffer(byteLength);
  new Uint8Array(copy).set(bytes);
  return copy;
}
