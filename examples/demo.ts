/**
 * The classic demonstration: one poll server on a Unix socket and on TCP at
 * once; on each, a client that connects and sleeps, and two that send five
 * bytes and get five asterisks. Nobody waits for the sleepers.
 *
 *     deno task demo
 *
 * Every program is a process of its own. `--server` and `--clients` name what
 * they run on, as a JSON array of a command; both default to this runtime.
 */
import { mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { parseArgs } from "node:util";
import { type Process, start, thisRuntime } from "./_processes.ts";
import { forgetSignals, messageOf, whenStopped } from "./_program.ts";

const processes: Process[] = [];
const stopAll = (): void => processes.forEach((each) => each.stop());
const directory = await mkdtemp(join(tmpdir(), "sockeye-demo-"));
whenStopped(stopAll);
try {
  if (!await demonstrate()) process.exitCode = 1;
} catch (error) {
  console.error(messageOf(error));
  process.exitCode = 1;
} finally {
  stopAll();
  await Promise.allSettled(processes.map(({ status }) => status));
  await rm(directory, { recursive: true, force: true });
  forgetSignals();
}

/** Gives whether all went as it should. */
async function demonstrate(): Promise<boolean> {
  const { values } = parseArgs({
    options: { server: { type: "string" }, clients: { type: "string" } },
  });
  const serverRuntime = JSON.parse(values.server ?? "null") ?? thisRuntime;
  const clientRuntime = JSON.parse(values.clients ?? "null") ?? thisRuntime;
  const run = (...args: Parameters<typeof start>): Process => {
    processes.push(start(...args));
    return processes.at(-1)!;
  };

  const at = [`unix:${join(directory, "star.sock")}`, "tcp://:0"];
  const idleExit = ["--idle-exit", "1000"];
  const server = run("server", serverRuntime, "star_poll", ...at, ...idleExit);
  const listening = await server.said("listening ", at.length);
  const addresses = listening.map((line) => line.slice("listening ".length));
  const client = (address: string, name: string, ...args: string[]) => {
    const title = `${address.split(":")[0]} ${name}`;
    return run(title, clientRuntime, "star_client", address, ...args);
  };

  const sleepers = addresses.map((address) =>
    client(address, "sleeper", "--sleep", "10000")
  );
  for (const sleeper of sleepers) await sleeper.said("sleeping", 1);
  const clients = addresses.flatMap((address) => [
    client(address, "client 1"),
    client(address, "client 2"),
  ]);
  await Promise.all(clients.map(({ status }) => status));
  for (const sleeper of sleepers) sleeper.stop();
  await Promise.all(processes.map(({ status }) => status));

  const answered = clients.filter(({ lines }) => lines.includes("got *****"));
  const left = await readdir(directory);
  console.log(
    `summary: ${server.lines.at(-1)}, ` +
      `${answered.length} clients answered in full, files left: ${left.length}`,
  );
  return answered.length === clients.length && left.length === 0 &&
    await server.status === 0;
}
