// `npm run build:npm`: the npm package under npm/, from what `tsc` made.
//
//   node scripts/build_npm_tsc.mjs [--no-build]
//
// The code is the very files of .build that the suite runs. They are made anew
// first; with --no-build those that are there are taken, if they are up to date.
// build_npm.ts makes the same package with dnt, where JSR can be reached.
import { spawnSync } from "node:child_process";
import {
  existsSync,
  mkdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { dirname, join } from "node:path";
import process from "node:process";
import {
  outputsOf,
  Problem,
  reachedSources,
  reportProblems,
} from "./npm_layout.mjs";
import { readManifest } from "./npm_manifest.mjs";
import {
  codeDirectory,
  finishPackage,
  packageFolder,
  portableTypes,
} from "./npm_package.mjs";

const built = ".build";

await reportProblems(() => {
  if (!process.argv.includes("--no-build")) build();
  const manifest = readManifest();
  rmSync(packageFolder, { recursive: true, force: true });
  mkdirSync(codeDirectory(), { recursive: true });
  for (const source of reachedSources(manifest)) copyOutputs(source);
  console.log(finishPackage());
});

function build() {
  const script = new URL("build.mjs", import.meta.url);
  const { status } = spawnSync(process.execPath, [script.pathname], {
    stdio: "inherit",
  });
  if (status !== 0) throw new Problem("tsc -b failed: see above");
}

/** @param {string} source */
function copyOutputs(source) {
  const { code, map, types } = outputsOf(source);
  for (const path of [code, map, types]) {
    if (existsSync(join(built, path))) continue;
    throw new Problem(`${built}/${path} is missing: run npm run build`);
  }
  const { sourcesContent } = JSON.parse(
    readFileSync(join(built, map), "utf8"),
  );
  if (sourcesContent?.[0] !== readFileSync(source, "utf8")) {
    throw new Problem(
      `${built}/${code} is not made of ${source} as it is: run npm run build`,
    );
  }
  put(code, readFileSync(join(built, code), "utf8"));
  put(map, readFileSync(join(built, map), "utf8"));
  put(types, portableTypes(readFileSync(join(built, types), "utf8")));
}

/** @param {string} path @param {string} text */
function put(path, text) {
  const target = join(codeDirectory(), path);
  mkdirSync(dirname(target), { recursive: true });
  writeFileSync(target, text);
}
