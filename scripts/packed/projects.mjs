// The packed package, and empty projects that install it.
import {
  cpSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  writeFileSync,
} from "node:fs";
import { dirname, join, posix, resolve } from "node:path";
import process from "node:process";
import { Problem } from "../npm_layout.mjs";
import { packageFolder } from "../npm_package.mjs";
import { badEnd, run } from "../processes.mjs";

/** Seconds for one command. */
const LIMIT = 240;

/**
 * @typedef {object} Tarball
 * @property {string} path
 * @property {string[]} files
 * @property {number} size in bytes
 * @property {string} integrity
 */

/**
 * Runs a command that has to end well; gives what it said.
 *
 * @param {string} command
 * @param {readonly string[]} args
 * @param {{ cwd?: string, env?: NodeJS.ProcessEnv }} [options]
 */
export async function must(command, args, options) {
  const outcome = await run(command, args, { limit: LIMIT, ...options });
  const end = badEnd(outcome, LIMIT);
  if (end === undefined) return outcome.output;
  throw new Problem(`${command} ${args.join(" ")} ${end}\n${outcome.output}`);
}

/**
 * Packs what was built.
 *
 * @param {string} directory
 * @returns {Promise<Tarball>}
 */
export async function pack(directory) {
  const output = await must("npm", [
    "pack",
    "--json",
    "--silent",
    `--pack-destination=${directory}`,
  ], { cwd: packageFolder });
  const told = JSON.parse(output.slice(output.indexOf("[")));
  const { filename, files, size, integrity } = told[0];
  return {
    path: join(directory, filename),
    files: files.map((/** @type {{ path: string }} */ { path }) => path).sort(),
    size,
    integrity,
  };
}

/**
 * Makes an empty project with the programs of scripts/consumers.
 *
 * @param {string} directory
 * @param {Record<string, unknown>} [denoJson]
 */
export function emptyProject(directory, denoJson) {
  mkdirSync(directory);
  cpSync("scripts/consumers", directory, { recursive: true });
  const json = { name: "consumer", private: true, type: "module" };
  writeFileSync(join(directory, "package.json"), JSON.stringify(json));
  if (denoJson !== undefined) {
    writeFileSync(join(directory, "deno.json"), JSON.stringify(denoJson));
  }
  return directory;
}

/** @param {string} directory @param {Tarball} tarball */
export async function installByNpm(directory, { path }) {
  const options = ["--offline", "--no-audit", "--no-fund", "--ignore-scripts"];
  await must("npm", ["install", ...options, path], { cwd: directory });
}

/** @param {string} directory @param {Tarball} tarball */
export async function installByBun(directory, { path }) {
  const bun = resolve("node_modules/.bin/bun");
  await must(bun, ["add", "--ignore-scripts", path], {
    cwd: directory,
    // Nothing that was installed before is found.
    env: { ...process.env, BUN_INSTALL_CACHE_DIR: join(directory, ".cache") },
  });
}

/**
 * Copies built tests, and all built files that they import or start, into a
 * project; what they import of the library they then import by its public
 * name. Files of the library that have none are refused.
 *
 * @param {string} directory
 * @param {readonly string[]} tests as `tests/open_test.ts`
 * @param {readonly string[]} folders of programs that tests start
 * @param {import("../npm_manifest.mjs").Manifest} manifest
 * @returns {string[]} the tests, relative to the project
 */
export function copyTests(directory, tests, folders, manifest) {
  const names = new Map(
    Object.entries(manifest.entries).map(([subpath, source]) => [
      source.replace(/\.ts$/, ".js"),
      `${manifest.name}${subpath.slice(1)}`,
    ]),
  );
  /** @type {Set<string>} */
  const copied = new Set();
  /** @param {string} path */
  const copy = (path) => {
    if (copied.has(path)) return;
    copied.add(path);
    const text = readFileSync(join(".build", path), "utf8").replace(
      /\b(from|import)(\s*\(?\s*)"(\.[^"\n]+)"/g,
      (_, word, space, specifier) => {
        const target = posix.join(posix.dirname(path), specifier);
        const name = names.get(target);
        if (name !== undefined) return `${word}${space}"${name}"`;
        if (!/^(tests|examples)\//.test(target)) {
          throw new Problem(`${path} imports ${target}, which has no name`);
        }
        copy(target);
        return `${word}${space}"${specifier}"`;
      },
    );
    const to = join(directory, path);
    mkdirSync(dirname(to), { recursive: true });
    writeFileSync(to, text);
  };
  const built = tests.map((test) => test.replace(/\.ts$/, ".js"));
  for (const test of built) copy(test);
  for (const folder of folders) {
    for (const name of readdirSync(join(".build", folder))) {
      if (name.endsWith(".js")) copy(`${folder}/${name}`);
    }
  }
  return built;
}
