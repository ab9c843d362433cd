/**
 * The writing end of a FIFO where the runtime has no stream for it: bytes go
 * to the kernel by `fs.writeSync`, which never waits (`O_NONBLOCK`), and only
 * the wait for room differs.
 *
 * What the kernel took is counted exactly, and a wait can be given up at any
 * time. Where a runtime cannot be told of room, the kernel is asked again
 * after a pause.
 *
 * @module
 */
import { closeSync, writeSync } from "node:fs";
import { SockeyeError } from "../../../core/error.ts";
import { WriteWaits } from "../../../core/write_waits.ts";
import { errorCode, translateError } from "../errors.ts";
import { readerHasGone } from "./check.ts";
import type { FifoWriter, FifoWriterEvents } from "./ends.ts";
import { scheduler } from "../scheduler.ts";

/** What a wait for room ends in: one of the three, once. */
export interface RoomEvents {
  /** There is room, or there was: `count` bytes have gone into it. */
  room(count: number): void;
  /** The reader has gone. */
  gone(error: SockeyeError): void;
  /** It cannot be told. */
  unknown(): void;
}

/** A wait for room. */
export interface Room {
  /** Gives it up: none of its events is called from now on. Idempotent. */
  cancel(): void;
}

/** How one runtime writes. */
export interface Writing {
  /** Most bytes that one `fs.writeSync` may be given. */
  readonly largestWrite: number;
  /**
   * Waits until the FIFO behind `descriptor` has room. `bytes` are those that
   * it had no room for; they may be written, and counted by `room`. No event
   * comes before this returns.
   */
  awaitRoom(
    descriptor: number,
    bytes: Uint8Array,
    events: RoomEvents,
  ): Room | "gone" | "unknown";
}

/** A writer that asks the kernel itself. */
export class DirectWriter implements FifoWriter, RoomEvents {
  readonly #descriptor: number;
  readonly #events: FifoWriterEvents;
  readonly #writing: Writing;
  readonly #waits: WriteWaits = new WriteWaits();
  /** What a transmit that is pending waits for: to be told of room, or a time. */
  #room: Room | undefined;
  #pause: unknown;
  #closed = false;

  constructor(descriptor: number, events: FifoWriterEvents, writing: Writing) {
    this.#descriptor = descriptor;
    this.#events = events;
    this.#writing = writing;
  }

  transmit(bytes: Uint8Array): number {
    const { largestWrite } = this.#writing;
    let taken = 0;
    try {
      while (taken < bytes.length) {
        const length = Math.min(bytes.length - taken, largestWrite);
        taken += writeSync(this.#descriptor, bytes, taken, length);
      }
      this.#waits.handleTaken(taken);
    } catch (error) {
      if (errorCode(error) !== "EAGAIN") this.#fail(translateError(error));
      else this.#await(bytes, taken);
    }
    return taken;
  }

  #await(bytes: Uint8Array, taken: number): void {
    this.#waits.handleTaken(taken);
    const ms = this.#waits.nextWait();
    if (ms > 0) return this.#wait(ms);
    const rest = bytes.subarray(taken);
    const room = this.#writing.awaitRoom(this.#descriptor, rest, this);
    if (room === "gone") this.#fail(gone());
    else if (room === "unknown") this.unknown();
    else this.#room = room;
  }

  #wait(ms: number): void {
    this.#pause = scheduler.setTimer(() => {
      this.#pause = undefined;
      // Offered again, it is tried again.
      this.#events.written(0);
    }, ms);
  }

  room(count: number): void {
    this.#room = undefined;
    this.#waits.handleTaken(count);
    this.#events.written(count);
  }

  gone(error: SockeyeError): void {
    this.#room = undefined;
    this.#fail(error);
  }

  unknown(): void {
    this.#room = undefined;
    this.#wait(this.#waits.nextPause());
  }

  check(): void {
    if (!this.#closed && readerHasGone(this.#descriptor)) this.#fail(gone());
  }

  #fail(error: SockeyeError): void {
    if (this.#closed) return;
    this.#events.failed(error);
    this.close();
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#room?.cancel();
    this.#room = undefined;
    if (this.#pause !== undefined) scheduler.clearTimer(this.#pause);
    closeSync(this.#descriptor);
    this.#events.closed();
  }
}

function gone(): SockeyeError {
  return new SockeyeError("EPIPE", "the reader has gone");
}
