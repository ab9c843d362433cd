/**
 * Which file a request means, and sending it: RFC 9110, sections 13 and 14, as
 * far as a server of files needs it.
 */
import { Buffer } from "node:buffer";
import type { Stats } from "node:fs";
import { constants, type FileHandle, open, realpath } from "node:fs/promises";
import { extname, join, sep } from "node:path";
import type { Connection } from "../mod.ts";
import { headOf, HttpError } from "./_http_error.ts";
import type { Request } from "./_http_request.ts";

const types: Readonly<Record<string, string>> = {
  ".avif": "image/avif",
  ".css": "text/css; charset=utf-8",
  ".csv": "text/csv; charset=utf-8",
  ".gif": "image/gif",
  ".htm": "text/html; charset=utf-8",
  ".html": "text/html; charset=utf-8",
  ".ico": "image/x-icon",
  ".jpeg": "image/jpeg",
  ".jpg": "image/jpeg",
  ".js": "text/javascript; charset=utf-8",
  ".json": "application/json",
  ".md": "text/markdown; charset=utf-8",
  ".mjs": "text/javascript; charset=utf-8",
  ".mp3": "audio/mpeg",
  ".mp4": "video/mp4",
  ".pdf": "application/pdf",
  ".png": "image/png",
  ".svg": "image/svg+xml",
  ".txt": "text/plain; charset=utf-8",
  ".wasm": "application/wasm",
  ".webp": "image/webp",
  ".xml": "application/xml",
  ".zip": "application/zip",
};

/** A file that may be sent, open. */
interface Found {
  readonly file: FileHandle;
  readonly stats: Stats;
  readonly type: string;
}

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

/** The path that a target means, decoded: RFC 3986, section 2. */
function pathOf(target: string): string {
  const [, path] = /^(?:https?:\/\/[^/?#]*)?(\/[^?#]*)/i.exec(target) ?? [];
  if (path === undefined) throw new HttpError(400, "The target is no path");
  try {
    const decoded = decodeURIComponent(path);
    if (!decoded.includes("\0")) return decoded;
  } catch {
    // Said below.
  }
  throw new HttpError(400, "The path is malformed");
}

/** Opens the file that a decoded path means; an index for a directory. */
async function find(root: string, path: string): Promise<Found> {
  // Before the file system sees it: whether `..` leads out does not depend on
  // what is there.
  let depth = 0;
  for (const part of path.split("/")) {
    if (part === "..") depth--;
    else if (part !== "" && part !== ".") depth++;
    if (depth < 0) throw new HttpError(403, "That is outside of the directory");
  }
  const given = join(root, path);
  try {
    const real = await realpath(given);
    if (real !== root && !real.startsWith(root === sep ? sep : root + sep)) {
      throw new HttpError(403, "That is outside of the directory");
    }
    // Not to wait for the writer of a FIFO, nor to follow what is put there
    // meanwhile.
    const { O_RDONLY, O_NOFOLLOW, O_NONBLOCK } = constants;
    const file = await open(real, O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
    try {
      const stats = await file.stat();
      if (stats.isFile() && !path.endsWith("/")) {
        const type = types[extname(real).toLowerCase()] ??
          "application/octet-stream";
        return { file, stats, type };
      }
      if (!stats.isDirectory()) {
        throw new HttpError(404, "There is no such file");
      }
    } catch (error) {
      await file.close();
      throw error;
    }
    await file.close();
  } catch (error) {
    throw refusal(error);
  }
  // Links of a page are relative to what the client takes for its directory.
  if (!path.endsWith("/")) {
    const Location = encodeURI(`${path.replace(/^\/+/, "/")}/`);
    throw new HttpError(301, `It is at ${Location}`, { Location });
  }
  return await find(root, `${path}index.html`);
}

/** What the file system says, as a client may know it. */
function refusal(error: unknown): unknown {
  switch ((error as { code?: unknown }).code) {
    case "ENOENT":
    case "ENOTDIR":
    case "ELOOP":
    case "ENAMETOOLONG":
    case "ENXIO": // a socket, or a device that is not there
      return new HttpError(404, "There is no such file");
    case "EACCES":
    case "EPERM":
      return new HttpError(403, "That file is not for you");
    default:
      return error;
  }
}

/** Whether the client has it already: RFC 9110, section 13.1.3. */
function isFresh({ headers }: Request, modified: Date): boolean {
  const since = Date.parse(headers.get("if-modified-since") ?? "");
  return since >= modified.getTime();
}

/**
 * The part that is asked for, `to` being behind its last byte; undefined for
 * all of it, as when several parts are asked for: RFC 9110, sections 13.1.5 and
 * 14.2.
 */
function rangeOf(
  { method, headers }: Request,
  size: number,
  modified: Date,
): { from: number; to: number } | undefined {
  const [, first = "", end = ""] =
    /^bytes=(\d*)-(\d*)$/i.exec(headers.get("range") ?? "") ?? [];
  if (method !== "GET" || (first === "" && end === "")) return undefined;
  if (first !== "" && end !== "" && Number(end) < Number(first)) {
    return undefined;
  }
  const ifRange = headers.get("if-range");
  if (ifRange !== undefined && Date.parse(ifRange) !== modified.getTime()) {
    return undefined;
  }
  const from = first === "" ? Math.max(0, size - Number(end)) : Number(first);
  const to = first === "" || end === ""
    ? size
    : Math.min(size, Number(end) + 1);
  if (from < to) return { from, to };
  throw new HttpError(416, "The file has no such bytes", {
    "Content-Range": `bytes */${size}`,
  });
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
