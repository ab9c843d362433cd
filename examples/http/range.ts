/**
 * Which part of a file a request wants, if any of it: RFC 9110, sections 13 and
 * 14.
 */
import { HttpError } from "./error.ts";
import type { Request } from "./request.ts";

/** Whether the client has it already: RFC 9110, section 13.1.3. */
export function isFresh({ headers }: Request, modified: Date): boolean {
  const since = Date.parse(headers.get("if-modified-since") ?? "");
  return since >= modified.getTime();
}

/**
 * The part that is asked for, `to` being behind its last byte; undefined for
 * all of it, as when several parts are asked for: RFC 9110, sections 13.1.5 and
 * 14.2.
 */
export function rangeOf(
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
