/**
 * Cutting the heads of HTTP requests out of what a client sends, in time and
 * within bounds.
 */
import { type Connection, SockeyeError } from "../../mod.ts";
import { endOfHead, join } from "./bytes.ts";
import { HttpError } from "./error.ts";
import { parseHead, type Request } from "./request.ts";

/** Bytes that a head may have, its empty line included. */
const maxHead = 8192;
/** How long one more request is waited for when we are stopping, ms. */
const lastWait = 1000;

/** The heads of the requests on one connection, one behind the other. */
export class HeadReader {
  readonly #connection: Connection;
  readonly #timeout: number;
  readonly #stopping: AbortSignal;
  #rest: Uint8Array = new Uint8Array(0);
  #count = 0;

  /** `timeout` is for a whole head, ms; with `stopping` one that has not begun has less. */
  constructor(connection: Connection, timeout: number, stopping: AbortSignal) {
    this.#connection = connection;
    this.#timeout = timeout;
    this.#stopping = stopping;
  }

  /**
   * The next request. Undefined when no other follows: the client has ended,
   * or asked nothing more in time.
   *
   * @throws {HttpError} 400 for a head that is none, 408 for one that is not
   * whole in time, 431 for one that is too long.
   */
  async next(): Promise<Request | undefined> {
    // For the whole head: one byte a second is too slow as well.
    const ms = this.#stopping.aborted ? lastWait : this.#timeout;
    this.#connection.setDeadline(Math.min(ms, this.#timeout), "read");
    try {
      const head = await this.#readHead();
      if (head === undefined) return undefined;
      this.#count++;
      return parseHead(head);
    } catch (error) {
      const late = error instanceof SockeyeError && error.code === "ETIMEDOUT";
      if (!late) throw error;
      const silent = this.#rest.length === 0;
      if (silent && (this.#count > 0 || this.#stopping.aborted)) return;
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
      const bytes = await (begun ? this.#connection.read() : this.#begin());
      if (bytes === null && !begun) return undefined;
      if (bytes === null) throw new HttpError(400, "The head has no end");
      this.#rest = join(this.#rest, bytes);
    }
  }

  /**
   * The first bytes of a request. When we are stopping, what a client has asked
   * may still be on its way here: it is answered, and told that it was the last.
   */
  async #begin(): Promise<Uint8Array | null> {
    const connection = this.#connection, signal = this.#stopping;
    if (!signal.aborted) {
      try {
        return await connection.read({ signal });
      } catch (error) {
        if (error !== signal.reason) throw error;
        connection.setDeadline(Math.min(lastWait, this.#timeout), "read");
      }
    }
    return await connection.read();
  }
}
