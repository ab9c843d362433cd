/** Sending the file that a request means. */
import { Buffer } from "node:buffer";
import type { FileHandle } from "node:fs/promises";
import type { Connection } from "../../mod.ts";
import { headOf, HttpError } from "./error.ts";
import { find, pathOf } from "./find.ts";
import { isFresh, rangeOf } from "./range.ts";
import type { Request } from "./request.ts";

/**
 * Answers a request with a file below `root`, which is an absolute path without
 * symbolic links in it.
 *
 * @throws {HttpError} for what is no file of ours, 403, 404, 405, 416, …
 */
export async function answerFile(
  connection: Connection,
  root: string,
  request: Request,
  { last, timeout }: { last: boolean; timeout: number },
): Promise<void> {
  const { method } = request;
  if (method !== "GET" && method !== "HEAD") {
    const allow = { Allow: "GET, HEAD" };
    throw new HttpError(405, `${method} is not allowed here`, allow);
  }
  const { file, stats, type } = await find(root, pathOf(request.target));
  try {
    const modified = new Date(Math.floor(stats.mtimeMs / 1000) * 1000);
    const headers: Record<string, string | number> = {
      "Last-Modified": modified.toUTCString(),
      "Accept-Ranges": "bytes",
    };
    if (isFresh(request, modified)) {
      return await connection.write(headOf(304, headers, last), { timeout });
    }
    const range = rangeOf(request, stats.size, modified);
    const { from, to } = range ?? { from: 0, to: stats.size };
    headers["Content-Type"] = type;
    headers["Content-Length"] = to - from;
    if (range) {
      headers["Content-Range"] = `bytes ${from}-${to - 1}/${stats.size}`;
    }
    const head = headOf(range ? 206 : 200, headers, last);
    await connection.write(head, { timeout });
    if (method === "GET") await send(connection, file, from, to, timeout);
  } finally {
    await file.close();
  }
}

/** Sends a part of a file, one piece in memory at a time. */
async function send(
  connection: Connection,
  file: FileHandle,
  from: number,
  to: number,
  timeout: number,
): Promise<void> {
  const buffer = Buffer.allocUnsafeSlow(262144);
  for (let at = from; at < to;) {
    const wanted = Math.min(buffer.length, to - at);
    const { bytesRead } = await file.read(buffer, 0, wanted, at);
    // It has become shorter. The length was promised, so this is no good end.
    if (bytesRead === 0) throw new Error("The file was cut while it was sent");
    at += bytesRead;
    await connection.write(buffer.subarray(0, bytesRead), { timeout });
  }
}
