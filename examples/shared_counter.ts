/**
 * Memory that threads share, and processes do not.
 *
 *     bun examples/shared_counter.ts [--workers N] [--times N]
 *
 * Each worker adds one to a counter, many times. Reading, adding and writing
 * are three steps, and what another thread wrote in between is lost: so threads
 * lock a mutex around them. A process that runs this file has a memory of its
 * own: its siblings never touch it, and the parent's counter stays at 0.
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

/** Adds one, `times` times. */
function count(shared: Int32Array, times: number, lock?: Mutex): number {
  for (let i = 0; i < times; i++) {
    lock?.lock();
    shared[counter] = shared[counter]! + 1;
    lock?.unlock();
  }
  return shared[counter]!;
}

async function byThreads(workers: number, times: number, locks: boolean) {
  memory.fill(0);
  const workerData = { shared: memory, workers, times, locks };
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
    process.send!(count(memory, Number(child)));
    return;
  }
  if (![workers, times].every((each) => /^[1-9]\d{0,8}$/.test(each))) {
    throw new Error(`Expected numbers from 1 up\nUsage: ${usage}`);
  }
  const [all, each] = [Number(workers), Number(times)];
  const locked = await byThreads(all, each, true);
  console.log(`threads, mutex: ${locked} of ${all * each}`);
  const lossy = await byThreads(all, each, false);
  console.log(`threads, no mutex: ${lossy} of ${all * each}`);
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
  const { shared, workers, times, locks } = workerData;
  meet(shared, arrived, workers);
  count(shared, times, locks ? new Mutex(shared, mutex) : undefined);
}
