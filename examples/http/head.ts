/**
 * Cutting the heads of HTTP requests out of what a client sends, in time and
 * within bounds.
 */
import { type Connection, SockeyeError } from "../../mod.ts";
import { HttpError } from "./error.ts";
import { parseHead, type Request } from "./request.ts";

/** Bytes that a head may have, its empty line included. */
const maxHead = 8192;

/** The heads of the requests on one connection, one behind the other. */
export class HeadReader {
  readonly #connection: Connection;
  readonly #timeout: number;
  readonly #stopping: AbortSignal;
  #rest: Uint8Array = new Uint8Array(0);
  #count = 0;

  /** `timeout` is for a whole head, ms; `stopping` ends the wait for one that has not begun. */
  constructor(connection: Connection, timeout: number, stopping: AbortSignal) {
    this.#connection = connection;
    this.#timeout = timeout;
    this.#stopping = stopping;
  }

  /**
   * The next request. Undefined when no other follows: the client has ended,
   * or asked nothing more in time, or we are stopping.
   *
   * @throws {HttpError} 400 for a head that is none, 408 for one that is not
   * whole in time, 431 for one that is too long.
   */
  async next(): Promise<Request | undefined> {
    // For the whole head: one byte a second is too slow as well.
    this.#connection.setDeadline(this.#timeout, "read");
    try {
      const head = await this.#readHead();
      if (head === undefined) return undefined;
      this.#count++;
      return parseHead(head);
    } catch (error) {
      if (this.#stopping.aborted && error === this.#stopping.reason) return;
      const late = error instanceof SockeyeError && error.code === "ETIMEDOUT";
      if (!late) throw error;
      if (this.#rest.length === 0 && this.#count > 0) return undefined;
      throw new HttpError(408, "The request took too long");
    } finally {
      this.#connection.setDeadline(null, "read");
    }
  }

  async #readHead(): Promise<Uint8Array | undefined> {
    for (;;) {
      const end = endOfHead(this.#rest);
      if ((end < 0 ? this.#rest.length : end) > maxHead) {
        throw new HttpError(431, `The head has more than ${maxHead} bytes`);
      }
      if (end >= 0) {
        const head = this.#rest.subarray(0, end);
        this.#rest = this.#rest.subarray(end);
        return head;
      }
      const begun = this.#rest.length > 0;
      const bytes = await this.#connection.read(
        begun ? {} : { signal: this.#stopping },
      );
      if (bytes === null && !begun) return undefined;
      if (bytes === null) throw new HttpError(400, "The head has no end");
      this.#rest = join(this.#rest, bytes);
    }
  }
}

/** Where the first head ends, behind its empty line; -1 if it does not yet. */
function endOfHead(bytes: Uint8Array): number {
  const lf = 10, cr = 13;
  // Empty lines in front of a request are passed over: RFC 9112, section 2.2.
  let line = 0;
  while (bytes[line] === cr || bytes[line] === lf) line++;
  for (let at = line; at < bytes.length; at++) {
    if (bytes[at] !== lf) continue;
    const length = at - line - (bytes[at - 1] === cr ? 1 : 0);
    if (length <= 0) return at + 1;
    line = at + 1;
  }
  return -1;
}

function join(one: Uint8Array, other: Uint8Array): Uint8Array {
  if (one.length === 0) return other;
  const both = new Uint8Array(one.length + other.length);
  both.set(one);
  both.set(other, one.length);
  return both;
}
