// The package as JSR has it, in an empty project of Deno with a cold cache.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import process from "node:process";
import { publishedFiles } from "../jsr_files.mjs";
import { serveJsr } from "./jsr_registry.mjs";
import { emptyProject, must } from "./projects.mjs";

const deno = resolve("node_modules/.bin/deno");

/**
 * @typedef {object} JsrProject
 * @property {string} project its directory
 * @property {string} specifier what `deno add` wrote
 * @property {string} url where the files come from
 * @property {Record<string, string>} env for Deno
 * @property {readonly string[]} files what would be published
 * @property {import("./npm_registry.mjs").Registry} registry
 */

/**
 * Serves what would be published, and adds it to an empty project.
 *
 * @param {string} directory
 * @param {import("../npm_manifest.mjs").Manifest} manifest
 * @returns {Promise<JsrProject>}
 */
export async function installFromJsr(directory, manifest) {
  const { name, version } = manifest;
  const files = publishedFiles();
  const registry = await serveJsr(manifest, files);
  const project = emptyProject(join(directory, "jsr"), {});
  const env = {
    JSR_URL: `${registry.url}/`,
    DENO_DIR: join(directory, "jsr_cache"),
  };
  await must(deno, ["add", "--no-lock", `jsr:${name}`], {
    cwd: project,
    env: { ...process.env, ...env },
  });
  const { imports } = JSON.parse(
    readFileSync(join(project, "deno.json"), "utf8"),
  );
  const url = `${registry.url}/${name}/${version}/`;
  return { project, specifier: imports[name], url, env, files, registry };
}

/**
 * @param {JsrProject} jsr
 * @returns {import("./checks.mjs").Check[]}
 */
export function checksOfJsr(jsr) {
  const { project, specifier, files, registry } = jsr;
  const options = { cwd: project, env: { ...process.env, ...jsr.env } };
  return [
    ["deno add writes the version", () => {
      assert.match(specifier, /^jsr:@sockeye\/net@\^\d+\.\d+\.\d+$/);
    }],
    ["a server needs no permission but the network", async () => {
      const args = ["run", "--no-lock", "--no-prompt", "--allow-net"];
      const output = await must(deno, [...args, "bundled.mjs"], options);
      assert.match(output, /^bundled deno 7 none none emulated$/m);
    }],
    ["a strict consumer compiles", async () => {
      await must(deno, ["check", "--no-lock", "typed.ts"], options);
    }],
    ["what is not asked for is not downloaded", async () => {
      const before = registry.asked.length;
      await must(deno, ["cache", "--no-lock", "core_only.ts"], {
        ...options,
        env: { ...options.env, DENO_DIR: `${jsr.env.DENO_DIR}_core` },
      });
      const sources = registry.asked.slice(before)
        .filter((path) => path.endsWith(".ts"));
      assert.ok(sources.length > 1, "something was asked for");
      const others = sources.filter((path) =>
        !/\/(entries\/core|core\/[\w/]+)\.ts$/.test(path)
      );
      assert.deepEqual(others, []);
    }],
    ["every file is one that would be published", () => {
      const missing = registry.asked
        .filter((path) => path.endsWith(".ts"))
        .filter((path) => !files.some((file) => path.endsWith(`/${file}`)));
      assert.deepEqual(missing, []);
    }],
  ];
}
