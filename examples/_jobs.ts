/**
 * What spooler and clients say to each other: a line, `<bytes> <text>`, and so
 * many bytes behind it. A stream has no boundaries of its own, and the end may
 * come at any byte: `recv_info` gives the whole of what was sent, or fails.
 */
import type { Connection } from "../mod.ts";

/** A line and what belongs to it: a job, or the answer to one. */
export interface Info {
  readonly text: string;
  readonly bytes: Uint8Array;
}

const NEWLINE = 0x0a, longestLine = 4096, most = 256 * 1024 * 1024;
const none = new Uint8Array(0);

/** send_info: all of it is on its way when this resolves. */
export async function sendInfo(
  connection: Connection,
  text: string,
  bytes: Uint8Array = none,
): Promise<void> {
  const line = `${bytes.length} ${encodeURIComponent(text)}\n`;
  await connection.write(new TextEncoder().encode(line));
  if (bytes.length > 0) await connection.write(bytes);
}

/** The receiving side of one connection. */
export class Receiver {
  readonly #connection: Connection;
  #rest: Uint8Array = none;

  constructor(connection: Connection) {
    this.#connection = connection;
  }

  /** recv_info: `null` when the peer has ended between two of them. */
  async recvInfo(): Promise<Info | null> {
    let end = this.#rest.indexOf(NEWLINE);
    while (end < 0) {
      if (this.#rest.length > longestLine) throw new Error("That is no job");
      const more = await this.#connection.read();
      if (more === null && this.#rest.length === 0) return null;
      if (more === null) throw new Error("The end came within a line");
      this.#rest = join([this.#rest, more]);
      end = this.#rest.indexOf(NEWLINE);
    }
    const line = new TextDecoder().decode(this.#take(end + 1));
    const [, length, text] = /^(\d{1,9}) (\S*)\n$/.exec(line) ?? [];
    if (length === undefined || text === undefined || Number(length) > most) {
      throw new Error("That is no job");
    }
    const bytes = await this.#exactly(Number(length));
    return { text: decodeURIComponent(text), bytes };
  }

  async #exactly(length: number): Promise<Uint8Array> {
    const parts = [this.#take(length)];
    let got = parts[0]!.length;
    while (got < length) {
      const more = await this.#connection.read();
      if (more === null) {
        throw new Error(`The end came after ${got} of ${length} bytes`);
      }
      this.#rest = more;
      parts.push(this.#take(length - got));
      got += parts.at(-1)!.length;
    }
    return join(parts);
  }

  /** At most so many of the bytes that are here. */
  #take(length: number): Uint8Array {
    const taken = this.#rest.subarray(0, length);
    this.#rest = this.#rest.subarray(taken.length);
    return taken;
  }
}

function join(parts: readonly Uint8Array[]): Uint8Array {
  const all = new Uint8Array(
    parts.reduce((sum, { length }) => sum + length, 0),
  );
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}
