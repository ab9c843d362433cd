/**
 * Standard input, by `process.stdin`: the one interface that reads terminals,
 * pipes, sockets and files without blocking on Node, Deno and Bun alike.
 *
 * What it takes to stop it, so that the process can end although whoever
 * writes to it is still there (Node 20 to 24, Deno 2.9.5, Bun 1.4.4):
 *
 * - `destroy()` will not do: Deno then waits for the read that is under way.
 * - `pause()` within a `data` event stops the bytes but not the reading: the
 *   stream fills its own buffer behind it, and Node and Deno live on for that.
 *   A second `pause()` does nothing. Resumed and paused once more, outside of
 *   the stream's own events, all three let go of the descriptor.
 * - A read of Deno's that was under way then comes back with the next bytes, and
 *   is followed by another one, which keeps the process alive again. So it is
 *   let go of once more after such bytes, until the stream's own buffer is full.
 * - Resumed soon after it was paused, Deno may read on without being kept alive
 *   by it: of 100 MiB through `< file`, read with a pause of 1 ms behind every
 *   chunk, a process saw 26 MB and ended with status 0. So we keep the process
 *   alive ourselves, on all of them, as long as the input is open.
 *
 * A directory is an input that has ended on Node and Deno, and fails with
 * `EISDIR` on Bun. A closed descriptor (`<&-`) is one that has ended: each
 * runtime opens `/dev/null` in its place.
 *
 * @module
 */
import { EventEmitter } from "node:events";
import process from "node:process";
import { clearInterval, setImmediate, setInterval } from "node:timers";
import { SockeyeError } from "../../core/error.ts";
import type { StdinEvents, StdinHandle } from "../../core/transport.ts";
import { translateError } from "./errors.ts";

/** Longer than that timers cannot wait. */
const longest = 2 ** 31 - 1;

/** Standard input of this process. Once: a second one would take the same bytes. */
export function openStdin(): StdinHandle {
  return new ProcessStdin();
}

class ProcessStdin implements StdinHandle {
  #events: StdinEvents | undefined;
  #keepsAlive: ReturnType<typeof setInterval> | undefined;
  #reading = false;

  attach(events: StdinEvents): void {
    this.#events = events;
    const { stdin } = process;
    // Else a listener for `data` would start it.
    stdin.pause();
    stdin.on("data", this.#onData);
    stdin.on("end", this.#onEnd);
    stdin.on("error", this.#onError);
    stdin.on("close", this.#onClose);
    this.#keepsAlive = setInterval(() => {}, longest);
  }

  startRead(): void {
    if (this.#reading || this.#events === undefined) return;
    this.#reading = true;
    const { stdin } = process;
    // Somebody else read it to its end, or destroyed it: no event will follow.
    if (stdin.readableEnded) return this.#onEnd();
    if (stdin.destroyed) return this.#onClose();
    try {
      stdin.resume();
    } catch (error) {
      this.#onError(error); // Bun finds here what it cannot read.
    }
  }

  stopRead(): void {
    if (!this.#reading) return;
    this.#reading = false;
    process.stdin.pause();
  }

  close(): void {
    if (this.#leave() === undefined) return;
    const { stdin } = process;
    stdin.pause();
    setImmediate(letGo);
    // Not by the stream's own `on`, which would have it read.
    EventEmitter.prototype.on.call(stdin, "readable", () => {
      if (stdin.readableLength >= stdin.readableHighWaterMark) return;
      setImmediate(letGo);
    });
  }

  /** Gives who is to be told of what ended it, nobody if that is done. */
  #leave(): StdinEvents | undefined {
    const events = this.#events;
    this.#events = undefined;
    clearInterval(this.#keepsAlive);
    const { stdin } = process;
    stdin.off("data", this.#onData);
    stdin.off("end", this.#onEnd);
    stdin.off("close", this.#onClose);
    // Errors stay heard: one that comes late would end the process.
    return events;
  }

  readonly #onData = ({ buffer, byteOffset, length }: Uint8Array): void => {
    const bytes = new Uint8Array(buffer, byteOffset, length);
    // Deno gives a line in 64 KiB of its own.
    const own = 2 * length < buffer.byteLength ? bytes.slice() : bytes;
    this.#events?.data(own, false);
  };

  readonly #onEnd = (): void => this.#leave()?.readClosed();

  readonly #onError = (error: unknown): void => {
    this.#leave()?.failed(translateError(error));
  };

  readonly #onClose = (): void => {
    const error = new SockeyeError("EBADF", "process.stdin was destroyed");
    this.#leave()?.failed(error);
  };
}

/** Has the runtime read no more; to be called outside of the stream's events. */
function letGo(): void {
  const { stdin } = process;
  // Somebody else reads it by now.
  if (stdin.listenerCount("data") > 0 || stdin.readableEnded) return;
  stdin.resume();
  stdin.pause();
}
