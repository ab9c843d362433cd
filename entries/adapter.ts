/**
 * The adapter of this runtime, for the entries of children.
 *
 * @module
 */
import type { Runtime } from "../core/runtime.ts";

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
