/**
 * The effects of a rendezvous that are done at once, by `node:fs`.
 *
 * None of them waits: a FIFO opened with `O_NONBLOCK` is opened or is not, and
 * up to `PIPE_BUF` bytes are written whole or not at all (fifo(7), pipe(7)). So
 * they take no thread of the runtime's pool, and one handshake is one turn.
 *
 * @module
 */
import {
  closeSync,
  constants,
  fstatSync,
  openSync,
  unlinkSync,
  writeSync,
} from "node:fs";
import { type ErrorCode, SockeyeError } from "../../../core/error.ts";
import type {
  FileEffect,
  FoundFile,
  RendezvousEnd,
} from "../../../core/rendezvous/effects.ts";
import { found } from "../disk_name/found.ts";
import { errorCode } from "../errors.ts";

const { O_RDONLY, O_WRONLY, O_NONBLOCK, O_NOFOLLOW } = constants;

/** Opens a FIFO without waiting for anybody. */
export function openFifo(path: string, to: "read" | "write"): number {
  const access = to === "read" ? O_RDONLY : O_WRONLY;
  return openSync(path, access | O_NONBLOCK | O_NOFOLLOW);
}

/** Whether anybody reads a FIFO; else why not (`ENXIO`: nobody). */
export function probeFifo(path: string): "alive" | ErrorCode {
  try {
    closeSync(openFifo(path, "write"));
    return "alive";
  } catch (error) {
    return errorCode(error);
  }
}

/** The open ends of one handshake. */
export class RendezvousFiles {
  readonly #descriptors: Map<RendezvousEnd, number> = new Map();

  /** Does an effect; throws the runtime's error, or a `SockeyeError`. */
  perform(effect: FileEffect): FoundFile | undefined {
    switch (effect.do) {
      case "open":
        this.#descriptors.set(effect.end, openFifo(effect.path, effect.to));
        return;
      case "look":
        return found(fstatSync(this.#of(effect.end), { bigint: true }));
      case "write":
        return write(this.#of(effect.end), effect.text);
      case "close":
        return closeSync(this.take(effect.end)) as undefined;
      case "unlink":
        return unlinkSync(effect.path) as undefined;
      default:
        return effect satisfies never;
    }
  }

  /** Hands a descriptor over. */
  take(end: RendezvousEnd): number {
    const descriptor = this.#of(end);
    this.#descriptors.delete(end);
    return descriptor;
  }

  #of(end: RendezvousEnd): number {
    return this.#descriptors.get(end)!;
  }
}

function write(descriptor: number, text: string): undefined {
  const count = writeSync(descriptor, text);
  if (count === text.length) return;
  throw new SockeyeError("EIO", `${count} of ${text.length} bytes were taken`);
}
