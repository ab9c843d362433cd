/**
 * How many descriptors this process may have, and has.
 *
 * @module
 */
import { readdirSync, readFileSync } from "node:fs";
import process from "node:process";
import type { DescriptorUse } from "../../core/runtime.ts";

/** The limit does not change while we run: runtimes raise it before we start. */
let limit: number | undefined;

/**
 * The limit of descriptors and how many are open.
 *
 * Reads a directory of `/proc` each time: microseconds, and more with
 * thousands open. Not for each connection.
 *
 * @returns undefined where the platform does not tell (no `/proc`, or no
 * permission to read it).
 */
export function descriptorUse(): DescriptorUse | undefined {
  try {
    limit ??= readLimit();
    // One of them is the directory itself, being read.
    return { limit, used: readdirSync("/proc/self/fd").length - 1 };
  } catch {
    return undefined;
  }
}

/**
 * `/proc` first: it takes 0.1 to 0.4 ms, where `process.report` takes 0.4 to
 * 4 ms, and looks up the name of every peer on the way. On Deno it asks the
 * user for permission to count the processors.
 */
function readLimit(): number {
  try {
    const limits = readFileSync("/proc/self/limits", "utf8");
    return toLimit(/^Max open files\s+(\S+)/m.exec(limits)?.[1]);
  } catch (error) {
    if ("deno" in process.versions) throw error;
    const report = process.report.getReport() as unknown as Report;
    return toLimit(report.userLimits.open_files.soft);
  }
}

interface Report {
  userLimits: { open_files: { soft: number | string } };
}

function toLimit(text: number | string | undefined): number {
  if (text === "unlimited") return Infinity;
  const limit = Number(text);
  if (!(limit > 0)) throw new Error(`No limit of descriptors: ${text}`);
  return limit;
}
