/** Taking a name on disk with a real one: `adapters/_shared/disk_name.ts`. */
import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import {
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  unlinkSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { createInterface } from "node:readline";
import { test } from "node:test";
import { setImmediate } from "node:timers";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import type { SockeyeError } from "../core/error.ts";
import { abandon, finish, start, whoAnswers } from "./disk_name_binder.ts";

/** Gives a path in a directory of its own, in which nothing may be left. */
async function withPath(body: (path: string) => Promise<void>): Promise<void> {
  const directory = mkdtempSync(join(tmpdir(), "sockeye-"));
  try {
    await body(join(directory, "app.sock"));
    assert.deepEqual(readdirSync(directory), [], "nothing is left");
  } finally {
    rmSync(directory, { recursive: true });
  }
}

async function failure(promise: Promise<unknown>): Promise<SockeyeError> {
  try {
    await promise;
  } catch (error) {
    return error as SockeyeError;
  }
  throw new Error("It did not fail");
}

function namesBeside(path: string): string[] {
  return readdirSync(join(path, "..")).sort();
}

function isTemporary(name: string): boolean {
  return name !== "app.sock";
}

test("a stale file is replaced, a live server's is not", () =>
  withPath(async (path) => {
    await abandon(await start(path).name);
    assert.ok(lstatSync(path).isSocket(), "a stale file is there");
    const name = await start(path, 0o640).name;
    assert.equal(lstatSync(path).mode & 0o777, 0o640);
    assert.deepEqual(namesBeside(path), ["app.sock"]);
    const error = await failure(start(path).name);
    assert.equal(error.code, "EADDRINUSE");
    assert.equal(await whoAnswers(path), process.pid);
    await finish(name);
  }));

test("what is no socket is never touched", () =>
  withPath(async (path) => {
    const table: [RegExp, () => void, () => void][] = [
      [
        /a plain file/,
        () => writeFileSync(path, "precious"),
        () => assert.equal(readFileSync(path, "utf8"), "precious"),
      ],
      [
        /a symbolic link/,
        () => symlinkSync("nowhere", path),
        () => assert.ok(lstatSync(path).isSymbolicLink()),
      ],
      [
        /a directory/,
        () => mkdirSync(path),
        () => assert.ok(lstatSync(path).isDirectory()),
      ],
    ];
    for (const [message, put, check] of table) {
      put();
      const error = await failure(start(path).name);
      assert.equal(error.code, "EADDRINUSE");
      assert.match(error.message, message);
      check();
      assert.deepEqual(namesBeside(path), ["app.sock"]);
      rmSync(path, { recursive: true });
    }
  }));

test("closing an old server leaves a newer one's file", () =>
  withPath(async (path) => {
    const older = await start(path).name;
    unlinkSync(path);
    const newer = await start(path).name;
    await finish(older);
    assert.equal(await whoAnswers(path), process.pid);
    await finish(newer);
    assert.ok(!existsSync(path));
  }));

test("directories that are missing or closed say so", () =>
  withPath(async (path) => {
    const { code } = await failure(start(join(path, "no/app.sock")).name);
    assert.equal(code, "ENOENT");
    // Root may write anywhere.
    if (process.getuid?.() === 0) return;
    mkdirSync(path, { mode: 0o500 });
    const closed = await failure(start(join(path, "app.sock")).name);
    assert.equal(closed.code, "EACCES");
    rmSync(path, { recursive: true });
  }));

test("a relative path works, and is given back from elsewhere", () =>
  withPath(async (path) => {
    const before = process.cwd();
    process.chdir(join(path, ".."));
    try {
      const name = await start("app.sock").name;
      assert.equal(await whoAnswers("app.sock"), process.pid);
      process.chdir(before);
      await finish(name);
    } finally {
      process.chdir(before);
    }
  }));

test("a start that is given up leaves nothing", () =>
  withPath(async (path) => {
    await abandon(await start(path).name);
    for (let turns = 0; turns < 40; turns++) {
      const { pending, name } = start(path);
      let taken = false;
      name.then(() => taken = true, () => {});
      for (let turn = 0; turn < turns; turn++) {
        await new Promise((resolve) => setImmediate(resolve));
      }
      pending.cancel();
      if (taken) await finish(await name);
    }
    // They clean up behind their caller's back.
    for (let wait = 0; namesBeside(path).some(isTemporary); wait++) {
      assert.ok(wait < 10_000, `left: ${namesBeside(path)}`);
      await sleep(1);
    }
    rmSync(path, { force: true });
  }));

test("an old lock file of nobody is broken, a dead process's too", () =>
  withPath(async (path) => {
    for (const text of ["", "99999999\n", "not a process"]) {
      await abandon(await start(path).name);
      writeFileSync(`${path}.lock`, text);
      utimesSync(`${path}.lock`, 0, 0);
      await finish(await start(path).name);
    }
  }));

// Processes

const extension = import.meta.url.endsWith(".ts") ? "ts" : "js";
const program = fileURLToPath(
  new URL(`disk_name_worker.${extension}`, import.meta.url).href,
);

/** A process that starts servers when it is told to. */
class Worker {
  readonly process: ChildProcess;
  readonly #lines: AsyncIterator<string>;

  constructor() {
    const flags = "Deno" in globalThis ? ["run", "-A", "--no-check"] : [];
    this.process = spawn(process.execPath, [...flags, program], {
      stdio: ["pipe", "pipe", "inherit"],
    });
    const lines = createInterface({ input: this.process.stdout! });
    this.#lines = lines[Symbol.asyncIterator]();
  }

  tell(line: string): void {
    this.process.stdin!.write(`${line}\n`);
  }

  async answer(): Promise<string> {
    const { value } = await this.#lines.next();
    return value ?? "nothing: it ended";
  }

  async ask(line: string): Promise<string> {
    this.tell(line);
    return await this.answer();
  }

  async end(signal?: "SIGKILL"): Promise<void> {
    const { exitCode, signalCode } = this.process;
    const gone = exitCode !== null || signalCode !== null;
    const exited = new Promise((resolve) => this.process.once("exit", resolve));
    if (signal) this.process.kill(signal);
    else this.process.stdin!.end();
    if (!gone) await exited;
  }
}

async function withWorkers(
  count: number,
  body: (workers: Worker[]) => Promise<void>,
): Promise<void> {
  const workers = Array.from({ length: count }, () => new Worker());
  try {
    for (const worker of workers) assert.equal(await worker.answer(), "ready");
    await body(workers);
  } finally {
    for (const worker of workers) await worker.end();
  }
}

test("of two processes at once on a stale path exactly one wins, 100 rounds", () =>
  withPath((path) =>
    withWorkers(2, async (workers) => {
      await abandon(await start(path).name);
      for (let round = 0; round < 100; round++) {
        for (const worker of workers) worker.tell(`start ${path}`);
        const answers = [];
        for (const worker of workers) answers.push(await worker.answer());
        assert.deepEqual(
          [...answers].sort(),
          ["EADDRINUSE", "taken"],
          `round ${round}`,
        );
        const winner = workers[answers.indexOf("taken")]!;
        assert.equal(await whoAnswers(path), winner.process.pid);
        assert.deepEqual(namesBeside(path), ["app.sock"]);
        await winner.ask(round < 99 ? "abandon" : "finish");
      }
    })
  ));

test("a process killed on its way leaves nothing behind the next start", () =>
  withPath(async (path) => {
    await abandon(await start(path).name);
    for (let round = 0; round < 6; round++) {
      await withWorkers(1, async ([worker]) => {
        worker!.tell(`start ${path}`);
        // Any time is right: each round kills it somewhere else.
        await sleep(round * 0.7);
        await worker!.end("SIGKILL");
      });
      for (const name of namesBeside(path)) {
        if (name !== "app.sock") utimesSync(join(path, "..", name), 0, 0);
      }
      const name = await start(path).name;
      assert.deepEqual(namesBeside(path), ["app.sock"]);
      await abandon(name);
    }
    rmSync(path);
  }));
