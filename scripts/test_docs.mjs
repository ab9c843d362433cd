// `npm run test:docs`: the examples in the documentation run, those of the
// README compile, and what is exported has one.
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import process from "node:process";
import { refuseStaleModules } from "./node_modules.mjs";
import { programsIn, reachedSources, reportProblems } from "./npm_layout.mjs";
import { programEntries, readManifest } from "./npm_manifest.mjs";
import { badEnd, run } from "./processes.mjs";
import { tell } from "./report.mjs";
import { parseJunit } from "./test_reports.mjs";

/** @typedef {import("./suite.mjs").Run} Run */
/** @typedef {import("./suite.mjs").Result} Result */

/** Seconds for all examples: each loads its modules anew, 0.4 s of a processor. */
const LIMIT = 600;
/**
 * Entry points for who writes adapters, and drives the machines: of these each
 * function and class has an example of its own. Of the others every symbol has.
 */
const forDrivers = ["./core", "./protocols"];

const deno = resolve("node_modules/.bin/deno");
const env = { ...process.env, NO_COLOR: "1", RUST_BACKTRACE: "0" };

refuseStaleModules();
await reportProblems(async () => {
  const manifest = readManifest();
  // The runner loads the modules too, and programs would start.
  const programs = new Set([
    ...programsIn(),
    ...programEntries.map((subpath) => manifest.entries[subpath]),
  ]);
  const sources = reachedSources(manifest)
    .filter((path) => !programs.has(path));
  const runs = await Promise.all([
    runExamples(sources),
    findExamples(manifest.entries),
  ]);
  const totals = runs.map((run) => tell([run]));
  const passed = totals.reduce((sum, total) => sum + total.passed, 0);
  const failed = totals.reduce((sum, total) => sum + total.failed, 0);
  console.log(`${passed} passed, ${failed} failed`);
  process.exitCode = failed === 0 ? 0 : 1;
});

/** @param {readonly string[]} sources @returns {Promise<Run>} */
async function runExamples(sources) {
  const directory = mkdtempSync(join(tmpdir(), "sockeye-docs-"));
  try {
    const report = join(directory, "report.xml");
    const args = ["test", "--doc", "--parallel", "--allow-all", "--no-lock"];
    const outcome = await run(deno, [
      ...args,
      `--config=${resolve("deno.json")}`,
      `--preload=${resolve("tests/_preload.ts")}`,
      `--junit-path=${report}`,
      ...sources.map((path) => resolve(path)),
    ], { cwd: directory, limit: LIMIT, env });
    const end = badEnd(outcome, LIMIT);
    // There is none if an example does not compile.
    const results = existsSync(report)
      ? parseJunit(readFileSync(report, "utf8"), "examples").results
      : [];
    return {
      runtime: "examples",
      results,
      problems: end === undefined ? [] : [`deno test --doc ${end}`],
      output: end === undefined ? "" : outcome.output,
      seconds: outcome.seconds,
    };
  } finally {
    rmSync(directory, { recursive: true });
  }
}

/**
 * @param {Record<string, string>} entries
 * @returns {Promise<Run>}
 */
async function findExamples(entries) {
  const started = performance.now();
  const readme = await run(deno, ["check", "--doc-only", "README.md"], { env });
  /** @type {Result[]} */
  const results = [{
    file: "README.md",
    name: "its examples compile",
    ...(readme.code === 0
      ? { status: "passed" }
      : { status: "failed", detail: readme.output }),
  }];
  for (const [subpath, source] of Object.entries(entries)) {
    if (programEntries.includes(subpath)) continue;
    const { symbols, documented } = await documentationOf(source);
    results.push({
      file: source,
      name: `${subpath} has an example`,
      status: documented ? "passed" : "failed",
    });
    for (const { name, called, documented } of symbols) {
      if (forDrivers.includes(subpath) && !called) continue;
      results.push({
        file: source,
        name: `${name} has an example`,
        status: documented ? "passed" : "failed",
      });
    }
  }
  const seconds = (performance.now() - started) / 1000;
  return { runtime: "documented", results, problems: [], output: "", seconds };
}

/**
 * What an entry point says of itself, and all that it exports.
 *
 * @param {string} source
 */
async function documentationOf(source) {
  const { output } = await run(deno, ["doc", "--json", source], { env });
  const { nodes } = JSON.parse(output.slice(output.indexOf("{")));
  const { symbols, module_doc: doc } =
    /** @type {any} */ (Object.values(nodes)[0]);
  const exported = symbols.map((/** @type {any} */ symbol) => {
    const [{ kind, jsDoc }] = symbol.declarations;
    return {
      name: symbol.name,
      called: kind === "function" || kind === "class",
      documented: hasExample(jsDoc),
    };
  });
  return { symbols: exported, documented: hasExample(doc) };
}

/** @param {any} jsDoc */
function hasExample(jsDoc) {
  return Boolean(
    jsDoc?.doc?.includes("```") ||
      jsDoc?.tags?.some((/** @type {any} */ tag) => tag.kind === "example"),
  );
}
