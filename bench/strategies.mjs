// The strategies of `serve` beside each other, in one run: docs/strategies.md.
//
//   node bench/strategies.mjs [options]
//     --runtime node,deno,bun    default: those that are installed
//     --strategy loop,process,prefork,workers   default: all
//     --rounds N                 default: 3
//     --seconds S                of each measurement; default: 1
//     --node PATH                another Node
//     --note TEXT                what else the machine did, for the record
//     --json                     the result as one JSON document
//     --write                    into docs/strategies.json, and the table and
//                                the picture that are made from it
//
// In each round every strategy has a server of its own, one after the other, so
// that what else the machine does falls on all. The load is wrk, on the same
// processors as the server. Memory is PSS, what all processes of a server hold
// and a fair share of what they share: RSS counts the runtime itself once for
// each process. Linux only.
import fs from "node:fs";
import net from "node:net";
import os from "node:os";
import process from "node:process";
import { spawnSync } from "node:child_process";
import { parseArgs } from "node:util";
import {
  BenchError,
  findRuntimes,
  moduleFor,
  serverFile,
  startProgram,
  wrk,
} from "./programs.mjs";
import { measures, summarise, write } from "./strategies_docs.mjs";

const strategies = ["loop", "process", "prefork", "workers"];
/** Connections that are opened to see what one costs. */
const idle = { loop: 4000, process: 16, prefork: 4000, workers: 4000 };

main().catch((error) => {
  const ours = error instanceof BenchError ||
    String(error.code).startsWith("ERR_PARSE_ARGS");
  console.error(ours ? error.message : error);
  process.exitCode = 2;
});

async function main() {
  const options = readOptions();
  if (process.platform !== "linux") throw new BenchError("Memory needs Linux");
  if (spawnSync("wrk", ["--version"]).error) {
    throw new BenchError("wrk is missing (Debian: apt-get install wrk)");
  }
  const samples = new Map();
  for (let round = 1; round <= options.rounds; round++) {
    for (const runtime of options.runtime) {
      for (const strategy of options.strategy) {
        const key = `${runtime} ${strategy}`;
        const sample = await measure(runtime, strategy, options);
        if (!samples.has(key)) samples.set(key, []);
        samples.get(key).push(sample);
        if (!options.json) print(round, key, sample);
      }
    }
  }
  const result = report(options, samples);
  if (options.json) console.log(JSON.stringify(result, null, 2));
  if (options.write) write(result);
}

function readOptions() {
  const text = { type: "string" }, flag = { type: "boolean", default: false };
  const { values } = parseArgs({
    options: {
      runtime: text,
      strategy: text,
      rounds: text,
      seconds: text,
      node: text,
      note: text,
      json: flag,
      write: flag,
    },
  });
  const { c: _, ...runtimes } = findRuntimes(values.node);
  const rounds = Number(values.rounds ?? 3);
  const seconds = Number(values.seconds ?? 1);
  if (!(Number.isInteger(rounds) && rounds > 0 && Number.isInteger(seconds))) {
    throw new BenchError("--rounds and --seconds take whole numbers from 1");
  }
  return {
    ...values,
    runtimes,
    rounds,
    seconds,
    runtime: choose("--runtime", values.runtime, Object.keys(runtimes)),
    strategy: choose("--strategy", values.strategy, strategies),
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

/** One server's life, and the loads on it. */
async function measure(runtime, strategy, { runtimes, seconds }) {
  const name = `${runtime} ${strategy}`;
  const server = await startProgram(name, [
    ...runtimes[runtime],
    serverFile("strategies"),
    strategy,
    moduleFor(runtime),
  ]);
  try {
    const memory = await measureMemory(server, idle[strategy]);
    const members = familyOf(server.pid).length;
    const load = async (connections, path, ...options) => {
      const result = await ask(server, connections, path, seconds, options);
      await calm(server, members);
      return result;
    };
    const connections = await load(8, "/", ...each);
    const work = await load(8, "/work");
    const quiet = await load(1, "/", ...each);
    if (quiet.requests === 0) {
      throw new BenchError(`${name}: nobody is answered, try more --seconds`);
    }
    const beside = await besideStuck(server, seconds);
    return {
      ...memory,
      connectionsPerSecond: perSecond(connections),
      worksPerSecond: perSecond(work),
      quietMs: quiet.p50us / 1000,
      // Null where nobody was answered.
      besideMs: beside.requests > 0 ? beside.p50us / 1000 : null,
      besideP99Ms: beside.requests > 0 ? beside.p99us / 1000 : null,
    };
  } finally {
    const group = familyOf(server.pid);
    await server.stop();
    await until(
      `${name}: all have gone`,
      () => !group.some((pid) => read(`/proc/${pid}/status`)),
    );
  }
}

/** A connection for each request. */
const each = ["--header", "Connection: close"];

async function ask(server, connections, path, seconds, options) {
  const result = await wrk([
    ...["--threads", "1", "--connections", String(connections)],
    ...["--duration", `${seconds}s`, "--timeout", "10s", ...options],
    server.address.replace("tcp:", "http:") + path,
  ]);
  if (result.failed + result.wrong === 0) return result;
  throw new BenchError(`${server.name}: ${path}: ${JSON.stringify(result)}`);
}

/** One client that asks, while the handler of another never returns. */
async function besideStuck(server, seconds) {
  const stuck = await connectTo(server);
  stuck.write("GET /stuck HTTP/1.1\r\n\r\n");
  await pause(100); // until it has got stuck
  const result = await ask(server, 1, "/", seconds, each);
  stuck.destroy();
  return result;
}

/** Those whom wrk left behind may still wait for a child of their own. */
async function calm(server, members) {
  await until(
    `${server.name}: no child is left`,
    () => familyOf(server.pid).length <= members,
  );
}

function perSecond({ requests, us }) {
  return requests / us * 1e6;
}

/** What the server holds when nobody is there, MiB, and for each that is, KiB. */
async function measureMemory(server, count) {
  const before = await settled(server.pid);
  const sockets = [];
  for (let i = 0; i < count; i++) {
    const socket = await connectTo(server);
    sockets.push(socket);
    socket.write("GET / HTTP/1.1\r\n\r\n");
    if (i % 100 === 99) {
      await Promise.all(sockets.slice(-100).map(({ answer }) => answer));
    }
  }
  await Promise.all(sockets.map(({ answer }) => answer));
  const after = await settled(server.pid);
  for (const socket of sockets) socket.end();
  await Promise.all(sockets.map((socket) => socket.over));
  await settled(server.pid);
  return {
    restMib: before / 1024,
    perConnectionKib: (after - before) / count,
  };
}

function connectTo(server) {
  const { hostname, port } = new URL(server.address);
  return new Promise((resolve, reject) => {
    const socket = net.connect(Number(port), hostname);
    socket.once("connect", () => resolve(socket)).once("error", reject);
    socket.over = new Promise((done) => socket.once("close", done));
    socket.answer = new Promise((done) => socket.once("data", done));
  });
}

/** Memory once it has stopped changing: children start, garbage is collected. */
async function settled(pid) {
  let last = memoryOf(pid);
  for (let calm = 0, looks = 0; calm < 3 && looks < 40; looks++) {
    await pause(100);
    const now = memoryOf(pid);
    calm = Math.abs(now - last) < 256 ? calm + 1 : 0;
    last = now;
  }
  return last;
}

/** PSS of a process and of all below it, KiB; see proc(5), smaps_rollup. */
function memoryOf(pid) {
  return familyOf(pid).reduce((sum, each) => {
    const text = read(`/proc/${each}/smaps_rollup`);
    return sum + Number(/^Pss:\s+(\d+)/m.exec(text)?.[1] ?? 0);
  }, 0);
}

/** A process, its children, and theirs. */
function familyOf(pid) {
  const parents = new Map();
  for (const name of fs.readdirSync("/proc")) {
    const text = /^\d+$/.test(name) ? read(`/proc/${name}/status`) : "";
    const parent = /^PPid:\s+(\d+)/m.exec(text)?.[1];
    if (parent !== undefined) parents.set(Number(name), Number(parent));
  }
  const family = [Number(pid)];
  for (const member of family) {
    for (const [child, parent] of parents) {
      if (parent === member) family.push(child);
    }
  }
  return family;
}

function read(file) {
  try {
    return fs.readFileSync(file, "utf8");
  } catch {
    return ""; // it has just ended
  }
}

async function until(what, holds) {
  for (let looks = 0; !holds(); looks++) {
    if (looks === 400) throw new BenchError(`Not within 20 s: ${what}`);
    await pause(50);
  }
}

function pause(ms) {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

// ---- the result ----

function report(options, samples) {
  const rows = [];
  for (const [key, all] of samples) {
    const [runtime, strategy] = key.split(" ");
    const loops = samples.get(`${runtime} loop`) ?? [];
    all.forEach((sample, i) => {
      // Of the same round: what else the machine did fell on both.
      const alone = loops[i]?.worksPerSecond;
      sample.cores = alone === undefined ? null : sample.worksPerSecond / alone;
    });
    const measured = Object.fromEntries(measures.map(({ name }) => [
      name,
      summarise(all.map((sample) => sample[name])),
    ]));
    rows.push({ runtime: versionOf(runtime, options), strategy, measured });
  }
  return {
    generatedBy: "npm run bench -- strategies --write",
    rounds: options.rounds,
    seconds: options.seconds,
    machine: {
      processors: os.cpus().length,
      model: os.cpus()[0]?.model ?? "unknown",
      kernel: os.release(),
      load: os.loadavg().map((load) => Number(load.toFixed(1))),
      note: options.note ?? "",
    },
    idleConnections: idle,
    rows,
  };
}

function versionOf(runtime, { runtimes }) {
  const [program] = runtimes[runtime];
  const { stdout } = spawnSync(program, ["--version"], { encoding: "utf8" });
  const [version] = /\d+\.\d+\.\d+/.exec(stdout) ?? [""];
  return `${runtime[0].toUpperCase()}${runtime.slice(1)} ${version}`;
}

function print(round, key, sample) {
  const parts = measures.map(({ name, column, show, none = "–" }) =>
    `${typeof sample[name] === "number" ? show(sample[name]) : none} ${column}`
  );
  console.log(`${round}  ${key.padEnd(13)}  ${parts.join("; ")}`);
}
