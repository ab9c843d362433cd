/** A program that runs beside a case. */
import { spawn } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import process from "node:process";
import { within } from "./wait.ts";

/** A process that is talked to in lines. */
export class Program {
  readonly #child: ChildProcess;
  readonly #lines: string[] = [];
  readonly #waiting: (() => void)[] = [];
  readonly #exit: Promise<void>;
  #rest = "";
  #errors = "";
  #over = false;
  #status: number | null = null;

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
      this.#child.once("exit", (status) => this.#status = status);
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

  /** Its exit status, when it is gone; null if a signal ended it. */
  get status(): number | null {
    return this.#status;
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
