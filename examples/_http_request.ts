/**
 * Reading what an HTTP client asks: RFC 9112, sections 2 to 7 and 9.3, as far
 * as a server of files needs it. Bodies are not read: a request that has one is
 * the last of its connection.
 */
import { type Connection, SockeyeError } from "../mod.ts";
import { HttpError } from "./_http_error.ts";

/** Bytes that a head may have, its empty line included. */
const maxHead = 8192;

/** What a client asks for. */
export interface Request {
  readonly method: string;
  /** As it was sent: a path, perhaps with a query, or a whole URL. */
  readonly target: string;
  /** Names in lower case; the values of a name that came twice are joined by ", ". */
  readonly headers: ReadonlyMap<string, string>;
  /** Whether no other request may follow on this connection. */
  readonly isLast: boolean;
}

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

function parseHead(bytes: Uint8Array): Request {
  // Bytes above ASCII are opaque: RFC 9110, section 5.5.
  const text = new TextDecoder("latin1").decode(bytes).trim();
  const [first = "", ...lines] = text.split(/\r?\n/);
  const [, method = "", target = "", version = ""] =
    /^([!#$%&'*+.^_`|~0-9A-Za-z-]+) ([!-~]+) HTTP\/(\d\.\d)$/.exec(first) ?? [];
  if (method === "") throw new HttpError(400, "The request line is malformed");
  if (!version.startsWith("1.")) {
    throw new HttpError(505, `HTTP/${version} is not spoken here`);
  }
  const headers = parseHeaders(lines);
  // Who sends both wants two servers to disagree: RFC 9112, section 6.1.
  if (headers.has("transfer-encoding") && headers.has("content-length")) {
    throw new HttpError(400, "The length of the body is given twice");
  }
  if (version === "1.1" && (headers.get("host") ?? ",").includes(",")) {
    throw new HttpError(400, "One Host is wanted");
  }
  const options = (headers.get("connection") ?? "").toLowerCase().split(
    /[ ,]+/,
  );
  const hasBody = headers.has("transfer-encoding") ||
    (headers.get("content-length") ?? "0") !== "0";
  const isLast = hasBody || options.includes("close") ||
    (version === "1.0" && !options.includes("keep-alive"));
  return { method, target, headers, isLast };
}

function parseHeaders(lines: readonly string[]): Map<string, string> {
  const headers = new Map<string, string>();
  for (const line of lines) {
    // No space before the colon, no folded lines: RFC 9112, sections 5.1 and 5.2.
    const [, name, value] =
      // deno-lint-ignore no-control-regex -- these are what is refused
      /^([!#$%&'*+.^_`|~0-9A-Za-z-]+):[ \t]*([^\0-\x08\x0a-\x1f\x7f]*?)[ \t]*$/
        .exec(line) ?? [];
    if (name === undefined) throw new HttpError(400, "A header is malformed");
    const key = name.toLowerCase(), before = headers.get(key);
    headers.set(key, before === undefined ? value! : `${before}, ${value}`);
  }
  return headers;
}
