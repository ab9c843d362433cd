/**
 * Permissions, asked about before they are used, so that Deno never asks the
 * user.
 *
 * @module
 */
import process from "node:process";
import type { Grants } from "../_shared/grants.ts";

/** Whether a permission is there already. */
export function isGranted(permission: Deno.PermissionDescriptor): boolean {
  return Deno.permissions.querySync(permission).state === "granted";
}

/** What Deno lets us do. */
export const grants: Grants = {
  mayRun: (path) =>
    isGranted({ name: "read", path }) &&
    isGranted({ name: "run", command: path }),
  mayRead: (path) => isGranted({ name: "read", path }),
  mayAppend: (path) => isGranted({ name: "write", path }),
  mayReadEnvironment: () => isGranted({ name: "env" }),
  mayKnowUser: () =>
    isGranted({ name: "sys", kind: "uid" }) &&
    isGranted({ name: "sys", kind: "gid" }),
  maySignal: () => isGranted({ name: "run" }),
};

/** Whether Deno may start itself again, and look for the configuration of a module. */
export function maySelfStart(): boolean {
  const command = process.execPath;
  return isGranted({ name: "read" }) && isGranted({ name: "run", command });
}
