/**
 * What children and threads run: files of this package.
 *
 * @module
 */
import { existsSync } from "node:fs";
import { fileURLToPath, URL } from "node:url";
import type { Capability } from "../../../core/runtime.ts";
import type { Grants } from "../grants.ts";

/** What a child process runs: built if we are, else the source. */
export const childEntry: URL = entryOf("child");
/** The same for a thread. */
export const threadEntry: URL = entryOf("thread");

function entryOf(name: "child" | "thread"): URL {
  // Bundlers that make CommonJS leave nothing of `import.meta`.
  const here = import.meta.url ?? "file:///bundle.js";
  const extension = here.endsWith(".ts") ? "ts" : "js";
  return new URL(`../../../entries/${name}.${extension}`, here);
}

/**
 * A capability of what runs an entry, where that is there: a bundler takes what
 * is imported, and nobody imports an entry.
 */
export function startedFrom(
  entry: URL,
  { mayRead }: Pick<Grants, "mayRead">,
  capability: Capability,
): Capability {
  if (entry.protocol !== "file:") return capability;
  const path = fileURLToPath(entry.href);
  if (!mayRead(path) || existsSync(path)) return capability;
  return {
    support: "none",
    reason: `What they run, ${path}, is not there: leave @sockeye/net ` +
      "outside of a bundle, so that it keeps its own files",
  };
}
