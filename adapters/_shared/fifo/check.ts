/**
 * Whether a FIFO still has a reader, asked by its writer.
 *
 * @module
 */
import { closeSync, constants, openSync } from "node:fs";
import { errorCode } from "../errors.ts";

const { O_NONBLOCK, O_WRONLY } = constants;

/** A descriptor's file, to be opened once more with a description of its own. */
function reopen(descriptor: number): number {
  return openSync(`/proc/self/fd/${descriptor}`, O_WRONLY | O_NONBLOCK);
}

/**
 * Opens the FIFO behind a writing descriptor a second time, for writing.
 *
 * @returns the new descriptor; `"gone"` where no reader is left (ENXIO, fifo(7));
 * `"unknown"` where it cannot be opened: no `/proc`, no descriptor left, no
 * permission for a file that another user has changed since.
 */
export function openAgain(descriptor: number): number | "gone" | "unknown" {
  try {
    return reopen(descriptor);
  } catch (error) {
    return errorCode(error) === "ENXIO" ? "gone" : "unknown";
  }
}

/** Whether the reader of this FIFO has gone, as far as that can be told. */
export function readerHasGone(descriptor: number): boolean {
  const again = openAgain(descriptor);
  if (typeof again === "number") closeSync(again);
  return again === "gone";
}
