/**
 * The ends of a FIFO on Deno, by `tty.ReadStream`: the one thing in Deno that
 * takes over a descriptor and has the kernel tell of its readiness.
 *
 * @module
 */
import { closeSync } from "node:fs";
import { ReadStream } from "node:tty";
import type { SocketConstructorOpts } from "node:net";
import type { Capability } from "../../core/transport.ts";
import { errorCode } from "../_shared/errors.ts";
import { openAgain } from "../_shared/fifo_check.ts";
import type {
  FifoEnds,
  FifoReader,
  FifoReaderEvents,
} from "../_shared/fifo_ends.ts";
import {
  DirectWriter,
  type Room,
  type RoomEvents,
} from "../_shared/fifo_writer.ts";
import { translateError } from "./errors.ts";

/** What POSIX promises to write in one piece (PIPE_BUF, pipe(7)). */
const atomic = 4096;

/** FIFOs on Deno. */
export const fifoEnds: FifoEnds = {
  // While it waits for room, Deno has a piece of what is pending.
  holdsPending: true,
  openReader: (descriptor, events) => new DenoFifoReader(descriptor, events),
  openWriter: (descriptor, events) =>
    // With more at a time Deno says that it wrote what it did not.
    new DirectWriter(descriptor, events, { largestWrite: atomic, awaitRoom }),
};

/** What `capabilities()` says of them. */
export function fifoCapability(): Capability {
  const granted = (["read", "write"] as const).every((name) =>
    Deno.permissions.querySync({ name }).state === "granted"
  );
  return granted ? { support: "native" } : {
    support: "none",
    reason: "Deno takes over a descriptor only with --allow-read and " +
      "--allow-write for all paths",
  };
}

/**
 * Takes a descriptor over. It reads at once unless told that it is not
 * readable.
 */
function adopt(descriptor: number, side: "readable" | "writable"): ReadStream {
  const options: SocketConstructorOpts & { autoDestroy: boolean } = {
    autoDestroy: false,
    allowHalfOpen: true,
    readable: side === "readable",
    writable: side === "writable",
  };
  return new ReadStream(descriptor, options);
}

/**
 * Gives a descriptor back that was taken over. `destroy()` closes it, but not
 * in the table of `node:fs`, where the next file that gets its number would be
 * closed; so it is closed there too, before anything else can be opened.
 */
function giveBack(stream: ReadStream, descriptor: number): void {
  stream.destroy();
  closeSync(descriptor);
}

class DenoFifoReader implements FifoReader {
  readonly #descriptor: number;
  readonly #events: FifoReaderEvents;
  /** Made when first wanted, since it reads ahead. */
  #stream: ReadStream | undefined;
  #closed = false;

  constructor(descriptor: number, events: FifoReaderEvents) {
    this.#descriptor = descriptor;
    this.#events = events;
  }

  start(): void {
    if (this.#closed) return;
    if (this.#stream !== undefined) {
      this.#stream.resume();
      return;
    }
    const stream = this.#stream = adopt(this.#descriptor, "readable");
    stream.on("data", (chunk: Uint8Array) => {
      const { buffer, byteOffset, length } = chunk;
      if (this.#closed) return;
      this.#events.data(new Uint8Array(buffer, byteOffset, length), false);
    });
    stream.on("end", () => {
      if (!this.#closed) this.#events.ended();
    });
    stream.on("error", (error) => {
      if (this.#closed) return;
      this.#events.failed(translateError(error));
      this.close();
    });
  }

  stop(): void {
    this.#stream?.pause();
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    if (this.#stream === undefined) closeSync(this.#descriptor);
    else giveBack(this.#stream, this.#descriptor);
    this.#events.closed();
  }
}

/**
 * Waits until there is room, by a write of Deno's on a description of the FIFO
 * of its own.
 *
 * A stream of Deno's that writes is woken once: when the kernel tells of room
 * for the first time. Deno remembers that there was room for ever, and a
 * second wait would not end. So each wait has a stream of its own, and a piece
 * that goes in whole as soon as there is any room, or not at all.
 */
function awaitRoom(
  descriptor: number,
  bytes: Uint8Array,
  events: RoomEvents,
): Room | "gone" | "unknown" {
  const again = openAgain(descriptor);
  if (typeof again !== "number") return again;
  return new DenoRoom(again, bytes.slice(0, atomic), events);
}

class DenoRoom implements Room {
  readonly #descriptor: number;
  readonly #stream: ReadStream;
  #over = false;

  constructor(descriptor: number, piece: Uint8Array, events: RoomEvents) {
    this.#descriptor = descriptor;
    this.#stream = adopt(descriptor, "writable");
    // The write that it ends is told of it too.
    this.#stream.on("error", () => {});
    this.#stream.write(piece, (error) => {
      if (this.#over) return;
      this.cancel();
      if (!error) events.room(piece.length);
      else if (errorCode(error) === "EPIPE") events.gone(translateError(error));
      else events.unknown();
    });
  }

  cancel(): void {
    if (this.#over) return;
    this.#over = true;
    giveBack(this.#stream, this.#descriptor);
  }
}
