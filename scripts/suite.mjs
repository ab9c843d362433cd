// The test suite on one runtime: the same files on each, each file in a process
// of its own, and the counts told in the same way.
//
// What a test forgot, a server or a changed global, then meets no other file;
// the time limit names the file; and some files run at once (lanes.mjs).
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  rmSync,
} from "node:fs";
import { readFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { inLane, inLaneAlone } from "./lanes.mjs";
import { badEnd, run } from "./processes.mjs";
import { parseJunit, parseNodeReport } from "./test_reports.mjs";

/**
 * @typedef {object} Result one test
 * @property {string} file the source, relative to the repository
 * @property {string} name
 * @property {"passed" | "failed" | "skipped"} status
 * @property {string} [detail] why it failed
 */

/**
 * @typedef {object} Run the suite on one runtime
 * @property {string} runtime
 * @property {Result[]} results
 * @property {string[]} problems failures that belong to no test
 * @property {string} output what the failed files or the whole runner wrote
 * @property {number} seconds from the start of the first file to the end of the last
 * @property {[file: string, seconds: number][]} [times] what each file took
 */

/**
 * @typedef {object} Place
 * @property {string} [cwd] where the files are, if not in the repository
 * @property {boolean} [together] whether one file may run on two runtimes at once
 */

/**
 * @typedef {object} Runner how a runtime runs a file
 * @property {string} name
 * @property {string} binary
 * @property {(file: string, report: string) => string[]} args
 * @property {(text: string, file: string) => import("./test_reports.mjs").Report} parse
 * @property {NodeJS.ProcessEnv} [env] besides what all have
 */

/** Seconds for one file: the slowest needs 40 on an idle machine. */
const FILE_LIMIT = 240;
/** What Bun gives one test, in ms; its own default, 5 s, is less than `closed` may take. */
const BUN_TEST_LIMIT = 30_000;

/**
 * Runners must not colour what we print, nor Deno explain how it failed; and
 * whatever wants something from JSR fails, here as where there is no network.
 */
const env = {
  ...process.env,
  NO_COLOR: "1",
  FORCE_COLOR: undefined,
  RUST_BACKTRACE: "0",
  JSR_URL: "http://127.0.0.1:9/",
};

/**
 * The test files, as paths relative to the repository: Node 20 expands no
 * globs, and all runtimes are to run the same list.
 *
 * @param {readonly string[]} filters keep files whose path contains one of them
 */
export function findTests(filters = []) {
  return readdirSync("tests", { recursive: true, encoding: "utf8" })
    .map((path) => `tests/${path}`)
    .filter((path) => path.endsWith("_test.ts"))
    .filter((path) =>
      filters.length === 0 || filters.some((text) => path.includes(text))
    )
    .sort();
}

/**
 * Runs the files on a Node.
 *
 * @param {readonly string[]} files
 * @param {Place & { binary?: string, compiled: boolean }} options compiled: run
 * what `tsc` made, for Nodes that cannot strip types
 */
export async function runNode(
  files,
  { binary = process.execPath, compiled, ...place },
) {
  const reporter = new URL("node_reporter.mjs", import.meta.url).href;
  const strips = !compiled && files.some((file) => file.endsWith(".ts"));
  const more = strips && { env: await strippingEnv(binary) };
  return runFiles(files, place, {
    name: "Node",
    binary,
    args: (file, report) => [
      `--test-reporter=${reporter}`,
      `--test-reporter-destination=${report}`,
      ...(compiled ? ["--enable-source-maps"] : []),
      compiled ? `.build/${file.replace(/\.ts$/, ".js")}` : file,
    ],
    parse: parseNodeReport,
    ...more,
  });
}

/** @param {readonly string[]} files @param {Place} [place] */
export function runDeno(files, place) {
  return runFiles(files, place, {
    name: "Deno",
    binary: installed("deno"),
    args: (file, report) => [
      "test",
      "--allow-all",
      // `npm run check` checks types.
      "--no-check",
      // Without it an error outside of a test would pass.
      `--preload=${resolve("tests/_preload.ts")}`,
      `--junit-path=${report}`,
      file,
    ],
    parse: parseJunit,
  });
}

/** @param {readonly string[]} files @param {Place} [place] */
export function runBun(files, place) {
  return runFiles(files, place, {
    name: "Bun",
    binary: installed("bun"),
    args: (file, report) => [
      "test",
      `--timeout=${BUN_TEST_LIMIT}`,
      "--reporter=junit",
      `--reporter-outfile=${report}`,
      // A bare `tests/…` is a pattern to Bun, and matches built copies too.
      `./${file}`,
    ],
    parse: parseJunit,
  });
}

/**
 * @param {readonly string[]} files
 * @param {Place | undefined} place
 * @param {Runner} runner
 * @returns {Promise<Run>}
 */
async function runFiles(files, place, runner) {
  const version = await versionOf(runner.binary).catch((error) => {
    const message = error instanceof Error ? error.message : String(error);
    return new Error(`${runner.name} does not start, run npm ci: ${message}`);
  });
  if (version instanceof Error) {
    const problems = [version.message];
    const nothing = { results: [], output: "", seconds: 0 };
    return { runtime: runner.name, problems, ...nothing };
  }
  const title = `${runner.name} ${version}`;
  let first = Infinity;
  let last = 0;
  // A file may count on being alone, with the tasks of a user for example.
  const ran = await Promise.all(
    files.map((file) =>
      inLaneAlone(file, async () => {
        first = Math.min(first, performance.now());
        const one = await runFile(file, place, runner);
        last = performance.now();
        return one;
      })
    ),
  );
  return {
    runtime: title,
    results: ran.flatMap(({ results }) => results),
    problems: ran.flatMap(({ problem }) => problem ?? []),
    output: ran.map(({ output }) => output).join(""),
    seconds: Math.max(0, last - first) / 1000,
    times: files.map((file, index) => [file, ran[index]?.seconds ?? 0]),
  };
}

/** @typedef {{ results: Result[], problem: string | undefined, output: string, seconds: number }} RanFile */

/**
 * @param {string} file
 * @param {Place | undefined} place
 * @param {Runner} runner
 * @returns {Promise<RanFile>}
 */
async function runFile(file, place, { binary, args, parse, env: more }) {
  const report = reportPath();
  const outcome = await run(binary, args(file, report), {
    limit: FILE_LIMIT,
    env: { ...env, ...more },
    ...(place?.cwd && { cwd: place.cwd }),
  });
  const { results, pending, notes } = parse(
    await readFile(report, "utf8").catch(() => ""),
    file,
  );
  const { seconds } = outcome;
  const failures = results.filter(({ status }) => status === "failed");
  const end = badEnd(outcome, FILE_LIMIT) ??
    (pending.length > 0 ? "ended early" : undefined);
  const explained = failures.length > 0 && !outcome.timedOut;
  if (end === undefined || explained) {
    const output = end === undefined ? "" : block(file, outcome.output);
    return { results, problem: undefined, output, seconds };
  }
  const where = pending.length > 0
    ? `, within ${pending.map((name) => JSON.stringify(name)).join(", ")}`
    : outcome.timedOut && results.length > 0
    ? ", all its tests over: something was left open"
    : "";
  const output = block(file, [...notes, outcome.output].join("\n"));
  return { results, problem: `${file} ${end}${where}`, output, seconds };
}

/** The runtime that `npm ci` installed. @param {string} name */
function installed(name) {
  return resolve("node_modules", ".bin", name);
}

/** @param {string} binary */
async function versionOf(binary) {
  if (!existsSync(binary)) throw new Error(`there is no ${binary}`);
  const outcome = await run(binary, ["--version"], { limit: 30, env });
  const version = /\d+\.\d+\.\d+/.exec(outcome.output)?.[0];
  if (outcome.code === 0 && version !== undefined) return version;
  throw new Error(`${binary} --version says: ${outcome.output.trim()}`);
}

/** @type {string | undefined} */
let directory;
let reports = 0;

/** A path for a runner's report. */
function reportPath() {
  return join(ownDirectory(), String(reports++));
}

/** What the suite loads, of the repository. */
const sources = [
  "core",
  "api",
  "adapters",
  "entries",
  "conformance",
  "examples",
  "tests",
  "mod.ts",
  "posix.ts",
];

/**
 * For Nodes that strip types themselves: they need not do it again and again.
 *
 * @param {string} binary
 */
async function strippingEnv(binary) {
  const cache = join(ownDirectory(), "stripped");
  mkdirSync(cache, { recursive: true });
  // Tests have processes of other users, who are to read it as well.
  chmodSync(ownDirectory(), 0o755);
  const preload = new URL("strip_cache.mjs", import.meta.url);
  const all = new URL("strip_all.mjs", import.meta.url);
  const more = { SOCKEYE_STRIP_CACHE: cache };
  await inLane(() =>
    run(binary, [fileURLToPath(all), ...sources], { env: { ...env, ...more } })
  );
  return { NODE_OPTIONS: `--import=${preload.href}`, ...more };
}

/** A directory that goes when this process ends. */
function ownDirectory() {
  if (directory === undefined) {
    const made = mkdtempSync(join(tmpdir(), "sockeye-suite-"));
    process.on("exit", () => rmSync(made, { recursive: true, force: true }));
    directory = made;
  }
  return directory;
}

/**
 * Output of a runner under a heading, without its lines on tests that passed.
 *
 * @param {string} title
 * @param {string} output
 */
function block(title, output) {
  const lines = output.split("\n").filter((line) =>
    !/^\(pass\) | \.\.\. ok \(.*\)$/.test(line)
  );
  return `\n--- ${title} ---\n${lines.join("\n").trim()}\n`;
}
