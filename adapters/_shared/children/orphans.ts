/**
 * Children that must not outlive their parent.
 *
 * @module
 */
import { existsSync, lstatSync } from "node:fs";
import process from "node:process";
import type { Capability } from "../../../core/runtime.ts";
import type { Grants } from "../grants.ts";

/** What to put before a command, so that it does not outlive us. */
export function fateOfParent(grants: Grants): readonly string[] {
  const setpriv = findSetpriv(grants);
  return setpriv === undefined ? [] : [setpriv, "--pdeathsig", "KILL", "--"];
}

/**
 * As {@linkcode fateOfParent}, for a program that knows nothing of us. If we are
 * killed before setpriv has begun, no signal comes, and the program would go on
 * (seen in two of five test runs); so nsenter, of util-linux too, goes where we
 * are next: to a process that has ended it finds no way, and ends. It enters no
 * namespace and stays nowhere; a millisecond is what it costs.
 */
export function fateOfServer(
  grants: Grants,
  cwd: string | undefined,
): readonly string[] {
  const fate = fateOfParent(grants);
  if (fate.length === 0 || !canBeFound(grants)) return fate;
  const { pid } = process;
  const back = cwd === undefined ? [] : [nsenter, `--wd=${cwd}`, "--"];
  return [...fate, nsenter, `--wd=/proc/${pid}/cwd`, "--", ...back];
}

const nsenter = "/usr/bin/nsenter";

/**
 * Whether a child may look where we are: what has changed its user, or got
 * rights from its file, is hidden from it (PR_SET_DUMPABLE, prctl(2)).
 */
function canBeFound(grants: Grants): boolean {
  const here = `/proc/${process.pid}/cwd`;
  if (!grants.mayRead(nsenter) || !grants.mayRead(here)) return false;
  if (!grants.mayKnowUser() || !existsSync(nsenter)) return false;
  const link = lstatSync(here, { throwIfNoEntry: false });
  return link?.uid === process.geteuid!();
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
