/**
 * The wrapper round the suite is the judge of everything else: it counts alike
 * on all runtimes, and does not pass what it should not.
 *
 * @module
 */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import {
  copyFileSync,
  mkdirSync,
  mkdtempSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import process from "node:process";
import { test } from "node:test";

const head = `import { test } from "node:test";\n`;

test("equal counts on three runtimes pass, and skipped tests are no passed ones", () => {
  const { status, lines } = runSuite({
    "a_test.ts": `${head}test("<one> & \\"two\\"", () => {});
test("not here", { skip: "a reason" }, () => { throw new Error(); });`,
    "deep/b_test.ts": `${head}test("three", async () => {});`,
  });
  assert.equal(status, 0);
  assert.equal(lines.at(-1), "6 passed, 0 failed");
  assert.deepEqual(rowsOf(lines), ["3 2 0 1", "3 2 0 1", "3 2 0 1"]);
});

test("failures are told with their reasons", () => {
  const { status, lines } = runSuite({
    "a_test.ts": `${head}test("ok", () => {});
test("bad", () => { throw new RangeError("seventeen"); });`,
  });
  assert.equal(status, 1);
  assert.equal(lines.at(-1), "3 passed, 3 failed");
  assert.deepEqual(rowsOf(lines), ["2 1 1 0", "2 1 1 0", "2 1 1 0"]);
  const reasons = lines.filter((line) => / RangeError.*: seventeen/.test(line));
  assert.ok(reasons.length >= 3, lines.join("\n"));
});

test("a test that one runtime lacks is a failure", () => {
  const { status, lines } = runSuite({
    "a_test.ts": `${head}test("here", () => {});
if (!("Bun" in globalThis)) test("there", () => {});`,
  });
  assert.equal(status, 1);
  assert.equal(lines.at(-1), "5 passed, 1 failed");
  assert.match(lines.at(-3) ?? "", /: Node .* 2, Deno .* 2, Bun .* 1$/);
  assert.equal(lines.at(-2), "  1, 1, 0 times: there");
});

test("no test at all is a failure", () => {
  const none = runSuite({});
  assert.deepEqual(none, {
    status: 1,
    lines: ["FAILED  no test file matches", "0 passed, 1 failed"],
  });
  const empty = runSuite({ "a_test.ts": "export {};" }, ["--only", "node"]);
  assert.equal(empty.status, 1);
  assert.equal(empty.lines.at(-1), "0 passed, 1 failed");
});

test("an error outside of any test is a failure", () => {
  const { status, lines } = runSuite({
    "a_test.ts": `${head}test("ok", () => {});
setTimeout(() => { throw new Error("late"); });
test("waits", () => new Promise((settle) => setTimeout(settle, 50)));`,
  });
  assert.equal(status, 1);
  const told = lines.filter((line) => line.startsWith("FAILED  "));
  for (const runtime of ["Node", "Deno", "Bun"]) {
    assert.ok(told.some((line) => line.includes(runtime)), lines.join("\n"));
  }
});

test("a runtime that is not installed is a failure", () => {
  const files = { "a_test.ts": `${head}test("ok", () => {});` };
  const { status, lines } = runSuite(files, [], { modules: false });
  assert.equal(status, 1);
  const text = lines.join("\n");
  assert.match(text, /FAILED {2}Deno: Deno does not start, run npm ci/);
  assert.match(text, /FAILED {2}Bun: Bun does not start, run npm ci/);
});

/** Tests, passed, failed and skipped of each row of the table. */
function rowsOf(lines: readonly string[]): string[] {
  return lines
    .filter((line) => /^(Node|Deno|Bun) \d/.test(line))
    .map((line) => line.split(/ +/).slice(2, 6).join(" "));
}

interface Ran {
  readonly status: number | null;
  readonly lines: readonly string[];
}

/** Runs `npm test`'s script in a repository that has these tests alone. */
function runSuite(
  files: Readonly<Record<string, string>>,
  args: readonly string[] = [],
  { modules = true }: { readonly modules?: boolean } = {},
): Ran {
  const root = mkdtempSync(join(tmpdir(), "sockeye-wrapper-"));
  try {
    mkdirSync(join(root, "tests/deep"), { recursive: true });
    copyFileSync("tests/_preload.ts", join(root, "tests/_preload.ts"));
    for (const [file, code] of Object.entries(files)) {
      writeFileSync(join(root, "tests", file), code);
    }
    writeFileSync(join(root, "package.json"), `{ "type": "module" }`);
    writeFileSync(join(root, "deno.json"), `{ "nodeModulesDir": "manual" }`);
    writeFileSync(join(root, "tsconfig.json"), tsconfig);
    if (modules) {
      symlinkSync(resolve("node_modules"), join(root, "node_modules"));
    }
    const other = "Deno" in globalThis || "Bun" in globalThis;
    const { status, stdout } = spawnSync(
      other ? "node" : process.execPath,
      [resolve("scripts/test.mjs"), ...args],
      { cwd: root, encoding: "utf8" },
    );
    return { status, lines: stdout.trimEnd().split("\n") };
  } finally {
    rmSync(root, { recursive: true });
  }
}

const tsconfig = JSON.stringify({
  compilerOptions: {
    target: "es2023",
    lib: ["ES2023", "DOM"],
    types: ["node"],
    module: "nodenext",
    skipLibCheck: true,
    rootDir: ".",
    outDir: ".build",
  },
  include: ["tests"],
});
