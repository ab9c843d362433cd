/**
 * Children that must not outlive their parent.
 *
 * @module
 */
import { existsSync } from "node:fs";
import process from "node:process";
import type { Capability } from "../../../core/runtime.ts";
import type { Grants } from "../grants.ts";

/**
 * What to put before a command, so that it does not outlive us. What remains is
 * the millisecond in which setpriv itself starts: if we are killed in it, nobody
 * tells. A child of ours finds its channel closed then; a foreign program goes on.
 */
export function fateOfParent(grants: Grants): readonly string[] {
  const setpriv = findSetpriv(grants);
  return setpriv === undefined ? [] : [setpriv, "--pdeathsig", "KILL", "--"];
}

/** What `capabilities()` says of children that outlive their parent. */
export function orphanExit(grants: Grants): Capability {
  if (findSetpriv(grants) !== undefined) return { support: "native" };
  return {
    support: "emulated",
    reason: "Without setpriv (util-linux) a child ends when it finds its " +
      "parent gone: one that is busy does not, nor does a program of serveExec",
  };
}

/** Of util-linux; see prctl(2), PR_SET_PDEATHSIG. Looked for when it is wanted. */
function findSetpriv(grants: Grants): string | undefined {
  if (process.platform !== "linux") return undefined;
  return ["/usr/bin/setpriv", "/bin/setpriv"]
    .find((path) => grants.mayRun(path) && existsSync(path));
}
