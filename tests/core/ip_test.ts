/** IP addresses as text. */
import assert from "node:assert/strict";
import { test } from "node:test";
import {
  canonicalHost,
  familyOf,
  isIPv4,
  isIPv6,
  isLoopback,
  isMulticast,
  mappedHost,
} from "../../core/datagram/ip.ts";

/** Spellings, and the one that they stand for; RFC 5952 has most of them. */
const spellings: readonly [given: string, canonical: string][] = [
  ["127.0.0.1", "127.0.0.1"],
  ["localhost", "localhost"],
  ["::", "::"],
  ["::1", "::1"],
  ["0:0:0:0:0:0:0:1", "::1"],
  ["2001:0DB8::0001", "2001:db8::1"],
  ["2001:db8:0:0:0:0:2:1", "2001:db8::2:1"],
  ["2001:db8:0:1:1:1:1:1", "2001:db8:0:1:1:1:1:1"],
  ["2001:0:0:1:0:0:0:1", "2001:0:0:1::1"],
  ["2001:db8:0:0:1:0:0:1", "2001:db8::1:0:0:1"],
  ["1:2:3:4:5:6:7:8", "1:2:3:4:5:6:7:8"],
  ["1:2:3:4:5:6:7::", "1:2:3:4:5:6:7:0"],
  ["::2:3:4:5:6:7:8", "0:2:3:4:5:6:7:8"],
  ["fe80::1%eth0", "fe80::1%eth0"],
  ["FE80:0::1%2", "fe80::1%2"],
  ["::ffff:127.0.0.1", "127.0.0.1"],
  ["::FFFF:7f00:1", "127.0.0.1"],
  ["0:0:0:0:0:ffff:192.0.2.255", "192.0.2.255"],
  ["::ffff:0:0", "0.0.0.0"],
  ["::1.2.3.4", "::102:304"],
  ["64:ff9b::192.0.2.33", "64:ff9b::c000:221"],
];

for (const [given, canonical] of spellings) {
  test(`${given} is ${canonical}, once and for all`, () => {
    assert.equal(canonicalHost(given), canonical);
    assert.equal(canonicalHost(canonical), canonical);
  });
}

test("an IPv4 address can be mapped, and is the same one afterwards", () => {
  assert.equal(mappedHost("192.0.2.1"), "::ffff:192.0.2.1");
  assert.equal(canonicalHost(mappedHost("192.0.2.1")), "192.0.2.1");
  assert.equal(mappedHost("::1"), "::1");
});

test("the canonical form of any address reads as the same eight groups", () => {
  let seed = 7;
  const next = (): number => seed = (seed * 48271) % 2147483647;
  for (let round = 0; round < 2000; round++) {
    const groups = Array.from(
      { length: 8 },
      () => next() % 3 === 0 ? next() & 0xffff : 0,
    );
    const full = groups.map((group) => group.toString(16)).join(":");
    const canonical = canonicalHost(full);
    assert.ok(isIPv6(canonical) || isIPv4(canonical), canonical);
    if (isIPv4(canonical)) continue;
    assert.deepEqual(expand(canonical), groups, `${full} as ${canonical}`);
    // RFC 5952 section 4.2.2: one group of zeros alone is not shortened.
    assert.equal(canonical.split("::").length <= 2, true);
  }
});

/** The groups of an address without dots; as naive as can be. */
function expand(address: string): number[] {
  const [head = "", tail] = address.split("::");
  const groups = (half: string) =>
    half === "" ? [] : half.split(":").map((part) => parseInt(part, 16));
  if (tail === undefined) return groups(head);
  const [before, after] = [groups(head), groups(tail)];
  const zeros = 8 - before.length - after.length;
  assert.ok(zeros > 1, `${address} shortens ${zeros} group`);
  return [...before, ...Array<number>(zeros).fill(0), ...after];
}

test("families and kinds", () => {
  assert.deepEqual(
    ["1.2.3.4", "::1", "a.example", "1.2.3"].map(familyOf),
    [4, 6, 0, 0],
  );
  const groups = [
    "224.0.0.1",
    "239.255.255.255",
    "ff02::1",
    "::ffff:224.0.0.1",
  ];
  for (const host of groups) assert.ok(isMulticast(host), host);
  const others = ["223.255.255.255", "240.0.0.1", "fe80::1", "::1", "22.4.0.1"];
  for (const host of others) assert.ok(!isMulticast(host), host);
  for (const host of ["127.0.0.1", "127.9.9.9", "::1", "::ffff:127.0.0.1"]) {
    assert.ok(isLoopback(host), host);
  }
  for (const host of ["128.0.0.1", "0.0.0.0", "::", "::2", "fe80::1"]) {
    assert.ok(!isLoopback(host), host);
  }
});
