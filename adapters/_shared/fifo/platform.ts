/**
 * What making FIFO connections needs of a runtime, besides `node:fs`.
 *
 * @module
 */
import { spawn } from "node:child_process";
import process from "node:process";
import { SockeyeError } from "../../../core/error.ts";
import type { Capability } from "../../../core/runtime.ts";
import type { FifoEnds } from "./ends.ts";

/** How a command ended. */
export interface Ended {
  /** Its exit status. */
  readonly status: number;
  /** What it wrote on its standard error. */
  readonly errors: string;
}

/** One runtime's part. */
export interface FifoPlatform {
  readonly ends: FifoEnds;
  /** Runs `mkfifo` with these arguments, in the C locale; rejects where it cannot be started. */
  mkfifo(args: readonly string[]): Promise<Ended>;
  /** Whether a process is known to be there no more. */
  isGone(pid: number): boolean;
  /** How well it does FIFOs on a system that has them; `none` where a permission is missing. */
  capability(): Capability;
}

/** What `capabilities()` says. */
export function fifoSupport(platform: FifoPlatform): Capability {
  return process.platform === "win32"
    ? { support: "none", reason: "Windows has no FIFOs" }
    : platform.capability();
}

/** Why FIFOs cannot be used; undefined where nothing is missing. */
export function missingFifos(platform: FifoPlatform): SockeyeError | undefined {
  const { support, reason } = fifoSupport(platform);
  if (support !== "none") return undefined;
  const code = process.platform === "win32"
    ? "ERR_SOCKEYE_UNSUPPORTED"
    : "EACCES";
  return new SockeyeError(code, reason!);
}

/** By `node:child_process`, as on Node and Bun. */
export function nodePlatform(ends: FifoEnds): FifoPlatform {
  return {
    ends,
    mkfifo,
    isGone,
    capability: () => ({ support: "native" }),
  };
}

function mkfifo(args: readonly string[]): Promise<Ended> {
  return new Promise((resolve, reject) => {
    const child = spawn("mkfifo", args, {
      env: { ...process.env, LC_ALL: "C" },
      stdio: ["ignore", "ignore", "pipe"],
    });
    let errors = "";
    child.stderr.setEncoding("utf8").on("data", (text) => errors += text);
    child.on("error", reject);
    child.on("close", (status) => resolve({ status: status ?? -1, errors }));
  });
}

function isGone(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return false;
  } catch (error) {
    return (error as { code?: unknown }).code === "ESRCH";
  }
}
