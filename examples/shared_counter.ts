/**
 * Memory that threads share, and processes do not.
 *
 *     bun examples/shared_counter.ts [--workers N] [--times N]
 *
 * Each worker adds one to a counter, many times. Reading, adding and writing
 * are three steps, and what another thread wrote in between is lost. So threads
 * lock a mutex around them, or let the processor do all three at once, by
 * `Atomics.add`. A process that runs this file has a memory of its own: its
 * siblings never touch it, and the parent's counter stays at 0.
 */
import { fork } from "node:child_process";
import { once } from "node:events";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { isMainThread, Worker, workerData } from "node:worker_threads";
import { meet, Mutex } from "./_mutex.ts";

const file = fileURLToPath(import.meta.url);
const usage = "shared_counter.ts [--workers N] [--times N]";
const counter = 0, mutex = 1, arrived = 2;

/** Every process that runs this file makes one; threads are handed the parent's. */
const memory = new Int32Array(new SharedArrayBuffer(12));

/** What threads do about each other. */
type Way = "mutex" | "Atomics.add" | "nothing";

/** Adds one, `times` times. */
function count(shared: Int32Array, times: number, way: Way): number {
  const lock = way === "mutex" ? new Mutex(shared, mutex) : undefined;
  for (let i = 0; i < times; i++) {
    lock?.lock();
    if (way === "Atomics.add") Atomics.add(shared, counter, 1);
    else shared[counter] = shared[counter]! + 1;
    lock?.unlock();
  }
  return shared[counter]!;
}

async function byThreads(workers: number, times: number, way: Way) {
  memory.fill(0);
  const workerData = { shared: memory, workers, times, way };
  await Promise.all(Array.from({ length: workers }, async () => {
    const [status] = await once(new Worker(file, { workerData }), "exit");
    if (status !== 0) throw new Error(`A thread ended with status ${status}`);
  }));
  return memory[counter]!;
}

async function byProcesses(workers: number, times: number) {
  memory.fill(0);
  return await Promise.all(Array.from({ length: workers }, async () => {
    const child = fork(file, ["--child", `${times}`]);
    const ended = once(child, "exit");
    const [result] = await once(child, "message");
    if (child.connected) child.disconnect();
    await ended;
    return Number(result);
  }));
}

async function main(): Promise<void> {
  const type = "string";
  const { values } = parseArgs({
    options: { workers: { type }, times: { type }, child: { type } },
  });
  const { workers = "4", times = "500000", child } = values;
  if (child !== undefined) {
    process.send!(count(memory, Number(child), "nothing"));
    return;
  }
  if (![workers, times].every((each) => /^[1-9]\d{0,8}$/.test(each))) {
    throw new Error(`Expected numbers from 1 up\nUsage: ${usage}`);
  }
  const [all, each] = [Number(workers), Number(times)];
  for (const way of ["mutex", "Atomics.add", "nothing"] as const) {
    const counted = await byThreads(all, each, way);
    console.log(`threads, ${way}: ${counted} of ${all * each}`);
  }
  const own = await byProcesses(all, each);
  console.log(
    `processes: ${own.join(" ")}, the parent's is ${memory[counter]}`,
  );
}

if (isMainThread) {
  await main().catch((error) => {
    console.error(error.message);
    process.exitCode = 2;
  });
} else {
  const { shared, workers, times, way } = workerData;
  meet(shared, arrived, workers);
  count(shared, times, way);
}
