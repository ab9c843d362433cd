// What bundlers make of the packed package.
import assert from "node:assert/strict";
import { build } from "esbuild";
import { readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { must } from "./projects.mjs";

/** Minified, the core alone is to stay below this many bytes. */
const CORE_LIMIT = 25_000;

const bun = resolve("node_modules/.bin/bun");
const formats = /** @type {const} */ ([["esm", "mjs"], ["cjs", "cjs"]]);

/**
 * @param {string} project where npm has installed it
 * @param {readonly string[]} nodes binaries
 * @returns {import("./checks.mjs").Check[]}
 */
export function bundlesOf(project, nodes) {
  return [
    ["the core alone is small and names no runtime", () => bundleCore(project)],
    ["the simulation is bundled for browsers", () => bundleMemory(project)],
    [
      "bundles for Node run, and know what they lack",
      () => bundleForNode(project, nodes),
    ],
    ["a program that Bun has made runs", () => compileToProgram(project)],
  ];
}

/** @param {string} project */
async function bundleCore(project) {
  const text = await bundleForBrowsers(project, "core_only");
  assert.ok(text.length < CORE_LIMIT, `${text.length} bytes`);
  // As names of code: the texts speak of "the process" as well.
  const runtime =
    /\b(?:process|Deno|Bun|globalThis)\s*[.[]|["']node:|\brequire\(/;
  assert.equal(runtime.exec(text)?.[0], undefined);
}

/** @param {string} project */
async function bundleMemory(project) {
  const text = await bundleForBrowsers(project, "simulated");
  assert.equal(/["'](?:node|bun):|\brequire\(/.exec(text)?.[0], undefined);
}

/**
 * @param {string} project
 * @param {string} name of the module
 */
async function bundleForBrowsers(project, name) {
  const out = join(project, `${name}.bundle.js`);
  const options = ["--minify", "--target=browser", `--outfile=${out}`];
  await must(bun, ["build", ...options, `${name}.ts`], { cwd: project });
  return readFileSync(out, "utf8");
}

/**
 * By the bundlers that are used most, as modules and as CommonJS. What children
 * and threads run is no part of a bundle, and the package knows that.
 *
 * @param {string} project
 * @param {readonly string[]} nodes
 */
async function bundleForNode(project, nodes) {
  const input = join(project, "bundled.mjs");
  const byBun = join(project, "bundled_by_bun.mjs");
  const options = ["--target=node", "--minify", `--outfile=${byBun}`];
  await must(bun, ["build", ...options, input], { cwd: project });
  const bundles = [byBun];
  for (const [format, extension] of formats) {
    const outfile = join(project, `bundled_by_esbuild.${extension}`);
    await build({
      entryPoints: [input],
      bundle: true,
      minify: true,
      platform: "node",
      format,
      outfile,
      logOverride: { "empty-import-meta": "silent" },
    });
    bundles.push(outfile);
  }
  for (const node of nodes) {
    for (const bundle of bundles) {
      const output = await must(node, [bundle], { cwd: resolve("/") });
      assert.equal(output.trim(), "bundled node 7 none none none", bundle);
    }
  }
}

/**
 * A child of it would be that very program, which would start children again.
 *
 * @param {string} project
 */
async function compileToProgram(project) {
  const out = join(project, "bundled");
  const options = ["--compile", `--outfile=${out}`];
  await must(bun, ["build", ...options, "bundled.mjs"], { cwd: project });
  const output = await must(out, [], { cwd: resolve("/") });
  assert.equal(output.trim(), "bundled bun 7 none none none");
}
