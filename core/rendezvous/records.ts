/**
 * What is said in a rendezvous: ASCII lines, so that a client can be written
 * in ten lines of shell or Python.
 *
 * @module
 */
import { type ErrnoCode, isErrnoCode, SockeyeError } from "../error.ts";

/** Bytes of a line, its newlines included: one write of `PIPE_BUF` (pipe(7)). */
export const MAX_LINE = 4096;

const NEWLINE = 10;
const name = "sockeye/1";

/** What a client announces. */
export interface Announcement {
  /** The process that it says it is. */
  readonly pid: number;
  /** 32 lower-case hexadecimal digits. */
  readonly nonce: string;
  /** Its names can be derived, but it must be refused, for this reason. */
  readonly refusal?: SockeyeError;
}

/**
 * What a client writes to the rendezvous, in one write.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * import { formatAnnouncement } from "@sockeye/net/protocols";
 *
 * const nonce = "0123456789abcdef0123456789abcdef";
 * // The first newline ends what another client may have left half-written.
 * const record = `\nsockeye/1 connect 4711 ${nonce}\n`;
 * assert.equal(formatAnnouncement(4711, nonce), record);
 * ```
 */
export function formatAnnouncement(pid: number, nonce: string): string {
  return `\n${name} connect ${pid} ${nonce}\n`;
}

/**
 * What the server writes to s2c: that it takes the client, or why it refuses.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * import { formatAnswer } from "@sockeye/net/protocols";
 *
 * assert.equal(formatAnswer(), "sockeye/1 ok\n");
 * assert.equal(formatAnswer("EACCES"), "sockeye/1 error EACCES\n");
 * ```
 */
export function formatAnswer(refusal?: ErrnoCode): string {
  return refusal === undefined ? `${name} ok\n` : `${name} error ${refusal}\n`;
}

/**
 * Reads a line that came by the rendezvous, without its newline.
 *
 * One of another version whose names can be derived is given with a
 * `refusal`, so that its client can be told.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * import { parseAnnouncement } from "@sockeye/net/protocols";
 *
 * const nonce = "0123456789abcdef0123456789abcdef";
 * const known = parseAnnouncement(`sockeye/1 connect 4711 ${nonce}`);
 * assert.deepEqual(known, { pid: 4711, nonce });
 * const foreign = parseAnnouncement(`sockeye/2 connect 4711 ${nonce}`);
 * assert.equal(foreign.refusal?.code, "ERR_SOCKEYE_PROTOCOL");
 * assert.throws(() => parseAnnouncement("hello"), { code: "ERR_SOCKEYE_PROTOCOL" });
 * ```
 *
 * @throws {SockeyeError} `ERR_SOCKEYE_PROTOCOL` where it is no record that
 * anybody could be answered for.
 */
export function parseAnnouncement(line: string): Announcement {
  const [, version, pid, nonce] =
    /^sockeye\/(\S+) connect ([1-9]\d{0,9}) ([0-9a-f]{32})$/.exec(line) ?? [];
  const foreign = unknownVersion(line);
  if (nonce === undefined || Number(pid) > 0x7fffffff) {
    throw foreign ?? new SockeyeError(
      "ERR_SOCKEYE_PROTOCOL",
      `a line in the rendezvous is no record: ${quote(line)}`,
    );
  }
  const announcement = { pid: Number(pid), nonce };
  return version === "1" || foreign === undefined
    ? announcement
    : { ...announcement, refusal: foreign };
}

/**
 * Reads a line that came by s2c, without its newline; returns where the server
 * takes us.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * import { parseAnswer } from "@sockeye/net/protocols";
 *
 * parseAnswer("sockeye/1 ok");
 * assert.throws(() => parseAnswer("sockeye/1 error EACCES"), { code: "EACCES" });
 * assert.throws(() => parseAnswer("welcome"), { code: "ERR_SOCKEYE_PROTOCOL" });
 * ```
 *
 * @throws {SockeyeError} with the code that the server gave, or
 * `ERR_SOCKEYE_PROTOCOL` where it gave none that we know.
 */
export function parseAnswer(line: string): void {
  if (line === `${name} ok`) return;
  const [, code] = /^sockeye\/1 error ([A-Z][A-Z0-9_]{0,39})$/.exec(line) ?? [];
  if (isErrnoCode(code)) {
    throw new SockeyeError(code, `the server refused with ${code}`);
  }
  throw unknownVersion(line) ?? new SockeyeError(
    "ERR_SOCKEYE_PROTOCOL",
    code === undefined
      ? `the server's answer is none: ${quote(line)}`
      : `the server refused with ${code}`,
  );
}

/** Why a line of another version is refused; undefined for what is none. */
export function unknownVersion(line: string): SockeyeError | undefined {
  const [given] = /^sockeye\/\S*/.exec(line) ?? [];
  if (given === undefined || given === name) return undefined;
  return new SockeyeError(
    "ERR_SOCKEYE_PROTOCOL",
    `the peer speaks ${quote(given)}, which is not known here: only ${name}`,
  );
}

/** For a message: short, and nothing in it that a terminal would obey. */
export function quote(line: string): string {
  const short = line.length > 60 ? `${line.slice(0, 60)}…` : line;
  return `"${short.replace(/[^\x20-\x7e…]/g, "?")}"`;
}

/** One line, without its newline. */
export interface Line {
  /** Each byte as one character; empty if it was overlong. */
  readonly text: string;
  /** It had more than {@linkcode MAX_LINE} bytes, which were dropped. */
  readonly overlong: boolean;
}

/**
 * Lines out of bytes that arrive in any pieces. Holds what was pushed and at
 * most one line of it in addition; empty lines mean nothing and are skipped.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * import { formatAnnouncement, LineReader } from "@sockeye/net/protocols";
 *
 * const encoder = new TextEncoder();
 * const nonce = "0123456789abcdef0123456789abcdef";
 * const reader = new LineReader();
 * reader.push(encoder.encode("sockeye/1 conn")); // whoever wrote this did not go on
 * reader.push(encoder.encode(formatAnnouncement(4711, nonce)));
 * assert.equal(reader.next()?.text, "sockeye/1 conn"); // no record
 * assert.equal(reader.next()?.text, `sockeye/1 connect 4711 ${nonce}`);
 * assert.equal(reader.next(), undefined);
 * ```
 */
export class LineReader {
  #chunks: Uint8Array[] = [];
  /** Into the first of the chunks. */
  #at = 0;
  #text = "";
  #overlong = false;

  /** Adds bytes, which are kept as they are until they have been read. */
  push(bytes: Uint8Array): void {
    if (bytes.length > 0) this.#chunks.push(bytes);
  }

  /** Whether all that was pushed has been read. */
  get drained(): boolean {
    return this.#chunks.length === 0;
  }

  /** The next whole line, or undefined where more bytes are needed. */
  next(): Line | undefined {
    for (let chunk; (chunk = this.#chunks[0]) !== undefined;) {
      const end = chunk.indexOf(NEWLINE, this.#at);
      this.#append(chunk.subarray(this.#at, end < 0 ? chunk.length : end));
      this.#at = end < 0 ? chunk.length : end + 1;
      if (this.#at === chunk.length) {
        this.#chunks.shift();
        this.#at = 0;
      }
      if (end < 0) continue;
      const line = { text: this.#text, overlong: this.#overlong };
      this.#text = "";
      this.#overlong = false;
      if (line.text !== "" || line.overlong) return line;
    }
    return undefined;
  }

  /** What follows the last line that was read; nothing is kept of it here. */
  rest(): Uint8Array[] {
    const [first, ...others] = this.#chunks;
    this.#chunks = [];
    const begun = first?.subarray(this.#at);
    this.#at = 0;
    return begun === undefined ? [] : [begun, ...others];
  }

  #append(bytes: Uint8Array): void {
    if (this.#overlong) return;
    if (this.#text.length + bytes.length >= MAX_LINE) {
      this.#overlong = true;
      this.#text = "";
      return;
    }
    // Bytes beyond ASCII become characters that no record has.
    this.#text += String.fromCharCode(...bytes);
  }
}
