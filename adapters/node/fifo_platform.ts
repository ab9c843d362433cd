/**
 * What making FIFO connections needs of Node.
 *
 * @module
 */
import process from "node:process";
import type { Capability } from "../../core/transport.ts";
import { type FifoPlatform, nodePlatform } from "../_shared/fifo_platform.ts";
import { fifoCapability, fifoEnds } from "./fifo_ends.ts";

/** Node's part. */
export const fifoPlatform: FifoPlatform = nodePlatform(fifoEnds);

/** What `capabilities()` says. */
export function fifoSupport(): Capability {
  return process.platform === "win32"
    ? { support: "none", reason: "Windows has no FIFOs" }
    : fifoCapability();
}
