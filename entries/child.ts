/**
 * What the children of a server run; nothing to import. `serve` with a strategy
 * starts it, and tells it which module's handler to serve with.
 *
 * @module
 */
import { findParent } from "../adapters/_shared/children/parent.ts";
import { withMemory } from "../adapters/memory/runtime.ts";
import { serveAsChild } from "../api/children/child.ts";
import { loadAdapter } from "./adapter.ts";

const parent = findParent();

loadAdapter().then((runtime) => {
  serveAsChild(withMemory(runtime), parent, (url) => import(url));
});
