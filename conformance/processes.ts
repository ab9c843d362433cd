/** Programs that a case runs as processes: on this same runtime, or Python. */
import { readFileSync } from "node:fs";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { netAddress, pathOf } from "./addresses.ts";
import { Program } from "./program.ts";
import type { Trial } from "./harness.ts";
import type { AddressLike } from "../core/address.ts";

/** Starts a command that ends with the case, if not before. */
export function start(
  t: Trial,
  command: readonly string[],
  env?: Readonly<Record<string, string>>,
): Program {
  const program = new Program(command, env);
  t.atEnd(() => program.stop());
  return program;
}

/** Starts a Python program, given as its text. */
export function python(t: Trial, text: string, ...args: string[]): Program {
  return start(t, ["python3", "-c", text, ...args]);
}

/** A foreign program at an address: over FIFOs another one, which is told the path. */
export function foreignProgram(
  t: Trial,
  at: AddressLike,
  programs: { readonly sockets: string; readonly fifos: string },
  ...args: string[]
): Program {
  return t.transport === "fifo"
    ? python(t, programs.fifos, pathOf(at), ...args)
    : python(t, programs.sockets, JSON.stringify(netAddress(at)), ...args);
}

/** The command that runs one of `programs/` on this same runtime, for this subject. */
export function programCommand(t: Trial, name: string): string[] {
  const extension = import.meta.url.endsWith(".ts") ? "ts" : "js";
  const url = new URL(`./programs/${name}.${extension}`, import.meta.url);
  const { execPath, versions, execArgv } = process;
  const command = "deno" in versions
    ? [execPath, "run", "-A", "--no-lock"]
    : "bun" in versions
    ? [execPath]
    : [execPath, ...execArgv.filter((each) => each.includes("strip-types"))];
  // Deno runs what is not on disk as well.
  const program = url.protocol === "file:" ? fileURLToPath(url.href) : url.href;
  return [...command, program, t.subject.module, t.transport];
}

/** Seconds of processor time that a process has used (proc(5), in ticks of 10 ms). */
export function cpuSeconds(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
  // The second field is the name in parentheses and may hold anything.
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  return (Number(fields[11]) + Number(fields[12])) / 100;
}
