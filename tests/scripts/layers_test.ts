/**
 * The check of the layers catches each violation, in a tree made for it, and
 * has nothing to say about this one.
 *
 * @module
 */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import process from "node:process";
import { test } from "node:test";

/** A file of the violating tree, and what is to be said of it. */
interface Case {
  readonly title: string;
  readonly file: string;
  readonly code: string;
  readonly expected: readonly string[];
}

const violations: readonly Case[] = [
  {
    title: "core imports nothing but core",
    file: "core/imports.ts",
    code: `import { a } from "../api/fine.ts";
import type { B } from "../adapters/node/runtime.ts";
export { c } from "node:fs";
export type D = import("left-pad").D;
export const e: unknown = [a, import("./fine.ts")];
export type F = B;`,
    expected: [
      "1: core may not import ../api/fine.ts",
      "2: core may not import ../adapters/node/runtime.ts",
      "3: core may not import node:fs",
      "4: core may not import left-pad",
    ],
  },
  {
    title: "core knows no clock, timer, console or runtime",
    file: "core/globals.ts",
    code: `export const a: number = Date.now();
export const b: unknown = new Date();
setTimeout(() => console.log("late"), 1);
export const c: unknown = [process, performance, crypto];
queueMicrotask(() => {});
export const d: unknown = { Deno, bun: Bun };
export const e: number = Math.random();
export const f: unknown = globalThis["Date"];
export const g: unknown = new TextEncoder();
export type H = Date | AbortSignal | Deno.Conn;`,
    expected: [
      "1: core may not use Date",
      "2: core may not use Date",
      "3: core may not use setTimeout",
      "3: core may not use console",
      "4: core may not use process",
      "4: core may not use performance",
      "4: core may not use crypto",
      "5: core may not use queueMicrotask",
      "6: core may not use Deno",
      "6: core may not use Bun",
      "7: core may not use Math.random",
      "8: core may not use globalThis",
      "9: core may not use TextEncoder",
      "10: core may not use Date",
      "10: core may not use AbortSignal",
      "10: core may not use Deno",
    ],
  },
  {
    title: "core is synchronous",
    file: "core/promises.ts",
    code: `export const a: unknown = new Promise(() => {});
export async function b(): Promise<void> {
  await a;
}`,
    expected: [
      "1: core may not use Promise",
      "2: core is synchronous: no async",
      "2: core may not use Promise",
      "3: core is synchronous: no await",
    ],
  },
  {
    title: "api imports core and itself alone",
    file: "api/imports.ts",
    code: `import "../core/fine.ts";
import "./fine.ts";
import "../mod.ts";
import "../adapters/_shared/fine.ts";
import "node:net";`,
    expected: [
      "3: api may not import ../mod.ts",
      "4: api may not import ../adapters/_shared/fine.ts",
      "5: api may not import node:net",
    ],
  },
  {
    title: "api takes time and chance from the runtime",
    file: "api/globals.ts",
    code: `export const a: number = Date.now();
export const b: AbortSignal = AbortSignal.timeout(5);
export const c: unknown = new WeakRef({});
export const d: unknown = setInterval(() => queueMicrotask(() => {}), 5);
export const e: unknown = [process, console, Deno, Bun, crypto, fetch];
export const f: number = Math.random();`,
    expected: [
      "1: api may not use Date",
      "2: api may not use AbortSignal.timeout",
      "3: api may not use WeakRef",
      "4: api may not use setInterval",
      "4: api may not use queueMicrotask",
      "5: api may not use process",
      "5: api may not use console",
      "5: api may not use Deno",
      "5: api may not use Bun",
      "5: api may not use crypto",
      "5: api may not use fetch",
      "6: api may not use Math.random",
    ],
  },
  {
    title: "an adapter imports core and what adapters share",
    file: "adapters/deno/imports.ts",
    code: `import "node:net";
import "../../core/fine.ts";
import "../_shared/fine.ts";
import "../node/runtime.ts";
import "../../api/fine.ts";
import "bun";
import "npm:left-pad@1";`,
    expected: [
      "4: adapters/deno may not import ../node/runtime.ts",
      "5: adapters/deno may not import ../../api/fine.ts",
      "6: adapters/deno may not import bun",
      "7: adapters/deno may not import npm:left-pad@1",
    ],
  },
  {
    title: "what adapters share knows no adapter",
    file: "adapters/_shared/imports.ts",
    code: `import "../bun/runtime.ts";`,
    expected: ["1: adapters/_shared may not import ../bun/runtime.ts"],
  },
  {
    title: "the memory adapter touches no runtime",
    file: "adapters/memory/imports.ts",
    code: `import "node:net";
import "../_shared/fine.ts";`,
    expected: [
      "1: adapters/memory may not import node:net",
      "2: adapters/memory may not import ../_shared/fine.ts",
    ],
  },
  {
    title: "mod.ts loads adapters lazily and waits for nothing",
    file: "mod.ts",
    code: `import "./core/fine.ts";
import "./adapters/node/runtime.ts";
const name = "./adapters/bun/runtime.ts";
export const a: unknown = () => import("./adapters/deno/runtime.ts");
export const b: unknown = () => import(name);
export const c: unknown = await a;
export const d: unknown = async () => await a;`,
    expected: [
      "2: mod.ts may not import ./adapters/node/runtime.ts but by import()",
      "5: import() takes a literal in mod.ts",
      "6: no await at the top level of mod.ts: require() must load it",
    ],
  },
  {
    title: "examples use what users have",
    file: "examples/imports.ts",
    code: `import process from "node:process";
import "../mod.ts";
import "../entries/node.ts";
import "../api/fine.ts";
import "../tests/fine.ts";
process.exit(1);
import "../.build/mod.js";`,
    expected: [
      "4: examples may not import ../api/fine.ts",
      "5: examples may not import ../tests/fine.ts",
      "6: examples may not use process.exit: set process.exitCode",
      "7: examples may not import ../.build/mod.js: it belongs to no layer",
    ],
  },
  {
    title: "nothing imports tests",
    file: "scripts/imports.mjs",
    code: `import "../tests/fine.ts";
import "typescript";
import "../.build/core/fine.js";
import "../.build/tests/fine.js";`,
    expected: [
      "1: scripts may not import ../tests/fine.ts",
      "4: scripts may not import ../.build/tests/fine.js",
    ],
  },
  {
    title: "every file belongs to a layer",
    file: "utils/help.ts",
    code: `export const a = 1;`,
    expected: ["1: belongs to no layer, see layers.mjs"],
  },
];

/** Code that looks like violations and is none. */
const fine: Readonly<Record<string, string>> = {
  "core/fine.ts": `/** Date.now() and \`await\` in words. */
const text = "Date.now() setTimeout process";
const rule = /Date|console/;
interface Local { Date: number; readonly process: string }
function f(local: Local, performance: number): number {
  const { process: timeout } = local;
  return local.Date + performance + timeout.length;
}
export const crypto = \`console \${f({ Date: 1, process: text }, 2)}\`;
export const g: ReadonlyMap<string, Uint8Array> = new Map();
export const h = { Date: rule, undefined } as const;
console: for (;;) break console;`,
  "api/fine.ts": `import { crypto } from "../core/fine.ts";
export async function f(signal?: AbortSignal): Promise<string> {
  signal?.throwIfAborted();
  for await (const _ of new ReadableStream()) await Promise.resolve();
  return crypto;
}`,
  "adapters/_shared/fine.ts": `import "node:fs";`,
  "adapters/node/runtime.ts": `import "../_shared/fine.ts";
setTimeout(() => {}, Date.now());`,
  "entries/node.ts": `import "../adapters/node/runtime.ts";`,
  "posix.ts": `export * from "./api/fine.ts";`,
  "tests/fine.ts": `import "../core/fine.ts";
import "fast-check";
await import(String(1));`,
};

test("the check is content with a clean tree", () => {
  assert.deepEqual(checkTree(fine), { status: 0, lines: [] });
});

test("the check is content with this tree", () => {
  const { status, lines } = check(".");
  const found = lines.filter((line) => !line.startsWith("warning: "));
  assert.deepEqual({ status, found }, { status: 0, found: [] });
});

test("a long file is warned of", () => {
  const { status, lines } = checkTree({ "core/long.ts": "\n".repeat(401) });
  assert.deepEqual({ status, lines }, {
    status: 0,
    lines: ["warning: core/long.ts has 401 lines, more than 400"],
  });
});

for (const { title, file, expected } of violations) {
  test(`layers: ${title}`, () => {
    const { status, lines } = checkViolatingTree();
    assert.equal(status, 1);
    assert.deepEqual(
      lines.filter((line) => line.startsWith(`${file}:`)),
      expected.map((line) => `${file}:${line}`),
    );
  });
}

test("the check finds nothing in the violating tree but that", () => {
  const expected = violations.flatMap((one) => one.expected);
  assert.equal(checkViolatingTree().lines.length, expected.length);
});

interface Checked {
  readonly status: number | null;
  readonly lines: readonly string[];
}

let violating: Checked | undefined;

/** One tree for all violations, so that the compiler starts once. */
function checkViolatingTree(): Checked {
  violating ??= checkTree({
    ...fine,
    ...Object.fromEntries(violations.map((one) => [one.file, one.code])),
  });
  return violating;
}

/** Writes a tree into a directory of its own and checks it. */
function checkTree(files: Readonly<Record<string, string>>): Checked {
  const root = mkdtempSync(join(tmpdir(), "sockeye-layers-"));
  try {
    for (const [file, code] of Object.entries(files)) {
      mkdirSync(dirname(join(root, file)), { recursive: true });
      writeFileSync(join(root, file), code);
    }
    return check(root);
  } finally {
    rmSync(root, { recursive: true });
  }
}

/** The check is a Node program: the compiler's interface is one for Node. */
function check(root: string): Checked {
  const other = "Deno" in globalThis || "Bun" in globalThis;
  const node = other ? "node" : process.execPath;
  const { status, stdout, stderr } = spawnSync(
    node,
    ["scripts/check_layers.mjs", root],
    { encoding: "utf8" },
  );
  // The compiler may say there that it was told to end.
  if (status !== 0 && stdout === "") assert.fail(stderr);
  return { status, lines: stdout.split("\n").filter((line) => line !== "") };
}
