// What is asserted of the packed package besides that it works.
import assert from "node:assert/strict";
import {
  checkPackage,
  createPackageFromTarballData,
} from "@arethetypeswrong/core";
import { mkdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import process from "node:process";
import { publint } from "publint";
import { formatMessage } from "publint/utils";
import { versionOfNode } from "../nodes.mjs";
import { readLayout } from "../npm_layout.mjs";
import { packedLimit } from "../npm_manifest.mjs";
import { run } from "../processes.mjs";
import { bundlesOf } from "./bundles.mjs";
import { must } from "./projects.mjs";

/** @typedef {import("./projects.mjs").Tarball} Tarball */
/** @typedef {[name: string, check: () => Promise<void> | void]} Check */

const bun = resolve("node_modules/.bin/bun");
const deno = resolve("node_modules/.bin/deno");
const denoRun = ["run", "--allow-all", "--no-lock"];

/**
 * @param {Tarball} tarball
 * @param {string} project where npm has installed it
 * @param {readonly string[]} nodes binaries
 * @returns {Check[]}
 */
export function checksOf(tarball, project, nodes) {
  return [
    ["the tarball holds the files of the layout", () => {
      assert.deepEqual(tarball.files, readLayout().sort());
    }],
    [`the tarball is smaller than ${packedLimit} bytes`, () => {
      assert.ok(tarball.size < packedLimit, `it has ${tarball.size}`);
    }],
    ["publint has nothing to say", () => lint(tarball)],
    ["attw has nothing to say", () => checkTypes(tarball)],
    ...compilers().map(
      /** @returns {Check} */
      ([name, compiler]) => [
        `a strict consumer compiles with ${name}`,
        () => compile(project, compiler),
      ],
    ),
    ["a strict consumer in CommonJS compiles", async () => {
      await compileAs(project, "node_modules/typescript", {
        ...forNode,
        file: "required_typed.cts",
      });
    }],
    ["a strict consumer compiles with Deno", async () => {
      await must(deno, ["check", "--no-lock", "typed.ts"], { cwd: project });
    }],
    ...nodes.flatMap((node) => requireChecks(project, node)),
    ["require() works with Deno", () => requireIt(project, deno, denoRun)],
    ["require() works with Bun", () => requireIt(project, bun, [])],
    ["errors are traced to the sources", () => trace(project)],
    ...bundlesOf(project, nodes),
  ];
}

/** @param {Tarball} tarball */
async function lint({ path }) {
  const bytes = readFileSync(path);
  const packed = bytes.buffer.slice(
    bytes.byteOffset,
    bytes.byteOffset + bytes.byteLength,
  );
  const { messages, pkg } = await publint({
    pack: { tarball: packed },
    strict: true,
  });
  assert.deepEqual(messages.map((each) => formatMessage(each, pkg)), []);
}

/**
 * As attw's profile `esm-only`: CommonJS gets the module by `require()` where
 * Node can, which the types cannot know, and what resolved packages before
 * there were `exports` finds nothing.
 *
 * @param {Tarball} tarball
 */
async function checkTypes({ path }) {
  const made = createPackageFromTarballData(readFileSync(path));
  const { types, problems } = /** @type {any} */ (await checkPackage(made));
  assert.ok(types, "the package has types");
  const left = problems.filter((/** @type {any} */ { kind, resolutionKind }) =>
    kind !== "CJSResolvesToESM" && resolutionKind !== "node10"
  );
  assert.deepEqual(left, []);
}

/** The one that we use, and an old one, which attw brings along. */
function compilers() {
  const old = "node_modules/@arethetypeswrong/core/node_modules/typescript";
  return /** @type {const} */ ([
    [
      `TypeScript ${versionOf("node_modules/typescript")}`,
      "node_modules/typescript",
    ],
    [`TypeScript ${versionOf(old)}`, old],
  ]);
}

/** @param {string} path of a package */
function versionOf(path) {
  return JSON.parse(readFileSync(join(path, "package.json"), "utf8")).version;
}

const forNode = { types: ["node"], lib: ["ES2023"], module: "nodenext" };

/**
 * With the types of Node, and with those of the platform alone, as the README
 * says; by Node's resolution and by a bundler's.
 *
 * @param {string} project
 * @param {string} compiler
 */
async function compile(project, compiler) {
  const types = join(project, "node_modules/@types");
  mkdirSync(types, { recursive: true });
  linkOnce(resolve("node_modules/@types/node"), join(types, "node"));
  await compileAs(project, compiler, { ...forNode, file: "typed.ts" });
  await compileAs(project, compiler, {
    types: [],
    lib: ["ES2023", "ESNext.Disposable", "DOM"],
    module: "esnext",
    moduleResolution: "bundler",
    file: "typed.ts",
  });
}

/**
 * @param {string} project
 * @param {string} compiler
 * @param {Record<string, unknown> & { file: string }} options
 */
async function compileAs(project, compiler, { file, ...surroundings }) {
  const compilerOptions = {
    target: "es2022",
    strict: true,
    exactOptionalPropertyTypes: true,
    noUncheckedIndexedAccess: true,
    verbatimModuleSyntax: true,
    skipLibCheck: false,
    noEmit: true,
    ...surroundings,
  };
  writeFileSync(
    join(project, "tsconfig.json"),
    JSON.stringify({ compilerOptions, files: [file] }),
  );
  await must(process.execPath, [resolve(compiler, "bin/tsc"), "-p", "."], {
    cwd: project,
  });
}

/** @param {string} target @param {string} path */
function linkOnce(target, path) {
  try {
    symlinkSync(target, path);
  } catch (error) {
    if (/** @type {NodeJS.ErrnoException} */ (error).code !== "EEXIST") {
      throw error;
    }
  }
}

/**
 * `require()` works with Node 20.19, 22.12 and later; where it does not, which
 * later ones can be told to show, the message is Node's own.
 *
 * @param {string} project
 * @param {string} node
 * @returns {Check[]}
 */
function requireChecks(project, node) {
  const version = versionOfNode(node);
  return [
    [
      `require() works with Node ${version}, without a warning`,
      () => requireIt(project, node, []),
    ],
    [`without it, Node ${version} says what to do`, async () => {
      const { code, output } = await run(
        node,
        ["--no-experimental-require-module", "required.cjs"],
        { cwd: project },
      );
      assert.equal(code, 1);
      assert.match(output, /ERR_REQUIRE_ESM/);
      assert.match(output, /Instead change the require.*dynamic import\(\)/s);
    }],
  ];
}

/**
 * @param {string} project
 * @param {string} binary
 * @param {readonly string[]} args
 */
async function requireIt(project, binary, args) {
  const output = await must(binary, [...args, "required.cjs"], {
    cwd: project,
  });
  assert.equal(output.trim(), "required 7");
}

/** @param {string} project */
async function trace(project) {
  const program = `import { parseAddress } from "@sockeye/net";
    try { parseAddress("nowhere") } catch ({ stack }) { console.log(stack) }`;
  const output = await must(process.execPath, [
    "--enable-source-maps",
    "--input-type=module",
    "--eval",
    program,
  ], { cwd: project });
  assert.match(output, /core\/address\.ts:\d+:\d+/);
}
