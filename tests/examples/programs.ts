/**
 * Programs as processes: the examples on the runtime that runs the test, and
 * foreign peers. What a test starts ends with it, by its process id, and what
 * its programs leave on disk fails it.
 */
import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { type ChildProcess, spawn } from "node:child_process";
import {
  chmodSync,
  existsSync,
  mkdtempSync,
  readdirSync,
  rmSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { prelude } from "./peers.ts";

/** What one condition may take, ms: far more than it needs on a busy machine. */
const patience = 20_000;

/** A process, and all that it has said. */
export class Program {
  readonly #title: string;
  readonly #child: ChildProcess;
  readonly #out: Uint8Array[] = [];
  readonly #looks = new Set<() => void>();
  readonly #over: Promise<number | string>;
  #errors = "";
  #running = true;
  /** It runs no more, and all that it said is here. */
  #closed = false;

  constructor(command: readonly string[], directory: string, env = {}) {
    const [file = "", ...args] = command;
    this.#title = command.map((word) => word.split("/").at(-1)).join(" ")
      .slice(0, 200);
    this.#child = spawn(file, args, {
      cwd: directory,
      env: { ...process.env, NO_COLOR: "1", ...env },
      stdio: ["pipe", "pipe", "pipe"],
    });
    // One that has ended takes no more input; its status tells.
    this.#child.stdin!.on("error", () => {});
    this.#child.stdout!.on("data", (bytes: Uint8Array) => {
      this.#out.push(bytes);
      this.#look();
    });
    this.#child.stderr!.setEncoding("utf8").on("data", (text: string) => {
      this.#errors += text;
    });
    this.#over = new Promise((resolve) => {
      const over = (status: number | string): void => {
        this.#running = false;
        this.#closed = true;
        resolve(status);
        this.#look();
      };
      this.#child.on("exit", () => this.#running = false);
      this.#child.on("error", (error) => over(error.message));
      this.#child.on("close", (code, signal) => over(code ?? signal ?? ""));
    });
  }

  get pid(): number {
    return this.#child.pid!;
  }

  get running(): boolean {
    return this.#running;
  }

  /** Its process id. */
  get id(): number {
    return this.#child.pid!;
  }

  /** What it wrote on standard output so far. */
  get output(): Buffer {
    return Buffer.concat(this.#out);
  }

  /** What it wrote on standard error so far. */
  get errors(): string {
    return this.#errors;
  }

  /** The whole lines of its output so far. */
  get lines(): string[] {
    return this.output.toString().split("\n").slice(0, -1);
  }

  /** Waits until so many lines have this part, and gives the last of them. */
  async said(part: string, count = 1): Promise<string> {
    const found = (): string[] =>
      this.lines.filter((line) => line.includes(part));
    await this.until(`${count} × "${part}"`, () => found().length >= count);
    return found()[count - 1]!;
  }

  /** Waits until its output meets a condition. */
  async until(what: string, condition: () => boolean): Promise<void> {
    let look = (): void => {};
    const met = new Promise<void>((resolve, reject) => {
      look = () => {
        if (condition()) resolve();
        else if (this.#closed) reject(this.#failure(`ended before ${what}`));
      };
    });
    this.#looks.add(look);
    look();
    await this.#within(what, met);
    this.#looks.delete(look);
  }

  /** Waits for its end; gives its status, or the signal that ended it. */
  ended(): Promise<number | string> {
    return this.#within("its end", this.#over);
  }

  /** Writes to its standard input. */
  write(bytes: Uint8Array | string): void {
    this.#child.stdin!.write(bytes);
  }

  /** Ends its standard input, with these as the last bytes. */
  end(bytes: Uint8Array | string = ""): void {
    this.#child.stdin!.end(bytes);
  }

  /** Reads its standard output no more. */
  closeOutput(): void {
    this.#child.stdout!.destroy();
  }

  signal(name: "SIGTERM" | "SIGINT" | "SIGKILL" | "SIGSTOP" | "SIGCONT"): void {
    try {
      // After `child.kill()` Deno tells of a signal, however the child ended.
      if (this.#running) process.kill(this.#child.pid!, name);
    } catch {
      // It has just ended by itself.
    }
  }

  /** Ends it if it runs, and waits until it is gone. */
  async stop(): Promise<void> {
    this.signal("SIGKILL");
    await this.#over;
  }

  async #within<T>(what: string, promise: Promise<T>): Promise<T> {
    let timer: ReturnType<typeof setTimeout> | undefined;
    const late = new Promise<never>((_, reject) => {
      timer = setTimeout(
        () => reject(this.#failure(`not within ${patience} ms: ${what}`)),
        patience,
      );
    });
    try {
      return await Promise.race([promise, late]);
    } finally {
      clearTimeout(timer);
    }
  }

  #failure(what: string): Error {
    const said = this.output.subarray(-1000).toString();
    return new Error(
      `${this.#title}: ${what}; it said ${JSON.stringify(said)}, ` +
        `errors ${JSON.stringify(this.#errors.slice(-2000))}`,
    );
  }

  #look(): void {
    for (const look of [...this.#looks]) look();
  }
}

/** An example that listens. */
export interface Server extends Program {
  readonly addresses: readonly string[];
}

/** Where the programs of one test run, and end. */
export class Stage {
  /** The working directory of the programs, empty again at the end. */
  readonly directory: string = mkdtempSync(join(tmpdir(), "sockeye-"));
  readonly #programs: Program[] = [];
  #names = 0;

  start(
    command: readonly string[],
    env: Readonly<Record<string, string>> = {},
  ): Program {
    const program = new Program(command, this.directory, env);
    this.#programs.push(program);
    return program;
  }

  /** Starts an example. */
  example(name: string, ...args: string[]): Program {
    return this.start([...exampleCommand(name), ...args]);
  }

  /** Starts an example that listens, and waits until it is ready. */
  async serve(name: string, ...args: string[]): Promise<Server> {
    const server = this.example(name, ...args);
    const count =
      args.filter((each) => /^(tcp|unix|fifo|udp):/.test(each)).length;
    await server.said("listening ", count);
    const addresses = server.lines.filter((line) =>
      line.startsWith("listening ")
    ).map((line) => line.slice("listening ".length));
    return Object.assign(server, { addresses });
  }

  /** Sends standard input through a program; gives its whole output. */
  async through(
    command: readonly string[],
    input: Uint8Array | string,
  ): Promise<Buffer> {
    const program = this.start(command);
    program.end(input);
    const status = await program.ended();
    assert.equal(status, 0, `${command[0]}: ${program.errors}`);
    return program.output;
  }

  /** Starts a Python program: the prelude of `python.ts`, then this. */
  python(text: string, ...args: string[]): Program {
    return this.start(["python3", "-c", `${prelude}\n${text}`, ...args]);
  }

  /** The address of a Unix socket that is not there yet. */
  unix(): string {
    return `unix:${join(this.directory, `s${++this.#names}`)}`;
  }

  /** Lets programs of other users in, who may put files there as in /tmp. */
  open(): void {
    chmodSync(this.directory, 0o1777);
  }

  /** Names of the files that are there. */
  files(): string[] {
    return readdirSync(this.directory);
  }

  async end(): Promise<void> {
    await Promise.all(this.#programs.map((program) => program.stop()));
    rmSync(this.directory, { recursive: true, force: true });
  }
}

/** Runs a test with a stage of its own. */
export function onStage(
  play: (stage: Stage) => Promise<void>,
): () => Promise<void> {
  return async () => {
    const stage = new Stage();
    try {
      await play(stage);
    } finally {
      await stage.end();
    }
  };
}

/** The command that runs an example on the runtime that runs the test. */
export function exampleCommand(name: string): string[] {
  return commandOf(`../../examples/${name}`);
}

/**
 * The command that runs a program on the runtime that runs the test; its path
 * is relative to this file, and without an extension.
 */
export function commandOf(path: string): string[] {
  // Built tests run built programs, sources run sources.
  const extension = import.meta.url.endsWith(".ts") ? "ts" : "js";
  const url = new URL(`${path}.${extension}`, import.meta.url);
  const { execPath, versions } = process;
  const command = "deno" in versions
    ? [execPath, "run", "--allow-all", "--quiet"]
    : [execPath];
  return [...command, fileURLToPath(url.href)];
}

/**
 * Commands that run an example on each of the runtimes; what is not there, or
 * cannot run it (Node 20 runs built programs alone), is left out.
 */
export function everyCommand(name: string): string[][] {
  const built = !import.meta.url.endsWith(".ts");
  const root = new URL(built ? "../../.." : "../..", import.meta.url);
  const at = (path: string): string =>
    fileURLToPath(new URL(path, `${root.href.replace(/\/$/, "")}/`).href);
  const source = at(`examples/${name}.ts`);
  const compiled = at(`.build/examples/${name}.js`);
  const deno = at("node_modules/.bin/deno"), bun = at("node_modules/.bin/bun");
  const commands = [
    [deno, "run", "--allow-all", "--no-check", "--quiet", source],
    [bun, source],
    ["node", compiled],
  ];
  return commands.filter((words) =>
    words.every((word) => !word.startsWith("/") || existsSync(word))
  );
}
