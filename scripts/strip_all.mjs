// Fills the cache of strip_cache.mjs, on the Node that will use it:
//
//   strip_all.mjs FOLDER…
//
// So that whoever comes finds everything there, other users' processes as well,
// which may not write.
import { readdirSync, statSync } from "node:fs";
import { join, resolve } from "node:path";
import process from "node:process";
import { pathToFileURL } from "node:url";
import { stripped } from "./strip_cache.mjs";

for (const root of process.argv.slice(2)) {
  const paths = statSync(root).isDirectory()
    ? readdirSync(root, { recursive: true, encoding: "utf8" })
      .map((path) => join(root, path))
    : [root];
  for (const path of paths) {
    if (path.endsWith(".ts")) stripped(pathToFileURL(resolve(path)).href);
  }
}
