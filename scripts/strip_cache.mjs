// Preloaded into the Nodes that run the sources: what their own stripper made
// of a file is kept for the processes that come after.
//
// Loading the stripper and stripping a hundred files takes 0.4 s of processor
// in each process, 0.1 s with this (Node 22.23 and 24.21), and the suite starts
// hundreds. Node's own compile cache does it too, but not before Node 24.
import { createHash } from "node:crypto";
import { readFileSync, renameSync, writeFileSync } from "node:fs";
import * as modules from "node:module";
import { join } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";

const directory = process.env.SOCKEYE_STRIP_CACHE;

// What a test starts may be of another Node, which has them not.
modules.registerHooks?.({
  load(url, context, nextLoad) {
    if (!/^file:.*\.ts$/.test(url)) return nextLoad(url, context);
    return { format: "module", source: stripped(url), shortCircuit: true };
  },
});

/** What is left of a source without its types. @param {string} url */
export function stripped(url) {
  const text = readFileSync(fileURLToPath(url), "utf8");
  return cached(`${url}\n${text}`, () => strip(text, url));
}

/** @param {string} text @param {string} url */
function strip(text, url) {
  const { emitWarning } = process;
  // It is experimental, as is the stripping that it stands for.
  process.emitWarning = () => {};
  try {
    return modules.stripTypeScriptTypes(text, { sourceUrl: url });
  } finally {
    process.emitWarning = emitWarning;
  }
}

/** @param {string} key @param {() => string} make */
function cached(key, make) {
  if (directory === undefined) return make();
  const hash = createHash("sha256").update(`${process.version}\n${key}`);
  const path = join(directory, hash.digest("hex"));
  try {
    return readFileSync(path, "utf8");
  } catch {
    const made = make();
    try {
      writeFileSync(`${path}.${process.pid}`, made);
      renameSync(`${path}.${process.pid}`, path);
    } catch {
      // A test's process of another user may not.
    }
    return made;
  }
}
