/**
 * The npm package under npm/, by dnt, for a release:
 *
 *     npm run build:dnt -- [--tag v0.1.0]
 *
 * What it needs comes from JSR and is named in scripts/deno.json alone. It is
 * imported dynamically, since a static import would have `deno check` of the
 * whole repository fail wherever JSR cannot be reached; build_npm_tsc.mjs
 * makes the same package there.
 *
 * @module
 */
import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import process from "node:process";
import {
  filesIn,
  Problem,
  programsIn,
  reachedSources,
  reportProblems,
} from "./npm_layout.mjs";
import { readManifest } from "./npm_manifest.mjs";
import {
  checkTag,
  codeDirectory,
  finishPackage,
  packageFolder,
  portableTypes,
} from "./npm_package.mjs";

await reportProblems(async () => {
  const { build, parseArgs, assert, assertEquals } = await importTools();
  const { tag } = parseArgs(process.argv.slice(2), { string: ["tag"] });
  const manifest = readManifest();
  const { name, version, entries, packageJson } = manifest;
  checkTag(tag, version);
  reachedSources(manifest); // says in one line what must not be published
  rmSync(packageFolder, { recursive: true, force: true });
  mkdirSync(packageFolder);

  await build({
    // finishPackage exports the entry points alone.
    entryPoints: [
      ...Object.entries(entries),
      ...programsIn().map((source) => [`./${source}`, source]),
    ].map(([name, path]) => ({ name, path })),
    outDir: packageFolder,
    package: { name, version },
    shims: {},
    // Node 20, the oldest, has everything that the code asks for.
    polyfills: false,
    esModule: true,
    scriptModule: false,
    // A target below ES2022 would lower `#fields` to WeakMaps.
    compilerOptions: {
      target: "ES2022",
      sourceMap: true,
      inlineSources: true,
    },
    skipSourceOutput: true,
    skipNpmInstall: true,
    // `tsc -b` has checked each adapter with the types of its own runtime;
    // taken together, these disagree.
    typeCheck: false,
    // The suite spawns programs that no import leads to. The tests of the
    // packed thing run from the tarball instead: npm run test:packed.
    test: false,
  });

  const made = JSON.parse(
    readFileSync(`${packageFolder}/package.json`, "utf8"),
  );
  for (const kind of ["dependencies", "peerDependencies"]) {
    assertEquals(Object.keys(made[kind] ?? {}), [], `${kind} that dnt found`);
  }
  assert(made.name === packageJson.name, "dnt builds the package of deno.json");
  // finishPackage lists what is shipped; these are dnt's own lists.
  rmSync(`${packageFolder}/.npmignore`, { force: true });
  rmSync(`${packageFolder}/esm/package.json`, { force: true });
  for (const path of filesIn(codeDirectory())) {
    if (!path.endsWith(".d.ts")) continue;
    const types = `${codeDirectory()}/${path}`;
    writeFileSync(types, portableTypes(readFileSync(types, "utf8")));
  }
  console.log(finishPackage());
});

async function importTools() {
  try {
    return {
      ...await import("@deno/dnt"),
      ...await import("@std/cli/parse-args"),
      ...await import("@std/assert"),
    };
  } catch (error) {
    const [reason] = String(error).split("\n");
    throw new Problem(
      `dnt does not load (${reason}): see that JSR can be reached, ` +
        `or make the same package with npm run build:npm`,
    );
  }
}
