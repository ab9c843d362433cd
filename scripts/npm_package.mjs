// What both builders do after the code is there: package.json and the
// documents, then the proof that the package is what it is to be.
import { copyFileSync, existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import {
  differenceOf,
  filesIn,
  isTest,
  layoutFile,
  Problem,
  readLayout,
} from "./npm_layout.mjs";
import { codeFolder, documents, readManifest } from "./npm_manifest.mjs";

/** Where the package is built, relative to the repository; git ignores it. */
export const packageFolder = "npm";

/**
 * Completes a package whose code is built, and checks it.
 *
 * @param {string} [root] the repository
 * @returns {string} what was made, in a line
 */
export function finishPackage(root = process.cwd()) {
  const { name, version, packageJson } = readManifest(root);
  checkVersion(version, root);
  const folder = join(root, packageFolder);
  writeFileSync(
    join(folder, "package.json"),
    `${JSON.stringify(packageJson, null, 2)}\n`,
  );
  for (const document of documents) {
    const source = join(root, document);
    if (!existsSync(source)) {
      throw new Problem(`${document} is missing: the package needs it`);
    }
    copyFileSync(source, join(folder, document));
  }
  const files = filesIn(folder);
  checkFiles(files, root);
  for (const path of files) {
    if (path.endsWith(".js")) checkSourceMap(folder, path);
    if (path.endsWith(".d.ts")) checkTypes(folder, path);
  }
  return `${name} ${version} in ${packageFolder}/, ${files.length} files`;
}

/**
 * The version stands in deno.json; package.json and its lock file repeat it.
 *
 * @param {string} version as deno.json has it
 * @param {string} root
 */
export function checkVersion(version, root) {
  for (const name of ["package.json", "package-lock.json"]) {
    const path = join(root, name);
    if (name === "package-lock.json" && !existsSync(path)) continue;
    const found = JSON.parse(readFileSync(path, "utf8")).version;
    if (found === version) continue;
    throw new Problem(
      `${name} has version ${found}, deno.json ${version}: ` +
        `run npm version --no-git-tag-version --allow-same-version ${version}`,
    );
  }
}

/** @param {string | undefined} tag @param {string} version */
export function checkTag(tag, version) {
  if (tag === undefined || tag === `v${version}`) return;
  throw new Problem(
    `The tag is ${tag}, the version ${version}: tag it v${version}`,
  );
}

/** @param {readonly string[]} files @param {string} root */
function checkFiles(files, root) {
  const leaked = files.find(isTest);
  if (leaked !== undefined) {
    throw new Problem(
      `${packageFolder}/${leaked} is a test: remove ${packageFolder}/ and ` +
        `build again, and see that no published file imports tests`,
    );
  }
  const difference = differenceOf(readLayout(root), files);
  if (difference === undefined) return;
  throw new Problem(
    `${packageFolder}/ differs from ${layoutFile}: ${difference}; ` +
      `if that is meant, run npm run layout`,
  );
}

/**
 * Maps hold their sources, since the package does not, and name nothing
 * absolute.
 *
 * @param {string} folder
 * @param {string} path
 */
function checkSourceMap(folder, path) {
  const link = /^\/\/# sourceMappingURL=(.*)$/m.exec(
    readFileSync(join(folder, path), "utf8"),
  );
  const name = path.slice(path.lastIndexOf("/") + 1);
  const where = `${packageFolder}/${path}`;
  if (link?.[1] !== `${name}.map`) {
    throw new Problem(
      `${where} does not link ${name}.map: see the builder's source maps`,
    );
  }
  const { sources, sourceRoot = "", sourcesContent } = JSON.parse(
    readFileSync(join(folder, `${path}.map`), "utf8"),
  );
  const absolute = [sourceRoot, ...sources].find((/** @type {string} */ each) =>
    /^(\/|[a-z]+:)/i.test(each)
  );
  if (absolute === undefined && sourcesContent?.length === sources.length) {
    return;
  }
  throw new Problem(
    `${where}.map ${
      absolute === undefined ? "lacks its source" : `names ${absolute}`
    }: see the builder's source maps`,
  );
}

/** @param {string} folder @param {string} path */
function checkTypes(folder, path) {
  const text = readFileSync(join(folder, path), "utf8");
  if (text === portableTypes(text)) return;
  throw new Problem(
    `${packageFolder}/${path} leads to sources, or to types of others: ` +
      `have the builder pass it through portableTypes`,
  );
}

/**
 * Types without what a user does not have: the sources, to which a link to
 * their map leads and the ending that tsc leaves in imports; and the types of
 * runtimes, to which compilers before TypeScript 5.5 refer wherever a name of
 * theirs is used, be it one of the platform as well.
 *
 * @param {string} text of a `.d.ts`
 */
export function portableTypes(text) {
  return text
    .replace(/\n\/\/# sourceMappingURL=.*\s*$/, "\n")
    .replace(/^\/\/\/ <reference types="[^"]*" \/>\n/gm, "")
    .replace(/\b(from |import\()"(\.[^"\n]*)\.ts"/g, '$1"$2.js"');
}

/** Where the code of the package is built. @param {string} [root] */
export function codeDirectory(root = process.cwd()) {
  return join(root, packageFolder, codeFolder);
}
