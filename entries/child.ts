/**
 * What the children of a server run; nothing to import. `serve` with a strategy
 * starts it, and tells it which module's handler to serve with.
 *
 * @module
 */
import { findParent } from "../adapters/_shared/children/parent.ts";
import { serveAsChild } from "../api/children/child.ts";
import { loadAdapter, loadBase } from "./adapter.ts";

const parent = findParent();

loadBase().then((runtime) => {
  serveAsChild({
    runtime,
    parent,
    load: (url) => import(url),
    listening: loadAdapter,
  });
});
