// `npm run release:check`: whether this very tree may be released.
//
//   node scripts/release_check.mjs [TAG]
//
// Versions and the tag agree, the changelog has the version, the tree is
// clean, the packages are what they are to be. A line for each thing that is
// not so, with what to do about it.
import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { Problem } from "./npm_layout.mjs";
import { readManifest } from "./npm_manifest.mjs";
import { checkTag, checkVersion } from "./npm_package.mjs";

const [tag] = process.argv.slice(2);
const { version } = readManifest();

/** @type {(() => void)[]} */
const checks = [
  () => checkVersion(version, process.cwd()),
  () => checkTag(tag, version),
  checkChangelog,
  checkTree,
  checkPackages,
];
let failed = 0;
for (const check of checks) {
  try {
    check();
  } catch (error) {
    if (!(error instanceof Problem)) throw error;
    console.error(error.message);
    failed++;
  }
}
if (failed === 0) console.log(`${version} may be released`);
process.exitCode = failed === 0 ? 0 : 1;

/** What is unreleased must have become this version. */
function checkChangelog() {
  const [first] = readFileSync("CHANGELOG.md", "utf8").match(/^## .*$/m) ?? [];
  if (first === `## ${version}`) return;
  throw new Problem(
    `CHANGELOG.md begins with "${
      first ?? "nothing"
    }", not with "## ${version}": ` +
      `give what is unreleased its version`,
  );
}

function checkTree() {
  const { status, stdout, stderr } = spawnSync(
    "git",
    ["status", "--porcelain"],
    { encoding: "utf8" },
  );
  if (status !== 0) throw new Problem(`git status says ${stderr.trim()}`);
  const paths = stdout.split("\n").filter((line) => line !== "")
    .map((line) => line.slice(3));
  if (paths.length === 0) return;
  const more = paths.length > 3 ? ` and ${paths.length - 3} more` : "";
  throw new Problem(
    `The tree is not clean: ${paths.slice(0, 3).join(", ")}${more}; ` +
      `commit or remove what is there`,
  );
}

function checkPackages() {
  const script = fileURLToPath(new URL("check_packages.mjs", import.meta.url));
  const { status, stderr } = spawnSync(process.execPath, [script, "--strict"], {
    encoding: "utf8",
  });
  if (status !== 0) throw new Problem(stderr.trim());
}
