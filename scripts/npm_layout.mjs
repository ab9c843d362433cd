// Which files the npm package has: package.json, the documents, and for each
// source that an entry point reaches its code, its source map and its types.
//
// The list is kept in npm_layout.txt, so that a file that comes or goes is
// seen in a change; `npm run layout` writes it anew. Two builders must produce
// exactly that.
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join, posix, relative } from "node:path";
import process from "node:process";
import { layers } from "./layers.mjs";
import { codeFolder, documents, programFolders } from "./npm_manifest.mjs";

/** Where the layout is kept, relative to the repository. */
export const layoutFile = "scripts/npm_layout.txt";

/** What is wrong, and what to do about it, in one line. */
export class Problem extends Error {}

/**
 * Runs a script's work; what is wrong is printed as one line, with status 1.
 *
 * @param {() => void | Promise<void>} work
 */
export async function reportProblems(work) {
  try {
    await work();
  } catch (error) {
    if (!(error instanceof Problem)) throw error;
    console.error(error.message);
    process.exitCode = 1;
  }
}

/**
 * The sources that the entry points reach, by imports of every kind, sorted
 * and relative to the repository.
 *
 * @param {import("./npm_manifest.mjs").Manifest} manifest
 * @param {string} [root]
 */
export function reachedSources({ entries }, root = process.cwd()) {
  /** @type {Set<string>} */
  const reached = new Set();
  /** @param {string} source @param {string} why */
  const reach = (source, why) => {
    if (reached.has(source)) return;
    if (!existsSync(join(root, source))) {
      throw new Problem(`${source} is missing: ${why}`);
    }
    reached.add(source);
    const text = readFileSync(join(root, source), "utf8");
    for (const specifier of relativeImports(text)) {
      reach(
        posix.join(posix.dirname(source), specifier),
        `${source} imports it`,
      );
    }
  };
  for (const [subpath, entry] of Object.entries(entries)) {
    reach(entry, `deno.json exports it as "${subpath}"`);
  }
  for (const source of programsIn(root)) reach(source, "it is a program");
  const internal = layers.filter(({ internal }) => internal)
    .map(({ name }) => `${name}/`).concat("examples/");
  for (const source of reached) {
    const layer = internal.find((name) => source.startsWith(name));
    if (layer === undefined && !source.startsWith("..")) continue;
    throw new Problem(
      `${source} would be published: no entry point may import from ${
        layer ?? "outside of the repository"
      }`,
    );
  }
  return [...reached].sort();
}

/** Modules that are started, not imported. @param {string} [root] */
export function programsIn(root = process.cwd()) {
  return programFolders
    .filter((folder) => existsSync(join(root, folder)))
    .flatMap((folder) =>
      readdirSync(join(root, folder)).map((name) => `${folder}/${name}`)
    );
}

/**
 * What a source imports of ours: by `import`, `export … from`, `import()` and
 * types. Specifiers are literals in code that is published, the layer check
 * sees to that.
 *
 * @param {string} text
 */
function relativeImports(text) {
  const code = text.replace(/\/\*[\s\S]*?\*\/|^\s*\/\/.*$/gm, "");
  const imports = /\b(?:from|import)\s*\(?\s*"(\.[^"\n]+)"/g;
  return [...code.matchAll(imports)].map(([, specifier = ""]) => specifier);
}

/**
 * The built files of a source, relative to the folder that they are built in.
 *
 * @param {string} source
 */
export function outputsOf(source) {
  const stem = source.replace(/\.ts$/, "");
  return { code: `${stem}.js`, map: `${stem}.js.map`, types: `${stem}.d.ts` };
}

/**
 * The files of the package that these sources make, sorted.
 *
 * @param {readonly string[]} sources
 */
export function layoutOf(sources) {
  const code = sources.flatMap((source) => Object.values(outputsOf(source)));
  return [
    "package.json",
    ...documents,
    ...code.map((path) => `${codeFolder}/${path}`),
  ].sort();
}

/** Whether a file is one that no package may have. @param {string} path */
export function isTest(path) {
  return /(^|\/)tests\/|_test\./.test(path);
}

/** The files that are there, sorted. @param {string} directory */
export function filesIn(directory) {
  return readdirSync(directory, { recursive: true, withFileTypes: true })
    .filter((entry) => !entry.isDirectory())
    .map(({ parentPath, name }) => relative(directory, join(parentPath, name)))
    .sort();
}

/** @param {string} [root] */
export function readLayout(root = process.cwd()) {
  const path = join(root, layoutFile);
  if (!existsSync(path)) {
    throw new Problem(`${layoutFile} is missing: run npm run layout`);
  }
  return readFileSync(path, "utf8").split("\n").filter((line) => line !== "");
}

/**
 * Says in one line how a list differs from the kept layout.
 *
 * @param {readonly string[]} kept
 * @param {readonly string[]} found
 */
export function differenceOf(kept, found) {
  const more = found.filter((path) => !kept.includes(path));
  const fewer = kept.filter((path) => !found.includes(path));
  const parts = [
    ...more.map((path) => `+${path}`),
    ...fewer.map((path) => `-${path}`),
  ];
  if (parts.length === 0) return undefined;
  const shown = parts.slice(0, 4).join(" ");
  return parts.length <= 4 ? shown : `${shown} and ${parts.length - 4} more`;
}
