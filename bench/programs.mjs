// Compiling, finding, starting and stopping what the benches measure.
import { spawn, spawnSync } from "node:child_process";
import fs from "node:fs";
import { createRequire } from "node:module";
import path from "node:path";
import process from "node:process";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

const here = path.dirname(fileURLToPath(import.meta.url));
const root = path.dirname(here);
const build = path.join(root, ".build", "bench");

/** What cannot be measured here, and why. */
export class BenchError extends Error {}

// ---- the C programs ----

export function compile() {
  if (process.platform !== "linux") {
    throw new BenchError("The load generator needs Linux (epoll)");
  }
  fs.mkdirSync(build, { recursive: true });
  for (const name of ["load", "echo"]) {
    const source = path.join(here, `${name}.c`);
    // Into a file of its own first: two runs may compile at once.
    const made = path.join(build, `${name}.${process.pid}`);
    const cc = spawnSync("cc", ["-O2", "-Wall", "-o", made, source], {
      stdio: ["ignore", "inherit", "inherit"],
    });
    if (cc.status !== 0) {
      throw new BenchError(`Cannot compile ${source} (is cc installed?)`);
    }
    fs.renameSync(made, path.join(build, name));
  }
}

/** Runs the load generator and gives what it printed. */
export async function load(args, pin) {
  return await run([...pin, path.join(build, "load"), ...args]);
}

/** Runs wrk, the load generator for HTTP: what `wrk.lua` says of it. */
export async function wrk(args) {
  const script = path.join(here, "wrk.lua");
  const { status, stdout } = await run(["wrk", "--script", script, ...args]);
  const result = /^\{.*\}$/m.exec(stdout);
  if (status === 0 && result) return JSON.parse(result[0]);
  throw new BenchError(`wrk failed, status ${status}: ${stdout}`);
}

async function run([program, ...args]) {
  const child = start(program, args);
  let stdout = "";
  child.stdout.on("data", (bytes) => stdout += bytes);
  const status = await new Promise((resolve, reject) => {
    child.once("error", reject);
    child.once("close", resolve);
  });
  return { status, stdout };
}

/** Checks every byte that an echo server gives back; the load's exit status. */
export function checkBytes(address, options) {
  const args = [address, "--exact", "--connections", options.load];
  for (const name of ["kib", "seed", "stall", "timeout"]) {
    if (options[name] !== undefined) args.push(`--${name}`, options[name]);
  }
  const load = spawnSync(path.join(build, "load"), args, { stdio: "inherit" });
  return load.status ?? 2;
}

// ---- the machine ----

/** How to pin the server and the load, where that is possible. */
export function findPins() {
  const pinned = ["0", "1"].every((core) =>
    spawnSync("taskset", ["-c", core, "true"]).status === 0
  );
  return pinned
    ? { server: ["taskset", "-c", "0"], load: ["taskset", "-c", "1"] }
    : { server: [], load: [] };
}

/** What starts each runtime: the binaries themselves, for npm's shim of Deno
 * runs it as a child, which would be neither measured nor stopped. */
export function findRuntimes(node = process.execPath) {
  const libc = process.report?.getReport().header.glibcVersionRuntime
    ? "glibc"
    : "musl";
  const deno = installed(`@deno/linux-${process.arch}-${libc}/deno`) ??
    onPath("deno");
  const bun = installed("bun/bin/bun.exe") ?? onPath("bun");
  return {
    c: [path.join(build, "echo")],
    node: [node],
    ...(deno && { deno: [deno, "run", "--allow-all"] }),
    ...(bun && { bun: [bun] }),
  };
}

function installed(name) {
  try {
    return createRequire(import.meta.url).resolve(name);
  } catch {
    return undefined;
  }
}

function onPath(name) {
  return (process.env.PATH ?? "").split(path.delimiter)
    .map((directory) => path.join(directory, name))
    .find((file) => fs.existsSync(file));
}

// ---- servers ----

/** Starts an echo server, bare or ours. */
export async function startServer({ runtime, command, side, address, pin }) {
  const file = side === "ours" ? "ours" : runtime;
  return await startProgram(`${runtime} ${side}`, [
    ...pin,
    ...command,
    ...(runtime === "c" ? [] : [serverFile(file)]),
    address,
    ...(side === "ours" ? [moduleFor(runtime)] : []),
  ]);
}

/** Starts a server and waits for its line "listening <address> <pid>". */
export async function startProgram(name, [program, ...args]) {
  const child = start(program, args);
  const ended = new Promise((resolve) => {
    child.once("error", resolve);
    child.once("exit", resolve);
  });
  const line = await Promise.race([
    new Promise((resolve) =>
      createInterface({ input: child.stdout }).once("line", resolve)
    ),
    ended.then((why) => {
      throw new BenchError(`${name}: the server did not start (${why})`);
    }),
  ]);
  const [, at, pid] = line.split(" ");
  const stop = async () => {
    child.kill("SIGKILL");
    await ended;
  };
  return { name, address: at, pid, stop };
}

export function serverFile(name) {
  return path.join(here, "servers", `${name}.mjs`);
}

/** Sources where types are stripped; Node takes the build, as its users do. */
export function moduleFor(runtime) {
  const module = path.join(
    root,
    ...(runtime === "node" ? [".build", "mod.js"] : ["mod.ts"]),
  );
  if (fs.existsSync(module)) return module;
  throw new BenchError(`${module} is missing: run "npm run build" first`);
}

const children = new Set();

function start(program, args) {
  const child = spawn(program, args, { stdio: ["ignore", "pipe", "inherit"] });
  children.add(child);
  child.once("exit", () => children.delete(child));
  return child;
}

/** A bench that is stopped from outside takes its servers with it. */
for (const signal of ["SIGINT", "SIGTERM"]) {
  process.once(signal, () => {
    for (const child of children) child.kill("SIGKILL");
    process.kill(process.pid, signal);
  });
}
