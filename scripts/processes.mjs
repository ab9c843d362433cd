// Child processes of the scripts: each in a group of its own, so that what it
// started goes with it, with a time limit and its output kept.
import { spawn } from "node:child_process";
import process from "node:process";

/**
 * @typedef {object} Outcome
 * @property {number | null} code the exit status; null if a signal ended it
 * @property {string | null} signal the signal that ended it
 * @property {boolean} timedOut whether that was our time limit
 * @property {string} output standard output and error, in the order of arrival
 * @property {number} seconds how long it took
 */

/** Leaders of the process groups that run now. @type {Set<number>} */
const groups = new Set();

/** @param {number} group @param {NodeJS.Signals} signal */
function killGroup(group, signal) {
  try {
    process.kill(-group, signal);
  } catch {
    // The group is gone already.
  }
}

for (
  const [signal, status] of /** @type {const} */ ([
    ["SIGINT", 130],
    ["SIGTERM", 143],
    ["SIGHUP", 129],
  ])
) {
  process.on(signal, () => {
    for (const group of groups) killGroup(group, "SIGKILL");
    process.exit(status);
  });
}

/**
 * Runs a program to its end, or to the time limit, then ends whatever it left
 * running in its process group. One that does not start has status 127, as in
 * a shell.
 *
 * @param {string} command
 * @param {readonly string[]} args
 * @param {{ limit?: number, env?: NodeJS.ProcessEnv, cwd?: string }} [options]
 * `limit` in seconds
 * @returns {Promise<Outcome>}
 */
export function run(command, args, { limit = 300, env, cwd } = {}) {
  const started = performance.now();
  return new Promise((resolve) => {
    const child = spawn(command, args, {
      cwd,
      env: env ?? process.env,
      detached: true,
      stdio: ["ignore", "pipe", "pipe"],
    });
    child.on("error", ({ message }) => {
      const end = { code: 127, signal: null, timedOut: false, seconds: 0 };
      resolve({ ...end, output: message });
    });
    const group = child.pid;
    if (group === undefined) return;
    groups.add(group);
    let output = "";
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding("utf8").on("data", (text) => output += text);
    }
    let timedOut = false;
    const timer = setTimeout(() => {
      timedOut = true;
      killGroup(group, "SIGKILL");
    }, limit * 1000);
    // Survivors hold the pipes open, and "close" would wait for them.
    child.on("exit", () => killGroup(group, "SIGKILL"));
    child.on("close", (code, signal) => {
      clearTimeout(timer);
      groups.delete(group);
      const seconds = (performance.now() - started) / 1000;
      resolve({ code, signal, timedOut, output, seconds });
    });
  });
}

/**
 * Says how a program ended, if it did not end well.
 *
 * @param {Outcome} outcome
 * @param {number} limit
 */
export function badEnd({ code, signal, timedOut }, limit) {
  if (timedOut) return `did not end within ${limit} s and was killed`;
  if (signal !== null) return `was ended by ${signal}`;
  return code === 0 ? undefined : `ended with status ${code}`;
}
