/**
 * Children that must not outlive their parent.
 *
 * @module
 */
import { existsSync } from "node:fs";
import process from "node:process";
import type { Capability } from "../../core/transport.ts";

/** What to put before a command, so that it does not outlive us. */
export function fateOfParent(): readonly string[] {
  return setpriv === undefined ? [] : [setpriv, "--pdeathsig", "KILL", "--"];
}

/** Of util-linux; see prctl(2), PR_SET_PDEATHSIG. */
const setpriv: string | undefined = process.platform === "linux"
  ? ["/usr/bin/setpriv", "/bin/setpriv"].find((path) => exists(path))
  : undefined;

function exists(path: string): boolean {
  try {
    return existsSync(path);
  } catch {
    return false; // Deno without permission to look.
  }
}

/** What `capabilities()` says of children that outlive their parent. */
export function orphanExit(): Capability {
  if (setpriv !== undefined) return { support: "native" };
  return {
    support: "emulated",
    reason: "Without setpriv (util-linux) a child ends when it finds its " +
      "parent gone, which one that is busy does not",
  };
}
