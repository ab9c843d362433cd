// `npm run test:packed`: the packages as users get them, in empty projects, on
// every runtime: from the tarball for npm, and from a registry laid out as JSR.
//
//   node scripts/test_packed.mjs [--built]
//
// With --built the package is not built anew: whatever is in npm/ is tested,
// as a release does with what dnt has made.
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import process from "node:process";
import { parseArgs } from "node:util";
import { refuseStaleModules } from "./node_modules.mjs";
import { inLane } from "./lanes.mjs";
import { otherNodes, versionOfNode } from "./nodes.mjs";
import { Problem, reportProblems } from "./npm_layout.mjs";
import { programEntries, readManifest } from "./npm_manifest.mjs";
import { packageFolder } from "./npm_package.mjs";
import { checksOf } from "./packed/checks.mjs";
import { checksOfJsr, installFromJsr } from "./packed/jsr_checks.mjs";
import { serveNpm } from "./packed/npm_registry.mjs";
import {
  copyTests,
  emptyProject,
  installByBun,
  installByNpm,
  must,
  pack,
} from "./packed/projects.mjs";
import { smoke } from "./packed/smoke.mjs";
import { tell } from "./report.mjs";
import { runBun, runDeno, runNode } from "./suite.mjs";

/** @typedef {import("./suite.mjs").Run} Run */

/** Of the suite, what shows that the package is whole and in order. */
const tests = [
  "tests/conformance/tcp_test.ts",
  "tests/examples/demo_test.ts",
  "tests/examples/client_test.ts",
  "tests/examples/echo_sequential_test.ts",
];
/** What those start as processes. */
const programs = ["examples"];

const deno = resolve("node_modules/.bin/deno");
const bun = resolve("node_modules/.bin/bun");
const { values } = parseArgs({ options: { built: { type: "boolean" } } });

refuseStaleModules();
await reportProblems(async () => {
  const directory = mkdtempSync(join(tmpdir(), "sockeye-packed-"));
  try {
    await testPacked(directory);
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
});

/** @param {string} directory */
async function testPacked(directory) {
  if (values.built && !existsSync(join(packageFolder, "package.json"))) {
    throw new Problem(
      `${packageFolder}/ is not built: run npm run build:dnt or build:npm, ` +
        `or leave out --built`,
    );
  }
  // The checks of the builder see to it that nothing stale is taken.
  await must(process.execPath, [
    resolve("node_modules/typescript/bin/tsc"),
    "-b",
  ]);
  if (!values.built) {
    await must(process.execPath, ["scripts/build_npm_tsc.mjs", "--no-build"]);
  }
  const manifest = readManifest();
  const tarball = await pack(directory);
  const nodes = await otherNodes();
  const binaries = [process.execPath, ...nodes.binaries];
  const project = emptyProject(join(directory, "npm"), {});
  const [jsr] = await Promise.all([
    installFromJsr(directory, manifest),
    installByNpm(project, tarball),
  ]);
  const checking = inLane(() =>
    runChecks("npm package", checksOf(tarball, project, binaries))
  );
  const smoking = smokeEverywhere(directory, project, tarball, binaries, jsr);
  const testing = runSuite(project, manifest, binaries);
  const smoked = await smoking;
  // Not at the same time: it looks at what the registry is asked for.
  const checkedJsr = await inLane(() =>
    runChecks("JSR package", checksOfJsr(jsr))
  );
  jsr.registry.close();
  const totals = [
    tell([await checking]),
    tell([checkedJsr]),
    tell(smoked),
    tell(await testing, nodes.problems),
  ];
  const passed = totals.reduce((sum, total) => sum + total.passed, 0);
  const failed = totals.reduce((sum, total) => sum + total.failed, 0);
  console.log(`${passed} passed, ${failed} failed`);
  process.exitCode = failed === 0 ? 0 : 1;
}

/**
 * @param {string} runtime what is checked
 * @param {import("./packed/checks.mjs").Check[]} checks
 * @returns {Promise<Run>}
 */
async function runChecks(runtime, checks) {
  const started = performance.now();
  /** @type {import("./suite.mjs").Result[]} */
  const results = [];
  for (const [name, check] of checks) {
    try {
      await check();
      results.push({ file: runtime, name, status: "passed" });
    } catch (error) {
      const detail = error instanceof Error ? error.message : String(error);
      results.push({ file: runtime, name, status: "failed", detail });
    }
  }
  const seconds = (performance.now() - started) / 1000;
  return { runtime, results, problems: [], output: "", seconds };
}

/**
 * The same program with each runtime, and by each way to install.
 *
 * @param {string} directory
 * @param {string} project
 * @param {import("./packed/projects.mjs").Tarball} tarball
 * @param {readonly string[]} nodes
 * @param {import("./packed/jsr_checks.mjs").JsrProject} jsr
 */
async function smokeEverywhere(directory, project, tarball, nodes, jsr) {
  const manifest = readManifest();
  const { name, version, entries, packageJson } = manifest;
  const subpaths = Object.keys(entries)
    .filter((subpath) => !programEntries.includes(subpath));
  const installed = `/node_modules/${name}/`;
  const byBun = emptyProject(join(directory, "bun"));
  await installByBun(byBun, tarball);
  const registry = await serveNpm({ ...packageJson, name, version }, tarball);
  const byDeno = emptyProject(join(directory, "deno"), {
    imports: { [name]: `npm:${name}@^${version}` },
    nodeModulesDir: "none",
  });
  const run = [deno, "run", "--allow-all", "--no-lock"];
  /** @type {Parameters<typeof smoke>[]} */
  const runs = [
    ...nodes.map((
      node,
    ) => /** @type {Parameters<typeof smoke>} */ ([[node], "node", subpaths, {
      cwd: project,
      title: `Node ${versionOfNode(node)}`,
      where: installed,
    }])),
    [run, "deno", subpaths, {
      cwd: project,
      title: "Deno",
      where: installed,
    }],
    [run, "deno", subpaths, {
      cwd: byDeno,
      title: "Deno, npm:",
      where: `${name}/${version}/`,
      env: {
        NPM_CONFIG_REGISTRY: registry.url,
        DENO_DIR: join(directory, "deno_cache"),
      },
    }],
    [run, "deno", subpaths, {
      cwd: jsr.project,
      title: "Deno, jsr:",
      where: jsr.url,
      env: jsr.env,
    }],
    [[bun], "bun", subpaths, {
      cwd: project,
      title: "Bun",
      where: installed,
    }],
    [[bun], "bun", subpaths, {
      cwd: byBun,
      title: "Bun, bun add",
      where: installed,
    }],
  ];
  try {
    return await Promise.all(
      runs.map((args) => inLane(() => smoke(...args))),
    );
  } finally {
    registry.close();
  }
}

/**
 * @param {string} project
 * @param {import("./npm_manifest.mjs").Manifest} manifest
 * @param {readonly string[]} nodes
 */
async function runSuite(project, manifest, nodes) {
  const files = copyTests(project, tests, programs, manifest);
  if (files.length === 0) throw new Problem("no test was copied: see tests");
  const place = { cwd: project, together: true };
  return await Promise.all([
    runDeno(files, place),
    runBun(files, place),
    ...nodes.map((binary) =>
      runNode(files, { binary, compiled: false, ...place })
    ),
  ]);
}
