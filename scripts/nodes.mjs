// The other supported Nodes, which strip types.
//
// Their binaries come from the registry into the ignored directory .nodes. They
// are no dependencies: their `bin` entry would shadow the system's Node in
// every npm script, and their `os` field would break other platforms.
import { existsSync } from "node:fs";
import { resolve } from "node:path";
import process from "node:process";
import { badEnd, run } from "./processes.mjs";

/** At least 22.18, the first that strips types by default. */
const versions = ["22.23.3", "24.21.0"];
/** Seconds to download one. */
const LIMIT = 240;

/**
 * Installs those that are not there yet.
 *
 * @returns {Promise<{ binaries: string[], problems: string[] }>}
 */
export async function otherNodes() {
  const binaries = [];
  const problems = [];
  for (const version of versions) {
    const binary = resolve(
      `.nodes/${version}/node_modules/${packageName()}/bin/node`,
    );
    const problem = await install(version, binary);
    if (problem === undefined) binaries.push(binary);
    else problems.push(`Node ${version}: ${problem}`);
  }
  return { binaries, problems };
}

/** The version of this Node, or of one of the others. @param {string} binary */
export function versionOfNode(binary) {
  return versions.find((version) => binary.includes(`/.nodes/${version}/`)) ??
    process.versions.node;
}

/** The package that holds this platform's binary, and nothing else. */
function packageName() {
  const platform = process.platform === "win32" ? "win" : process.platform;
  return `node-${platform}-${process.arch}`;
}

/**
 * @param {string} version
 * @param {string} binary
 * @returns {Promise<string | undefined>} what went wrong
 */
async function install(version, binary) {
  if (existsSync(binary)) return undefined;
  const limit = LIMIT;
  const outcome = await run("npm", [
    "install",
    "--prefix",
    `.nodes/${version}`,
    "--no-save",
    "--no-package-lock",
    "--ignore-scripts",
    "--no-audit",
    "--no-fund",
    `${packageName()}@${version}`,
  ], { limit });
  const end = badEnd(outcome, limit);
  return end && `npm install ${end}\n${outcome.output}`;
}
