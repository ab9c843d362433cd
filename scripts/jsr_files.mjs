// What `deno publish` would upload.
import { spawnSync } from "node:child_process";
import { relative } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { Problem } from "./npm_layout.mjs";

/**
 * What is warned of and cannot be otherwise: programs load a module that a user
 * names, by its whole URL.
 */
const allowed = {
  code: "unanalyzable-dynamic-import",
  paths: /^(entries\/(child|thread)|conformance\/programs\/_subject)\.ts$/,
};

/**
 * Relative to the repository, which is the working directory. Refuses slow
 * types, and whatever else is warned of; other types are left to `deno check`,
 * which takes as long as all the rest of it.
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
  const warnings = /^warning\[(\S+)\]: (.*)(?:\n +--> (.*?):(\d+))?/gm;
  for (const [, code, text, file = "", line] of output.matchAll(warnings)) {
    const path = relative(process.cwd(), file);
    if (code === allowed.code && allowed.paths.test(path)) continue;
    throw new Problem(
      `deno publish warns of ${path}:${line}: ${text}; ` +
        `write it otherwise, or see what jsr_files.mjs allows`,
    );
  }
  return [...output.matchAll(/^ +(file:\S+) \([\d.]+ ?\w+\)$/gm)]
    .map(([, url = ""]) => relative(process.cwd(), fileURLToPath(url)));
}
