/**
 * The adapter of this runtime, for the entries of children: what connections
 * take from it, and the whole.
 *
 * Loading less is a third less work for a child, processor time in ms: on Node
 * 20.20 128 for 173, on 22.23 92 for 127, on Deno 2.9.5 71 for 100, on Bun
 * 1.4.4 46 for 75.
 *
 * @module
 */
import type { Runtime, RuntimeBase } from "../core/runtime.ts";

/** What connections take that are there already. */
export async function loadBase(): Promise<RuntimeBase> {
  if ("Bun" in globalThis) {
    return (await import("../adapters/bun/base.ts")).base;
  }
  if ("Deno" in globalThis) {
    return (await import("../adapters/deno/base.ts")).base;
  }
  return (await import("../adapters/node/base.ts")).base;
}

/** As in `mod.ts`; the module to be served may import that. */
export async function loadAdapter(): Promise<Runtime> {
  if ("Bun" in globalThis) {
    return (await import("../adapters/bun/runtime.ts")).runtime;
  }
  if ("Deno" in globalThis) {
    return (await import("../adapters/deno/runtime.ts")).runtime;
  }
  return (await import("../adapters/node/runtime.ts")).runtime;
}
