/**
 * Whether a module is the program that was started.
 *
 * @module
 */

/**
 * What `import.meta` says of a module.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * import { isMain, type ModuleMeta } from "@sockeye/net";
 *
 * const started: ModuleMeta = { url: "file:///srv/echo.ts", main: true };
 * assert.ok(isMain(started)); // `import.meta` of the program looks so
 * assert.ok(!isMain({ ...started, main: false }));
 * ```
 */
export interface ModuleMeta {
  /** Its URL. */
  readonly url: string;
  /** Whether it is the program; Deno, Bun and Node from 24.2 on say so. */
  readonly main?: boolean;
}

/** The part of `globalThis` that tells what was started. */
export interface Program {
  readonly process?: {
    readonly argv?: readonly string[];
    readonly getBuiltinModule?: (name: string) => unknown;
  };
}

/** See `isMain` in `mod.ts`. */
export function isMainModule(meta: ModuleMeta, { process }: Program): boolean {
  if (typeof meta.main === "boolean") return meta.main;
  const path = process?.argv?.[1];
  if (path === undefined) return false;
  // Node before 20.16 does not have it: there a path through a symbolic link
  // is not known again.
  const get = process?.getBuiltinModule;
  if (get === undefined) return meta.url === `file://${path}`;
  const { realpathSync } = get("node:fs") as {
    realpathSync(path: string): string;
  };
  const { pathToFileURL } = get("node:url") as {
    pathToFileURL(path: string): { readonly href: string };
  };
  try {
    return meta.url === pathToFileURL(realpathSync(path)).href;
  } catch {
    return false; // what was started is no file
  }
}
