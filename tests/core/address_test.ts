import assert from "node:assert/strict";
import test from "node:test";
import fc from "fast-check";
import {
  type Address,
  type AddressLike,
  formatAddress,
  parseAddress,
  utf8Length,
} from "../../core/address.ts";
import { SockeyeError } from "../../core/error.ts";

const tcp = (host: string, port: number): Address => ({
  transport: "tcp",
  host,
  port,
});
const unix = (path: string): Address => ({ transport: "unix", path });

/** String form, object form, and the canonical string where it is another. */
const understood: [string, Address, string?][] = [
  ["tcp://127.0.0.1:7000", tcp("127.0.0.1", 7000)],
  ["tcp://:7000", tcp("127.0.0.1", 7000), "tcp://127.0.0.1:7000"],
  ["tcp://0.0.0.0:0", tcp("0.0.0.0", 0)],
  ["tcp://255.255.255.255:65535", tcp("255.255.255.255", 65535)],
  ["tcp://[::]:1", tcp("::", 1)],
  ["tcp://[::1]:7000", tcp("::1", 7000)],
  ["tcp://[2001:db8::8:800:200c:417a]:1", tcp("2001:db8::8:800:200c:417a", 1)],
  ["tcp://[1:2:3:4:5:6:7:8]:1", tcp("1:2:3:4:5:6:7:8", 1)],
  ["tcp://[::ffff:10.0.0.1]:1", tcp("::ffff:10.0.0.1", 1)],
  ["tcp://[fe80::1%eth0]:1", tcp("fe80::1%eth0", 1)],
  ["tcp://localhost:80", tcp("localhost", 80)],
  ["tcp://a-b_c.example.:80", tcp("a-b_c.example.", 80)],
  ["tcp://1.example:80", tcp("1.example", 80)],
  ["TCP://Host:80", tcp("Host", 80), "tcp://Host:80"],
  [
    "udp://:53",
    { transport: "udp", host: "127.0.0.1", port: 53 },
    "udp://127.0.0.1:53",
  ],
  ["udp://[::1]:53", { transport: "udp", host: "::1", port: 53 }],
  ["unix:/run/x.sock", unix("/run/x.sock")],
  ["unix:///run/x.sock", unix("/run/x.sock"), "unix:/run/x.sock"],
  ["unix:////run/x.sock", unix("//run/x.sock")],
  ["unix:run/x.sock", unix("run/x.sock")],
  ["unix:./@file", unix("./@file")],
  ["unix:/a b?c#d%20e:f@g", unix("/a b?c#d%20e:f@g")],
  ["unix:@abstract", unix("@abstract")],
  ["unix:@with/slash", unix("@with/slash")],
  [`unix:${"a".repeat(107)}`, unix("a".repeat(107))],
  [`unix:@${"a".repeat(107)}`, unix(`@${"a".repeat(107)}`)],
  [`unix:${"é".repeat(53)}a`, unix(`${"é".repeat(53)}a`)],
  [`unix:${"€".repeat(35)}ab`, unix(`${"€".repeat(35)}ab`)],
  [`unix:${"🐟".repeat(26)}abc`, unix(`${"🐟".repeat(26)}abc`)],
  ["fifo:/run/spool", { transport: "fifo", path: "/run/spool" }],
  [
    "fifo:///run/spool",
    { transport: "fifo", path: "/run/spool" },
    "fifo:/run/spool",
  ],
  ["fifo:spool", { transport: "fifo", path: "spool" }],
  [`fifo:/${"a".repeat(200)}`, {
    transport: "fifo",
    path: `/${"a".repeat(200)}`,
  }],
  ["mem:echo", { transport: "mem", name: "echo" }],
  ["mem:a/b:c d", { transport: "mem", name: "a/b:c d" }],
];

for (const [text, address, canonical = text] of understood) {
  test(`${JSON.stringify(text).slice(0, 60)} is understood`, () => {
    assert.deepEqual(parseAddress(text), address);
    assert.equal(formatAddress(address), canonical);
    assert.deepEqual(parseAddress(canonical), address);
    const again = parseAddress(address);
    assert.deepEqual(again, address);
    assert.notEqual(again, address, "a copy, not the caller's object");
    assert.deepEqual(Object.keys(again), Object.keys(parseAddress(text)));
  });
}

const code = "ERR_SOCKEYE_ADDRESS";
const object = (fields: unknown): AddressLike => fields as AddressLike;

/** What is given, and what the message must say about it. */
const refused: [AddressLike, RegExp][] = [
  ["", /has no scheme; expected tcp:\/\/host:port, unix:/],
  ["127.0.0.1:7000", /has no scheme/],
  ["/run/x.sock", /has no scheme/],
  [":7000", /has no scheme/],
  ["//host:1", /has no scheme/],
  ["localhost:7000", /"localhost" is no known scheme; expected tcp:/],
  ["http://host:80", /"http" is no known scheme; .*udp:.*mem:name/],
  ["unix-abstract:x", /"unix-abstract" is no known scheme/],
  ["tcp:", /"\/\/" is missing/],
  ["tcp:127.0.0.1:7000", /"\/\/" is missing/],
  ["tcp:/127.0.0.1:7000", /"\/\/" is missing/],
  ["tcp://", /port is missing; expected tcp:\/\/host:port/],
  ["tcp://host", /port is missing/],
  ["tcp://host:", /port is missing/],
  ["tcp://[::1]", /port is missing/],
  ["tcp://[::1]:", /port is missing/],
  ["tcp://host:65536", /port "65536"|port 65536/],
  ["tcp://host:99999999999", /port "99999999999" is not valid/],
  ["tcp://host:-1", /port "-1" is not valid.*from 0 to 65535/],
  ["tcp://host:+1", /port "\+1" is not valid/],
  ["tcp://host:1.5", /port "1\.5" is not valid/],
  ["tcp://host:1e3", /port "1e3" is not valid/],
  ["tcp://host:0x50", /port "0x50" is not valid/],
  ["tcp://host:080", /port "080" is not valid/],
  ["tcp://host:http", /port "http" is not valid/],
  ["tcp://host: 80", /port " 80" is not valid/],
  ["tcp://host:٨٠", /is not valid/],
  ["tcp://host:80/", /"\/" is not allowed/],
  ["tcp://host:80/path", /"\/" is not allowed/],
  ["tcp://host:80?query", /"\?" is not allowed/],
  ["tcp://host:80#fragment", /"#" is not allowed/],
  ["tcp://user@host:80", /names a user/],
  ["tcp://user:secret@host:80", /names a user/],
  ["tcp://::1:7000", /brackets: tcp:\/\/\[::1\]:port/],
  ["tcp://fe80::1", /brackets/],
  ["tcp://[::1:7000", /brackets/],
  ["tcp://a:b:80", /brackets/],
  ["tcp://[]:80", /"" is no IPv6 address/],
  ["tcp://[localhost]:80", /"localhost" is no IPv6 address/],
  ["tcp://[127.0.0.1]:80", /no IPv6 address/],
  ["tcp://[:::]:80", /no IPv6 address/],
  ["tcp://[::1::2]:80", /no IPv6 address/],
  ["tcp://[1:2:3:4:5:6:7]:80", /no IPv6 address/],
  ["tcp://[1:2:3:4:5:6:7:8:9]:80", /no IPv6 address/],
  ["tcp://[1:2:3:4::5:6:7:8]:80", /no IPv6 address/],
  ["tcp://[::12345]:80", /no IPv6 address/],
  ["tcp://[::g]:80", /no IPv6 address/],
  ["tcp://[::1.2.3.4:5]:80", /no IPv6 address/],
  ["tcp://[::256.2.3.4]:80", /no IPv6 address/],
  ["tcp://[fe80::1%]:80", /no IPv6 address/],
  ["tcp://[::1]x:80", /"x:80" is not allowed/],
  ["tcp://*:80", /wildcard is written 0\.0\.0\.0 or \[::\]/],
  ["tcp://a host:80", /"a host" is neither a host name nor an IP address/],
  ["tcp:// host:80", /neither/],
  ["tcp://host\n:80", /neither/],
  ["tcp://ho\0st:80", /neither/],
  ["tcp://a..b:80", /neither/],
  ["tcp://.:80", /neither/],
  ["tcp://bücher.example:80", /neither/],
  [`tcp://${"a".repeat(64)}:80`, /neither/],
  [`tcp://${"a.".repeat(127)}a:80`, /neither/],
  ["tcp://127.1:80", /neither/],
  ["tcp://256.0.0.1:80", /neither/],
  ["tcp://127.0.0.01:80", /neither/],
  ["tcp://0x7f.0x1:80", /neither/],
  ["tcp://2130706433:80", /neither/],
  ["udp://host", /port is missing; expected udp:\/\/host:port/],
  ["udp://::1:53", /udp:\/\/\[::1\]:port/],
  [" tcp://host:80", /begins or ends with white space/],
  ["tcp://host:80 ", /begins or ends with white space/],
  ["unix:/x\n", /begins or ends with white space/],
  ["unix: /x", /the path begins or ends with white space/],
  ["unix:", /the path is empty/],
  ["unix://", /the path is empty/],
  ["unix://host/path", /a host is not allowed; expected unix:\/path/],
  ["unix://path", /a host is not allowed/],
  ["unix:@", /abstract name is empty/],
  ["unix:/a\0b", /the path has a NUL in it/],
  ["unix:\0abstract", /the path has a NUL in it/],
  ["unix:/a\ud800b", /lone surrogate/],
  [`unix:${"a".repeat(108)}`, /the path has 108 bytes, and 107 fit/],
  [`unix:${"é".repeat(54)}`, /the path has 108 bytes/],
  [`unix:${"€".repeat(36)}`, /the path has 108 bytes/],
  [`unix:${"🐟".repeat(27)}`, /the path has 108 bytes/],
  [`unix:@${"a".repeat(108)}`, /the abstract name has 108 bytes/],
  ["fifo:", /the path is empty/],
  ["fifo://host/path", /expected fifo:\/path/],
  ["fifo:/a\0b", /NUL/],
  ["mem:", /the name is empty/],
  ["mem://name", /does not begin with "\/\/"; expected mem:name/],
  ["mem: name", /begins or ends with white space/],
  ["mem:a\0b", /NUL/],
  [object(undefined), /undefined: expected a string or an object/],
  [object(null), /null: expected/],
  [object(7000), /7000: expected/],
  [object(Symbol("x")), /Symbol\(x\): expected/],
  [object(() => "tcp://:1"), /\(a function\): expected/],
  [object(["tcp://:1"]), /\(an array\): transport is missing/],
  [object({}), /\(an object\): transport is missing/],
  [object(new URL("tcp://host:1")), /transport is missing/],
  [object({ transport: 1 }), /transport is 1; expected a string/],
  [object({ transport: "http" }), /"http" is no known scheme/],
  [object({ transport: "TCP", host: "h", port: 1 }), /"TCP" is no known/],
  [object({ transport: "tcp", port: 1 }), /host is missing/],
  [object({ transport: "tcp", hostname: "h", port: 1 }), /host is missing/],
  [object({ transport: "tcp", host: null, port: 1 }), /host is null/],
  [object({ transport: "tcp", host: "h" }), /port is missing/],
  [object({ transport: "tcp", host: "h", port: "80" }), /port "80" is not/],
  [object({ transport: "tcp", host: "h", port: NaN }), /port NaN is not/],
  [object({ transport: "tcp", host: "h", port: 1.5 }), /port 1\.5 is not/],
  [object({ transport: "tcp", host: "h", port: -1 }), /port -1 is not/],
  [object({ transport: "tcp", host: "h", port: 65536 }), /port 65536 is not/],
  [
    object({ transport: "tcp", host: "[::1]", port: 1 }),
    /"\[::1\]" is neither/,
  ],
  [object({ transport: "tcp", host: "h:1", port: 1 }), /"h:1" is neither/],
  [object({ transport: "tcp", host: "a b", port: 1 }), /"a b" is neither/],
  [object({ transport: "unix" }), /path is missing/],
  [object({ transport: "unix", path: "" }), /path is empty/],
  [object({ transport: "unix", path: "/a\0" }), /NUL/],
  [object({ transport: "unix", path: "a".repeat(108) }), /108 bytes/],
  [object({ transport: "unix", path: 1 }), /path is 1; expected a string/],
  [object({ transport: "fifo", path: "" }), /path is empty/],
  [object({ transport: "mem" }), /name is missing/],
  [object({ transport: "mem", name: "" }), /name is empty/],
];

for (const [given, message] of refused) {
  const title = typeof given === "string"
    ? JSON.stringify(given).slice(0, 60)
    : `${message.source}`;
  test(`${title} is refused`, () => {
    assert.throws(() => parseAddress(given), (error: unknown) => {
      assert.ok(error instanceof SockeyeError);
      assert.equal(error.code, code);
      assert.match(error.message, /^Cannot understand address /);
      assert.match(error.message, message);
      assert.doesNotMatch(error.message, /\.$/);
      return true;
    });
  });
}

test("tls is understood and not supported yet, in both forms", () => {
  for (const given of ["tls://host:1", object({ transport: "tls" })]) {
    assert.throws(() => parseAddress(given), {
      code: "ERR_SOCKEYE_UNSUPPORTED",
      message: /^Cannot use address .*tls is not supported yet$/,
    });
  }
});

test("messages shorten what was given, and escape what a terminal would obey", () => {
  const hostile = `tcp://\x1b[2J\x7f\x9b\u202e\u2028${"x".repeat(5000)}`;
  assert.throws(() => parseAddress(hostile), (error: unknown) => {
    const { message } = error as SockeyeError;
    // deno-lint-ignore no-control-regex
    assert.doesNotMatch(message, /[\x00-\x1f\x7f-\x9f\u202e\u2028]/);
    assert.match(message, /\\u001b\[2J\\u\{7f\}\\u\{9b\}\\u\{202e\}/);
    assert.ok(message.length < 400, `${message.length} characters`);
    return true;
  });
});

test("fields are copied: others are left out, and -0 is 0", () => {
  const given = { transport: "tcp", host: "::1", port: -0, family: 6 } as const;
  assert.deepEqual(parseAddress(given), tcp("::1", 0));
  assert.ok(Object.is((parseAddress(given) as { port: number }).port, 0));
});

test("a peer without a name is written unix:", () => {
  assert.equal(formatAddress(unix("")), "unix:");
});

const port = fc.integer({ min: 0, max: 65535 });
const host = fc.oneof(fc.ipV4(), fc.ipV6(), fc.domain());
const name = fc.string({ unit: "grapheme", minLength: 1, maxLength: 200 });
// deepEqual compares prototypes, and fast-check gives null ones by default.
const record = { noNullPrototype: true };
const anything: fc.Arbitrary<Address> = fc.oneof(
  fc.record({ transport: fc.constant("tcp" as const), host, port }, record),
  fc.record({ transport: fc.constant("udp" as const), host, port }, record),
  fc.record({ transport: fc.constant("unix" as const), path: name }, record),
  fc.record({ transport: fc.constant("fifo" as const), path: name }, record),
  fc.record({ transport: fc.constant("mem" as const), name }, record),
);

test("whatever the object form takes, the string form carries", () => {
  let taken = 0;
  fc.assert(fc.property(anything, (address) => {
    let parsed: Address;
    try {
      parsed = parseAddress(address);
    } catch (error) {
      assert.equal((error as SockeyeError).code, code);
      // What the object form refuses, the string form refuses too.
      assert.throws(() => parseAddress(formatAddress(address)), { code });
      return;
    }
    taken++;
    assert.deepEqual(parsed, address);
    assert.deepEqual(parseAddress(formatAddress(address)), address);
  }));
  assert.ok(taken > 20, `${taken} were taken`);
});

test("any string is understood or refused with the code", () => {
  const schemes = ["tcp://", "udp://", "unix:", "fifo:", "mem:", "tls:", ""];
  fc.assert(fc.property(
    fc.constantFrom(...schemes),
    fc.string({ unit: "binary", maxLength: 120 }),
    (scheme, rest) => {
      try {
        const address = parseAddress(scheme + rest);
        assert.deepEqual(parseAddress(formatAddress(address)), address);
      } catch (error) {
        assert.ok(error instanceof SockeyeError, String(error));
        assert.match(error.code, /^ERR_SOCKEYE_(ADDRESS|UNSUPPORTED)$/);
      }
    },
  ));
});

test("UTF-8 lengths are counted as an encoder counts them", () => {
  const encoder = new TextEncoder();
  fc.assert(fc.property(fc.string({ unit: "binary" }), (text) => {
    assert.equal(utf8Length(text), encoder.encode(text).length);
  }));
  assert.equal(utf8Length("a\ud800b"), encoder.encode("a\ud800b").length);
});
