/**
 * Addresses: one string form and one object form for every transport.
 *
 * | string | object |
 * | --- | --- |
 * | `tcp://host:port`, `tcp://[::1]:port`, `tcp://:port` (loopback) | `{ transport: "tcp", host, port }` |
 * | `udp://host:port`, likewise | `{ transport: "udp", host, port }` |
 * | `unix:/path` = `unix:///path`, `unix:relative/path`, `unix:@abstract` | `{ transport: "unix", path }` |
 * | `fifo:/path` = `fifo:///path`, `fifo:relative/path` | `{ transport: "fifo", path }` |
 * | `mem:name` | `{ transport: "mem", name }` |
 *
 * These are not URLs: nothing is percent-decoded, and `?` and `#` in a path
 * or a name are themselves. Both forms are checked by the same rules:
 *
 * - An empty host is loopback, `127.0.0.1`. Wider is written out: `0.0.0.0`
 *   or `[::]`. Names are ASCII (international ones in their `xn--` form); what
 *   ends in a number is a dotted IPv4 address of four decimal parts, since
 *   resolvers differ over `127.1` and `010.0.0.1`.
 * - A port is a decimal number without sign or leading zeros. 0 lets the
 *   system choose, which only `listen` and `bind` can use.
 * - A Unix path has at most 107 bytes of UTF-8, an abstract name 107 after its
 *   `@`: `sun_path` holds 108 with the NUL behind the one or before the other
 *   (unix(7)). Longer ones are `ERR_SOCKEYE_ADDRESS` on every runtime, because
 *   Node 20 and 22 truncate them silently. A file whose name begins with `@`
 *   is written `unix:./@name`.
 * - Paths and names neither begin nor end with white space, and have no NUL
 *   and no lone surrogate in them.
 *
 * @module
 */
import { SockeyeError } from "./error.ts";
import { isIPv4, isIPv6 } from "./datagram/ip.ts";

/**
 * An address in the object form; `transport` tells which.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * import { type Address, parseAddress } from "@sockeye/net";
 *
 * function nameOf(address: Address): string {
 *   switch (address.transport) {
 *     case "tcp":
 *     case "udp":
 *       return `port ${address.port} of ${address.host}`;
 *     case "unix":
 *     case "fifo":
 *       return address.path;
 *     case "mem":
 *       return address.name;
 *   }
 * }
 *
 * assert.equal(nameOf(parseAddress("tcp://:7000")), "port 7000 of 127.0.0.1");
 * ```
 */
export type Address =
  | TcpAddress
  | UnixAddress
  | FifoAddress
  | UdpAddress
  | MemAddress;

/**
 * `tcp://host:port`
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * import { listen, type TcpAddress } from "@sockeye/net";
 *
 * const wanted: TcpAddress = { transport: "tcp", host: "127.0.0.1", port: 0 };
 * const listener = await listen(wanted);
 * const { address } = listener; // with the port that the system chose
 * assert.ok(address.transport === "tcp" && address.port > 0);
 * await listener.close();
 * ```
 */
export interface TcpAddress {
  /** Tells it from the others. */
  readonly transport: "tcp";
  /** A name or an IP address; IPv6 without brackets. */
  readonly host: string;
  /** 0 to 65535; 0 lets the system choose (`listen` and `serve` only). */
  readonly port: number;
}

/**
 * `unix:/path`, `unix:relative/path`, or `unix:@name` in Linux's abstract
 * namespace.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * import { parseAddress, type UnixAddress } from "@sockeye/net";
 *
 * const file: UnixAddress = { transport: "unix", path: "/run/echo.sock" };
 * assert.deepEqual(parseAddress("unix:/run/echo.sock"), file);
 *
 * const abstract: UnixAddress = { transport: "unix", path: "@echo" };
 * assert.deepEqual(parseAddress("unix:@echo"), abstract); // no file on disk
 * ```
 */
export interface UnixAddress {
  /** Tells it from the others. */
  readonly transport: "unix";
  /**
   * At most 107 bytes of UTF-8. A leading `@`, not counted among them, means an
   * abstract name. Empty for a peer without a name.
   */
  readonly path: string;
}

/**
 * `fifo:/path`
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * import { type FifoAddress, formatAddress, parseAddress } from "@sockeye/net";
 *
 * const printer: FifoAddress = { transport: "fifo", path: "/run/printer" };
 * assert.equal(formatAddress(printer), "fifo:/run/printer");
 * assert.deepEqual(parseAddress("fifo:///run/printer"), printer);
 * ```
 */
export interface FifoAddress {
  /** Tells it from the others. */
  readonly transport: "fifo";
  /** Of the FIFO where clients announce themselves. Empty for a client, whose own FIFOs have no name any more. */
  readonly path: string;
}

/**
 * `udp://host:port`
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * import { formatAddress, type UdpAddress } from "@sockeye/net";
 *
 * const resolver: UdpAddress = { transport: "udp", host: "::1", port: 53 };
 * assert.equal(formatAddress(resolver), "udp://[::1]:53"); // text has brackets
 * ```
 */
export interface UdpAddress {
  /** Tells it from the others. */
  readonly transport: "udp";
  /** A name or an IP address; IPv6 without brackets. */
  readonly host: string;
  /** 0 to 65535; 0 lets the system choose (`bind` only). */
  readonly port: number;
}

/**
 * `mem:name`, in the simulated network of this process.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * import { connect, listen, type MemAddress } from "@sockeye/net";
 *
 * const place: MemAddress = { transport: "mem", name: "a name, no path" };
 * const listener = await listen(place);
 * const client = await connect("mem:a name, no path");
 * assert.deepEqual(client.remoteAddress, place);
 * client.abort();
 * await listener.close();
 * ```
 */
export interface MemAddress {
  /** Tells it from the others. */
  readonly transport: "mem";
  /** Not empty, and without `//` at its beginning. */
  readonly name: string;
}

/**
 * What every verb takes for an address: the string form or the object form. One
 * that cannot be understood is `ERR_SOCKEYE_ADDRESS`.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * import { type AddressLike, serve } from "@sockeye/net";
 *
 * const places: readonly AddressLike[] = [
 *   "tcp://:0",
 *   { transport: "mem", name: "either form" },
 * ];
 * const server = await serve(places, {});
 * assert.equal(server.addresses[0]!.transport, "tcp");
 * assert.deepEqual(server.addresses[1], places[1]);
 * await server.close();
 * ```
 */
export type AddressLike = string | Address;

/**
 * Bytes of UTF-8 that a Unix path, or an abstract name after its `@`, may have: unix(7).
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * import { MAX_UNIX_PATH, parseAddress } from "@sockeye/net/core";
 *
 * const longest = "/" + "a".repeat(MAX_UNIX_PATH - 1);
 * parseAddress(`unix:${longest}`);
 * assert.throws(() => parseAddress(`unix:${longest}a`), {
 *   code: "ERR_SOCKEYE_ADDRESS",
 * });
 * ```
 */
export const MAX_UNIX_PATH = 107;

const forms = "tcp://host:port, unix:/path, unix:@abstract, fifo:/path, " +
  "udp://host:port or mem:name";

/**
 * Reads an address in either form and checks it.
 *
 * @param address the string form, or an object with the same fields; fields
 * beyond these are ignored.
 * @returns a new plain object, whatever was given.
 * @throws {SockeyeError} `ERR_SOCKEYE_ADDRESS`, saying what is wrong with it;
 * `ERR_SOCKEYE_UNSUPPORTED` for `tls://`, which is understood and not there yet.
 *
 * @example
 * ```ts
 * import { parseAddress } from "@sockeye/net";
 *
 * parseAddress("tcp://:7000"); // { transport: "tcp", host: "127.0.0.1", port: 7000 }
 * parseAddress("unix:///run/x.sock"); // { transport: "unix", path: "/run/x.sock" }
 * ```
 */
export function parseAddress(address: AddressLike): Address {
  return typeof address === "string"
    ? parseString(address)
    : parseObject(address);
}

/**
 * The string form of an address; `parseAddress` reads it back.
 *
 * The exceptions are peers without a name: they are written `unix:` and
 * `fifo:`, and cannot be addresses to go to.
 *
 * @example
 * ```ts
 * import { formatAddress, parseAddress } from "@sockeye/net";
 *
 * console.log(formatAddress(parseAddress("tcp://:7000"))); // tcp://127.0.0.1:7000
 * ```
 */
export function formatAddress(address: Address): string {
  switch (address.transport) {
    case "tcp":
    case "udp": {
      const { transport, host, port } = address;
      return `${transport}://${
        host.includes(":") ? `[${host}]` : host
      }:${port}`;
    }
    case "unix":
    case "fifo": {
      const { transport, path } = address;
      // "unix://x" would be a host: an empty one has to stand before the path.
      return `${transport}:${path.startsWith("//") ? "//" : ""}${path}`;
    }
    case "mem":
      return `mem:${address.name}`;
    default:
      return address satisfies never;
  }
}

/**
 * How many bytes a string has in UTF-8; a lone surrogate counts as the three of U+FFFD.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * import { utf8Length } from "@sockeye/net/core";
 *
 * assert.equal(utf8Length("/tmp/größe"), 12); // ten characters
 * assert.equal(utf8Length("\ud800"), 3);
 * ```
 */
export function utf8Length(text: string): number {
  let bytes = 0;
  for (const character of text) {
    const code = character.codePointAt(0)!;
    bytes += code < 0x80 ? 1 : code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;
  }
  return bytes;
}

function parseString(given: string): Address {
  if (given.trim() !== given) fail(given, "it begins or ends with white space");
  const scheme = /^([a-z][a-z0-9+.-]*):/i.exec(given)?.[1];
  if (scheme === undefined) fail(given, `it has no scheme; expected ${forms}`);
  const rest = given.slice(scheme.length + 1);
  switch (scheme.toLowerCase()) {
    case "tcp":
      return { transport: "tcp", ...parseAuthority(given, "tcp", rest) };
    case "udp":
      return { transport: "udp", ...parseAuthority(given, "udp", rest) };
    case "unix":
      return unixAddress(given, stripEmptyHost(given, "unix", rest));
    case "fifo":
      return fifoAddress(given, stripEmptyHost(given, "fifo", rest));
    case "mem":
      return memAddress(given, rest);
    default:
      return refuseScheme(given, scheme);
  }
}

function parseObject(given: unknown): Address {
  if (typeof given !== "object" || given === null) {
    fail(given, `expected a string or an object: ${forms}`);
  }
  const fields = given as Readonly<Record<string, unknown>>;
  const transport = fields.transport;
  switch (transport) {
    case "tcp":
    case "udp": {
      const host = checkHost(given, text(given, "host", fields.host));
      const port = checkPort(given, fields.port);
      return { transport, host, port };
    }
    case "unix":
      return unixAddress(given, text(given, "path", fields.path));
    case "fifo":
      return fifoAddress(given, text(given, "path", fields.path));
    case "mem":
      return memAddress(given, text(given, "name", fields.name));
    default:
      return refuseScheme(given, text(given, "transport", transport));
  }
}

function refuseScheme(given: unknown, scheme: string): never {
  if (scheme.toLowerCase() === "tls") {
    throw new SockeyeError(
      "ERR_SOCKEYE_UNSUPPORTED",
      `Cannot use address ${quote(given)}: tls is not supported yet`,
    );
  }
  fail(given, `${quote(scheme)} is no known scheme; expected ${forms}`);
}

function parseAuthority(
  given: string,
  scheme: string,
  rest: string,
): { host: string; port: number } {
  const expected = `expected ${scheme}://host:port`;
  if (!rest.startsWith("//")) fail(given, `"//" is missing; ${expected}`);
  const authority = rest.slice(2);
  const stray = /[/?#@]/.exec(authority)?.[0];
  if (stray === "@") fail(given, `it names a user; ${expected}`);
  if (stray !== undefined) {
    fail(given, `${quote(stray)} is not allowed; ${expected}`);
  }
  const bracketed = /^\[(.*)\](.*)$/s.exec(authority);
  const colon = authority.indexOf(":");
  if (!bracketed && authority.includes(":", colon + 1) && colon >= 0) {
    fail(given, `an IPv6 address goes in brackets: ${scheme}://[::1]:port`);
  }
  const host = bracketed?.[1] ??
    (colon < 0 ? authority : authority.slice(0, colon));
  const tail = bracketed?.[2] ?? (colon < 0 ? "" : authority.slice(colon));
  if (bracketed && !isIPv6(host)) {
    fail(given, `${quote(host)} is no IPv6 address`);
  }
  if (tail === "") fail(given, `the port is missing; ${expected}`);
  if (!tail.startsWith(":")) {
    fail(given, `${quote(tail)} is not allowed; ${expected}`);
  }
  const digits = tail.slice(1);
  const decimal = /^(0|[1-9]\d{0,4})$/.test(digits);
  return {
    host: checkHost(given, host),
    port: checkPort(given, decimal ? Number(digits) : digits),
  };
}

/** `unix:///path` is `unix:/path`; a host that is not empty makes no sense. */
function stripEmptyHost(given: string, scheme: string, rest: string): string {
  if (!rest.startsWith("//")) return rest;
  const path = rest.slice(2);
  if (path !== "" && !path.startsWith("/")) {
    fail(
      given,
      `a host is not allowed; expected ${scheme}:/path or ${scheme}:///path`,
    );
  }
  return path;
}

function checkHost(given: unknown, host: string): string {
  if (host === "") return "127.0.0.1";
  if (host === "*") {
    fail(given, "a wildcard is written 0.0.0.0 or [::], not *");
  }
  if (host.includes(":") ? isIPv6(host) : isName(host)) return host;
  fail(given, `${quote(host)} is neither a host name nor an IP address`);
}

function checkPort(given: unknown, port: unknown): number {
  if (
    typeof port === "number" && Number.isInteger(port) && port >= 0 &&
    port <= 65535
  ) return port + 0; // + 0: never -0
  const problem = port === undefined || port === ""
    ? "the port is missing"
    : `port ${quote(port)} is not valid`;
  fail(given, `${problem}; expected a decimal number from 0 to 65535`);
}

/**
 * Whether a Unix address is a name in Linux's abstract namespace, unix(7): nothing is on disk.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * import { isAbstract } from "@sockeye/net/core";
 *
 * assert.ok(isAbstract({ transport: "unix", path: "@app" }));
 * assert.ok(!isAbstract({ transport: "unix", path: "/run/@app" }));
 * ```
 */
export function isAbstract(address: UnixAddress): boolean {
  return address.path.startsWith("@");
}

function unixAddress(given: unknown, path: string): Address {
  checkText(given, "path", path);
  const abstract = isAbstract({ transport: "unix", path });
  if (path === "@") fail(given, "the abstract name is empty");
  const bytes = utf8Length(abstract ? path.slice(1) : path);
  if (bytes > MAX_UNIX_PATH) {
    const what = abstract ? "abstract name" : "path";
    fail(given, `the ${what} has ${bytes} bytes, and ${MAX_UNIX_PATH} fit`);
  }
  return { transport: "unix", path };
}

function fifoAddress(given: unknown, path: string): Address {
  checkText(given, "path", path);
  return { transport: "fifo", path };
}

function memAddress(given: unknown, name: string): Address {
  checkText(given, "name", name);
  if (name.startsWith("//")) {
    fail(given, `a name does not begin with "//"; expected mem:name`);
  }
  return { transport: "mem", name };
}

function text(given: unknown, field: string, value: unknown): string {
  if (typeof value === "string") return value;
  const problem = value === undefined
    ? `${field} is missing`
    : `${field} is ${quote(value)}`;
  fail(given, `${problem}; expected a string`);
}

function checkText(given: unknown, field: string, value: string): void {
  if (value === "") fail(given, `the ${field} is empty`);
  if (value.includes("\0")) fail(given, `the ${field} has a NUL in it`);
  if (value.trim() !== value) {
    fail(given, `the ${field} begins or ends with white space`);
  }
  // With the flag u a surrogate matches only where it stands alone.
  if (/\p{Cs}/u.test(value)) {
    fail(given, `the ${field} has a lone surrogate in it, which UTF-8 lacks`);
  }
}

function isName(host: string): boolean {
  const labels = host.replace(/\.$/, "").split(".");
  if (/^(\d+|0x[\da-f]*)$/i.test(labels.at(-1)!)) return isIPv4(host);
  // RFC 1035 section 2.3.4: 63 octets for each label, 253 characters in all.
  return host.length <= 253 &&
    labels.every((label) => /^[a-z0-9_-]{1,63}$/i.test(label));
}

function fail(given: unknown, problem: string): never {
  throw new SockeyeError(
    "ERR_SOCKEYE_ADDRESS",
    `Cannot understand address ${quote(given)}: ${problem}`,
  );
}

/** For a message: shortened, and with nothing in it that a terminal would obey. */
function quote(value: unknown): string {
  if (typeof value === "string") {
    const short = value.length > 80 ? `${value.slice(0, 80)}…` : value;
    return JSON.stringify(short).replace(
      /[\x7f-\x9f\p{Cf}\p{Zl}\p{Zp}]/gu,
      (found) => `\\u{${found.codePointAt(0)!.toString(16)}}`,
    );
  }
  if (typeof value === "function") return "(a function)";
  if (typeof value !== "object" || value === null) return String(value);
  if (Array.isArray(value)) return "(an array)";
  const { transport } = value as { transport?: unknown };
  return typeof transport === "string"
    ? `(an object of transport ${quote(transport)})`
    : "(an object)";
}
