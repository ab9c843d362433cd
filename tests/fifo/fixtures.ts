/**
 * What the tests over FIFOs have in common: a directory of their own, and
 * programs at the other end.
 *
 * @module
 */
import assert from "node:assert/strict";
import {
  closeSync,
  constants,
  mkdtempSync,
  openSync,
  readdirSync,
  rmSync,
  writeSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import {
  connect,
  type Connection,
  serve,
  type ServeOptions,
  type Server,
  type SockeyeError,
} from "../../mod.ts";
import { Program } from "../../conformance/program.ts";

/** A directory, and the address of a rendezvous in it that is not there yet. */
export interface Place {
  readonly directory: string;
  readonly path: string;
  readonly address: string;
  /** Names in the directory. */
  names(): string[];
}

/** Runs a test in a directory, which must be empty in the end. */
export async function inPlace(
  body: (place: Place) => Promise<void>,
): Promise<void> {
  const directory = mkdtempSync(join(tmpdir(), "sockeye-"));
  const path = join(directory, "app");
  const names = () => readdirSync(directory).sort();
  try {
    await body({ directory, path, address: `fifo:${path}`, names });
    assert.deepEqual(names(), [], "files left behind");
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

/** Waits for a condition, looking every few milliseconds. */
export async function until(
  condition: () => boolean,
  what: string,
  ms: number = 20_000,
): Promise<void> {
  const last = performance.now() + ms;
  while (!condition()) {
    assert.ok(performance.now() < last, `Waited ${ms} ms for ${what}`);
    await sleep(5);
  }
}

export function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

export function bytesOf(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}

/** Reads to the peer's end. */
export async function readAll(connection: Connection): Promise<string> {
  const decoder = new TextDecoder();
  let text = "";
  for await (const chunk of connection) {
    text += decoder.decode(chunk, { stream: true });
  }
  return text;
}

/** The code of what a promise rejects with; fails if it resolves. */
export async function codeOf(promise: Promise<unknown>): Promise<unknown> {
  try {
    await promise;
  } catch (error) {
    return (error as { code?: unknown }).code;
  }
  assert.fail("Expected a rejection");
}

/** The command that runs one of `programs/` on this same runtime. */
export function programCommand(name: string): string[] {
  const extension = import.meta.url.endsWith(".ts") ? "ts" : "js";
  const url = new URL(`./programs/${name}.${extension}`, import.meta.url);
  const { execPath, versions, execArgv } = process;
  const command = "deno" in versions
    ? [execPath, "run", "-A", "--no-lock"]
    : "bun" in versions
    ? [execPath]
    : [execPath, ...execArgv.filter((each) => each.includes("strip-types"))];
  return [...command, url.pathname];
}

/** Runs a body with programs, all of which are gone after it. */
export async function withPrograms(
  body: (start: (...command: string[]) => Program) => Promise<void>,
): Promise<void> {
  const programs: Program[] = [];
  try {
    await body((...command) => {
      const program = new Program(command);
      programs.push(program);
      return program;
    });
  } finally {
    for (const program of programs) await program.stop();
  }
}

/** Writes to a rendezvous in one write, as any process may, and leaves. */
export function announce(path: string, text: string): void {
  const { O_NONBLOCK, O_WRONLY } = constants;
  const descriptor = openSync(path, O_WRONLY | O_NONBLOCK);
  try {
    const bytes = bytesOf(text);
    if (text !== "") assert.equal(writeSync(descriptor, bytes), bytes.length);
  } finally {
    closeSync(descriptor);
  }
}

/** An echo server, and what it had to refuse. */
export async function echo(
  address: string,
  options: ServeOptions = {},
): Promise<{ server: Server; refused: SockeyeError[] }> {
  const refused: SockeyeError[] = [];
  const server = await serve(address, {
    data: (channel, bytes) => void channel.send(bytes),
    end: (channel) => channel.end(),
  }, {
    onError: (error) => void refused.push(error as SockeyeError),
    ...options,
  });
  return { server, refused };
}

/** A client of ours is served. */
export async function isServed(address: string): Promise<void> {
  const client = await connect(address);
  await client.write(bytesOf("hello"));
  await client.closeWrite();
  assert.equal(await readAll(client), "hello");
  await client.close();
}

/** Options of a test that only root can run. */
export const rootOnly: { skip: string | false } = {
  skip: process.getuid?.() !== 0 && "needs root, to be several users",
};
