// Whether the packages are what they are to be: one line for each thing that
// is not, with what to do about it.
//
//   node scripts/check_packages.mjs            checks
//   node scripts/check_packages.mjs --write    writes the lists anew
//   node scripts/check_packages.mjs --strict   takes no warnings, for a release
//
// `npm run layout` is the latter: the layout of the npm package, and the
// exports of package.json, both after the entry points of deno.json.
import { readFileSync, writeFileSync } from "node:fs";
import process from "node:process";
import {
  differenceOf,
  isTest,
  layoutFile,
  layoutOf,
  Problem,
  reachedSources,
  readLayout,
  reportProblems,
} from "./npm_layout.mjs";
import { publishedFiles } from "./jsr_files.mjs";
import { builtExports, documents, readManifest } from "./npm_manifest.mjs";
import { checkVersion } from "./npm_package.mjs";

await reportProblems(() => {
  const manifest = readManifest();
  const sources = reachedSources(manifest);
  if (process.argv.includes("--write")) writeLists(manifest, sources);
  checkPackageJson(manifest);
  const difference = differenceOf(readLayout(), layoutOf(sources));
  if (difference !== undefined) {
    throw new Problem(
      `${layoutFile} differs from what the entry points reach: ` +
        `${difference}; if that is meant, run npm run layout`,
    );
  }
  checkPublished(sources, process.argv.includes("--strict"));
});

/**
 * @param {import("./npm_manifest.mjs").Manifest} manifest
 * @param {readonly string[]} sources
 */
function writeLists(manifest, sources) {
  writeFileSync(layoutFile, `${layoutOf(sources).join("\n")}\n`);
  const json = JSON.parse(readFileSync("package.json", "utf8"));
  json.exports = builtExports(manifest);
  writeFileSync("package.json", `${JSON.stringify(json, null, 2)}\n`);
}

/** @param {import("./npm_manifest.mjs").Manifest} manifest */
function checkPackageJson(manifest) {
  const { name, description, exports } = JSON.parse(
    readFileSync("package.json", "utf8"),
  );
  checkVersion(manifest.version, process.cwd());
  for (
    const [what, found, wanted] of [
      ["name", name, manifest.name],
      ["description", description, manifest.packageJson.description],
      ["exports", exports, builtExports(manifest)],
    ]
  ) {
    if (JSON.stringify(found) === JSON.stringify(wanted)) continue;
    throw new Problem(
      `package.json has other ${what} than deno.json and npm_manifest.mjs: ` +
        `run npm run layout, or write ${JSON.stringify(wanted)}`,
    );
  }
}

/**
 * What JSR would be given: the sources, the documents and deno.json, each of
 * them and nothing else.
 *
 * @param {readonly string[]} sources
 * @param {boolean} strict
 */
function checkPublished(sources, strict) {
  const published = publishedFiles();
  const wanted = [...sources, ...documents, "deno.json"];
  const unreached = published.filter((path) =>
    path.endsWith(".ts") && !sources.includes(path) && !isTest(path)
  );
  for (const path of unreached) {
    const text = `${path} is published, but no entry point reaches it`;
    if (strict) throw new Problem(`${text}: use it, or remove it`);
    console.log(`warning: ${text}`);
  }
  const difference = differenceOf([...wanted, ...unreached], published);
  if (difference === undefined) return;
  throw new Problem(
    `deno publish has other files than the entry points reach: ` +
      `${difference}; see publish.include in deno.json`,
  );
}
