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

/** Bytes that arrived, cut into lines; what no line wanted stays. */
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

/** A line of version 1. */
export function formatLine(...words: readonly (string | number)[]): string {
  return `sockeye/1 ${words.join(" ")}\n`;
}

/**
 * The words behind the version.
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
