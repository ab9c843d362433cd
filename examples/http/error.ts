/** The answers of an HTTP server that are no file. */

/** What each status that we give says: RFC 9110, section 15. */
const reasons = {
  200: "OK",
  206: "Partial Content",
  301: "Moved Permanently",
  304: "Not Modified",
  400: "Bad Request",
  403: "Forbidden",
  404: "Not Found",
  405: "Method Not Allowed",
  408: "Request Timeout",
  416: "Range Not Satisfiable",
  431: "Request Header Fields Too Large",
  501: "Not Implemented",
  505: "HTTP Version Not Supported",
} as const;

/** A status that we give. */
export type Status = keyof typeof reasons;

/** The head of an answer, with its empty line. */
export function headOf(
  status: Status,
  headers: Readonly<Record<string, string | number>>,
  last: boolean,
): Uint8Array {
  const lines = [`HTTP/1.1 ${status} ${reasons[status]}`];
  lines.push(`Date: ${new Date().toUTCString()}`);
  for (const [name, value] of Object.entries(headers)) {
    lines.push(`${name}: ${value}`);
  }
  if (last) lines.push("Connection: close");
  return new TextEncoder().encode(`${lines.join("\r\n")}\r\n\r\n`);
}

/** A request that is answered with a status and a sentence, and no file. */
export class HttpError extends Error {
  readonly #status: Status;
  readonly #headers: Readonly<Record<string, string>>;

  constructor(
    status: Status,
    sentence: string,
    headers: Readonly<Record<string, string>> = {},
  ) {
    super(sentence);
    this.#status = status;
    this.#headers = headers;
  }

  /** Whether nobody knows where the next request would begin. */
  get endsConnection(): boolean {
    return [400, 408, 431, 501, 505].includes(this.#status);
  }

  /** The whole answer. */
  toBytes({ last, body }: { last: boolean; body: boolean }): Uint8Array {
    const text = new TextEncoder().encode(`${this.message}\n`);
    const headers = {
      "Content-Type": "text/plain; charset=utf-8",
      "Content-Length": text.length,
      ...this.#headers,
    };
    const head = headOf(this.#status, headers, last);
    if (!body) return head;
    const all = new Uint8Array(head.length + text.length);
    all.set(head);
    all.set(text, head.length);
    return all;
  }
}
