/**
 * The lines of a handshake: ASCII, `sockeye/1 WORD …`, each ended by a newline.
 *
 * @module
 */
import { SockeyeError } from "../error.ts";
import { quote, unknownVersion } from "../rendezvous/records.ts";

/**
 * Characters of the longest line that is taken, without its newline; the
 * longest that is sent has 51.
 */
export const MAX_HANDSHAKE_LINE = 128;

const NEWLINE = 0x0a;

/**
 * Bytes that arrived, cut into lines; what no line wanted stays.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * import { HandshakeLines } from "@sockeye/net/protocols";
 *
 * const lines = new HandshakeLines();
 * lines.push(new TextEncoder().encode("sockeye/1 ok 10"));
 * assert.equal(lines.take(), undefined);
 * lines.push(new TextEncoder().encode("00\nhello"));
 * assert.equal(lines.take(), "sockeye/1 ok 1000");
 * assert.equal(new TextDecoder().decode(lines.rest), "hello"); // the user's
 * ```
 */
export class HandshakeLines {
  #bytes: Uint8Array = new Uint8Array(0);
  #arrived = false;

  /** Whether anything has arrived at all. */
  get arrived(): boolean {
    return this.#arrived;
  }

  /** What arrived behind the lines that were taken. */
  get rest(): Uint8Array {
    return this.#bytes;
  }

  /** Takes a copy. */
  push(bytes: Uint8Array): void {
    this.#arrived = true;
    const all = new Uint8Array(this.#bytes.length + bytes.length);
    all.set(this.#bytes);
    all.set(bytes, this.#bytes.length);
    this.#bytes = all;
  }

  /**
   * The next line without its newline; undefined while it is not complete.
   *
   * @throws {SockeyeError} `ERR_SOCKEYE_PROTOCOL` for one that is too long, or
   * has in it what is not printable ASCII.
   */
  take(): string | undefined {
    const bytes = this.#bytes;
    const end = bytes.indexOf(NEWLINE);
    const length = end < 0 ? bytes.length : end;
    if (length > MAX_HANDSHAKE_LINE) {
      throw broken(`a line has more than ${MAX_HANDSHAKE_LINE} characters`);
    }
    const line = bytes.subarray(0, length);
    if (line.some((byte) => byte < 0x20 || byte > 0x7e)) {
      throw broken("a line has in it what is not printable ASCII");
    }
    if (end < 0) return undefined;
    this.#bytes = bytes.subarray(end + 1);
    return String.fromCharCode(...line);
  }
}

/**
 * A line of version 1.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * import { formatLine } from "@sockeye/net/protocols";
 *
 * assert.equal(formatLine("ready", 4711), "sockeye/1 ready 4711\n");
 * assert.equal(formatLine("error", "EACCES"), "sockeye/1 error EACCES\n");
 * ```
 */
export function formatLine(...words: readonly (string | number)[]): string {
  return `sockeye/1 ${words.join(" ")}\n`;
}

/**
 * The words behind the version, of a line without its newline.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * import { parseLine } from "@sockeye/net/protocols";
 *
 * assert.deepEqual(parseLine("sockeye/1 ok 1000"), ["ok", "1000"]);
 * assert.throws(() => parseLine("sockeye/2 ok 1000"), {
 *   code: "ERR_SOCKEYE_PROTOCOL",
 *   message: /"sockeye\/2"/,
 * });
 * ```
 *
 * @throws {SockeyeError} `ERR_SOCKEYE_PROTOCOL` for another version, and for
 * what is no line of the kind.
 */
export function parseLine(line: string): readonly string[] {
  const [, words] = /^sockeye\/1 (.+)$/.exec(line) ?? [];
  if (words !== undefined) return words.split(" ");
  throw unknownVersion(line) ?? broken(`it is no handshake: ${quote(line)}`);
}

/** The peer broke the protocol. */
export function broken(what: string): SockeyeError {
  return new SockeyeError("ERR_SOCKEYE_PROTOCOL", what);
}
