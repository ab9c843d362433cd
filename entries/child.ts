/**
 * What the children of a server run; nothing to import. `serve` with a strategy
 * starts it, and tells it which module's handler to serve with.
 *
 * @module
 */
import { findParent } from "../adapters/_shared/parent.ts";
import { withMemory } from "../adapters/memory/runtime.ts";
import { serveAsChild } from "../api/child.ts";
import type { Runtime } from "../core/transport.ts";

const parent = findParent();

/** As in `mod.ts`; the module to be served may import that. */
async function loadAdapter(): Promise<Runtime> {
  if ("Bun" in globalThis) {
    return (await import("../adapters/bun/runtime.ts")).runtime;
  }
  if ("Deno" in globalThis) {
    return (await import("../adapters/deno/runtime.ts")).runtime;
  }
  return (await import("../adapters/node/runtime.ts")).runtime;
}

loadAdapter().then((runtime) => {
  serveAsChild(withMemory(runtime), parent, (url) => import(url));
});
