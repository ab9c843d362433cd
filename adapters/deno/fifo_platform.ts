/**
 * What making FIFO connections needs of Deno. It is asked for permissions
 * before they are used, so that Deno never asks the user.
 *
 * @module
 */
import process from "node:process";
import type { Capability } from "../../core/runtime.ts";
import type { Ended, FifoPlatform } from "../_shared/fifo/platform.ts";
import { fifoCapability, fifoEnds } from "./fifo_ends.ts";
import { isGranted } from "./permissions.ts";

/** Deno's part. */
export const fifoPlatform: FifoPlatform = {
  ends: fifoEnds,
  mkfifo,
  isGone,
  capability,
};

function capability(): Capability {
  if (!isGranted({ name: "run", command: "mkfifo" })) {
    return {
      support: "none",
      reason: "FIFOs are made by a command: it needs --allow-run=mkfifo",
    };
  }
  return fifoCapability();
}

/**
 * By Deno's own `Command`: `node:child_process` reads the environment, for
 * which it needs a permission more (NODE_V8_COVERAGE, Deno 2.9.5).
 */
async function mkfifo(args: readonly string[]): Promise<Ended> {
  const { code, stderr } = await new Deno.Command("mkfifo", {
    args: [...args],
    env: { LC_ALL: "C" },
    stdin: "null",
    stdout: "null",
    stderr: "piped",
  }).output();
  return { status: code, errors: new TextDecoder().decode(stderr) };
}

/** Signals, 0 too, need the permission to run anything. */
function isGone(pid: number): boolean {
  if (!isGranted({ name: "run" })) return false;
  try {
    process.kill(pid, 0);
    return false;
  } catch (error) {
    return (error as { code?: unknown }).code === "ESRCH";
  }
}
