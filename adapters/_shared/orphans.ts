/**
 * Children that must not outlive their parent.
 *
 * @module
 */
import { existsSync } from "node:fs";
import process from "node:process";
import type { Capability } from "../../core/transport.ts";

/** Whether we may look at a program and run it, which Deno has to be asked. */
export type MayRun = (path: string) => boolean;

/** What to put before a command, so that it does not outlive us. */
export function fateOfParent(mayRun: MayRun): readonly string[] {
  const setpriv = findSetpriv(mayRun);
  return setpriv === undefined ? [] : [setpriv, "--pdeathsig", "KILL", "--"];
}

/** What `capabilities()` says of children that outlive their parent. */
export function orphanExit(mayRun: MayRun): Capability {
  if (findSetpriv(mayRun) !== undefined) return { support: "native" };
  return {
    support: "emulated",
    reason: "Without setpriv (util-linux) a child ends when it finds its " +
      "parent gone, which one that is busy does not",
  };
}

/** Of util-linux; see prctl(2), PR_SET_PDEATHSIG. Looked for when it is wanted. */
function findSetpriv(mayRun: MayRun): string | undefined {
  if (process.platform !== "linux") return undefined;
  return ["/usr/bin/setpriv", "/bin/setpriv"]
    .find((path) => mayRun(path) && existsSync(path));
}
