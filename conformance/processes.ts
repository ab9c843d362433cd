/** Programs that a case runs as processes: on this same runtime, or Python. */
import { spawn } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import { readFileSync } from "node:fs";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { within } from "./harness.ts";
import { netAddress, pathOf } from "./peers.ts";
import type { Trial } from "./harness.ts";
import type { AddressLike } from "../core/address.ts";

/** A process that is talked to in lines. */
export class Program {
  readonly #child: ChildProcess;
  readonly #lines: string[] = [];
  readonly #waiting: (() => void)[] = [];
  readonly #exit: Promise<void>;
  #rest = "";
  #errors = "";
  #over = false;

  constructor(
    command: readonly string[],
    env: Readonly<Record<string, string>> = {},
  ) {
    const [file = "", ...args] = command;
    this.#child = spawn(file, args, {
      env: { ...process.env, ...env },
      stdio: ["pipe", "pipe", "pipe"],
    });
    // Writing to a process that has ended is not this end's fault.
    this.#child.stdin?.on("error", () => {});
    this.#child.stdout?.setEncoding("utf8").on("data", (text: string) => {
      const lines = (this.#rest + text).split("\n");
      this.#rest = lines.pop() ?? "";
      this.#lines.push(...lines);
      this.#wake();
    });
    this.#child.stderr?.setEncoding("utf8").on("data", (text: string) => {
      this.#errors = (this.#errors + text).slice(-2000);
    });
    this.#exit = new Promise((resolve) => {
      const over = () => {
        this.#over = true;
        this.#wake();
        resolve();
      };
      this.#child.once("error", over).once("close", over);
    });
  }

  get pid(): number {
    return this.#child.pid ?? 0;
  }

  /** The last that it printed on its standard error. */
  get errors(): string {
    return this.#errors;
  }

  /** The next line that it prints. */
  async line(ms = 15_000): Promise<string> {
    const arrives = async () => {
      for (;;) {
        const line = this.#lines.shift();
        if (line !== undefined) return line;
        if (this.#over) {
          throw new Error(`The process died: ${this.#errors || "no word"}`);
        }
        await new Promise<void>((resolve) => this.#waiting.push(resolve));
      }
    };
    return await within(ms, "a line of a process", arrives());
  }

  say(line: string): void {
    this.#child.stdin?.write(`${line}\n`);
  }

  /** Resolves when it is gone. */
  get exited(): Promise<void> {
    return this.#exit;
  }

  /** Ends it if it runs, and waits until it is gone. */
  async stop(): Promise<void> {
    if (!this.#over) this.#child.kill("SIGKILL");
    await this.#exit;
  }

  #wake(): void {
    for (const resolve of this.#waiting.splice(0)) resolve();
  }
}

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
