/**
 * Permissions, asked about before they are used, so that Deno never asks the
 * user.
 *
 * @module
 */
import process from "node:process";
import type { Capability } from "../../core/transport.ts";

/** Whether a permission is there already. */
export function isGranted(permission: Deno.PermissionDescriptor): boolean {
  return Deno.permissions.querySync(permission).state === "granted";
}

/** Whether a program at this path may be looked at and run. */
export function mayRun(path: string): boolean {
  return isGranted({ name: "read", path }) &&
    isGranted({ name: "run", command: path });
}

/** Whether Deno may start itself again, and look for the configuration of a module. */
export function selfStart(): Capability {
  const command = process.execPath;
  if (isGranted({ name: "read" }) && isGranted({ name: "run", command })) {
    return { support: "native" };
  }
  return {
    support: "none",
    reason: "Deno starts children with --allow-read and --allow-run only",
  };
}
