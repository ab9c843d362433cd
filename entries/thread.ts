/**
 * What the threads of a server run; nothing to import. `serve` with the strategy
 * `"workers"` starts it, and tells it which module's handler to serve with.
 *
 * @module
 */
import { findMainThread } from "../adapters/_shared/main_thread.ts";
import { withMemory } from "../adapters/memory/runtime.ts";
import { serveAsChild } from "../api/child.ts";
import type { Runtime } from "../core/transport.ts";
import { loadAdapter } from "./adapter.ts";

const parent = findMainThread();

loadAdapter().then((found) => {
  // The descriptors of its connections are the main thread's, which has looked.
  const runtime: Runtime = {
    ...withMemory(found),
    descriptors: () => undefined,
  };
  serveAsChild(runtime, parent, (url) => import(url));
});
