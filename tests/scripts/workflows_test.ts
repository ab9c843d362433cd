/**
 * The workflows cannot be run here: what can be known of them without is that
 * they ask for what there is, and leave out nothing that was promised.
 *
 * @module
 */
import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { test } from "node:test";

const ci = readFileSync(".github/workflows/ci.yml", "utf8");
const release = readFileSync(".github/workflows/release.yml", "utf8");

/** The commands of a workflow, in order. */
function commandsOf(workflow: string): string[] {
  return [...workflow.matchAll(/^ +- run: (.+)$/gm)]
    .map(([, command = ""]) => command);
}

test("workflows run scripts and programs that there are", () => {
  const { scripts } = JSON.parse(readFileSync("package.json", "utf8"));
  for (const command of [...commandsOf(ci), ...commandsOf(release)]) {
    const [program = "", verb = "", name = ""] = command.split(" ");
    if (program === "npm") {
      if (verb === "run") assert.ok(name in scripts, command);
      else assert.match(verb, /^(ci|test|publish)$/, command);
    } else {
      assert.ok(existsSync(program), command);
    }
  }
});

test("CI runs every runtime on every system", () => {
  assert.match(ci, /os: \[ubuntu-latest, macos-latest, windows-latest\]/);
  const runtimes = [...ci.matchAll(/\{ only: (\w+), node: (\d+) \}/g)]
    .map(([, only, node]) => `${only} ${node}`);
  assert.deepEqual(
    runtimes,
    ["node 20", "node 22", "node 24", "deno 20", "bun 20"],
  );
  assert.deepEqual(commandsOf(ci), [
    ".ci/run",
    "npm ci",
    "npm test -- --only ${{ matrix.runtime.only }}",
  ]);
});

test("a release checks, builds by dnt, tests that, and publishes it", () => {
  assert.match(release, /^ +tags: \["v\*"\]$/m);
  assert.match(release, /^ +id-token: write$/m);
  assert.deepEqual(commandsOf(release), [
    "npm ci",
    'npm run release:check -- "$GITHUB_REF_NAME"',
    ".ci/run",
    'npm run build:dnt -- --tag "$GITHUB_REF_NAME"',
    "npm run test:packed -- --built",
    "npm publish --provenance --access public",
    "node_modules/.bin/deno publish",
  ]);
});
