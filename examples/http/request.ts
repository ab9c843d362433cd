/**
 * Reading what an HTTP client asks: RFC 9112, sections 2 to 7 and 9.3, as far
 * as a server of files needs it. Bodies are not read: a request that has one is
 * the last of its connection.
 */
import { HttpError } from "./error.ts";

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

/** Reads a head, with its empty line. */
export function parseHead(bytes: Uint8Array): Request {
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
