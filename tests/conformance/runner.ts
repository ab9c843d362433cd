/**
 * Runs cases and prints a line of JSON before and after each, for a caller who
 * watches the lines: a case that starts and does not end is one that hung or
 * took the process with it.
 */
import { performance } from "node:perf_hooks";
import process from "node:process";
import { defaultLimit } from "../../conformance/harness.ts";
import type { Outcome } from "../../conformance/subject.ts";

/** A case, as far as it matters here. */
interface Item {
  readonly id: string;
  readonly title: string;
  readonly limit?: number;
  /** The one transport that it is about. */
  readonly over?: string;
}

/** What the caller asks for first: ids, titles, and what they are about. */
export function listAll(items: readonly Item[]): void {
  for (const { id, title, over } of items) print({ id, title, over });
}

/** Runs those of these ids, or all if there is none, one after the other. */
export async function runAll<T extends Item>(
  items: readonly T[],
  ids: readonly string[],
  run: (item: T) => Promise<Outcome>,
): Promise<void> {
  for (const item of items) {
    if (ids.length > 0 && !ids.includes(item.id)) continue;
    print({ start: item.id, limit: item.limit ?? defaultLimit });
    const began = performance.now();
    const { id, verdict, notes, error } = await run(item);
    const ms = Math.round(performance.now() - began);
    const { stack } = (error ?? {}) as { stack?: string };
    print({ id, verdict, ms, notes, ...(stack && { stack }) });
  }
}

function print(line: object): void {
  process.stdout.write(JSON.stringify(line) + "\n");
}
