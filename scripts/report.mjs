// What a run of the suite says at its end: failures in full, a table, and
// `N passed, N failed` on the last line.

/** @typedef {import("./suite.mjs").Run} Run */

/**
 * Prints everything; gives the number of failures.
 *
 * @param {readonly Run[]} runs
 * @param {readonly string[]} problems what failed besides
 */
export function report(runs, problems = []) {
  const { passed, failed } = tell(runs, problems);
  console.log(`${passed} passed, ${failed} failed`);
  return failed;
}

/**
 * Prints everything but the last line.
 *
 * Every runtime must have run as many tests as the others, and more than none:
 * a runner that found no test is content, and so is one that lost a file.
 *
 * @param {readonly Run[]} runs
 * @param {readonly string[]} problems what failed besides
 */
export function tell(runs, problems = []) {
  const failures = [...problems, ...runs.flatMap(failuresOf)];
  const differences = differencesOf(runs);
  for (const { output } of runs) {
    if (output !== "") console.log(output);
  }
  for (const { runtime, results } of runs) {
    for (const { file, name, status, detail } of results) {
      if (status !== "failed") continue;
      console.log(`\nFAILED  ${runtime}: ${file}: ${name}\n${indent(detail)}`);
    }
  }
  console.log(table(runs));
  for (const line of [...failures, ...differences]) {
    console.log(`FAILED  ${line}`);
  }
  const passed = runs.reduce((sum, run) => sum + count(run, "passed"), 0);
  const failed = failures.length + differences.length;
  return { passed, failed };
}

/** @param {Run} run */
function failuresOf({ runtime, results, problems }) {
  const lines = results
    .filter(({ status }) => status === "failed")
    .map(({ file, name }) => `${runtime}: ${file}: ${name}`);
  for (const problem of problems) lines.push(`${runtime}: ${problem}`);
  if (results.length === 0 && lines.length === 0) {
    lines.push(`${runtime}: no test ran`);
  }
  return lines;
}

/**
 * Whether the runtimes that came to their end ran equally many tests, and if
 * not, which are missing where. Files do not tell: Deno names the file that
 * calls `test`, the others the one that was started.
 *
 * @param {readonly Run[]} all
 */
function differencesOf(all) {
  const runs = all.filter(({ problems }) => problems.length === 0);
  const counts = runs.map(({ results }) => results.length);
  if (counts.every((number) => number === counts[0])) return [];
  const each = runs.map(({ runtime }, index) => `${runtime} ${counts[index]}`);
  const names = new Set(
    runs.flatMap(({ results }) => results.map(({ name }) => name)),
  );
  const missing = [...names].flatMap((name) => {
    const times = runs.map(({ results }) =>
      results.filter((result) => result.name === name).length
    );
    if (times.every((number) => number === times[0])) return [];
    return [`\n  ${times.join(", ")} times: ${name}`];
  });
  return [`tests are not equally many: ${each.join(", ")}${missing.join("")}`];
}

/** The files that took longest, seconds on each runtime. @param {readonly Run[]} runs */
export function slowest(runs) {
  /** @type {Map<string, string[]>} */
  const cells = new Map();
  /** @type {Map<string, number>} */
  const totals = new Map();
  for (const { times = [] } of runs) {
    for (const [file, seconds] of times) {
      const cell = seconds.toFixed(1).padStart(9);
      cells.set(file, [...(cells.get(file) ?? []), cell]);
      totals.set(file, (totals.get(file) ?? 0) + seconds);
    }
  }
  const files = [...totals].sort(([, a], [, b]) => b - a).slice(0, 30);
  return files.map(([file]) => `${cells.get(file)?.join("")}  ${file}`)
    .join("\n");
}

/** @param {readonly Run[]} runs */
function table(runs) {
  const rows = [
    ["runtime", "tests", "passed", "failed", "skipped", "seconds"],
    ...runs.map((run) => [
      run.runtime,
      String(run.results.length),
      String(count(run, "passed")),
      String(count(run, "failed")),
      String(count(run, "skipped")),
      run.seconds.toFixed(1),
    ]),
  ];
  const lines = rows.map(([runtime = "", ...numbers]) =>
    runtime.padEnd(16) + numbers.map((cell) => cell.padStart(9)).join("")
  );
  return `\n${lines.join("\n")}\n`;
}

/** @param {Run} run @param {"passed" | "failed" | "skipped"} wanted */
function count({ results }, wanted) {
  return results.filter(({ status }) => status === wanted).length;
}

/** @param {string | undefined} text */
function indent(text = "") {
  return text.replaceAll(/^/gm, "    ");
}
