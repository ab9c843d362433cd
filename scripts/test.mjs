// `npm test`: the suite on Node, Deno and Bun.
//
//   node scripts/test.mjs [--only node|deno|bun] [--times] [part of a path]…
//
// With --times it says which files took longest.
//
// The Node that runs this script runs the tests, as `tsc` compiled them, since
// Node 20 cannot strip types. Deno and Bun run the sources.
import process from "node:process";
import { parseArgs } from "node:util";
import { refuseStaleModules } from "./node_modules.mjs";
import { run } from "./processes.mjs";
import { report, slowest } from "./report.mjs";
import { findTests, runBun, runDeno, runNode } from "./suite.mjs";

const { values, positionals } = parseArgs({
  options: {
    only: { type: "string", multiple: true },
    times: { type: "boolean" },
  },
  allowPositionals: true,
});

/** @type {Record<string, (files: string[]) => Promise<import("./suite.mjs").Run>>} */
const runners = {
  node: (files) => runNode(files, { compiled: true }),
  deno: runDeno,
  bun: runBun,
};
const chosen = values.only ?? Object.keys(runners);
const unknown = chosen.filter((name) => !(name in runners));
if (unknown.length > 0) {
  console.error(`--only takes node, deno or bun, not ${unknown.join(", ")}`);
  process.exit(2);
}

refuseStaleModules();

const files = findTests(positionals);
if (files.length === 0) {
  console.log("FAILED  no test file matches\n0 passed, 1 failed");
  process.exit(1);
}

const problems = chosen.includes("node") ? await build() : [];
const runs = await Promise.all(
  chosen.flatMap((name) => runners[name]?.(files) ?? []),
);
if (values.times) console.log(slowest(runs));
process.exitCode = report(runs, problems) === 0 ? 0 : 1;

/** With an error in one file the others are still built, so the tests run on. */
async function build() {
  const { code, output } = await run("node_modules/.bin/tsc", ["-b"]);
  return code === 0 ? [] : [`the build: tsc -b says\n${output}`];
}
