// `npm run check`: the gate. Runs everything, offline, and prints a line for
// each check and what the failed ones said.
import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import process from "node:process";
import { inLane } from "./lanes.mjs";
import { refuseStaleModules } from "./node_modules.mjs";
import { badEnd, run } from "./processes.mjs";

/** Seconds for one check; each takes a few. */
const LIMIT = 120;

const tsc = resolve("node_modules/.bin/tsc");
const deno = resolve("node_modules/.bin/deno");
const { exports } = JSON.parse(readFileSync("deno.json", "utf8"));

/** @type {[name: string, command: string, args: string[]][]} */
const checks = [
  ["tsc -b", tsc, ["-b"]],
  ["deno check", deno, ["check", "--quiet"]],
  ["deno lint", deno, ["lint", "--quiet"]],
  ["deno fmt", deno, ["fmt", "--check"]],
  ["layers", process.execPath, ["scripts/check_layers.mjs"]],
  ["lifecycle", process.execPath, ["scripts/lifecycle.mjs", "--check"]],
  ["strategies", process.execPath, ["scripts/strategies.mjs", "--check"]],
  ["deno doc", deno, ["doc", "--lint", ...Object.values(exports)]],
  ["packages", process.execPath, ["scripts/check_packages.mjs"]],
];

const env = {
  ...process.env,
  NO_COLOR: "1",
  // A crash report of Deno's own would hide what Deno found.
  RUST_BACKTRACE: "0",
  // Only a release needs what scripts/deno.json names of JSR: whatever else
  // asks for it fails here, as it would where there is no network.
  JSR_URL: "http://127.0.0.1:9/",
};

refuseStaleModules();

/** @type {Promise<unknown>} */
let built = Promise.resolve();
const outcomes = checks.map(([, command, args], index) => {
  const outcome = built.then(() =>
    inLane(() => run(command, args, { limit: LIMIT, env }))
  );
  // What the first one builds the others read.
  if (index === 0) built = outcome;
  return outcome;
});
let failed = 0;
for (const [index, [name]] of checks.entries()) {
  const outcome = /** @type {import("./processes.mjs").Outcome} */ (
    await outcomes[index]
  );
  const end = badEnd(outcome, LIMIT);
  const result = end === undefined ? "ok" : "FAILED";
  const seconds = outcome.seconds.toFixed(1).padStart(5);
  console.log(`${name.padEnd(14)} ${result.padEnd(6)} ${seconds} s`);
  for (const line of outcome.output.split("\n")) {
    if (end === undefined && line.startsWith("warning: ")) console.log(line);
  }
  if (end === undefined) continue;
  failed++;
  console.log(`\n${withoutTypeWarnings(outcome.output).trim()}`);
  console.log(`${name} ${end}\n`);
}
console.log(`${checks.length - failed} passed, ${failed} failed`);
process.exitCode = failed === 0 ? 0 : 1;

/**
 * `deno doc` follows every import of the runtimes' type packages and warns of
 * each that it cannot resolve: a hundred lines about files that are not ours.
 *
 * @param {string} output
 */
function withoutTypeWarnings(output) {
  return output.replaceAll(
    /^Warning Failed resolving types\..*\n(?: {4}at .*\n)?/gm,
    "",
  );
}
