/**
 * What the tests over FIFOs have in common: a directory of their own, and
 * programs at the other end.
 *
 * @module
 */
import assert from "node:assert/strict";
import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Connection } from "../../api/types.ts";

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
