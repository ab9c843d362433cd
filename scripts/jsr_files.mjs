// What `deno publish` would upload.
import { spawnSync } from "node:child_process";
import { relative } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { Problem } from "./npm_layout.mjs";

/**
 * Relative to the repository, which is the working directory. Refuses slow
 * types; other types are left to `deno check`, which takes as long as all the
 * rest of it.
 */
export function publishedFiles() {
  const deno = fileURLToPath(
    new URL("../node_modules/.bin/deno", import.meta.url),
  );
  const { status, stdout, stderr } = spawnSync(
    deno,
    ["publish", "--dry-run", "--allow-dirty", "--no-check"],
    { encoding: "utf8", env: { ...process.env, NO_COLOR: "1" } },
  );
  const output = stdout + stderr;
  if (status !== 0) throw new Problem(output);
  return [...output.matchAll(/^ +(file:\S+) \([\d.]+ ?\w+\)$/gm)]
    .map(([, url = ""]) => relative(process.cwd(), fileURLToPath(url)));
}
