// Our echo server beside a bare one on the same runtime, in one run.
//
//   node bench/loopback.mjs [options]
//     --runtime c,node,deno,bun   default: those that are installed
//     --transport tcp,unix        default: tcp
//     --shape small,bulk,stream   default: all
//     --rounds N                  default: 5
//     --seconds S --warmup S      of each measurement; default: 1 and 0.5
//     --only bare|ours            default: both
//     --verify                    compare every byte, at the cost of speed
//     --node PATH                 another Node
//     --json                      the result as one JSON document
//   node bench/loopback.mjs --load CONNECTIONS ADDRESS [--kib N] [--seed N]
//     [--stall MS] [--timeout S]  byte-exact check of any echo server; status
//                                 1 if a byte is wrong, missing or too many
//
// Each measurement starts a server of its own, pinned to one core, with the
// load generator on another; bare and ours take turns, so that what else the
// machine does falls on both. `c` is the control, an echo server in C by epoll:
// where a runtime's figures come near to it, the load generator is the limit,
// and the share of its core that it used says so. On a busy machine the
// processor time for each message (`cpu`) is the steadier figure of the two.
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import process from "node:process";
import { parseArgs } from "node:util";
import {
  BenchError,
  checkBytes,
  compile,
  findPins,
  findRuntimes,
  load,
  startServer,
} from "./programs.mjs";

const shapes = {
  small: { title: "64 × 64 B", args: ["--connections", "64", "--size", "64"] },
  bulk: {
    title: "1 × 64 KiB",
    args: ["--connections", "1", "--size", "65536"],
  },
  stream: {
    title: "1 × 64 KiB, 8 under way",
    args: ["--connections", "1", "--size", "65536", "--depth", "8"],
  },
};
const widths = [29, 9, 26, 26, 7, 6, 11, 11];

main().catch((error) => {
  const ours = error instanceof BenchError ||
    String(error.code).startsWith("ERR_PARSE_ARGS");
  console.error(ours ? error.message : error);
  process.exitCode = 2;
});

async function main() {
  const options = readOptions();
  compile();
  if (options.load !== undefined) {
    const [address] = options.positionals;
    if (address === undefined) throw new BenchError("--load needs an ADDRESS");
    process.exitCode = checkBytes(address, options);
    return;
  }
  const pins = findPins();
  const directory = fs.mkdtempSync(path.join(os.tmpdir(), "bench-"));
  try {
    const rows = [];
    if (!options.json) printHead(options, pins);
    for (const transport of options.transport) {
      for (const shape of options.shape) {
        for (const runtime of options.runtime) {
          const row = await compare(runtime, transport, shape, {
            ...options,
            pins,
            directory,
          });
          rows.push(row);
          if (!options.json) printRow(row);
        }
      }
    }
    if (options.json) console.log(JSON.stringify(report(options, pins, rows)));
  } finally {
    fs.rmSync(directory, { recursive: true, force: true });
  }
}

// ---- options ----

function readOptions() {
  const text = { type: "string" };
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      runtime: text,
      transport: text,
      shape: text,
      rounds: text,
      seconds: text,
      warmup: text,
      only: text,
      node: text,
      load: text,
      kib: text,
      seed: text,
      stall: text,
      timeout: text,
      verify: { type: "boolean", default: false },
      json: { type: "boolean", default: false },
    },
  });
  const runtimes = findRuntimes(values.node);
  const rounds = Number(values.rounds ?? 5);
  if (!Number.isInteger(rounds) || rounds < 1) {
    throw new BenchError("--rounds takes a whole number from 1");
  }
  return {
    ...values,
    positionals,
    runtimes,
    rounds,
    seconds: values.seconds ?? "1",
    warmup: values.warmup ?? "0.5",
    runtime: choose("--runtime", values.runtime, Object.keys(runtimes)),
    transport: choose("--transport", values.transport ?? "tcp", [
      "tcp",
      "unix",
    ]),
    shape: choose("--shape", values.shape, Object.keys(shapes)),
    sides: choose("--only", values.only, ["bare", "ours"]),
  };
}

function choose(name, text, known) {
  const chosen = text === undefined ? known : text.split(",");
  for (const each of chosen) {
    if (!known.includes(each)) {
      throw new BenchError(`${name} takes some of ${known.join(", ")}`);
    }
  }
  return chosen;
}

// ---- measuring ----

/** Rounds of bare, ours, bare, ours… */
async function compare(runtime, transport, shape, options) {
  const sides = runtime === "c" ? ["bare"] : options.sides;
  const samples = Object.fromEntries(sides.map((side) => [side, []]));
  for (let round = 0; round < options.rounds; round++) {
    for (const side of sides) {
      samples[side].push(
        await measure(runtime, side, transport, shape, options),
      );
    }
  }
  const row = { runtime, transport, shape, unit: unitOf(shape) };
  for (const side of sides) row[side] = summarise(samples[side], row.unit);
  if (row.bare && row.ours) {
    row.ratio = row.ours.median / row.bare.median;
    row.within15Percent = row.ratio >= 0.85;
    row.cpuRatio = row.ours.serverUsPerMessage / row.bare.serverUsPerMessage;
  }
  return row;
}

function unitOf(shape) {
  return shape === "small" ? "msgsPerSecond" : "mbPerSecond";
}

function summarise(samples, unit) {
  const of = (name) => samples.map((sample) => sample[name]);
  return {
    median: median(of(unit)),
    min: Math.min(...of(unit)),
    max: Math.max(...of(unit)),
    p50us: median(of("p50us")),
    p99us: median(of("p99us")),
    loadCpu: median(of("loadCpu")),
    serverCpu: median(of("serverCpu")),
    serverUsPerMessage: median(of("serverUsPerMessage")),
    samples,
  };
}

function median(numbers) {
  const sorted = [...numbers].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1
    ? sorted[middle]
    : (sorted[middle - 1] + sorted[middle]) / 2;
}

/** One server's life, and the load on it. */
async function measure(runtime, side, transport, shape, options) {
  const file = path.join(options.directory, `${runtime}-${side}`);
  const server = await startServer({
    runtime,
    side,
    command: options.runtimes[runtime],
    address: transport === "tcp" ? "tcp://127.0.0.1:0" : `unix:${file}`,
    pin: options.pins.server,
  });
  try {
    const args = [server.address, "--pid", server.pid, ...shapes[shape].args];
    args.push("--seconds", options.seconds, "--warmup", options.warmup);
    if (options.verify) args.push("--verify");
    const { status, stdout } = await load(args, options.pins.load);
    if (status !== 0) {
      throw new BenchError(`${server.name}: the load failed, status ${status}`);
    }
    return JSON.parse(stdout);
  } finally {
    await server.stop();
    fs.rmSync(file, { force: true });
  }
}

// ---- printing ----

function printLine(cells) {
  console.log(
    cells.map((cell, i) => String(cell).padEnd(widths[i])).join("").trimEnd(),
  );
}

function printHead(options, pins) {
  const { rounds, seconds, warmup } = options;
  console.log(
    `Echo on loopback, ${rounds} rounds of ${seconds} s after ${warmup} s: ` +
      `median [min–max], bare and ours in turn`,
  );
  console.log(
    pins.server.length > 0
      ? "Server pinned to core 0, load to core 1"
      : "Nothing pinned (no taskset, or one core)",
  );
  console.log(
    "ratio: ours / bare. cpu: processor time for each message, ours / bare. " +
      "load: share of its core that the load generator used\n",
  );
  printLine([
    "shape",
    "runtime",
    "bare",
    "ours",
    "ratio",
    "cpu",
    "load",
    "within 15 %",
  ]);
}

function printRow(row) {
  const { title } = shapes[row.shape];
  const used = [row.bare, row.ours].filter(Boolean)
    .map((side) => side.loadCpu.toFixed(2));
  printLine([
    row.transport === "unix" ? `${title} unix` : title,
    row.runtime,
    row.bare ? spread(row.bare, row.unit) : "–",
    row.ours ? spread(row.ours, row.unit) : "–",
    row.ratio?.toFixed(2) ?? "–",
    row.cpuRatio?.toFixed(2) ?? "–",
    used.join(" "),
    row.ratio === undefined ? "–" : row.within15Percent ? "yes" : "NO",
  ]);
}

function spread({ median, min, max }, unit) {
  const [divisor, name] = unit === "msgsPerSecond"
    ? [1000, "k/s"]
    : [1, "MB/s"];
  const show = (value) => (value / divisor).toFixed(divisor === 1 ? 0 : 1);
  return `${show(median)} [${show(min)}–${show(max)}] ${name}`;
}

function report(options, pins, rows) {
  return {
    rounds: options.rounds,
    seconds: Number(options.seconds),
    warmup: Number(options.warmup),
    verified: options.verify,
    pinned: pins.server.length > 0,
    machine: { cpus: os.cpus().length, kernel: os.release() },
    rows,
  };
}
