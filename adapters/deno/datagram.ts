/**
 * What `node:dgram` does in its own way on Deno (2.9).
 *
 * - Sends that are under way at once change places: 5, 5 and 50,000 bytes sent
 *   without a wait arrived as 50,000, 5 and 5. So there is one at a time.
 * - `connect` is a note of Deno's alone: the kernel filters nothing, and tells
 *   of no refusal. So it is not called.
 * - `setRecvBufferSize` sets no `SO_RCVBUF` (strace shows no such call).
 * - The reason of a failed send is lost on its way, but EMSGSIZE and EBADF: it
 *   is `UNKNOWN`, and told here from the addresses.
 *
 * @module
 */
import { networkInterfaces } from "node:os";
import type { UdpAddress } from "../../core/address.ts";
import { type ErrorCode, SockeyeError } from "../../core/error.ts";
import { familyOf, isLoopback } from "../../core/datagram/ip.ts";
import type { DgramTraits } from "../_shared/datagram.ts";
import type { Interfaces } from "../_shared/datagram/interfaces.ts";
import { translateError } from "./errors.ts";

/** See `adapters/_shared/datagram.ts`. */
export const traits: DgramTraits = {
  translate: translateError,
  translateSend,
  connects: false,
  sendsAtOnce: 1,
  setsBuffers: false,
  interfaces,
};

function translateSend(
  error: unknown,
  from: UdpAddress,
  to: UdpAddress,
): SockeyeError {
  const { code, message } = error as { code?: unknown; message?: unknown };
  if (code !== "UNKNOWN") return translateError(error);
  return new SockeyeError(likelyCode(from, to), String(message), {
    cause: error,
  });
}

/** What the kernel most likely said (`ip_route_output_key`, `udp_sendmsg`). */
function likelyCode(from: UdpAddress, to: UdpAddress): ErrorCode {
  if (isBroadcast(to.host)) return "EACCES";
  if (isLoopback(from.host) && !isLoopback(to.host)) return "EINVAL";
  return "ENETUNREACH";
}

/** Whether it is the broadcast address of one of our networks. */
function isBroadcast(host: string): boolean {
  if (familyOf(host) !== 4) return false;
  return Object.values(interfaces() ?? {}).flat().some((each) =>
    each?.family === "IPv4" &&
    numberOf(host) ===
      ((numberOf(each.address) | ~numberOf(each.netmask)) >>> 0)
  );
}

function numberOf(host: string): number {
  return host.split(".").reduce((sum, part) => sum * 256 + Number(part), 0);
}

/** Asks for a permission before using it, so that Deno never asks the user. */
function interfaces(): Interfaces | undefined {
  const name = { name: "sys", kind: "networkInterfaces" } as const;
  return Deno.permissions.querySync(name).state === "granted"
    ? networkInterfaces()
    : undefined;
}
