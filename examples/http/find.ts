/** Which file a request means, and never one outside of the directory. */
import type { Stats } from "node:fs";
import { constants, type FileHandle, open, realpath } from "node:fs/promises";
import { extname, join, sep } from "node:path";
import { HttpError } from "./error.ts";
import { typeOf } from "./types.ts";

/** A file that may be sent, open. */
export interface Found {
  readonly file: FileHandle;
  readonly stats: Stats;
  readonly type: string;
}

/** The path that a target means, decoded: RFC 3986, section 2. */
export function pathOf(target: string): string {
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
export async function find(root: string, path: string): Promise<Found> {
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
        const type = typeOf(extname(real));
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
