/**
 * Peers for tests of who is calling: programs of other users, and clients that
 * say whatever a test wants.
 *
 * @module
 */
import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import {
  chmodSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  rmSync,
} from "node:fs";
import { connect, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import type { SockeyeError } from "../core/error.ts";

/** Two users that nobody is. */
export const alice = 12001;
export const bob = 12002;

const own = process.getuid?.();
/** The user who runs the tests. */
export const me: number = own ?? -1;

const extension = import.meta.url.endsWith(".ts") ? "ts" : "js";
const program = fileURLToPath(
  new URL(`credentials_program.${extension}`, import.meta.url).href,
);
const command = "Deno" in globalThis
  ? [process.execPath, "run", "-A", "--no-check", "--quiet"]
  : [process.execPath];

/** Options of tests that need programs of other users. */
export const withUsers: { skip: string | false } = { skip: whyNoUsers() };

function whyNoUsers(): string | false {
  if (me !== 0) return "needs root, to be another user";
  const readable = spawnSync(
    "setpriv",
    [...asUser(alice), "test", "-r", program],
    { encoding: "utf8" },
  );
  if (readable.error) return "needs setpriv";
  return readable.status === 0 ? false : "other users cannot read the tests";
}

/** Other users have no home here, and programs only where the system has them. */
const othersEnv = {
  ...process.env,
  HOME: "/",
  DENO_DIR: "/nowhere",
  PATH: "/usr/local/bin:/usr/bin:/bin",
};

/** Options of tests that need Python, and of those that need other users' as well. */
export const withPython: { skip: string | false } = {
  skip: spawnSync("python3", ["-V"]).status === 0 ? false : "needs python3",
};
export const withUsersPython: { skip: string | false } = {
  skip: withUsers.skip || withPython.skip || whyNoUsersPython(),
};

function whyNoUsersPython(): string | false {
  const words = [...asUser(alice), "python3", "-V"];
  const { status } = spawnSync("setpriv", words, { env: othersEnv });
  return status === 0 ? false : "other users need a python3 of the system";
}

function asUser(uid: number): string[] {
  return [`--reuid=${uid}`, `--regid=${uid}`, "--clear-groups", "--"];
}

/** Waits until a condition holds. */
export async function until(
  what: () => string,
  condition: () => boolean,
): Promise<void> {
  const last = performance.now() + 15_000;
  while (!condition()) {
    if (performance.now() > last) throw new Error(`Waited for ${what()}`);
    await sleep(2);
  }
}

/** A directory that other users can enter, in which nothing may be left. */
export async function inDirectory(
  body: (directory: string) => Promise<void>,
): Promise<void> {
  const directory = mkdtempSync(join(tmpdir(), "sockeye-"));
  chmodSync(directory, 0o755);
  try {
    await body(directory);
    await until(
      () => `nothing to be left of ${readdirSync(directory)}`,
      () => readdirSync(directory).length === 0,
    );
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

/** The name of a proof for the server at a path. */
export function proofName(path: string, nonce: string): string {
  const { dev, ino } = lstatSync(path, { bigint: true });
  return `${path}.auth/${dev}-${ino}-${nonce}`;
}

/** A client that says what it is told to. */
export class RawClient {
  readonly socket: Socket;
  said = "";
  over = false;

  constructor(path: string) {
    this.socket = connect(path);
    this.socket.on("data", (bytes) => this.said += bytes.toString("latin1"));
    this.socket.on("error", () => {});
    this.socket.on("close", () => this.over = true);
  }

  async hear(part: string): Promise<void> {
    await until(
      () => `${part}, but heard ${JSON.stringify(this.said)}`,
      () => this.said.includes(part),
    );
  }

  async nonce(): Promise<string> {
    await this.hear("\n");
    return this.said.split(/[ \n]/)[2]!;
  }

  async end(): Promise<void> {
    this.socket.destroy();
    await until(() => "its end", () => this.over);
  }
}

/** `credentials_program.ts`, or Python, of some user; told and asked by lines. */
export class Peer {
  readonly #child: ChildProcess;
  #out = "";
  #errors = "";
  #ended = false;

  constructor(uid: number, words: readonly string[]) {
    const env = uid === me ? process.env : othersEnv;
    const full = uid === me ? words : ["setpriv", ...asUser(uid), ...words];
    this.#child = spawn(full[0]!, full.slice(1), {
      cwd: "/",
      env,
      stdio: ["pipe", "pipe", "pipe"],
    });
    this.#child.stdin!.on("error", () => {});
    this.#child.stdout!.on("data", (bytes) => this.#out += bytes);
    this.#child.stderr!.on("data", (bytes) => this.#errors += bytes);
    this.#child.on("error", (error) => this.#errors += error.message);
    this.#child.on("close", () => this.#ended = true);
  }

  /** On this runtime. */
  static program(uid: number, ...args: string[]): Peer {
    return new Peer(uid, [...command, program, ...args]);
  }

  static python(uid: number, text: string, ...args: string[]): Peer {
    return new Peer(uid, ["python3", "-c", text, ...args]);
  }

  get pid(): number {
    return this.#child.pid!;
  }

  /** The next line that it prints. */
  async line(): Promise<string> {
    await until(
      () => `a line, but: ${this.#errors}`,
      () => this.#out.includes("\n") || this.#ended,
    );
    if (!this.#out.includes("\n")) throw new Error(`Ended: ${this.#errors}`);
    const end = this.#out.indexOf("\n");
    const line = this.#out.slice(0, end);
    this.#out = this.#out.slice(end + 1);
    return line;
  }

  tell(line: string): void {
    this.#child.stdin!.write(`${line}\n`);
  }

  async end(signal?: "SIGKILL"): Promise<void> {
    if (signal && !this.#ended) process.kill(this.pid, signal);
    this.#child.stdin!.end();
    await until(() => `its end: ${this.#errors}`, () => this.#ended);
  }
}

export async function failure(
  promise: Promise<unknown>,
): Promise<SockeyeError> {
  try {
    await promise;
  } catch (error) {
    return error as SockeyeError;
  }
  throw new Error("It did not fail");
}

/** A directory of that owner and mode. */
export function makeDirectory(path: string, mode: number): string {
  mkdirSync(path);
  chmodSync(path, mode);
  return path;
}
