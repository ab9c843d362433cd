/**
 * IP addresses as text: which family, which kind, and one spelling for each.
 *
 * @module
 */

/**
 * Whether `host` is a dotted IPv4 address of four decimal parts.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * import { isIPv4 } from "@sockeye/net/protocols";
 *
 * assert.ok(isIPv4("127.0.0.1"));
 * assert.ok(!isIPv4("127.1") && !isIPv4("010.0.0.1")); // resolvers differ over these
 * ```
 */
export function isIPv4(host: string): boolean {
  return ipv4.test(host);
}

const part = "(25[0-5]|2[0-4]\\d|1\\d\\d|[1-9]?\\d)";
const ipv4 = new RegExp(`^${part}(\\.${part}){3}$`);

/**
 * Whether `host` is an IPv6 address (RFC 4291 section 2.2), with or without a
 * zone behind `%` (RFC 4007 section 11), and without brackets.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * import { isIPv6 } from "@sockeye/net/protocols";
 *
 * assert.ok(isIPv6("::1") && isIPv6("fe80::1%eth0") && isIPv6("::ffff:127.0.0.1"));
 * assert.ok(!isIPv6("[::1]") && !isIPv6("1::2::3"));
 * ```
 */
export function isIPv6(host: string): boolean {
  const [, address = "", zone] = /^([^%]*)(%.*)?$/s.exec(host)!;
  if (zone !== undefined && !/^%[a-z0-9_.-]+$/i.test(zone)) return false;
  const halves = address.split("::");
  if (halves.length > 2) return false;
  let groups = 0;
  for (const [index, half] of halves.entries()) {
    const last = index === halves.length - 1;
    const parts = half === "" ? [] : half.split(":");
    for (const [at, part] of parts.entries()) {
      const dotted = last && at === parts.length - 1 && isIPv4(part);
      if (!dotted && !/^[\da-f]{1,4}$/i.test(part)) return false;
      groups += dotted ? 2 : 1;
    }
  }
  return halves.length === 2 ? groups < 8 : groups === 8;
}

/**
 * The family of a host that was checked: 4, 6, or 0 for a name.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * import { familyOf } from "@sockeye/net/protocols";
 *
 * assert.deepEqual(["127.0.0.1", "::1", "localhost"].map(familyOf), [4, 6, 0]);
 * ```
 */
export function familyOf(host: string): 0 | 4 | 6 {
  if (host.includes(":")) return 6;
  return isIPv4(host) ? 4 : 0;
}

/**
 * One spelling for each address: that of RFC 5952, with an IPv4 address that
 * is mapped into IPv6 (`::ffff:127.0.0.1`) as the IPv4 address that it is.
 * Zones are kept. Names are left as they are.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * import { canonicalHost } from "@sockeye/net/protocols";
 *
 * assert.equal(canonicalHost("2001:DB8:0:0:0:0:0:1"), "2001:db8::1");
 * assert.equal(canonicalHost("FE80:0::1%eth0"), "fe80::1%eth0");
 * assert.equal(canonicalHost("::ffff:7f00:1"), "127.0.0.1");
 * ```
 */
export function canonicalHost(host: string): string {
  if (!host.includes(":")) return host;
  const percent = host.indexOf("%");
  const zone = percent < 0 ? "" : host.slice(percent);
  const groups = groupsOf(percent < 0 ? host : host.slice(0, percent));
  const isMapped = groups[5] === 0xffff &&
    groups.slice(0, 5).every((group) => group === 0);
  if (!isMapped) return compressed(groups) + zone;
  const [high, low] = [groups[6]!, groups[7]!];
  return [high >> 8, high & 255, low >> 8, low & 255].join(".");
}

/**
 * An IPv4 address as a socket of IPv6 sends to it (RFC 4291 section 2.5.5.2);
 * anything else as it is.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * import { canonicalHost, mappedHost } from "@sockeye/net/protocols";
 *
 * assert.equal(mappedHost("192.0.2.1"), "::ffff:192.0.2.1");
 * assert.equal(mappedHost("2001:db8::1"), "2001:db8::1");
 * assert.equal(canonicalHost(mappedHost("192.0.2.1")), "192.0.2.1"); // and back
 * ```
 */
export function mappedHost(host: string): string {
  return familyOf(host) === 4 ? `::ffff:${host}` : host;
}

/**
 * Whether an address is one of a group (RFC 5771, RFC 4291 section 2.7).
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * import { isMulticast } from "@sockeye/net/protocols";
 *
 * assert.ok(isMulticast("239.1.2.3") && isMulticast("ff02::1"));
 * assert.ok(!isMulticast("255.255.255.255")); // that is broadcast
 * ```
 */
export function isMulticast(host: string): boolean {
  const canonical = canonicalHost(host);
  return familyOf(canonical) === 4
    ? /^2(2[4-9]|3\d)\./.test(canonical)
    : /^ff[\da-f]{2}:/.test(canonical);
}

/**
 * Whether an address is this machine's to itself: `127.0.0.0/8` or `::1`. A name
 * is not looked up, and is none.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * import { isLoopback } from "@sockeye/net/protocols";
 *
 * assert.ok(isLoopback("127.8.9.1") && isLoopback("::ffff:127.0.0.1"));
 * assert.ok(!isLoopback("0.0.0.0") && !isLoopback("localhost"));
 * ```
 */
export function isLoopback(host: string): boolean {
  const canonical = canonicalHost(host);
  return canonical === "::1" ||
    (familyOf(canonical) === 4 && canonical.startsWith("127."));
}

function groupsOf(address: string): number[] {
  const [head = "", tail] = address.split("::");
  const before = groupsOfHalf(head);
  if (tail === undefined) return before;
  const after = groupsOfHalf(tail);
  const zeros = Math.max(0, 8 - before.length - after.length);
  return [...before, ...Array<number>(zeros).fill(0), ...after];
}

function groupsOfHalf(half: string): number[] {
  if (half === "") return [];
  return half.split(":").flatMap((part) => {
    if (!part.includes(".")) return [Number.parseInt(part, 16)];
    const [a = 0, b = 0, c = 0, d = 0] = part.split(".").map(Number);
    return [a << 8 | b, c << 8 | d];
  });
}

/** RFC 5952 section 4.2: the first of the longest runs of zeros, if it is longer than one. */
function compressed(groups: readonly number[]): string {
  let [start, length] = [-1, 1];
  for (let at = 0; at < groups.length; at++) {
    let end = at;
    while (groups[end] === 0) end++;
    if (end - at > length) [start, length] = [at, end - at];
    at = Math.max(at, end - 1);
  }
  const text = groups.map((group) => group.toString(16));
  if (start < 0) return text.join(":");
  const [before, after] = [text.slice(0, start), text.slice(start + length)];
  return `${before.join(":")}::${after.join(":")}`;
}
