// What the package says of itself, for npm and for JSR.
//
// The name, the version and the entry points stand in deno.json, where JSR
// reads them; everything else stands here. Both builders write the same
// package.json from it.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";

const repository = "https://github.com/sockeye-net/sockeye";

/** Beside the code: the licence and what people read. package.json comes first. */
export const documents = ["CHANGELOG.md", "LICENSE", "README.md"];

/**
 * Bytes that the packed package is to stay below. It has 989 kB; half of that
 * are the source maps, which hold the sources. A tenth came with an example for
 * every symbol, which is there three times: in code, types and maps.
 */
export const packedLimit = 1_050_000;

/**
 * Folders of modules that nothing imports and that the package has all the
 * same: programs that are started.
 */
export const programFolders = ["conformance/programs"];

/** Entry points that are started too: importing one elsewhere throws. */
export const programEntries = ["./child", "./thread"];

/** The folder of the package that holds the code. */
export const codeFolder = "esm";

/**
 * @typedef {object} Manifest
 * @property {string} name
 * @property {string} version
 * @property {Record<string, string>} entries the sources of the subpaths,
 * relative to the repository: `{ "./posix": "posix.ts" }`
 * @property {Record<string, unknown>} packageJson of the npm package
 */

/**
 * @param {string} [root] the repository
 * @returns {Manifest}
 */
export function readManifest(root = process.cwd()) {
  const { name, version, license, exports } = JSON.parse(
    readFileSync(join(root, "deno.json"), "utf8"),
  );
  /** @type {Record<string, string>} */
  const entries = {};
  for (const [subpath, source] of Object.entries(exports)) {
    entries[subpath] = String(source).replace(/^\.\//, "");
  }
  const packageJson = {
    name,
    version,
    description:
      "Portable sockets: one server file runs unchanged on Node, Deno and Bun.",
    keywords: [
      "socket",
      "tcp",
      "unix-socket",
      "server",
      "epoll",
      "poll",
      "node",
      "deno",
      "bun",
    ],
    license,
    homepage: repository,
    bugs: `${repository}/issues`,
    repository: { type: "git", url: `git+${repository}.git` },
    type: "module",
    // To import a program is to start it; of the rest what is unused can go.
    sideEffects: programEntries.flatMap((subpath) =>
      subpath in entries ? codeOf(entries[subpath] ?? "") : []
    ),
    engines: { node: ">=20", deno: ">=2.9", bun: ">=1.4" },
    exports: exportsOf(entries),
    // npm adds package.json, the README and the licence by itself.
    files: [codeFolder, "CHANGELOG.md"],
  };
  return { name, version, entries, packageJson };
}

/**
 * No condition but `types`: the same file is imported everywhere, and
 * `require()` gets it too where Node can (20.19, 22.12 and later) or else its
 * own word for why not, ERR_REQUIRE_ESM.
 *
 * @param {Record<string, string>} entries
 */
function exportsOf(entries) {
  const targets = Object.entries(entries).map(([subpath, source]) => {
    const code = codeOf(source);
    const types = code.replace(/\.js$/, ".d.ts");
    return [subpath, { types, default: code }];
  });
  return {
    ...Object.fromEntries(targets),
    "./package.json": "./package.json",
  };
}

/** Where the package has the code of a source. @param {string} source */
function codeOf(source) {
  return `./${codeFolder}/${source.replace(/\.ts$/, ".js")}`;
}

/**
 * What the repository's own package.json is to have as its exports, so that
 * built examples and tests import the built files by the public names.
 *
 * @param {Manifest} manifest
 */
export function builtExports({ entries }) {
  return Object.fromEntries(
    Object.entries(entries).map(([subpath, source]) => [
      subpath,
      `./.build/${source.replace(/\.ts$/, ".js")}`,
    ]),
  );
}
