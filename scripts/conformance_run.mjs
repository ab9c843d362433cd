// Runs conformance cases in child processes, whatever becomes of them.
import { spawn } from "node:child_process";
import { createInterface } from "node:readline";
import process from "node:process";

/**
 * @typedef {object} Result
 * @property {"pass" | "gap" | "fail" | "hangs" | "crashes" | "n/a"} verdict
 * @property {readonly string[]} notes reasons of gaps, or what went wrong
 */

/** ms that a case may take beyond its own limit, to close what it opened. */
const SLACK = 15_000;
/** ms for a process to come to its first case. */
const STARTUP = 30_000;

/** One subject on one runtime over one transport. */
export class CaseRunner {
  #command;
  /** @type {Map<string, Result>} */
  #results = new Map();

  /** @param {readonly string[]} command to be followed by ids */
  constructor(command) {
    this.#command = command;
  }

  /**
   * Runs the cases, in a new process after each one that took its process.
   *
   * @param {readonly string[]} ids
   */
  async runAll(ids) {
    let left = ids;
    for (let first; (first = left[0]) !== undefined;) {
      const { running, ...result } = await this.#runBatch(left);
      if (running !== undefined) this.#results.set(running, result);
      // A process that comes to no case must not be started for ever.
      else if (!this.#results.has(first)) this.#results.set(first, result);
      left = left.filter((id) => !this.#results.has(id));
    }
    return this.#results;
  }

  /**
   * Gives the case that was running when the process ended, and how.
   *
   * @param {readonly string[]} ids
   * @returns {Promise<{ running: string | undefined } & Result>}
   */
  #runBatch(ids) {
    const [command = "", ...args] = this.#command;
    const child = spawn(command, [...args, ...ids], {
      detached: true,
      env: { ...process.env, NO_COLOR: "1", RUST_BACKTRACE: "0" },
    });
    /** @type {string | undefined} */
    let running;
    let late = false;
    let errors = "";
    child.stdin.end();
    child.stderr.setEncoding("utf8").on("data", (text) => errors += text);
    const end = () => {
      if (child.pid === undefined) return;
      try {
        // What the cases started is in the same group.
        process.kill(-child.pid, "SIGKILL");
      } catch {
        // All of it is gone.
      }
    };
    const expire = () => {
      late = true;
      end();
    };
    let timer = setTimeout(expire, STARTUP);
    createInterface({ input: child.stdout }).on("line", (line) => {
      const { start, limit, id, verdict, notes } = parse(line);
      clearTimeout(timer);
      if (start !== undefined) running = start;
      if (id !== undefined) {
        running = undefined;
        this.#results.set(id, { verdict, notes });
      }
      timer = setTimeout(expire, (limit ?? STARTUP) + SLACK);
    });
    child.on("exit", end);
    return new Promise((resolve) => {
      child.on("close", () => {
        clearTimeout(timer);
        resolve({
          running,
          verdict: late ? "hangs" : "crashes",
          notes: [late ? "The event loop stood still" : lastWords(errors)],
        });
      });
    });
  }
}

/** @param {string} line */
function parse(line) {
  try {
    return JSON.parse(line);
  } catch {
    // A control's runtime may print warnings between.
    return {};
  }
}

/**
 * The line of a crash report that names the error.
 *
 * @param {string} errors
 */
function lastWords(errors) {
  const lines = errors.split("\n").map((line) => line.trim());
  const telling = /^(error|[A-Za-z]*Error\b|thread .* panicked|panic)/;
  const found = lines.find((line) => telling.test(line));
  return found ?? lines.find((line) => line !== "") ?? "no last words";
}
