/**
 * What the threads of a server run; nothing to import. `serve` with the strategy
 * `"workers"` starts it, and tells it which module's handler to serve with.
 *
 * @module
 */
import { findMainThread } from "../adapters/_shared/threads/main_thread.ts";
import { withMemory } from "../adapters/memory/runtime.ts";
import { serveAsChild } from "../api/children/child.ts";
import type { Runtime } from "../core/runtime.ts";
import { loadAdapter } from "./adapter.ts";

const parent = findMainThread();

/**
 * The descriptors of what it is given are the main thread's, which has looked;
 * those of what it accepts are its own.
 */
function watchingItsOwn(runtime: Runtime): Runtime {
  let listens = false;
  return {
    ...runtime,
    listen(at, request, events) {
      listens = true;
      return runtime.listen(at, request, events);
    },
    descriptors: () => listens ? runtime.descriptors() : undefined,
  };
}

loadAdapter().then((found) => {
  const runtime = watchingItsOwn(withMemory(found));
  serveAsChild(runtime, parent, (url) => import(url));
});
