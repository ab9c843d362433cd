/**
 * The ends of a FIFO on Node: sockets of `node:net` on the descriptors.
 *
 * @module
 */
import type { Capability } from "../../core/transport.ts";
import type { FifoEnds } from "../_shared/fifo_ends.ts";
import { socketEnds } from "../_shared/fifo_sockets.ts";

/** FIFOs on Node. */
export const fifoEnds: FifoEnds = socketEnds;

/** What `capabilities()` says of them. */
export function fifoCapability(): Capability {
  return { support: "native" };
}
