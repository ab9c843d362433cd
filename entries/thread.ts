/**
 * What the threads of a server run; nothing to import. `serve` with the strategy
 * `"workers"` starts it, and tells it which module's handler to serve with.
 *
 * @module
 */
import { findMainThread } from "../adapters/_shared/threads/main_thread.ts";
import { serveAsChild } from "../api/children/child.ts";
import { loadAdapter, loadBase } from "./adapter.ts";

const parent = findMainThread();
let listens = false;

loadBase().then((base) => {
  serveAsChild({
    runtime: {
      ...base,
      // Those of what it is given are the main thread's, which has looked.
      descriptors: () => listens ? base.descriptors() : undefined,
    },
    parent,
    load: (url) => import(url),
    listening: () => {
      listens = true;
      return loadAdapter();
    },
  });
});
