/**
 * Addresses as datagrams need them: one spelling for each peer, and which
 * socket reaches whom.
 *
 * @module
 */
import { type Address, formatAddress } from "../address.ts";
import type { ErrorCode } from "../error.ts";
import { canonicalHost, familyOf, isMulticast } from "./ip.ts";

/**
 * Whether an address has to be looked up.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * import { isNamed } from "@sockeye/net/protocols";
 *
 * assert.ok(isNamed({ transport: "udp", host: "localhost", port: 7000 }));
 * assert.ok(!isNamed({ transport: "udp", host: "::1", port: 7000 }));
 * assert.ok(!isNamed({ transport: "mem", name: "echo" })); // memory needs no look-up
 * ```
 */
export function isNamed(address: Address): boolean {
  return address.transport === "udp" && familyOf(address.host) === 0;
}

/**
 * An address in one spelling; the same object if it has that already.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * import { canonicalAddress } from "@sockeye/net/protocols";
 *
 * // A socket of IPv6 tells so of who sent from 127.0.0.1.
 * const heard = { transport: "udp", host: "::ffff:127.0.0.1", port: 7000 } as const;
 * const peer = canonicalAddress(heard);
 * assert.deepEqual(peer, { transport: "udp", host: "127.0.0.1", port: 7000 });
 * assert.equal(canonicalAddress(peer), peer);
 * ```
 */
export function canonicalAddress(address: Address): Address {
  if (address.transport !== "udp") return address;
  const host = canonicalHost(address.host);
  return host === address.host ? address : { ...address, host };
}

/**
 * Whether two canonical addresses are one peer.
 *
 * Of hosts the zone does not count: a system may tell it by number
 * where it was given by name.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * import { isSamePeer } from "@sockeye/net/protocols";
 *
 * const given = { transport: "udp", host: "fe80::1%eth0", port: 7000 } as const;
 * assert.ok(isSamePeer(given, { ...given, host: "fe80::1%2" }));
 * assert.ok(!isSamePeer(given, { ...given, port: 7001 }));
 * ```
 */
export function isSamePeer(one: Address, other: Address): boolean {
  if (one.transport === "udp" && other.transport === "udp") {
    return one.port === other.port &&
      (one.host === other.host || zoneless(one.host) === zoneless(other.host));
  }
  return formatAddress(one) === formatAddress(other);
}

/** The system names a zone as it likes, by number or by name. */
function zoneless(host: string): string {
  const percent = host.indexOf("%");
  return percent < 0 ? host : host.slice(0, percent);
}

/** Whether a canonical address is one of IPv4. */
export function isIPv4Peer(from: Address): boolean {
  return from.transport === "udp" && familyOf(from.host) === 4;
}

/** What a socket may reach. */
export interface Reach {
  /** Whether broadcast is allowed. */
  readonly broadcast: boolean;
  /** Whether an IPv6 socket is kept from IPv4. */
  readonly ipv6Only: boolean;
}

/** Why a socket cannot send to a canonical address, as far as both tell; undefined if it can. */
export function cannotReach(
  local: Address,
  to: Address,
  { broadcast, ipv6Only }: Reach,
): ErrorCode | undefined {
  if (to.transport !== local.transport) return "EAFNOSUPPORT";
  if (to.transport !== "udp" || local.transport !== "udp") return undefined;
  const family = familyOf(to.host);
  if (family === 6 && familyOf(local.host) !== 6) return "EAFNOSUPPORT";
  if (family === 4 && !reachesIPv4(local.host, ipv6Only)) return "EAFNOSUPPORT";
  // The system says so on most runtimes, and one of them does not pass it on.
  const isBroadcast = to.host === "255.255.255.255";
  return isBroadcast && !broadcast ? "EACCES" : undefined;
}

/** An IPv6 socket reaches IPv4 if it is bound to the wildcard, and not kept from it. */
function reachesIPv4(local: string, ipv6Only: boolean): boolean {
  if (familyOf(local) === 4) return true;
  return canonicalHost(local) === "::" && !ipv6Only;
}

/**
 * Most bytes of a datagram: 65,535 less the headers of IPv4 and UDP (RFC 791,
 * RFC 768); the header of IPv6 does not count (RFC 8200 section 3).
 */
export function mostBytes(local: Address, to: Address): number {
  const isIPv6 = local.transport === "udp" && to.transport === "udp" &&
    familyOf(to.host) === 6;
  return isIPv6 ? 65_527 : 65_507;
}

/**
 * Why a group cannot be joined or left by a socket that is bound to `local`;
 * undefined if it can.
 *
 * `EINVAL` if `group` is no multicast address, `EAFNOSUPPORT` if it is one of the
 * other family, `ERR_SOCKEYE_UNSUPPORTED` where there are no groups.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * import { checkGroup } from "@sockeye/net/protocols";
 *
 * const local = { transport: "udp", host: "0.0.0.0", port: 7000 } as const;
 * assert.equal(checkGroup(local, "239.1.2.3"), undefined);
 * assert.equal(checkGroup(local, "ff02::1"), "EAFNOSUPPORT");
 * assert.equal(checkGroup(local, "192.0.2.1"), "EINVAL");
 * ```
 */
export function checkGroup(
  local: Address,
  group: string,
): ErrorCode | undefined {
  if (local.transport !== "udp") return "ERR_SOCKEYE_UNSUPPORTED";
  if (familyOf(group) === 0 || !isMulticast(group)) return "EINVAL";
  const isSame = familyOf(group) === familyOf(local.host);
  return isSame ? undefined : "EAFNOSUPPORT";
}
