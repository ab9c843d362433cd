/**
 * Where several listeners can share a TCP port, with SO_REUSEPORT (socket(7)).
 *
 * @module
 */
import process from "node:process";
import type { Capability } from "../../../core/runtime.ts";

/** What `capabilities()` says of it. */
export function reusePort(): Capability {
  if (process.platform !== "linux") {
    return {
      support: "none",
      reason: "Linux alone spreads connections over all who share a port",
    };
  }
  const { deno, bun, node } = process.versions;
  if (deno === undefined && bun === undefined && !hasOption(node)) {
    return {
      support: "none",
      reason: "Node before 22.12 ignores the option, and says nothing of it",
    };
  }
  return {
    support: "native",
    reason: "Restarts lose connections: those that are queued at the member " +
      "that leaves are reset",
  };
}

/** `reusePort` of `server.listen` came with Node 23.1, and with 22.12. */
function hasOption(version: string): boolean {
  const [major = 0, minor = 0] = version.split(".").map(Number);
  return major >= 23 || (major === 22 && minor >= 12);
}
