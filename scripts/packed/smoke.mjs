// The programs of scripts/consumers on one runtime, as a run of a suite.
import process from "node:process";
import { badEnd, run } from "../processes.mjs";

/** Seconds for one program. */
const LIMIT = 120;
const programs = ["smoke.mjs", "children.mjs"];

/**
 * @param {readonly string[]} command
 * @param {"node" | "deno" | "bun"} runtime
 * @param {readonly string[]} subpaths
 * @param {object} options
 * @param {string} options.cwd the project
 * @param {string} options.where part of the URL that the package comes from
 * @param {string} options.title of the run
 * @param {Record<string, string>} [options.env]
 * @returns {Promise<import("../suite.mjs").Run>}
 */
export async function smoke(command, runtime, subpaths, options) {
  const { cwd, where, title, env } = options;
  const [binary = "", ...args] = command;
  const made = { runtime: title, results: [], problems: [], output: "" };
  /** @type {import("../suite.mjs").Run} */
  const whole = { ...made, seconds: 0 };
  for (const program of programs) {
    const outcome = await run(binary, [
      ...args,
      program,
      runtime,
      JSON.stringify(subpaths),
      where,
    ], { cwd, limit: LIMIT, env: { ...process.env, NO_COLOR: "1", ...env } });
    const lines = outcome.output.split("\n");
    const told = lines.filter((line) => line.startsWith('{"name"'));
    for (const line of told) {
      whole.results.push({ file: program, ...JSON.parse(line) });
    }
    whole.seconds += outcome.seconds;
    const end = badEnd(outcome, LIMIT);
    if (end === undefined) continue;
    whole.problems.push(`${program} ${end}`);
    whole.output += lines.filter((line) => !told.includes(line)).join("\n");
  }
  return whole;
}
