// scripts/consumers/smoke.mjs on one runtime, as a run of a suite.
import process from "node:process";
import { badEnd, run } from "../processes.mjs";

/** Seconds for all of it. */
const LIMIT = 30;

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
  const [program = "", ...args] = command;
  const outcome = await run(program, [
    ...args,
    "smoke.mjs",
    runtime,
    JSON.stringify(subpaths),
    where,
  ], { cwd, limit: LIMIT, env: { ...process.env, NO_COLOR: "1", ...env } });
  const lines = outcome.output.split("\n");
  const results = lines.filter((line) => line.startsWith('{"name"'))
    .map((line) => ({ file: "smoke.mjs", ...JSON.parse(line) }));
  const others = lines.filter((line) => !line.startsWith('{"name"'));
  const end = badEnd(outcome, LIMIT);
  return {
    runtime: title,
    results,
    problems: end === undefined ? [] : [`smoke.mjs ${end}`],
    output: end === undefined ? "" : others.join("\n"),
    seconds: outcome.seconds,
  };
}
