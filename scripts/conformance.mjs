// `npm run conformance`: every case of the suite on each runtime and transport,
// for this library and for the bare APIs beside it, written to CONFORMANCE.md.
//
//   node scripts/conformance.mjs
//
// A control may hang, spin or take its process with it: each batch of cases
// runs in a child, which is watched from case to case, and the rest of a batch
// goes on in a new one.
import { readFileSync, writeFileSync } from "node:fs";
import process from "node:process";
import { CaseRunner } from "./conformance_run.mjs";
import { casesOver, renderMatrix, summary } from "./conformance_matrix.mjs";
import { run } from "./processes.mjs";

/**
 * @typedef {import("./conformance_matrix.mjs").Batch & { runtime: Runtime }} Batch
 * @typedef {"node" | "deno" | "bun"} Runtime
 */

/** @type {readonly Runtime[]} */
const runtimes = ["node", "deno", "bun"];

/** The commands that run a source file, or on Node what `tsc` made of it. */
const commands = {
  node: [process.execPath, ".build/tests/conformance/run.js"],
  deno: [
    "node_modules/.bin/deno",
    "run",
    "--quiet",
    "--allow-all",
    "tests/conformance/run.ts",
  ],
  bun: ["node_modules/.bin/bun", "tests/conformance/run.ts"],
};

/** Two batches at a time: most of the time each waits for something. */
const WORKERS = 2;

const built = await run("node_modules/.bin/tsc", ["-b"]);
if (built.code !== 0) {
  console.error(built.output);
  process.exit(1);
}

const versions = {
  node: `Node ${process.versions.node}`,
  deno: `Deno ${await version("node_modules/.bin/deno")}`,
  bun: `Bun ${await version("node_modules/.bin/bun")}`,
};
/** @type {readonly { subject: string, runtime: Runtime, title: string }[]} */
const columns = [
  ...runtimes.map((runtime) => ({
    subject: "sockeye",
    runtime,
    title: `Sockeye, ${versions[runtime]}`,
  })),
  ...runtimes.map((runtime) => ({
    subject: "net",
    runtime,
    title: `node:net, ${versions[runtime]}`,
  })),
  { subject: "deno", runtime: "deno", title: "Deno.listen" },
  { subject: "bun", runtime: "bun", title: "Bun.listen" },
];

/** Those of `tests/conformance/datagrams.ts`. */
const datagramTransports = ["udp", "udp6", "mem"];
/** The transports that runtimes have an API of their own for. */
const controlled = new Set(["tcp", "unix"]);
/** @type {Batch[]} */
const batches = [];
for (const transport of ["tcp", "unix", "fifo", "mem"]) {
  for (const column of columns) {
    if (!controlled.has(transport) && column.subject !== "sockeye") continue;
    batches.push({ ...column, transport, results: new Map() });
  }
}
const cases = await listCases("run");
const datagramCases = await listCases("run_datagrams");
const datagramBatches = datagramTransports.flatMap((transport) =>
  datagramColumns(transport).map((column) => ({
    ...column,
    transport,
    results: new Map(),
  }))
);
const waiting = [
  ...batches.map((batch) => ({
    batch,
    program: "run",
    asked: casesOver(batch.transport, cases),
  })),
  ...datagramBatches.map((batch) => ({
    batch,
    program: "run_datagrams",
    asked: datagramCases,
  })),
];
await Promise.all(Array.from({ length: WORKERS }, work));

const datagrams = { cases: datagramCases, batches: datagramBatches };
const all = [...batches, ...datagramBatches];
writeFileSync(
  "CONFORMANCE.md",
  renderMatrix({ cases, batches, datagrams, versions }),
);
const summaryInReadme = /(<!-- Totals [^>]*-->\n)[^]*?(\n<!-- end -->)/;
writeFileSync(
  "README.md",
  readFileSync("README.md", "utf8").replace(
    summaryInReadme,
    (_, begin, end) => `${begin}\n${summary(all)}${end}`,
  ),
);
await run("node_modules/.bin/deno", [
  ...["fmt", "--quiet", "CONFORMANCE.md", "README.md"],
]);
process.exitCode = summarise() === 0 ? 0 : 1;

async function work() {
  for (let next; (next = waiting.shift()) !== undefined;) {
    const { batch, program, asked } = next;
    const { runtime, subject, transport } = batch;
    const command = commandOf(runtime, program);
    const runner = new CaseRunner([...command, subject, transport]);
    batch.results = await runner.runAll(asked.map(({ id }) => id));
    console.log(`${batch.title} over ${transport}: done`);
  }
}

/**
 * Columns of datagrams: the simulated network is the library's alone.
 *
 * @param {string} transport
 */
function datagramColumns(transport) {
  const controls = runtimes.map((runtime) => ({
    subject: "dgram",
    runtime,
    title: `node:dgram, ${versions[runtime]}`,
  }));
  const ours = columns.filter(({ subject }) => subject === "sockeye");
  return transport === "mem" ? ours : [...ours, ...controls];
}

/**
 * @param {Runtime} runtime
 * @param {string} program
 */
function commandOf(runtime, program) {
  return commands[runtime].map((word) =>
    word.replace(/\/run\./, `/${program}.`)
  );
}

/**
 * Ids and titles, as a runner itself knows them.
 *
 * @param {string} program
 * @returns {Promise<import("./conformance_matrix.mjs").Case[]>}
 */
async function listCases(program) {
  const [command = "", ...args] = commandOf("node", program);
  const { output, code } = await run(command, [...args, "list"]);
  if (code !== 0) throw new Error(output);
  return output.trim().split("\n").map((line) => JSON.parse(line));
}

/** @param {string} command */
async function version(command) {
  const { output } = await run(command, ["--version"]);
  return /\d+\.\d+\.\d+/.exec(output)?.[0] ?? "of an unknown version";
}

/** Prints what this library itself does not hold; gives how many cases. */
function summarise() {
  let bad = 0;
  let good = 0;
  for (const { subject, title, transport, results } of all) {
    if (subject !== "sockeye") continue;
    for (const [id, { verdict, notes }] of results) {
      if (verdict === "pass" || verdict === "gap") good++;
      else {
        bad++;
        console.log(
          `FAILED  ${title}, ${transport}: ${id}: ${notes.join(" ")}`,
        );
      }
    }
  }
  console.log(`${good} passed, ${bad} failed`);
  return bad;
}
