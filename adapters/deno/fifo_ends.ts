/**
 * The ends of a FIFO on Deno: sockets of `node:net` where `--allow-ffi` is
 * given, else `tty.ReadStream` for reading, and for writing attempts.
 *
 * Deno's sockets take over no descriptor that its own `node:fs` has opened
 * (EEXIST), lest both close it. A duplicate is nobody's, and making one is all
 * that the C library is needed for: Deno then tells of room by itself. A thread
 * in `epoll_wait` for the writers that wait could tell no more, and a call of
 * the library that waits keeps the process alive.
 *
 * `tty.ReadStream` takes any descriptor and reads from it as the kernel tells.
 * It can also write, and is told of room, but once only; so each wait would
 * need one of its own. That was tried: each costs 170 µs, and each is a
 * descriptor that Deno closes twice (`DenoFifoReader.close`).
 *
 * Measured against a peer in C on two busy cores, medians of five and their
 * range, with and without `--allow-ffi`: bytes written 3,000 (1,300 to 3,300)
 * and 240 MB/s (90 to 330), read 3,000 (1,500 to 3,070) and 1,030 MB/s (600 to
 * 1,350), there and back with 64 bytes 10 µs (9.5 to 13.4) and 8.8 (8.4 to 9.7).
 * A writer that waits goes on 0.16 ms after the first read of its peer; looking
 * every 20 ms, 11 ms after it.
 *
 * @module
 */
import { closeSync } from "node:fs";
import { ReadStream } from "node:tty";
import type { Capability } from "../../core/runtime.ts";
import type {
  FifoEnds,
  FifoReader,
  FifoReaderEvents,
  FifoWriter,
  FifoWriterEvents,
} from "../_shared/fifo/ends.ts";
import { socketEnds } from "../_shared/fifo/sockets.ts";
import { DirectWriter } from "../_shared/fifo/writer.ts";
import { translateError } from "./errors.ts";
import { duplicator } from "./libc.ts";

/** With more at a time Deno says that it wrote what it did not (PIPE_BUF, pipe(7)). */
const largestWrite = 4096;

/** FIFOs without native code. */
const attemptingEnds: FifoEnds = {
  holdsPending: false,
  openReader: (descriptor, events) => new DenoFifoReader(descriptor, events),
  openWriter: (descriptor, events) =>
    new DirectWriter(descriptor, events, {
      largestWrite,
      awaitRoom: () => "unknown",
    }),
};

let chosen: FifoEnds | undefined;

/** Chosen at the first connection, since permissions may be asked for until then. */
function ends(): FifoEnds {
  return chosen ??= choose();
}

function choose(): FifoEnds {
  const duplicate = duplicator();
  if (duplicate === undefined) return attemptingEnds;
  // With no descriptor left for it the other way serves.
  const ends = (descriptor: number): [FifoEnds, number] => {
    const again = duplicate(descriptor);
    if (again < 0) return [attemptingEnds, descriptor];
    closeSync(descriptor);
    return [socketEnds, again];
  };
  return {
    holdsPending: socketEnds.holdsPending,
    openReader(descriptor, events) {
      const [by, own] = ends(descriptor);
      return by.openReader(own, events);
    },
    openWriter(descriptor, events) {
      const [by, own] = ends(descriptor);
      return by.openWriter(own, events);
    },
  };
}

/** FIFOs on Deno. */
export const fifoEnds: FifoEnds = {
  get holdsPending(): boolean {
    return ends().holdsPending;
  },
  openReader(descriptor: number, events: FifoReaderEvents): FifoReader {
    return ends().openReader(descriptor, events);
  },
  openWriter(descriptor: number, events: FifoWriterEvents): FifoWriter {
    return ends().openWriter(descriptor, events);
  },
};

/** What `capabilities()` says of them. */
export function fifoCapability(): Capability {
  if (duplicator() !== undefined) return { support: "native" };
  const granted = (["read", "write"] as const).every((name) =>
    Deno.permissions.querySync({ name }).state === "granted"
  );
  return granted
    ? {
      support: "emulated",
      reason: "Without --allow-ffi a writer that waits for room looks " +
        "again after 1 ms, doubling to 100: it meets a reader later by as " +
        "much as that reader was away",
    }
    : {
      support: "none",
      reason: "Deno takes over a descriptor only with --allow-read and " +
        "--allow-write for all paths",
    };
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
    this.#stream ??= this.#open();
    this.#stream.resume();
  }

  #open(): ReadStream {
    const options = { autoDestroy: false, allowHalfOpen: true };
    const stream = new ReadStream(this.#descriptor, options);
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
    return stream;
  }

  stop(): void {
    this.#stream?.pause();
  }

  /**
   * `destroy()` closes the descriptor, and leaves it in the table of `node:fs`,
   * where the next file that gets its number would be closed at once. So it is
   * closed there too, and what another of Deno's threads has opened in between
   * is closed instead: 1 in 10,000 closes while 8 tasks did nothing but open
   * files. Duplicates (above) do not have that.
   */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#stream?.destroy();
    closeSync(this.#descriptor);
    this.#events.closed();
  }
}
