/**
 * `node:dgram` where it is a plain face of the kernel's sockets: Node and Bun.
 *
 * @module
 */
import { networkInterfaces } from "node:os";
import type { DgramTraits } from "../datagram.ts";
import { translateError } from "../errors.ts";

/** See `adapters/_shared/datagram.ts`. */
export const plainTraits: DgramTraits = {
  translate: translateError,
  translateSend: translateError,
  connects: true,
  sendsAtOnce: Infinity,
  setsBuffers: true,
  interfaces: networkInterfaces,
};
