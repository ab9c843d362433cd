// The test suite on one runtime: the same files on each, and the counts of
// each told in the same way.
import { existsSync, mkdtempSync, readdirSync, rmSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { availableParallelism, tmpdir } from "node:os";
import { join, resolve } from "node:path";
import process from "node:process";
import { badEnd, run } from "./processes.mjs";

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
 * @property {number} seconds
 */

/**
 * @typedef {object} Place
 * @property {string} [cwd] where the files are, if not in the repository
 */

/** Seconds for one file on Node, which is far more than the slowest needs. */
const FILE_LIMIT = 120;
/** Seconds for all files on a runtime that runs them in one process; 400 were seen on two busy cores. */
const RUN_LIMIT = 900;
/** What Bun gives one test, in ms; its own default, 5 s, is less than `closed` may take. */
const BUN_TEST_LIMIT = 30_000;

/** Runners must not colour what we print, nor Deno explain how it failed. */
const env = {
  ...process.env,
  NO_COLOR: "1",
  FORCE_COLOR: undefined,
  RUST_BACKTRACE: "0",
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
 * Runs the files on a Node, each in a process of its own: a server that a
 * test forgot keeps the process alive, and the time limit names the file.
 *
 * @param {readonly string[]} files
 * @param {Place & { binary?: string, compiled: boolean }} options compiled: run
 * what `tsc` made, for Nodes that cannot strip types
 * @returns {Promise<Run>}
 */
export async function runNode(
  files,
  { binary = process.execPath, compiled, cwd },
) {
  const started = performance.now();
  const version = await versionOf(binary);
  const queue = [...files];
  /** @type {Map<string, NodeFile>} */
  const done = new Map();
  const worker = async () => {
    for (let file = queue.shift(); file; file = queue.shift()) {
      done.set(file, await runNodeFile(binary, file, compiled, cwd));
    }
  };
  await Promise.all(
    Array.from({ length: Math.min(2, availableParallelism()) }, worker),
  );
  const ordered = files.flatMap((file) => done.get(file) ?? []);
  return {
    runtime: `Node ${version}`,
    results: ordered.flatMap(({ results }) => results),
    problems: ordered.flatMap(({ problem }) => problem ?? []),
    output: ordered.map(({ output }) => output).join(""),
    seconds: (performance.now() - started) / 1000,
  };
}

/** @typedef {{ results: Result[], problem: string | undefined, output: string }} NodeFile */

/**
 * @param {string} binary
 * @param {string} file
 * @param {boolean} compiled
 * @param {string | undefined} cwd
 * @returns {Promise<NodeFile>}
 */
async function runNodeFile(binary, file, compiled, cwd) {
  const target = compiled ? `.build/${file.replace(/\.ts$/, ".js")}` : file;
  const report = reportPath();
  const reporter = new URL("node_reporter.mjs", import.meta.url).href;
  const outcome = await run(binary, [
    `--test-reporter=${reporter}`,
    `--test-reporter-destination=${report}`,
    ...(compiled ? ["--enable-source-maps"] : []),
    target,
  ], { limit: FILE_LIMIT, env, ...(cwd && { cwd }) });
  const { results, pending, notes } = parseNodeReport(
    await readFile(report, "utf8").catch(() => ""),
    file,
  );
  const failures = results.filter(({ status }) => status === "failed");
  const end = badEnd(outcome, FILE_LIMIT) ??
    (pending.length > 0 ? "ended early" : undefined);
  const explained = failures.length > 0 && !outcome.timedOut;
  if (end === undefined || explained) {
    return {
      results,
      problem: undefined,
      output: end === undefined ? "" : block(file, outcome.output),
    };
  }
  const where = pending.length > 0
    ? `, within ${pending.map((name) => JSON.stringify(name)).join(", ")}`
    : outcome.timedOut
    ? ", all its tests over: something was left open"
    : "";
  return {
    results,
    problem: `${file} ${end}${where}`,
    output: block(file, [...notes, outcome.output].join("\n")),
  };
}

/**
 * @param {string} report lines of node_reporter.mjs, the last maybe cut off
 * @param {string} file
 */
function parseNodeReport(report, file) {
  /** @type {Result[]} */
  const results = [];
  /** @type {string[]} */
  const pending = [];
  /** @type {string[]} */
  const notes = [];
  for (const line of report.split("\n").slice(0, -1)) {
    const { event, name, status, detail, text } = JSON.parse(line);
    if (event === "start") pending.push(name);
    if (event === "note") notes.push(text);
    if (event !== "end") continue;
    results.push({ file, name, status, detail });
    const index = pending.indexOf(name);
    if (index >= 0) pending.splice(index, 1);
  }
  return { results, pending, notes };
}

/** @param {readonly string[]} files @param {Place} [place] */
export function runDeno(files, place) {
  return runWithJunit("Deno", installed("deno"), place, (report) => [
    "test",
    "--allow-all",
    // `npm run check` checks types.
    "--no-check",
    // Without it an error outside of a test would pass.
    `--preload=${resolve("tests/_preload.ts")}`,
    `--junit-path=${report}`,
    ...files,
  ]);
}

/** @param {readonly string[]} files @param {Place} [place] */
export function runBun(files, place) {
  return runWithJunit("Bun", installed("bun"), place, (report) => [
    "test",
    `--timeout=${BUN_TEST_LIMIT}`,
    "--reporter=junit",
    `--reporter-outfile=${report}`,
    // A bare `tests/…` is a pattern to Bun, and matches built copies too.
    ...files.map((file) => `./${file}`),
  ]);
}

/**
 * @param {string} name
 * @param {string} binary
 * @param {Place | undefined} place
 * @param {(report: string) => string[]} args
 * @returns {Promise<Run>}
 */
async function runWithJunit(name, binary, place, args) {
  const version = await versionOf(binary).catch((error) => {
    const message = error instanceof Error ? error.message : String(error);
    return new Error(`${name} does not start, run npm ci: ${message}`);
  });
  if (version instanceof Error) {
    return {
      runtime: name,
      results: [],
      problems: [version.message],
      output: "",
      seconds: 0,
    };
  }
  const report = reportPath();
  const outcome = await run(binary, args(report), {
    limit: RUN_LIMIT,
    env,
    ...place,
  });
  const results = parseJunit(
    await readFile(report, "utf8").catch(() => ""),
  );
  const end = badEnd(outcome, RUN_LIMIT);
  const explained = results.some(({ status }) => status === "failed");
  return {
    runtime: `${name} ${version}`,
    results,
    problems: end === undefined || explained ? [] : [`${name} ${end}`],
    output: end === undefined ? "" : block(name, outcome.output),
    seconds: outcome.seconds,
  };
}

/**
 * Reads the junit reports of Deno and Bun: flat lists of `<testcase>`.
 *
 * @param {string} xml
 */
export function parseJunit(xml) {
  /** @type {Result[]} */
  const results = [];
  const cases = /<testcase\b([^>]*?)(?:\/>|>([\s\S]*?)<\/testcase>)/g;
  for (const [, attributes = "", body = ""] of xml.matchAll(cases)) {
    const failure = /<(?:failure|error)\b[^>]*?(?:\/>|>([\s\S]*?)<\/)/.exec(
      body,
    );
    const file = attribute(attributes, "file") ??
      attribute(attributes, "classname") ?? "";
    results.push({
      file: file.replace(/^\.\//, ""),
      name: attribute(attributes, "name") ?? "",
      status: failure !== null
        ? "failed"
        : /<skipped\b/.test(body)
        ? "skipped"
        : "passed",
      ...(failure === null ? {} : { detail: unescapeXml(failure[1] ?? "") }),
    });
  }
  return results;
}

/** @param {string} attributes @param {string} name */
function attribute(attributes, name) {
  const value = new RegExp(`\\b${name}="([^"]*)"`).exec(attributes)?.[1];
  return value === undefined ? undefined : unescapeXml(value);
}

/** @param {string} text */
function unescapeXml(text) {
  return text
    .replace(
      /&#(x?)([0-9a-f]+);/gi,
      (_, hex, digits) =>
        String.fromCodePoint(Number.parseInt(digits, hex ? 16 : 10)),
    )
    .replaceAll("&lt;", "<")
    .replaceAll("&gt;", ">")
    .replaceAll("&quot;", '"')
    .replaceAll("&apos;", "'")
    .replaceAll("&amp;", "&");
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

/** A path for a runner's report, in a directory that goes when this process ends. */
function reportPath() {
  if (directory === undefined) {
    const made = mkdtempSync(join(tmpdir(), "sockeye-suite-"));
    process.on("exit", () => rmSync(made, { recursive: true, force: true }));
    directory = made;
  }
  return join(directory, String(reports++));
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
